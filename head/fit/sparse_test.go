package fit

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// sparseGolden is testdata/sparse.json.gz, which testdata/generate_sparse.py
// writes.
type sparseGolden struct {
	D        int
	Columns  [][]int32
	Counts   [][]float32
	TFIDF    [][]float64 // of every 50th row
	Front    [][]float32
	Problems []sparseProblem

	counts *Sparse
	train  []int
	tfidf  *TFIDF
	x      *Sparse
}

type sparseProblem struct {
	Labels        []int
	Classes       int
	L2            float64
	Weights       []float64
	Front         bool
	Objective     float64
	Present       []int
	Probabilities [][]float64 // of every 50th row
}

func readSparse(t testing.TB) *sparseGolden {
	t.Helper()
	f, err := os.Open("testdata/sparse.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	g := new(sparseGolden)
	if err := json.NewDecoder(z).Decode(g); err != nil {
		t.Fatal(err)
	}
	g.counts = NewSparse(g.D)
	for i := range g.Columns {
		if err := g.counts.Append(g.Columns[i], g.Counts[i]); err != nil {
			t.Fatal(err)
		}
		if i%3 != 0 {
			g.train = append(g.train, i)
		}
	}
	g.tfidf = NewTFIDF(g.counts, g.train)
	g.x = g.tfidf.Apply(g.counts)
	return g
}

// rows are those of a problem.
func (g *sparseGolden) rows(t testing.TB, p *sparseProblem) *SparseRows {
	t.Helper()
	r := &SparseRows{X: g.x, Used: g.train, Classes: p.Classes, Weights: p.Weights}
	if p.Front {
		var err error
		if r.X, err = g.x.Behind(len(g.Front[0]), slices.Concat(g.Front...)); err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range g.train {
		r.Labels = append(r.Labels, p.Labels[i])
	}
	return r
}

// TF-IDF of counts is that of scikit-learn's TfidfTransformer.
func TestTFIDF(t *testing.T) {
	g := readSparse(t)
	for i, want := range g.TFIDF {
		_, got := g.x.Row(50 * i)
		if len(got) != len(want) {
			t.Fatalf("row %d has %d values, want %d", 50*i, len(got), len(want))
		}
		for j, v := range got {
			near(t, fmt.Sprintf("row %d, value %d", 50*i, j), float64(v), want[j], 1e-6)
		}
	}
}

// A fit to sparse rows ends where scikit-learn's does, and its gap is the true
// one: with two and with many classes, with weights, with columns in front,
// with strong and weak λ.
func TestSparseSoftmax(t *testing.T) {
	g := readSparse(t)
	for i := range g.Problems {
		p := &g.Problems[i]
		t.Run(fmt.Sprintf("%d classes λ=%g weights=%v front=%v", p.Classes, p.L2, p.Weights != nil, p.Front), func(t *testing.T) {
			r := g.rows(t, p)
			m, err := SparseSoftmax{L2: p.L2, Tolerance: 1e-7}.Fit(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			coarse, err := SparseSoftmax{L2: p.L2}.Fit(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d passes to 1e-4, %d to 1e-7", coarse.Fit.Passes, m.Fit.Passes)
			if m.Fit.Status != head.Converged || m.Fit.Gap > 1e-7 {
				t.Errorf("ended as %s with a gap of %g after %d passes", m.Fit.Status, m.Fit.Gap, m.Fit.Passes)
			}
			if gap := m.Fit.Objective/p.Objective - 1; math.Abs(gap) > 1e-6 {
				t.Errorf("objective %v, that of scikit-learn is %v: a gap of %g", m.Fit.Objective, p.Objective, gap)
			}
			if gap := coarse.Fit.Objective/p.Objective - 1; gap > 1.5*coarse.Fit.Gap+1e-6 {
				t.Errorf("gap of %g, said to be %g", gap, coarse.Fit.Gap)
			}
			z := make([]float64, p.Classes)
			worst := 0.0
			for k, want := range p.Probabilities {
				m.ScoresTo(z, r.X, 50*k)
				head.SoftmaxTo(z, z, 1)
				for j, y := range p.Present {
					worst = max(worst, math.Abs(z[y]-want[j]))
				}
			}
			if !(worst < 1e-3) {
				t.Errorf("probabilities differ by %g", worst)
			}
		})
	}
}

// A fit that starts from another λ ends at the same optimum, in fewer passes.
func TestSparseStart(t *testing.T) {
	g := readSparse(t)
	r := g.rows(t, &g.Problems[4])
	strong, err := SparseSoftmax{L2: 2e-4}.Fit(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	cold, err := SparseSoftmax{L2: 1e-4, Tolerance: 1e-6}.Fit(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	warm, err := SparseSoftmax{L2: 1e-4, Tolerance: 1e-6, Start: strong.End()}.Fit(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "objective", warm.Fit.Objective, cold.Fit.Objective, 2e-6)
	if warm.Fit.Passes >= cold.Fit.Passes {
		t.Errorf("%d passes from another λ, %d from zero", warm.Fit.Passes, cold.Fit.Passes)
	}
}

// The same rows give the same bits, and a row of weight 2 is the same as a row
// given twice.
func TestSparseAgain(t *testing.T) {
	g := readSparse(t)
	r := g.rows(t, &g.Problems[3])
	scores := func(s SparseSoftmax, r *SparseRows) []float64 {
		t.Helper()
		m, err := s.Fit(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		z := make([]float64, r.Classes)
		m.ScoresTo(z, g.x, 3)
		return z
	}
	s := SparseSoftmax{L2: 1e-3}
	if a, b := scores(s, r), scores(s, r); !slices.Equal(a, b) {
		t.Errorf("%v and then %v", a, b)
	}
	r.Weights = slices.Repeat([]float64{1}, len(r.Labels))
	twice := &SparseRows{X: g.x, Classes: r.Classes, Used: slices.Clone(r.Used), Labels: slices.Clone(r.Labels)}
	for i := 0; i < len(r.Labels); i += 3 {
		r.Weights[i] = 2
		twice.Used, twice.Labels = append(twice.Used, r.Used[i]), append(twice.Labels, r.Labels[i])
	}
	for i := range r.Weights {
		r.Weights[i] *= float64(len(r.Labels)) / float64(len(twice.Labels))
	}
	s.Tolerance = 1e-9
	a, b := scores(s, r), scores(s, twice)
	for k := range a {
		near(t, fmt.Sprintf("score %d", k), a[k], b[k], 1e-3)
	}
}

// Rows that separate, equal rows, rows of zeros, weights of zero and very weak
// λ end with a gap that is kept, and a class without rows is never predicted.
func TestOddSparseRows(t *testing.T) {
	x := NewSparse(3)
	for _, row := range [][]float32{{1, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 1, 0}, {0, 0, 0}, {0, 0, 0}, {0, 0, 1e-20}, {0, 0, 20}} {
		var columns []int32
		var values []float32
		for c, v := range row {
			if v != 0 {
				columns, values = append(columns, int32(c)), append(values, v)
			}
		}
		if err := x.Append(columns, values); err != nil {
			t.Fatal(err)
		}
	}
	for _, weights := range [][]float64{nil, {1, 1, 1, 1, 0, 4, 0, 0}} {
		for _, l2 := range []float64{1e-8, 1e-5, 1e-3, 1, 1e6} {
			r := &SparseRows{X: x, Labels: []int{0, 0, 2, 2, 0, 2, 3, 3}, Classes: 5, Weights: weights}
			m, err := SparseSoftmax{L2: l2, Passes: 2000}.Fit(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if m.Fit.Status != head.Converged || !(m.Fit.Gap <= 1e-4) || m.Fit.Objective-m.Fit.Objective != 0 {
				t.Errorf("λ = %g, weights %v: %+v", l2, weights, m.Fit)
			}
			z := make([]float64, 5)
			m.ScoresTo(z, x, 0)
			if !math.IsInf(z[1], -1) || !math.IsInf(z[4], -1) || math.IsInf(z[0], 0) || math.IsNaN(z[0]) {
				t.Errorf("λ = %g: scores %v", l2, z)
			}
		}
	}
}

// What cannot be fitted is said.
func TestSparseRefused(t *testing.T) {
	x := NewSparse(2)
	for _, bad := range []struct {
		columns []int32
		values  []float32
		says    string
	}{
		{[]int32{0, 0}, []float32{1, 1}, "column 0 of 2: out of range, or not ascending"},
		{[]int32{2}, []float32{1}, "column 2 of 2"},
		{[]int32{-1}, []float32{1}, "column -1 of 2"},
		{[]int32{1}, []float32{float32(math.NaN())}, "column 1 is NaN"},
		{[]int32{1}, nil, "0 values for 1 columns"},
	} {
		if err := x.Append(bad.columns, bad.values); err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%v %v: %v", bad.columns, bad.values, err)
		}
	}
	for range 3 {
		if err := x.Append([]int32{1}, []float32{1}); err != nil {
			t.Fatal(err)
		}
	}
	if x.N() != 3 || x.D() != 2 || x.Len() != 3 {
		t.Errorf("%d rows, %d columns, %d values", x.N(), x.D(), x.Len())
	}
	if _, err := x.Behind(2, make([]float32, 5)); err == nil {
		t.Error("5 values in front of 3 rows are taken")
	}
	if _, err := x.Behind(1, []float32{1, float32(math.Inf(1)), 1}); err == nil || !strings.Contains(err.Error(), "row 1: column 0 in front is +Inf") {
		t.Error(err)
	}
	fine := SparseRows{X: x, Labels: []int{0, 1, 1}, Classes: 2}
	for says, try := range map[string]struct {
		s SparseSoftmax
		r SparseRows
	}{
		"λ is 0, it must be positive": {SparseSoftmax{}, fine},
		"tolerance 1 is not":          {SparseSoftmax{L2: 1, Tolerance: 1}, fine},
		"-1 passes":                   {SparseSoftmax{L2: 1, Passes: -1}, fine},
		"2 labels and 0 weights":      {SparseSoftmax{L2: 1}, SparseRows{X: x, Labels: []int{0, 1}, Classes: 2}},
		"label 2 of 2 classes":        {SparseSoftmax{L2: 1}, SparseRows{X: x, Labels: []int{0, 1, 2}, Classes: 2}},
		"row 3 of 3":                  {SparseSoftmax{L2: 1}, SparseRows{X: x, Used: []int{0, 3}, Labels: []int{0, 1}, Classes: 2}},
		"weight NaN":                  {SparseSoftmax{L2: 1}, SparseRows{X: x, Labels: fine.Labels, Classes: 2, Weights: []float64{1, 1, math.NaN()}}},
		"rows of 1 of 2 classes":      {SparseSoftmax{L2: 1}, SparseRows{X: x, Labels: []int{1, 1, 1}, Classes: 2}},
		"of other rows":               {SparseSoftmax{L2: 1, Start: new(SparseStart)}, fine},
	} {
		if _, err := try.s.Fit(t.Context(), &try.r); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := (SparseSoftmax{L2: 1}).Fit(stopped, &fine); err != context.Canceled {
		t.Errorf("stopped: %v", err)
	}
}

// Wright's ω is the solution of ω + ln ω = y wherever a fit may ask.
func TestWright(t *testing.T) {
	for y := -700.0; y < 1e9; y += 0.01 + math.Abs(y)/50 {
		w := wright(y)
		near(t, fmt.Sprintf("ω(%g) + ln ω", y), w+math.Log(w), y, 1e-12)
	}
}

func BenchmarkSparseSoftmax(b *testing.B) {
	g := readSparse(b)
	for _, i := range []int{0, 3, 5, 6} {
		p := &g.Problems[i]
		r := g.rows(b, p)
		b.Run(fmt.Sprintf("%d-classes-front-%v", p.Classes, p.Front), func(b *testing.B) {
			for b.Loop() {
				if _, err := (SparseSoftmax{L2: p.L2}).Fit(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
