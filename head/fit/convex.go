package fit

import (
	"context"
	"errors"
	"io"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/internal/parallel"
)

// rowLoss is the loss of a row at a score z = w·x and a few free parameters
// beside the weights, and what it means.
type rowLoss interface {
	// of returns the loss for the rows of a part, or why there is nothing to
	// fit.
	of(t *targetPart) (rowLoss, error)
	// begin returns the free parameters that are about best without weights,
	// and the curvature of the loss in each; nil if there is nothing to learn,
	// since all rows have one target, and then what stands for them.
	begin(t *targetPart, column int) (free, curvature, constant []float64)
	// row returns the loss of target y, its slope and curvature in z, and adds
	// weight times its slopes in the free parameters to slopes. Parameters out
	// of their range have an infinite loss.
	row(y, z, weight float64, free, slopes []float64) (loss, slope, curvature float64)
	// scores turns weights (D) and free parameters for standardised rows into
	// those of scores, which it appends.
	scores(w, b, weights, free []float64) ([]float64, []float64)
	// target returns the target of a row in a column, as row takes it.
	target(t *targetPart, row, column int) float64
}

// convexPath is a family of heads that minimise
//
//	(1/N) Σ wᵢ·loss(yᵢ, w·xᵢ, free) + λ/2 ‖w‖²
//
// for each column of the targets by itself, with one λ after another. Columns
// share the passes over the rows: each has an L-BFGS of its own, which proposes
// a point for each pass, and leaves when it has converged.
type convexPath struct {
	kind    string
	loss    rowLoss
	lambdas []float64
	columns []float64 // λ of each column, in the place of lambdas; nil: it is one
	exact   bool      // the last fit goes on to Settings.Tolerance
}

var _ TargetFamily = convexPath{}

// Begin prepares fits to parts.
func (f convexPath) Begin(ctx context.Context, b *Bench, parts []Part) (TargetPath, error) {
	p := &convexFits{convexPath: f, bench: b, fits: make([]*convexFit, len(parts))}
	err := parallel.Do(ctx, len(parts), b.threads, func(i int) error {
		t, err := b.targetPart(&parts[i])
		if err != nil {
			return err
		}
		p.fits[i], err = newConvexFit(ctx, t, f.loss)
		return err
	})
	return p, err
}

// convexFits is the path of convexPath.
type convexFits struct {
	convexPath
	bench *Bench
	fits  []*convexFit
	next  int // place in lambdas
}

// Next fits the next λ in all parts, each from where its last fit ended.
func (p *convexFits) Next(ctx context.Context) (Candidate, error) {
	if p.next == len(p.lambdas) {
		return Candidate{}, io.EOF
	}
	c := strength(p.kind, p.lambdas[p.next])
	c.Columns = p.columns
	tolerance := max(p.bench.tolerance, pathTolerance)
	if p.exact && p.next == len(p.lambdas)-1 {
		tolerance = p.bench.tolerance
	}
	p.next++
	return c, p.bench.crew.Do(ctx, len(p.fits), func(i int) error {
		f := p.fits[i]
		err := f.minimize(ctx, c.Params.Value(head.L2), p.columns, tolerance)
		p.bench.fitted(1)
		return err
	})
}

// Fitted returns what was fitted to a part last.
func (p *convexFits) Fitted(part int) (*head.Affine, head.Fit) { return p.fits[part].fitted() }

const (
	// convexMemory is the number of steps that L-BFGS remembers.
	convexMemory = 10
	// conditioned is the most features of which a covariance is taken to
	// precondition with; beyond it each is as good as the others.
	conditioned = 4096
	// converged is the gap at which a fit that stalls counts as converged.
	converged = 1e-8
)

// convexFit is the fit to a part.
type convexFit struct {
	*targetPart
	loss    rowLoss
	columns []*column // those that vary have a place in all
	all     []*column
	moments *moments // of shifted rows
	shift   *shift

	covariance *mat.SymDense // of standardised rows; nil: too many features
	factor     *mat.Cholesky // of a·covariance + λ·I
	factorA    float64
	factorL    float64

	passes int
	lanes  []*convexLane
}

