package experiment

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/floats"
)

// tableOf prepares all labelled rows of d for a fit, held within memory bytes.
func tableOf(t *testing.T, d *Data, memory int64, standardize bool) *table {
	t.Helper()
	s := &training{Settings: &Settings{CV: 2, Memory: memory, NoStandardize: !standardize}, data: d, result: &Result{}}
	if err := s.prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s.table
}

// TestGradient compares the gradient with finite differences, with weights and a standardisation of its own.
func TestGradient(t *testing.T) {
	const n, d, c = 70, 5, 3
	ctx := context.Background()
	data := blobs(n, d, c, 3, 7)
	for i := range n {
		data.Weights = append(data.Weights, 0.5+float64(i%3))
	}
	tab := tableOf(t, data, 1<<20, true)
	rows := tab.x.span(0, n-9) // the moments differ from those of all rows
	p, err := tab.problem(ctx, rows, "test")
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
	// Products are float32, so that the step has to be large and the formula of high order.
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
				raw := float64(data.Rows.(*dense).values[r*d+j])
				mean := tab.x.center[j] + tab.x.spread[j]*p.moments.mean[j]
				z[k] += theta[k*d+j] * (raw - mean) / (tab.x.spread[j] * p.moments.scale[j])
			}
		}
		loss += p.weight[i] * (floats.LogSumExp(z) - z[p.labels[i]])
	}
	near(t, "objective", value(theta), loss/float64(len(p.rows))+p.lambda/2*square, 1e-6)
}

// TestLanes: sums over many rows do not depend on the number of goroutines, nor on where rows are read from.
func TestLanes(t *testing.T) {
	const n, d, c = 5000, 7, 4
	ctx := context.Background()
	data := blobs(n, d, c, 2, 3)
	var first []float64
	for _, memory := range []int64{1 << 30, 1} {
		for _, threads := range []int{1, 2, 5} {
			tab := tableOf(t, data, memory, true)
			if (tab.x.held == nil) != (memory == 1) {
				t.Fatal("rows are held in memory, or not, against what was asked for")
			}
			p, err := tab.problem(ctx, tab.x.span(3, n), "test")
			if err != nil {
				t.Fatal(err)
			}
			p.lambda, p.threads = 0.1, threads
			w, b, g := make([]float64, c*d), make([]float64, c), make([]float64, c*d+c+1)
			for i := range w {
				w[i] = math.Sin(float64(i))
			}
			if g[c*d+c], err = p.evaluate(ctx, w, b, g[:c*d], g[c*d:c*d+c]); err != nil {
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

// TestManyClasses goes through all panels of the products: more classes than a panel, features that are no multiple of one.
func TestManyClasses(t *testing.T) {
	const n, d, c = 600, 150, 200
	data := blobs(n, d, c, 30, 5)
	r := train(t, data, &Settings{L2: 1e-3, Split: &Split{Train: 1}, Calibrate: "none"})
	p := make([]float64, c)
	wrong := 0
	for i := range n {
		if err := r.Head.ProbabilitiesTo(p, data.Rows.(*dense).row(i), 1); err != nil {
			t.Fatal(err)
		}
		if r.Head.Classes[floats.MaxIdx(p)] != data.Labels[i] {
			wrong++
		}
	}
	if wrong > 0 || r.Fit.Status != "converged" {
		t.Errorf("%d of %d rows that are far apart are wrong after a fit to them: %+v", wrong, n, r.Fit)
	}
}

// TestConditioning: features of very different size, without standardisation, and more features than rows.
func TestConditioning(t *testing.T) {
	data := blobs(60, 90, 3, 3, 11)
	x := data.Rows.(*dense)
	for i := range x.values {
		x.values[i] = x.values[i]*float32(math.Pow(10, float64(i%x.d%7)-3)) + 100
	}
	for _, no := range []bool{false, true} {
		r := train(t, data, &Settings{L2: 1e-3, NoStandardize: no, Calibrate: "none", CV: 3, Tolerance: 1e-5})
		if r.Fit.Status != "converged" {
			t.Errorf("NoStandardize %v: %+v", no, r.Fit)
		}
	}
}

func TestWhitening(t *testing.T) {
	const n, d, c = 80, 150, 2
	ctx := context.Background()
	tab := tableOf(t, blobs(n, d, c, 2, 9), 1<<30, true)
	cov, err := tab.x.covariance(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range d {
		near(t, "variance of a standardised feature", cov[i*d+i], 1, 1e-6)
	}
	p, err := whiten(ctx, cov, d, 0.25, 0.01, 2)
	if err != nil {
		t.Fatal(err)
	}
	w, v, back := make([]float64, c*d), make([]float64, c*d), make([]float64, c*d)
	for i := range w {
		w[i] = math.Cos(float64(i))
	}
	p.coordinatesTo(v, w)
	p.weightsTo(back, v)
	if diff := floats.Distance(w, back, math.Inf(1)); diff > 1e-4 {
		t.Errorf("there and back: %.2g off", diff)
	}
	// ‖V‖² = W·M·Wᵀ
	for k := range c {
		m := 0.0
		for i := range d {
			for j := range d {
				s := cov[min(i, j)*d+max(i, j)] * 0.25
				if i == j {
					s += 0.01
				}
				m += w[k*d+i] * s * w[k*d+j]
			}
		}
		near(t, "‖V‖²", floats.Dot(v[k*d:(k+1)*d], v[k*d:(k+1)*d]), m, 1e-9)
	}
	// The two ways are adjoint: ⟨V·K, G⟩ = ⟨V, G·Kᵀ⟩.
	g := make([]float64, c*d)
	for i := range g {
		g[i] = math.Sin(3 * float64(i))
	}
	p.gradientTo(back, g)
	left := floats.Dot(v, back)
	p.weightsTo(back, v)
	near(t, "adjoint", floats.Dot(back, g), left, 1e-5)
}
