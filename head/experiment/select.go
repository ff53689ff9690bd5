package experiment

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/measure"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

const (
	strongest, weakest = 10.0, 1e-6
	// pathTolerance is the gap at which fits along a path stop: finer than accuracy shows. A coarser Settings.Tolerance stays.
	pathTolerance = 1e-3
	// pathFactor ends a path: that factor of λ without a better score or log-loss.
	pathFactor = 10
)

// lambdas returns the path of n strengths, strong to weak, rounded to 12 digits.
func lambdas(n int) []float64 {
	path := floats.LogSpan(make([]float64, n), strongest, weakest)
	for i, l := range path {
		path[i], _ = strconv.ParseFloat(strconv.FormatFloat(l, 'g', 12, 64), 64)
	}
	return path
}

// procedure selects on the rows of a training part: by the scores of a head's out-of-fold predictions.
type procedure struct {
	place string  // in messages
	train []int   // positions, ascending
	folds [][]int // the rows that each fold holds out; nil: nothing to select, nothing to calibrate on
	fits  []*foldFit

	tried []*candidate // in the order in which they were tried
	best  *candidate
	left  bool // the path was left before its end
}

// foldFit fits the rows of a training part but those that a fold holds out.
type foldFit struct {
	*problem
	held   []int
	last   *solution
	logits []float64 // of held
}

// candidate is a head with its λ.
type candidate struct {
	Candidate
	loss   float64   // log-loss of the out-of-fold predictions
	logits []float64 // out-of-fold logits of procedure.train, N×C
	start  *solution // of the training part: the mean of the folds' solutions
}

// run is what the procedures of one seed share.
type run struct {
	*table
	kinds     []string
	lambdas   []float64
	metric    string
	tolerance float64
	threads   int
	cov       []float64 // upper triangle of the covariance of all rows; nil without softmax
	progress  *progress
}

// progress counts fits.
type progress struct {
	mu          sync.Mutex
	report      func(done, total int)
	done, total int
}

func (p *progress) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if p.report != nil {
		p.report(p.done, p.total)
	}
}

