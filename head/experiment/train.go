package experiment

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/fit"
	"github.com/headstart-ml/headstart/head/measure"
)

const (
	defaultFolds = 5
	// smallData is the number of rows from which a held-out part is the default
	// instead of cross-validation.
	smallData = 2000
)

// defaultSplit is used for larger data without splits of their own.
var defaultSplit = Split{Train: 0.6, Validation: 0.2, Test: 0.2}

// Train fits, selects, calibrates and tests a head.
//
// Errors: fewer than two classes, no labelled row (a *LabelsError), features
// that are not finite (head.ErrNotFinite, with the row) or too many (a
// *FeaturesError), labels that a head for the task cannot learn (a
// *TargetError, a *ConstantError), slices of another length than the rows,
// settings out of range or against each other (among them *GroupsError,
// *SplitsError, *ClassWeightError), parts and folds that cannot be made
// (*FoldsError, *EmptyError, *ClassesError); and what Rows.BlockTo or ctx
// return.
func Train(ctx context.Context, d *Data, s *Settings) (*Result, error) {
	if s == nil {
		s = &Settings{}
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if d == nil || d.Rows == nil {
		return nil, fmt.Errorf("head: data: no rows are given")
	}
	if err := d.check(d.Rows.N()); err != nil {
		return nil, err
	}
	if d.Rows.D() < 1 {
		return nil, fmt.Errorf("head: data: rows of %d features", d.Rows.D())
	}
	t := &trainer{Settings: s, data: d, result: &Result{Dim: d.Rows.D()}}
	if s.task() != head.OneOf {
		return t.trainTargets(ctx, head.KindOf(s.Kind))
	}
	if d.LabelLists != nil {
		return nil, fmt.Errorf("head: data: samples have several labels each, and a head of kind %s learns one", orDefault(s.Kind, head.Kinds[0].Name))
	}
	if err := t.prepare(ctx); err != nil {
		return nil, err
	}
	var first *trial
	var spread Spread
	for i := range uint64(max(s.Repeat, 1)) {
		o, err := t.once(ctx, s.Seed+i)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = o
		}
		if o.tested != nil {
			spread.add(s.Seed+i, o, len(t.classes))
		}
	}
	if err := t.report(first); err != nil {
		return nil, err
	}
	t.result.Passes = t.bench.Passes()
	if len(spread.Seeds) > 1 {
		t.result.Spread = &spread
	}
	return t.result, nil
}

