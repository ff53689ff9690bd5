package fit

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/internal/parallel"
	"github.com/headstart-ml/headstart/head/internal/simd"
)

const (
	defaultTolerance = 1e-4
	defaultMemory    = 2 << 30
)

// MaxFeatures is the most features that a family with Entry.Covariance takes:
// it bounds the covariance, D×D float64, to 2 GiB.
const MaxFeatures = 1 << 14

// Settings says how rows are taken and fitted. nil means the defaults.
type Settings struct {
	Weights Weights
	// NoStandardize leaves the features as they are. The default subtracts each
	// feature's mean and divides by its population standard deviation on the
	// rows of the fit; a feature that is constant, or varies by less than
	// float32 can tell, has scale 1.
	NoStandardize bool
	// Normalize divides each row by its Euclidean length before anything else;
	// a row of zeros stays one.
	Normalize bool
	// Tolerance is the relative gap to the optimum at which a fit stops,
	// between 0 and 1; fits along a path stop at 1e-3, or at Tolerance if that
	// is coarser. The default 0 means 1e-4.
	Tolerance float64
	// Threads is the number of goroutines that compute. The default 0 means
	// runtime.GOMAXPROCS(0). It changes no bit of the result.
	Threads int
	// Memory is the size, in bytes as float32, up to which the features are
	// held in memory; larger ones are read again in each pass, in the order in
	// which they lie if they are head.Stored, and take memory of some hundred
	// bytes a row and blocks of at most 128 rows. The default 0 means 2 GiB.
	Memory int64
	// Name names a row in errors. nil: rows are named by their number, from 0.
	Name func(row int) string
	// Fitted, if it is not nil, is called from one goroutine at a time when n
	// more candidates have been fitted to a part.
	Fitted func(n int)
}

// Bench is rows, and what fits to many parts of them share. Its methods are not
// safe for concurrent use; they compute with several goroutines themselves.
type Bench struct {
	x         *matrix
	labels    []int // class of each row
	classes   int
	targets   *Targets // nil: rows have classes
	weights   *Weights
	o         Settings
	tolerance float64
	threads   int
	crew      *parallel.Crew // of so many threads, which nested fits share

	deals []Deal
	sums  [][]*Sums // of each deal, of each cell
	bad   []badRow  // ascending
	cells *cells    // that closed forms have measured since the last deal
	mu    sync.Mutex

	passes atomic.Int64 // of all fits by iteration
}

// Passes is the number of evaluations of objective and gradient over a part
// that all softmax fits to the bench have taken so far.
func (b *Bench) Passes() int { return int(b.passes.Load()) }

// badRow is a row with a feature that is no finite number.
type badRow struct{ row, feature int }

// Deal puts rows into disjoint cells, as cross-validation deals them into
// folds.
type Deal struct {
	// Cell is the cell of each row, from 0; −1: none.
	Cell []int
	// Cells is the number of cells.
	Cells int
}

// Part is the rows of a fit: those of some cells of a deal.
type Part struct {
	// Name is what the part is called in errors.
	Name string
	// Deal is the place of the deal among those of Bench.Deal, Cells are its
	// cells.
	Deal  int
	Cells []int
	// Start is where fits begin that are made by iteration; nil: at zero.
	Start *Start
}

// Labelled is rows with their classes.
type Labelled struct {
	// Rows holds the features, n×D.
	Rows head.Rows
	// Used lists the numbers of the rows that take part, ascending; nil: all.
	Used []int
	// Labels holds the class of each row that takes part, of so many Classes.
	Labels  []int
	Classes int
	// Targets are given in the place of Labels and Classes for a family of
	// TargetFamilies.
	Targets *Targets
}

