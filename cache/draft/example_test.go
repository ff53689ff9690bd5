package draft_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/headstart-ml/headstart/cache/draft"
)

func ExampleWrite() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "report.html")
	if err := draft.Write(path, []byte("<p>Done.")); err != nil {
		fmt.Printf("%s: %v\n", path, err)
		return
	}
	content, err := draft.ReadRegular(path)
	fmt.Printf("%s %v\n", content, err)
	// Output: <p>Done. <nil>
}

func ExampleFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	f, err := draft.Create(filepath.Join(dir, "rows.csv"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Discard() // does nothing after Place
	for i := range 3 {
		fmt.Fprintf(f, "%d,%d\n", i, i*i) // Place returns the error, if there is one
	}
	fmt.Println(f.Place())
	content, _ := draft.ReadRegular(filepath.Join(dir, "rows.csv"))
	fmt.Printf("%s", content)
	// Output:
	// <nil>
	// 0,0
	// 1,1
	// 2,4
}
