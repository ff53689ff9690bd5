package text_test

import (
	"fmt"
	"log"
	"os"

	"github.com/headstart-ml/headstart/extract/text"
)

// The token ids of a text, by the tokenizer.json of a model.
func Example() {
	tokenizer, err := os.ReadFile("../../models/builtin/all-minilm-l6-v2/tokenizer.json")
	if err != nil {
		log.Fatal(err)
	}
	t, err := text.New(tokenizer, &text.Options{Truncation: &text.Truncation{MaxLen: 256}})
	if err != nil {
		log.Fatal(err)
	}
	ids, err := t.AppendIDs(nil, "Déjà vu: a grinning face")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ids)
	fmt.Println(t.AppendTypeIDs(nil, len(ids)))
	fmt.Println(t.PadID())
	// Output:
	// [101 2139 3900 24728 1024 1037 11478 2227 102]
	// [0 0 0 0 0 0 0 0 0]
	// 0
}
