package fit

import (
	"context"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/headstart-ml/headstart/head/internal/parallel"
)

// metric is an approximate inverse of the Hessian, symmetric and positive
// definite on gradients.
type metric interface {
	// applyTo writes its product with each of g into dst, all C×D weights, then
	// C intercepts. Two at once cost little more than one, which is mostly
	// reading the metric.
	applyTo(dst, g [][]float64)
}

// coupling is how much of the coupling between classes is put back into blocks
// of one class each: 0.4 to 0.7 are alike, 1 is bad.
const coupling = 0.5

// classes is what the curvature of the loss is like between classes: the C×C
// matrix B = mean of w·(diag(p) − p·pᵀ) over the rows.
type classes struct {
	c    int
	b    []float64
	root []float64 // √B_cc
	mix  []float32 // K = (½·B̂ + ½·I)⁻¹, where B̂ is B with a diagonal of 1
}

// newClasses takes the probabilities (C×N) of the rows of o.
func newClasses(o *objective, p []float32) *classes {
	c, n := o.classes, len(o.rows)
	k := &classes{c: c, b: make([]float64, c*c), root: make([]float64, c), mix: room(c * c)}
	const rows = 512
	scaled, square, mean := room(c*rows), room(c*c), make([]float64, c)
	root := make([]float32, rows)
	for lo := 0; lo < n; lo += rows {
		hi := min(lo+rows, n)
		for i := lo; i < hi; i++ {
			root[i-lo] = float32(math.Sqrt(o.weightAt(i)))
		}
		for j := range c {
			for i, v := range p[j*n+lo : j*n+hi] {
				w := o.weightAt(lo + i)
				mean[j] += w * float64(v)
				scaled[j*rows+i] = root[i] * v
			}
		}
		for j := 0; j < c; j += classPanel {
			top := min(j+classPanel, c)
			gemm(blas.NoTrans, blas.Trans, 1,
				blas32.General{Rows: top - j, Cols: hi - lo, Stride: rows, Data: scaled[j*rows:]},
				blas32.General{Rows: top, Cols: hi - lo, Stride: rows, Data: scaled}, 0,
				blas32.General{Rows: top - j, Cols: top, Stride: c, Data: square[j*c:]})
		}
		for i := range c {
			for j, v := range square[i*c : i*c+i+1] {
				k.b[i*c+j] -= float64(v)
			}
		}
	}
	for i := range c {
		for j := range i {
			k.b[i*c+j] /= float64(n)
			k.b[j*c+i] = k.b[i*c+j]
		}
		k.b[i*c+i] = max((k.b[i*c+i]+mean[i])/float64(n), 1e-12)
		k.root[i] = math.Sqrt(k.b[i*c+i])
	}
	m := mat.NewSymDense(c, nil)
	for i := range c {
		for j := i; j < c; j++ {
			v := coupling * k.b[i*c+j] / k.root[i] / k.root[j]
			if i == j {
				v = 1
			}
			m.SetSym(i, j, v)
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(m) { // B̂ is positive semidefinite up to rounding, K⁻¹ far from singular
		for i := range c {
			k.mix[i*c+i] = 1
		}
		return k
	}
	var inverse mat.SymDense
	_ = chol.InverseTo(&inverse)
	for i := range c {
		for j := range c {
			k.mix[i*c+j] = float32(inverse.At(i, j))
		}
	}
	return k
}

// mixTo writes K·u into dst, both C×d.
func (k *classes) mixTo(dst, u []float32, d int) { classProduct(dst, k.mix, u, k.c, d) }

// classProduct writes m·u into dst, for m of C×C, both others C×d.
func classProduct(dst, m, u []float32, c, d int) {
	for lo := 0; lo < c; lo += classPanel {
		hi := min(lo+classPanel, c)
		gemm(blas.NoTrans, blas.NoTrans, 1,
			blas32.General{Rows: hi - lo, Cols: c, Stride: c, Data: m[lo*c:]},
			blas32.General{Rows: c, Cols: d, Stride: d, Data: u}, 0,
			blas32.General{Rows: hi - lo, Cols: d, Stride: d, Data: dst[lo*d:]})
	}
}

// interceptsTo writes D_s^−½·K·D_s^−½·g into dst.
func (k *classes) interceptsTo(dst, g []float64) {
	for i := range k.c {
		sum := 0.0
		for j, v := range k.mix[i*k.c : (i+1)*k.c] {
			sum += float64(v) * g[j] / k.root[j]
		}
		dst[i] = sum / k.root[i]
	}
}

// centre takes the mean over the classes out of each column of x (C×D): adding
// the same to all classes changes no probability.
func centre(x []float64, c int) {
	d := len(x) / c
	mean := make([]float64, d)
	for i := range c {
		floats.AddScaled(mean, 1/float64(c), x[i*d:(i+1)*d])
	}
	for i := range c {
		floats.Sub(x[i*d:(i+1)*d], mean)
	}
}

// coupled has a factor a class, of the covariance weighted with p(1−p), and the
// coupling of the classes between the factors and their transposes.
type coupled struct {
	*classes
	d       int
	threads int
	blocks  []*curvature // a class each; with two classes they are one
}

// curvature is what one class curves: its second moments with weights s·w that
// add up to s = B_cc, its weighted mean taken out.
type curvature struct {
	mean    []float64 // D
	second  []float32 // D×D, lower
	inverse []float32 // L⁻¹, D×D, lower
}

// newCoupled measures the curvature at probabilities p (C×N) on rows·D rows a
// class. It takes the memory of an earlier one, which is then of no use; nil:
// there is none.
func newCoupled(ctx context.Context, o *objective, p []float32, rows int, seed uint64, earlier *coupled) (*coupled, error) {
	c, d, n := o.classes, o.x.d, len(o.rows)
	m := &coupled{classes: newClasses(o, p), d: d, blocks: make([]*curvature, c)}
	if earlier != nil {
		m.blocks = earlier.blocks
	}
	these := c
	if c == 2 { // p(1−p) is the same for both
		these = 1
	}
	err := parallel.Do(ctx, these, o.threads, func(k int) error {
		w := make([]float64, n)
		for i := range w {
			v := float64(p[k*n+i])
			w[i] = o.weightAt(i) * v * (1 - v)
		}
		u := rand.New(rand.NewPCG(seed, uint64(k))).Float64()
		places, probability := sample(w, rows*d, u)
		b := m.blocks[k]
		if b == nil {
			b = &curvature{mean: make([]float64, d), second: room(d * d), inverse: room(d * d)}
			m.blocks[k] = b
		}
		clear(b.mean)
		clear(b.second)
		return b.measure(ctx, o, places, func(i int) float64 { return w[places[i]] / probability[i] }, m.b[k*c+k])
	})
	if c == 2 {
		m.blocks[1] = m.blocks[0]
	}
	return m, err
}

// measure takes second moments of the rows at these places with weights that
// are scaled to add up to mass.
func (b *curvature) measure(ctx context.Context, o *objective, places []int, weight func(i int) float64, mass float64) error {
	d := len(b.mean)
	total := 0.0
	for i := range places {
		total += weight(i)
	}
	if total == 0 {
		return nil
	}
	const rows = 512
	x, root := make([]float32, min(rows, len(places))*d), make([]float64, rows)
	for lo := 0; lo < len(places); lo += rows {
		hi := min(lo+rows, len(places))
		for i := lo; i < hi; i++ {
			root[i-lo] = math.Sqrt(weight(i) * mass / total)
		}
		if err := o.standardTo(ctx, x, places[lo:hi], root); err != nil {
			return err
		}
		gramTo(b.second, x, hi-lo, d)
		for i := range hi - lo {
			root[i] /= mass
		}
		addRows(b.mean, x, root, hi-lo)
	}
	b.centre(mass)
	return nil
}

// centre takes the mean out of the second moments.
func (b *curvature) centre(mass float64) {
	d := len(b.mean)
	for i, m := range b.mean {
		for j := range i + 1 {
			b.second[i*d+j] -= float32(mass * m * b.mean[j])
		}
	}
}

// factorise makes the factors for λ.
func (m *coupled) factorise(ctx context.Context, lambda float64, threads int) error {
	m.threads = threads
	these := m.blocks
	if m.c == 2 {
		these = these[:1]
	}
	return parallel.Do(ctx, len(these), threads, func(k int) error {
		b := these[k]
		inverseFactor(b.inverse, b.second, m.d, 1, lambda)
		return nil
	})
}

func (m *coupled) applyTo(dst, g [][]float64) {
	c, d, n := m.c, m.d, len(g)
	u, v, x := room(c*n*d), room(c*n*d), room(n*d)
	for k, block := range m.blocks {
		for i, g := range g {
			gb := g[c*d+k]
			x := x[i*d : (i+1)*d]
			for j, v := range g[k*d : (k+1)*d] {
				x[j] = float32(v - block.mean[j]*gb)
			}
		}
		lowerTo(u[k*n*d:], block.inverse, x, d)
	}
	m.mixTo(v, u, n*d)
	for i, dst := range dst {
		m.interceptsTo(dst[c*d:], g[i][c*d:])
	}
	for k, block := range m.blocks {
		upperTo(x, block.inverse, v[k*n*d:(k+1)*n*d], d)
		for i, dst := range dst {
			row := dst[k*d : (k+1)*d]
			for j, v := range x[i*d : (i+1)*d] {
				row[j] = float64(v)
			}
			dst[c*d+k] -= floats.Dot(block.mean, row)
		}
	}
	for _, dst := range dst {
		centre(dst[:c*d], c)
		centre(dst[c*d:], c)
	}
}
