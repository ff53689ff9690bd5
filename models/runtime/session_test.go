//go:build cgo && !windows

package runtime

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/models/library"
	"github.com/headstart-ml/headstart/models/tensor"
)

// opened opens the library that the machine has: the one in the module's lib
// if there is one, else where Find finds it. Without one a test fails.
func opened(t testing.TB) *Library {
	t.Helper()
	l, err := Open(libraryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func libraryPath(t testing.TB) string {
	t.Helper()
	path := filepath.Join("..", "..", "lib", library.Name())
	if _, err := os.Stat(path); err == nil {
		return path
	}
	where, err := Find("")
	if err != nil {
		t.Fatalf("the tests of this package need ONNX Runtime; run: make runtime\n%v", err)
	}
	return where.Path
}

func read(t testing.TB, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func session(t testing.TB, l *Library, model []byte, o *Options) *Session {
	t.Helper()
	s, err := l.NewSession(model, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var xy = &Options{Inputs: []string{"x"}, Outputs: []string{"y"}}

func minilm(t testing.TB, l *Library) *Session {
	t.Helper()
	return session(t, l, read(t, "..", "builtin", "all-minilm-l6-v2", "onnx", "model.onnx"), &Options{
		Inputs:  []string{"input_ids", "attention_mask", "token_type_ids"},
		Outputs: []string{"last_hidden_state"},
	})
}

// texts are the ids of testdata/generate.py with their mask and types.
var texts = [3][]int64{
	{101, 7592, 2088, 999, 2017, 102, 101, 8257, 2227, 102, 0, 0},
	{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0},
	{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
}

// runMiniLM runs the first n of the two texts and returns n×6×384 values.
func runMiniLM(ctx context.Context, s *Session, n int) ([]float32, error) {
	in := make([]tensor.View, 3)
	for i := range in {
		in[i] = tensor.View{Shape: []int64{int64(n), 6}, I64: texts[i][:n*6]}
	}
	out := make([]float32, n*6*384)
	return out, s.Run(ctx, in, []tensor.View{{Shape: []int64{int64(n), 6, 384}, F32: out}})
}

func goldenMiniLM(t testing.TB) []float32 {
	t.Helper()
	b := read(t, "testdata", "minilm.bin")
	want := make([]float32, len(b)/4)
	if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, want); err != nil {
		t.Fatal(err)
	}
	return want
}

// far returns the largest difference between elements of a and b.
func far(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	m := 0.0
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		if !(d <= m) { // NaN too
			m = d
		}
	}
	return m
}

func TestMiniLM(t *testing.T) {
	s := minilm(t, opened(t))
	want := goldenMiniLM(t)
	got, err := runMiniLM(t.Context(), s, 2)
	if err != nil {
		t.Fatal(err)
	}
	if d := far(got, want); !(d < 1e-4) {
		t.Errorf("a batch of two differs by %g from the reference", d)
	}
	// Another shape on the same session.
	got, err = runMiniLM(t.Context(), s, 1)
	if err != nil {
		t.Fatal(err)
	}
	if d := far(got, want[:len(got)]); !(d < 1e-4) {
		t.Errorf("a batch of one differs by %g from the reference", d)
	}
}

func TestManyGoroutinesOneSession(t *testing.T) {
	s := minilm(t, opened(t))
	want := goldenMiniLM(t)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for range 5 {
				n := 1 + g%2
				got, err := runMiniLM(t.Context(), s, n)
				if err != nil {
					t.Error(err)
					return
				}
				if d := far(got, want[:len(got)]); !(d < 1e-4) {
					t.Errorf("goroutine %d differs by %g from the reference", g, d)
				}
				goruntime.GC() // a slice that C holds must not be freed
			}
		})
	}
	wg.Wait()
}

func TestSeveralSessions(t *testing.T) {
	l := opened(t)
	a, b := session(t, l, read(t, "testdata", "add.onnx"), &Options{Inputs: []string{"x"}, Outputs: []string{"z", "y"}}), minilm(t, l)
	x, y, z := []float32{1, 2, 3, 4, 5, 6}, make([]float32, 6), make([]float32, 6)
	shape := []int64{2, 3}
	if err := a.Run(t.Context(), []tensor.View{{Shape: shape, F32: x}}, []tensor.View{{Shape: shape, F32: z}, {Shape: shape, F32: y}}); err != nil {
		t.Fatal(err)
	}
	if d := far(y, []float32{2, 12, 103, 5, 15, 106}); d != 0 {
		t.Errorf("y = %v", y)
	}
	if d := far(z, []float32{2, 4, 6, 8, 10, 12}); d != 0 {
		t.Errorf("z = %v", z)
	}
	if _, err := runMiniLM(t.Context(), b, 1); err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := runMiniLM(t.Context(), b, 2); err != nil {
		t.Errorf("one session closed, the other: %v", err)
	}
}

func TestIntegers(t *testing.T) {
	s := session(t, opened(t), read(t, "testdata", "integers.onnx"), &Options{Inputs: []string{"a", "b"}, Outputs: []string{"y"}, Threads: 2})
	y := make([]float32, 3)
	err := s.Run(t.Context(),
		[]tensor.View{{Shape: []int64{3}, I32: []int32{1, -2, 3}}, {Shape: []int64{3}, I64: []int64{10, 20, -30}}},
		[]tensor.View{{Shape: []int64{3}, F32: y}})
	if err != nil || far(y, []float32{11, 18, -27}) != 0 {
		t.Errorf("y = %v, %v", y, err)
	}
}

func TestExternalData(t *testing.T) {
	l := opened(t)
	model := read(t, "testdata", "external.onnx")
	s := session(t, l, model, &Options{Inputs: xy.Inputs, Outputs: xy.Outputs, Folder: "testdata"})
	x, y := make([]float32, 4096), make([]float32, 4096)
	if err := s.Run(t.Context(), []tensor.View{{Shape: []int64{1, 4096}, F32: x}}, []tensor.View{{Shape: []int64{1, 4096}, F32: y}}); err != nil {
		t.Fatal(err)
	}
	if y[0] != 0 || y[4095] != 4095 {
		t.Errorf("y = %v … %v", y[0], y[4095])
	}
	if s, err := l.NewSession(model, &Options{Inputs: xy.Inputs, Outputs: xy.Outputs, Folder: t.TempDir()}); err == nil {
		s.Close()
		t.Error("a session without its external data: no error")
	}
}

func TestNewSessionErrors(t *testing.T) {
	l := opened(t)
	good := read(t, "testdata", "add.onnx")
	minilm := read(t, "..", "builtin", "all-minilm-l6-v2", "onnx", "model.onnx")
	for _, test := range []struct {
		name  string
		model []byte
		o     *Options
		want  string
	}{
		{"empty", nil, xy, "runtime: model: the model is empty"},
		{"no names", good, nil, "no names"},
		{"text", []byte("this is not a model"), &Options{Name: "a.onnx", Inputs: xy.Inputs, Outputs: xy.Outputs}, "runtime: a.onnx: "},
		{"truncated", minilm[:len(minilm)/2], xy, "runtime: model: "},
		{"zeros", make([]byte, 1000), xy, "runtime: model: "},
		{"provider", good, &Options{Inputs: xy.Inputs, Outputs: xy.Outputs, Provider: "cuda"}, "provider cuda is not supported by this version"},
		{"threads", good, &Options{Inputs: xy.Inputs, Outputs: xy.Outputs, Threads: -1}, "-1 threads"},
	} {
		s, err := l.NewSession(test.model, test.o)
		if err == nil {
			s.Close()
			t.Errorf("%s: no error", test.name)
			continue
		}
		if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q, want one line with %q", test.name, err, test.want)
		}
	}
}

