package file

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// keeping returns a head that keeps n rows.
func keeping(n, classes, features int, normalize, weighted bool) *File {
	f := example("softmax", classes, features, normalize)
	a := f.Head.Model.(*head.Affine)
	r := rand.New(rand.NewPCG(uint64(n), 9))
	m := &head.Neighbours{
		Mean: a.Mean, Scale: a.Scale, Normalize: normalize, Rows: make([]float32, n*features), Classes: classes, K: min(20, n), T: 0.07,
	}
	if normalize { // rows of length 1 around a mean that is no longer
		for j := range m.Mean {
			m.Mean[j] /= 40
		}
	}
	x := make([]float32, features)
	for i := range n {
		for j := range x {
			x[j] = float32(m.Mean[j] + m.Scale[j]*normal(r))
		}
		m.UnitsTo(m.Rows[i*features:(i+1)*features], x, 1)
		m.Labels = append(m.Labels, int32(r.IntN(classes)))
		if weighted {
			m.Weights = append(m.Weights, float32(0.1+r.Float64()))
		}
	}
	f.Head.Kind, f.Head.Model, f.Head.Temperature = "knn", m, 1.4
	if weighted { // and of other frequencies
		scale, shift := make([]float64, classes), make([]float64, classes)
		for k := range classes {
			scale[k], shift[k] = float64(float32(0.5+r.Float64())), float64(float32(r.Float64()))
		}
		f.Head.Model = m.Rescaled(scale, shift)
	}
	f.Head.Params = head.Params{{Name: head.NeighbourCount, Value: float64(m.K)}, {Name: head.VoteTemperature, Value: m.T}}
	return f
}

// keepers are heads that keep rows.
var keepers = []struct {
	n, classes, features int
	normalize, weighted  bool
}{{300, 5, 24, false, false}, {90, 3, 7, true, true}, {2, 2, 5, false, true}, {1000, 40, 64, false, false}}

// What is read is what was written, to the bit, and written again the same
// file.
func TestNeighboursInAFile(t *testing.T) {
	for _, k := range keepers {
		f := keeping(k.n, k.classes, k.features, k.normalize, k.weighted)
		path := filepath.Join(t.TempDir(), "a.head.onnx")
		if err := Write(path, f); err != nil {
			t.Fatal(err)
		}
		again, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(again.Head, f.Head) {
			t.Errorf("%v: another head is read", k)
		}
		first, _ := encode(f)
		if second, err := encode(again); err != nil || !slices.Equal(first, second) {
			t.Errorf("%v: written again it is another file: %v", k, err)
		}
	}
}

func TestNeighboursRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *head.Neighbours, f *File)
		text   string
	}{
		"label":      {func(m *head.Neighbours, f *File) { m.Labels[1] = 9 }, "of class 9"},
		"rows":       {func(m *head.Neighbours, f *File) { m.Rows = m.Rows[1:] }, "values"},
		"weights":    {func(m *head.Neighbours, f *File) { m.Weights = []float32{1} }, "weights"},
		"weight":     {func(m *head.Neighbours, f *File) { m.Weights = make([]float32, len(m.Labels)) }, "weight of row 0"},
		"k":          {func(m *head.Neighbours, f *File) { m.K = 0 }, "0 of them"},
		"scale":      {func(m *head.Neighbours, f *File) { m.Scale[2] = 1e-60 }, "scale 2"},
		"parameters": {func(m *head.Neighbours, f *File) { f.Head.Params = nil }, "by the parameters"},
		"tail":       {func(m *head.Neighbours, f *File) { f.Tail = &Tail{} }, "tail"},
	} {
		f := keeping(30, 3, 6, false, false)
		c.change(f.Head.Model.(*head.Neighbours), f)
		if _, err := encode(f); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// A file that another program changed.
	f := keeping(30, 3, 6, false, false)
	data, err := encode(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{len(data) / 3, len(data) / 2} {
		changed := slices.Clone(data)
		changed[at] ^= 0x40
		path := filepath.Join(t.TempDir(), "b.head.onnx")
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if g, err := Read(path); err == nil && reflect.DeepEqual(g.Head, f.Head) {
			t.Errorf("byte %d: the change is not seen", at)
		}
	}
}