// column is the fit to one column of the targets.
type column struct {
	place    int // among the columns of the targets
	constant []float64
	lambda   float64

	x, g, dir  []float64 // weights (D) and free parameters, the gradient there, and where to go
	loss       float64   // without the penalty
	curvature  float64   // mean over the rows
	diagonal   []float64 // curvature of the free parameters
	steps, ys  [][]float64
	step       float64
	trial, tg  []float64 // a point that is tried, and the gradient there
	tloss      float64
	tcurvature float64
	tries      int
	slope      float64 // of the objective along dir
	gap        float64
	status     head.Status // "": goes on
}

// newConvexFit prepares a fit without weights.
func newConvexFit(ctx context.Context, t *targetPart, loss rowLoss) (*convexFit, error) {
	d := t.bench.x.d
	loss, err := loss.of(t)
	if err != nil {
		return nil, err
	}
	f := &convexFit{targetPart: t, loss: loss, shift: newShift(t.mean, t.scale), moments: &moments{mean: make([]float64, d), scale: make([]float64, d)}}
	for j := range t.mean {
		f.moments.mean[j] = t.mean[j]*f.shift.of(j) - float64(f.shift.center[j])
		f.moments.scale[j] = t.scale[j] * f.shift.of(j)
	}
	for k := range t.bench.targets.K {
		c := &column{place: k}
		var free []float64
		free, c.diagonal, c.constant = loss.begin(t, k)
		f.all = append(f.all, c)
		if free == nil {
			c.status = head.ClosedForm
			continue
		}
		n := d + len(free)
		c.x, c.g, c.dir, c.trial, c.tg = make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
		copy(c.x[d:], free)
		f.columns = append(f.columns, c)
	}
	if len(f.columns) == 0 || d > conditioned {
		return f, nil
	}
	return f, f.measure(ctx)
}

// measure takes the covariance of at most 4·D of the part's rows, evenly
// spread.
func (f *convexFit) measure(ctx context.Context) error {
	d := f.bench.x.d
	n := min(len(f.rows), max(4*d, 256))
	sum := make([]float32, d*d)
	buf, x := make([]float32, block*d), make([]float32, block*d)
	for lo := 0; lo < n; lo += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		var rows []int
		for i := lo; i < min(lo+block, n); i++ {
			rows = append(rows, f.rows[i*len(f.rows)/n])
		}
		read, err := f.bench.x.rowsTo(buf, rows)
		if err != nil {
			return err
		}
		f.shift.to(x, read, len(rows))
		for i := range rows {
			row := x[i*d : (i+1)*d]
			for j, v := range row {
				row[j] = float32((float64(v) - f.moments.mean[j]) / f.moments.scale[j])
			}
		}
		f32.Ssyrk(blas.Upper, blas.Trans, d, len(rows), 1, x, d, 1, sum, d)
	}
	f.covariance = mat.NewSymDense(d, nil)
	for i := range d {
		for j := i; j < d; j++ {
			f.covariance.SetSym(i, j, float64(sum[i*d+j])/float64(n))
		}
	}
	return nil
}

// precondition makes the factor for λ and the curvature that the columns have,
// unless the last one is near enough.
func (f *convexFit) precondition(lambda float64) {
	if f.covariance == nil {
		return
	}
	a := 0.0
	for _, c := range f.columns {
		a += c.curvature / float64(len(f.columns))
	}
	a = max(a, 1e-3*lambda, 1e-12)
	const near = 4
	within := func(x, y float64) bool { return x < near*y && y < near*x }
	if f.factor != nil && within(a, f.factorA) && within(lambda, f.factorL) {
		return
	}
	d := f.bench.x.d
	m := mat.NewSymDense(d, nil)
	m.ScaleSym(a, f.covariance)
	for j := range d {
		m.SetSym(j, j, m.At(j, j)+lambda+1e-9*a)
	}
	factor := new(mat.Cholesky)
	if factor.Factorize(m) {
		f.factor, f.factorA, f.factorL = factor, a, lambda
	}
}

