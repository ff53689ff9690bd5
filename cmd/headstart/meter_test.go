package main

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/models/retrain"
)

func TestMeterLine(t *testing.T) {
	e, _, _ := testEnv()
	start := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	m := &meter{display: display{env: e}, name: "extract", total: total{5000, true}, start: start}
	for _, test := range []struct {
		after time.Duration
		n     tally
		want  string
	}{
		{0, tally{}, "extract: 0 of 5,000 (0 %) · 0 cached, 0 computed"},
		// 1,000 from the cache in a second …
		{time.Second, tally{samples: 1000, cached: 1000, read: 2},
			"extract: 1,000 of 5,000 (20 %), 4.0 s left, 1,000/s · 1,000 cached, 0 computed · read 100 %, decode 0 %, infer 0 %, write 0 %"},
		// … then 100 a second: the time left comes from the last 15 seconds.
		{11 * time.Second, tally{samples: 2000, cached: 1000, computed: 999, bad: 1, read: 2, decode: 4, infer: 13, write: 1},
			"extract: 2,000 of 5,000 (40 %), 17 s left, 182/s · 1,000 cached, 999 computed, 1 bad · read 10 %, decode 20 %, infer 65 %, write 5 %"},
		{16 * time.Second, tally{samples: 2500, cached: 1000, computed: 1499, bad: 1},
			"extract: 2,500 of 5,000 (50 %), 25 s left, 100/s · 1,000 cached, 1,499 computed, 1 bad"},
		{20 * time.Second, tally{samples: 5000, cached: 1000, computed: 3999, bad: 1},
			"extract: 5,000 of 5,000 (100 %), 211/s · 1,000 cached, 3,999 computed, 1 bad"},
	} {
		if got := strings.Join(m.parts(start.Add(test.after), test.n), ""); got != test.want {
			t.Errorf("after %v:\ngot  %s\nwant %s", test.after, got, test.want)
		}
	}
	n := tally{samples: 5000, cached: 1000, computed: 3999, bad: 1, read: 2, decode: 4, infer: 13, write: 1}
	if got, want := m.summary(20*time.Second, n), "extract: 5,000 samples in 20 s (250/s): 1,000 cached, 3,999 computed, 1 bad; time: read 10 %, decode 20 %, infer 65 %, write 5 %"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	unknown := &meter{display: display{env: e}, name: "predict", total: total{n: -1}, start: start}
	if got, want := strings.Join(unknown.parts(start.Add(2*time.Second), tally{samples: 3}), ""), "predict: 3 samples, 1.5/s · 0 cached, 0 computed"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestMeterWeighsWhatIsLeft checks the time left of texts, of which the longest
// come first: it goes by their tokens, and what has not been read is taken to
// be like what has.
func TestMeterWeighsWhatIsLeft(t *testing.T) {
	e, _, _ := testEnv()
	start := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	m := &meter{display: display{env: e}, name: "extract", total: total{2000, true}, start: start}
	for _, test := range []struct {
		after time.Duration
		n     tally
		want  string
	}{
		// 10 of 1,000 samples have a tenth of the tokens, and there are another
		// 1,000 samples: 190,000 tokens are left, at 2,000 a second.
		{5 * time.Second, tally{samples: 10, computed: 10, seen: 1000, planned: 100000, done: 10000}, "10 of 2,000 (0 %), 1 min 35 s left, 2.0/s · 0 cached, 10 computed"},
		// All were read, and those of the second half are cached.
		{10 * time.Second, tally{samples: 1020, cached: 1000, computed: 20, seen: 2000, planned: 100000, done: 20000}, "1,020 of 2,000 (51 %), 40 s left, 102/s · 1,000 cached, 20 computed"},
	} {
		if got := strings.Join(m.parts(start.Add(test.after), test.n), ""); got != "extract: "+test.want {
			t.Errorf("after %v:\ngot  %s\nwant extract: %s", test.after, got, test.want)
		}
	}
}

// TestTailMeter checks what is said of a training that goes on at step 900: the
// steps before that are not counted as made in no time.
func TestTailMeter(t *testing.T) {
	e, _, _ := testEnv()
	m := startTailMeter(e, &common{}, "last:2")
	start := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		after time.Duration
		p     retrain.Progress
		want  string
	}{
		{0, retrain.Progress{Epoch: 9, Epochs: 20, Step: 900, Steps: 2000, Loss: 0.25}, "epoch 9 of 20, step 900 of 2,000, loss 0.25"},
		{10 * time.Second, retrain.Progress{Epoch: 9, Epochs: 20, Step: 1000, Steps: 2000, Loss: 0.2, Done: &retrain.Epoch{Score: 0.5}},
			"epoch 9 of 20, step 1,000 of 2,000, at most 1 min 40 s left, validation 0.5 (best 0.5), loss 0.2"},
		{20 * time.Second, retrain.Progress{Epoch: 10, Epochs: 20, Step: 1100, Steps: 2000, Loss: 0.1, Done: &retrain.Epoch{Score: 0.25}},
			"epoch 10 of 20, step 1,100 of 2,000, at most 1 min 30 s left, validation 0.25 (best 0.5), loss 0.1"},
	} {
		if got := strings.Join(m.describe(test.p, start.Add(test.after)), ""); got != "train-head: --tail last:2: "+test.want {
			t.Errorf("after %v: %s", test.after, got)
		}
	}
}