func TestRunErrors(t *testing.T) {
	l := opened(t)
	add := read(t, "testdata", "add.onnx")
	s := session(t, l, add, xy)
	f := func(shape ...int64) []tensor.View {
		n := int64(1)
		for _, d := range shape {
			n *= d
		}
		return []tensor.View{{Shape: shape, F32: make([]float32, max(n, 1))}}
	}
	for _, test := range []struct {
		name    string
		in, out []tensor.View
		want    string
	}{
		{"too few", nil, f(2, 3), "0 inputs and 1 outputs, not 1 and 1"},
		{"wrong width", f(2, 4), f(2, 3), "dimensions"},
		{"wrong rank", f(2, 3, 1), f(2, 3), "rank"},
		{"wrong output", f(2, 3), f(3, 3), "shape"},
		{"wrong input type", []tensor.View{{Shape: []int64{1, 3}, I64: make([]int64, 3)}}, f(1, 3), "data type"},
		{"wrong output type", f(1, 3), []tensor.View{{Shape: []int64{1, 3}, I32: make([]int32, 3)}}, "y"},
		{"nothing set", []tensor.View{{Shape: []int64{1, 3}}}, f(1, 3), "input x: 0 of F32, I64, I32 and U8 are set"},
		{"two set", []tensor.View{{Shape: []int64{1}, F32: make([]float32, 1), I64: make([]int64, 1)}}, f(1, 3), "2 of F32"},
		{"too short", []tensor.View{{Shape: []int64{2, 3}, F32: make([]float32, 5)}}, f(2, 3), "asks for 6 elements, the slice has 5"},
		{"no shape", []tensor.View{{F32: make([]float32, 5)}}, f(2, 3), "no dimensions"},
		{"empty", f(0, 3), f(1, 3), "below 1"},
		{"negative", f(-1, 3), f(1, 3), "below 1"},
		{"overflow", []tensor.View{{Shape: []int64{1 << 40, 1 << 40}, F32: make([]float32, 5)}}, f(2, 3), "overflows"},
	} {
		err := s.Run(t.Context(), test.in, test.out)
		if err == nil {
			t.Errorf("%s: no error", test.name)
			continue
		}
		if e := err.Error(); !strings.HasPrefix(e, "runtime: model: ") || !strings.Contains(strings.ToLower(e), strings.ToLower(test.want)) || strings.Contains(e, "\n") {
			t.Errorf("%s: %q, want one line with %q", test.name, err, test.want)
		}
	}
	for _, o := range []*Options{
		{Inputs: []string{"pixels"}, Outputs: []string{"y"}},
		{Inputs: []string{"x"}, Outputs: []string{"features"}},
	} {
		w, err := l.NewSession(add, o)
		if err == nil {
			err = w.Run(t.Context(), f(1, 3), f(1, 3))
			w.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "pixels") && !strings.Contains(err.Error(), "features") {
			t.Errorf("%v: %v, want an error that names the wrong name", o, err)
		}
	}
	if err := s.Run(t.Context(), f(2, 3), f(2, 3)); err != nil {
		t.Errorf("after all the errors: %v", err)
	}
}

