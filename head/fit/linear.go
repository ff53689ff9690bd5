package fit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/floats"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/internal/parallel"
	"github.com/headstart-ml/headstart/head/internal/simd"
)

// Linear fits heads of numbers: ridge regression, in closed form. On
// standardised features it minimises, for each number by itself,
//
//	(1/2N) Σ wᵢ·(yᵢ − w·xᵢ − b)² + λ/2 ‖w‖²
//
// with a free intercept: the objective of scikit-learn's Ridge with alpha = λN.
// The zero value is ready to use.
type Linear struct {
	// L2 is λ, positive. The default 0 means 1/N: Ridge's alpha = 1.
	L2 float64
}

// Fit fits a head to rows x (n×D) with numbers y (n×K), row after row, which
// names calls by their K names. nil means the default settings.
//
// Errors: what NewBench refuses, features that are not finite
// (head.ErrNotFinite), numbers that are not, no names, an L2 that is not
// positive, and more than MaxFeatures features (a *FeaturesError).
func (l *Linear) Fit(ctx context.Context, x head.Rows, y []float64, names []string, o *Settings) (*head.Head, error) {
	if len(names) == 0 {
		return nil, errors.New("head/fit: linear: no number has a name")
	}
	lambda, err := strengthOr("linear", l.L2, len(y)/len(names))
	if err != nil {
		return nil, err
	}
	t := &Targets{Task: head.Number, K: len(names), Values: y}
	return aloneWith(ctx, strength("linear", lambda), slices.Clone(names), x, t, o)
}

// linearPath is the family of ridge regressions with one λ after another.
type linearPath []float64

var _ TargetFamily = linearPath(nil)

// Begin measures the cells of the parts in one pass over the rows.
func (l linearPath) Begin(ctx context.Context, b *Bench, parts []Part) (TargetPath, error) {
	if b.x.d > MaxFeatures {
		return nil, &FeaturesError{b.x.d}
	}
	p := &linearFits{lambdas: l, bench: b, cells: make(map[int]*products)}
	var cells []int
	for i := range parts {
		t, err := b.targetPart(&parts[i])
		if err != nil {
			return nil, err
		}
		p.fits = append(p.fits, &linearFit{targetPart: t, cells: parts[i].Cells})
		if parts[i].Deal != parts[0].Deal {
			return nil, fmt.Errorf("head/fit: linear: parts of several deals")
		}
		cells = append(cells, parts[i].Cells...)
	}
	slices.Sort(cells)
	cells = slices.Compact(cells)
	for _, c := range cells {
		p.cells[c] = newProducts(b, parts[0].Deal, c)
	}
	return p, parallel.Do(ctx, len(cells), b.threads, func(i int) error { return p.cells[cells[i]].measure(ctx) })
}

// products are the sums over the rows of a cell that ridge regressions are made
// of: those of products of deviations from the cell's means. Such of disjoint
// cells add up (Chan, Golub and LeVeque, The American Statistician 37:242,
// 1983).
type products struct {
	bench  *Bench
	rows   []int
	weight float64
	x, y   []float64 // means: D, K
	xx, xy []float64 // D×D, of which the upper triangle counts; D×K
}

func newProducts(b *Bench, deal, cell int) *products {
	s := &products{bench: b, weight: b.sums[deal][cell].Weight, x: b.sums[deal][cell].Mean, y: make([]float64, b.targets.K)}
	for r, c := range b.deals[deal].Cell {
		if w := b.weights.of(r); c == cell && w > 0 {
			s.rows = append(s.rows, r)
			floats.AddScaled(s.y, w/s.weight, b.targets.row(r))
		}
	}
	return s
}

// productRows is the number of rows that are multiplied at a time.
const productRows = 4 * block