func TestMeterStreams(t *testing.T) {
	var samples atomic.Int64
	now := func() tally { return tally{samples: samples.Add(10), computed: samples.Load()} }
	for _, test := range []struct {
		name            string
		terminal, quiet bool
		check           func(s string) bool
	}{
		{"terminal", true, false, func(s string) bool {
			drawn := strings.Count(s, "\x1b[K") - 1 // and once to clear the line
			head, last, _ := strings.Cut(s, "\r\x1b[Kextract: ")
			return drawn >= 2 && drawn <= 6 && !strings.Contains(head, "\n") && strings.Count(last, "\n") == 1 && strings.HasSuffix(last, "\n")
		}},
		{"piped", false, false, func(s string) bool {
			return strings.Count(s, "\n") == 1 && !strings.ContainsAny(s, "\r\x1b") && strings.Contains(s, " samples in ")
		}},
		{"quiet", true, true, func(s string) bool { return s == "" }},
		{"quiet and piped", false, true, func(s string) bool { return s == "" }},
	} {
		e, _, stderr := testEnv()
		e.stderrIsTerminal = test.terminal
		m := startMeter(e, &common{quiet: test.quiet}, "extract", func(context.Context) total { return total{100000, true} }, now)
		if test.terminal && !test.quiet {
			time.Sleep(350 * time.Millisecond)
		}
		m.stop()
		if !test.check(stderr.String()) {
			t.Errorf("%s: %q", test.name, stderr.String())
		}
	}
}

// Samples are counted for a line that is shown, and not for longer than the run
// takes.
func TestMeterCountsForItsLines(t *testing.T) {
	for _, test := range []struct {
		terminal, quiet bool
		want            int32
	}{{true, true, 0}, {false, false, 0}, {true, false, 1}} {
		e, _, _ := testEnv()
		e.stderrIsTerminal = test.terminal
		var asked atomic.Int32
		called := make(chan struct{}, 1)
		m := startMeter(e, &common{quiet: test.quiet}, "extract", func(ctx context.Context) total {
			asked.Add(1)
			called <- struct{}{}
			<-ctx.Done()
			return total{n: -1}
		}, func() tally { return tally{} })
		if test.want > 0 {
			<-called
		}
		m.stop() // which ends the counting
		if n := asked.Load(); n != test.want {
			t.Errorf("terminal %v, quiet %v: counted %d times", test.terminal, test.quiet, n)
		}
	}
}