func TestCancel(t *testing.T) {
	l := opened(t)
	s := session(t, l, read(t, "testdata", "slow.onnx"), xy)
	const n = 20000 // 1,000 products of n×64 with 64×64: several seconds
	x, y := make([]float32, n*64), make([]float32, n*64)
	in := []tensor.View{{Shape: []int64{n, 64}, F32: x}}
	out := []tensor.View{{Shape: []int64{n, 64}, F32: y}}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx, in, out); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	for range 3 {
		for i := range y {
			y[i] = -1
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := s.Run(ctx, in, out)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled during: %v", err)
		}
		// The last of the products writes to y.
		if i := slices.IndexFunc(y, func(v float32) bool { return v != -1 }); i >= 0 {
			t.Errorf("Run came to the last product after its context ended: y[%d] = %v", i, y[i])
		}
	}
	// The session and another one work on.
	x[0] = 1
	if err := s.Run(t.Context(), []tensor.View{{Shape: []int64{1, 64}, F32: x[:64]}}, []tensor.View{{Shape: []int64{1, 64}, F32: y[:64]}}); err != nil {
		t.Fatal(err)
	}
	if y[0] != 1 { // an even number of mirrorings
		t.Errorf("y[0] = %v", y[0])
	}
	if _, err := runMiniLM(t.Context(), minilm(t, l), 1); err != nil {
		t.Error(err)
	}
}

