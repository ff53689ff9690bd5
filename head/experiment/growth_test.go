package experiment

import (
	"math"
	"testing"
)

// What heads gain from more rows is told from predictions of one kind: other
// frequencies of the classes, which change answers, are no gain of rows.
func TestGrowthOfPrior(t *testing.T) {
	all := blobs(600, 40, 2, 2, 4)
	x := &dense{d: 40}
	d := &Data{Rows: x}
	for i, label := range all.Labels {
		if label == all.Labels[0] || i%10 == 1 { // the other class is rare
			x.values, d.Labels = append(x.values, all.Rows.(*dense).row(i)...), append(d.Labels, label)
		}
	}
	gain := func(prior string) float64 {
		m := train(t, d, &Settings{CV: 4, Folds: 4, L2Points: 4, ClassWeight: "balanced", Prior: prior}).Metrics.CV
		t.Logf("%q: accuracy %.3f, expected %.3f", prior, m.Accuracy.Value, m.Expected)
		return m.Expected - m.Accuracy.Value
	}
	if keep, data := gain("keep"), gain("data"); math.Abs(keep-data) > 1e-9 || keep <= 0 {
		t.Errorf("the gain of more rows is %.4f, and %.4f for the frequencies of the data", keep, data)
	}
}
