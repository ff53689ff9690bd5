package experiment

import (
	"fmt"
	"github.com/headstart-ml/headstart/head/measure"
	"math"
	"slices"
)

// partNames are the names of the parts in messages.
var partNames = [3]string{"training part", "validation part", "test part"}

// Measure reports what another model makes of parts of the data, as Train does for a head with Settings.NoRefit: the temperature is fitted on the validation part,
// metrics are of rows that the model has not seen, and those of the training part stand beside them.
//
// classes are those of the columns of the logits, sorted by bytes, as in Result.Classes. parts holds the numbers of the rows of training, validation and test
// part, ascending, as in Result.Parts: rows of which all else is taken from d, whose Rows may be nil. logits are those of each part's rows, len(part)×C; nil for a
// part of which they are not known: of the test part there is then no report, and without the validation part the temperature is 1. −∞ is the logit of a class that the
// model does not know. Of s, By, Calibrate, Seed and Threads count.
//
// In the result, Kind is "softmax", Head is nil and Fitted is the training part. Errors: parts that overlap, are not ascending, or hold rows that the data do not have,
// that have no label or one that is not in classes; an empty training part; logits of another length, or that are not numbers.
func Measure(d *Data, s *Settings, classes []string, parts [3][]int, logits [3][]float64) (*Result, error) {
	if s == nil {
		s = &Settings{}
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if d == nil {
		return nil, fmt.Errorf("head: data: none are given")
	}
	r := &Result{Kind: "softmax", Classes: slices.Clone(classes), Selection: []Candidate{}}
	n := len(d.Labels)
	if d.Rows != nil {
		n, r.Dim = d.Rows.N(), d.Rows.D()
	}
	if err := d.check(n); err != nil {
		return nil, err
	}
	own := *s
	t := &training{Settings: &own, data: d, result: r, table: &table{classes: r.Classes}}
	o, err := t.place(parts, logits)
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

	c := len(classes)
	if o.validated != nil {
		if t.Calibrate != "none" {
			o.t = measure.Temperature(logits[1], t.labelsOf(o.validated), c)
		}
		o.validation, o.rawValidation = softmaxRows(logits[1], c, o.t), softmaxRows(logits[1], c, 1)
	} else {
		own.Calibrate = "none" // there is nothing to fit a temperature on
	}
	if o.tested != nil {
		o.test, o.rawTested = softmaxRows(logits[2], c, o.t), softmaxRows(logits[2], c, 1)
	}
	if logits[0] != nil {
		o.trained = softmaxRows(logits[0], c, o.t)
	}
	if err := t.measure(o, o.parts[0]); err != nil {
		return nil, err
	}
	t.placeWarnings(o)
	return r, nil
}

// place checks the parts and the logits of Measure, fills in the rows that take part, and returns the parts as positions among them.
func (t *training) place(parts [3][]int, logits [3][]float64) (*trial, error) {
	d, c := t.data, len(t.classes)
	switch {
	case c < 2:
		return nil, fmt.Errorf("head: measure: %d classes, at least 2 are needed", c)
	case len(parts[0]) == 0:
		return nil, fmt.Errorf("head: measure: no row is in the training part")
	}
	for k := 1; k < c; k++ {
		if t.classes[k-1] >= t.classes[k] {
			return nil, fmt.Errorf("head: measure: classes %q and %q are not in the order of their bytes", t.classes[k-1], t.classes[k])
		}
	}
	const none = -1
	part := slices.Repeat([]int{none}, len(d.Labels))
	for p, rows := range parts {
		for i, r := range rows {
			switch {
			case r < 0 || r >= len(part):
				return nil, fmt.Errorf("head: measure: %s: row %d of %d", partNames[p], r, len(part))
			case i > 0 && rows[i-1] >= r:
				return nil, fmt.Errorf("head: measure: %s: row %d does not come after row %d", partNames[p], r, rows[i-1])
			case part[r] != none:
				return nil, fmt.Errorf("head: measure: row %s is in the %s and in the %s", d.id(r), partNames[part[r]], partNames[p])
			}
			part[r] = p
		}
		if z := logits[p]; z != nil && len(z) != len(rows)*c {
			return nil, fmt.Errorf("head: measure: %s: %d logits for %d rows of %d classes", partNames[p], len(z), len(rows), c)
		}
		for i := 0; i < len(logits[p]); i += c {
			top := math.Inf(-1)
			for _, v := range logits[p][i : i+c] {
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
	o := &trial{t: 1, chosen: &procedure{}}
	for r, p := range part {
		switch label := d.Labels[r]; {
		case p == none && label == "":
			t.result.N.Unlabelled++
		case p == none:
			t.result.N.Unassigned++
		default:
			k, ok := slices.BinarySearch(t.classes, label)
			if !ok {
				return nil, fmt.Errorf("head: measure: row %s of the %s: label %q is none of the classes", d.id(r), partNames[p], label)
			}
			o.parts[p] = append(o.parts[p], len(t.used))
			t.used, t.labels = append(t.used, r), append(t.labels, k)
		}
	}
	if logits[1] != nil && len(o.parts[1]) > 0 {
		o.validated = o.parts[1]
	}
	if logits[2] != nil && len(o.parts[2]) > 0 {
		o.tested = o.parts[2]
	}
	return o, nil
}
