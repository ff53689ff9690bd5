package measure

import (
	"math/rand/v2"
	"testing"
)

// sure returns the outcome of a row of a class that is predicted as another
// with a probability.
func sure(label, predicted int, p float64) Outcome {
	probabilities := make([]float64, 3)
	for k := range probabilities {
		probabilities[k] = (1 - p) / 2
	}
	probabilities[predicted] = p
	return NewOutcome(probabilities, label)
}

// TestThresholdsByHand: thresholds that can be found on paper lie between two
// probabilities.
func TestThresholdsByHand(t *testing.T) {
	var rows []Outcome
	for i := range 9 {
		rows = append(rows, sure(0, 0, 0.9+0.01*float64(i))) // right, 0.90 to 0.98
	}
	rows = append(rows, sure(1, 0, 0.8), sure(0, 0, 0.7), sure(1, 0, 0.6), sure(1, 1, 0.75), sure(1, 1, 0.65))
	// Of class 0, 9 of 9 rows and one unknown are 0.9; 10 of 11 and it 0.83.
	for wanted, want := range map[float64]float64{0.9: 0.85, 0.95: Never, 0.83: 0.65, 0.5: 0} {
		near(t, "precision", PrecisionThresholds(rows, 3, wanted)[0], want, 1e-9)
	}
	if p := PrecisionThresholds(rows, 3, 0.66); p[1] != 0 || p[2] != Never {
		t.Errorf("class 1 has 2 of 2 rows, class 2 none: %v", p)
	}
	near(t, "reject", RejectBelow(rows, 0.9), 0.85, 1e-9)
	near(t, "reject", RejectBelow(rows, 0.85), 0.625, 1e-9) // 12 of 13 rows and one unknown are 0.857, 12 of 14 and it 0.8
	if r := RejectBelow(rows, 0.8); r != 0 {
		t.Errorf("12 of 15: %v", r)
	}
	// Of the 10 rows of class 0, 5 are right from 0.94 on, 10 from 0.7 on.
	for wanted, want := range map[float64]float64{0.5: 0.935, 1: 0.65, 0.41: 0.935} {
		near(t, "recall", RecallThresholds(rows, 3, wanted)[0], want, 1e-9)
	}
	if r := RecallThresholds(rows, 3, 0.9); r[1] != 0 || r[2] != 0 {
		t.Errorf("class 1 is right in 2 of 4 rows, class 2 has none: %v", r)
	}
	if r := RejectBelow(nil, 0.5); r != Never {
		t.Errorf("of no rows %v", r)
	}
}

// TestThresholdsHold: on other rows of the same kind what was wanted is had,
// within chance.
func TestThresholdsHold(t *testing.T) {
	draw := func(seed uint64) []Outcome {
		random := rand.New(rand.NewPCG(seed, 7))
		var rows []Outcome
		for range 4000 {
			p := 0.4 + 0.6*random.Float64()
			label, predicted := random.IntN(3), 0
			if predicted = label; random.Float64() > p {
				predicted = (label + 1 + random.IntN(2)) % 3
			}
			rows = append(rows, sure(label, predicted, p))
		}
		return rows
	}
	fitted, fresh := draw(1), draw(2)
	answered := func(t []float64, reject float64) *Answers {
		unsure := make([]bool, len(fresh))
		for i, o := range fresh {
			unsure[i] = o.Confidence < max(reject, t[o.Predicted])
		}
		return AnswersOf(fresh, unsure, []string{"a", "b", "c"}, nil)
	}
	none := make([]float64, 3)
	a := answered(none, RejectBelow(fitted, 0.9))
	if a.Accuracy.Value < 0.88 || a.Accuracy.Low > 0.9 || a.Accuracy.High < 0.9 || a.Answered.Value < 0.25 || a.Answered.Value > 0.4 || a.Rows != 4000 {
		t.Errorf("reject: %+v", a)
	}
	if float64(a.Rows-a.Unsure) != a.Answered.Value*4000 {
		t.Errorf("%d unsure, %v answered", a.Unsure, a.Answered)
	}
	for _, c := range answered(PrecisionThresholds(fitted, 3, 0.85), 0).PerClass {
		if c.Precision < 0.82 || c.Precision > 0.88 || c.Answered < 300 {
			t.Errorf("precision: %+v", c)
		}
	}
	for _, c := range answered(RecallThresholds(fitted, 3, 0.5), 0).PerClass {
		if c.Recall < 0.45 || c.Recall > 0.55 || c.Precision < 0.75 {
			t.Errorf("recall: %+v", c)
		}
	}
	if a := answered(none, Never); a.Unsure != 4000 || a.Accuracy != (Estimate{High: 1}) || a.Answered.Value != 0 || a.PerClass[0].Precision != 0 {
		t.Errorf("nothing answered: %+v", a)
	}
	// Rows that go together leave more open.
	units := make([]string, len(fresh))
	for i := range units {
		units[i] = string(rune('a' + i%20))
	}
	unsure := make([]bool, len(fresh))
	if a := AnswersOf(fresh, unsure, []string{"a", "b", "c"}, &Settings{Units: units}); a.Accuracy.High-a.Accuracy.Low <= 0 || a.Accuracy.Low > a.Accuracy.Value || a.Accuracy.High < a.Accuracy.Value {
		t.Errorf("by units %+v", a.Accuracy)
	}
}
