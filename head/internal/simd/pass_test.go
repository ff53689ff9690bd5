package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// within fails unless got is within tol of want, relative to scale.
func within(t testing.TB, what string, got, want, tol, scale float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*max(scale, math.Abs(want))) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// TestPass compares what passes are made of with sums from the definition,
// over shapes with and without rests.
func TestPass(t *testing.T) {
	vectors(t, func(t *testing.T) { overShapes(t, testPass) })
}

// TestFeatures compares what is made of features, with vectors and without,
// with its definition, over the same shapes.
func TestFeatures(t *testing.T) {
	each(t, func(t *testing.T) {
		overShapes(t, func(g guards, n, d, _ int) {
			testStandard(g, d)
			testMoments(g, n, d)
			testFinite(g, n*d)
			testHalves(g, n*d)
		})
	})
}

// overShapes runs a test with numbers of rows, features and classes, and with
// pages that must not be touched behind its arrays, and then before them.
func overShapes(t *testing.T, test func(g guards, n, d, c int)) {
	type shape struct{ n, d, c int }
	shapes := []shape{{1, 1, 2}, {3, 15, 2}, {4, 16, 3}, {5, 17, 4}, {128, 384, 10}, {127, 385, 26}, {64, 1280, 7}, {33, 1300, 13}, {16, 768, 12}, {9, 31, 300}, {100, 33, 25}, {31, 8, 6}, {77, 47, 1}, {128, 1552, 5}, {128, 48, 130}, {50, 33, 97}}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		shapes = append(shapes, shape{1 + rng.IntN(PassRows), 1 + rng.IntN(200), 1 + rng.IntN(40)})
	}
	for _, s := range shapes {
		for _, atEnd := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d×%d, C=%d, at the end %v", s.n, s.d, s.c, atEnd), func(t *testing.T) {
				test(guards{t, atEnd, rand.New(rand.NewPCG(uint64(s.n), uint64(s.d*1000+s.c)))}, s.n, s.d, s.c)
			})
		}
	}
}

// guards makes the arrays of a test, each between pages that must not be
// touched: it ends where one begins, or begins where one ends.
type guards struct {
	*testing.T
	atEnd bool
	rng   *rand.Rand
}

// floats returns n normal numbers.
func (g guards) floats(n int) []float32 {
	x := guarded[float32](g, n, g.atEnd)
	for i := range x {
		x[i] = float32(g.rng.NormFloat64())
	}
	return x
}

// doubles returns n normal numbers.
func (g guards) doubles(n int) []float64 {
	x := guarded[float64](g, n, g.atEnd)
	for i := range x {
		x[i] = g.rng.NormFloat64()
	}
	return x
}

// picked returns n of n+7 rows. The others are not numbers, since no row that
// is not picked is read.
func (g guards) picked(n, d int) *Picked {
	p := &Picked{X: g.floats((n + 7) * d), D: d, Rows: guarded[int](g, n, g.atEnd)}
	order := g.rng.Perm(n + 7)
	copy(p.Rows, order)
	for _, r := range order[n:] {
		for j := range d {
			p.X[r*d+j] = float32(math.NaN())
		}
	}
	return p
}

