package fit

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"

	"github.com/headstart-ml/headstart/head"
)

// SparseSoftmax fits multinomial logistic regression to sparse rows as they
// are: the objective is that of Softmax, without a standardisation. It goes
// over the rows one by one and solves the dual problem of each (Yu, Huang and
// Lin, Machine Learning 85:41, 2011). The larger λN, the fewer passes that
// takes: about 10 for texts. It computes with one goroutine; several fits may
// run at a time.
type SparseSoftmax struct {
	// L2 is λ, > 0.
	L2 float64
	// Tolerance is the relative gap to the optimum at which the fit stops,
	// between 0 and 1. The default 0 means 1e-4.
	Tolerance float64
	// Passes is the most passes over the rows, at least 1. The default 0 means
	// 300.
	Passes int
	// Start is where a fit of the same rows and classes at another λ ended
	// (SparseModel.End), from which this one begins; nil: at zero. It changes
	// nothing but the number of passes and where the fit stops within the
	// tolerance.
	Start *SparseStart
}

// SparseStart is where a fit ended, without the weights, which follow from it
// and the rows: 8 bytes for each row and class.
type SparseStart struct {
	dual   []float64 // probabilities of the rows that were fitted, n×C
	offset []float64 // the intercept for centred rows
}

// SparseRows is sparse rows with their classes.
type SparseRows struct {
	X *Sparse
	// Used lists the numbers of the rows that take part; nil: all.
	Used []int
	// Labels holds the class of each row that takes part, of so many Classes. A
	// class without a row has the score −∞.
	Labels  []int
	Classes int
	// Weights weighs the rows that take part, finite and not negative, with
	// mean 1; nil: all 1.
	Weights []float64
}

// SparseModel is a head for sparse rows.
type SparseModel struct {
	// Fit tells how the fit went. Its Gap is computed from the dual problem,
	// and estimated for the intercept.
	Fit head.Fit

	classes int
	present []int     // the classes that have rows, ascending
	front   []float64 // weights of the columns in front, C×D
	weight  []float64 // of the others, D×C
	bias    []float64
	d       int

	end *SparseStart
}

// End returns where the fit ended.
func (m *SparseModel) End() *SparseStart { return m.end }

const (
	sparsePasses = 300
	// sparseSolve is how often the problem of a row is linearised at most.
	sparseSolve = 12
)

// Fit fits a model. Errors: λ or the tolerance out of range, lengths that do
// not fit, labels or rows out of range, fewer than two classes that have rows,
// a Start of other rows; and what ctx returns.
func (s SparseSoftmax) Fit(ctx context.Context, rows *SparseRows) (*SparseModel, error) {
	if err := s.check(rows); err != nil {
		return nil, err
	}
	f := newSparseFit(&s, rows)
	if len(f.present) < 2 {
		return nil, fmt.Errorf("head/fit: rows of %d of %d classes, two are needed", len(f.present), rows.Classes)
	}
	if s.Start != nil && len(s.Start.dual) != len(f.dual) {
		return nil, fmt.Errorf("head/fit: the fit to start from is of other rows")
	}
	tolerance, passes := cmp.Or(s.Tolerance, defaultTolerance), cmp.Or(s.Passes, sparsePasses)
	f.begin(s.Start)
	fit := head.Fit{Status: head.PassLimit}
	for fit.Passes < passes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p := f.pass(true)
		fit.Passes++
		if p.gap > tolerance*p.objective && fit.Passes < passes {
			f.shift(p)
			continue
		}
		// What a pass sees of a row is older than what it sees of the next one:
		// only a pass that changes nothing tells where the fit is.
		p = f.pass(false)
		fit.Passes++
		fit.Objective, fit.Gap = p.objective, p.gap/p.objective
		if fit.Gap <= tolerance {
			fit.Status = head.Converged
			break
		}
		f.shift(p)
	}
	return f.model(fit), nil
}