// minimize fits all columns at λ, or at one of each, to a relative gap of
// tolerance.
func (f *convexFit) minimize(ctx context.Context, lambda float64, lambdas []float64, tolerance float64) error {
	if len(f.columns) == 0 {
		return nil
	}
	first := f.passes == 0
	if first {
		for _, c := range f.columns {
			copy(c.trial, c.x)
		}
		if err := f.evaluate(ctx, f.columns); err != nil {
			return err
		}
		for _, c := range f.columns {
			c.loss, c.curvature = c.tloss, c.tcurvature
			copy(c.g, c.tg)
		}
	}
	d := f.bench.x.d
	for _, c := range f.columns {
		l := lambda
		if lambdas != nil {
			l = lambdas[c.place]
		}
		// The gradient at another λ, and how it changed with past steps, are
		// known without a pass.
		floats.AddScaled(c.g[:d], l-c.lambda, c.x[:d])
		for i, s := range c.steps {
			floats.AddScaled(c.ys[i][:d], l-c.lambda, s[:d])
		}
		c.lambda, c.status = l, ""
	}
	f.precondition(lambda)
	active := f.columns
	for pass := 0; ; pass++ {
		var going []*column
		for _, c := range active {
			if c.tries == 0 {
				f.aim(c, tolerance)
			}
			if c.status == "" && pass >= maxPasses {
				c.status = head.PassLimit
			}
			if c.status == "" {
				floats.AddScaledTo(c.trial, c.x, c.step, c.dir)
				going = append(going, c)
			}
		}
		if active = going; len(active) == 0 {
			return nil
		}
		if err := f.evaluate(ctx, active); err != nil {
			return err
		}
		for _, c := range active {
			c.judge(d)
		}
	}
}

// objective is the loss with the penalty at a point.
func (c *column) objective(loss float64, x []float64, d int) float64 {
	return loss + c.lambda/2*floats.Dot(x[:d], x[:d])
}

// aim chooses the direction from where a column is, and ends its fit if the
// gap, of which half the Newton decrement is an estimate, is small enough.
func (f *convexFit) aim(c *column, tolerance float64) {
	d := f.bench.x.d
	c.direction(f)
	c.slope = floats.Dot(c.g, c.dir)
	if !(c.slope < 0) && len(c.steps) > 0 {
		c.steps, c.ys = nil, nil
		c.direction(f)
		c.slope = floats.Dot(c.g, c.dir)
	}
	value := c.objective(c.loss, c.x, d)
	c.gap = -c.slope / 2 / max(value, math.SmallestNonzeroFloat64)
	c.step = 1
	if !(c.slope < 0) || c.gap <= tolerance/3 {
		c.status = head.Converged
	}
}

// direction writes −H·g into dir, by the two loops of L-BFGS (Nocedal,
// Mathematics of Computation 35:773, 1980) around the factor.
func (c *column) direction(f *convexFit) {
	q := c.dir
	floats.ScaleTo(q, -1, c.g)
	m := len(c.steps)
	alpha := make([]float64, m)
	for i := m - 1; i >= 0; i-- {
		alpha[i] = floats.Dot(c.steps[i], q) / floats.Dot(c.steps[i], c.ys[i])
		floats.AddScaled(q, -alpha[i], c.ys[i])
	}
	if m > 0 {
		// The factor's curvature, which is shared, is scaled to what the last
		// step met.
		s, y := c.steps[m-1], c.ys[m-1]
		h := append([]float64(nil), y...)
		f.solve(c, h)
		f.solve(c, q)
		floats.Scale(floats.Dot(s, y)/floats.Dot(y, h), q)
	} else {
		f.solve(c, q)
	}
	for i := range m {
		beta := floats.Dot(c.ys[i], q) / floats.Dot(c.steps[i], c.ys[i])
		floats.AddScaled(q, alpha[i]-beta, c.steps[i])
	}
}

