package fit

import (
	"context"
	"fmt"
	"io"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/mat"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/internal/parallel"
	"github.com/headstart-ml/headstart/head/internal/simd"
)

// Discriminant fits softmax heads in the space of linear discriminants: rows
// are projected to the at most C−1 directions in which the means of the classes
// differ, scaled by the covariance within classes, which is shrunken as that of
// LDA is. There, λ/2·‖W‖² regularises what is noise within classes alike in all
// directions. The projection is folded into the weights. The zero value is
// ready to use.
type Discriminant struct {
	// L2 is λ, positive. The default 0 means 1/N, N being the number of rows.
	L2 float64
	// Shrinkage is that of the covariance, over 0 and at most 1. The default 0
	// estimates the best one for normal rows from their number and covariance
	// (OAS; Chen, Wiesel, Eldar and Hero, IEEE Transactions on Signal
	// Processing 58:5016, 2010); each row counts once for that, whatever it
	// weighs.
	Shrinkage float64
}

// Fit fits a head to rows x (n×D) of the classes y (n). nil means the default
// settings. Errors are those of Softmax.Fit, and a shrinkage that is none.
func (f *Discriminant) Fit(ctx context.Context, x head.Rows, y []string, o *Settings) (*head.Head, error) {
	lambda, err := strengthOr("lda+softmax", f.L2, len(y))
	if err != nil {
		return nil, err
	}
	if s := f.Shrinkage; s != 0 && !(s > 0 && s <= 1) {
		return nil, fmt.Errorf("head/fit: lda+softmax: shrinkage is %v, it lies over 0 and at most at 1", s)
	}
	return alone(ctx, "lda+softmax", &discriminants{lambdas: []float64{lambda}, shrinkage: f.Shrinkage, exact: true}, x, y, o)
}

// discriminants is the family of Discriminant with one λ after another.
type discriminants struct {
	lambdas   []float64
	shrinkage float64 // 0: estimated for each part
	exact     bool    // the last fit goes on to Settings.Tolerance
}

var _ Family = (*discriminants)(nil)

// candidate is the i-th one.
func (f *discriminants) candidate(i int) Candidate {
	c := strength("lda+softmax", f.lambdas[i])
	if f.shrinkage > 0 {
		c.Params = append(c.Params, head.Param{Name: head.Shrinkage, Value: f.shrinkage})
	}
	return c
}

// candidates are all.
func (f *discriminants) candidates() []Candidate {
	var all []Candidate
	for i := range f.lambdas {
		all = append(all, f.candidate(i))
	}
	return all
}

// Begin prepares the path in parts. Rows are read when the first candidate is
// fitted.
func (f *discriminants) Begin(ctx context.Context, b *Bench, parts []Part) (Path, error) {
	if b.x.d > MaxFeatures {
		return nil, &FeaturesError{b.x.d}
	}
	fits, err := b.problems(ctx, parts)
	if err != nil {
		return nil, err
	}
	return &discriminantPath{
		discriminants: f, bench: b, parts: parts, fits: fits, cells: b.cellsOf(parts), spaces: make([]*discriminantSpace, len(fits)),
	}, nil
}

// discriminantPath is the path of discriminants.
type discriminantPath struct {
	*discriminants
	bench  *Bench
	parts  []Part
	fits   []*problem
	cells  *cells
	spaces []*discriminantSpace // of each part; nil: not made yet
	next   int                  // place in lambdas
}

// Next fits the next λ in the parts that are in.
func (p *discriminantPath) Next(ctx context.Context, in []bool) (Candidate, error) {
	if p.next == len(p.lambdas) {
		return Candidate{}, io.EOF
	}
	c := p.candidate(p.next)
	p.next++
	var these []int
	var parts []Part
	for i := range p.fits {
		if in == nil || in[i] {
			these, parts = append(these, i), append(parts, p.parts[i])
		}
	}
	if err := p.cells.measure(ctx, parts); err != nil {
		return c, err
	}
	threads := p.bench.threads
	err := parallel.Do(ctx, len(these), threads, func(k int) (err error) {
		i := these[k]
		if p.spaces[i] == nil {
			if p.spaces[i], err = p.space(ctx, i, max(threads/len(these), 1)); err != nil {
				return err
			}
		}
		err = p.spaces[i].fit(ctx, p.fits[i])
		p.bench.fitted(1)
		return err
	})
	return c, err
}

// Fitted returns what was fitted to a part last.
func (p *discriminantPath) Fitted(part int) *Fitted {
	return p.fits[part].fitted(p.spaces[part].solution)
}

// discriminantSpace is the projection of a part, and the path of softmax heads
// in it.
type discriminantSpace struct {
	r        int
	to       []float64 // D×r, for standardised rows
	mean     []float64 // D, of standardised rows
	path     Path
	solution *solution // the last one, for standardised rows
}

// space projects the rows of a part.
func (p *discriminantPath) space(ctx context.Context, i, threads int) (*discriminantSpace, error) {
	f := p.fits[i]
	s, err := p.cells.part(ctx, &p.parts[i], f)
	if err != nil {
		return nil, err
	}
	f.standardize(s)
	s.within()
	shrinkage := p.shrinkage
	if shrinkage == 0 {
		shrinkage = s.oracle()
	}
	out := &discriminantSpace{mean: s.Mean}
	out.to, out.r = s.discriminants(f.present, shrinkage)
	rows, err := f.projected(ctx, out, threads)
	if err != nil {
		return nil, err
	}
	o := &Settings{NoStandardize: true, Tolerance: p.bench.tolerance, Threads: threads, Weights: Weights{Rows: f.weight}}
	labels := make([]int, len(f.labels))
	for i, y := range f.labels {
		labels[i] = int(y)
	}
	b, err := NewBench(ctx, &Labelled{Rows: rows, Labels: labels, Classes: f.classes}, o)
	if err != nil {
		return nil, err
	}
	if err := b.Deal(ctx, []Deal{{Cell: make([]int, len(labels)), Cells: 1}}); err != nil {
		return nil, err
	}
	out.path, err = softmaxPath{lambdas: p.lambdas, exact: p.exact}.Begin(ctx, b, []Part{{Name: f.name, Cells: []int{0}}})
	return out, err
}

