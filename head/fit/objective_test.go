package fit

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/floats"
)

// data is labelled rows.
type data struct {
	*dense
	labels  []int
	classes int
	weights []float64
}

// blobs returns n rows of d features around the centres of c classes at a
// distance of about far.
func blobs(n, d, c int, far float64, seed uint64) *data {
	rng := rand.New(rand.NewPCG(seed, 1))
	centres := make([]float64, c*d)
	for i := range centres {
		centres[i] = far * rng.NormFloat64() / math.Sqrt(float64(d))
	}
	x := &data{dense: &dense{d: d}, classes: c}
	for i := range n {
		k := i % c
		for j := range d {
			x.values = append(x.values, float32(centres[k*d+j]+rng.NormFloat64()))
		}
		x.labels = append(x.labels, k)
	}
	return x
}

// bench deals the rows of x into two cells, those from at on into the second
// one.
func (x *data) bench(t testing.TB, at int, o *Settings) *Bench {
	t.Helper()
	own := *o
	own.Weights.Rows = x.weights
	b, err := NewBench(context.Background(), &Labelled{Rows: x.dense, Labels: x.labels, Classes: x.classes}, &own)
	if err != nil {
		t.Fatal(err)
	}
	cell := make([]int, x.N())
	for i := at; i < len(cell); i++ {
		cell[i] = 1
	}
	if err := b.Deal(context.Background(), []Deal{{Cell: cell, Cells: 2}}); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGradient compares the gradient with finite differences, with weights and
// a standardisation of its own.
func TestGradient(t *testing.T) {
	const n, d, c = 70, 5, 3
	ctx := context.Background()
	data := blobs(n, d, c, 3, 7)
	for i := range n {
		data.weights = append(data.weights, 0.5+float64(i%3))
	}
	p, err := data.bench(t, n-9, &Settings{}).problem(&Part{Cells: []int{0}})
	if err != nil {
		t.Fatal(err)
	}
	p.lambda = 0.03
	rng := rand.New(rand.NewPCG(1, 2))
	theta := make([]float64, c*d+c)
	for i := range theta {
		theta[i] = rng.NormFloat64()
	}
	grad := make([]float64, len(theta))
	value := func(theta []float64) float64 {
		f, err := p.evaluate(ctx, theta[:c*d], theta[c*d:], grad[:c*d], grad[c*d:])
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	value(theta)
	got := append([]float64(nil), grad...)
	// Products are float32, so that the step has to be large and the formula of
	// high order.
	want := fd.Gradient(nil, value, theta, &fd.Settings{Formula: fd.Formula{
		Stencil: []fd.Point{{Loc: -2, Coeff: 1.0 / 12}, {Loc: -1, Coeff: -8.0 / 12}, {Loc: 1, Coeff: 8.0 / 12}, {Loc: 2, Coeff: -1.0 / 12}}, Derivative: 1, Step: 0.02,
	}})
	if diff := floats.Distance(got, want, math.Inf(1)); diff > 3e-6 {
		t.Errorf("gradient differs by %.2g from finite differences\n%v\n%v", diff, got, want)
	}

	// The value, in float64 from the definition.
	loss, square := 0.0, floats.Dot(theta[:c*d], theta[:c*d])
	for i, r := range p.rows {
		z := make([]float64, c)
		for k := range c {
			z[k] = theta[c*d+k]
			for j := range d {
				z[k] += theta[k*d+j] * (float64(data.values[r*d+j]) - p.mean[j]) / p.scale[j]
			}
		}
		loss += p.weight[i] * (floats.LogSumExp(z) - z[p.labels[i]])
	}
	near(t, "objective", value(theta), loss/float64(len(p.rows))+p.lambda/2*square, 1e-6)
}

// TestLanes: sums over many rows do not depend on the number of goroutines, nor
// on where rows are read from.
func TestLanes(t *testing.T) {
	const n, d, c = 5000, 7, 4
	ctx := context.Background()
	data := blobs(n, d, c, 2, 3)
	var first []float64
	for _, memory := range []int64{1 << 30, 1} {
		for _, threads := range []int{1, 2, 5} {
			b := data.bench(t, 3, &Settings{Memory: memory})
			if (b.x.held == nil) != (memory == 1) {
				t.Fatal("rows are held in memory, or not, against what was asked for")
			}
			p, err := b.problem(&Part{Cells: []int{1}})
			if err != nil {
				t.Fatal(err)
			}
			p.lambda, p.threads = 0.1, threads
			w, bias, g := make([]float64, c*d), make([]float64, c), make([]float64, c*d+c+1)
			for i := range w {
				w[i] = math.Sin(float64(i))
			}
			if g[c*d+c], err = p.evaluate(ctx, w, bias, g[:c*d], g[c*d:c*d+c]); err != nil {
				t.Fatal(err)
			}
			if len(p.lanes) != maxLanes {
				t.Fatalf("%d lanes", len(p.lanes))
			}
			if first == nil {
				first = g
			}
			if !floats.Equal(g, first) {
				t.Errorf("memory %d, %d threads: other sums", memory, threads)
			}
		}
	}
}

// TestBatch: an evaluation over some of the rows is the objective of a fit to
// them alone, but for the standardisation; and probabilities are written where
// the row is.
func TestBatch(t *testing.T) {
	const n, d, c = 900, 21, 5
	ctx := context.Background()
	data := blobs(n, d, c, 3, 7)
	for i := range n {
		data.weights = append(data.weights, 0.5+float64(i%3))
	}
	p, err := data.bench(t, n-100, &Settings{}).problem(&Part{Cells: []int{0}})
	if err != nil {
		t.Fatal(err)
	}
	p.lambda = 0.03
	rng := rand.New(rand.NewPCG(1, 2))
	theta := make([]float64, c*d+c)
	for i := range theta {
		theta[i] = rng.NormFloat64()
	}
	w, b := theta[:c*d], theta[c*d:]
	batch := rng.Perm(len(p.rows))[:700]
	p.probs = make([]float32, c*len(p.rows))
	for i := range p.probs {
		p.probs[i] = -1
	}
	got := make([]float64, c*d+c+1)
	if got[c*d+c], err = p.evaluateBatch(ctx, batch, w, b, got[:c*d], got[c*d:c*d+c]); err != nil {
		t.Fatal(err)
	}
	some := *p
	some.lanes, some.rows, some.labels, some.weight, some.probs = nil, nil, nil, nil, nil
	slices.Sort(batch)
	for _, i := range batch {
		some.rows, some.labels, some.weight = append(some.rows, p.rows[i]), append(some.labels, p.labels[i]), append(some.weight, p.weight[i])
	}
	want := make([]float64, len(got))
	some.probs = make([]float32, c*len(batch))
	if want[c*d+c], err = some.evaluate(ctx, w, b, want[:c*d], want[c*d:c*d+c]); err != nil {
		t.Fatal(err)
	}
	if !floats.Equal(got, want) {
		t.Errorf("batch: %v, alone %v", got[c*d:], want[c*d:])
	}
	in := make([]int, len(p.rows))
	for j, i := range batch {
		in[i] = j + 1
	}
	z := make([]float64, c)
	for i, j := range in {
		if err := p.wideTo(z, p.rows[i], &solution{w: w, b: b}); err != nil {
			t.Fatal(err)
		}
		softmaxLogTo(z)
		for k := range c {
			got := p.probs[k*len(p.rows)+i]
			if j == 0 {
				if got != -1 {
					t.Fatalf("row at %d is not in the batch, and its probabilities were written", i)
				}
				continue
			}
			near(t, "probability", float64(got), z[k], 1e-5)
			if got != some.probs[k*len(batch)+j-1] {
				t.Fatalf("row at %d, class %d: %v, alone %v", i, k, got, some.probs[k*len(batch)+j-1])
			}
		}
	}
}
