package measure

import (
	"math"
	"testing"
)

// The interval of a mean is that of its standard error, and wider where rows
// that are alike are drawn together.
func TestMean(t *testing.T) {
	const n = 400
	values, units := make([]float64, n), make([]string, n)
	sum, squares := 0.0, 0.0
	for i := range values {
		units[i] = string(rune('a' + i/20))
		values[i] = math.Sin(float64(i*i)) + math.Cos(float64(i/20)*2)
		sum += values[i]
	}
	for _, v := range values {
		squares += (v - sum/n) * (v - sum/n)
	}
	e, err := Mean(values, nil)
	if err != nil {
		t.Fatal(err)
	}
	if half := 1.96 * math.Sqrt(squares/(n-1)/n); math.Abs(e.Value-sum/n) > 1e-12 || math.Abs((e.High-e.Low)/2-half) > 0.1*half || e.Low >= e.Value || e.High <= e.Value {
		t.Errorf("%+v, not %g ± %g", e, sum/n, half)
	}
	together, err := Mean(values, &Settings{Units: units})
	if err != nil || together.Value != e.Value || together.High-together.Low < 2*(e.High-e.Low) {
		t.Errorf("%+v together, %+v apart: %v", together, e, err)
	}
	if _, err := Mean(nil, nil); err == nil {
		t.Error("no values have a mean")
	}
	if _, err := Mean(values, &Settings{Units: units[:3]}); err == nil {
		t.Error("three units are those of all values")
	}
}
