package measure

import (
	"math"
	"math/rand/v2"
	"testing"
)

// predictions returns outcomes of n rows of three classes by two models of
// which the second is right more often, and mostly where the first one is.
func predictions(rng *rand.Rand, n int) (a, b []Outcome) {
	p := make([]float64, 3)
	for range n {
		label := rng.IntN(4) % 3
		shared := rng.Float64()
		for m, right := range []float64{0.6, 0.75} {
			own := shared
			if rng.Float64() < 0.3 {
				own = rng.Float64()
			}
			best := label
			if own > right {
				best = (label + 1 + rng.IntN(2)) % 3
			}
			sure := 0.4 + 0.5*rng.Float64()
			for k := range p {
				p[k] = (1 - sure) / 2
			}
			p[best] = sure
			if m == 0 {
				a = append(a, NewOutcome(p, label))
			} else {
				b = append(b, NewOutcome(p, label))
			}
		}
	}
	return a, b
}

// The gain is the difference of the metrics, and its standard error the
// deviation that it has over fresh rows.
func TestGain(t *testing.T) {
	const n, draws = 400, 600
	rng := rand.New(rand.NewPCG(3, 1))
	for _, metric := range ScoreNames {
		var sum, square, errors float64
		for range draws {
			a, b := predictions(rng, n)
			g, err := GainOf(metric, a, b, 3, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := ValuesOf(b, 3).Of(metric) - ValuesOf(a, 3).Of(metric)
			if metric == "log-loss" {
				want = -want
			}
			if math.Abs(g.Value-want) > 1e-12 {
				t.Fatalf("%s: %v, the metrics differ by %v", metric, g.Value, want)
			}
			sum += g.Value
			square += g.Value * g.Value
			errors += g.SE
		}
		deviation := math.Sqrt(square/draws - sum*sum/draws/draws)
		if ratio := errors / draws / deviation; ratio < 0.9 || ratio > 1.1 {
			t.Errorf("%s: the standard error is %.3f of the deviation", metric, ratio)
		}
	}
}

// Rows that belong together count as one: each given twice, the standard error
// is that of half as many.
func TestGainOfUnits(t *testing.T) {
	a, b := predictions(rand.New(rand.NewPCG(5, 1)), 300)
	var units []int
	var twiceA, twiceB []Outcome
	for i := range a {
		units = append(units, i, i)
		twiceA, twiceB = append(twiceA, a[i], a[i]), append(twiceB, b[i], b[i])
	}
	for _, metric := range ScoreNames {
		one, _ := GainOf(metric, a, b, 3, nil)
		two, err := GainOf(metric, twiceA, twiceB, 3, units)
		if err != nil || math.Abs(one.Value-two.Value) > 1e-12 || math.Abs(one.SE-two.SE) > 1e-12 {
			t.Errorf("%s: %v, and %v of double rows: %v", metric, one, two, err)
		}
		if same, _ := GainOf(metric, a, a, 3, nil); same != (Gain{}) {
			t.Errorf("%s: of the same predictions %v", metric, same)
		}
	}
	for name, call := range map[string]func() (Gain, error){
		"none":   func() (Gain, error) { return GainOf("accuracy", nil, nil, 3, nil) },
		"other":  func() (Gain, error) { return GainOf("accuracy", a, b[1:], 3, nil) },
		"units":  func() (Gain, error) { return GainOf("accuracy", a, b, 3, units[1:]) },
		"metric": func() (Gain, error) { return GainOf("r2", a, b, 3, nil) },
		"labels": func() (Gain, error) {
			c := append([]Outcome(nil), b...)
			c[0].Label = (c[0].Label + 1) % 3
			return GainOf("accuracy", a, c, 3, nil)
		},
	} {
		if _, err := call(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