// parallel calls task for 0 to n−1 from at most threads goroutines, and returns the first error in this order.
func parallel(ctx context.Context, n, threads int, task func(i int) error) error {
	errs := make([]error, n)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(threads, n) {
		wg.Go(func() {
			for i := range next {
				if errs[i] = ctx.Err(); errs[i] == nil {
					errs[i] = task(i)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// choose fills in what each procedure tried and chose. Procedures without folds take the only candidate that there is.
func (r *run) choose(ctx context.Context, procedures []*procedure) error {
	var all []*foldFit
	var prepare []func() error
	for _, p := range procedures {
		if p.folds == nil {
			c := &candidate{Candidate: Candidate{Kind: r.kinds[0]}}
			if c.Kind == "softmax" {
				c.L2 = r.lambdas[0]
			}
			p.best = c
			continue
		}
		for f, held := range p.folds {
			fit := &foldFit{held: held}
			p.fits = append(p.fits, fit)
			all = append(all, fit)
			prepare = append(prepare, func() (err error) {
				fit.problem, err = r.problem(ctx, without(p.train, held), fmt.Sprintf("%s: inner fold %d of %d", p.place, f+1, len(p.folds)))
				return err
			})
		}
	}
	if err := parallel(ctx, len(prepare), r.threads, func(i int) error { return prepare[i]() }); err != nil {
		return err
	}
	for _, kind := range r.kinds { // ncm comes first, so that ties go to it
		var err error
		if kind == "ncm" {
			err = r.tryMeans(ctx, procedures, all)
		} else {
			err = r.tryPath(ctx, procedures)
		}
		if err != nil {
			return err
		}
	}
	for _, p := range procedures {
		p.fits = nil
	}
	return nil
}

// without returns the rows that are not in held; both are ascending.
func without(rows, held []int) []int {
	var out []int
	for _, r := range rows {
		if _, ok := slices.BinarySearch(held, r); !ok {
			out = append(out, r)
		}
	}
	return out
}

// tryMeans scores nearest class means.
func (r *run) tryMeans(ctx context.Context, procedures []*procedure, fits []*foldFit) error {
	err := parallel(ctx, len(fits), r.threads, func(i int) error {
		f := fits[i]
		s, err := classMeans(ctx, &f.objective, f.sample)
		if err != nil {
			return err
		}
		f.logits, err = f.problem.logits(ctx, s, f.held, len(r.classes))
		r.progress.add(1)
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range procedures {
		if p.folds != nil {
			p.consider(r, &candidate{Candidate: Candidate{Kind: "ncm"}})
		}
	}
	return nil
}

// tryPath follows λ from strong to weak in all folds of all procedures side by side, so that one factor serves them all, each fit from where the last one ended.
// A procedure leaves the path when scores only get worse.
func (r *run) tryPath(ctx context.Context, procedures []*procedure) error {
	a := r.uniform()
	way := r.approach(r.lambdas[0])
	for i, lambda := range slices.Concat(way, r.lambdas) {
		var fits []*foldFit
		for _, p := range procedures {
			if p.folds != nil && !p.left {
				fits = append(fits, p.fits...)
			}
		}
		if len(fits) == 0 {
			return nil
		}
		w, err := whiten(ctx, r.cov, r.x.d, a, lambda, r.threads)
		if err != nil {
			return err
		}
		err = parallel(ctx, len(fits), r.threads, func(k int) error {
			f := fits[k]
			f.lambda, f.threads = lambda, max(r.threads/len(fits), 1)
			s, err := minimize(ctx, &f.objective, w, f.last, max(r.tolerance, pathTolerance))
			f.last, f.lanes = s, nil
			if err != nil || i < len(way) {
				return err
			}
			f.logits, err = f.problem.logits(ctx, s, f.held, len(r.classes))
			r.progress.add(1)
			return err
		})
		if err != nil {
			return err
		}
		// The curvature of the loss falls along the path: the next factor is made for that of the last solutions.
		a = 0
		for _, f := range fits {
			a += f.last.curvature / float64(len(fits))
		}
		if i < len(way) {
			continue
		}
		for _, p := range procedures {
			if p.folds == nil || p.left {
				continue
			}
			p.consider(r, &candidate{Candidate: Candidate{Kind: "softmax", L2: lambda}})
			if rest := len(way) + len(r.lambdas) - i - 1; rest > 0 && p.stale(r.metric) {
				p.left = true
				r.progress.add(rest * len(p.fits))
			}
		}
	}
	return nil
}

// approach returns the strengths through which a fit from zero comes to lambda: by factors of ten from the mean variance of the features, where the loss is about
// as curved as it is at zero and the first factor fits. A weak λ right from zero takes several times as many passes.
func (r *run) approach(lambda float64) []float64 {
	strong := 0.0
	for i := range r.x.d {
		strong += r.cov[i*r.x.d+i] / float64(r.x.d)
	}
	var way []float64
	for ; strong > 3*lambda; strong /= 10 {
		way = append(way, strong)
	}
	return way
}

// uniform returns the mean of p(1−p) at uniform probabilities, which is where a path starts.
func (r *run) uniform() float64 {
	c := float64(len(r.classes))
	return (1 - 1/c) / c
}

// consider scores a candidate whose out-of-fold logits are in p.fits, and keeps it if it is the best so far.
func (p *procedure) consider(r *run, c *candidate) {
	k := len(r.classes)
	logits := make([]float64, len(p.train)*k)
	labels := make([]int, len(p.train))
	fold := make([]int, len(p.train))
	for f, fit := range p.fits {
		for i, row := range fit.held {
			at, _ := slices.BinarySearch(p.train, row)
			copy(logits[at*k:(at+1)*k], fit.logits[i*k:(i+1)*k])
			labels[at], fold[at] = r.labels[row], f
		}
	}
	t := 1.0
	if c.Kind == "ncm" {
		// Squared distances have no scale of probabilities of their own.
		t = measure.Temperature(logits, labels, k)
	}
	probabilities := make([]float64, k)
	outcomes, parts := make([]measure.Outcome, len(labels)), make([][]measure.Outcome, len(p.fits))
	for i, y := range labels {
		head.SoftmaxTo(probabilities, logits[i*k:(i+1)*k], t)
		outcomes[i] = measure.NewOutcome(probabilities, y)
		parts[fold[i]] = append(parts[fold[i]], outcomes[i])
	}
	scores := make([]float64, len(parts))
	for f, part := range parts {
		scores[f] = measure.ValuesOf(part, k).Of(r.metric)
	}
	all := measure.ValuesOf(outcomes, k)
	c.Score, c.SE = all.Of(r.metric), stat.StdErr(stat.StdDev(scores, nil), float64(len(scores)))
	c.loss = all.LogLoss
	p.tried = append(p.tried, c)
	if p.best == nil || better(r.metric, c.Score, p.best.Score) {
		c.logits = logits
		if c.Kind == "softmax" {
			c.start = p.mean(k, r.x.d)
		}
		p.best = c
	}
}

// better tells whether a is a better score than b.
func better(metric string, a, b float64) bool {
	if metric == "log-loss" {
		return a < b
	}
	return a > b
}

// stale tells whether the path has brought neither a better log-loss nor a score that is better by more than its standard error over the last pathFactor of λ. Smaller gains of the
// score are chance, and would lead the path far into weak strengths, whose fits take longest.
func (p *procedure) stale(metric string) bool {
	var path []*candidate
	score, loss := 0, 0 // where they were best
	for _, c := range p.tried {
		if c.Kind != "softmax" {
			continue
		}
		path = append(path, c)
		gain := c.Score - path[score].Score
		if better(metric, c.Score, path[score].Score) && math.Abs(gain) > c.SE {
			score = len(path) - 1
		}
		if c.loss < path[loss].loss {
			loss = len(path) - 1
		}
	}
	since, n := max(score, loss), len(path)-1
	return path[since].L2 >= path[n].L2*pathFactor*(1-1e-9)
}

// mean returns the mean of the folds' solutions, class by class over the folds that know the class, for all classes (C×D).
func (p *procedure) mean(c, d int) *solution {
	m := &solution{w: make([]float64, c*d), b: make([]float64, c)}
	known := make([]float64, c)
	for _, f := range p.fits {
		for _, k := range f.present {
			known[k]++
		}
		m.curvature += f.last.curvature / float64(len(p.fits))
	}
	for _, f := range p.fits {
		for i, k := range f.present {
			floats.AddScaled(m.w[k*d:(k+1)*d], 1/known[k], f.last.w[i*d:(i+1)*d])
			m.b[k] += f.last.b[i] / known[k]
		}
	}
	return m
}

// fitted is a head that was fitted to a whole part.
type fitted struct {
	*problem
	*solution
	kind   string
	lambda float64
}

// fit fits what was chosen to rows, side by side for all procedures.
func (r *run) fit(ctx context.Context, procedures []*procedure, rows [][]int) ([]*fitted, error) {
	out := make([]*fitted, len(procedures))
	byLambda := map[float64][]int{} // one factor serves all fits of a λ
	err := parallel(ctx, len(procedures), r.threads, func(i int) error {
		p := procedures[i]
		b, err := r.problem(ctx, rows[i], p.place)
		if err == nil {
			out[i] = &fitted{problem: b, kind: p.best.Kind, lambda: p.best.L2, solution: p.best.start.of(b.present, r.x.d)}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, p := range procedures {
		byLambda[p.best.L2] = append(byLambda[p.best.L2], i)
	}
	for _, lambda := range slices.Sorted(maps.Keys(byLambda)) {
		these := byLambda[lambda]
		if lambda == 0 { // nearest class means
			err := parallel(ctx, len(these), r.threads, func(i int) (err error) {
				f := out[these[i]]
				f.solution, err = classMeans(ctx, &f.objective, f.sample)
				r.progress.add(1)
				return err
			})
			if err != nil {
				return nil, err
			}
			continue
		}
		way := []float64{lambda}
		if out[these[0]].solution == nil { // nothing was selected, here nor in the other procedures
			way = append(r.approach(lambda), lambda)
		}
		for step, l := range way {
			a, tolerance := 0.0, max(r.tolerance, pathTolerance)
			for _, i := range these {
				if s := out[i].solution; s != nil {
					a += s.curvature / float64(len(these))
				} else {
					a += r.uniform() / float64(len(these))
				}
			}
			if step == len(way)-1 {
				tolerance = r.tolerance
			}
			w, err := whiten(ctx, r.cov, r.x.d, a, l, r.threads)
			if err != nil {
				return nil, err
			}
			err = parallel(ctx, len(these), r.threads, func(i int) (err error) {
				f := out[these[i]]
				f.objective.lambda, f.threads = l, max(r.threads/len(these), 1)
				passes := 0
				if step > 0 {
					passes = f.fit.Passes
				}
				if f.solution, err = minimize(ctx, &f.objective, w, f.solution, tolerance); err != nil {
					return err
				}
				f.fit.Passes += passes
				f.lanes = nil
				if step == len(way)-1 {
					r.progress.add(1)
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// of cuts a solution for all classes down to those that are present.
func (s *solution) of(present []int, d int) *solution {
	if s == nil {
		return nil
	}
	cut := &solution{curvature: s.curvature}
	for _, k := range present {
		cut.w = append(cut.w, s.w[k*d:(k+1)*d]...)
		cut.b = append(cut.b, s.b[k])
	}
	return cut
}
