package source_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
)

// A named pipe in a folder neither blocks nor is it a sample; one that is
// given as a source is read.
func TestPipes(t *testing.T) {
	root := tree(t, map[string]string{"a/1.png": "one"})
	pipe := filepath.Join(root, "a/2.png")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	samples, err := read(t, nil, root)
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, "a/1.png|a||||one", "a/2.png|a||||BAD no regular file but a named pipe")

	go func() { os.WriteFile(pipe, []byte("text,label\nhello,x\n"), 0) }()
	if samples, err = read(t, &source.Options{Format: "csv"}, pipe); err != nil {
		t.Fatal(err)
	}
	check(t, samples, "2#1|x||||hello")
}