func testPass(t guards, n, d, c int) {
	rng := t.rng
	p, w, z := t.picked(n, d), t.floats(c*d), t.floats(c*PassRows)
	for i := range z {
		z[i] = float32(math.NaN())
	}
	p.LogitsTo(z, w, c)
	want := make([]float64, c*PassRows)
	for k := range c {
		for i, r := range p.Rows {
			sum, size := 0.0, 0.0
			for j := range d {
				v := float64(p.X[r*d+j]) * float64(w[k*d+j])
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
	s := &Softmax{Bias: t.floats(c), Probabilities: t.floats(c * PassRows)}
	for i := range n {
		s.Labels[i] = int32(rng.IntN(c))
		s.Weights[i] = rng.Float32() * 3
	}
	scale := []float32{0, 1e-3, 1, 40}[rng.IntN(4)]
	for i := range z {
		z[i] *= scale
	}
	given := append([]float32(nil), z...)
	s.ResidualsTo(z, n)
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
			within(t, "probability", float64(s.Probabilities[k*PassRows+i]), v, 1e-6, 1e-37)
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
	got := t.doubles(c)
	clear(got)
	AddSums(got, z, n)
	AddSums(got, z, n)
	for k := range c {
		within(t, "sum of residuals", got[k], 2*sums[k], 1e-6, float64(n))
	}

	// Their products with the rows.
	size := (c*d + 15) &^ 15
	g := t.floats(size)
	before := append([]float32(nil), g...)
	next := p.Rows
	if n%2 == 0 {
		next = nil
	}
	p.AddOuter(g, z, c, next)
	for k := range c {
		for j := range d {
			sum, size := float64(before[k*d+j]), math.Abs(float64(before[k*d+j]))
			for i, r := range p.Rows {
				v := float64(z[k*PassRows+i]) * float64(p.X[r*d+j])
				sum += v
				size += math.Abs(v)
			}
			within(t, "gradient", float64(g[k*d+j]), sum, 1e-6, size)
		}
	}
	sums64 := t.doubles(size)
	for i := range sums64 {
		sums64[i] = float64(i)
	}
	flushed := append([]float32(nil), g...)
	for _, add := range []bool{true, false} {
		copy(g, flushed)
		Flush(sums64, g, add)
		for i, sum := range sums64 {
			want := float64(flushed[i])
			if add {
				want += float64(i)
			}
			if g[i] != 0 || sum != want {
				t.Fatalf("flush: %v and %v, not %v", g[i], sum, want)
			}
		}
	}

	// Shifted rows.
	factor, center, dst := t.floats(d), t.floats(d), t.floats(n*d)
	p.ShiftTo(dst, factor, center)
	for i, r := range p.Rows {
		for j := range d {
			if v := float32(p.X[r*d+j]*factor[j]) - center[j]; dst[i*d+j] != v {
				t.Fatalf("shift: %v, want %v", dst[i*d+j], v)
			}
		}
	}
	mean, inverse, by := t.floats(d), t.floats(d), t.floats(n)
	p.ScaleTo(dst, &Scaling{factor, center, mean, inverse}, by)
	for i, r := range p.Rows {
		for j := range d {
			v := float32(p.X[r*d+j]*factor[j]) - center[j]
			if v = float32(float32(v-mean[j])*inverse[j]) * by[i]; dst[i*d+j] != v {
				t.Fatalf("scale: %v, want %v", dst[i*d+j], v)
			}
		}
	}
}

// testStandard goes to weights for rows as they are, and back.
func testStandard(t guards, d int) {
	own, wide, narrow := Standard{t.doubles(d), t.doubles(d)}, t.doubles(d), t.floats(d)
	shift, square := own.WeightsTo(narrow, wide), 0.0
	for j, v := range narrow {
		if v != float32(wide[j]*own.Inverse[j]) {
			t.Fatalf("weight: %v", v)
		}
		shift -= float64(v) * own.Mean[j]
	}
	within(t, "shift of the intercept", shift, 0, 1e-10, 1)
	gradient := t.doubles(d)
	for j := range gradient {
		gradient[j] = float64(j)
	}
	apart := t.doubles(d)
	own.GradientTo(apart, gradient, wide, 0.3, 0.7, 0.1)
	norm := own.GradientTo(gradient, gradient, wide, 0.3, 0.7, 0.1)
	for j, v := range gradient {
		if apart[j] != v {
			t.Fatalf("gradient: %v, %v where it was", apart[j], v)
		}
		within(t, "gradient", v, (float64(j)*0.3-0.7*own.Mean[j])*own.Inverse[j]+0.1*wide[j], 1e-13, 1)
		square += wide[j] * wide[j]
	}
	within(t, "norm", norm, square, 1e-13, 0)
}

// testMoments compares sums of deviations and squares with their definition.
func testMoments(t guards, n, d int) {
	p, w, sum, square := t.picked(n, d), t.doubles(n), t.doubles(d), t.doubles(d)
	m := Moments{t.doubles(d), sum, square}
	for i := range w {
		w[i] = t.rng.Float64()
	}
	wantSum, wantSquare := make([]float64, d), make([]float64, d)
	for j := range d {
		sum[j], square[j] = float64(j), float64(-j)
		wantSum[j], wantSquare[j] = sum[j], square[j]
		for i, r := range p.Rows {
			e := float64(p.X[r*d+j]) - m.Pivot[j]
			wantSum[j] += w[i] * e
			wantSquare[j] += w[i] * e * e
		}
	}
	m.Add(p, w)
	for j := range d {
		within(t, "sum of deviations", sum[j], wantSum[j], 1e-12, 100)
		within(t, "sum of squares", square[j], wantSquare[j], 1e-12, 100)
	}
}

// testFinite looks for what is not finite among n numbers.
func testFinite(t guards, n int) {
	x := t.floats(n)
	clear(x)
	if !Finite(x) {
		t.Fatal("zeros are not finite")
	}
	at := t.rng.IntN(len(x))
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if x[at] = float32(v); Finite(x) {
			t.Fatalf("%v at %d of %d is finite", v, at, len(x))
		}
	}
	if x[at] = math.MaxFloat32; !Finite(x) {
		t.Fatal("the largest number is not finite")
	}
}

// testHalves compares n float16 with their definition.
func testHalves(t guards, n int) {
	dst, halves := t.floats(n), guarded[uint16](t, n, t.atEnd)
	for i := range halves {
		halves[i] = uint16(t.rng.Uint32())
	}
	HalvesTo(dst, halves)
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
