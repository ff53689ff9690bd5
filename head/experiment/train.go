package experiment

import (
	"context"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/measure"
)

const (
	defaultFolds     = 5
	defaultPoints    = 30
	defaultTolerance = 1e-4
	defaultMemory    = 2 << 30
	// maxFeatures bounds the covariance, D×D float64, to 2 GiB.
	maxFeatures = 1 << 14
	// smallData is the number of rows from which a held-out part is the default instead of cross-validation.
	smallData = 2000
)

// defaultSplit is used for larger data without splits of their own.
var defaultSplit = Split{Train: 0.6, Validation: 0.2, Test: 0.2}

// Train fits, selects, calibrates and tests a head.
//
// Errors: fewer than two classes or no labelled row, features that are not finite (the row is named), slices of another length than the rows,
// settings out of range or against each other, parts and folds that cannot be made; and what Rows.BlockTo or ctx return.
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
	t := &training{Settings: s, data: d, result: &Result{Dim: d.Rows.D()}}
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
		if len(o.tested) > 0 {
			spread.add(t.table, s.Seed+i, o)
		}
	}
	if err := t.report(first); err != nil {
		return nil, err
	}
	if len(spread.Seeds) > 1 {
		t.result.Spread = &spread
	}
	return t.result, nil
}

// check tells what is wrong with the settings.
func (s *Settings) check() error {
	oneOf := func(name, value string, allowed ...string) error {
		if value == "" || slices.Contains(allowed, value) {
			return nil
		}
		return fmt.Errorf("head: settings: %s %q is none of %s", name, value, strings.Join(allowed, ", "))
	}
	for _, err := range []error{
		oneOf("head", s.Kind, "softmax", "ncm", "auto"),
		oneOf("metric", s.Metric, "accuracy", "macro-f1", "log-loss"),
		oneOf("by", s.By, "auto", "group", "none"),
		oneOf("class weight", s.ClassWeight, "none", "balanced", "map"),
		oneOf("calibrate", s.Calibrate, "temperature", "none"),
	} {
		if err != nil {
			return err
		}
	}
	switch {
	case s.L2 != 0 && !(s.L2 > 0 && s.L2 <= math.MaxFloat64):
		return fmt.Errorf("head: settings: L2 is %v, it must be positive", s.L2)
	case s.L2Points < 0 || s.L2Points == 1:
		return fmt.Errorf("head: settings: %d points on the L2 path, at least 2 are needed; for one strength set L2", s.L2Points)
	case s.Folds < 0 || s.Folds == 1:
		return fmt.Errorf("head: settings: %d folds, at least 2 are needed", s.Folds)
	case s.CV < 0 || s.CV == 1:
		return fmt.Errorf("head: settings: CV with %d folds, at least 2 are needed", s.CV)
	case s.Shots < 0:
		return fmt.Errorf("head: settings: %d shots", s.Shots)
	case s.CV > 0 && s.Shots > 0:
		return fmt.Errorf("head: settings: shots are taken from a training part; cross-validation has none")
	case s.CV > 0 && s.Split != nil:
		return fmt.Errorf("head: settings: both CV and Split say how to test; set one of them")
	case s.Tolerance != 0 && !(s.Tolerance > 0 && s.Tolerance < 1):
		return fmt.Errorf("head: settings: tolerance %v is not between 0 and 1", s.Tolerance)
	case s.Repeat < 0 || s.Threads < 0 || s.Memory < 0:
		return fmt.Errorf("head: settings: repeat %d, threads %d and memory %d must not be negative", s.Repeat, s.Threads, s.Memory)
	case (s.ClassWeight == "map") != (s.ClassWeights != nil):
		return fmt.Errorf("head: settings: class weight %q with weights for %d classes; weights go with \"map\"", s.ClassWeight, len(s.ClassWeights))
	}
	for _, name := range slices.Sorted(maps.Keys(s.ClassWeights)) {
		if w := s.ClassWeights[name]; !(w > 0 && w <= math.MaxFloat64) {
			return fmt.Errorf("head: settings: class weight of %q is %v, it must be positive", name, w)
		}
	}
	if p := s.Split; p != nil {
		if !(p.Train > 0 && p.Validation >= 0 && p.Test >= 0 && math.Abs(p.Train+p.Validation+p.Test-1) <= 1e-9) {
			return fmt.Errorf("head: settings: split train=%v validation=%v test=%v: shares must not be negative, train positive, and their sum 1", p.Train, p.Validation, p.Test)
		}
	}
	return nil
}

