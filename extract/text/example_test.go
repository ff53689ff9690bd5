package text_test

import (
	"fmt"
	"log"

	"github.com/headstart-ml/headstart/extract/text"
)

const miniLM = "../../models/builtin/all-minilm-l6-v2/tokenizer.json"

// The token ids of a text, by the tokenizer.json of a model.
func Example() {
	t, err := text.Open(miniLM, nil)
	if err != nil {
		log.Fatal(err)
	}
	ids, err := t.AppendIDs(nil, "Déjà vu: a grinning face")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ids)
	fmt.Println(t.Decode(ids, true))
	// Output:
	// [101 2139 3900 24728 1024 1037 11478 2227 102]
	// deja vu : a grinning face
}

// Where in the text each token is.
func ExampleTokenizer_Encode() {
	t, err := text.Open(miniLM, &text.Options{NoPadding: true})
	if err != nil {
		log.Fatal(err)
	}
	const s = "Déjà vu: tokenizers"
	e, err := t.Encode(s)
	if err != nil {
		log.Fatal(err)
	}
	for i, o := range e.Offsets {
		fmt.Printf("%5d %-6s %q\n", e.IDs[i], e.Tokens[i], s[o.Start:o.End])
	}
	// Output:
	//   101 [CLS]  ""
	//  2139 de     "Dé"
	//  3900 ##ja   "jà"
	// 24728 vu     "vu"
	//  1024 :      ":"
	// 19204 token  "token"
	// 17629 ##izer "izer"
	//  2015 ##s    "s"
	//   102 [SEP]  ""
}

// Two texts at once, for a model that compares them.
func ExampleTokenizer_EncodePair() {
	t, err := text.Open(miniLM, &text.Options{NoPadding: true, Truncation: &text.Truncation{MaxLen: 10}})
	if err != nil {
		log.Fatal(err)
	}
	e, err := t.EncodePair("Where is the cat?", "It sleeps on the mat.")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Tokens)
	fmt.Println(e.TypeIDs)
	fmt.Println(e.Cut)
	// Output:
	// [[CLS] where is the [SEP] it sleeps on the [SEP]]
	// [0 0 0 0 0 1 1 1 1 1]
	// true
}

// A batch of which all rows are as long as the longest.
func ExampleTokenizer_EncodeBatch() {
	t, err := text.Open(miniLM, nil)
	if err != nil {
		log.Fatal(err)
	}
	padding := t.Padding()
	padding.Length = 0 // of the longest; the file says 128
	if t, err = t.With(&text.Options{Padding: &padding}); err != nil {
		log.Fatal(err)
	}
	batch, err := t.EncodeBatch([]string{"a cat", "two cats on a mat"})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range batch {
		fmt.Println(e.IDs, e.Mask)
	}
	// Output:
	// [101 1037 4937 102 0 0 0] [1 1 1 1 0 0 0]
	// [101 2048 8870 2006 1037 13523 102] [1 1 1 1 1 1 1]
}

// How many tokens a text has, whatever is cut off of it.
func ExampleTokenizer_Count() {
	t, err := text.Open(miniLM, nil)
	if err != nil {
		log.Fatal(err)
	}
	n, err := t.Count("How long is this?")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(n, "tokens, the special ones included, of", t.VocabSize(), "that there are")
	id, ok := t.ID("[SEP]")
	fmt.Println(id, ok)
	token, ok := t.Token(102)
	fmt.Println(token, ok)
	// Output:
	// 7 tokens, the special ones included, of 30522 that there are
	// 102 true
	// [SEP] true
}

// The terms of a text, for a matrix of how often which are in which.
func ExampleBag() {
	fmt.Println(text.AppendWords(nil, "The cat, the hat – and a mouse"))
	bag := text.Bag{Columns: 1000}
	fmt.Println(bag.AppendTerms(nil, "the cat and the hat"))
	// Output:
	// [the cat the hat and mouse]
	// [{119 1} {251 1} {307 1} {424 1} {489 1} {597 1} {784 1} {793 2}]
}
