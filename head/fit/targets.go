package fit

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/internal/parallel"
	"github.com/headstart-ml/headstart/head/internal/simd"
)

// Targets are what rows are fitted to for the tasks in which a row has no
// class: labels, numbers, or a grade.
type Targets struct {
	Task head.Task
	// Values are those of the rows that take part, n×K: 1 where a row has a
	// label of AnyOf and 0 where not; finite numbers of Number; of Grade, with
	// K = 1, the place of the grade, from 0.
	Values []float64
	K      int
	// Grades is the number of grades of Grade.
	Grades int
}

// check says what is wrong with the targets of n rows.
func (t *Targets) check(n int) error {
	switch {
	case t.Task != head.AnyOf && t.Task != head.Number && t.Task != head.Grade:
		return fmt.Errorf("head/fit: targets of the task %v", t.Task)
	case t.K < 1 || len(t.Values) != n*t.K:
		return fmt.Errorf("head/fit: %d targets for %d rows of %d", len(t.Values), n, t.K)
	case t.Task == head.Grade && (t.K != 1 || t.Grades < 2):
		return fmt.Errorf("head/fit: %d grades in %d columns; at least 2 in one are needed", t.Grades, t.K)
	}
	for i, v := range t.Values {
		ok := v-v == 0
		switch t.Task {
		case head.AnyOf:
			ok = v == 0 || v == 1
		case head.Grade:
			ok = v >= 0 && v < float64(t.Grades) && v == math.Trunc(v)
		}
		if !ok {
			return fmt.Errorf("head/fit: target %d of row %d is %v", i%t.K, i/t.K, v)
		}
	}
	return nil
}

// row returns the targets of row i.
func (t *Targets) row(i int) []float64 { return t.Values[i*t.K : (i+1)*t.K] }

// TargetFamily fits its kind of head to several parts of the rows of a bench
// that has Targets.
type TargetFamily interface {
	// Begin prepares a path in parts, which belong to one deal. A part whose
	// rows are not finite, or that has none, is an error.
	Begin(ctx context.Context, b *Bench, parts []Part) (TargetPath, error)
}

// TargetPath goes from a family's most regularised candidate to the least.
type TargetPath interface {
	// Next fits the next candidate in all parts. After the last one the error
	// is io.EOF.
	Next(ctx context.Context) (Candidate, error)
	// Fitted returns the last candidate in a part: its model, and how its fit
	// went.
	Fitted(part int) (*head.Affine, head.Fit)
}

// TargetEntry is a family in the table of those for other tasks than OneOf.
type TargetEntry struct {
	Kind string // of head.Kinds
	// Path returns the family that goes through the candidates of a grid, and
	// the candidates.
	Path func(g Grid) (TargetFamily, []Candidate)
	// One returns the family of a single candidate, which is fitted to
	// Settings.Tolerance.
	One func(c Candidate) TargetFamily
}

// TargetFamilies are what can be fitted for other tasks than OneOf. There is
// one for each of head.Kinds that has such a task.
var TargetFamilies = []TargetEntry{
	convexEntry("logistic", new(sigmoidLoss)),
	{
		Kind: "linear",
		Path: func(g Grid) (TargetFamily, []Candidate) {
			path := g.lambdas()
			return linearPath(path), along("linear", head.L2, path)
		},
		One: func(c Candidate) TargetFamily { return linearPath{c.Params.Value(head.L2)} },
	},
	convexEntry("ordinal", new(cumulativeLoss)),
}

// convexEntry is the entry of a kind whose loss is minimised by iteration.
func convexEntry(kind string, loss rowLoss) TargetEntry {
	return TargetEntry{
		Kind: kind,
		Path: func(g Grid) (TargetFamily, []Candidate) {
			path := g.lambdas()
			return convexPath{kind: kind, loss: loss, lambdas: path}, along(kind, head.L2, path)
		},
		One: func(c Candidate) TargetFamily {
			return convexPath{kind: kind, loss: loss, lambdas: []float64{c.Params.Value(head.L2)}, columns: c.Columns, exact: true}
		},
	}
}

// TargetFamilyOf returns the entry of a kind, nil if there is none.
func TargetFamilyOf(kind string) *TargetEntry {
	for i := range TargetFamilies {
		if TargetFamilies[i].Kind == kind {
			return &TargetFamilies[i]
		}
	}
	return nil
}

