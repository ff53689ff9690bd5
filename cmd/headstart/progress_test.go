package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
	"github.com/headstart-ml/headstart/models/tensor"
)

// watchedBackbone is a backbone that calls watch before each batch.
type watchedBackbone struct{ watch func() }

func (w *watchedBackbone) Run(_ context.Context, inputs, outputs []tensor.View) error {
	w.watch()
	for _, o := range outputs {
		each := len(o.F32) / len(inputs[0].I64)
		for i, id := range inputs[0].I64 {
			for k := range each {
				o.F32[i*each+k] = float32(id+int64(k)) / 1000
			}
		}
	}
	return nil
}

// TestProgressMovesInsideAWindow looks at the line of a run over 4,000 texts,
// which are one window, before each batch of the backbone.
func TestProgressMovesInsideAWindow(t *testing.T) {
	var texts strings.Builder
	for i := range 4000 {
		fmt.Fprintln(&texts, "text", i)
	}
	path := filepath.Join(t.TempDir(), "texts.txt")
	if err := os.WriteFile(path, []byte(texts.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	src, err := source.Open([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	spec, err := folder.Resolve("all-minilm-l6-v2", builtin.FS())
	if err != nil {
		t.Fatal(err)
	}
	store, err := cache.Create(filepath.Join(t.TempDir(), "cache"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()

	e, _, _ := testEnv()
	stats, whole := new(extract.Stats), new(sampling).total(src)
	m := &meter{display: display{env: e}, name: "extract", start: time.Now()}
	reached := regexp.MustCompile(`^extract: ([0-9,]+) of 4,000 \(`)
	counts := map[string]bool{}
	backbone := &watchedBackbone{func() {
		m.total = whole(t.Context())
		line := strings.Join(m.parts(time.Now(), tallyOf(stats)), "")
		found := reached.FindStringSubmatch(line)
		if found == nil {
			// The window was read in one go, so that the source is at its end,
			// or just before it.
			if !strings.Contains(line, " of about 4,0") {
				t.Errorf("%s", line)
			}
			return
		}
		counts[found[1]] = true
	}}
	if err := extract.Run(t.Context(), spec, backbone, store, src, nil, stats, &extract.Settings{Threads: 1, BatchSize: 16}); err != nil {
		t.Fatal(err)
	}
	if len(counts) < 8 {
		t.Errorf("in 250 batches it says only %v", counts)
	}
}

// TestInterruptedExtract interrupts a run over a standard input that has not
// come to its end: what is computed is kept, which is said, and the same
// command computes the rest.
func TestInterruptedExtract(t *testing.T) {
	p := newPlace(t)
	p.small("distilbert")
	var all strings.Builder
	for i := range 5000 {
		fmt.Fprintln(&all, "text", i)
	}
	in, feed := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := newLines()
	e, _, _ := testEnv()
	e.stdin, e.stderr, e.stderrIsTerminal = in, out, true
	go func() {
		io.WriteString(feed, all.String())
		out.wait(t, "extract: 4,096 samples") // a window
		cancel()
		feed.Close()
	}()
	line := words("extract --backbone distilbert --format lines --out x.features -")
	code := run(ctx, program(e), line, e)
	if code != exitInterrupted || !strings.HasSuffix(out.String(), "headstart: extract: interrupted: 4,096 of 5,000 samples are in the cache; the same command resumes there\n") {
		t.Errorf("exit %d: %s", code, out.String())
	}
	if _, err := os.Stat("x.features"); err == nil {
		t.Error("an interrupted run leaves a feature set")
	}

	e, stdout, stderr := testEnv()
	e.stdin = strings.NewReader(all.String())
	if code := run(t.Context(), program(e), line, e); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if !strings.Contains(stdout.String(), "5,000 samples × ") || !strings.Contains(stdout.String(), "4,096 cached, 904 computed") {
		t.Errorf("the same command says %s", stdout)
	}
}