// solve divides a vector by the factor, and the free parameters' part of it by
// their curvatures.
func (f *convexFit) solve(c *column, v []float64) {
	d := f.bench.x.d
	if f.factor != nil {
		x := mat.NewVecDense(d, v[:d])
		var condition mat.Condition
		if err := f.factor.SolveVecTo(x, x); err != nil && !errors.As(err, &condition) {
			panic(err) // the shapes are those of the factor
		}
	} else {
		floats.Scale(1/(c.curvature+c.lambda), v[:d])
	}
	for i, h := range c.diagonal {
		v[d+i] /= h
	}
}

// judge takes the point that was tried, or shortens the step. All columns wait
// for the pass of a trial: where the value falls, no longer step is sought, as
// search does for the second Wolfe condition.
func (c *column) judge(d int) {
	floats.AddScaled(c.tg[:d], c.lambda, c.trial[:d])
	before, after := c.objective(c.loss, c.x, d), c.objective(c.tloss, c.trial, d)
	at := &trial{step: c.step, before: before, after: after, slope: c.slope, slopeAfter: floats.Dot(c.tg, c.dir)}
	if at.decreases() || at.decreasesBySlope() && !at.tooShort() {
		s, y := make([]float64, len(c.x)), make([]float64, len(c.x))
		floats.SubTo(s, c.trial, c.x)
		floats.SubTo(y, c.tg, c.g)
		if sy := floats.Dot(s, y); sy > 1e-10*floats.Norm(s, 2)*floats.Norm(y, 2) {
			if len(c.steps) == convexMemory {
				c.steps, c.ys = c.steps[1:], c.ys[1:]
			}
			c.steps, c.ys = append(c.steps, s), append(c.ys, y)
		}
		c.x, c.trial = c.trial, c.x
		c.g, c.tg = c.tg, c.g
		c.loss, c.curvature, c.tries = c.tloss, c.tcurvature, 0
		return
	}
	const least = 1e-10 // of the value: what a step promises at least
	if c.tries++; c.tries > maxTrials || -c.step*c.slope < least*math.Abs(before) {
		c.tries = 0
		if len(c.steps) > 0 { // once more, from the factor alone
			c.steps, c.ys = nil, nil
			return
		}
		c.status = head.Stalled
		if c.gap <= converged {
			c.status = head.Converged
		}
		return
	}
	// The parabola through both values and the slope, within bounds.
	share := -c.slope * c.step / (2 * (after - before - c.slope*c.step))
	if !(share > 0.1) { // also where it is no number
		share = 0.1
	}
	c.step *= min(share, 0.5)
}

// convexLane sums up losses and gradients over some of the rows.
type convexLane struct {
	buf, x    []float32 // block×D
	z         []float32 // block×active: scores, then slopes
	g32       []float32 // active×D
	g         []float64 // active×D
	gb        []float64 // active: sums of slopes
	loss      []float64 // active
	curvature []float64
	free      [][]float64 // of each active column: slopes of its free parameters
}

// evaluate computes loss and gradient, without the penalty, of columns at their
// trial points in one pass over the rows.
func (f *convexFit) evaluate(ctx context.Context, active []*column) error {
	f.passes++
	d, n, k := f.bench.x.d, len(f.rows), len(active)
	w32, offset := make([]float32, k*d), make([]float64, k)
	for i, c := range active {
		for j, v := range c.trial[:d] {
			v32 := float32(v / f.moments.scale[j])
			w32[i*d+j] = v32
			offset[i] -= float64(v32) * f.moments.mean[j]
		}
	}
	lanes := laneCount(n)
	for len(f.lanes) < lanes {
		f.lanes = append(f.lanes, &convexLane{buf: make([]float32, block*d), x: make([]float32, block*d)})
	}
	err := f.bench.crew.Do(ctx, lanes, func(l int) error {
		return f.sum(ctx, f.lanes[l], active, w32, offset, n*l/lanes, n*(l+1)/lanes)
	})
	if err != nil {
		return err
	}
	inv := 1 / float64(n)
	for i, c := range active {
		c.tloss, c.tcurvature = 0, 0
		clear(c.tg)
		slopes := 0.0
		for _, l := range f.lanes {
			c.tloss += l.loss[i]
			c.tcurvature += l.curvature[i]
			slopes += l.gb[i]
			floats.Add(c.tg[:d], l.g[i*d:(i+1)*d])
			floats.Add(c.tg[d:], l.free[i])
		}
		c.tloss *= inv
		c.tcurvature *= inv
		floats.Scale(inv, c.tg)
		slopes *= inv
		for j := range d {
			c.tg[j] = (c.tg[j] - slopes*f.moments.mean[j]) / f.moments.scale[j]
		}
	}
	return nil
}

