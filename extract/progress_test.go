package extract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract"
)

// TestProgressInsideAWindow embeds 4,000 texts, which are one window: samples
// are counted batch by batch, while none has reached the sink. Cached, bad and
// twofold ones are counted too, and in the end everything is counted once.
func TestProgressInsideAWindow(t *testing.T) {
	var lines []string
	for i := range 4000 {
		switch {
		case i%1000 == 7:
			lines = append(lines, "") // bad
		case i%10 == 3:
			lines = append(lines, fmt.Sprint("twofold ", i/20))
		default:
			lines = append(lines, fmt.Sprint("text ", i))
		}
	}
	dir := t.TempDir()
	few := write(t, "few.txt", strings.Join(lines[:500], "\n")+"\n")
	if _, _, err := runOver(t, dir, textSpec(t), new(fake), nil, nil, few); err != nil {
		t.Fatal(err)
	}
	all := open(t, nil, write(t, "all.txt", strings.Join(lines, "\n")+"\n"))
	stats := new(extract.Stats)
	counts := map[int64]bool{}
	backbone := &fake{fail: func(int64) error {
		if n := stats.Samples.Load(); n > 0 {
			t.Errorf("%d samples reached the sink before their window was finished", n)
		}
		counts[stats.Progress.Done.Load()] = true
		return nil
	}}
	// With one worker, what is computed and not yet durable is in a group of at
	// most 16 batches and a channel of two.
	err := extract.Run(t.Context(), textSpec(t), backbone, store(t, dir), all, nil, stats, &extract.Settings{Threads: 1, BatchSize: 16})
	if err != nil {
		t.Fatal(err)
	}
	if len(counts) < 8 {
		t.Errorf("in 200 batches there are the counts %v", counts)
	}
	p := &stats.Progress
	if p.Done.Load() != 4000 || stats.Samples.Load() != 4000 {
		t.Errorf("%d of 4,000 samples are done, %d reached the sink", p.Done.Load(), stats.Samples.Load())
	}
	if p.Bad.Load() != 4 || stats.Bad.Load() != 4 {
		t.Errorf("%d are bad, and %d in the end; want 4", p.Bad.Load(), stats.Bad.Load())
	}
	if got, want := p.Cached.Load(), stats.Cached.Load(); got != want || want < 499 {
		t.Errorf("%d are cached, and %d in the end", got, want)
	}
}
