package experiment

import (
	"math"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// A fit that begins at an earlier head ends where it would have, in fewer
// passes; new classes begin at zero. What an earlier head has seen is not
// measured with its help: those fits are as without it, to the bit.
func TestFrom(t *testing.T) {
	d := blobs(600, 12, 4, 2, 3)
	old := *d // without the last class, and the last samples
	old.Labels = slices.Clone(d.Labels)
	for i := range old.Labels {
		if i >= 480 || old.Labels[i] == "class 3" {
			old.Labels[i] = ""
		}
	}
	s := Settings{L2: 0.01, Tolerance: 1e-8, CV: 3, Calibrate: "none"}
	before := train(t, &old, &s).Head
	if slices.Contains(before.Classes, "class 3") {
		t.Fatal(before.Classes)
	}
	cold := train(t, d, &s)
	warm := s
	warm.From = before
	r := train(t, d, &warm)
	if r.Fit.Status != head.Converged || r.Fit.Passes >= cold.Fit.Passes {
		t.Errorf("from an earlier head %+v, from zero %+v", r.Fit, cold.Fit)
	}
	near(t, "objective", r.Fit.Objective, cold.Fit.Objective, 1e-7)
	if a, b := r.Metrics.CV, cold.Metrics.CV; a.LogLoss != b.LogLoss || a.Accuracy != b.Accuracy {
		t.Error("the folds are not as without it")
	}

	// Parts: of the samples that are held out it has seen none, or some.
	for name, c := range map[string]struct {
		seen  func(row int) bool
		other bool
	}{"none": {func(int) bool { return false }, true}, "all": {nil, false}} {
		parts := Settings{L2: 0.01, Split: &Split{Train: 0.7, Test: 0.3}, Calibrate: "none", From: before, Seen: c.seen}
		with := train(t, d, &parts)
		parts.From = nil
		without := train(t, d, &parts)
		same := with.Fit == without.Fit && slices.Equal(affine(with).Weight, affine(without).Weight)
		if same == c.other {
			t.Errorf("%s seen: the fit begins there, or does not: %+v, %+v", name, with.Fit, without.Fit)
		}
		if math.Abs(with.Fit.Objective/without.Fit.Objective-1) > 1e-3 {
			t.Errorf("%s seen: objective %v, not %v", name, with.Fit.Objective, without.Fit.Objective)
		}
	}
}
