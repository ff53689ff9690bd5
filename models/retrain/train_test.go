package retrain

import (
	"testing"
)

func TestATrainingLearns(t *testing.T) {
	for _, cut := range []string{"", "h0", "h1"} {
		width := toyInputs
		if cut != "" {
			width = toyHidden
		}
		d := toyData(400, width)
		r := train(t, toyNetwork(cut), d, head(toyClasses, toyHidden), &Settings{LearningRate: 1e-2, Epochs: 20, Threads: 1})
		t.Logf("%q: %s after %d epochs, best %d: log-loss %.3f, was %.3f", cut, r.Status, len(r.Epochs)-1, r.Best, r.Epochs[r.Best].LogLoss, r.Epochs[0].LogLoss)
		t.Logf("%+v", r)
	}
}