// check tells what is wrong with the shapes of the data of n rows, and with the weights.
func (d *Data) check(n int) error {
	if len(d.Labels) != n {
		return fmt.Errorf("head: data: %d labels for %d rows", len(d.Labels), n)
	}
	for _, f := range []struct {
		name string
		n    int
		none bool
	}{
		{"ids", len(d.IDs), d.IDs == nil}, {"keys", len(d.Keys), d.Keys == nil}, {"groups", len(d.Groups), d.Groups == nil},
		{"splits", len(d.Splits), d.Splits == nil}, {"weights", len(d.Weights), d.Weights == nil},
	} {
		if !f.none && f.n != n {
			return fmt.Errorf("head: data: %d %s for %d rows", f.n, f.name, n)
		}
	}
	for i, w := range d.Weights {
		if !(w >= 0 && w <= math.MaxFloat64) {
			return fmt.Errorf("head: data: row %s: weight %v is not a finite number ≥ 0", d.id(i), w)
		}
	}
	return nil
}

// training is one call of Train.
type training struct {
	*Settings
	*table
	data   *Data
	result *Result

	kinds    []string
	lambdas  []float64
	units    []*unit // without hashes: those depend on the seed
	grouped  bool    // groups stay together
	cv       int     // folds; 0: parts
	split    *Split  // nil: the data's own splits, or cross-validation
	given    [3][]int
	cov      []float64
	progress *progress
}

// prepare decides how to test, and reads the features.
func (t *training) prepare(ctx context.Context) error {
	d := t.data
	ownSplits := d.ownSplits()
	useSplits := ownSplits && t.CV == 0
	switch {
	case ownSplits && t.Split != nil:
		return fmt.Errorf("head: settings: split: the data have splits of their own; leave Split out, or the splits")
	case ownSplits && !useSplits:
		t.warn(Warning{Kind: "splits-unused", Message: "the data's own splits are not used, since cross-validation was asked for"})
	}

	x := &table{standardize: !t.NoStandardize, balanced: t.ClassWeight == "balanced"}
	t.table = x
	seen := map[string]int{}
	for i, label := range d.Labels {
		if label == "" {
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
				return fmt.Errorf("head: data: row %s: %w", d.id(i), err)
			}
			t.given[part] = append(t.given[part], len(x.used))
		}
		x.used = append(x.used, i)
		seen[label]++
		if d.Weights != nil {
			x.weights = append(x.weights, d.Weights[i])
		}
	}
	t.countWarnings()
	x.classes = slices.Sorted(maps.Keys(seen))
	t.result.Classes = x.classes
	switch {
	case len(x.used) == 0:
		return fmt.Errorf("head: data: none of %d rows has a label (and a part); give labels to extract, as a column or by folders", len(d.Labels))
	case len(x.classes) < 2:
		return fmt.Errorf("head: data: all %d labelled rows are of class %q; a head needs at least two classes", len(x.used), x.classes[0])
	case useSplits && len(t.given[0]) == 0:
		return fmt.Errorf("head: data: splits: no labelled row is in split train")
	}
	for _, i := range x.used {
		c, _ := slices.BinarySearch(x.classes, d.Labels[i])
		x.labels = append(x.labels, c)
	}
	for name := range t.ClassWeights {
		if seen[name] == 0 {
			return fmt.Errorf("head: settings: class weight of %q: there is no such class", name)
		}
	}
	if t.ClassWeights != nil {
		for _, name := range x.classes {
			w, ok := t.ClassWeights[name]
			if !ok {
				return fmt.Errorf("head: settings: class weight: none is given for class %q", name)
			}
			x.classWeight = append(x.classWeight, w)
		}
	}

	if err := t.unite(); err != nil {
		return err
	}
	if len(t.units) < 2 && !useSplits {
		return fmt.Errorf("head: data: all rows belong together (%s); at least two units are needed to test", t.together())
	}
	switch {
	case useSplits:
	case t.CV > 0:
		if t.cv = t.CV; t.cv > len(t.units) {
			return fmt.Errorf("head: settings: CV: %d units (%s) cannot make %d folds; ask for at most %d", len(t.units), t.together(), t.cv, len(t.units))
		}
	case t.Split != nil:
		t.split = t.Split
	case t.Shots > 0:
		t.split = &defaultSplit
	case len(x.used) < smallData:
		if t.cv = min(defaultFolds, len(t.units)); t.cv < defaultFolds {
			t.warn(Warning{Kind: "fewer-folds", Place: "folds", Count: t.cv, Message: fmt.Sprintf("there are %d units (%s): they are tested in %d folds instead of %d", len(t.units), t.together(), t.cv, defaultFolds)})
		}
	default:
		t.split = &defaultSplit
	}
	t.dataWarnings(useSplits)

	switch t.Kind {
	case "auto":
		t.kinds = []string{"ncm", "softmax"}
	case "":
		t.kinds = []string{"softmax"}
	default:
		t.kinds = []string{t.Kind}
	}
	t.lambdas = []float64{t.L2}
	if t.L2 == 0 {
		t.lambdas = lambdas(orDefault(t.L2Points, defaultPoints))
	}
	var err error
	memory := t.Memory
	if memory == 0 {
		memory = defaultMemory
	}
	if x.x, err = newMatrix(ctx, d.Rows, x.used, t.L2Normalize, x.standardize, memory, d.id); err != nil {
		return err
	}
	if slices.Contains(t.kinds, "softmax") {
		if d := x.x.d; d > maxFeatures {
			return fmt.Errorf("head: data: rows of %d features; a softmax head is fitted on at most %d: take a pooled tap, or fewer feature sets", d, maxFeatures)
		}
		t.cov, err = x.x.covariance(ctx, threadsOr(t.Threads))
	}
	return err
}

