package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
)

// A named pipe in a folder neither blocks nor is it a sample; one that is
// given as a source is read, unless it was recorded by an earlier run: nobody
// need be there who writes into it.
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

	_, err = read(t, &source.Options{Format: "csv", Recorded: true}, pipe)
	if err == nil || !strings.Contains(err.Error(), pipe+": no regular file but a named pipe") {
		t.Errorf("recorded: %v", err)
	}

	go func() { os.WriteFile(pipe, []byte("text,label\nhello,x\n"), 0) }()
	if samples, err = read(t, &source.Options{Format: "csv"}, pipe); err != nil {
		t.Fatal(err)
	}
	check(t, samples, "2#1|x||||hello")
}
