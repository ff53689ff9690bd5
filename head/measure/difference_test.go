package measure

import (
	"math"
	"math/rand/v2"
	"strconv"
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
	// Half a row of each outcome more keeps the interval from being empty.
	if same, err := Difference(a, a, nil); err != nil || same.Value != 0 || same.Low != -same.High || !(same.High > 0.0005 && same.High < 0.002) {
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

// TestCompare: what the paired test says of few rows and of many.
func TestCompare(t *testing.T) {
	pair := func(both, gained, lost, neither int) (a, b []Outcome) {
		for k, n := range []int{both, gained, lost, neither} {
			for range n {
				a, b = append(a, predictedAs(k == 0 || k == 2)), append(b, predictedAs(k < 2))
			}
		}
		return a, b
	}
	for _, c := range []struct {
		both, gained, lost, neither int
		p                           float64 // 2·P(Binomial(gained + lost, ½) ≤ the lesser)
		verdict                     string
	}{
		{90, 4, 0, 6, 0.125, "unclear"}, {80, 8, 0, 12, 0.0078125, "better"}, {80, 0, 8, 12, 0.0078125, "worse"},
		{100, 0, 0, 0, 1, "unclear"}, {50, 5, 5, 0, 1, "unclear"}, {800, 60, 30, 110, 0.002053, "better"},
	} {
		a, b := pair(c.both, c.gained, c.lost, c.neither)
		got, err := Compare(a, b, &Settings{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		n := len(a)
		near(t, "difference", got.Accuracy.Value, float64(c.gained-c.lost)/float64(n), 1e-12)
		near(t, "log-loss", got.LogLoss.Value, float64(c.lost-c.gained)/float64(n)*math.Log(9), 1e-12)
		near(t, "p", *got.P, c.p, 1e-3)
		if got.Verdict() != c.verdict || got.Gained != c.gained || got.Lost != c.lost || got.Rows != n {
			t.Errorf("%+v: %s %+v", c, got.Verdict(), got)
		}
		if !(got.LogLoss.Low <= got.LogLoss.Value && got.LogLoss.Value <= got.LogLoss.High) {
			t.Errorf("%+v: log-loss %+v", c, got.LogLoss)
		}
		// Ten rows that go together say as much as one, and have no exact test.
		var units []string
		var tenA, tenB []Outcome
		for i := range a {
			for range 10 {
				tenA, tenB, units = append(tenA, a[i]), append(tenB, b[i]), append(units, strconv.Itoa(i))
			}
		}
		grouped, err := Compare(tenA, tenB, &Settings{Seed: 1, Units: units})
		if err != nil || grouped.P != nil {
			t.Fatalf("%+v: %v", grouped, err)
		}
		alone, _ := Compare(tenA, tenB, nil)
		if wide, narrow := grouped.Accuracy.High-grouped.Accuracy.Low, alone.Accuracy.High-alone.Accuracy.Low; c.gained+c.lost > 4 && wide < 2.5*narrow {
			t.Errorf("%+v: %.4f by units, %.4f without", c, wide, narrow)
		}
	}
}