// NewBench returns a bench for rows, which it reads if they fit into memory.
//
// Errors: lengths that do not fit, labels out of range, weights that cannot be
// scaled (a *WeightError); and what Rows.BlockTo or ctx return.
func NewBench(ctx context.Context, l *Labelled, o *Settings) (*Bench, error) {
	if o == nil {
		o = &Settings{}
	}
	x, used, labels, classes := l.Rows, l.Used, l.Labels, l.Classes
	if used == nil {
		used = span(0, x.N())
	}
	if l.Targets != nil {
		if err := l.Targets.check(len(used)); err != nil {
			return nil, err
		}
		labels, classes = make([]int, len(used)), 1
	}
	switch {
	case len(labels) != len(used):
		return nil, fmt.Errorf("head/fit: %d labels for %d rows", len(labels), len(used))
	case x.D() < 1:
		return nil, fmt.Errorf("head/fit: rows of %d features", x.D())
	case o.Tolerance != 0 && !(o.Tolerance > 0 && o.Tolerance < 1):
		return nil, fmt.Errorf("head/fit: tolerance %v is not between 0 and 1", o.Tolerance)
	case o.Threads < 0 || o.Memory < 0:
		return nil, fmt.Errorf("head/fit: %d threads and a memory of %d bytes: neither may be negative", o.Threads, o.Memory)
	}
	for i, r := range used {
		if r < 0 || r >= x.N() || i > 0 && used[i-1] >= r {
			return nil, fmt.Errorf("head/fit: row %d of %d: out of range, or not ascending", r, x.N())
		}
		if labels[i] < 0 || labels[i] >= classes {
			return nil, fmt.Errorf("head/fit: row %d: label %d of %d classes", r, labels[i], classes)
		}
	}
	b := &Bench{
		x:      &matrix{src: x, used: used, d: x.D(), normalize: o.Normalize},
		labels: labels, classes: classes, targets: l.Targets, o: *o, tolerance: o.Tolerance, threads: o.Threads,
	}
	if b.tolerance == 0 {
		b.tolerance = defaultTolerance
	}
	if b.threads == 0 {
		b.threads = runtime.GOMAXPROCS(0)
	}
	b.crew = parallel.NewCrew(b.threads)
	if b.o.Memory == 0 {
		b.o.Memory = defaultMemory
	}
	if b.o.Name == nil {
		b.o.Name = strconv.Itoa
	}
	var err error
	if b.weights, err = o.Weights.scaled(len(used), classes); err != nil {
		return nil, err
	}
	if err := b.x.arrange(); err != nil {
		return nil, err
	}
	if int64(len(used))*int64(b.x.d)*4 <= b.o.Memory {
		err = b.x.hold(ctx)
	}
	return b, err
}

// Deal deals the rows anew, and measures all cells of all deals in one pass
// over the rows. Cells out of range are an error.
func (b *Bench) Deal(ctx context.Context, deals []Deal) error {
	n, d := len(b.x.used), b.x.d
	b.deals, b.sums, b.bad, b.cells = deals, nil, nil, nil
	for k, deal := range deals {
		if len(deal.Cell) != n {
			return fmt.Errorf("head/fit: deal %d: %d cells for %d rows", k, len(deal.Cell), n)
		}
		for i, c := range deal.Cell {
			if c < -1 || c >= deal.Cells {
				return fmt.Errorf("head/fit: deal %d: row %d: cell %d of %d", k, i, c, deal.Cells)
			}
		}
		sums := make([]*Sums, deal.Cells)
		for c := range sums {
			sums[c] = NewSums(d)
		}
		b.sums = append(b.sums, sums)
	}
	var tallies []*tally
	for k := range deals {
		tallies = append(tallies, newTally(b.sums[k]))
	}
	m := simd.BlockRows(d)
	buf := make([]float32, m*d)
	for lo := 0; lo < n; lo += m {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+m, n)
		these := span(lo, hi)
		if b.x.order != nil {
			these = b.x.order[lo:hi]
		}
		rows, err := b.x.rowsTo(buf, these)
		if err != nil {
			return err
		}
		if !simd.Finite(rows) {
			for i, r := range these {
				if j := notFinite(rows[i*d : (i+1)*d]); j >= 0 {
					b.bad = append(b.bad, badRow{r, j})
				}
			}
		}
		parallel.Do(ctx, len(deals), b.threads, func(k int) error {
			tallies[k].add(rows, these, deals[k].Cell, b.weights)
			return nil
		})
	}
	for _, t := range tallies {
		t.end()
	}
	slices.SortFunc(b.bad, func(a, b badRow) int { return a.row - b.row })
	return ctx.Err()
}