// TestCancelAtAnyMoment lets the end of the context race with the end of Run.
func TestCancelAtAnyMoment(t *testing.T) {
	s := session(t, opened(t), read(t, "testdata", "add.onnx"), xy)
	x, y := make([]float32, 3), make([]float32, 3)
	for i := range 300 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*500*time.Nanosecond)
		err := s.Run(ctx, []tensor.View{{Shape: []int64{1, 3}, F32: x}}, []tensor.View{{Shape: []int64{1, 3}, F32: y}})
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		cancel()
	}
}

func TestNoLeak(t *testing.T) {
	if goruntime.GOOS != "linux" {
		t.Log("resident memory is read from /proc, which only Linux has; the runs are made all the same")
	}
	s := session(t, opened(t), read(t, "testdata", "add.onnx"), xy)
	const n = 1 << 16
	shape := []int64{n, 3}
	run := func() {
		// Slices of its own each time: what stays pinned shows.
		in, out := []tensor.View{{Shape: shape, F32: make([]float32, n*3)}}, []tensor.View{{Shape: shape, F32: make([]float32, n*3)}}
		if err := s.Run(t.Context(), in, out); err != nil {
			t.Fatal(err)
		}
		if err := s.Run(t.Context(), in, in[:0]); err == nil {
			t.Fatal("no error")
		}
	}
	for range 100 {
		run()
	}
	goruntime.GC()
	before := resident()
	for range 1000 {
		run() // 1.5 MiB each
	}
	goruntime.GC()
	if grown := resident() - before; grown > 50<<20 {
		t.Errorf("resident memory grew by %d MiB in 1,000 runs", grown>>20)
	}
}

// TestNoLeakOfSessions makes and closes sessions with 41 MiB of weights.
func TestNoLeakOfSessions(t *testing.T) {
	l := opened(t)
	model := read(t, "..", "builtin", "efficientnet-lite0", "onnx", "model.onnx")
	open := func() {
		s, err := l.NewSession(model, &Options{Inputs: []string{"pixel_values"}, Outputs: []string{"features"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// What is allocated once, by allocators and detectors, is allocated here.
	for range 8 {
		open()
	}
	before := resident()
	for range 8 {
		open()
	}
	if grown := resident() - before; grown > 60<<20 {
		t.Errorf("resident memory grew by %d MiB with 8 sessions of 13 MiB opened and closed", grown>>20)
	}
}

// resident returns the process's resident memory in bytes, 0 if the system
// does not say.
func resident() int {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages int
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		return 0
	}
	return pages * os.Getpagesize()
}

func BenchmarkWrap(b *testing.B) {
	opened(b)
	ids, hidden := make([]int64, 8*64), make([]float32, 8*64*384)
	ts := []tensor.View{
		{Shape: []int64{8, 64}, I64: ids}, {Shape: []int64{8, 64}, I64: ids}, {Shape: []int64{8, 64}, I64: ids},
		{Shape: []int64{8, 64, 384}, F32: hidden},
	}
	names := make([]string, len(ts))
	for b.Loop() {
		var pin goruntime.Pinner
		vs, err := values(ts, names, &pin)
		if err != nil {
			b.Fatal(err)
		}
		destroy(vs)
		pin.Unpin()
	}
}
