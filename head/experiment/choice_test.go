package experiment

import (
	"math"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/head/measure"
)

// validated is a result whose validation rows are right or wrong as a string of
// 1 and 0 says.
func validated(right string, units []int) *Result {
	r := &Result{Classes: []string{"a", "b"}, Validated: &Predictions{Part: "validation", Units: units}}
	for i, c := range right {
		p := []float64{0.9, 0.1}
		if c == '0' {
			p = []float64{0.1, 0.9}
		}
		r.Validated.Rows = append(r.Validated.Rows, 10+i)
		r.Validated.Outcomes = append(r.Validated.Outcomes, measure.NewOutcome(p, 0))
	}
	return r
}

// The simplest model that is behind the best by at most one standard error of
// the paired difference is chosen, by unit where rows are of units.
func TestChoose(t *testing.T) {
	// Four groups of five: two are easy and two are hard for every model, so
	// that the standard error of an accuracy by group is 0.25 and more; the
	// second model is right in one row more of each.
	groups := []int{0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3}
	for _, c := range []struct {
		name  string
		units []int
		right []string
		want  int
	}{
		{"one", nil, []string{"0110"}, 0},
		{"as good", nil, []string{"01100", "11000"}, 0},
		{"one row of many more", nil, []string{"0111111111", "1111111111"}, 0},
		{"as many gained as lost, but one", nil, []string{"0001111110", "1110000111"}, 0},
		{"many gained and none lost", nil, []string{"0000111111", "1111111111"}, 1},
		{"the simplest of those that are near", nil, []string{"0000111111", "0111111111", "1011111111", "1111111111"}, 1},
		{"the first of several best ones", nil, []string{"0000000000", "1111111111", "1111111111"}, 1},
		{"better in each group", groups, []string{"11110" + "11101" + "00000" + "00000", "11111" + "11111" + "10000" + "00001"}, 1},
		{"better in one group alone", groups, []string{"00000" + "11111" + "11111" + "00000", "11111" + "11111" + "11111" + "00000"}, 0},
		{"the same rows by themselves", nil, []string{"00000" + "11111" + "11111" + "00000", "11111" + "11111" + "11111" + "00000"}, 1},
		{"one group says nothing", make([]int, 8), []string{"00000000", "11111111"}, 0},
	} {
		var results []*Result
		for _, r := range c.right {
			results = append(results, validated(r, c.units))
		}
		have, behind, err := Choose("accuracy", results)
		if err != nil || have != c.want || len(behind) != len(results) {
			t.Errorf("%s: %d, want %d, behind %v, %v", c.name, have, c.want, behind, err)
		}
	}
	_, behind, _ := Choose("accuracy", []*Result{validated("0000111111", nil), validated("1111111111", nil)})
	want := measure.Gain{Value: 0.4, SE: math.Sqrt(0.24 / 9)}
	if math.Abs(behind[0].Value-want.Value) > 1e-12 || math.Abs(behind[0].SE-want.SE) > 1e-12 || behind[1] != (measure.Gain{}) {
		t.Errorf("behind %v, want %v and nothing", behind, want)
	}

	other := validated("0110", nil)
	other.Validated.Rows[1]++
	for name, results := range map[string][]*Result{
		"nothing": nil, "not validated": {validated("01", nil), {}}, "no outcomes": {{Validated: &Predictions{}}}, "other rows": {validated("0110", nil), other},
	} {
		if _, _, err := Choose("accuracy", results); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, _, err := Choose("r2", []*Result{validated("01", nil)}); err == nil {
		t.Error("an unknown metric is taken")
	}
}

// What Choose compares are the calibrated predictions of the validation rows,
// with the units that stay together.
func TestValidated(t *testing.T) {
	d := grouped(300)
	for _, by := range []string{"none", "group"} {
		r := train(t, d, &Settings{L2: 0.1, By: by, Split: &Split{Train: 0.5, Validation: 0.25, Test: 0.25}, NoRefit: true})
		v := r.Validated
		if v == nil || v.Part != "validation" || !slices.Equal(v.Rows, r.Parts.Validation) || (v.Units == nil) != (by == "none") {
			t.Fatalf("%s: %+v", by, v)
		}
		if m := measure.ValuesOf(v.Outcomes, len(r.Classes)); m.Accuracy != r.Metrics.Validation.Accuracy.Value || math.Abs(m.LogLoss-r.Metrics.Validation.LogLoss.Value) > 1e-12 {
			t.Errorf("%s: %+v, measured %+v", by, m, r.Metrics.Validation)
		}
	}
}