// sum adds up what evaluate needs over the rows at lo to hi.
func (f *convexFit) sum(ctx context.Context, l *convexLane, active []*column, w32 []float32, offset []float64, lo, hi int) error {
	d, k := f.bench.x.d, len(active)
	l.z, l.g32 = make([]float32, block*k), make([]float32, k*d)
	l.g, l.gb, l.loss, l.curvature = make([]float64, k*d), make([]float64, k), make([]float64, k), make([]float64, k)
	l.free = make([][]float64, k)
	for i, c := range active {
		l.free[i] = make([]float64, len(c.trial)-d)
	}
	flush := 0
	for ; lo < hi; lo += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		top := min(lo+block, hi)
		n := top - lo
		read, err := f.bench.x.rowsTo(l.buf, f.rows[lo:top])
		if err != nil {
			return err
		}
		f.shift.to(l.x, read, n)
		f32.Sgemm(blas.NoTrans, blas.Trans, n, k, d, 1, l.x, d, w32, d, 0, l.z, k) // Z = X·Wᵀ
		for r := lo; r < top; r++ {
			weight := 1.0
			if f.weight != nil {
				weight = f.weight[r]
			}
			z := l.z[(r-lo)*k : (r-lo+1)*k]
			for i, c := range active {
				loss, slope, curvature := f.loss.row(f.loss.target(f.targetPart, f.rows[r], c.place), float64(z[i])+offset[i], weight, c.trial[d:], l.free[i])
				l.loss[i] += weight * loss
				l.curvature[i] += weight * curvature
				l.gb[i] += weight * slope
				z[i] = float32(weight * slope)
			}
		}
		f32.Sgemm(blas.Trans, blas.NoTrans, k, d, n, 1, l.z, k, l.x, d, 1, l.g32, d) // G += RᵀX
		if flush += n; flush >= flushRows || top == hi {
			for i, v := range l.g32 {
				l.g[i] += float64(v)
			}
			clear(l.g32)
			flush = 0
		}
	}
	return nil
}

// fitted returns the model and how its fit went: the worst status and gap of
// its columns, and the mean of their objectives.
func (f *convexFit) fitted() (*head.Affine, head.Fit) {
	d := f.bench.x.d
	fit := head.Fit{Status: head.ClosedForm, Passes: f.passes}
	var w, b []float64
	zero := make([]float64, d)
	for _, c := range f.all {
		if c.constant != nil {
			w, b = f.loss.scores(w, b, zero, c.constant)
			continue
		}
		w, b = f.loss.scores(w, b, c.x[:d], c.x[d:])
		fit.Objective += c.objective(c.loss, c.x, d) / float64(len(f.columns))
		fit.Gap = max(fit.Gap, c.gap)
		if worse(c.status, fit.Status) {
			fit.Status = c.status
		}
	}
	return f.affine(w, b), fit
}

// worse says whether a status is less than another.
func worse(a, b head.Status) bool {
	order := map[head.Status]int{head.ClosedForm: 0, head.Converged: 1, head.Stalled: 2, head.PassLimit: 3}
	return order[a] > order[b]
}
