//go:build amd64 && !purego

package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// vectors runs a test with each set of vector instructions that there is.
func vectors(t *testing.T, test func(t *testing.T)) {
	for i := AVX2; i <= Most(); i++ {
		t.Run(i.String(), func(t *testing.T) {
			defer Limit(i)()
			test(t)
		})
	}
}

// fenced returns n elements with sentinels behind them, and what checks that
// they stand.
func fenced[E float32 | float64](n int, sentinel E) (x []E, stand func(t *testing.T)) {
	const fence = 64
	all := make([]E, n+fence)
	for i := n; i < len(all); i++ {
		all[i] = sentinel
	}
	return all[:n:n], func(t *testing.T) {
		t.Helper()
		for _, v := range all[n:] {
			if v != sentinel {
				t.Fatal("written behind the end")
			}
		}
	}
}

// within fails unless got is within tol of want, relative to scale.
func within(t *testing.T, what string, got, want, tol, scale float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*max(scale, math.Abs(want))) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// TestPass compares what passes are made of with sums from the definition,
// over shapes with and without rests.
func TestPass(t *testing.T) {
	type shape struct{ n, d, c int }
	shapes := []shape{{1, 1, 2}, {3, 15, 2}, {4, 16, 3}, {5, 17, 4}, {128, 384, 10}, {127, 385, 26}, {64, 1280, 7}, {33, 1300, 13}, {16, 768, 12}, {9, 31, 300}, {100, 33, 25}, {31, 8, 6}, {77, 47, 1}, {128, 1552, 5}}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		shapes = append(shapes, shape{1 + rng.IntN(PassRows), 1 + rng.IntN(200), 1 + rng.IntN(40)})
	}
	vectors(t, func(t *testing.T) {
		for _, s := range shapes {
			t.Run(fmt.Sprintf("%d×%d, C=%d", s.n, s.d, s.c), func(t *testing.T) { testPass(t, s.n, s.d, s.c) })
		}
	})
}