// FeaturesError says that rows have more features than a family takes.
type FeaturesError struct{ D int }

func (e *FeaturesError) Error() string {
	return fmt.Sprintf("rows of %d features; such a head is fitted on at most %d", e.D, MaxFeatures)
}

// Finite returns an error that names the first row with a feature that is no
// finite number, in a part or not; nil if there is none. It wraps
// head.ErrNotFinite.
func (b *Bench) Finite() error {
	if len(b.bad) == 0 {
		return nil
	}
	return b.notFinite(b.bad[0])
}

func (b *Bench) notFinite(bad badRow) error {
	return fmt.Errorf("head: features: row %s: feature %d: %w; leave the row out or extract it again", b.o.Name(b.x.used[bad.row]), bad.feature, head.ErrNotFinite)
}

// finiteIn returns an error that names the first of rows (ascending) with a
// feature that is no finite number, nil if there is none.
func (b *Bench) finiteIn(rows []int) error {
	for _, bad := range b.bad {
		if _, in := slices.BinarySearch(rows, bad.row); in {
			return b.notFinite(bad)
		}
	}
	return nil
}

// rowsOf returns the rows of a part, ascending.
func (b *Bench) rowsOf(p *Part) []int {
	deal := b.deals[p.Deal]
	in := make([]bool, deal.Cells)
	for _, c := range p.Cells {
		in[c] = true
	}
	var rows []int
	for i, c := range deal.Cell {
		if c >= 0 && in[c] {
			rows = append(rows, i)
		}
	}
	return rows
}

// sumsOf adds up the cells of a part.
func (b *Bench) sumsOf(p *Part) *Sums {
	s := NewSums(b.x.d)
	for _, c := range p.Cells {
		s.Add(b.sums[p.Deal][c])
	}
	return s
}

// scaleTo writes the scale by which rows of s are standardised into dst (D).
func (b *Bench) scaleTo(dst []float64, s *Sums) {
	if !b.o.NoStandardize {
		s.scaleTo(dst)
		return
	}
	for j := range dst {
		dst[j] = 1
	}
}

// fitted reports that n more candidates have been fitted.
func (b *Bench) fitted(n int) {
	if b.o.Fitted == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.o.Fitted(n)
}

// ClassesError says that a part has rows of fewer than two classes.
type ClassesError struct {
	Part    string
	Classes int
}

func (e *ClassesError) Error() string {
	if e.Classes == 1 {
		return fmt.Sprintf("%s: all samples are of one class, at least 2 are needed", e.Part)
	}
	return fmt.Sprintf("%s: no sample has a class, at least 2 classes are needed", e.Part)
}

// problem is a fit to a part.
type problem struct {
	objective
	bench   *Bench
	name    string
	present []int     // the classes that the rows have, ascending; class k of the fit is present[k]
	sample  []float64 // the rows' own weights; nil: all 1
	loaded  *solution // that logitsTo computes with
	mean    []float64 // D, of the rows as they are
	scale   []float64
	// constant is how many features are, or vary too little for float32.
	constant int
}

// problems prepares fits to parts.
func (b *Bench) problems(ctx context.Context, parts []Part) ([]*problem, error) {
	all := make([]*problem, len(parts))
	err := parallel.Do(ctx, len(parts), b.threads, func(i int) (err error) {
		all[i], err = b.problem(&parts[i])
		return err
	})
	return all, err
}