// oracle estimates the shrinkage that brings the covariance within classes of
// standardised sums nearest to that of the population, if rows are normal.
func (s *Sums) oracle() float64 {
	d, trace, square := len(s.Mean), 0.0, 0.0
	for i := range d {
		row := s.Scatter[i*d+i : (i+1)*d]
		trace += row[0]
		square += row[0] * row[0]
		for _, v := range row[1:] {
			square += 2 * v * v
		}
	}
	n := float64(s.N)
	for i := range s.Classes {
		if s.Classes[i].N > 0 {
			n-- // a mean of its own
		}
	}
	p := float64(d)
	mean := square / p / p
	own := trace / p * trace / p
	most, least := mean+own, (max(n, 0)+1)*(mean-own/p)
	if !(most < least) {
		return 1
	}
	return max(most/least, 1e-6)
}

// discriminants returns the directions (D×r) in which the classes differ, of
// variance 1 within them.
func (s *Sums) discriminants(present []int, shrinkage float64) (to []float64, r int) {
	d, c := len(s.Mean), len(present)
	u, _ := s.shrunken(shrinkage)
	if c > d { // there may be differences in all directions
		to = make([]float64, d*d)
		for j := range d {
			to[j*d+j] = 1
		}
		simd.Float64{}.Dtrsm(blas.Left, blas.Upper, blas.NoTrans, blas.NonUnit, d, d, 1, u.upper, d, to, d)
		return to, d
	}
	y := make([]float64, d*c) // the means, in coordinates of variance 1
	for k, class := range present {
		of := &s.Classes[class]
		root := math.Sqrt(of.Weight)
		for j, m := range of.Mean {
			y[j*c+k] = root * (m - s.Mean[j])
		}
	}
	simd.Float64{}.Dtrsm(blas.Left, blas.Upper, blas.Trans, blas.NonUnit, d, c, 1, u.upper, d, y, c)
	products := make([]float64, c*c)
	simd.Float64{}.Dsyrk(blas.Upper, blas.Trans, c, d, 1, y, c, 0, products, c)
	var eigen mat.EigenSym
	if !eigen.Factorize(mat.NewSymDense(c, products), true) {
		panic("head/fit: eigenvalues of a symmetric matrix did not converge")
	}
	values := eigen.Values(nil) // ascending
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	first := 1 // that of the mean of all is zero
	for first < c-1 && values[first] <= 1e-12*values[c-1] {
		first++
	}
	r = c - first
	of := make([]float64, c*r)
	for k := range c {
		for j := range r {
			of[k*r+j] = vectors.At(k, c-1-j) / math.Sqrt(max(values[c-1-j], math.SmallestNonzeroFloat32))
		}
	}
	to = make([]float64, d*r)
	simd.Float64{}.Dgemm(blas.NoTrans, blas.NoTrans, d, r, c, 1, y, c, of, r, 0, to, r)
	simd.Float64{}.Dtrsm(blas.Left, blas.Upper, blas.NoTrans, blas.NonUnit, d, r, 1, u.upper, d, to, r)
	return to, r
}

// projection is rows in memory.
type projection struct {
	r      int
	values []float32
}

func (x *projection) N() int { return len(x.values) / x.r }
func (x *projection) D() int { return x.r }

func (x *projection) BlockTo(dst []float32, lo, hi int) error {
	copy(dst, x.values[lo*x.r:hi*x.r])
	return nil
}

// projected returns the rows of p in a space.
func (p *problem) projected(ctx context.Context, s *discriminantSpace, threads int) (*projection, error) {
	d, r := p.x.d, s.r
	out := &projection{r, make([]float32, len(p.rows)*r)}
	buf, x, z := make([]float32, block*d), make([]float64, block*d), make([]float64, block*r)
	for lo := 0; lo < len(p.rows); lo += block {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows := p.rows[lo:min(lo+block, len(p.rows))]
		values, err := p.x.rowsTo(buf, rows)
		if err != nil {
			return nil, err
		}
		for i, v := range values {
			j := i % d
			x[i] = (float64(v)-p.mean[j])/p.scale[j] - s.mean[j]
		}
		simd.Float64{Threads: threads}.Dgemm(blas.NoTrans, blas.NoTrans, len(rows), r, d, 1, x, d, s.to, r, 0, z, r)
		for i, v := range z[:len(rows)*r] {
			out.values[lo*r+i] = float32(v)
		}
	}
	return out, nil
}

// fit fits the next λ, and turns it into a solution for standardised rows.
func (s *discriminantSpace) fit(ctx context.Context, p *problem) error {
	if _, err := s.path.Next(ctx, nil); err != nil {
		return err
	}
	f := s.path.Fitted(0)
	m := f.Model().(*head.Affine)
	d, c := p.x.d, p.classes
	s.solution = &solution{w: make([]float64, c*d), b: make([]float64, c), curvature: f.solution.curvature, fit: f.Fit}
	simd.Float64{}.Dgemm(blas.NoTrans, blas.Trans, c, d, s.r, 1, m.Weight, s.r, s.to, s.r, 0, s.solution.w, d)
	for k, b := range m.Bias {
		for j, mean := range s.mean {
			b -= s.solution.w[k*d+j] * mean
		}
		s.solution.b[k] = b
	}
	return nil
}
