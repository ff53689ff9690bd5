package experiment

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/measure"
)

// other is a model with these logits of these parts.
func other(classes []string, parts [3][]int, logits [3][]float64) *Other {
	return &Other{
		Kind: head.KindsOf(head.OneOf)[0], Classes: classes, Parts: Parts{parts[0], parts[1], parts[2]},
		Train: logits[0], Validation: logits[1], Test: logits[2],
	}
}

// grouped returns data of which groups of three rows stay together.
func grouped(n int) *Data {
	d := blobs(n, 6, 3, 2, 5)
	for i := range n {
		d.Groups = append(d.Groups, fmt.Sprint("group ", i/3))
	}
	return d
}

// A head that is measured from outside is reported as Train reports it.
func TestMeasureIsTrainsReport(t *testing.T) {
	for name, s := range map[string]*Settings{
		"split":    {Split: &Split{0.5, 0.25, 0.25}},
		"grouped":  {Split: &Split{0.5, 0.25, 0.25}, By: "group"},
		"no test":  {Split: &Split{0.5, 0.5, 0}},
		"own":      {},
		"raw":      {Split: &Split{0.5, 0.25, 0.25}, Calibrate: "none"},
		"unseeded": {Split: &Split{0.6, 0.2, 0.2}, Seed: 7},
	} {
		t.Run(name, func(t *testing.T) {
			s.NoRefit, s.L2 = true, 0.01
			d := grouped(300)
			d.Labels[17] = ""
			if name == "own" {
				for i := range d.Labels {
					d.Splits = append(d.Splits, []string{"train", "train", "dev", "test", ""}[i%5])
				}
			}
			want := train(t, d, s)
			for p, part := range [3][]int{want.Parts.Train, want.Parts.Validation, want.Parts.Test} {
				if !slices.IsSorted(part) || len(part) != []int{want.N.Train, want.N.Validation, want.N.Test}[p] {
					t.Fatalf("part %d: %v, N %+v", p, part, want.N)
				}
			}
			if !slices.Equal(want.Parts.Train, want.Fitted) {
				t.Error("the training part is not what was fitted")
			}
			x, c := d.Rows.(*dense), len(want.Classes)
			var logits [3][]float64
			for p, part := range [3][]int{want.Parts.Train, want.Parts.Validation, want.Parts.Test} {
				if len(part) == 0 {
					continue
				}
				logits[p] = make([]float64, len(part)*c)
				for i, r := range part {
					want.Head.Model.ScoresTo(logits[p][i*c:(i+1)*c], x.row(r), 1)
				}
			}
			have, err := Measure(d, s, &Other{Kind: want.Kind, Classes: want.Classes, Parts: want.Parts, Train: logits[0], Validation: logits[1], Test: logits[2]})
			if err != nil {
				t.Fatal(err)
			}
			if have.Head != nil || have.Metrics.Train == nil || have.Metrics.Validation == nil || (have.Metrics.Test == nil) != (name == "no test") {
				t.Fatalf("%+v", have)
			}
			if have.Calibration != nil {
				near(t, "temperature", have.Calibration.Temperature, want.Head.Temperature, 1e-6)
			}
			// The logits are computed in another way, so that all but counts is
			// only nearly equal.
			for what, m := range map[string][2]*measure.Metrics{
				"train": {have.Metrics.Train, want.Metrics.Train}, "validation": {have.Metrics.Validation, want.Metrics.Validation}, "test": {have.Metrics.Test, want.Metrics.Test},
			} {
				if m[1] == nil {
					continue
				}
				if !reflect.DeepEqual(m[0].Confusion, m[1].Confusion) || m[0].Accuracy != m[1].Accuracy || m[0].Baseline != m[1].Baseline || m[0].Interval != m[1].Interval {
					t.Errorf("%s: %+v, want %+v", what, m[0], m[1])
				}
				for k, e := range [][2]measure.Estimate{{m[0].LogLoss, m[1].LogLoss}, {m[0].MacroF1, m[1].MacroF1}, {m[0].Brier, m[1].Brier}} {
					near(t, fmt.Sprint(what, " ", k), e[0].Value, e[1].Value, 1e-5)
					near(t, fmt.Sprint(what, " ", k), e[0].Low, e[1].Low, 1e-5)
					near(t, fmt.Sprint(what, " ", k), e[0].High, e[1].High, 1e-5)
				}
			}
			if h, w := have.Predictions, want.Predictions; h.Part != w.Part || !slices.Equal(h.Rows, w.Rows) || len(h.Outcomes) != len(w.Outcomes) || !slices.EqualFunc(h.Outcomes, w.Outcomes, func(a, b measure.Outcome) bool { return a.Label == b.Label && a.Predicted == b.Predicted }) {
				t.Errorf("predictions of %s, want %s", h.Part, w.Part)
			}
			choices := []string{"edge", "path-stopped", "not-converged"}
			ours := slices.DeleteFunc(slices.Clone(want.Warnings), func(w Warning) bool {
				return slices.Contains(choices, w.Kind) || w.Place == innerFolds
			})
			if !reflect.DeepEqual(have.Warnings, ours) {
				t.Errorf("warnings %v\nwant %v", have.Warnings, ours)
			}
			if have.N != want.N || have.Dim != want.Dim || !slices.Equal(have.Fitted, want.Fitted) || !reflect.DeepEqual(have.Parts, want.Parts) {
				t.Errorf("%+v %d, want %+v %d", have.N, have.Dim, want.N, want.Dim)
			}
			if text, err := json.Marshal(have); err != nil || !strings.Contains(string(text), `"selection":[]`) {
				t.Errorf("%s: %v", text, err)
			}
		})
	}
}

