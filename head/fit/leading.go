package fit

import (
	"context"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

const (
	// leadingDirections is how many directions have blocks of classes where
	// whole blocks are too dear.
	leadingDirections = 128
	// powerSteps is the number of steps of the power iteration that finds them,
	// with spare columns beside those that are wanted.
	powerSteps, spare = 4, 16
)

// directions are the r leading principal directions of features, up to what a
// few steps of power iteration tell.
type directions struct {
	d, r int
	v    []float32 // D×r, orthonormal columns
	rest float64   // mean variance in the other directions
}

// newDirections takes them from a covariance.
func newDirections(ctx context.Context, cov *covariance, r int) (*directions, error) {
	d := cov.d
	r = min(r, d)
	k := min(r+spare, d)
	whole := room(d * d)
	trace := 0.0
	for i := range d {
		trace += cov.lower[i*d+i]
		for j := range i + 1 {
			v := float32(cov.lower[i*d+j])
			whole[i*d+j], whole[j*d+i] = v, v
		}
	}
	general := func(rows, cols int, data []float32) blas32.General {
		return blas32.General{Rows: rows, Cols: cols, Stride: cols, Data: data}
	}
	v, y := room(d*k), room(d*k)
	random := rand.New(rand.NewPCG(0, 0))
	for i := range v {
		v[i] = float32(random.NormFloat64())
	}
	orthonormalize(v, y, d, k)
	for range powerSteps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		gemm(blas.NoTrans, blas.NoTrans, 1, general(d, d, whole), general(d, k, v), 0, general(d, k, y))
		v, y = y, v
		orthonormalize(v, y, d, k)
	}
	// Rayleigh and Ritz: the eigenvectors of Vᵀ·Cov·V turn V.
	gemm(blas.NoTrans, blas.NoTrans, 1, general(d, d, whole), general(d, k, v), 0, general(d, k, y))
	ritz := room(k * k)
	gemm(blas.Trans, blas.NoTrans, 1, general(d, k, v), general(d, k, y), 0, general(k, k, ritz))
	small := mat.NewSymDense(k, nil)
	for i := range k {
		for j := i; j < k; j++ {
			small.SetSym(i, j, float64(ritz[i*k+j]+ritz[j*k+i])/2)
		}
	}
	out := &directions{d: d, r: r, v: room(d * r)}
	var eigen mat.EigenSym
	if !eigen.Factorize(small, true) {
		eigen.Factorize(mat.NewDiagDense(k, make([]float64, k)), true) // V as it is
	}
	values := eigen.Values(nil) // ascending
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	turn := room(k * r)
	for i := range k {
		for j := range r {
			turn[i*r+j] = float32(vectors.At(i, k-1-j))
		}
	}
	gemm(blas.NoTrans, blas.NoTrans, 1, general(d, k, v), general(k, r, turn), 0, general(d, r, out.v))
	if d > r {
		out.rest = max(trace-floats.Sum(values[k-r:]), 0) / float64(d-r)
	}
	return out, nil
}

// orthonormalize turns the columns of v (d×k) into orthonormal ones of the same
// span, by the Cholesky factor of their products in float64; columns that are
// not independent become shorter. y is room for as much.
func orthonormalize(v, y []float32, d, k int) {
	wide := make([]float64, d*k)
	for i, x := range v {
		wide[i] = float64(x)
	}
	product, factor := make([]float64, k*k), make([]float64, k*k)
	f64.Dsyrk(blas.Lower, blas.Trans, k, d, 1, wide, k, 0, product, k)
	trace := 0.0
	for i := range k {
		trace += product[i*k+i]
	}
	if trace == 0 {
		return
	}
	for add := 1e-12 * trace / float64(k); ; add *= 10 {
		for i := range k {
			product[i*k+i] += add
		}
		copy(factor, product)
		if f64.Dpotrf(blas.Lower, k, factor, k) {
			break
		}
	}
	f64.Dtrsm(blas.Right, blas.Lower, blas.Trans, blas.NonUnit, d, k, 1, factor, k, wide, k)
	for i, x := range wide {
		v[i] = float32(x)
	}
}

// leading has blocks of classes, coupled, in a few leading directions; in the
// others each class has the same curvature in all of them.
type leading struct {
	*classes
	*directions
	blocks []*curvature // r×r
	outer  []float32    // C×C: K between 1/√(s·rest + λ) of each class
}