// measure adds up the products of the cell's rows.
func (s *products) measure(ctx context.Context) error {
	b := s.bench
	d, k := b.x.d, b.targets.K
	s.xx, s.xy = make([]float64, d*d), make([]float64, d*k)
	buf := make([]float32, productRows*d)
	x, y := make([]float64, productRows*d), make([]float64, productRows*k)
	wx, rx := x, x // of weighted rows: w·x and √w·x
	if b.weights.Rows != nil {
		wx, rx = make([]float64, productRows*d), make([]float64, productRows*d)
	}
	weighted := b.weights.Rows != nil
	var by simd.Float64
	for lo := 0; lo < len(s.rows); lo += productRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows := s.rows[lo:min(lo+productRows, len(s.rows))]
		read, err := b.x.rowsTo(buf, rows)
		if err != nil {
			return err
		}
		for i, r := range rows {
			row := x[i*d : (i+1)*d]
			for j, v := range read[i*d : (i+1)*d] {
				row[j] = float64(v) - s.x[j]
			}
			floats.SubTo(y[i*k:(i+1)*k], b.targets.row(r), s.y)
			if weighted {
				floats.ScaleTo(wx[i*d:(i+1)*d], b.weights.of(r), row)
				floats.ScaleTo(rx[i*d:(i+1)*d], math.Sqrt(b.weights.of(r)), row)
			}
		}
		left, rooted := x, x
		if weighted {
			left, rooted = wx, rx
		}
		n := len(rows)
		// √w·x times itself is w·x·x.
		by.Dsyrk(blas.Upper, blas.Trans, d, n, 1, rooted, d, 1, s.xx, d)
		by.Dgemm(blas.Trans, blas.NoTrans, d, k, n, 1, left, d, y, k, 1, s.xy, k)
	}
	return nil
}

// add adds the products of another cell.
func (s *products) add(t *products) {
	if t.weight == 0 {
		return
	}
	d, k := len(s.x), len(s.y)
	weight := s.weight + t.weight
	share := t.weight / weight
	dx, dy := make([]float64, d), make([]float64, k)
	floats.SubTo(dx, t.x, s.x)
	floats.SubTo(dy, t.y, s.y)
	apart := s.weight * share
	for i, v := range dx {
		row := s.xx[i*d : (i+1)*d]
		for j := i; j < d; j++ {
			row[j] += t.xx[i*d+j] + apart*v*dx[j]
		}
		for j, u := range dy {
			s.xy[i*k+j] += t.xy[i*k+j] + apart*v*u
		}
	}
	floats.AddScaled(s.x, share, dx)
	floats.AddScaled(s.y, share, dy)
	s.weight = weight
}

// linearFits is the path of linearPath.
type linearFits struct {
	lambdas linearPath
	bench   *Bench
	cells   map[int]*products
	fits    []*linearFit
	next    int
}

// linearFit is the fit to a part.
type linearFit struct {
	*targetPart
	cells []int
	model *head.Affine
}

// Next fits the next λ in all parts.
func (p *linearFits) Next(ctx context.Context) (Candidate, error) {
	if p.next == len(p.lambdas) {
		return Candidate{}, io.EOF
	}
	c := strength("linear", p.lambdas[p.next])
	p.next++
	return c, parallel.Do(ctx, len(p.fits), p.bench.threads, func(i int) error {
		err := p.fits[i].solve(p.cells, c.Params.Value(head.L2))
		p.bench.fitted(1)
		return err
	})
}

// solve computes the model at λ: (X'X/N + λI)·W = X'Y/N of standardised rows.
// Only the cells of the part are added up: those of other rows do not reach it.
func (f *linearFit) solve(cells map[int]*products, lambda float64) error {
	b := f.bench
	d, k := b.x.d, b.targets.K
	s := &products{x: make([]float64, d), y: make([]float64, k), xx: make([]float64, d*d), xy: make([]float64, d*k)}
	for _, c := range f.cells {
		s.add(cells[c])
	}
	for i := range d {
		row := s.xx[i*d : (i+1)*d]
		for j := i; j < d; j++ {
			row[j] /= f.scale[i] * f.scale[j] * s.weight
		}
		row[i] += lambda
		for j := range k {
			s.xy[i*k+j] /= f.scale[i] * s.weight
		}
	}
	if !(simd.Float64{}).Dpotrf(blas.Upper, d, s.xx, d) {
		return fmt.Errorf("%s: λ = %g is too small for features that depend on each other; take a larger one", f.name, lambda)
	}
	(&cholesky{d, s.xx}).solve(s.xy, k)
	w := make([]float64, k*d)
	for i := range d {
		for j := range k {
			w[j*d+i] = s.xy[i*k+j]
		}
	}
	// For standardised rows, whose mean is 0, the intercept is the mean;
	// without a standardisation affine subtracts the mean all the same.
	f.model = f.affine(w, s.y)
	return nil
}

// Fitted returns what was fitted to a part last.
func (p *linearFits) Fitted(part int) (*head.Affine, head.Fit) {
	return p.fits[part].model, head.Fit{Status: head.ClosedForm}
}