// Parts are of held-out tests alone, and training metrics of a model that is
// fitted on the training part.
func TestPartsOfResult(t *testing.T) {
	d := blobs(200, 4, 2, 3, 1)
	if r := train(t, d, &Settings{CV: 3, L2: 0.1, NoRefit: true}); r.Parts.Train != nil || r.Metrics.Train != nil {
		t.Errorf("with cross-validation: parts %v, training metrics %v", r.Parts, r.Metrics.Train)
	}
	s := &Settings{Split: &Split{0.6, 0.2, 0.2}, L2: 0.1}
	r := train(t, d, s)
	if len(r.Parts.Train) == 0 || r.Metrics.Train != nil {
		t.Errorf("with a refit: parts %v, training metrics %v", r.Parts, r.Metrics.Train)
	}
	s.NoRefit = true
	if again := train(t, d, s); !reflect.DeepEqual(again.Parts, r.Parts) || again.Metrics.Train.Rows != len(r.Parts.Train) {
		t.Errorf("without: %+v", again.Metrics.Train)
	}
}

// What is not known is left out, and does not stop the rest.
func TestMeasureInPart(t *testing.T) {
	d := &Data{Labels: []string{"a", "b", "a", "b", "b", ""}}
	parts := [3][]int{{0, 1}, {2, 3}, {4}}
	z := []float64{3, 1, math.Inf(-1), 1}
	r, err := Measure(d, nil, other([]string{"a", "b"}, parts, [3][]float64{nil, nil, {0, 2}}))
	if err != nil {
		t.Fatal(err)
	}
	if r.Metrics.Train != nil || r.Metrics.Validation != nil || r.Calibration != nil || r.Metrics.Test.Accuracy.Value != 1 || r.N != (Counts{2, 2, 1, 1, 0}) {
		t.Errorf("%+v", r)
	}
	near(t, "log-loss", r.Metrics.Test.LogLoss.Value, math.Log(1+math.Exp(-2)), 1e-12)
	if r, err = Measure(d, nil, other([]string{"a", "b"}, parts, [3][]float64{z, z, nil})); err != nil {
		t.Fatal(err)
	}
	if r.Metrics.Test != nil || r.Predictions.Part != "validation" || r.Metrics.Train.Rows != 2 || r.Calibration.Temperature != measure.Temperature(z, []int{0, 1}, 2) || r.Calibration.Measured != "validation" {
		t.Errorf("%+v", r)
	}
	if w := warning(t, r, "absent"); w.Place != "test part" || !slices.Equal(w.Names, []string{"a"}) {
		t.Errorf("%+v", w)
	}
}

func TestMeasureErrors(t *testing.T) {
	two := []string{"a", "b"}
	parts := [3][]int{{0, 1}, {2}, {3}}
	z := func(n int) []float64 { return make([]float64, 2*n) }
	for want, c := range map[string]struct {
		classes []string
		parts   [3][]int
		logits  [3][]float64
	}{
		"1 classes":                           {classes: []string{"a"}, parts: parts},
		"not in the order":                    {classes: []string{"b", "a"}, parts: parts},
		"no row is in the training part":      {classes: two},
		"validation part: row 9 of 5":         {classes: two, parts: [3][]int{{0}, {9}}},
		"training part: row -1 of 5":          {classes: two, parts: [3][]int{{-1}}},
		"row 1 does not come after row 1":     {classes: two, parts: [3][]int{{1, 1}}},
		"training part and in the test part":  {classes: two, parts: [3][]int{{0, 1}, {2}, {1}}},
		"3 logits for 1 rows of 2 classes":    {classes: two, parts: parts, logits: [3][]float64{nil, {1, 2, 3}}},
		"row 2: a logit is NaN":               {classes: two, parts: parts, logits: [3][]float64{nil, {1, math.NaN()}}},
		"row 3: a logit is +Inf":              {classes: two, parts: parts, logits: [3][]float64{nil, nil, {1, math.Inf(1)}}},
		"all logits are −∞":                   {classes: two, parts: parts, logits: [3][]float64{nil, nil, {math.Inf(-1), math.Inf(-1)}}},
		`label "c" is none of the classes`:    {classes: two, parts: [3][]int{{0, 1, 4}}, logits: [3][]float64{z(3)}},
		`test part: label "" is none of`:      {classes: two, parts: [3][]int{{0, 1}, {2}, {3}}, logits: [3][]float64{z(2), z(1), z(1)}},
		"0 logits for 2 rows of 2 classes":    {classes: two, parts: parts, logits: [3][]float64{{}}},
		"training part: 2 logits for 2 rows":  {classes: two, parts: parts, logits: [3][]float64{z(1)}},
		"validation part: 4 logits for 1 row": {classes: two, parts: parts, logits: [3][]float64{nil, z(2)}},
	} {
		d := &Data{Labels: []string{"a", "b", "a", "", "c"}}
		if !strings.Contains(want, `""`) {
			d.Labels[3] = "b"
		}
		if _, err := Measure(d, nil, other(c.classes, c.parts, c.logits)); err == nil || !strings.HasPrefix(err.Error(), "head: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("have %v\nwant %s", err, want)
		}
	}
	if _, err := Measure(nil, nil, other(two, parts, [3][]float64{})); err == nil {
		t.Error("no data are taken")
	}
	if _, err := Measure(&Data{Labels: two, IDs: []string{"x"}}, nil, other(two, [3][]int{{0, 1}}, [3][]float64{})); err == nil || !strings.Contains(err.Error(), "1 ids for 2 rows") {
		t.Errorf("ids: %v", err)
	}
}
