package experiment

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// poisons are what test rows are spoilt with.
var poisons = []struct {
	name  string
	value func(i, j int) float32
}{
	{"NaN", func(int, int) float32 { return float32(math.NaN()) }},
	{"infinite", func(i, j int) float32 { return float32(math.Inf(1 - 2*((i+j)%2))) }},
	{"1e30", func(i, j int) float32 { return 1e30 * float32(1-2*((i+j)%2)) }},
}

// poisoned returns d with rows (numbers) that poison gives values, and whose
// labels are dealt round among them.
func poisoned(d *Data, rows []int, poison func(i, j int) float32) *Data {
	x := d.Rows.(*dense)
	spoilt := *d
	values := &dense{d: x.d, values: slices.Clone(x.values)}
	spoilt.Rows, spoilt.Labels, spoilt.LabelLists = values, slices.Clone(d.Labels), slices.Clone(d.LabelLists)
	for i, r := range rows {
		for j := range values.row(r) {
			values.row(r)[j] = poison(i, j)
		}
		next := rows[(i+1)%len(rows)]
		if d.Labels != nil {
			spoilt.Labels[r] = d.Labels[next]
		}
		if d.LabelLists != nil {
			spoilt.LabelLists[r] = d.LabelLists[next]
		}
	}
	return &spoilt
}

// learnt is all that one seed brings, metrics of the test rows apart.
type learnt struct {
	model     head.Model
	mapping   mapping
	kind      string
	params    head.Params
	fit       head.Fit
	tried     []Candidate
	validated *scored
}

// learn runs one seed on d, whose rows need not be finite where they are not
// fitted on.
func learn(t *testing.T, d *Data, s *Settings) *learnt {
	t.Helper()
	o := once(t, d, s)
	l := learntBy(o.whole, o.final)
	l.mapping, l.validated = o.mapping, o.validated
	return l
}

// learntBy is what a procedure selected and fitted.
func learntBy(p *procedure, c *choice) *learnt {
	l := &learnt{model: c.Model(), mapping: c.mapping, kind: c.Kind, params: c.Params, fit: c.Fit}
	for _, c := range p.tried {
		l.tried = append(l.tried, c.record)
	}
	return l
}

// once runs one seed on d, as learn does.
func once(t *testing.T, d *Data, s *Settings) *trial {
	t.Helper()
	tr := &trainer{Settings: s, data: d, result: &Result{Dim: d.Rows.D()}, tolerant: true}
	if err := tr.prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	o, err := tr.once(context.Background(), s.Seed)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestPoisonedTestRows: with test rows that are NaN, infinite or huge, and that
// have each other's labels, every bit of the head, of its standardisation,
// selection and calibration is the same.
func TestPoisonedTestRows(t *testing.T) {
	for _, kind := range append(slices.Clone(kinds), "auto") {
		for name, s := range map[string]*Settings{
			"validation part":  {Split: &Split{0.5, 0.2, 0.3}, L2Points: 4, Folds: 3},
			"out of fold":      {Split: &Split{0.7, 0, 0.3}, L2Points: 4, Folds: 3},
			"without a refit":  {Split: &Split{0.5, 0.2, 0.3}, L2Points: 4, Folds: 3, NoRefit: true},
			"balanced classes": {Split: &Split{0.5, 0.2, 0.3}, L2Points: 4, Folds: 3, ClassWeight: "balanced", Metric: "log-loss"},
			"prior, vector":    {Split: &Split{0.5, 0.2, 0.3}, L2Points: 4, Folds: 3, ClassWeight: "balanced", Prior: "data", Calibrate: "vector", Reject: 0.9},
			"average":          {Split: &Split{0.5, 0.2, 0.3}, L2Points: 4, Folds: 3, L2Average: kind == "softmax" || kind == "ridge"},
			"thresholds":       {Split: &Split{0.7, 0, 0.3}, L2Points: 4, Folds: 3, Prior: "uniform", Calibrate: "auto", Thresholds: &Thresholds{Precision: 0.9}},
		} {
			s.Kind = kind
			d := blobs(200, 5, 3, 3, 6)
			test := train(t, d, s).Parts.Test
			if len(test) < 30 {
				t.Fatalf("%d test rows", len(test))
			}
			want := learn(t, d, s)
			for _, p := range poisons {
				bad := poisoned(d, test, p.value)
				if have := learn(t, bad, s); !reflect.DeepEqual(have, want) {
					t.Errorf("%s, %s: %s test rows change what is learnt", kind, name, p.name)
				}
				if _, err := Train(context.Background(), bad, s); p.name != "1e30" && !errors.Is(err, head.ErrNotFinite) {
					t.Errorf("%s, %s: %s test rows: %v", kind, name, p.name, err)
				}
			}
			// The same of what a caller sees, where the rows are numbers.
			before, after := train(t, d, s), train(t, poisoned(d, test, poisons[2].value), s)
			if !reflect.DeepEqual(after.Head, before.Head) || !reflect.DeepEqual(after.Selection, before.Selection) || after.Calibration.Temperature != before.Calibration.Temperature {
				t.Errorf("%s, %s: another head, selection or calibration", kind, name)
			}
		}
	}
}

// TestPoisonedFolds: with rows of an outer fold that are huge, every bit of
// what is learnt without that fold is the same: head, standardisation,
// selection and calibration. All other folds learn from those rows, and learn
// something else.
func TestPoisonedFolds(t *testing.T) {
	for _, kind := range append(slices.Clone(kinds), "auto") {
		for name, s := range map[string]*Settings{
			"temperature":   {CV: 3, L2Points: 4, Folds: 3},
			"prior, vector": {CV: 3, L2Points: 4, Folds: 3, ClassWeight: "balanced", Prior: "uniform", Calibrate: "auto", Reject: 0.9},
			"average":       {CV: 3, L2Points: 4, Folds: 3, L2Average: kind == "softmax" || kind == "ridge"},
		} {
			s.Kind = kind
			d := blobs(200, 5, 3, 3, 6)
			want := once(t, d, s)
			for f, held := range want.folds {
				bad := poisoned(d, held, poisons[2].value)
				bad.Labels = d.Labels // by which rows are dealt into folds
				have := once(t, bad, s)
				if !reflect.DeepEqual(have.folds, want.folds) {
					t.Fatalf("%s, %s: other folds", kind, name)
				}
				for g := range want.folds {
					same := reflect.DeepEqual(learntBy(have.tests[g], have.fits[g]), learntBy(want.tests[g], want.fits[g]))
					if same != (g == f) {
						t.Errorf("%s, %s: rows of fold %d are huge: the same is learnt without fold %d: %v", kind, name, f, g, same)
					}
				}
			}
		}
	}
}

// Rows that a part is fitted on, and rows that calibrate, do reach it: else the
// test above would say nothing.
func TestPoisonReachesWhatIsLearntFrom(t *testing.T) {
	s := &Settings{Split: &Split{0.5, 0.2, 0.3}, L2Points: 4, Folds: 3}
	d := blobs(200, 5, 3, 3, 6)
	parts, want := train(t, d, s).Parts, learn(t, d, s)
	if have := learn(t, poisoned(d, parts.Validation[:9], poisons[2].value), s); have.mapping.scaling.Temperature == want.mapping.scaling.Temperature || reflect.DeepEqual(have.model, want.model) {
		t.Error("validation rows reach neither the temperature nor the head that is fitted again")
	}
	if have := learn(t, poisoned(d, parts.Train[:9], poisons[2].value), s); reflect.DeepEqual(have.tried, want.tried) {
		t.Error("training rows do not reach the selection")
	}
}
