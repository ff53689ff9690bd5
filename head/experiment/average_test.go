package experiment

import (
	"math"
	"strings"
	"testing"
)

// TestAverage: the average of strengths is one affine map, which says what was
// measured, and the weights of the strengths add up to 1; on few rows its
// log-loss is lower than that of the strengths that accuracy chooses, over
// several draws.
func TestAverage(t *testing.T) {
	var chosen, averaged float64
	members := 0
	for seed := range uint64(12) {
		d := blobs(240, 20, 4, 1.2, 30+seed)
		s := &Settings{L2Points: 12, Split: &Split{0.25, 0, 0.75}, Seed: seed}
		plain := train(t, d, s)
		s.L2Average = true
		r := train(t, d, s)
		chosen, averaged = chosen+plain.Metrics.Test.LogLoss.Value/12, averaged+r.Metrics.Test.LogLoss.Value/12
		sum, top := 0.0, Averaged{}
		for i, a := range r.Average {
			sum += a.Weight
			if a.Weight > top.Weight {
				top = a
			}
			if i > 0 && a.L2 >= r.Average[i-1].L2 {
				t.Errorf("%+v are not in the order of the path", r.Average)
			}
		}
		members += len(r.Average)
		if math.Abs(sum-1) > 1e-9 || r.L2 != top.L2 || plain.Average != nil {
			t.Errorf("average %+v, λ %v", r.Average, r.L2)
		}
		x := d.Rows.(*dense)
		p := make([]float64, len(r.Head.Classes))
		for i, row := range r.Predictions.Rows[:20] {
			if err := r.Head.ProbabilitiesTo(p, x.row(row), 1); err != nil {
				t.Fatal(err)
			}
			near(t, "probability", p[r.Predictions.Outcomes[i].Label], r.Predictions.Outcomes[i].LabelProbability, 1e-5)
		}
		if affine(r) == nil {
			t.Error("no affine map")
		}
	}
	if members < 24 || averaged >= chosen {
		t.Errorf("%d strengths in 12 averages; log-loss %.4f, of chosen strengths %.4f", members, averaged, chosen)
	}
	// Cross-validated, refitted on the validation part, and closed forms too.
	d := blobs(120, 8, 3, 1.5, 3)
	for _, s := range []*Settings{{L2Average: true, CV: 3}, {L2Average: true, Split: &Split{0.6, 0.2, 0.2}}, {L2Average: true, Kind: "ridge", CV: 3}} {
		s.L2Points = 6
		if r := train(t, d, s); len(r.Average) == 0 || r.Head.Check() != nil {
			t.Errorf("%+v", r.Average)
		}
	}
	for _, s := range []*Settings{{L2Average: true, L2: 1}, {L2Average: true, Kind: "ncm"}, {L2Average: true, Kind: "auto"}} {
		if _, err := Train(t.Context(), d, s); err == nil || !strings.Contains(err.Error(), "average") {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