// check tells what is wrong with settings and rows.
func (s *SparseSoftmax) check(r *SparseRows) error {
	n := r.X.N()
	if r.Used != nil {
		n = len(r.Used)
	}
	switch {
	case !(s.L2 > 0 && s.L2 <= math.MaxFloat64):
		return fmt.Errorf("head/fit: λ is %v, it must be positive", s.L2)
	case s.Tolerance != 0 && !(s.Tolerance > 0 && s.Tolerance < 1):
		return fmt.Errorf("head/fit: tolerance %v is not between 0 and 1", s.Tolerance)
	case s.Passes < 0:
		return fmt.Errorf("head/fit: %d passes", s.Passes)
	case len(r.Labels) != n || r.Weights != nil && len(r.Weights) != n:
		return fmt.Errorf("head/fit: %d labels and %d weights for %d rows", len(r.Labels), len(r.Weights), n)
	}
	for i, y := range r.Labels {
		if y < 0 || y >= r.Classes {
			return fmt.Errorf("head/fit: row %d: label %d of %d classes", i, y, r.Classes)
		}
		if r.Used != nil && (r.Used[i] < 0 || r.Used[i] >= r.X.N()) {
			return fmt.Errorf("head/fit: row %d of %d", r.Used[i], r.X.N())
		}
		if r.Weights != nil && !(r.Weights[i] >= 0 && r.Weights[i] <= math.MaxFloat64) {
			return fmt.Errorf("head/fit: row %d: weight %v is not a finite number ≥ 0", i, r.Weights[i])
		}
	}
	return nil
}

// sparseFit is a fit that runs.
//
// With p_i the probabilities of row i in the dual problem and e_i its class, W
// = Σ a_i·x_iᵀ with a_i = w_i·(e_i − p_i)/(λn). Rows are shifted by their mean
// μ, which the free intercept b absorbs: it is then nearly independent of W,
// and one Newton step of it after each pass keeps up. The sparse rows stay as
// they are: W = U − s·μᵀ with U = Σ a_i·x_iᵀ and s = Σ a_i.
type sparseFit struct {
	x       *Sparse
	rows    []int
	labels  []int // among present
	w       []float64
	l2      float64
	classes int
	present []int
	c       int // len(present)

	dual    []float64 // p, n×C
	entropy []float64 // Σ p·ln p of each row
	front   []float64 // U in front, C×D
	u       []float64 // U, D×C
	s       []float64 // Σ a_i
	v       []float64 // U·μ
	b       []float64
	mean    []float64 // μ, of the columns in front first
	at      []float64 // μ·x_i
	norm    []float64 // ‖x_i − μ‖²
	length  []float64 // ‖x_i‖²
	mm      float64   // ‖μ‖²
	least   float64   // the tolerance, which says what is too little to be worth a step
	spared  float64   // the share of a row in the gap up to which it is not solved
	order   []int32
	draw    *rand.Rand

	wide                   []float64 // a row's values in front
	widened                int       // the row; −1: none
	z, q, l, t, p, d, grad []float64
	hess                   []float64
}

// passed is what a pass saw.
type passed struct{ objective, gap float64 }

func newSparseFit(s *SparseSoftmax, r *SparseRows) *sparseFit {
	f := &sparseFit{x: r.X, rows: r.Used, w: r.Weights, l2: s.L2, classes: r.Classes, widened: -1, draw: rand.New(rand.NewPCG(1, 2))}
	if f.rows == nil {
		f.rows = span(0, r.X.N())
	}
	place := make([]int, r.Classes)
	for _, y := range r.Labels {
		place[y] = 1
	}
	for y, has := range place {
		if has == 1 {
			place[y] = len(f.present)
			f.present = append(f.present, y)
		}
	}
	f.labels = make([]int, len(r.Labels))
	for i, y := range r.Labels {
		f.labels[i] = place[y]
	}
	n, c, front := len(f.rows), len(f.present), r.X.frontWidth
	f.c = c
	f.dual, f.entropy = make([]float64, n*c), make([]float64, n)
	f.least = cmp.Or(s.Tolerance, defaultTolerance)
	f.front, f.u, f.wide = make([]float64, c*front), make([]float64, c*r.X.d), make([]float64, front)
	f.s, f.v, f.b = make([]float64, c), make([]float64, c), make([]float64, c)
	f.z, f.q, f.l, f.t, f.p, f.d = make([]float64, c), make([]float64, c), make([]float64, c), make([]float64, c), make([]float64, c), make([]float64, c)
	f.grad, f.hess = make([]float64, c), make([]float64, c)
	f.order = make([]int32, n)
	f.center()
	return f
}