// ownSplits reports whether the data have splits of their own.
func (d *Data) ownSplits() bool {
	return slices.ContainsFunc(d.Splits, func(s string) bool { return s != "" })
}

// unite decides whether groups stay together, and makes the units.
func (t *training) unite() error {
	d := t.data
	grouped := slices.ContainsFunc(t.used, func(i int) bool { return d.Groups != nil && d.Groups[i] != "" })
	if t.By == "group" && !grouped {
		return fmt.Errorf("head: settings: by group: no row has a group; use \"auto\" or \"none\"")
	}
	t.grouped = grouped && t.By != "none"
	t.units = unitsOf(d, t.used, t.grouped)
	return nil
}

// together says what a unit is.
func (t *training) together() string {
	if t.grouped {
		return "groups, and rows of equal content"
	}
	return "rows of equal content"
}

// trial is what one seed came to.
type trial struct {
	parts  [3][]int     // training, validation and test rows; with cross-validation all are training rows
	folds  [][]int      // of cross-validation; nil without
	tests  []*procedure // of each fold
	fits   []*fitted    // of each fold
	chosen *procedure
	final  *fitted
	t      float64 // temperature of final
	ts     []float64

	validated       []int // validation rows, predicted by the model of the training part
	validation      []float64
	rawValidation   []float64 // at temperature 1
	tested          []int     // rows that were held out from everything
	test, rawTested []float64
	trained         []float64 // of the training rows, by the model that was fitted on them alone; nil: not known
}