// targetPart is the rows of a part with what fits to them need.
type targetPart struct {
	bench  *Bench
	name   string
	rows   []int     // of weight above 0, ascending
	weight []float64 // of the rows, adding up to their number; nil: all 1
	mean   []float64 // D, of the rows as they are
	scale  []float64
}

// targetPart prepares a fit to a part.
func (b *Bench) targetPart(part *Part) (*targetPart, error) {
	if b.targets == nil {
		return nil, fmt.Errorf("head/fit: the bench has no targets")
	}
	p := &targetPart{bench: b, name: part.Name, scale: make([]float64, b.x.d)}
	sum := 0.0
	for _, r := range b.rowsOf(part) {
		w := b.weights.of(r)
		if w == 0 {
			continue
		}
		p.rows = append(p.rows, r)
		if b.weights.Rows != nil {
			p.weight = append(p.weight, w)
			sum += w
		}
	}
	if len(p.rows) == 0 {
		return nil, fmt.Errorf("%s: no sample has a weight above 0", part.Name)
	}
	for i := range p.weight {
		p.weight[i] *= float64(len(p.rows)) / sum
	}
	if err := b.finiteIn(p.rows); err != nil {
		return nil, err
	}
	sums := b.sumsOf(part)
	p.mean = sums.Mean
	b.scaleTo(p.scale, sums)
	return p, nil
}

// affine folds the standardisation into weights (K×D) and intercepts (K) for
// standardised rows.
func (p *targetPart) affine(w, b []float64) *head.Affine {
	d := p.bench.x.d
	m := &head.Affine{
		Normalize: p.bench.x.normalize,
		Weight:    make([]float64, len(w)), Bias: append([]float64(nil), b...), Mean: make([]float64, d), Scale: append([]float64(nil), p.scale...),
	}
	if !p.bench.o.NoStandardize {
		copy(m.Mean, p.mean)
	}
	for k := range b {
		for j := range d {
			v := w[k*d+j] / p.scale[j]
			m.Weight[k*d+j] = v
			m.Bias[k] -= float64(v * p.mean[j])
		}
	}
	return m
}

// ScoresTo writes the scores that a model of D features gives rows (of the
// bench, ascending) into dst, len(rows)×K.
func (b *Bench) ScoresTo(ctx context.Context, m *head.Affine, dst []float64, rows []int) error {
	d, k := m.Dims()
	if d != b.x.d || len(dst) != len(rows)*k {
		return fmt.Errorf("head/fit: a model of %d features and %d scores, room for %d scores of %d rows", d, k, len(dst), len(rows))
	}
	blocks := (len(rows) + block - 1) / block
	return parallel.Do(ctx, min(b.threads, blocks), b.threads, func(t int) error {
		buf, wide := make([]float32, block*d), make([]float64, block*d)
		for i := t; i < blocks; i += min(b.threads, blocks) {
			if err := ctx.Err(); err != nil {
				return err
			}
			lo, hi := i*block, min((i+1)*block, len(rows))
			x, err := b.x.rowsTo(buf, rows[lo:hi])
			if err != nil {
				return err
			}
			for j, v := range x {
				wide[j] = float64(v)
			}
			z := dst[lo*k : hi*k]
			for r := range hi - lo {
				copy(z[r*k:(r+1)*k], m.Bias)
			}
			simd.Float64{}.Dgemm(blas.NoTrans, blas.Trans, hi-lo, k, d, 1, wide, d, m.Weight, d, 1, z, k)
		}
		return nil
	})
}

// aloneWith fits one candidate to all rows of x with targets.
func aloneWith(ctx context.Context, c Candidate, names []string, x head.Rows, t *Targets, o *Settings) (*head.Head, error) {
	b, err := NewBench(ctx, &Labelled{Rows: x, Targets: t}, o)
	if err != nil {
		return nil, err
	}
	if err := b.Deal(ctx, []Deal{{Cell: make([]int, x.N()), Cells: 1}}); err != nil {
		return nil, err
	}
	path, err := TargetFamilyOf(c.Kind).One(c).Begin(ctx, b, []Part{{Name: "all rows", Cells: []int{0}}})
	if err != nil {
		return nil, err
	}
	if _, err := path.Next(ctx); err != nil {
		return nil, err
	}
	m, fit := path.Fitted(0)
	return &head.Head{Kind: c.Kind, Task: t.Task, Classes: names, Model: m, Temperature: 1, Params: c.Params, Fit: fit}, nil
}