// weight is that of the i-th row that takes part.
func (f *sparseFit) weight(i int) float64 {
	if f.w == nil {
		return 1
	}
	return f.w[i]
}

// center takes the mean of the rows.
func (f *sparseFit) center() {
	n, front := len(f.rows), f.x.frontWidth
	f.mean = make([]float64, front+f.x.d)
	for i, r := range f.rows {
		w := f.weight(i) / float64(n)
		if front > 0 {
			for j, v := range f.x.frontOf(r) {
				f.mean[j] += w * float64(v)
			}
		}
		columns, values := f.x.Row(r)
		for j, c := range columns {
			f.mean[front+int(c)] += w * float64(values[j])
		}
	}
	f.mm = floats.Dot(f.mean, f.mean)
	f.measure()
	// A few long rows pull the mean far from all others, which it would make
	// alike.
	if middle := slices.Sorted(slices.Values(f.length))[n/2]; f.mm > middle/2 {
		clear(f.mean)
		f.mm = 0
		f.measure()
	}
}

// measure takes the lengths of the rows, and what the mean has to do with each.
func (f *sparseFit) measure() {
	n, front := len(f.rows), f.x.frontWidth
	f.at, f.norm, f.length = make([]float64, n), make([]float64, n), make([]float64, n)
	for i, r := range f.rows {
		at, norm := 0.0, 0.0
		if front > 0 {
			for j, v := range f.x.frontOf(r) {
				at += float64(v) * f.mean[j]
				norm += float64(v) * float64(v)
			}
		}
		columns, values := f.x.Row(r)
		for j, c := range columns {
			v := float64(values[j])
			at += v * f.mean[front+int(c)]
			norm += v * v
		}
		f.at[i], f.length[i], f.norm[i] = at, norm, max(norm-2*at+f.mm, 0)
	}
}

// begin puts the fit at zero, with the shares of the classes as intercept, or
// where another one ended.
func (f *sparseFit) begin(start *SparseStart) {
	n := float64(len(f.rows))
	if start == nil {
		for i, y := range f.labels {
			f.dual[i*f.c+y] = 1
			f.b[y] += f.weight(i)
		}
		for k, share := range f.b {
			f.b[k] = math.Log(max(share, 1e-9) / n)
		}
		return
	}
	copy(f.dual, start.dual)
	copy(f.b, start.offset)
	for i, r := range f.rows {
		for _, p := range f.dual[i*f.c : (i+1)*f.c] {
			if p > 0 {
				f.entropy[i] += p * math.Log(p)
			}
		}
		k := f.weight(i) / (f.l2 * n)
		for j, p := range f.dual[i*f.c : (i+1)*f.c] {
			f.d[j] = -k * p
		}
		f.d[f.labels[i]] += k
		f.add(i, r)
	}
}

// add adds the steps f.d of a row's coefficients to W.
func (f *sparseFit) add(i, r int) {
	c := f.c
	columns, values := f.x.Row(r)
	for j, col := range columns {
		v := float64(values[j])
		u := f.u[int(col)*c:][:c]
		for k, d := range f.d[:len(u)] {
			u[k] += v * d
		}
	}
	if front := f.x.frontWidth; front > 0 {
		f.widen(r)
		for k, d := range f.d {
			if d != 0 {
				blas64.Axpy(d, blas64.Vector{N: front, Data: f.wide, Inc: 1}, blas64.Vector{N: front, Data: f.front[k*front : (k+1)*front], Inc: 1})
			}
		}
	}
	for k, d := range f.d {
		f.s[k] += d
		f.v[k] += d * f.at[i]
	}
}

// widen takes a row's values in front, unless they are there.
func (f *sparseFit) widen(r int) {
	if f.widened == r {
		return
	}
	f.widened = r
	for j, v := range f.x.frontOf(r) {
		f.wide[j] = float64(v)
	}
}