// once runs everything with one seed.
func (t *training) once(ctx context.Context, seed uint64) (*trial, error) {
	units := seedUnits(t.units, seed)
	o := &trial{t: 1}
	var procedures []*procedure
	switch {
	case t.cv > 0:
		o.parts[0] = t.x.span(0, len(t.used))
		o.folds = deal(units, t.cv, t.labels, len(t.classes))
		for f, held := range o.folds {
			o.tests = append(o.tests, &procedure{place: fmt.Sprintf("fold %d of %d", f+1, t.cv), train: without(o.parts[0], held)})
		}
		o.chosen = &procedure{place: "all rows", train: o.parts[0]}
		procedures = append(slices.Clone(o.tests), o.chosen)
	default:
		o.parts = t.given
		if t.split != nil {
			o.parts = hold(units, *t.split)
		}
		if t.Shots > 0 {
			o.parts[0] = few(units, o.parts[0], t.Shots, t.labels, len(t.classes))
		}
		if len(o.parts[0]) == 0 {
			return nil, fmt.Errorf("head: split: %d units (%s) leave no row in the training part; use cross-validation or another seed", len(units), t.together())
		}
		o.chosen = &procedure{place: "training part", train: o.parts[0]}
		procedures = []*procedure{o.chosen}
	}

	calibrate := t.Calibrate != "none"
	if len(t.kinds) > 1 || len(t.lambdas) > 1 && t.kinds[0] == "softmax" || calibrate && len(o.parts[1]) == 0 {
		for _, p := range procedures {
			if err := t.dealInner(p, units); err != nil {
				return nil, err
			}
		}
	}
	refit := len(o.parts[1]) > 0 && !t.NoRefit
	if t.progress == nil {
		perFold := 0
		for _, h := range t.kinds {
			perFold++
			if h == "softmax" {
				perFold += len(t.lambdas) - 1
			}
		}
		total := len(procedures)
		for _, p := range procedures {
			total += len(p.folds) * perFold
		}
		if refit {
			total++
		}
		t.progress = &progress{report: t.Settings.Progress, total: total * max(t.Repeat, 1)}
	}
	r := &run{
		table: t.table, kinds: t.kinds, lambdas: t.lambdas, metric: orDefault(t.Metric, "accuracy"),
		tolerance: orDefault(t.Tolerance, defaultTolerance), threads: threadsOr(t.Threads), cov: t.cov, progress: t.progress,
	}
	if err := r.choose(ctx, procedures); err != nil {
		return nil, err
	}
	var rows [][]int
	for _, p := range procedures {
		rows = append(rows, p.train)
	}
	fits, err := r.fit(ctx, procedures, rows)
	if err != nil {
		return nil, err
	}
	o.final = fits[len(fits)-1]
	c := len(t.classes)

	if t.cv > 0 {
		o.fits = fits[:t.cv]
		o.tested = o.parts[0]
		o.test, o.rawTested = make([]float64, len(o.tested)*c), make([]float64, len(o.tested)*c)
		for f, held := range o.folds {
			temp := 1.0
			if calibrate {
				temp = o.tests[f].temperature(t.table)
			}
			o.ts = append(o.ts, temp)
			z, err := fits[f].logits(ctx, fits[f].solution, held, c)
			if err != nil {
				return nil, err
			}
			for i, row := range held { // the tested rows are all rows: a position is a place
				head.SoftmaxTo(o.test[row*c:(row+1)*c], z[i*c:(i+1)*c], temp)
				head.SoftmaxTo(o.rawTested[row*c:(row+1)*c], z[i*c:(i+1)*c], 1)
			}
		}
		if calibrate {
			o.t = o.chosen.temperature(t.table)
		}
		return o, nil
	}

	if o.validated = o.parts[1]; len(o.validated) > 0 {
		z, err := o.final.logits(ctx, o.final.solution, o.validated, c)
		if err != nil {
			return nil, err
		}
		if calibrate {
			o.t = measure.Temperature(z, t.labelsOf(o.validated), c)
		}
		o.validation, o.rawValidation = softmaxRows(z, c, o.t), softmaxRows(z, c, 1)
	} else if calibrate {
		o.t = o.chosen.temperature(t.table)
	}
	if refit {
		both := slices.Concat(o.parts[0], o.parts[1])
		slices.Sort(both)
		o.chosen.place = "training and validation part"
		if o.chosen.best.start == nil && o.final.kind == "softmax" {
			o.chosen.best.start = o.final.widen(c, t.x.d)
		}
		if fits, err = r.fit(ctx, procedures, [][]int{both}); err != nil {
			return nil, err
		}
		o.final = fits[0]
	}
	if o.tested = o.parts[2]; len(o.tested) > 0 {
		z, err := o.final.logits(ctx, o.final.solution, o.tested, c)
		if err != nil {
			return nil, err
		}
		o.test, o.rawTested = softmaxRows(z, c, o.t), softmaxRows(z, c, 1)
	}
	if t.NoRefit && len(o.validated)+len(o.tested) > 0 {
		z, err := o.final.logits(ctx, o.final.solution, o.parts[0], c)
		if err != nil {
			return nil, err
		}
		o.trained = softmaxRows(z, c, o.t)
	}
	return o, nil
}

