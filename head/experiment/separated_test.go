package experiment

import "testing"

// TestSeparatedData: where all predictions are right, their probabilities say
// so, however strong the regularisation that is chosen.
func TestSeparatedData(t *testing.T) {
	for _, kind := range kinds {
		for name, s := range map[string]*Settings{
			"cross-validated": {CV: 5}, "validation part": {Split: &Split{0.5, 0.25, 0.25}}, "out of fold": {Split: &Split{0.7, 0, 0.3}},
		} {
			for _, n := range []int{60, 600} {
				s.Kind, s.L2Points = kind, 8
				r := train(t, blobs(n, 8, 3, 12, 3), s)
				m := r.Metrics.CV
				if m == nil {
					m = r.Metrics.Test
				}
				if m.Accuracy.Value != 1 {
					t.Fatalf("%s, %s: accuracy %v of data that were to be separated", kind, name, m.Accuracy.Value)
				}
				// One row of unknown label beside those that calibrate leaves
				// 2/3 of a row in doubt, and that logits are expected to be
				// small a little more.
				if most := 3.5 / (0.2 * float64(n)); m.ECE.Value > most || m.LogLoss.Value > most {
					t.Errorf("%s, %s, %d rows: ECE %.4f, log-loss %.4f at accuracy 1, λ = %g, temperature %g", kind, name, n, m.ECE.Value, m.LogLoss.Value, r.L2, r.Head.Temperature)
				}
			}
		}
	}
}