func testPass(t *testing.T, n, d, c int) {
	rng := rand.New(rand.NewPCG(uint64(n), uint64(d*1000+c)))
	normal := func(x []float32) {
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
	}
	nan := float32(math.NaN())
	all := make([]float32, (n+7)*d)
	normal(all)
	p := &Picked{X: all, D: d, Rows: rng.Perm(n + 7)[:n]}
	in := make([]bool, n+7)
	for _, r := range p.Rows {
		in[r] = true
	}
	for r, in := range in { // no row that is not picked is read
		if !in {
			for j := range d {
				all[r*d+j] = nan
			}
		}
	}
	w := make([]float32, c*d)
	normal(w)
	z, standZ := fenced(c*PassRows, float32(1e30))
	for i := range z {
		z[i] = nan
	}
	p.LogitsTo(z, w, c)
	standZ(t)
	want := make([]float64, c*PassRows)
	for k := range c {
		for i, r := range p.Rows {
			sum, size := 0.0, 0.0
			for j := range d {
				v := float64(all[r*d+j]) * float64(w[k*d+j])
				sum += v
				size += math.Abs(v)
			}
			within(t, "logit", float64(z[k*PassRows+i]), sum, 2e-7, size)
			want[k*PassRows+i] = sum
		}
		for i := n; i < (n+15)&^15; i++ {
			if z[k*PassRows+i] != 0 {
				t.Fatal("a logit behind the rows")
			}
		}
	}

	// Residuals of small and of large logits.
	s := &Softmax{Bias: make([]float32, c)}
	normal(s.Bias)
	for i := range n {
		s.Labels[i] = int32(rng.IntN(c))
		s.Weights[i] = rng.Float32() * 3
	}
	scale := []float32{0, 1e-3, 1, 40}[rng.IntN(4)]
	for i := range z {
		z[i] *= scale
	}
	given := append([]float32(nil), z...)
	prob, standP := fenced(c*PassRows, float32(1e30))
	s.Probabilities = prob
	s.ResidualsTo(z, n)
	standZ(t)
	standP(t)
	sums := make([]float64, c)
	for i := range n {
		y := s.Labels[i]
		top := float32(math.Inf(-1))
		for k := range c {
			top = max(top, given[k*PassRows+i]+s.Bias[k])
		}
		sum, others, curved := 0.0, 0.0, 0.0
		e := make([]float64, c)
		for k := range c {
			e[k] = math.Exp(max(float64(given[k*PassRows+i]+s.Bias[k]-top), -87))
			sum += e[k]
			if int32(k) != y {
				others += e[k]
			}
		}
		below, gotSum, gotCurved := s.Row(i)
		within(t, "below the largest", below, float64(top-(given[int(y)*PassRows+i]+s.Bias[y])), 0, 0)
		within(t, "sum", gotSum, sum, 1e-6, 0)
		for k := range c {
			v, rest := e[k]/sum, 1-e[k]/sum
			within(t, "probability", float64(prob[k*PassRows+i]), v, 1e-6, 1e-37)
			if int32(k) == y {
				rest = others / sum
				v = -rest
			}
			v *= float64(s.Weights[i])
			within(t, "residual", float64(z[k*PassRows+i]), v, 2e-6, 1e-37)
			sums[k] += v
			curved += e[k] / sum * rest
		}
		within(t, "curvature", gotCurved, curved, 1e-6, 1)
	}
	got := make([]float64, c)
	AddSums(got, z, n)
	AddSums(got, z, n)
	for k := range c {
		within(t, "sum of residuals", got[k], 2*sums[k], 1e-6, float64(n))
	}

	// Their products with the rows.
	size := (c*d + 15) &^ 15
	g, standG := fenced(size, float32(1e30))
	normal(g)
	before := append([]float32(nil), g...)
	next := p.Rows
	if n%2 == 0 {
		next = nil
	}
	p.AddOuter(g, z, c, next)
	standG(t)
	for k := range c {
		for j := range d {
			sum, size := float64(before[k*d+j]), math.Abs(float64(before[k*d+j]))
			for i, r := range p.Rows {
				v := float64(z[k*PassRows+i]) * float64(all[r*d+j])
				sum += v
				size += math.Abs(v)
			}
			within(t, "gradient", float64(g[k*d+j]), sum, 1e-6, size)
		}
	}
	sums64, stand64 := fenced(size, 1e300)
	for i := range sums64 {
		sums64[i] = float64(i)
	}
	flushed := append([]float32(nil), g...)
	Flush(sums64, g)
	standG(t)
	stand64(t)
	for i := range sums64 {
		if g[i] != 0 || sums64[i] != float64(i)+float64(flushed[i]) {
			t.Fatalf("flush: %v and %v", g[i], sums64[i])
		}
	}

	// To weights for rows as they are, and back.
	own, wide := Standard{make([]float64, d), make([]float64, d)}, make([]float64, d)
	for j := range d {
		own.Mean[j], own.Inverse[j], wide[j] = rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()
	}
	narrow, standN := fenced(d, float32(1e30))
	shift, square := own.WeightsTo(narrow, wide), 0.0
	standN(t)
	for j, v := range narrow {
		if v != float32(wide[j]*own.Inverse[j]) {
			t.Fatalf("weight: %v", v)
		}
		shift -= float64(v) * own.Mean[j]
	}
	within(t, "shift of the intercept", shift, 0, 1e-10, 1)
	gradient, standW := fenced(d, 1e300)
	for j := range gradient {
		gradient[j] = float64(j)
	}
	norm := own.Gradient(gradient, wide, 0.3, 0.7, 0.1)
	standW(t)
	for j, v := range gradient {
		within(t, "gradient", v, (float64(j)*0.3-0.7*own.Mean[j])*own.Inverse[j]+0.1*wide[j], 1e-13, 1)
		square += wide[j] * wide[j]
	}
	within(t, "norm", norm, square, 1e-13, 0)

	// Shifted rows, and rows of float16.
	factor, center := make([]float32, d), make([]float32, d)
	normal(factor)
	normal(center)
	dst, standD := fenced(n*d, float32(1e30))
	p.ShiftTo(dst, factor, center)
	standD(t)
	for i, r := range p.Rows {
		for j := range d {
			if v := float32(all[r*d+j]*factor[j]) - center[j]; dst[i*d+j] != v {
				t.Fatalf("shift: %v, want %v", dst[i*d+j], v)
			}
		}
	}
	testMoments(t, p, rng)
	halves := make([]uint16, n*d)
	for i := range halves {
		halves[i] = uint16(rng.Uint32())
	}
	HalvesTo(dst, halves)
	standD(t)
	for i, h := range halves {
		want := math.Ldexp(float64(h&0x3ff|0x400), int(h>>10&31)-25)
		if h>>10&31 == 0 {
			want = math.Ldexp(float64(h&0x3ff), -24)
		}
		if h>>15 == 1 {
			want = -want
		}
		if got := float64(dst[i]); h>>10&31 == 31 && got-got == 0 || h>>10&31 != 31 && got != want {
			t.Fatalf("half %#x: %v, want %v", h, got, want)
		}
		if got := fromHalf(h); math.Float32bits(got)&^(1<<22) != math.Float32bits(dst[i])&^(1<<22) { // the bit that makes a NaN quiet
			t.Fatalf("half %#x: %v, portable %v", h, dst[i], got)
		}
	}
}

// testMoments compares sums of deviations and squares with their definition.
func testMoments(t *testing.T, p *Picked, rng *rand.Rand) {
	d := p.D
	sum, standS := fenced(d, 1e300)
	square, standQ := fenced(d, 1e300)
	m := Moments{make([]float64, d), sum, square}
	w := make([]float64, len(p.Rows))
	for i := range w {
		w[i] = rng.Float64()
	}
	wantSum, wantSquare := make([]float64, d), make([]float64, d)
	for j := range d {
		m.Pivot[j], sum[j], square[j] = rng.NormFloat64(), float64(j), float64(-j)
		wantSum[j], wantSquare[j] = sum[j], square[j]
		for i, r := range p.Rows {
			e := float64(p.X[r*d+j]) - m.Pivot[j]
			wantSum[j] += w[i] * e
			wantSquare[j] += w[i] * e * e
		}
	}
	m.Add(p, w)
	standS(t)
	standQ(t)
	for j := range d {
		within(t, "sum of deviations", sum[j], wantSum[j], 1e-12, 100)
		within(t, "sum of squares", square[j], wantSquare[j], 1e-12, 100)
	}
	x := make([]float32, len(p.Rows)*d)
	if !Finite(x) {
		t.Fatal("zeros are not finite")
	}
	at := rng.IntN(len(x))
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if x[at] = float32(v); Finite(x) {
			t.Fatalf("%v at %d of %d is finite", v, at, len(x))
		}
	}
	if x[at] = math.MaxFloat32; !Finite(x) {
		t.Fatal("the largest number is not finite")
	}
}
