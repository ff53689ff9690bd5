package fit

import (
	"context"
	"io"
	"slices"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/internal/parallel"
)

// NCM fits nearest class means: p(c|x) = softmax(−½‖x−μ_c‖²/T) on standardised
// rows. Squared distances have no scale of probabilities of their own: a head
// that Fit returns has temperature 1, and is to be calibrated before its
// probabilities mean anything.
type NCM struct{}

var _ Family = NCM{}

// Fit fits a head to rows x (n×D) of the classes y (n). nil means the default
// settings. Errors are those of Softmax.Fit.
func (m NCM) Fit(ctx context.Context, x head.Rows, y []string, o *Settings) (*head.Head, error) {
	return alone(ctx, "ncm", m, x, y, o)
}

// Begin returns the path of one candidate.
func (NCM) Begin(ctx context.Context, b *Bench, parts []Part) (Path, error) {
	fits, err := b.problems(ctx, parts)
	if err != nil {
		return nil, err
	}
	return &means{bench: b, fits: fits, solutions: make([]*solution, len(fits))}, nil
}

// means is the path of NCM.
type means struct {
	bench     *Bench
	fits      []*problem
	solutions []*solution
	done      bool
}

// Next fits the means in the parts that are in.
func (m *means) Next(ctx context.Context, in []bool) (Candidate, error) {
	if m.done {
		return Candidate{}, io.EOF
	}
	m.done = true
	err := parallel.Do(ctx, len(m.fits), m.bench.threads, func(i int) (err error) {
		if in != nil && !in[i] {
			return nil
		}
		m.solutions[i], err = m.fits[i].classMeans(ctx)
		m.bench.fitted(1)
		return err
	})
	return Candidate{Kind: "ncm"}, err
}

// Fitted returns what was fitted to a part.
func (m *means) Fitted(part int) *Fitted { return m.fits[part].fitted(m.solutions[part]) }

// classMeans returns logits W·x + b with W = μ and b = −½‖μ‖², which are
// −½‖x−μ‖² up to −½‖x‖². Rows are weighed with their own weights; those of
// classes would change nothing.
func (p *problem) classMeans(ctx context.Context) (*solution, error) {
	c, d := p.classes, p.x.d
	s := &solution{w: make([]float64, c*d), b: make([]float64, c), fit: head.Fit{Status: head.ClosedForm}}
	sum := make([]float64, c)
	buf, shifted := make([]float32, block*d), make([]float32, block*d)
	for lo := 0; lo < len(p.rows); lo += block {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows := p.rows[lo:min(lo+block, len(p.rows))]
		x, err := p.x.rowsTo(buf, rows)
		if err != nil {
			return nil, err
		}
		p.shift.to(shifted, x, len(rows))
		for i := range rows {
			y, w := int(p.labels[lo+i]), 1.0
			if p.sample != nil {
				w = p.sample[lo+i]
			}
			sum[y] += w
			mean := s.w[y*d : (y+1)*d]
			for j, v := range shifted[i*d : (i+1)*d] {
				mean[j] += w * float64(v)
			}
		}
	}
	for k := range c {
		for j := range d {
			m := (s.w[k*d+j]/sum[k] - p.moments.mean[j]) / p.moments.scale[j]
			s.w[k*d+j] = m
			s.b[k] -= m * m / 2
		}
	}
	return s, nil
}

// fitted is the solution of a fit with what belongs to it.
func (p *problem) fitted(s *solution) *Fitted {
	return &Fitted{Classes: slices.Clone(p.present), Fit: s.fit, Constant: p.constant, problem: p, solution: s}
}
