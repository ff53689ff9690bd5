package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNothingWaitsForAFIFO puts a FIFO that nobody writes into where each kind
// of file is read: by its name on the command line, and by one that a head or a
// feature set has recorded.
func TestNothingWaitsForAFIFO(t *testing.T) {
	backbone, err := filepath.Abs("testdata/backbones/distilbert")
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	if err := os.CopyFS("tiny", os.DirFS(backbone)); err != nil {
		t.Fatal(err)
	}
	p.texts("texts.csv", 8)
	p.texts("gone.csv", 8)
	p.do(t, "extract --backbone ./tiny --out t.features texts.csv")
	p.do(t, "extract --backbone ./tiny --out gone.features gone.csv")
	p.do(t, "train-head t.features --l2 1 --cv 2")
	fifo := func(path string) {
		t.Helper()
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"x.head.onnx", "x.features", "lib.so", "weights.json", "gone.csv"} {
		fifo(name)
	}
	for _, file := range []string{"model.onnx", "tokenizer.json", "config.json"} {
		if err := os.CopyFS("no-"+file, os.DirFS("tiny")); err != nil {
			t.Fatal(err)
		}
		fifo(filepath.Join("no-"+file, file))
	}
	for _, c := range []struct {
		line, runtime string
		says          []string
	}{
		{line: "inspect x.head.onnx", says: []string{"x.head.onnx", "not a head file", "a FIFO"}},
		{line: "evaluate x.head.onnx t.features", says: []string{"x.head.onnx", "a FIFO"}},
		{line: "predict x.head.onnx texts.csv", says: []string{"x.head.onnx", "a FIFO"}},
		{line: "export x.head.onnx --out folder", says: []string{"x.head.onnx", "a FIFO"}},
		{line: "train-head x.features", says: []string{"x.features", "no feature set"}},
		{line: "evaluate t.head.onnx x.features", says: []string{"x.features", "no feature set"}},
		{line: "predict t.head.onnx x.features", says: []string{"x.features", "no feature set"}},
		{line: "cache export x.features --out x.npy", says: []string{"x.features", "no feature set"}},
		{line: "cache verify x.features", says: []string{"x.features", "no feature set"}},
		{line: "train-head t.features --class-weight weights.json", says: []string{"weights.json", "a FIFO"}},
		{line: "extract --runtime lib.so --cache fresh --backbone ./tiny texts.csv", says: []string{"lib.so (--runtime)", "a FIFO"}},
		{line: "extract --cache fresh --backbone ./tiny texts.csv", runtime: "lib.so", says: []string{"lib.so (HEADSTART_RUNTIME)", "a FIFO"}},
		{line: "extract --backbone no-model.onnx texts.csv", says: []string{"model.onnx", "a FIFO"}},
		{line: "extract --backbone no-model.onnx/model.onnx texts.csv", says: []string{"model.onnx", "a FIFO"}},
		{line: "extract --backbone no-tokenizer.json texts.csv", says: []string{"tokenizer.json", "a FIFO"}},
		{line: "inspect no-config.json", says: []string{"config.json", "a FIFO"}},
		{line: "models show no-model.onnx", says: []string{"model.onnx", "a FIFO"}},
		{line: "cache stat --cache lib.so", says: []string{"lib.so", "not a directory"}},
		{line: "cache merge lib.so other", says: []string{"lib.so", "not a directory"}},
		{line: "cache merge other lib.so", says: []string{"other"}},
		{line: "train-head t.features --cache lib.so", says: []string{"lib.so", "not a directory"}},
		{line: "extract --root lib.so --image text texts.csv", says: []string{"lib.so", "not a directory"}},
		{line: "export t.head.onnx --out lib.so", says: []string{"lib.so", "not a directory"}},
		{line: "cache verify gone.features --recompute 4", says: []string{"gone.csv", "named pipe"}},
		{line: "train-head gone.features --tail last:1 --split train=0.5,validation=0.25,test=0.25", says: []string{"gone.csv", "named pipe"}},
		{line: "predict t.head.onnx texts.csv", says: []string{"tiny/model.onnx", "a FIFO"}}, // its backbone, in the end
	} {
		if c.line == "predict t.head.onnx texts.csv" {
			fifo("tiny/model.onnx")
		}
		library := os.Getenv("HEADSTART_RUNTIME")
		if c.runtime != "" {
			t.Setenv("HEADSTART_RUNTIME", c.runtime)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			code, stdout, stderr := p.try(t, c.line)
			if code != exitFailed && code != exitUsage {
				t.Errorf("headstart %s: exit %d: %s%s", c.line, code, stdout, stderr)
			}
			for _, part := range c.says {
				if !strings.Contains(stderr, part) {
					t.Errorf("headstart %s: %q does not say %q", c.line, stderr, part)
				}
			}
		}()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatalf("headstart %s: it waits", c.line)
		}
		t.Setenv("HEADSTART_RUNTIME", library)
	}
}