// trainer is one call of Train or Measure.
type trainer struct {
	*Settings
	data   *Data
	result *Result

	used    []int    // number in the data of each row that takes part, ascending; all else goes by their positions
	classes []string // sorted by bytes
	labels  []int    // class of each row

	bench    *fit.Bench
	families []*fit.Entry // that are compared, from the simplest on
	units    []*unit      // without hashes: those depend on the seed
	grouped  bool         // groups stay together
	cv       int          // folds; 0: parts
	split    *Split       // nil: the data's own splits, or cross-validation
	given    Parts        // the data's own splits
	strata   [][]int      // of each row, for other tasks than OneOf; nil: that of its class
	layers   int          // number of strata
	numbered []float64    // the number of each row by which strata are made; nil: there is none
	tolerant bool         // rows that are not finite are an error only where they are fitted on: for tests of what reaches what
	progress *progress
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

// prepare decides how to test, and reads the features.
func (t *trainer) prepare(ctx context.Context) error {
	d := t.data
	useSplits, err := t.usesSplits()
	if err != nil {
		return err
	}
	if err := t.take(useSplits, len(d.Labels), func(i int) bool { return d.Labels[i] != "" }); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, i := range t.used {
		seen[d.Labels[i]] = true
	}
	t.classes = slices.Sorted(maps.Keys(seen))
	t.countWarnings()
	t.result.Classes = t.classes
	if len(t.classes) < 2 {
		return fmt.Errorf("head: data: all %d labelled samples are of class %q; a head needs at least two classes", len(t.used), t.classes[0])
	}
	for _, i := range t.used {
		c, _ := slices.BinarySearch(t.classes, d.Labels[i])
		t.labels = append(t.labels, c)
	}
	if t.ClassWeights != nil {
		for _, name := range slices.Sorted(maps.Keys(t.ClassWeights)) {
			if !seen[name] {
				return fmt.Errorf("head: settings: class weight of %q: there is no such class", name)
			}
		}
		for _, name := range t.classes {
			if _, ok := t.ClassWeights[name]; !ok {
				return fmt.Errorf("head: settings: class weight: none is given for class %q", name)
			}
		}
	}
	if err := t.checkPriors(); err != nil {
		return err
	}
	if err := t.unite(); err != nil {
		return err
	}
	if err := t.chooseTest(useSplits); err != nil {
		return err
	}
	t.dataWarnings(useSplits)
	t.numberLabels()
	return t.open(ctx)
}

// usesSplits reports whether the data's own splits are the parts.
func (t *trainer) usesSplits() (bool, error) {
	own := t.data.ownSplits()
	switch {
	case own && t.Split != nil:
		return false, &SplitsError{}
	case own && t.CV > 0:
		t.warn(Warning{Kind: "splits-unused", Message: "the splits that the data bring along are not used, since cross-validation was asked for"})
	}
	return own && t.CV == 0, nil
}

// take fills in which of n rows take part and, with useSplits, in which part.
func (t *trainer) take(useSplits bool, n int, labelled func(i int) bool) error {
	d := t.data
	for i := range n {
		if !labelled(i) {
			t.result.N.Unlabelled++
			continue
		}
		if useSplits {
			if d.Splits[i] == "" {
				t.result.N.Unassigned++
				continue
			}
			part, err := partOf(d.Splits[i])
			if err != nil {
				return fmt.Errorf("head: data: sample %s: %w", d.id(i), err)
			}
			to := t.given.of(part)
			*to = append(*to, len(t.used))
		}
		t.used = append(t.used, i)
	}
	if len(t.used) == 0 {
		return &LabelsError{n}
	}
	return nil
}

// chooseTest decides how to test: by the data's splits, by a split, or by
// folds.
func (t *trainer) chooseTest(useSplits bool) error {
	if len(t.units) < 2 && !useSplits {
		return fmt.Errorf("head: data: there is only %s; at least two are needed to test", counted(len(t.units), t.together()))
	}
	switch {
	case useSplits && len(t.given.Train) == 0:
		return fmt.Errorf("head: data: splits: no labelled sample is in the split train")
	case useSplits:
	case t.CV > 0:
		if t.cv = t.CV; t.cv > len(t.units) {
			return &FoldsError{Test: true, Folds: t.cv, Units: len(t.units), Together: t.together()}
		}
	case t.Split != nil:
		t.split = t.Split
	case t.Shots > 0:
		t.split = &defaultSplit
	case len(t.used) < smallData:
		if t.cv = min(defaultFolds, len(t.units)); t.cv < defaultFolds {
			t.warn(Warning{Kind: "fewer-folds", Place: "folds", Count: t.cv, Message: fmt.Sprintf("there are only %s: cross-validation has %d folds instead of %d", counted(len(t.units), t.together()), t.cv, defaultFolds)})
		}
	default:
		t.split = &defaultSplit
	}
	return nil
}

// open takes the families that are compared, and reads the features for them.
func (t *trainer) open(ctx context.Context) error {
	if t.Kind == "auto" {
		t.families = t.affordable(fit.Families)
	} else {
		t.families = []*fit.Entry{fit.FamilyOf(orDefault(t.Kind, head.Kinds[0].Name))}
	}
	if err := t.checkAverage(); err != nil {
		return err
	}
	if t.From != nil && t.From.D() != t.result.Dim {
		return fmt.Errorf("head: settings: an earlier head of %d features for rows of %d", t.From.D(), t.result.Dim)
	}
	if t.covariance() && t.result.Dim > fit.MaxFeatures {
		return &FeaturesError{D: t.result.Dim}
	}
	o, err := t.fitSettings()
	if err != nil {
		return err
	}
	o.Weights.Balanced = t.ClassWeight == "balanced"
	if o.Weights.Classes, err = t.classWeights(t.classes); err != nil {
		return err
	}
	t.bench, err = fit.NewBench(ctx, &fit.Labelled{Rows: t.data.Rows, Used: t.used, Labels: t.labels, Classes: len(t.classes)}, o)
	return err
}

// fitSettings are those of all fits, without the weights of classes.
func (t *trainer) fitSettings() (*fit.Settings, error) {
	own, err := t.data.rowWeights(t.used)
	return &fit.Settings{
		NoStandardize: t.NoStandardize, Normalize: t.L2Normalize, Tolerance: t.Tolerance, Threads: t.Threads, Memory: t.Memory, Name: t.data.id,
		Fitted:  func(n int) { t.progress.add(n) },
		Weights: fit.Weights{Rows: own},
	}, err
}

// covariance reports whether a family needs that of the rows.
func (t *trainer) covariance() bool {
	return slices.ContainsFunc(t.families, func(e *fit.Entry) bool { return e.Covariance })
}

// unite decides whether groups stay together, and makes the units.
func (t *trainer) unite() error {
	d := t.data
	grouped := slices.ContainsFunc(t.used, func(i int) bool { return d.Groups != nil && d.Groups[i] != "" })
	if t.By == "group" && !grouped {
		return &GroupsError{}
	}
	t.grouped = grouped && t.By != "none"
	t.units = unitsOf(d, t.used, t.grouped)
	return nil
}

// together says what a unit is.
func (t *trainer) together() string {
	if t.grouped {
		return "group"
	}
	return "different sample"
}

// trial is what was found with one seed.
type trial struct {
	parts Parts        // with cross-validation all are training rows
	folds [][]int      // of cross-validation; nil without
	tests []*procedure // of each fold
	fits  []*choice    // of each fold
	whole *procedure   // on all training rows
	final *choice
	mapping

	trained   *scored // training rows, by the head that was fitted on them alone; nil: not known
	validated *scored // validation rows, by the head of the training part
	tested    *scored // rows that were held out from everything
}

// choice is what was selected and fitted on a part.
type choice struct {
	fit.Candidate
	*fit.Fitted // of an average, the member of the greatest weight
	*blend      // nil: there is no average
	mapping
}

// mapping is what makes answers of the scores of a fit.
type mapping struct {
	scaling *measure.Scaling
	limits  *limits // nil: every row is answered
}

// plain makes logits of scores as they are.
func plain() mapping { return mapping{scaling: &measure.Scaling{Temperature: 1}} }

// scored is rows with the outcomes of their predictions.
type scored struct {
	rows       []int
	raw        []measure.Outcome // at temperature 1
	calibrated []measure.Outcome
	unsure     []bool          // nil: none is
	growth     *measure.Growth // nil: not known
}

// once runs everything with one seed.
func (t *trainer) once(ctx context.Context, seed uint64) (*trial, error) {
	units := seedUnits(t.units, seed)
	o := &trial{mapping: plain()}
	procedures, err := t.divide(o, units)
	if err != nil {
		return nil, err
	}
	refit := len(o.parts.Validation) > 0 && !t.NoRefit
	calibrate := t.Calibrate != "none"
	r := &run{trainer: t, seed: seed, calibrate: (calibrate || t.mayBeUnsure()) && len(o.parts.Validation) == 0}
	if len(t.families) > 1 || r.candidates() > 1 || r.calibrate {
		for _, p := range procedures {
			if err := t.dealInner(p, units); err != nil {
				return nil, err
			}
		}
	}
	t.expect(procedures, r.candidates(), refit)
	if err := r.deal(ctx, procedures, o.parts.Validation); err != nil {
		return nil, err
	}
	if err := r.choose(ctx, procedures); err != nil {
		return nil, err
	}
	fits, err := r.fit(ctx, procedures)
	if err != nil {
		return nil, err
	}
	o.final = fits[len(fits)-1]
	if t.cv > 0 {
		o.fits = fits[:t.cv]
		return o, t.testFolds(ctx, o)
	}
	if len(o.parts.Validation) > 0 {
		if o.validated, o.mapping, err = t.validate(ctx, o.final, o.whole.train, o.parts.Validation); err != nil {
			return nil, err
		}
	} else if o.mapping, err = t.outOfFold(o.whole); err != nil {
		return nil, err
	}
	if refit {
		if o.final, err = r.refit(ctx, o.whole, o.final); err != nil {
			return nil, err
		}
	}
	if len(o.parts.Test) > 0 {
		if o.tested, err = t.score(ctx, o.final, o.parts.Test, &o.mapping); err != nil {
			return nil, err
		}
	}
	if t.NoRefit && (o.validated != nil || o.tested != nil) {
		if o.trained, err = t.score(ctx, o.final, o.parts.Train, &o.mapping); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// divide makes parts, or folds, and returns the procedures that are run: those
// of each fold, then the one on all training rows.
func (t *trainer) divide(o *trial, units []*unit) ([]*procedure, error) {
	if t.cv > 0 {
		for i := range t.used {
			o.parts.Train = append(o.parts.Train, i)
		}
		o.folds = t.deal(units, t.cv)
		for f, held := range o.folds {
			o.tests = append(o.tests, &procedure{place: fmt.Sprintf("fold %d of %d", f+1, t.cv), train: without(o.parts.Train, held), tested: held})
		}
		o.whole = &procedure{place: "all rows", train: o.parts.Train}
		return append(slices.Clone(o.tests), o.whole), nil
	}
	o.parts = t.given
	if t.split != nil {
		o.parts = *hold(units, *t.split)
	}
	if t.Shots > 0 {
		o.parts.Train = atMost(units, o.parts.Train, t.Shots, t.labels, len(t.classes))
	}
	if len(o.parts.Train) == 0 {
		return nil, &EmptyError{Units: len(units), Together: t.together()}
	}
	o.whole = &procedure{place: "training part", train: o.parts.Train, validated: o.parts.Validation, tested: o.parts.Test}
	return []*procedure{o.whole}, nil
}

// expect counts the fits that are to come, once.
func (t *trainer) expect(procedures []*procedure, candidates int, refit bool) {
	if t.progress != nil {
		return
	}
	total := len(procedures)
	for _, p := range procedures {
		total += len(p.folds) * candidates
	}
	fits := len(procedures)
	if refit {
		fits, total = fits+1, total+1
	}
	if t.L2Average {
		total += fits * (candidates - 1)
	}
	t.progress = &progress{report: t.Settings.Progress, total: total * max(t.Repeat, 1)}
}

// testFolds predicts the rows that each fold holds out.
func (t *trainer) testFolds(ctx context.Context, o *trial) error {
	n := len(t.used)
	o.tested = &scored{rows: o.parts.Train, raw: make([]measure.Outcome, n), calibrated: make([]measure.Outcome, n)}
	if t.mayBeUnsure() {
		o.tested.unsure = make([]bool, n)
	}
	var err error
	for f, held := range o.folds {
		if o.fits[f].mapping, err = t.outOfFold(o.tests[f]); err != nil {
			return err
		}
		s, err := t.score(ctx, o.fits[f], held, &o.fits[f].mapping)
		if err != nil {
			return err
		}
		for i, row := range held { // the tested rows are all rows: a position is a place
			o.tested.raw[row], o.tested.calibrated[row] = s.raw[i], s.calibrated[i]
			if s.unsure != nil {
				o.tested.unsure[row] = s.unsure[i]
			}
		}
	}
	o.tested.growth = t.growth(o)
	o.mapping, err = t.outOfFold(o.whole)
	return err
}

// scoreRows is how many rows are scored at a time.
const scoreRows = 256

// score predicts rows.
func (t *trainer) score(ctx context.Context, f *choice, rows []int, m *mapping) (*scored, error) {
	s := &scored{rows: rows}
	z := make([]float64, scoreRows*len(t.classes))
	for lo := 0; lo < len(rows); lo += scoreRows {
		block := rows[lo:min(lo+scoreRows, len(rows))]
		z := z[:len(block)*len(t.classes)]
		if err := f.ScoresTo(ctx, z, block); err != nil {
			return nil, err
		}
		s.add(z, t.labelsOf(block), len(t.classes), m)
	}
	return s, nil
}

// add notes the outcomes of rows of these labels with scores z (n×c).
func (s *scored) add(z []float64, labels []int, c int, m *mapping) {
	p := make([]float64, c)
	for i, y := range labels {
		head.SoftmaxTo(p, z[i*c:(i+1)*c], 1)
		s.raw = append(s.raw, measure.NewOutcome(p, y))
		m.scaling.SoftmaxTo(p, z[i*c:(i+1)*c])
		o := measure.NewOutcome(p, y)
		s.calibrated = append(s.calibrated, o)
		if m.limits != nil {
			s.unsure = append(s.unsure, m.limits.unsure(&o))
		}
	}
}

// validate predicts the validation rows with what was fitted to training rows,
// and fits to them what makes answers of scores.
func (t *trainer) validate(ctx context.Context, f *choice, trained, rows []int) (*scored, mapping, error) {
	if t.Calibrate == "none" && !t.mayBeUnsure() && t.keepsPrior() {
		m := plain()
		s, err := t.score(ctx, f, rows, &m)
		return s, m, err
	}
	z := make([]float64, len(rows)*len(t.classes))
	if err := f.ScoresTo(ctx, z, rows); err != nil {
		return nil, mapping{}, err
	}
	return t.calibrate(z, trained, rows)
}

// calibrate fits what makes answers of scores to those of rows (n×C), whose
// model was fitted to trained rows, and returns their outcomes.
func (t *trainer) calibrate(z []float64, trained, rows []int) (*scored, mapping, error) {
	m := plain()
	shifts, err := t.shifts(trained)
	if err != nil {
		return nil, m, err
	}
	c, labels := len(t.classes), t.labelsOf(rows)
	scores := &measure.Scores{Logits: z, Labels: labels, Classes: c, Offset: shifts.toData}
	switch orDefault(t.Calibrate, "temperature") {
	case "temperature":
		m.scaling = measure.FitTemperature(scores)
	case "vector":
		m.scaling = measure.FitVector(scores)
	case "auto":
		scores.Folds = t.calibrationFolds(rows)
		m.scaling = measure.FitAuto(scores)
	case "none":
		m.scaling.Add(shifts.toData)
	}
	m.scaling.Add(shifts.toTarget)
	s := &scored{rows: rows}
	s.add(z, labels, c, &m)
	if m.limits = t.limitsOf(s.calibrated); m.limits != nil {
		for i := range s.calibrated {
			s.unsure = append(s.unsure, m.limits.unsure(&s.calibrated[i]))
		}
	}
	return s, m, nil
}

// calibrationFolds deals rows into folds by class, units together, and returns
// the fold of each.
func (t *trainer) calibrationFolds(rows []int) []int {
	inside := t.inside(seedUnits(t.units, t.Seed), rows)
	fold := make([]int, len(t.used))
	for f, held := range t.deal(inside, min(defaultFolds, len(inside))) {
		for _, r := range held {
			fold[r] = f
		}
	}
	out := make([]int, len(rows))
	for i, r := range rows {
		out[i] = fold[r]
	}
	return out
}

// outOfFold fits what makes answers of scores to the out-of-fold scores of what
// a procedure selected.
func (t *trainer) outOfFold(p *procedure) (mapping, error) {
	if p.best.scores == nil { // there is nothing to calibrate
		m := plain()
		shifts, err := t.shifts(p.train)
		if err == nil {
			m.scaling.Add(shifts.toData)
			m.scaling.Add(shifts.toTarget)
		}
		return m, err
	}
	_, m, err := t.calibrate(p.best.scores, p.train, p.train)
	return m, err
}

// innerFolds is the place of warnings about the folds that select and
// calibrate.
const innerFolds = "folds that chose λ"

// dealInner deals the units of a training part into the folds that select and
// calibrate.
func (t *trainer) dealInner(p *procedure, units []*unit) error {
	inside := t.inside(units, p.train)
	k := t.Folds
	switch {
	case len(inside) < 2 || k > len(inside):
		return &FoldsError{Place: p.place, Folds: k, Units: len(inside), Together: t.together()}
	case k == 0:
		k = min(defaultFolds, len(inside))
		said := slices.ContainsFunc(t.result.Notes, func(w Warning) bool { return w.Kind == "fewer-folds" && w.Place == innerFolds })
		if k < defaultFolds && !said {
			t.detail(Warning{Kind: "fewer-folds", Place: innerFolds, Count: k, Message: fmt.Sprintf("%s: there are only %s: λ is chosen in %d folds instead of %d", p.place, counted(len(inside), t.together()), k, defaultFolds)})
		}
	}
	p.folds = t.deal(inside, k)
	return nil
}

// inside returns the units cut down to rows.
func (t *trainer) inside(units []*unit, rows []int) []*unit {
	keep := make([]bool, len(t.used))
	for _, r := range rows {
		keep[r] = true
	}
	return within(units, keep)
}

// deal deals units into folds by class, or by what takes the place of classes.
func (t *trainer) deal(units []*unit, k int) [][]int {
	if t.numbered != nil {
		return dealStrata(units, k, tenths(units, t.numbered), numberStrata)
	}
	if t.strata != nil {
		return dealStrata(units, k, t.strata, t.layers)
	}
	return deal(units, k, t.labels, len(t.classes))
}

// labelsOf returns the classes of rows.
func (t *trainer) labelsOf(rows []int) []int {
	y := make([]int, len(rows))
	for i, r := range rows {
		y[i] = t.labels[r]
	}
	return y
}

// numbers returns the numbers in the data of rows.
func (t *trainer) numbers(rows []int) []int {
	out := make([]int, len(rows))
	for i, r := range rows {
		out[i] = t.used[r]
	}
	return out
}

// orDefault returns v, or def if v is zero.
func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