// newLeading measures the curvature at probabilities p (C×N) on one pool of
// rows·D rows.
func newLeading(ctx context.Context, o *objective, v *directions, p []float32, rows int, seed uint64) (*leading, error) {
	c, d, r, n := o.classes, o.x.d, v.r, len(o.rows)
	m := &leading{classes: newClasses(o, p), directions: v, blocks: make([]*curvature, c), outer: room(c * c)}
	q := make([]float64, n)
	for k := range c {
		for i, v := range p[k*n : (k+1)*n] {
			q[i] += float64(v) * float64(v)
		}
	}
	for i, sum := range q {
		q[i] = o.weightAt(i) * max(1-sum, 1e-12)
	}
	places, probability := sample(q, rows*d, rand.New(rand.NewPCG(seed, 0)).Float64())
	const chunk = 512
	t, x := room(len(places)*r), make([]float32, min(chunk, len(places))*d)
	for lo := 0; lo < len(places); lo += chunk {
		hi := min(lo+chunk, len(places))
		if err := o.standardTo(ctx, x, places[lo:hi], nil); err != nil {
			return nil, err
		}
		gemm(blas.NoTrans, blas.NoTrans, 1,
			blas32.General{Rows: hi - lo, Cols: d, Stride: d, Data: x},
			blas32.General{Rows: d, Cols: r, Stride: r, Data: v.v}, 0,
			blas32.General{Rows: hi - lo, Cols: r, Stride: r, Data: t[lo*r:]})
	}
	weighted, w := room(len(t)), make([]float64, len(places))
	for k := range c {
		b := &curvature{mean: make([]float64, r), second: room(r * r), inverse: room(r * r)}
		m.blocks[k] = b
		total, mass := 0.0, m.b[k*c+k]
		for i, place := range places {
			v := float64(p[k*n+place])
			w[i] = o.weightAt(place) * v * (1 - v) / probability[i]
			total += w[i]
		}
		if total == 0 {
			continue
		}
		for i := range places {
			share := w[i] / total
			root := float32(math.Sqrt(share * mass))
			for j, v := range t[i*r : (i+1)*r] {
				b.mean[j] += share * float64(v)
				weighted[i*r+j] = root * v
			}
		}
		gramTo(b.second, weighted, len(places), r)
		b.centre(mass)
	}
	return m, nil
}

// factorise makes the factors for λ.
func (m *leading) factorise(_ context.Context, lambda float64, _ int) error {
	root := make([]float64, m.c)
	for k, b := range m.blocks {
		inverseFactor(b.inverse, b.second, m.r, 1, lambda)
		root[k] = math.Sqrt(m.b[k*m.c+k]*m.rest + lambda)
	}
	for i, v := range m.mix {
		m.outer[i] = float32(float64(v) / root[i/m.c] / root[i%m.c])
	}
	return nil
}

func (m *leading) applyTo(dst, g [][]float64) {
	c, d, r, n := m.c, m.d, m.r, len(g)
	v := blas32.General{Rows: d, Cols: r, Stride: r, Data: m.v}
	rows := func(cols int, data []float32) blas32.General {
		return blas32.General{Rows: c * n, Cols: cols, Stride: cols, Data: data}
	}
	whole, out := room(c*n*d), room(c*n*d)
	inner, u, beside := room(c*n*r), room(c*n*r), room(c*n*r)
	for i, g := range g {
		for k := range c {
			row := whole[(k*n+i)*d : (k*n+i+1)*d]
			for j, v := range g[k*d : (k+1)*d] {
				row[j] = float32(v)
			}
		}
	}
	gemm(blas.NoTrans, blas.NoTrans, 1, rows(d, whole), v, 0, rows(r, inner))
	// As if all were outside, and what is inside taken out again.
	classProduct(out, m.outer, whole, c, n*d)
	classProduct(beside, m.outer, inner, c, n*r)
	for k, block := range m.blocks {
		for i, g := range g {
			gb := g[c*d+k]
			x := inner[(k*n+i)*r : (k*n+i+1)*r]
			for j := range x {
				x[j] -= float32(block.mean[j] * gb)
			}
		}
		lowerTo(u[k*n*r:], block.inverse, inner[k*n*r:(k+1)*n*r], r)
	}
	m.mixTo(inner, u, n*r)
	for i, dst := range dst {
		m.interceptsTo(dst[c*d:], g[i][c*d:])
	}
	for k, block := range m.blocks {
		u := u[k*n*r : (k+1)*n*r]
		upperTo(u, block.inverse, inner[k*n*r:(k+1)*n*r], r)
		for i, dst := range dst {
			for j, v := range u[i*r : (i+1)*r] {
				dst[c*d+k] -= block.mean[j] * float64(v)
			}
		}
	}
	for i, v := range beside {
		u[i] -= v
	}
	gemm(blas.NoTrans, blas.Trans, 1, rows(r, u), v, 1, rows(d, out))
	for i, dst := range dst {
		for k := range c {
			row := dst[k*d : (k+1)*d]
			for j, v := range out[(k*n+i)*d : (k*n+i+1)*d] {
				row[j] = float64(v)
			}
		}
		centre(dst[:c*d], c)
		centre(dst[c*d:], c)
	}
}
