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
		m.applyTo(w, g)
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