// TestMeterFitsTheTerminal shows the line in several widths: it ends at the end
// of a part, what is useful most stands first.
func TestMeterFitsTheTerminal(t *testing.T) {
	start := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	for width, want := range map[int]string{
		20:  "extract: 1,234 of 4,137 (29 %)", // cut by redraw, as there is no shorter part
		40:  "extract: 1,234 of 4,137 (29 %)",
		48:  "extract: 1,234 of 4,137 (29 %), 28 s left",
		80:  "extract: 1,234 of 4,137 (29 %), 28 s left, 103/s · 1,200 cached, 34 computed",
		100: "extract: 1,234 of 4,137 (29 %), 28 s left, 103/s · 1,200 cached, 34 computed, 3 bad",
		160: "extract: 1,234 of 4,137 (29 %), 28 s left, 103/s · 1,200 cached, 34 computed, 3 bad · read 10 %, decode 20 %, infer 65 %, write 5 %",
	} {
		e, _, _ := testEnv()
		m := &meter{display: display{env: e}, name: "extract", total: total{4137, true}, start: start}
		parts := m.parts(start.Add(12*time.Second), tally{samples: 1234, cached: 1200, computed: 34, bad: 3, read: 2, decode: 4, infer: 13, write: 1})
		if got := fitting(parts, width-1); got != want {
			t.Errorf("%d columns:\ngot  %s\nwant %s", width, got, want)
		}
	}
	for n, want := range map[int]string{-1: "", 0: "about 0", 999: "about 999", 4137: "about 4,140", 11960: "about 12,000", 1234567: "about 1,240,000"} {
		if got := (total{n: n}).String(); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestMeterPlainLines(t *testing.T) {
	e, _, stderr := testEnv()
	m := &meter{display: display{env: e}, name: "extract", total: total{10, true}, start: time.Now(), now: func() tally { return tally{samples: 5} }}
	for i := range time.Duration(2) {
		m.show(m.parts(m.start.Add((i+1)*printEvery), m.now()))
	}
	if s := stderr.String(); strings.Count(s, "\n") != 2 || !strings.HasPrefix(s, "extract: 5 of 10 (50 %), 10 s left, 0.5") || strings.ContainsAny(s, "\r\x1b") {
		t.Errorf("%q", s)
	}
}

func TestWordsOfNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %s, want %s", n, got, want)
		}
	}
	for s, want := range map[float64]string{0: "0.0 s", 0.44: "0.4 s", 9.94: "9.9 s", 9.96: "10 s", 59.4: "59 s", 59.6: "1 min 0 s", 200: "3 min 20 s", 3599.6: "1 h 0 min", 7500: "2 h 5 min"} {
		if got := span(s); got != want {
			t.Errorf("span(%v) = %s, want %s", s, got, want)
		}
	}
	for r, want := range map[float64]string{0.0123: "0.012", 0.5: "0.5", 1.25: "1.2", 9.7: "9.7", 10.4: "10", 1234.5: "1,235"} {
		if got := speed(r); got != want {
			t.Errorf("speed(%v) = %s, want %s", r, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1 << 20: "1 MiB", 1000 << 20: "0.977 GiB", 123 << 30: "123 GiB", 1536 << 30: "1.5 TiB"} {
		if got := bytesOf(n); got != want {
			t.Errorf("bytesOf(%d) = %s, want %s", n, got, want)
		}
	}
	for want, n := range map[string]int{"1 class": 1, "2,000 classes": 2000, "0 classes": 0} {
		if got := counted(n, "class"); got != want {
			t.Errorf("counted = %q, want %q", got, want)
		}
	}
	for noun, want := range map[string]string{"entry": "entries", "day": "days", "box": "boxes", "batch": "batches"} {
		if got := plural(noun); got != want {
			t.Errorf("plural(%q) = %q, want %q", noun, got, want)
		}
	}
	if got := counted(2, "folder or file"); got != "2 folders or files" {
		t.Errorf("counted = %q", got)
	}
}

// A line that is redrawn takes one line of the terminal, whatever it is written
// in, or it would not be redrawn but scroll.
func TestRedrawnLinesFit(t *testing.T) {
	for _, line := range []string{strings.Repeat("größer ", 30), strings.Repeat("日本語", 40), strings.Repeat("👨‍👩‍👧‍👦🇨🇭", 30)} {
		var b bytes.Buffer
		e := &env{stderr: &b, stderrWidth: func() int { return 80 }}
		e.redraw(line)
		got := strings.TrimSuffix(strings.TrimPrefix(b.String(), "\r"), "\x1b[K")
		if n := report.Width(got); n > 79 || n < 75 || !strings.HasSuffix(got, "…") || !utf8.ValidString(got) {
			t.Errorf("%d columns: %q", n, got)
		}
	}
}
