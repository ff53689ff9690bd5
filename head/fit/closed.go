package fit

import (
	"context"
	"io"

	"github.com/headstart-ml/headstart/head/internal/parallel"
)

// closedForm is a family whose candidates are each solved by themselves from
// the sums of a part.
type closedForm struct {
	candidates []Candidate // from the most regularised on
	// prepare turns standardised sums of a part into what solve takes; nil:
	// they are that.
	prepare func(p *problem, s *Sums)
	// solve returns the solution of a candidate, of which fit.Status is set,
	// for the sums of the part, which it does not change.
	solve func(p *problem, s *Sums, c *Candidate) *solution
}

var _ Family = (*closedForm)(nil)

// Begin prepares the path in parts. Rows are read when the first candidate is
// fitted.
func (f *closedForm) Begin(ctx context.Context, b *Bench, parts []Part) (Path, error) {
	if b.x.d > MaxFeatures {
		return nil, &FeaturesError{b.x.d}
	}
	fits, err := b.problems(ctx, parts)
	if err != nil {
		return nil, err
	}
	p := &closedPath{closedForm: f, bench: b, parts: parts, fits: fits, solutions: make([]*solution, len(fits))}
	p.cells = b.cellsOf(parts)
	if d, k := int64(b.x.d), int64(b.classes); int64(len(parts))*8*d*(d+k) <= b.o.Memory {
		p.sums = make([]*Sums, len(parts))
	}
	return p, nil
}

// closedPath is the path of a closedForm.
type closedPath struct {
	*closedForm
	bench     *Bench
	parts     []Part
	fits      []*problem
	cells     *cells
	sums      []*Sums // of each part, standardised; nil: they are added up for each candidate
	solutions []*solution
	next      int // place in candidates
}

// Next solves the next candidate in the parts that are in.
func (p *closedPath) Next(ctx context.Context, in []bool) (Candidate, error) {
	if p.next == len(p.candidates) {
		return Candidate{}, io.EOF
	}
	c := &p.candidates[p.next]
	p.next++
	var these []int
	var parts []Part
	for i := range p.fits {
		if in == nil || in[i] {
			these, parts = append(these, i), append(parts, p.parts[i])
		}
	}
	if err := p.cells.measure(ctx, parts); err != nil {
		return *c, err
	}
	threads := p.bench.threads
	if p.cells.of == nil {
		threads = 1 // those of AddRows share the work
	}
	err := parallel.Do(ctx, len(these), threads, func(k int) error {
		i := these[k]
		s, err := p.standardized(ctx, i)
		if err != nil {
			return err
		}
		p.solutions[i] = p.solve(p.fits[i], s, c)
		p.bench.fitted(1)
		return nil
	})
	return *c, err
}

// standardized returns the sums of a part, of standardised rows.
func (p *closedPath) standardized(ctx context.Context, i int) (*Sums, error) {
	if p.sums != nil && p.sums[i] != nil {
		return p.sums[i], nil
	}
	s, err := p.cells.part(ctx, &p.parts[i], p.fits[i])
	if err != nil {
		return nil, err
	}
	p.fits[i].standardize(s)
	if p.prepare != nil {
		p.prepare(p.fits[i], s)
	}
	if p.sums != nil {
		p.sums[i] = s
	}
	return s, nil
}

// Fitted returns what was fitted to a part last.
func (p *closedPath) Fitted(part int) *Fitted { return p.fits[part].fitted(p.solutions[part]) }
