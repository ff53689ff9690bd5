package experiment

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/fit"
)

// kinds are all kinds of heads.
var kinds = head.KindsOf(head.OneOf)

// together are the families that "auto" compares.
var together = slices.DeleteFunc(slices.Clone(fit.Families), func(e fit.Entry) bool { return e.Apart })

// dense is a matrix in memory, n×d.
type dense struct {
	d      int
	values []float32
}

func (x *dense) N() int { return len(x.values) / x.d }
func (x *dense) D() int { return x.d }
func (x *dense) BlockTo(dst []float32, lo, hi int) error {
	if len(dst) != (hi-lo)*x.d {
		return fmt.Errorf("room for %d values, rows %d to %d have %d", len(dst), lo, hi, (hi-lo)*x.d)
	}
	copy(dst, x.values[lo*x.d:hi*x.d])
	return nil
}

func (x *dense) row(i int) []float32 { return x.values[i*x.d : (i+1)*x.d] }

// golden is testdata/small.json, which testdata/generate.py writes.
type golden struct {
	Labels []string
	Path   []struct {
		L2            float64
		Objective     float64
		Probabilities []float64
		Accuracy      float64
		Wilson        [2]float64
		MacroF1       float64 `json:"macro_f1"`
		LogLoss       float64 `json:"log_loss"`
		Brier         float64
		Confusion     [][]int
		Precision     []float64
		Recall        []float64
		F1            []float64
		Support       []int
	}
	Raw, Balanced, Weighted float64
	TwoClasses              float64  `json:"two_classes"`
	NearestCentroid         []string `json:"nearest_centroid"`
	Wilson                  [][4]float64
}

// small returns the golden features (600×64) and what scikit-learn says about
// them. Every third row is in the test part.
func small(t *testing.T) (*Data, *golden) {
	t.Helper()
	f, err := os.Open("../fit/testdata/small.f32.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	x := &dense{d: 64, values: make([]float32, len(raw)/4)}
	for i := range x.values {
		x.values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	text, err := os.ReadFile("../fit/testdata/small.json")
	if err != nil {
		t.Fatal(err)
	}
	g := &golden{}
	if err := json.Unmarshal(text, g); err != nil {
		t.Fatal(err)
	}
	d := &Data{Rows: x, Labels: g.Labels}
	for i := range g.Labels {
		d.Splits = append(d.Splits, []string{"train", "train", "test"}[i%3])
	}
	return d, g
}

// blobs returns n rows of d features around the centres of c classes at a
// distance of about far.
func blobs(n, d, c int, far float64, seed uint64) *Data {
	rng := rand.New(rand.NewPCG(seed, 1))
	centres := make([]float64, c*d)
	for i := range centres {
		centres[i] = far * rng.NormFloat64() / math.Sqrt(float64(d))
	}
	x := &dense{d: d}
	data := &Data{Rows: x}
	for i := range n {
		k := i % c
		for j := range d {
			x.values = append(x.values, float32(centres[k*d+j]+rng.NormFloat64()))
		}
		data.Labels = append(data.Labels, fmt.Sprintf("class %d", k))
		data.IDs = append(data.IDs, fmt.Sprintf("row %d", i))
	}
	return data
}

func train(t *testing.T, d *Data, s *Settings) *Result {
	t.Helper()
	r, err := Train(context.Background(), d, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// near fails unless got is within tol of want, relative to want if it is larger
// than 1.
func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*max(1, math.Abs(want))) {
		t.Errorf("%s: got %v, want %v (within %g)", what, got, want, tol)
	}
}

// warned returns the kinds of the warnings.
func warned(r *Result) []string {
	var out []string
	for _, w := range r.Warnings {
		out = append(out, w.Kind)
	}
	return out
}

// noted says whether there is a note of that kind about a place.
func noted(r *Result, kind, place string) bool {
	return slices.ContainsFunc(r.Notes, func(w Warning) bool { return w.Kind == kind && w.Place == place })
}

func warning(t *testing.T, r *Result, kind string) Warning {
	t.Helper()
	i := slices.IndexFunc(r.Warnings, func(w Warning) bool { return w.Kind == kind })
	if i < 0 {
		t.Fatalf("no warning %q among %q", kind, warned(r))
	}
	return r.Warnings[i]
}

// affine returns the model of the head in r.
func affine(r *Result) *head.Affine { return r.Head.Model.(*head.Affine) }
