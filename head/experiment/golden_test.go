package experiment

import (
	"context"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/measure"
)

// TestSoftmaxGolden compares fits with scikit-learn's at its optimum, and the
// metrics of held-out rows.
func TestSoftmaxGolden(t *testing.T) {
	d, g := small(t)
	for _, want := range g.Path {
		r := train(t, d, &Settings{L2: want.L2, Tolerance: 1e-6, Calibrate: "none"})
		if r.Fit.Status != "converged" {
			t.Errorf("λ = %g: %+v", want.L2, r.Fit)
		}
		if rel := r.Fit.Objective/want.Objective - 1; rel < -1e-7 || rel > 1e-6 {
			t.Errorf("λ = %g: objective %v is %.2g above scikit-learn's %v", want.L2, r.Fit.Objective, rel, want.Objective)
		}

		r = train(t, d, &Settings{L2: want.L2, Tolerance: 1e-10, Calibrate: "none"})
		m := r.Metrics.Test
		near(t, "accuracy", m.Accuracy.Value, want.Accuracy, 1e-12)
		near(t, "accuracy, low", m.Accuracy.Low, want.Wilson[0], 1e-12)
		near(t, "accuracy, high", m.Accuracy.High, want.Wilson[1], 1e-12)
		near(t, "macro-F1", m.MacroF1.Value, want.MacroF1, 1e-12)
		near(t, "log-loss", m.LogLoss.Value, want.LogLoss, 1e-4)
		near(t, "Brier", m.Brier.Value, want.Brier, 1e-4)
		for k, c := range m.PerClass {
			near(t, c.Class+": precision", c.Precision, want.Precision[k], 1e-9)
			near(t, c.Class+": recall", c.Recall, want.Recall[k], 1e-9)
			near(t, c.Class+": F1", c.F1, want.F1[k], 1e-9)
			if c.Support != want.Support[k] || !slices.Equal(m.Confusion[k], want.Confusion[k]) {
				t.Errorf("%s: support %d, confusion %v; want %d, %v", c.Class, c.Support, m.Confusion[k], want.Support[k], want.Confusion[k])
			}
		}

		// The head, with everything folded in, says the same as the fit.
		x := d.Rows.(*dense)
		p := make([]float64, len(r.Classes))
		for i, row := range r.Predictions.Rows {
			if err := r.Head.ProbabilitiesTo(p, x.row(row), 1); err != nil {
				t.Fatal(err)
			}
			for k, v := range p {
				if at := i*len(p) + k; at < len(want.Probabilities) {
					near(t, "probability", v, want.Probabilities[at], 2e-4)
				}
			}
			o := r.Predictions.Outcomes[i]
			near(t, "folded confidence", p[o.Predicted], o.Confidence, 1e-5)
			near(t, "folded probability", p[o.Label], o.LabelProbability, 1e-5)
		}
	}
}

func TestObjectiveGolden(t *testing.T) {
	d, g := small(t)
	weighted := *d
	for i := range d.Labels {
		// The generator numbers the rows of the training part.
		weighted.Weights = append(weighted.Weights, 0.5+float64((i-i/3)%4))
	}
	two := *d
	two.Labels = slices.Clone(d.Labels)
	for i, l := range two.Labels {
		if l != "people-and-body" && l != "objects" {
			two.Labels[i] = ""
		}
	}
	for _, c := range []struct {
		name string
		data *Data
		set  Settings
		want float64
	}{
		{"not standardised", d, Settings{L2: 1e-4, NoStandardize: true}, g.Raw},
		{"balanced", d, Settings{L2: 0.01, ClassWeight: "balanced"}, g.Balanced},
		{"weighted rows", &weighted, Settings{L2: 0.01}, g.Weighted},
		{"two classes", &two, Settings{L2: 0.01}, g.TwoClasses},
	} {
		c.set.Tolerance, c.set.Calibrate = 1e-6, "none"
		r := train(t, c.data, &c.set)
		if rel := r.Fit.Objective/c.want - 1; rel < -1e-7 || rel > 1e-6 {
			t.Errorf("%s: objective %v is %.2g above scikit-learn's %v", c.name, r.Fit.Objective, rel, c.want)
		}
	}
}

func TestNearestCentroidGolden(t *testing.T) {
	d, g := small(t)
	r := train(t, d, &Settings{Kind: head.Kinds[1].Name, Calibrate: "none"})
	x := d.Rows.(*dense)
	c := len(r.Classes)
	z := make([]float64, c)
	for i, row := range r.Predictions.Rows {
		r.Head.LogitsTo(z, x.row(row), 1)
		best := 0
		for k, v := range z {
			if v > z[best] {
				best = k
			}
		}
		if got := r.Head.Classes[best]; got != g.NearestCentroid[i] {
			t.Errorf("row %d: %q, scikit-learn says %q", row, got, g.NearestCentroid[i])
		}
	}
	if r.Fit.Status != "closed-form" || r.L2 != 0 {
		t.Errorf("fit %+v, λ %v", r.Fit, r.L2)
	}
}

func TestWilsonGolden(t *testing.T) {
	_, g := small(t)
	for _, w := range g.Wilson {
		low, high := measure.Wilson(int(w[0]), int(w[1]))
		near(t, "low", low, w[2], 1e-12)
		near(t, "high", high, w[3], 1e-12)
	}
}

// TestGapIsHonest: the estimate at which a fit stops is not below the true gap.
func TestGapIsHonest(t *testing.T) {
	d, g := small(t)
	for _, want := range g.Path {
		for _, tolerance := range []float64{1e-2, 1e-3, 1e-4, 1e-5} {
			r, err := Train(context.Background(), d, &Settings{L2: want.L2, Tolerance: tolerance, Calibrate: "none"})
			if err != nil {
				t.Fatal(err)
			}
			if gap := r.Fit.Objective/want.Objective - 1; gap > tolerance {
				t.Errorf("λ = %g: stopped at a gap of %.2g, estimated %.2g, asked for %g", want.L2, gap, r.Fit.Gap, tolerance)
			}
		}
	}
}