// scores takes the logits of a row, f.z.
func (f *sparseFit) scores(i, r int) {
	c := f.c
	for k := range f.z {
		f.z[k] = f.b[k] - f.s[k]*f.at[i] - f.v[k] + f.s[k]*f.mm
	}
	columns, values := f.x.Row(r)
	for j, col := range columns {
		v := float64(values[j])
		u := f.u[int(col)*c:][:c]
		for k := range f.z[:len(u)] {
			f.z[k] += v * u[k]
		}
	}
	if front := f.x.frontWidth; front > 0 {
		f.widen(r)
		for k := range f.z {
			f.z[k] += blas64.Dot(blas64.Vector{N: front, Data: f.wide, Inc: 1}, blas64.Vector{N: front, Data: f.front[k*front : (k+1)*front], Inc: 1})
		}
	}
}

// pass goes over all rows in an order of its own, and lets each go to the
// optimum of its dual problem if it steps. It takes gradient and curvature of
// the intercept along.
func (f *sparseFit) pass(step bool) passed {
	n, c := len(f.rows), f.c
	for i := range f.order {
		f.order[i] = int32(i)
	}
	f.draw.Shuffle(n, func(i, j int) { f.order[i], f.order[j] = f.order[j], f.order[i] })
	clear(f.grad)
	clear(f.hess)
	loss, gap := 0.0, 0.0
	for _, i := range f.order {
		i, r := int(i), f.rows[i]
		w := f.weight(i)
		if w == 0 {
			continue
		}
		f.scores(i, r)
		top, sum := floats.Max(f.z), 0.0
		for k, z := range f.z {
			f.q[k] = math.Exp(z - top)
			sum += f.q[k]
		}
		lse := top + math.Log(sum)
		dual := f.dual[i*c : (i+1)*c]
		own := f.entropy[i] + lse
		for k, z := range f.z {
			q := f.q[k] / sum
			f.q[k] = q
			f.grad[k] += w * q
			f.hess[k] += w * q * (1 - q)
			own -= dual[k] * z
		}
		y := f.labels[i]
		f.grad[y] -= w
		loss += w * (lse - f.z[y])
		gap += w * own
		if !step || own < f.spared {
			continue
		}
		scale := w / (f.l2 * float64(n))
		f.solve(dual, lse, scale*f.norm[i])
		entropy := 0.0
		for k, p := range f.p {
			if p > 0 {
				entropy += p * f.l[k]
			}
			f.d[k] = scale * (dual[k] - p)
			dual[k] = p
		}
		f.entropy[i] = entropy
		f.add(i, r)
	}
	out := passed{objective: loss/float64(n) + f.l2/2*f.square(), gap: max(gap, 0) / float64(n)}
	f.spared = out.gap / 10
	if !step {
		f.spared = f.least * out.objective / 10
	}
	for k, g := range f.grad {
		if f.hess[k] > 0 {
			out.gap += g * g / f.hess[k] / float64(n)
		}
	}
	return out
}

// square returns ‖W‖².
func (f *sparseFit) square() float64 {
	sum := floats.Dot(f.u, f.u) + floats.Dot(f.front, f.front)
	return sum - 2*floats.Dot(f.s, f.v) + f.mm*floats.Dot(f.s, f.s)
}

// shift takes a step of the intercept towards its optimum: half of the one that
// the curvature of each class by itself suggests, which is never too far, and
// for two classes exact.
func (f *sparseFit) shift(passed) {
	for k, g := range f.grad {
		if f.hess[k] > 0 {
			f.b[k] -= min(max(g/f.hess[k]/2, -2), 2)
		}
	}
}

// solve finds the probabilities f.p of a row for which ln p + κ·p = z + κ·dual
// − τ, with τ such that they add up to 1, and their logarithms f.l. κ is
// ‖x−μ‖²·w/(λn). Where it is small or the solution near, Newton's method in ln
// p leads there from the probabilities f.q of the model; else p is ω(ln κ + z +
// κ·dual − τ)/κ with Wright's ω, which solves ω + ln ω = y, and Newton's method
// in τ cannot overshoot.
func (f *sparseFit) solve(dual []float64, lse, kappa float64) {
	for k, z := range f.z {
		f.t[k] = z + kappa*dual[k]
	}
	if !f.near(dual, lse, kappa) {
		f.far(kappa)
	}
	sum := floats.Sum(f.p)
	floats.Scale(1/sum, f.p)
	floats.AddConst(-math.Log(sum), f.l)
}

