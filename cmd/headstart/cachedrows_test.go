package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/models"
)

// BenchmarkPredictCached predicts a feature set of 100,000 rows, which are made
// up and lie in the cache, with a head of 26 classes. It reports medians of the
// time, on the wall and on processors, and the allocations, in this process.
func BenchmarkPredictCached(b *testing.B) {
	const rows, classes, rounds = 100_000, 26, 5
	dir := b.TempDir()
	b.Setenv("HEADSTART_CACHE", filepath.Join(dir, "cache"))
	b.Setenv("HEADSTART_RUNTIME", testRuntime(b))
	table := func(name string, n int) (path string, contents [][]byte) {
		path = filepath.Join(dir, name)
		f, err := os.Create(path)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		w := csv.NewWriter(f)
		w.Write([]string{"text", "label"})
		for i := range n {
			text := fmt.Sprintf("text %d", i)
			w.Write([]string{text, string(rune('a' + i%classes))})
			contents = append(contents, []byte(text))
		}
		if w.Flush(); w.Error() != nil {
			b.Fatal(w.Error())
		}
		return path, contents
	}
	all, contents := table("all.csv", rows)
	few, _ := table("few.csv", 10*classes)
	madeUpRows(b, models.Text, os.Getenv("HEADSTART_CACHE"), contents)
	nothing, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer nothing.Close()
	command := func(args ...string) {
		e := newEnv(nothing, nothing, os.Stderr)
		if code := run(b.Context(), program(e), append(args, "--quiet"), e); code != 0 {
			b.Fatalf("%q: exit code %d", args, code)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	command("extract", "--text", "text", "--out", in("all.features"), all)
	command("extract", "--text", "text", "--out", in("few.features"), few)
	command("train-head", "--l2", "1", "--out", in("made-up.head.onnx"), in("few.features"))
	for _, format := range []struct{ name, out, flag string }{
		{"csv", "out.csv", "--top=1"}, {"csv-probabilities", "out.csv", "--probabilities"},
		{"jsonl", "out.jsonl", "--top=1"}, {"jsonl-probabilities", "out.jsonl", "--probabilities"},
	} {
		b.Run(format.name, func(b *testing.B) {
			for b.Loop() {
				var wall, cpu, allocations, bytes []float64
				for range rounds {
					var before, after runtime.MemStats
					runtime.GC()
					runtime.ReadMemStats(&before)
					start, used := time.Now(), processor(b)
					command("predict", "--out", in(format.out), format.flag, in("made-up.head.onnx"), in("all.features"))
					wall, cpu = append(wall, time.Since(start).Seconds()), append(cpu, processor(b)-used)
					runtime.ReadMemStats(&after)
					allocations = append(allocations, float64(after.Mallocs-before.Mallocs))
					bytes = append(bytes, float64(after.TotalAlloc-before.TotalAlloc))
				}
				b.ReportMetric(median(wall), "s")
				b.ReportMetric(median(cpu), "cpu-s")
				b.ReportMetric(median(allocations)/rows, "allocs/row")
				b.ReportMetric(median(bytes)/(1<<20), "MiB")
			}
		})
	}
}
