package experiment

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/measure"
)

// report fills in the result from the first seed.
func (t *trainer) report(o *trial) error {
	r := t.result
	r.Kind, r.L2, r.Params, r.Fit = o.final.Kind, o.final.Params.Value(head.L2), o.final.Params.Beside(), o.final.Fit
	r.Scaling, r.Average = o.scaling, o.whole.averaged()
	var err error
	if r.Head, err = t.head(o); err != nil {
		return err
	}
	if r.Prior, err = t.prior(o.whole.train); err != nil {
		return err
	}
	t.selection(o)
	r.Families = o.whole.compared
	for _, f := range o.fits {
		r.Folds = append(r.Folds, Choice{Kind: f.Kind, L2: f.Params.Value(head.L2), Params: f.Params.Beside(), Temperature: f.scaling.Temperature, Fit: f.Fit})
	}
	if err := t.measure(o, t.fitted(o)); err != nil {
		return err
	}
	if r.Calibration != nil && r.Calibration.Measured == "out-of-fold" {
		c := len(t.classes)
		s := new(scored)
		s.add(o.whole.best.scores, t.labelsOf(o.whole.train), c, &o.mapping)
		r.Calibration.Before, r.Calibration.After = measure.CalibrationErrorOf(s.raw, c), measure.CalibrationErrorOf(s.calibrated, c)
	}
	if o.limits != nil && r.Answers == nil {
		s := &scored{rows: o.whole.train}
		s.add(o.whole.best.scores, t.labelsOf(o.whole.train), len(t.classes), &o.mapping)
		if err := t.answers(o, s, "out-of-fold", "out-of-fold"); err != nil {
			return err
		}
	}
	t.answerWarnings(o)
	t.placeWarnings(o)
	t.choiceWarnings(o)
	return nil
}

// selection fills in what was compared, and in which folds.
func (t *trainer) selection(o *trial) {
	r := t.result
	r.Selection = []Candidate{}
	for _, c := range o.whole.tried {
		r.Selection = append(r.Selection, c.record)
	}
	for _, held := range o.folds {
		r.Held = append(r.Held, t.numbers(held))
	}
}

// fitted returns the rows that the head was fitted on in the end.
func (t *trainer) fitted(o *trial) []int {
	if t.NoRefit {
		return o.parts.Train
	}
	rows := slices.Concat(o.parts.Train, o.parts.Validation)
	slices.Sort(rows)
	return rows
}

// count fills in which rows were in which part, and which the head was fitted
// on.
func (t *trainer) count(o *trial, fitted []int) {
	r := t.result
	r.N.Train, r.N.Validation, r.N.Test = len(o.parts.Train), len(o.parts.Validation), len(o.parts.Test)
	r.Fitted = t.numbers(fitted)
	if t.cv == 0 {
		r.Parts = Parts{t.numbers(o.parts.Train), t.numbers(o.parts.Validation), t.numbers(o.parts.Test)}
	}
}

// head returns the head that was fitted in the end, with all that makes answers
// of its scores.
func (t *trainer) head(o *trial) (*head.Head, error) {
	h := &head.Head{
		Kind: o.final.Kind, Task: head.KindOf(o.final.Kind).Task, Model: o.final.Model(), Temperature: o.scaling.Temperature, Params: o.final.Params, Fit: o.final.Fit,
	}
	known := func(v []float64) []float64 { // of the classes that the head knows
		if v == nil {
			return nil
		}
		var out []float64
		for _, k := range o.final.Classes {
			out = append(out, v[k])
		}
		return out
	}
	for _, k := range o.final.Classes {
		h.Classes = append(h.Classes, t.classes[k])
	}
	if o.limits != nil {
		h.Reject, h.Thresholds = o.limits.reject, known(o.limits.classes)
	}
	if o.scaling.Plain() {
		return h, nil
	}
	m, ok := h.Model.(head.Rescaler)
	if !ok {
		return nil, fmt.Errorf("head: settings: a head of kind %s takes neither a prior nor vector scaling", h.Kind)
	}
	shift := known(o.scaling.Shift)
	for k := range shift {
		shift[k] *= h.Temperature // by which the scores are divided
	}
	h.Model = m.Rescaled(known(o.scaling.Scale), shift)
	return h, nil
}

// measure fills in what is known from predictions: counts, metrics,
// calibration. fitted are the rows that the head of the test part was fitted
// on.
func (t *trainer) measure(o *trial, fitted []int) error {
	t.count(o, fitted)
	r := t.result
	var err error
	if o.trained != nil {
		if r.Metrics.Train, err = t.evaluate(o.trained); err != nil {
			return err
		}
	}
	k := &measure.Calibration{Temperature: o.scaling.Temperature, Method: "temperature", Fitted: "out-of-fold", Measured: "out-of-fold"}
	if o.scaling.Scale != nil {
		k.Method, k.Scale, k.Shift = "vector", o.scaling.Scale, o.scaling.Shift
	}
	note := func(part string, s *scored) {
		c := len(t.classes)
		k.Measured, k.Before, k.After = part, measure.CalibrationErrorOf(s.raw, c), measure.CalibrationErrorOf(s.calibrated, c)
		r.Predictions = &Predictions{Part: part, Rows: t.numbers(s.rows), Outcomes: s.calibrated, Unsure: s.unsure, Units: t.unitsOfRows(s.rows)}
	}
	if o.validated != nil {
		if r.Metrics.Validation, err = t.evaluate(o.validated); err != nil {
			return err
		}
		k.Fitted = "validation"
		note("validation", o.validated)
		r.Validated = r.Predictions
	}
	if o.tested != nil {
		m, err := t.evaluate(o.tested)
		if err != nil {
			return err
		}
		if t.cv > 0 {
			r.Metrics.CV = m
			note("cv", o.tested)
		} else {
			r.Metrics.Test = m
			note("test", o.tested)
		}
	}
	if t.Calibrate != "none" {
		r.Calibration = k
	}
	measured := o.tested
	if measured == nil {
		measured = o.validated
	}
	return t.answers(o, measured, k.Fitted, k.Measured)
}

// evaluate measures predictions.
func (t *trainer) evaluate(s *scored) (*measure.Metrics, error) {
	settings := t.intervals(s.rows)
	settings.Growth = s.growth
	return measure.Evaluate(s.calibrated, t.classes, settings)
}

// intervals says how those of metrics of rows are made.
func (t *trainer) intervals(rows []int) *measure.Settings {
	settings := &measure.Settings{Folds: t.cv, Seed: t.Seed, Threads: t.Threads}
	if t.grouped {
		place := make([]string, len(t.used)) // of each row: what it is drawn with
		for _, u := range t.units {
			for _, row := range u.rows {
				place[row] = string(u.name)
			}
		}
		for _, row := range rows {
			settings.Units = append(settings.Units, place[row])
		}
	}
	return settings
}

// add notes the metrics of one seed's tested rows.
func (s *Spread) add(seed uint64, o *trial, classes int) {
	v := measure.ValuesOf(o.tested.calibrated, classes)
	s.Accuracy.Add(v.Accuracy)
	s.MacroF1.Add(v.MacroF1)
	s.LogLoss.Add(v.LogLoss)
	s.ECE.Add(v.ECE)
	s.Brier.Add(v.Brier)
	s.Seeds = append(s.Seeds, seed)
	s.L2 = append(s.L2, o.final.Params.Value(head.L2))
}
