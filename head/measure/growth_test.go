package measure

import (
	"fmt"
	"testing"
)

// Units that are all as accurate do not vary, whatever rounding makes of it.
func TestGrowthOfEqualUnits(t *testing.T) {
	for hits := range 11 { // of the ten rows of a unit
		var outcomes []Outcome
		s := &Settings{Folds: 5, Growth: &Growth{Ahead: 0.7}}
		for unit := range 5 {
			for i := range 10 {
				o := Outcome{Label: 0, Predicted: 1, Confidence: 0.6}
				if i < hits {
					o.Predicted = 0
				}
				outcomes, s.Units = append(outcomes, o), append(s.Units, fmt.Sprint(unit))
				s.Growth.Gain = append(s.Growth.Gain, float64(unit)/4)
			}
		}
		if _, times := s.Growth.step(outcomes, newResampler(len(outcomes), s)); times != 1 {
			t.Errorf("%d of 10: the variance is taken times %v", hits, times)
		}
	}
}
