package measure

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/head"
)

// ScoreNamesOf lists the metrics that a selection may depend on for a task. The
// first is the default.
func ScoreNamesOf(t head.Task) []string {
	switch t {
	case head.AnyOf:
		return []string{"ap", "auc", "macro-f1", "micro-f1", "subset-accuracy", "log-loss"}
	case head.Number:
		return []string{"r2", "rmse", "mae"}
	case head.Grade:
		return []string{"mae", "kappa", "accuracy", "macro-f1", "log-loss"}
	}
	return slices.Clone(ScoreNames)
}

// LowerIsBetter says whether a metric of ScoreNamesOf is an error.
func LowerIsBetter(metric string) bool {
	return slices.Contains([]string{"log-loss", "rmse", "mae"}, metric)
}

// Estimates lists what m measured by the names of ScoreNamesOf and others, in
// the order in which they are shown.
func (m *Metrics) Estimates() []NamedEstimate {
	switch {
	case m.AnyOf != nil:
		return m.AnyOf.estimates()
	case m.Number != nil:
		return m.Number.estimates()
	}
	all := []NamedEstimate{{"accuracy", m.Accuracy}, {"macro-f1", m.MacroF1}, {"log-loss", m.LogLoss}, {"ece", m.ECE}, {"brier", m.Brier}}
	if g := m.GradeMetrics; g != nil {
		all = slices.Insert(all, 0, NamedEstimate{"mae", g.MAE}, NamedEstimate{"kappa", g.Kappa})
	}
	return all
}

// NamedEstimate is an estimate with its name.
type NamedEstimate struct {
	Name string
	Estimate
}

// Task says of which task the metrics are.
func (m *Metrics) Task() head.Task {
	switch {
	case m.AnyOf != nil:
		return head.AnyOf
	case m.Number != nil:
		return head.Number
	case m.GradeMetrics != nil:
		return head.Grade
	}
	return head.OneOf
}

// MarshalJSON writes the metrics of the task: those of AnyOf and Number alone,
// with the key "task".
func (m *Metrics) MarshalJSON() ([]byte, error) {
	switch {
	case m.AnyOf != nil:
		return json.Marshal(struct {
			Task string `json:"task"`
			*AnyOfMetrics
		}{head.AnyOf.Word(), m.AnyOf})
	case m.Number != nil:
		return json.Marshal(struct {
			Task string `json:"task"`
			*NumberMetrics
		}{head.Number.Word(), m.Number})
	}
	type plain Metrics // without methods
	return json.Marshal((*plain)(m))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Metrics) UnmarshalJSON(data []byte) error {
	var of struct{ Task string }
	if err := json.Unmarshal(data, &of); err != nil {
		return err
	}
	switch of.Task {
	case head.AnyOf.Word():
		*m = Metrics{AnyOf: new(AnyOfMetrics)}
		if err := json.Unmarshal(data, m.AnyOf); err != nil {
			return err
		}
		m.Rows, m.Interval = m.AnyOf.Rows, m.AnyOf.Interval
		return nil
	case head.Number.Word():
		*m = Metrics{Number: new(NumberMetrics)}
		if err := json.Unmarshal(data, m.Number); err != nil {
			return err
		}
		m.Rows, m.Interval = m.Number.Rows, m.Number.Interval
		return nil
	}
	type plain Metrics
	return json.Unmarshal(data, (*plain)(m))
}

// bounded is an estimate that gets its interval from resamples, within bounds.
type bounded struct {
	*Estimate
	least, most float64
}

// resample fills in the intervals of estimates: the percentiles of what of
// returns, in their order, for rows that are drawn as often as times says. n is
// the number of rows. It returns how the intervals were made.
func resample(n int, s *Settings, estimates []bounded, of func(times []uint32) []float64) string {
	r := newResampler(n, s)
	values := make([][]float64, r.resamples())
	rows := make([][]uint32, r.threads())
	for w := range rows {
		rows[w] = make([]uint32, n)
	}
	r.each(func(w, b int, drawn []uint32) {
		for i := range rows[w] {
			rows[w][i] = drawn[r.unitOf(i)]
		}
		values[b] = of(rows[w])
	})
	stretch := r.spreadOf(0, 0, n).stretch
	v := make([]float64, len(values))
	for i, e := range estimates {
		for b := range v {
			v[b] = values[b][i]
		}
		low, high := interval(v)
		e.Low = max(e.least, e.Value-stretch*(e.Value-low))
		e.High = min(e.most, e.Value+stretch*(high-e.Value))
	}
	switch {
	case s.Units != nil:
		return "bootstrap-groups"
	case s.Folds > 0:
		return "bootstrap-cv"
	}
	return "bootstrap"
}

// ones are rows that are drawn once each.
func ones(n int) []uint32 { return slices.Repeat([]uint32{1}, n) }

// over is a/b, 0 without a denominator.
func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

var infinity = math.Inf(1)
