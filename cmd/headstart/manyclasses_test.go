package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
)

// BenchmarkTailOfManyClasses predicts 100 texts with a head of 10,000 classes
// on retrained layers of a tiny backbone, whose weights are made up. It reports
// the most memory that was resident in a process of its own, medians, and what
// is allocated if this process does it with what the last one left in the
// cache.
func BenchmarkTailOfManyClasses(b *testing.B) {
	const classes, texts, rounds = 10_000, 100, 5
	f, err := file.Read("../../testdata/older/bb168b5/tail-text.head.onnx")
	if err != nil {
		b.Fatal(err)
	}
	widen(f, classes)
	dir := b.TempDir()
	path := filepath.Join(dir, "wide.head.onnx")
	if err := file.Write(path, f); err != nil {
		b.Fatal(err)
	}
	var lines strings.Builder
	for i := range texts {
		fmt.Fprintf(&lines, "text %d\n", i)
	}
	source := filepath.Join(dir, "texts.txt")
	if err := os.WriteFile(source, []byte(lines.String()), 0o666); err != nil {
		b.Fatal(err)
	}
	library, err := filepath.Abs(testRuntime(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Setenv("HEADSTART_RUNTIME", library)
	b.Setenv(asHeadstart, "run")
	unit := 1024.0 // of ru_maxrss, in bytes (getrusage(2))
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	nothing, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer nothing.Close()
	args := []string{"predict", "--quiet", "--backbone", "testdata/backbones/distilbert", path, source}
	for b.Loop() {
		var memory, seconds []float64
		for i := range rounds {
			b.Setenv("HEADSTART_CACHE", filepath.Join(dir, fmt.Sprint("cache-", i)))
			cmd := exec.Command(os.Args[0], args...)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil || strings.Count(string(out), "\n") != texts+1 {
				b.Fatalf("%v: %d lines", err, strings.Count(string(out), "\n"))
			}
			state := cmd.ProcessState
			memory = append(memory, unit*float64(state.SysUsage().(*syscall.Rusage).Maxrss))
			seconds = append(seconds, (state.UserTime() + state.SystemTime()).Seconds())
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		e := newEnv(nothing, nothing, os.Stderr)
		if code := run(b.Context(), program(e), args, e); code != 0 {
			b.Fatalf("exit code %d", code)
		}
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/(1<<20), "allocated-MiB")
		b.ReportMetric(median(memory)/(1<<20), "peak-MiB")
		b.ReportMetric(median(seconds), "cpu-s")
	}
}

// widen gives the head of f n classes, whose weights repeat those that it has.
func widen(f *file.File, n int) {
	a, d, have := f.Head.Model.(*head.Affine), f.Head.D(), len(f.Head.Classes)
	weight, bias := make([]float32, 0, n*d), make([]float32, n)
	f.Head.Classes = nil
	for c := range n {
		f.Head.Classes = append(f.Head.Classes, fmt.Sprintf("class %05d", c))
		for _, v := range a.Weight[c%have*d : (c%have+1)*d] {
			weight = append(weight, float32(v))
		}
	}
	wide := head.NewAffine(weight, bias)
	wide.Normalize = a.Normalize
	f.Head.Model = wide
}
