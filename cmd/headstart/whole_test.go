package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// texts writes a table of so many texts of two classes.
func (p *place) texts(path string, n int) {
	p.t.Helper()
	var b strings.Builder
	b.WriteString("id,text,label\n")
	for i := range n {
		b.WriteString(strings.NewReplacer("?", string(rune('a'+i))).Replace("dog-?,a dog called ?,dog\nfruit-?,? ripe fruits,fruit\n"))
	}
	p.put(path, []byte(b.String()))
}

// TestWrittenFilesHonourTheUmask has each kind of file written where the group
// may read and nobody else.
func TestWrittenFilesHonourTheUmask(t *testing.T) {
	p := newPlace(t)
	p.texts("texts.csv", 8)
	p.put("texts.csv", append(p.read("texts.csv"), "bad,,dog\n"...)) // no text
	defer syscall.Umask(syscall.Umask(0o027))
	p.do(t, "extract --max-bad 50% --out t.features texts.csv")
	p.do(t, "train-head t.features --l2 1 --cv 2 --report t.html")
	p.do(t, "predict t.head.onnx t.features --out t.predictions.csv")
	p.do(t, "cache export t.features --out t.npy")
	p.do(t, "export t.head.onnx --out model")
	for path, want := range map[string]fs.FileMode{
		"t.features": 0o640, "t.quarantine.jsonl": 0o640, "t.head.onnx": 0o640, "t.html": 0o640, "t.predictions.csv": 0o640,
		"t.npy": 0o640, "t.labels.csv": 0o640, "model": 0o750, "model/onnx/model.onnx": 0o640,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != want {
			t.Errorf("%s: %v, not %v", path, info.Mode().Perm(), want)
		}
	}
	if left, _ := filepath.Glob(".*"); len(left) > 0 {
		t.Errorf("drafts are left: %v", left)
	}
}
