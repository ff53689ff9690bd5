//go:build cgo

package file

import (
	"context"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// ONNX Runtime computes from the file what the head computes.
func TestRuntime(t *testing.T) {
	l := library(t)
	for _, e := range examples {
		f := example(e.kind, e.classes, e.features, e.normalize)
		data, err := encode(f)
		if err != nil {
			t.Fatal(err)
		}
		const n = 200
		x := rows(f.Head, n)
		logits, p := make([]float32, n*e.classes), make([]float32, n*e.classes)
		run(t, l, data, x, n, map[string][]float32{"logits": logits, "probabilities": p})
		if d := largest(probabilities(t, f.Head, x), p); !(d <= 1e-5) {
			t.Errorf("%v: probabilities differ by %g", e, d)
		} else {
			t.Logf("%v: probabilities differ by at most %.2g", e, d)
		}
		want := make([]float64, n*e.classes)
		f.Head.LogitsTo(want, x, n)
		if d := largest(want, logits); !(d <= 1e-4) {
			t.Errorf("%v: logits differ by %g", e, d)
		}
		// What clients do: the softmax of the logits are the probabilities.
		soft := make([]float64, e.classes)
		for i := range n {
			for k := range soft {
				soft[k] = float64(logits[i*e.classes+k])
			}
			head.SoftmaxTo(soft, soft, 1)
			if d := largest(soft, p[i*e.classes:(i+1)*e.classes]); !(d <= 1e-5) {
				t.Fatalf("%v: row %d: the softmax of the logits differs from the probabilities by %g", e, i, d)
			}
		}
	}
}

// ONNX Runtime finds the same neighbours, and their votes come to the same.
func TestRuntimeOfNeighbours(t *testing.T) {
	l := library(t)
	for _, e := range keepers {
		f := keeping(e.n, e.classes, e.features, e.normalize, e.weighted)
		data, err := encode(f)
		if err != nil {
			t.Fatal(err)
		}
		const n = 200
		x := make([]float32, n*e.features)
		m, r := f.Head.Model.(*head.Neighbours), rand.New(rand.NewPCG(4, 4))
		for i := range x {
			j := i % e.features
			x[i] = float32(m.Mean[j] + m.Scale[j]*normal(r))
		}
		clear(x[:e.features]) // no direction
		p := make([]float32, n*e.classes)
		run(t, l, data, x, n, map[string][]float32{"probabilities": p})
		// Cosines differ in their last bits, by which exp(cosine/0.07) does.
		if d := largest(probabilities(t, f.Head, x), p); !(d <= 2e-6) {
			t.Errorf("%v: probabilities differ by %g", e, d)
		} else {
			t.Logf("%v: probabilities differ by at most %.2g", e, d)
		}
	}
}

// ONNX Runtime computes of a head of each task what the head answers.
func TestRuntimeOfTasks(t *testing.T) {
	l := library(t)
	for _, e := range taskExamples {
		f := exampleOf(e.kind, e.names, e.features, e.normalize)
		data, err := encode(f)
		if err != nil {
			t.Fatal(err)
		}
		const n = 200
		x := rows(f.Head, n)
		want, p := make([]float64, n*e.names), make([]float32, n*e.names)
		if err := f.Head.AnswersTo(want, x, n); err != nil {
			t.Fatal(err)
		}
		out := map[string][]float32{e.outputs[len(e.outputs)-1]: p}
		if len(e.outputs) == 2 {
			out[e.outputs[0]] = make([]float32, n*f.Head.Task.Scores(e.names))
		}
		run(t, l, data, x, n, out)
		size := 1.0 // of numbers
		for _, v := range want {
			size = max(size, math.Abs(v))
		}
		if d := largest(want, p) / size; !(d <= 1e-6) {
			t.Errorf("%v: answers differ by %g", e, d)
		} else {
			t.Logf("%v: answers differ by at most %.2g", e, d)
		}
	}
}

// ONNX Runtime computes of a perceptron what the head answers.
func TestRuntimeOfPerceptrons(t *testing.T) {
	l := library(t)
	for _, e := range perceptrons {
		data, err := encode(exampleMLP(e.hidden, e.classes, e.features, e.normalize))
		if err != nil {
			t.Fatal(err)
		}
		f, err := decode(data) // the numbers as they stand in the file
		if err != nil {
			t.Fatal(err)
		}
		const n = 200
		x := rows(f.Head, n)
		z, p := make([]float32, n*e.classes), make([]float32, n*e.classes)
		run(t, l, data, x, n, map[string][]float32{"logits": z, "probabilities": p})
		if d := largest(probabilities(t, f.Head, x), p); !(d <= 1e-6) {
			t.Errorf("%v: probabilities differ by %g", e, d)
		}
		want := make([]float64, n*e.classes)
		f.Head.LogitsTo(want, x, n)
		if d := largest(want, z); !(d <= 1e-4) {
			t.Errorf("%v: logits differ by %g", e, d)
		}
	}
}

// library opens the library until the test ends.
func library(t *testing.T) *runtime.Library {
	t.Helper()
	l, err := runtime.Open(libraryPath(t))
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

// run gives n rows x to the graph of a head file, and fills its outputs in by
// their names.
func run(t *testing.T, l *runtime.Library, data []byte, x []float32, n int, outputs map[string][]float32) {
	t.Helper()
	names := slices.Sorted(maps.Keys(outputs))
	s, err := l.NewSession(data, &runtime.Options{Inputs: []string{"features"}, Outputs: names})
	if err != nil {
		t.Fatal(err)
	}
	view := func(v []float32) tensor.View {
		return tensor.View{Shape: []int64{int64(n), int64(len(v) / n)}, F32: v}
	}
	var out []tensor.View
	for _, name := range names {
		out = append(out, view(outputs[name]))
	}
	if err := s.Run(context.Background(), []tensor.View{view(x)}, out); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// libraryPath returns the library that make runtime fetches, or the one that
// the machine has.
func libraryPath(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"libonnxruntime.so", "libonnxruntime.dylib"} {
		path := filepath.Join("..", "..", "lib", name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	where, err := runtime.Find("")
	if err != nil {
		t.Fatalf("this test needs ONNX Runtime; run: make runtime\n%v", err)
	}
	return where.Path
}
