package fit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// fitted fits the first candidate of a family at λ = 0.01, or a shrinkage of
// 0.1, to parts of a bench.
func fitted(t *testing.T, e *Entry, b *Bench, parts ...Part) []*Fitted {
	t.Helper()
	_, all := e.Path(Grid{L2: 0.01, Shrinkage: 0.1, MLP: &MLP{Hidden: []int{24, 8}, Epochs: 12, Dropout: 0.1, Mixup: 0.2, Smoothing: 0.1}})
	path, err := e.One(all[0]).Begin(context.Background(), b, parts)
	if err != nil {
		t.Fatal(err)
	}
	c, err := path.Next(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Kind != e.Kind || !slices.Equal(c.Params, all[0].Params) {
		t.Errorf("fitted %+v, not %+v", c, all[0])
	}
	if _, err := path.Next(context.Background(), nil); !errors.Is(err, io.EOF) {
		t.Errorf("after the only candidate: %v", err)
	}
	var out []*Fitted
	for i := range parts {
		out = append(out, path.Fitted(i))
	}
	return out
}

// first is the part of the first cell of data.bench.
var first = Part{Name: "first", Cells: []int{0}}

// largest returns the largest distance of two numbers at one place.
func largest(a, b []float64) float64 {
	d := 0.0
	for i := range a {
		if v := math.Abs(a[i] - b[i]); !(v <= d) {
			d = v
		}
	}
	return d
}

// scores are those that a model gives all rows of x.
func (x *data) scores(m head.Model) []float64 {
	_, k := m.Dims()
	z := make([]float64, x.N()*k)
	m.ScoresTo(z, x.values, x.N())
	return z
}

// conformance is what every family has to meet; after scikit-learn's
// check_estimator.
var conformance = []struct {
	name  string
	check func(t *testing.T, e *Entry)
}{
	{"a row's scores do not depend on the other rows", batches},
	{"the fit and its model give the same scores", agreement},
	{"a weight is as many rows", repetition},
	{"threads and memory change no bit", threads},
	{"a second fit forgets the first", forgetting},
	{"rows of no part change no bit, were they no numbers", poison},
	{"rows of another part change nothing that shows", poisonBeside},
	{"a row that is no number is an error in its part", notNumbers},
	{"a class without rows has no scores", absentClass},
	{"a part of one class is an error", oneClass},
	{"a cancelled fit ends with the context's error", cancelled},
	{"rows of any length are as good as rows of length 1", normalized},
	{"without a standardisation there is none in the model", raw},
	{"features of any size are as good as those of size 1", extremes},
	{"a fit can begin where others ended", starts},
	{"an error of the rows ends the fit", rowsFail},
}

// exempt is the kind that need not meet a check: rows that are given twice are
// in batches of an MLP, and set aside, by themselves. TestMLPWeights has what
// weights do.
var exempt = map[string]string{"a weight is as many rows": "mlp"}

func TestConformance(t *testing.T) {
	for i := range Families {
		for _, c := range conformance {
			if exempt[c.name] == Families[i].Kind {
				continue
			}
			t.Run(Families[i].Kind+"/"+c.name, func(t *testing.T) { c.check(t, &Families[i]) })
		}
	}
}

func batches(t *testing.T, e *Entry) {
	x := blobs(90, 7, 3, 3, 1)
	m := fitted(t, e, x.bench(t, 60, &Settings{}), first)[0].Model()
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	all, one := x.scores(m), make([]float64, 3)
	for i := range x.N() {
		if m.ScoresTo(one, x.row(i), 1); !slices.Equal(one, all[3*i:3*i+3]) {
			t.Fatalf("row %d: %v by itself, %v among others", i, one, all[3*i:3*i+3])
		}
	}
	some := make([]float64, 3*7)
	if m.ScoresTo(some, x.values[5*7:12*7], 7); !slices.Equal(some, all[3*5:3*12]) {
		t.Error("a part of the rows has other scores")
	}
}

func agreement(t *testing.T, e *Entry) {
	x := blobs(90, 7, 3, 3, 1)
	f := fitted(t, e, x.bench(t, 60, &Settings{}), first)[0]
	z := make([]float64, 90*3)
	if err := f.ScoresTo(context.Background(), z, span(0, 90)); err != nil {
		t.Fatal(err)
	}
	p, q := make([]float64, 3), make([]float64, 3)
	model := x.scores(f.Model())
	for i := range 90 {
		head.SoftmaxTo(p, z[3*i:3*i+3], 1) // scores may differ by a constant of the row
		head.SoftmaxTo(q, model[3*i:3*i+3], 1)
		if d := largest(p, q); !(d < 1e-4) {
			t.Fatalf("row %d: probabilities differ by %g", i, d)
		}
	}
}

func repetition(t *testing.T, e *Entry) {
	o := &Settings{Tolerance: 1e-9}
	x := blobs(60, 5, 3, 2, 3)
	if e.Kind == "knn" { // of rows given several times, the same few would be nearest
		own := *e
		all := KNN{K: 1000}
		own.Path = func(Grid) (Family, []Candidate) { return all, []Candidate{all.candidate()} }
		e = &own
	}
	twice := &data{dense: &dense{d: 5}, classes: 3}
	for i := range 60 {
		w := i % 4 // 0 is left out
		x.weights = append(x.weights, 1e200*float64(w))
		for range w {
			twice.values = append(twice.values, x.row(i)...)
			twice.labels = append(twice.labels, x.labels[i])
		}
	}
	a := fitted(t, e, x.bench(t, 60, o), first)[0]
	b := fitted(t, e, twice.bench(t, twice.N(), o), first)[0]
	if d := largest(x.scores(a.Model()), x.scores(b.Model())); !(d < 2e-3) {
		t.Errorf("scores differ by %g", d)
	}
}

func threads(t *testing.T, e *Entry) {
	x := blobs(3000, 20, 4, 2, 5)
	var want []*Fitted
	for _, o := range []*Settings{{Threads: 1}, {Threads: 2}, {Threads: 7}, {Threads: 3, Memory: 1}} {
		b := x.bench(t, 2000, o)
		have := fitted(t, e, b, first, Part{Name: "both", Cells: []int{0, 1}})
		if want == nil {
			want = have
		}
		for i := range have {
			if !reflect.DeepEqual(have[i].Model(), want[i].Model()) || have[i].Fit != want[i].Fit {
				t.Errorf("%+v: part %d: another model", o, i)
			}
		}
	}
}

func forgetting(t *testing.T, e *Entry) {
	x := blobs(90, 7, 3, 3, 1)
	b := x.bench(t, 50, &Settings{})
	want := fitted(t, e, b, first)[0].Model()
	if other := fitted(t, e, b, Part{Name: "second", Cells: []int{1}})[0].Model(); reflect.DeepEqual(other, want) {
		t.Error("other rows give the same model")
	}
	if again := fitted(t, e, b, first)[0].Model(); !reflect.DeepEqual(again, want) {
		t.Error("the second fit to the same rows gives another model")
	}
	// Dealt anew, and back.
	cell := make([]int, 90)
	for i := range cell {
		cell[i] = i % 2
	}
	for k, deal := range [][]int{cell, b.deals[0].Cell} {
		if err := b.Deal(context.Background(), []Deal{{Cell: deal, Cells: 2}}); err != nil {
			t.Fatal(err)
		}
		if m := fitted(t, e, b, first)[0].Model(); reflect.DeepEqual(m, want) != (k == 1) {
			t.Errorf("deal %d: the model is, or is not, the first one", k)
		}
	}
}

// poisons are values of features that may not reach a fit.
var poisons = []float32{float32(math.NaN()), float32(math.Inf(1)), math.MaxFloat32, -3e38, 1e30}

func poison(t *testing.T, e *Entry) {
	for _, memory := range []int64{0, 1} {
		x := blobs(90, 7, 3, 3, 1)
		bench := func() *Bench {
			cell := make([]int, 90) // rows from 60 on are of no cell
			for i := 60; i < 90; i++ {
				cell[i] = -1
			}
			b, err := NewBench(context.Background(), &Labelled{Rows: x.dense, Labels: x.labels, Classes: 3}, &Settings{Memory: memory})
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Deal(context.Background(), []Deal{{Cell: cell, Cells: 1}}); err != nil {
				t.Fatal(err)
			}
			return b
		}
		want := fitted(t, e, bench(), first)[0]
		for i := 60; i < 90; i++ {
			for j := range 7 {
				x.row(i)[j] = poisons[(i+j)%len(poisons)]
			}
		}
		for j := range 7 {
			x.row(89)[j] = 3e38 // finite, and so large that float32 products are not
		}
		b := bench()
		have := fitted(t, e, b, first)[0]
		if !reflect.DeepEqual(have.Model(), want.Model()) || have.Fit != want.Fit {
			t.Error("rows of no part reach the fit")
		}
		if err := b.Finite(); !errors.Is(err, head.ErrNotFinite) {
			t.Errorf("rows that are no numbers: %v", err)
		}
		z, alone := make([]float64, 3), make([]float64, 3)
		if err := have.ScoresTo(context.Background(), z, []int{89}); err != nil {
			t.Fatal(err)
		}
		have.Model().ScoresTo(alone, x.row(89), 1)
		for k := range z {
			if !(math.Abs((z[k]-z[0])-(alone[k]-alone[0])) <= 1e-4*math.Abs(alone[k]-alone[0])) {
				t.Errorf("scores of a huge row: %v, the model says %v", z, alone)
			}
		}
	}
}

func poisonBeside(t *testing.T, e *Entry) {
	x := blobs(90, 7, 3, 3, 1)
	both := Part{Name: "both", Cells: []int{0, 1}}
	o := &Settings{Tolerance: 1e-8}
	want := fitted(t, e, x.bench(t, 60, o), first, both)[0]
	scores := x.scores(want.Model())[:60*3]
	for j := range 7 {
		x.row(75)[j] = float32(1e6 * math.Cos(float64(j)))
	}
	have := fitted(t, e, x.bench(t, 60, o), first, both)[0]
	if d := largest(x.scores(have.Model())[:60*3], scores); !(d < 5e-3) {
		t.Errorf("scores differ by %g", d)
	}
}

func notNumbers(t *testing.T, e *Entry) {
	x := blobs(30, 4, 3, 3, 1)
	x.row(7)[2] = float32(math.NaN())
	for _, memory := range []int64{0, 1} {
		b := x.bench(t, 20, &Settings{Memory: memory, Name: func(i int) string { return fmt.Sprint("row ", i) }})
		_, all := e.Path(Grid{})
		_, err := e.One(all[0]).Begin(context.Background(), b, []Part{first})
		if !errors.Is(err, head.ErrNotFinite) || err.Error() != "head: features: row row 7: feature 2: not a finite number; leave the row out or extract it again" {
			t.Errorf("error %v", err)
		}
		if _, err := e.One(all[0]).Begin(context.Background(), b, []Part{{Cells: []int{1}}}); err != nil {
			t.Errorf("a part without it: %v", err)
		}
	}
}

func absentClass(t *testing.T, e *Entry) {
	x := blobs(90, 7, 3, 3, 1)
	for i := range 60 {
		if x.labels[i] == 1 {
			x.labels[i] = 2
		}
	}
	f := fitted(t, e, x.bench(t, 60, &Settings{}), first)[0]
	if !slices.Equal(f.Classes, []int{0, 2}) {
		t.Fatalf("classes %v", f.Classes)
	}
	z := make([]float64, 90*3)
	if err := f.ScoresTo(context.Background(), z, span(0, 90)); err != nil {
		t.Fatal(err)
	}
	for i := range 90 {
		if !math.IsInf(z[3*i+1], -1) || notFinite([]float32{float32(z[3*i]), float32(z[3*i+2])}) >= 0 {
			t.Fatalf("row %d: %v", i, z[3*i:3*i+3])
		}
	}
	if _, k := f.Model().Dims(); k != 2 {
		t.Errorf("%d scores", k)
	}
}

func oneClass(t *testing.T, e *Entry) {
	x := blobs(30, 4, 3, 3, 1)
	for i := range 20 {
		x.labels[i] = 1
	}
	_, all := e.Path(Grid{})
	_, err := e.One(all[0]).Begin(context.Background(), x.bench(t, 20, &Settings{}), []Part{first})
	var bad *ClassesError
	if !errors.As(err, &bad) || *bad != (ClassesError{"first", 1}) {
		t.Errorf("error %v", err)
	}
}

func cancelled(t *testing.T, e *Entry) {
	b := blobs(90, 7, 3, 3, 1).bench(t, 60, &Settings{})
	_, all := e.Path(Grid{})
	path, err := e.One(all[0]).Begin(context.Background(), b, []Part{first})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := path.Next(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// goldens compare each family with a reference.
var goldens = map[string]func(t *testing.T, x *data, g *golden){
	"softmax": func(t *testing.T, x *data, g *golden) {
		for _, want := range g.Path {
			f := x.golden(t, FamilyOf("softmax"), Candidate{Kind: "softmax", Params: head.Params{{Name: head.L2, Value: want.L2}}})
			if rel := f.Fit.Objective/want.Objective - 1; rel < -1e-7 || rel > 1e-6 || f.Fit.Status != head.Converged && !(f.Fit.Gap < 1e-8) {
				t.Errorf("λ = %g: objective %v is %.2g above scikit-learn's: %+v", want.L2, f.Fit.Objective, rel, f.Fit)
			}
			c := len(f.Classes)
			p := make([]float64, c)
			for at := range len(want.Probabilities) / c {
				f.Model().ScoresTo(p, x.row(3*at+2), 1)
				head.SoftmaxTo(p, p, 1)
				for k, v := range p {
					near(t, "probability", v, want.Probabilities[at*c+k], 2e-4)
				}
			}
		}
	},
	"ridge": func(t *testing.T, x *data, _ *golden) {
		_, _, test := training(t)
		for _, want := range closed(t).Ridge {
			f := x.golden(t, FamilyOf("ridge"), Candidate{Kind: "ridge", Params: head.Params{{Name: head.L2, Value: want.L2}}})
			if f.Fit.Status != head.ClosedForm {
				t.Errorf("%+v", f.Fit)
			}
			compareScores(t, "score", f.Model(), test, want.Scores, 1e-8)
		}
	},
	"lda": func(t *testing.T, x *data, _ *golden) {
		_, _, test := training(t)
		for _, want := range closed(t).LDA {
			f := x.golden(t, FamilyOf("lda"), Candidate{Kind: "lda", Params: head.Params{{Name: head.Shrinkage, Value: want.Shrinkage}}})
			if f.Fit.Status != head.ClosedForm {
				t.Errorf("%+v", f.Fit)
			}
			compareProbabilities(t, f.Model(), test, want.Probabilities, 1e-8)
		}
	},
	"lda+softmax": func(t *testing.T, x *data, _ *golden) {
		_, _, test := training(t)
		for i, want := range closed(t).Discriminant {
			c := Candidate{Kind: "lda+softmax", Params: head.Params{{Name: head.L2, Value: want.L2}}}
			if i == 0 { // the other one is estimated
				c.Params = append(c.Params, head.Param{Name: head.Shrinkage, Value: want.Shrinkage})
			}
			f := x.golden(t, FamilyOf("lda+softmax"), c)
			if rel := f.Fit.Objective/want.Objective - 1; math.Abs(rel) > 1e-6 || f.Fit.Status != head.Converged && !(f.Fit.Gap < 1e-8) {
				t.Errorf("objective %v is %.2g above scikit-learn's: %+v", f.Fit.Objective, rel, f.Fit)
			}
			compareProbabilities(t, f.Model(), test, want.Probabilities, 2e-4)
		}
	},
	"knn": func(t *testing.T, x *data, _ *golden) {
		_, _, test := training(t)
		f := x.golden(t, FamilyOf("knn"), KNN{}.candidate())
		want := closed(t).KNN
		for i := range want { // all classes have a hundredth of the votes
			want[i] = (1-head.Doubt)*want[i] + head.Doubt/float64(len(f.Classes))
		}
		compareProbabilities(t, f.Model(), test, want, 1e-5)
	},
	"mlp": goldenMLP,
	"ncm": func(t *testing.T, x *data, g *golden) {
		f := x.golden(t, FamilyOf("ncm"), Candidate{Kind: "ncm"})
		if f.Fit.Status != head.ClosedForm {
			t.Errorf("%+v", f.Fit)
		}
		classes := slices.Compact(slices.Sorted(slices.Values(g.Labels)))
		z := make([]float64, len(f.Classes))
		for i, want := range g.NearestCentroid {
			f.Model().ScoresTo(z, x.row(3*i+2), 1)
			if got := classes[f.Classes[slices.Index(z, slices.Max(z))]]; got != want {
				t.Errorf("row %d: %q, scikit-learn says %q", 3*i+2, got, want)
			}
		}
	},
}

// golden fits a candidate to the training part of the golden features.
func (x *data) golden(t *testing.T, e *Entry, c Candidate) *Fitted {
	t.Helper()
	cell := make([]int, x.N())
	for i := 2; i < len(cell); i += 3 {
		cell[i] = 1
	}
	b, err := NewBench(context.Background(), &Labelled{Rows: x.dense, Labels: x.labels, Classes: x.classes}, &Settings{Tolerance: 1e-10})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Deal(context.Background(), []Deal{{Cell: cell, Cells: 2}}); err != nil {
		t.Fatal(err)
	}
	path, err := e.One(c).Begin(context.Background(), b, []Part{first})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := path.Next(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	return path.Fitted(0)
}

// Every family is a kind of head, and the other way round, and has a golden.
func TestFamilies(t *testing.T) {
	dense, g := small(t)
	classes := slices.Compact(slices.Sorted(slices.Values(g.Labels)))
	x := &data{dense: dense, classes: len(classes)}
	for _, l := range g.Labels {
		k, _ := slices.BinarySearch(classes, l)
		x.labels = append(x.labels, k)
	}
	for _, e := range Families {
		if head.KindOf(e.Kind) == nil {
			t.Errorf("%s is not among head.Kinds", e.Kind)
		}
		for _, grid := range []Grid{{}, {L2: 0.1}, {Points: 7}} {
			if _, all := e.Path(grid); len(all) == 0 || slices.ContainsFunc(all, func(c Candidate) bool { return c.Kind != e.Kind }) {
				t.Errorf("%s: %+v gives %v", e.Kind, grid, all)
			}
		}
		check := goldens[e.Kind]
		if check == nil {
			t.Errorf("%s has no golden", e.Kind)
			continue
		}
		t.Run(e.Kind, func(t *testing.T) { check(t, x, g) })
	}
	for _, k := range head.Kinds {
		if FamilyOf(k.Name) == nil && TargetFamilyOf(k.Name) == nil {
			t.Errorf("no family fits %s", k.Name)
			continue
		}
		var all []Candidate
		grid := Grid{L2: 0.25, Shrinkage: 0.5}
		if e := TargetFamilyOf(k.Name); e != nil {
			_, all = e.Path(grid)
		} else {
			_, all = FamilyOf(k.Name).Path(grid)
		}
		for name, value := range map[string]float64{head.L2: grid.L2, head.Shrinkage: grid.Shrinkage} {
			if told := all[0].Params.Value(name) == value; told != slices.Contains(k.Params, name) {
				t.Errorf("%s: candidates of %+v have %v, and its Params are %v", k.Name, grid, all[0].Params, k.Params)
			}
		}
	}
}

// reading is what a model does to rows first.
type reading struct {
	normalize   bool
	mean, scale []float64
}

func reads(m head.Model) reading {
	if n, ok := m.(*head.Neighbours); ok {
		return reading{n.Normalize, n.Mean, n.Scale}
	}
	if p, ok := m.(*head.Perceptron); ok {
		return reading{p.Normalize, p.Mean, p.Scale}
	}
	a := m.(*head.Affine)
	return reading{a.Normalize, a.Mean, a.Scale}
}

func normalized(t *testing.T, e *Entry) {
	x := blobs(90, 7, 3, 3, 1)
	var want head.Model
	for _, memory := range []int64{0, 1} {
		m := fitted(t, e, x.bench(t, 60, &Settings{Normalize: true, Memory: memory}), first)[0].Model()
		if want == nil {
			want = m
		}
		if !reads(m).normalize || !reflect.DeepEqual(m, want) {
			t.Errorf("memory %d: %+v", memory, m)
		}
		for i := range 90 {
			for j := range 7 {
				x.row(i)[j] *= float32(int(1) << (i % 5)) // exactly
			}
		}
	}
	clear(x.row(3)) // a row of zeros stays one
	m := fitted(t, e, x.bench(t, 60, &Settings{Normalize: true}), first)[0].Model()
	if err := m.Check(); err != nil {
		t.Error(err)
	}
}

func raw(t *testing.T, e *Entry) {
	x := blobs(90, 7, 3, 3, 1)
	f := fitted(t, e, x.bench(t, 60, &Settings{NoStandardize: true}), first)[0]
	m := f.Model()
	for j := range 7 {
		if r := reads(m); r.mean[j] != 0 || r.scale[j] != 1 {
			t.Fatalf("mean %v, scale %v", r.mean, r.scale)
		}
	}
	z, model := make([]float64, 90*3), x.scores(m)
	if err := f.ScoresTo(context.Background(), z, span(0, 90)); err != nil {
		t.Fatal(err)
	}
	p, q := make([]float64, 3), make([]float64, 3)
	for i := range 90 {
		head.SoftmaxTo(p, z[3*i:3*i+3], 1)
		head.SoftmaxTo(q, model[3*i:3*i+3], 1)
		if d := largest(p, q); !(d < 1e-4) {
			t.Fatalf("row %d: probabilities differ by %g", i, d)
		}
	}
}

func extremes(t *testing.T, e *Entry) {
	x := blobs(90, 7, 3, 3, 1)
	o := &Settings{Tolerance: 1e-8}
	want := x.scores(fitted(t, e, x.bench(t, 60, o), first)[0].Model())
	for i := range 90 {
		for j, size := range []float32{0x1p-55, 0x1p110, 1, 0x1p-58, 0x1p30, 0x1p-30, 0x1p100} {
			x.row(i)[j] *= size
		}
	}
	f := fitted(t, e, x.bench(t, 60, o), first)[0]
	if f.problem.shift.factor == nil {
		t.Fatal("the features are not scaled")
	}
	m := f.Model()
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	if d := largest(x.scores(m), want); !(d < 1e-3) {
		t.Errorf("scores differ by %g", d)
	}
}

func starts(t *testing.T, e *Entry) {
	x := blobs(900, 7, 3, 1, 1)
	b := x.bench(t, 450, &Settings{})
	both := Part{Name: "both", Cells: []int{0, 1}}
	cold := fitted(t, e, b, first, Part{Cells: []int{1}}, both)
	both.Start = MeanStart(cold[:2])
	if (both.Start == nil) != (cold[0].Fit.Status == head.ClosedForm || e.Kind == "mlp") || MeanStart(nil) != nil {
		t.Fatalf("start %v after %+v", both.Start, cold[0].Fit)
	}
	warm := fitted(t, e, b, both)[0]
	if d := largest(x.scores(warm.Model()), x.scores(cold[2].Model())); !(d < 0.1) {
		t.Errorf("scores differ by %g", d)
	}
	if warm.Fit.Status != cold[2].Fit.Status || warm.Fit.Passes > cold[2].Fit.Passes {
		t.Errorf("from a start %+v, from zero %+v", warm.Fit, cold[2].Fit)
	}
}

// failing fails to read rows once it is told to.
type failing struct {
	*dense
	now bool
}

var errDisk = errors.New("disk on fire")

func (x *failing) BlockTo(dst []float32, lo, hi int) error {
	if x.now {
		return errDisk
	}
	return x.dense.BlockTo(dst, lo, hi)
}

func rowsFail(t *testing.T, e *Entry) {
	x := blobs(90, 7, 3, 3, 1)
	rows := &failing{dense: x.dense}
	ctx := context.Background()
	b, err := NewBench(ctx, &Labelled{Rows: rows, Labels: x.labels, Classes: 3}, &Settings{Memory: 1})
	if err != nil {
		t.Fatal(err)
	}
	deal := []Deal{{Cell: make([]int, 90), Cells: 1}}
	rows.now = true
	if err := b.Deal(ctx, deal); !errors.Is(err, errDisk) {
		t.Errorf("deal: %v", err)
	}
	if _, err := NewBench(ctx, &Labelled{Rows: rows, Labels: x.labels, Classes: 3}, nil); !errors.Is(err, errDisk) {
		t.Errorf("rows that are held: %v", err)
	}
	rows.now = false
	if err := b.Deal(ctx, deal); err != nil {
		t.Fatal(err)
	}
	_, all := e.Path(Grid{})
	path, err := e.One(all[0]).Begin(ctx, b, []Part{first})
	if err != nil {
		t.Fatal(err)
	}
	rows.now = true
	if _, err := path.Next(ctx, nil); !errors.Is(err, errDisk) {
		t.Errorf("next: %v", err)
	}
	rows.now = false
	f := fitted(t, e, b, first)[0]
	rows.now = true
	if err := f.ScoresTo(ctx, make([]float64, 3), []int{1}); !errors.Is(err, errDisk) {
		t.Errorf("scores: %v", err)
	}
	if err := f.ScoresTo(ctx, make([]float64, 4), []int{1}); err == nil {
		t.Error("room for 4 scores is taken for 3")
	}
}
