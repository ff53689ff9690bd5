package fit

import (
	"context"
	"math"
	"testing"

	"gonum.org/v1/gonum/floats"
)

// cosines is a gradient of n numbers.
func cosines(n int) []float64 {
	g := make([]float64, n)
	for i := range g {
		g[i] = math.Cos(float64(i))
	}
	return g
}

// TestWhitening: the covariance is that of the rows, and the metric solves
// (a·Cov + λI)·W = G, whether it is factorised in float64 or in float32.
func TestWhitening(t *testing.T) {
	const n, d, c = 400, 150, 2
	ctx := context.Background()
	x := blobs(n, d, c, 2, 9)
	for i := range n {
		x.weights = append(x.weights, 0.5+float64(i%3))
	}
	p, err := x.bench(t, n, &Settings{}).problem(&first)
	if err != nil {
		t.Fatal(err)
	}
	cov, err := newCovariance(ctx, &p.objective, n, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range d {
		near(t, "variance of a standardised feature", cov.lower[i*d+i], 1, 1e-5)
	}
	const a, lambda = 0.25, 0.01
	fine, err := whiten(ctx, cov, a, lambda, 2)
	if err != nil {
		t.Fatal(err)
	}
	g, w := cosines(c*d+c), make([]float64, c*d+c)
	for _, m := range []struct {
		*whitening
		off float64
	}{{fine, 1e-4}, {whitenCoarsely(cov, a, lambda, 1), 1e-2}} {
		m.applyTo([][]float64{w}, [][]float64{g})
		for k := range c {
			near(t, "intercept", w[c*d+k], g[c*d+k]/a, 1e-12)
			back := make([]float64, d)
			for i := range d {
				back[i] = lambda * w[k*d+i]
				for j := range d {
					back[i] += a * cov.lower[max(i, j)*d+min(i, j)] * w[k*d+j]
				}
			}
			if diff := floats.Distance(back, g[k*d:(k+1)*d], math.Inf(1)); !(diff < m.off) {
				t.Errorf("there and back: %.2g off", diff)
			}
		}
	}
}

// TestTwoAtOnce: a metric gives two gradients what it gives each alone, and is
// symmetric, with factors of whole classes and of their leading directions.
func TestTwoAtOnce(t *testing.T) {
	const n, d, c = 600, 150, 3
	ctx := context.Background()
	p, err := blobs(n, d, c, 2, 9).bench(t, n, &Settings{}).problem(&first)
	if err != nil {
		t.Fatal(err)
	}
	o := &p.objective
	o.threads = 1
	cov, err := newCovariance(ctx, o, n, 1)
	if err != nil {
		t.Fatal(err)
	}
	probs := make([]float32, c*n)
	for i := range n {
		z := []float64{math.Sin(float64(i)), math.Cos(float64(3 * i)), 0.3}
		softmaxLogTo(z)
		for k, v := range z {
			probs[k*n+i] = float32(v)
		}
	}
	v, err := newDirections(ctx, cov, leadingDirections)
	if err != nil {
		t.Fatal(err)
	}
	part, err := newLeading(ctx, o, v, probs, mostRows, 1)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := newCoupled(ctx, o, probs, mostRows, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]factors{"leading": part, "coupled": whole} {
		if err := m.factorise(ctx, 0.01, 1); err != nil {
			t.Fatal(err)
		}
		g := [][]float64{cosines(c * (d + 1)), cosines(c * (d + 1))}
		for i := range g[1] {
			g[1][i] *= math.Sin(float64(5 * i))
		}
		for _, g := range g {
			centre(g[:c*d], c) // as gradients are
			centre(g[c*d:], c)
		}
		both := [][]float64{make([]float64, len(g[0])), make([]float64, len(g[0]))}
		m.applyTo(both, g)
		for i := range g {
			alone := make([]float64, len(g[i]))
			m.applyTo([][]float64{alone}, g[i:i+1])
			if off := floats.Distance(alone, both[i], 2) / floats.Norm(alone, 2); !(off < 1e-5) {
				t.Errorf("%s: gradient %d: %.2g off", name, i, off)
			}
			if curved := floats.Dot(alone, g[i]); !(curved > 0) {
				t.Errorf("%s: gradient %d: curvature %v", name, i, curved)
			}
		}
		scale := math.Sqrt(floats.Dot(both[0], g[0]) * floats.Dot(both[1], g[1]))
		if off := math.Abs(floats.Dot(both[0], g[1])-floats.Dot(both[1], g[0])) / scale; !(off < 1e-5) {
			t.Errorf("%s: %.2g from symmetric", name, off)
		}
	}
}