// near solves from f.q, and tells whether it did.
func (f *sparseFit) near(dual []float64, lse, kappa float64) bool {
	for k, z := range f.z {
		f.l[k], f.p[k] = z-lse, f.q[k]
	}
	for range sparseSolve {
		num, den := -1.0, 0.0
		for k, p := range f.p {
			share := p / (1 + kappa*p)
			num += p + share*(f.t[k]-f.l[k]-kappa*p)
			den += share
		}
		tau, change, moved := num/den, 0.0, 0.0
		for k, p := range f.p {
			step := (f.t[k] - f.l[k] - kappa*p - tau) / (1 + kappa*p)
			next := 0.0
			if math.Abs(step) < 0.01 {
				f.l[k] += step
				next = p * (1 + step*(1+step/2*(1+step/3))) // to 4e-10
			} else {
				f.l[k] = min(f.l[k]+step, 0)
				next = math.Exp(f.l[k])
			}
			f.p[k] = next
			change += math.Abs(next - p)
			moved += math.Abs(next - dual[k])
		}
		if change < 1e-9 || change < 1e-3 && change <= 1e-2*moved {
			return true
		}
	}
	return false
}

// far solves from a τ that is too small, with a p of 1.
func (f *sparseFit) far(kappa float64) {
	tau, ln := floats.Max(f.t)-kappa, math.Log(kappa)
	for range sparseSolve {
		sum, slope := 0.0, 0.0
		for k, t := range f.t {
			w := wright(ln + t - tau)
			f.p[k], f.l[k] = w/kappa, t-tau-w
			sum += f.p[k]
			slope += f.p[k] / (1 + w)
		}
		step := (sum - 1) / slope
		if !(step > 0) || tau+step == tau || sum-1 < 1e-9 {
			return
		}
		tau += step
	}
}

// wright is ω with ω + ln ω = y.
func wright(y float64) float64 {
	var w float64
	switch {
	case y < -2:
		e := math.Exp(y)
		w = e * (1 - e)
		if y < -36 {
			return e
		}
	case y < 3:
		w = 0.567143 + y*(0.361896+y*(0.073678-y*0.001342))
	default:
		w = y - math.Log(y)
	}
	for range 4 {
		w *= (1 + y - math.Log(w)) / (1 + w)
	}
	return w
}

// model returns what was fitted.
func (f *sparseFit) model(fit head.Fit) *SparseModel {
	m := &SparseModel{
		Fit: fit, classes: f.classes, present: f.present, front: f.front, weight: f.u, d: f.x.d,
		bias: make([]float64, f.c), end: &SparseStart{dual: f.dual, offset: f.b},
	}
	front := f.x.frontWidth
	for k := range f.c {
		m.bias[k] = f.b[k] - f.v[k] + f.s[k]*f.mm
		if s := f.s[k]; s != 0 {
			for j, mu := range f.mean[:front] {
				m.front[k*front+j] -= s * mu
			}
			for j, mu := range f.mean[front:] {
				if mu != 0 {
					m.weight[j*f.c+k] -= s * mu
				}
			}
		}
	}
	return m
}

// ScoresTo writes the logits of a row of x into dst (Classes of the fit). It
// panics if x has other columns than the fitted rows had.
func (m *SparseModel) ScoresTo(dst []float64, x *Sparse, row int) {
	c := len(m.present)
	if len(dst) != m.classes || x.d != m.d || x.frontWidth*c != len(m.front) {
		panic(fmt.Sprintf("head/fit: scores: room for %d, %d and %d columns for a model of %d classes", len(dst), x.frontWidth, x.d, m.classes))
	}
	for k := range dst {
		dst[k] = math.Inf(-1)
	}
	z := make([]float64, c)
	copy(z, m.bias)
	columns, values := x.Row(row)
	for j, col := range columns {
		u := m.weight[int(col)*c:][:c]
		for k := range z[:len(u)] {
			z[k] += float64(values[j]) * u[k]
		}
	}
	if front := x.frontWidth; front > 0 {
		wide := make([]float64, front)
		for j, v := range x.frontOf(row) {
			wide[j] = float64(v)
		}
		for k := range z {
			z[k] += floats.Dot(wide, m.front[k*front:(k+1)*front])
		}
	}
	for k, y := range m.present {
		dst[y] = z[k]
	}
}