func (b *Bench) problem(part *Part) (*problem, error) {
	p := &problem{bench: b, name: part.Name}
	p.x, p.crew = b.x, b.crew
	found := make([]bool, b.classes)
	for _, r := range b.rowsOf(part) {
		w := b.weights.of(r)
		if w == 0 {
			continue
		}
		p.rows = append(p.rows, r)
		if b.weights.Rows != nil {
			p.sample = append(p.sample, w)
		}
		found[b.labels[r]] = true
	}
	if err := b.finiteIn(p.rows); err != nil {
		return nil, err
	}
	local := make([]int32, b.classes)
	for k, in := range found {
		if in {
			local[k] = int32(len(p.present))
			p.present = append(p.present, k)
		}
	}
	if len(p.present) < 2 {
		return nil, &ClassesError{part.Name, len(p.present)}
	}
	p.classes = len(p.present)
	p.labels = make([]int32, len(p.rows))
	for i, r := range p.rows {
		p.labels[i] = local[b.labels[r]]
	}
	if w := b.weights; w.Rows != nil || w.Classes != nil || w.Balanced {
		p.weight = make([]float64, len(p.rows))
		w.To(p.weight, p.rows, b.labels, b.classes)
	}
	sums := b.sumsOf(part)
	p.mean, p.scale = sums.Mean, make([]float64, b.x.d)
	b.scaleTo(p.scale, sums)
	deviation := make([]float64, b.x.d)
	sums.scaleTo(deviation)
	for j := range deviation {
		if sums.constant(j) {
			p.constant++
		}
	}
	p.shift = newShift(p.mean, deviation)
	p.moments = &moments{mean: make([]float64, b.x.d), scale: make([]float64, b.x.d)}
	for j := range p.mean {
		p.moments.mean[j] = p.mean[j]*p.shift.of(j) - float64(p.shift.center[j])
		p.moments.scale[j] = p.scale[j] * p.shift.of(j)
	}
	return p, nil
}

// affine folds the standardisation of a solution into its weights.
func (p *problem) affine(s *solution) *head.Affine {
	d := p.x.d
	m := &head.Affine{
		Normalize: p.x.normalize,
		Weight:    make([]float64, p.classes*d), Bias: slices.Clone(s.b), Mean: make([]float64, d), Scale: slices.Clone(p.scale),
	}
	if !p.bench.o.NoStandardize {
		copy(m.Mean, p.mean)
	}
	for k := range p.present {
		for j := range d {
			w := s.w[k*d+j] / p.scale[j]
			m.Weight[k*d+j] = w
			m.Bias[k] -= w * p.mean[j]
		}
	}
	return m
}

// Fitted is what was fitted to a part.
type Fitted struct {
	// Classes are those that the part has, ascending: the columns of the model.
	Classes []int
	// Fit tells how the fit went.
	Fit head.Fit
	// Constant is how many features are constant in the part, or vary by less
	// than float32 can tell: they have scale 1.
	Constant int

	problem    *problem
	solution   *solution
	neighbours *head.Neighbours // of KNN, in the place of a solution
	lesson     *lesson          // of a perceptron, likewise
}

// ScoresTo writes the scores of rows (ascending, of the bench) into dst,
// len(rows)×C, −∞ for classes that the part has no row of. It is not safe to be
// called for one part by several goroutines at a time.
func (f *Fitted) ScoresTo(ctx context.Context, dst []float64, rows []int) error {
	p, c := f.problem, f.problem.bench.classes
	if len(dst) != len(rows)*c {
		return fmt.Errorf("head/fit: room for %d scores of %d rows of %d classes", len(dst), len(rows), c)
	}
	if c == p.classes {
		return f.knownTo(ctx, dst, rows)
	}
	local := make([]float64, block*p.classes)
	for lo := 0; lo < len(rows); lo += block {
		hi := min(lo+block, len(rows))
		local := local[:(hi-lo)*p.classes]
		if err := f.knownTo(ctx, local, rows[lo:hi]); err != nil {
			return err
		}
		for i := range hi - lo {
			row := dst[(lo+i)*c : (lo+i+1)*c]
			for k := range row {
				row[k] = math.Inf(-1)
			}
			for k, class := range p.present {
				row[class] = local[i*p.classes+k]
			}
		}
	}
	return nil
}

