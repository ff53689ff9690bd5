package experiment

import (
	"fmt"
	"math"
	"slices"
)

// Other is another model than Train fits, by what it gives for parts of the
// data.
type Other struct {
	// Kind is what Result.Kind is to be.
	Kind string
	// Classes are those of the columns of the logits, sorted by bytes, as in
	// Result.Classes.
	Classes []string
	// Parts holds the numbers of the rows of each part, ascending, as in
	// Result.Parts.
	Parts Parts
	// Train, Validation and Test are the logits of each part's rows,
	// len(part)×C; nil for a part of which they are not known: of the test part
	// there is then no report, and without the validation part the temperature
	// is 1. −∞ is the logit of a class that the model does not know.
	Train, Validation, Test []float64
}

// Measure reports what another model gives for parts of the data, as Train does
// for a head with Settings.NoRefit: the temperature is fitted on the validation
// part, metrics are of rows that the model has not seen, and those of the
// training part stand beside them. All else of the rows is taken from d, whose
// Rows may be nil. Of s, By, Calibrate, Prior, Priors, Reject, Thresholds, the
// weights of classes, Seed and Threads count.
//
// In the result, Head is nil and Fitted is the training part. Errors: parts
// that overlap, are not ascending, or hold rows that the data do not have, that
// have no label or one that is not in classes; an empty training part; logits
// of another length, or that are not numbers.
func Measure(d *Data, s *Settings, m *Other) (*Result, error) {
	if s == nil {
		s = &Settings{}
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if d == nil {
		return nil, fmt.Errorf("head: data: none are given")
	}
	r := &Result{Kind: m.Kind, Classes: slices.Clone(m.Classes), Selection: []Candidate{}}
	n := len(d.Labels)
	if d.Rows != nil {
		n, r.Dim = d.Rows.N(), d.Rows.D()
	}
	if err := d.check(n); err != nil {
		return nil, err
	}
	own := *s
	t := &trainer{Settings: &own, data: d, result: r, classes: r.Classes}
	o, err := t.place(m)
	if err != nil {
		return nil, err
	}
	t.countWarnings()
	if err := t.unite(); err != nil {
		return nil, err
	}
	splits := d.ownSplits() && s.CV == 0
	if splits {
		t.given = o.parts
	}
	t.dataWarnings(splits)

	c := len(m.Classes)
	scored := func(rows []int, z []float64) *scored {
		if z == nil || len(rows) == 0 {
			return nil
		}
		s := &scored{rows: rows}
		s.add(z, t.labelsOf(rows), c, &o.mapping)
		return s
	}
	if m.Validation == nil || len(o.parts.Validation) == 0 {
		own.Calibrate, own.Reject, own.Thresholds = "none", 0, nil // there is nothing to fit them on
	}
	if _, o.mapping, err = t.calibrate(m.Validation, o.parts.Train, o.parts.Validation[:len(m.Validation)/c]); err != nil {
		return nil, err
	}
	r.Scaling = o.scaling
	o.validated, o.tested, o.trained = scored(o.parts.Validation, m.Validation), scored(o.parts.Test, m.Test), scored(o.parts.Train, m.Train)
	if err := t.measure(o, o.parts.Train); err != nil {
		return nil, err
	}
	t.placeWarnings(o)
	t.answerWarnings(o)
	return r, nil
}

// place checks the parts and the logits of Measure, fills in the rows that take
// part, and returns the parts as positions among them.
func (t *trainer) place(m *Other) (*trial, error) {
	d, c := t.data, len(t.classes)
	switch {
	case c < 2:
		return nil, fmt.Errorf("head: measure: %d classes, at least 2 are needed", c)
	case len(m.Parts.Train) == 0:
		return nil, fmt.Errorf("head: measure: no row is in the training part")
	}
	for k := 1; k < c; k++ {
		if t.classes[k-1] >= t.classes[k] {
			return nil, fmt.Errorf("head: measure: classes %q and %q are not in the order of their bytes", t.classes[k-1], t.classes[k])
		}
	}
	const none = part(-1)
	in := slices.Repeat([]part{none}, len(d.Labels))
	for p, logits := range [][]float64{m.Train, m.Validation, m.Test} {
		p := part(p)
		rows := *m.Parts.of(p)
		for i, r := range rows {
			switch {
			case r < 0 || r >= len(in):
				return nil, fmt.Errorf("head: measure: %v: row %d of %d", p, r, len(in))
			case i > 0 && rows[i-1] >= r:
				return nil, fmt.Errorf("head: measure: %v: row %d does not come after row %d", p, r, rows[i-1])
			case in[r] != none:
				return nil, fmt.Errorf("head: measure: row %s is in the %v and in the %v", d.id(r), in[r], p)
			}
			in[r] = p
		}
		if logits != nil && len(logits) != len(rows)*c {
			return nil, fmt.Errorf("head: measure: %v: %d logits for %d rows of %d classes", p, len(logits), len(rows), c)
		}
		for i := 0; i < len(logits); i += c {
			top := math.Inf(-1)
			for _, v := range logits[i : i+c] {
				if math.IsNaN(v) || math.IsInf(v, 1) {
					return nil, fmt.Errorf("head: measure: row %s: a logit is %v", d.id(rows[i/c]), v)
				}
				top = max(top, v)
			}
			if math.IsInf(top, -1) {
				return nil, fmt.Errorf("head: measure: row %s: all logits are −∞", d.id(rows[i/c]))
			}
		}
	}
	o := &trial{mapping: plain(), whole: &procedure{}}
	for r, p := range in {
		switch label := d.Labels[r]; {
		case p == none && label == "":
			t.result.N.Unlabelled++
		case p == none:
			t.result.N.Unassigned++
		default:
			k, ok := slices.BinarySearch(t.classes, label)
			if !ok {
				return nil, fmt.Errorf("head: measure: row %s of the %v: label %q is none of the classes", d.id(r), p, label)
			}
			to := o.parts.of(p)
			*to = append(*to, len(t.used))
			t.used, t.labels = append(t.used, r), append(t.labels, k)
		}
	}
	return o, nil
}
