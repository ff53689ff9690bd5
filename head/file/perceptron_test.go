package file

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// exampleMLP returns a perceptron with random numbers.
func exampleMLP(hidden []int, classes, features int, normalize bool) *File {
	f := example("mlp", classes, features, normalize)
	r := rand.New(rand.NewPCG(9, uint64(features)))
	of := f.Head.Model.(*head.Affine)
	m := &head.Perceptron{Mean: of.Mean, Scale: of.Scale, Normalize: normalize}
	in := features
	for l, units := range append(slices.Clone(hidden), classes) {
		d := head.Dense{Weight: make([]float64, units*in), Bias: make([]float64, units)}
		for k := range d.Bias {
			d.Bias[k] = normal(r)
			for j := range in {
				w := normal(r) / math.Sqrt(float64(in))
				if l == 0 {
					w /= m.Scale[j]
					d.Bias[k] -= float64(w * m.Mean[j])
				}
				d.Weight[k*in+j] = w
			}
		}
		m.Layers = append(m.Layers, d)
		in = units
	}
	f.Head.Model = m
	f.Head.Params = head.Params{{Name: "hidden", Value: float64(hidden[0])}}
	return f
}

var perceptrons = []struct {
	hidden            []int
	classes, features int
	normalize         bool
}{
	{[]int{1}, 2, 3, false},
	{[]int{16}, 5, 40, true},
	{[]int{32, 8}, 26, 384, false},
}

// A perceptron is read as it was written, answers the same, and the same head
// gives the same bytes.
func TestPerceptrons(t *testing.T) {
	for _, e := range perceptrons {
		f := exampleMLP(e.hidden, e.classes, e.features, e.normalize)
		path := filepath.Join(t.TempDir(), "x.head.onnx")
		if err := Write(path, f); err != nil {
			t.Fatal(e, err)
		}
		g, err := Read(path)
		if err != nil {
			t.Fatal(e, err)
		}
		m, ok := g.Head.Model.(*head.Perceptron)
		if !ok || !slices.Equal(m.Hidden(), e.hidden) || m.Normalize != e.normalize || !reflect.DeepEqual(g.Head.Params, f.Head.Params) {
			t.Fatalf("%v: read %T, %+v", e, g.Head.Model, g.Head.Params)
		}
		x := rows(f.Head, 50)
		if d := largest(probabilities(t, f.Head, x), probabilities(t, g.Head, x)); !(d <= 1e-5) {
			t.Errorf("%v: probabilities differ by %g", e, d)
		}
		again, err := encode(g)
		if err != nil {
			t.Fatal(err)
		}
		h, err := decode(again)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := encode(h); err != nil || string(b) != string(again) {
			t.Errorf("%v: read and written again it has other bytes (%v)", e, err)
		}
	}
}

// A perceptron whose graph and metadata differ is refused.
func TestPerceptronsThatDoNotFit(t *testing.T) {
	data, err := encode(exampleMLP([]int{16, 8}, 5, 9, false))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"[16,8]", "[16,9]", `initializer "hidden_weight_2" has 128 values`},
		{"[16,8]", "[0,16]", "0 classes and 9 features do not go"},
		{"[16,8]", "[1630]", "1630 classes and 9 features do not go"},
		{"[16,8]", "[-1,8]", "-1 classes and 9 features do not go"},
		{"[16,8]", "[     ", "headstart.hidden: "},
		{"[16,8]", "[    ]", "0 hidden layers"},
		{"[16,8]", "[1,16]", `initializer "hidden_weight_1" has 144 values`},
		{"headstart.hidden", "headstart.hiddem", `initializer "weight" has 40 values`},
		{"units_1", "units_3", "another program has changed the file"},
		{"Relu", "Tanh", "another program has changed the file"},
	} {
		if !strings.Contains(string(data), c.old) {
			t.Errorf("%q is not in the file", c.old)
		}
		if _, err := decode([]byte(strings.Replace(string(data), c.old, c.new, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: %v, want %q", c.new, c.old, err, c.want)
		}
	}
	tail := exampleMLP([]int{4}, 3, 6, false)
	tail.Tail = &Tail{}
	if _, err := encode(tail); err == nil || !strings.Contains(err.Error(), "an affine head alone") {
		t.Errorf("a tail: %v", err)
	}
	large := exampleMLP([]int{4}, 3, 6, false)
	large.Head.Model.(*head.Perceptron).Layers[1].Weight[2] = 1e300
	if _, err := encode(large); err == nil || !strings.Contains(err.Error(), "too large for float32") {
		t.Errorf("a weight over float32: %v", err)
	}
}