// knownTo writes the scores of rows for the classes that the part has.
func (f *Fitted) knownTo(ctx context.Context, dst []float64, rows []int) error {
	p, s := f.problem, f.solution
	if f.neighbours != nil {
		return p.votesTo(ctx, dst, rows, f.neighbours)
	}
	if f.lesson != nil {
		return f.lesson.allTo(ctx, dst, rows)
	}
	if p.loaded != s {
		p.load(s.w, s.b)
		p.loaded = s
	}
	return p.logitsTo(ctx, dst, rows, s)
}

// Model returns the model of what was fitted.
func (f *Fitted) Model() head.Model {
	if f.neighbours != nil {
		return f.neighbours
	}
	if f.lesson != nil {
		return f.lesson.model
	}
	return f.problem.affine(f.solution)
}

// Start is where a fit by iteration begins: a solution for all classes.
type Start struct {
	solution *solution
	model    *head.Affine // of an earlier head, in the place of a solution
	columns  []int        // of each class: its column of model, or −1
}

// HeadStart returns where fits begin that go on from an earlier head of the
// same features: at its weights, for the classes (names, in the order of the
// rows' labels) that it knows, and at zero for others. It is nil for a head
// that was not fitted by iteration.
func HeadStart(h *head.Head, classes []string) *Start {
	m, ok := h.Model.(*head.Affine)
	if !ok || h.Kind != "softmax" {
		return nil
	}
	s := &Start{model: m}
	for _, name := range classes {
		s.columns = append(s.columns, slices.Index(h.Classes, name))
	}
	return s
}

// from turns the weights of the model into those for the rows of p,
// standardised as they are.
func (s *Start) from(p *problem) *solution {
	d := p.x.d
	out := &solution{w: make([]float64, p.classes*d), b: make([]float64, p.classes)}
	for i, class := range p.present {
		k := s.columns[class]
		if k < 0 {
			continue
		}
		out.b[i] = s.model.Bias[k]
		for j, v := range s.model.Weight[k*d : (k+1)*d] {
			out.w[i*d+j] = v * p.scale[j]
			out.b[i] += v * p.mean[j]
		}
	}
	return out
}

// MeanStart returns the mean of what was fitted to parts, class by class over
// those that know the class; nil for what is not fitted by iteration.
func MeanStart(parts []*Fitted) *Start {
	if len(parts) == 0 || parts[0].lesson != nil || parts[0].Fit.Status == head.ClosedForm {
		return nil
	}
	b := parts[0].problem.bench
	c, d := b.classes, b.x.d
	m := &solution{w: make([]float64, c*d), b: make([]float64, c)}
	known := make([]float64, c)
	for _, f := range parts {
		for _, k := range f.Classes {
			known[k]++
		}
		m.curvature += f.solution.curvature / float64(len(parts))
	}
	for _, f := range parts {
		for i, k := range f.Classes {
			for j, v := range f.solution.w[i*d : (i+1)*d] {
				m.w[k*d+j] += 1 / known[k] * v
			}
			m.b[k] += f.solution.b[i] / known[k]
		}
	}
	return &Start{solution: m}
}

// of cuts a start down to the classes of a part.
func (s *Start) of(p *problem) *solution {
	if s == nil {
		return nil
	}
	if s.model != nil {
		return s.from(p)
	}
	d := p.x.d
	cut := &solution{curvature: s.solution.curvature}
	for _, k := range p.present {
		cut.w = append(cut.w, s.solution.w[k*d:(k+1)*d]...)
		cut.b = append(cut.b, s.solution.b[k])
	}
	return cut
}