// innerFolds is the place of warnings about the folds that select and calibrate.
const innerFolds = "folds that chose λ"

// dealInner deals the units of a training part into the folds that select and calibrate.
func (t *training) dealInner(p *procedure, units []*unit) error {
	keep := make([]bool, len(t.used))
	for _, r := range p.train {
		keep[r] = true
	}
	inside := among(units, keep)
	k := t.Folds
	switch {
	case len(inside) < 2:
		return fmt.Errorf("head: %s: one unit (%s) cannot be dealt into folds; fix L2 and leave out calibration, or give more data", p.place, t.together())
	case k > len(inside):
		return fmt.Errorf("head: %s: %d units (%s) cannot make %d folds; set Folds to at most %d", p.place, len(inside), t.together(), k, len(inside))
	case k == 0:
		k = min(defaultFolds, len(inside))
		said := slices.ContainsFunc(t.result.Warnings, func(w Warning) bool { return w.Kind == "fewer-folds" && w.Place == innerFolds })
		if k < defaultFolds && !said {
			t.warn(Warning{Kind: "fewer-folds", Place: innerFolds, Count: k, Message: fmt.Sprintf("%s: there are %d units (%s): λ is chosen in %d folds instead of %d", p.place, len(inside), t.together(), k, defaultFolds)})
		}
	}
	p.folds = deal(inside, k, t.labels, len(t.classes))
	return nil
}

// temperature calibrates on the out-of-fold logits of what was chosen.
func (p *procedure) temperature(t *table) float64 {
	return measure.Temperature(p.best.logits, t.labelsOf(p.train), len(t.classes))
}

// labelsOf returns the classes of rows.
func (t *table) labelsOf(rows []int) []int {
	y := make([]int, len(rows))
	for i, r := range rows {
		y[i] = t.labels[r]
	}
	return y
}

// widen turns a fit's solution into one for all classes, C×D.
func (f *fitted) widen(c, d int) *solution {
	s := &solution{w: make([]float64, c*d), b: make([]float64, c), curvature: f.curvature}
	for i, k := range f.present {
		copy(s.w[k*d:(k+1)*d], f.w[i*d:(i+1)*d])
		s.b[k] = f.b[i]
	}
	return s
}

// softmaxRows returns softmax(z/temp) of each row of z, n×c.
func softmaxRows(z []float64, c int, temp float64) []float64 {
	p := make([]float64, len(z))
	for i := 0; i < len(z); i += c {
		head.SoftmaxTo(p[i:i+c], z[i:i+c], temp)
	}
	return p
}

// report fills in the result from the first seed.
func (t *training) report(o *trial) error {
	r := t.result
	r.Kind, r.L2, r.Fit = o.final.kind, o.final.lambda, o.final.fit
	r.Head = o.final.head(t.table, r.Kind, o.final.solution, r.L2, o.t)
	fitted := slices.Clone(o.parts[0])
	if !t.NoRefit {
		fitted = append(fitted, o.parts[1]...)
	}
	slices.Sort(fitted)
	r.Selection = []Candidate{}
	for _, c := range o.chosen.tried {
		r.Selection = append(r.Selection, c.Candidate)
	}
	for f, p := range o.tests {
		r.Folds = append(r.Folds, Choice{Kind: p.best.Kind, L2: p.best.L2, Temperature: o.ts[f], Fit: o.fits[f].fit})
	}
	if err := t.measure(o, fitted); err != nil {
		return err
	}
	t.placeWarnings(o)
	t.choiceWarnings(o)
	return nil
}

