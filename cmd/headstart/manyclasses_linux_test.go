package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
)

// asWide, in the environment, is the folder in which the process predicts as
// BenchmarkTailOfManyClasses asks for.
const asWide = "HEADSTART_TEST_WIDE"

// BenchmarkTailOfManyClasses predicts 100 texts with a head of 10,000 classes
// on retrained layers of a tiny backbone, whose weights are made up. It
// reports, of a process that does only that, the most memory that was resident,
// what Go allocated, and the time on processors: medians.
func BenchmarkTailOfManyClasses(b *testing.B) {
	const classes, texts, rounds = 10_000, 100, 5
	if dir := os.Getenv(asWide); dir != "" {
		predictWide(b, dir)
		return
	}
	f, err := file.Read("../../testdata/older/bb168b5/tail-text.head.onnx")
	if err != nil {
		b.Fatal(err)
	}
	widen(f, classes)
	var lines strings.Builder
	for i := range texts {
		fmt.Fprintf(&lines, "text %d\n", i)
	}
	for b.Loop() {
		var peak, allocated, seconds []float64
		for range rounds {
			dir := b.TempDir()
			if err := file.Write(filepath.Join(dir, "wide.head.onnx"), f); err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "texts.txt"), []byte(lines.String()), 0o666); err != nil {
				b.Fatal(err)
			}
			cmd := exec.Command(os.Args[0], "-test.run", "^$", "-test.bench", "^BenchmarkTailOfManyClasses$", "-test.benchtime", "1x")
			cmd.Env = append(os.Environ(), asWide+"="+dir)
			out, err := cmd.CombinedOutput()
			_, line, ok := strings.Cut(string(out), "\nwide ")
			var most, all float64
			if ok {
				_, err = fmt.Sscan(line, &most, &all)
			}
			if err != nil || !ok {
				b.Fatalf("%v\n%s", err, out)
			}
			peak, allocated = append(peak, most), append(allocated, all)
			seconds = append(seconds, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
		}
		b.ReportMetric(median(peak)/(1<<20), "peak-MiB")
		b.ReportMetric(median(allocated)/(1<<20), "allocated-MiB")
		b.ReportMetric(median(seconds), "cpu-s")
	}
}

// predictWide predicts the texts in dir and prints what memory the process had.
// VmHWM is asked, since getrusage gives the peak of the parent, too.
func predictWide(b *testing.B, dir string) {
	b.Setenv("HEADSTART_RUNTIME", testRuntime(b))
	b.Setenv("HEADSTART_CACHE", filepath.Join(dir, "cache"))
	nothing, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer nothing.Close()
	e := newEnv(nothing, nothing, os.Stderr)
	args := []string{"predict", "--quiet", "--backbone", "testdata/backbones/distilbert", filepath.Join(dir, "wide.head.onnx"), filepath.Join(dir, "texts.txt")}
	if code := run(b.Context(), program(e), args, e); code != 0 {
		b.Fatalf("exit code %d", code)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, line, _ := strings.Cut(string(status), "\nVmHWM:")
	var kB uint64
	if _, err := fmt.Sscan(line, &kB); err != nil {
		b.Fatal(err)
	}
	fmt.Printf("\nwide %d %d\n", kB<<10, memory.TotalAlloc)
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
