package fit

import (
	"context"
	"fmt"
	"io"
	"math"

	"gonum.org/v1/gonum/blas"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/internal/parallel"
	"github.com/headstart-ml/headstart/head/internal/simd"
)

const (
	defaultNeighbours      = 20
	defaultVoteTemperature = 0.07
)

// KNN keeps the rows, and answers by the classes of those that are nearest in
// angle (head.Neighbours): the floor below which features have no structure
// that a class could use. The zero value is ready to use.
type KNN struct {
	// K is the number of rows that vote. The default 0 means 20.
	K int
	// T is the temperature of the votes exp(cosine/T). The default 0 means
	// 0.07.
	T float64
}

// Fit keeps the rows x (n×D) of the classes y (n). nil means the default
// settings. A row's weight is that of its vote. Errors are those of
// Softmax.Fit, and more than 2 GiB of rows (a *head.NeighboursError).
func (f KNN) Fit(ctx context.Context, x head.Rows, y []string, o *Settings) (*head.Head, error) {
	if f.K < 0 || f.T != 0 && !(f.T > 0 && f.T <= math.MaxFloat32) {
		return nil, fmt.Errorf("head/fit: knn: %d neighbours at a temperature of %v", f.K, f.T)
	}
	return alone(ctx, "knn", f, x, y, o)
}

// candidate is the only one.
func (f KNN) candidate() Candidate {
	k, t := f.K, f.T
	if k == 0 {
		k = defaultNeighbours
	}
	if t == 0 {
		t = defaultVoteTemperature
	}
	return Candidate{Kind: "knn", Params: head.Params{{Name: head.NeighbourCount, Value: float64(k)}, {Name: head.VoteTemperature, Value: t}}}
}

// Begin returns the path of one candidate.
func (f KNN) Begin(ctx context.Context, b *Bench, parts []Part) (Path, error) {
	fits, err := b.problems(ctx, parts)
	if err != nil {
		return nil, err
	}
	for _, p := range fits {
		if err := tooMany(len(p.rows), b.x.d); err != nil {
			return nil, err
		}
	}
	return &knnPath{family: f, bench: b, fits: fits, fitted: make([]*Fitted, len(fits))}, nil
}

// tooMany returns an error for more rows than are kept.
func tooMany(rows, d int) error {
	if int64(rows)*int64(d)*4 > head.MaxNeighbourBytes {
		return &head.NeighboursError{Rows: rows, D: d}
	}
	return nil
}

// knnPath is the path of KNN.
type knnPath struct {
	family KNN
	bench  *Bench
	fits   []*problem
	fitted []*Fitted
	done   bool
}

// Next keeps the rows of the parts that are in.
func (p *knnPath) Next(ctx context.Context, in []bool) (Candidate, error) {
	if p.done {
		return Candidate{}, io.EOF
	}
	p.done = true
	c := p.family.candidate()
	err := parallel.Do(ctx, len(p.fits), p.bench.threads, func(i int) (err error) {
		if in != nil && !in[i] {
			return nil
		}
		p.fitted[i], err = p.fits[i].neighbours(ctx, &c)
		p.bench.fitted(1)
		return err
	})
	return c, err
}

// Fitted returns what was kept of a part.
func (p *knnPath) Fitted(part int) *Fitted { return p.fitted[part] }

// neighboursWork is what comparing all held-out rows with all kept ones takes.
func neighboursWork(s *Size) float64 {
	return float64(s.Parts) / 2 * float64(s.Rows) * float64(s.Rows) * float64(s.Features)
}

// neighbours keeps the rows of p.
func (p *problem) neighbours(ctx context.Context, c *Candidate) (*Fitted, error) {
	d, n := p.x.d, len(p.rows)
	m := &head.Neighbours{
		Mean: make([]float64, d), Scale: p.scale, Normalize: p.x.normalize,
		Rows: make([]float32, n*d), Labels: p.labels, Classes: p.classes,
		K: int(c.Params[0].Value), T: c.Params[1].Value,
	}
	if !p.bench.o.NoStandardize {
		m.Mean = p.mean
	}
	if p.weight != nil {
		m.Weights = make([]float32, n)
		for i, w := range p.weight {
			m.Weights[i] = max(float32(w), math.SmallestNonzeroFloat32)
		}
	}
	buf := make([]float32, block*d)
	for lo := 0; lo < n; lo += block {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows := p.rows[lo:min(lo+block, n)]
		x, err := p.x.rowsTo(buf, rows)
		if err != nil {
			return nil, err
		}
		m.UnitsTo(m.Rows[lo*d:(lo+len(rows))*d], x[:len(rows)*d], len(rows))
	}
	f := p.fitted(&solution{fit: head.Fit{Status: head.ClosedForm}})
	f.solution, f.neighbours = nil, m
	return f, nil
}

// votesTo writes the scores of rows by their neighbours m into dst.
func (p *problem) votesTo(ctx context.Context, dst []float64, rows []int, m *head.Neighbours) error {
	d, c, all := p.x.d, p.classes, len(m.Labels)
	buf, units, cosines := make([]float32, block*d), make([]float32, block*d), make([]float32, block*all)
	for lo := 0; lo < len(rows); lo += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		these := rows[lo:min(lo+block, len(rows))]
		n := len(these)
		x, err := p.x.rowsTo(buf, these)
		if err != nil {
			return err
		}
		m.UnitsTo(units[:n*d], x[:n*d], n)
		simd.Float32{}.Sgemm(blas.NoTrans, blas.Trans, n, all, d, 1, units, d, m.Rows, d, 0, cosines, all)
		for i := range n {
			m.VotesTo(dst[(lo+i)*c:(lo+i+1)*c], cosines[i*all:(i+1)*all])
		}
	}
	return nil
}