// measure fills in what is known from predictions: counts, metrics, calibration. fitted are the rows that the model of the test part was fitted on.
func (t *training) measure(o *trial, fitted []int) error {
	r := t.result
	r.N.Train, r.N.Validation, r.N.Test = len(o.parts[0]), len(o.parts[1]), len(o.parts[2])
	r.Fitted = t.numbers(fitted)
	c := len(t.classes)
	if t.cv == 0 {
		for p, rows := range o.parts {
			r.Parts[p] = t.numbers(rows)
		}
	}
	var place []string // of each row: what it is drawn with
	if t.grouped {
		place = make([]string, len(t.used))
		for _, u := range t.units {
			for _, row := range u.rows {
				place[row] = string(u.name)
			}
		}
	}
	evaluate := func(rows []int, p []float64) (*measure.Metrics, error) {
		s := &measure.Settings{Pooled: t.cv > 0, Seed: t.Seed, Threads: t.Threads}
		if t.grouped {
			for _, row := range rows {
				s.Units = append(s.Units, place[row])
			}
		}
		outcomes, err := measure.Outcomes(nil, p, t.labelsOf(rows), c)
		if err != nil {
			return nil, err
		}
		return measure.Evaluate(outcomes, t.classes, s)
	}
	calibration := func(rows []int, p []float64) measure.CalibrationError {
		return measure.CalibrationErrorOf(t.outcomesOf(p, rows), c)
	}
	predictions := func(part string, rows []int, p []float64) *Predictions {
		return &Predictions{Part: part, Rows: t.numbers(rows), Labels: t.labelsOf(rows), Probabilities: p}
	}
	var err error
	if o.trained != nil {
		if r.Metrics.Train, err = evaluate(o.parts[0], o.trained); err != nil {
			return err
		}
	}
	k := &measure.Calibration{Temperature: o.t, Fitted: "out-of-fold"}
	if len(o.validated) > 0 {
		if r.Metrics.Validation, err = evaluate(o.validated, o.validation); err != nil {
			return err
		}
		k.Fitted, k.Measured = "validation", "validation"
		k.Before, k.After = calibration(o.validated, o.rawValidation), calibration(o.validated, o.validation)
		r.Predictions = predictions("validation", o.validated, o.validation)
	} else if t.Calibrate != "none" {
		k.Measured = "out-of-fold"
		z := o.chosen.best.logits
		k.Before = calibration(o.chosen.train, softmaxRows(z, c, 1))
		k.After = calibration(o.chosen.train, softmaxRows(z, c, o.t))
	}
	if len(o.tested) > 0 {
		m, err := evaluate(o.tested, o.test)
		if err != nil {
			return err
		}
		k.Measured = "test"
		r.Metrics.Test = m
		if t.cv > 0 {
			k.Measured = "cv"
			r.Metrics.Test, r.Metrics.CV = nil, m
		}
		k.Before, k.After = calibration(o.tested, o.rawTested), calibration(o.tested, o.test)
		r.Predictions = predictions(k.Measured, o.tested, o.test)
	}
	if t.Calibrate != "none" {
		r.Calibration = k
	}
	return nil
}

// numbers returns the numbers in the data of rows.
func (t *table) numbers(rows []int) []int {
	out := make([]int, len(rows))
	for i, r := range rows {
		out[i] = t.used[r]
	}
	return out
}

// add notes the metrics of one seed's tested rows.
func (s *Spread) add(t *table, seed uint64, o *trial) {
	v := measure.ValuesOf(t.outcomesOf(o.test, o.tested), len(t.classes))
	s.Accuracy.Add(v.Accuracy)
	s.MacroF1.Add(v.MacroF1)
	s.LogLoss.Add(v.LogLoss)
	s.ECE.Add(v.ECE)
	s.Brier.Add(v.Brier)
	s.Seeds = append(s.Seeds, seed)
	s.L2 = append(s.L2, o.final.lambda)
}

// outcomesOf returns the outcomes of probabilities p (len(rows)×C).
func (t *table) outcomesOf(p []float64, rows []int) []measure.Outcome {
	c := len(t.classes)
	out := make([]measure.Outcome, len(rows))
	for i, r := range rows {
		out[i] = measure.NewOutcome(p[i*c:(i+1)*c], t.labels[r])
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

// threadsOr returns the number of goroutines that compute.
func threadsOr(n int) int { return orDefault(n, runtime.GOMAXPROCS(0)) }
