package measure

import (
	"math/rand/v2"
	"testing"
)

// predictedAs is the outcome of a row of class 0 that is predicted right or
// wrong.
func predictedAs(right bool) Outcome {
	if right {
		return NewOutcome([]float64{0.9, 0.1}, 0)
	}
	return NewOutcome([]float64{0.1, 0.9}, 0)
}

func TestDifferenceIsPaired(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var a, b []Outcome
	gained := 0
	for range 2000 {
		right := random.IntN(2) == 0
		better := right || random.IntN(10) == 0
		if better && !right {
			gained++
		}
		a, b = append(a, predictedAs(right)), append(b, predictedAs(better))
	}
	d, err := Difference(a, b, &Settings{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if want := float64(gained) / 2000; d.Value != want || !(d.Low > 0.035 && d.Low < want && d.High > want && d.High < 0.07) {
		t.Errorf("%+v of %v", d, want)
	}
	// Two figures with intervals of their own would overlap: ±0.022 each.
	if back, err := Difference(b, a, &Settings{Seed: 3}); err != nil || back.Value != -d.Value || back.Low != -d.High && back.Low > 0 {
		t.Errorf("turned round %+v, %v", back, err)
	}
	if again, _ := Difference(a, b, &Settings{Seed: 3}); *again != *d {
		t.Errorf("with the same seed %+v and %+v", d, again)
	}
	if same, err := Difference(a, a, nil); err != nil || *same != (Estimate{}) {
		t.Errorf("of a prediction with itself %+v, %v", same, err)
	}
	// Rows that are all one unit say nothing of others.
	whole := make([]string, len(a))
	if d, err := Difference(a, b, &Settings{Units: whole}); err != nil || d.Low != d.Value || d.High != d.Value {
		t.Errorf("of one unit %+v, %v", d, err)
	}
	units := make([]string, len(a))
	for i := range units {
		units[i] = string(rune('a' + i/100))
	}
	wide, err := Difference(a, b, &Settings{Units: units})
	if err != nil || wide.Value != d.Value {
		t.Errorf("by units %+v, %v", wide, err)
	}
	for what, c := range map[string][2][]Outcome{
		"no rows":     {nil, nil},
		"other rows":  {a, b[:10]},
		"two classes": {{predictedAs(true)}, {NewOutcome([]float64{0.9, 0.1}, 1)}},
	} {
		if _, err := Difference(c[0], c[1], nil); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if _, err := Difference(a, b, &Settings{Units: units[:3]}); err == nil {
		t.Error("three units of 2,000 rows: no error")
	}
}
