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
	spoilt.Rows, spoilt.Labels = values, slices.Clone(d.Labels)
	for i, r := range rows {
		for j := range values.row(r) {
			values.row(r)[j] = poison(i, j)
		}
		spoilt.Labels[r] = d.Labels[rows[(i+1)%len(rows)]]
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
	tr := &trainer{Settings: s, data: d, result: &Result{Dim: d.Rows.D()}, tolerant: true}
	if err := tr.prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	o, err := tr.once(context.Background(), s.Seed)
	if err != nil {
		t.Fatal(err)
	}
	l := &learnt{model: o.final.Model(), mapping: o.mapping, kind: o.final.Kind, params: o.final.Params, fit: o.final.Fit, validated: o.validated}
	for _, c := range o.whole.tried {
		l.tried = append(l.tried, c.record)
	}
	return l
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
