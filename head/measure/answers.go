package measure

import (
	"cmp"
	"math"
	"slices"
)

// Never is a threshold that no probability reaches.
const Never = 2

// RejectBelow returns the least probability from which on predictions are right
// as often as wanted, 0 if all are. One row more of which nothing is known
// counts as wrong, so that a few lucky ones prove nothing. Where no probability
// is high enough it is Never.
func RejectBelow(outcomes []Outcome, wanted float64) float64 {
	o := slices.Clone(outcomes)
	slices.SortFunc(o, func(a, b Outcome) int { return cmp.Compare(b.Confidence, a.Confidence) })
	best := -1
	right := 0
	for i := range o {
		if o[i].Label == o[i].Predicted {
			right++
		}
		if last := i+1 == len(o) || o[i+1].Confidence < o[i].Confidence; last && float64(right) >= wanted*float64(i+2) {
			best = i
		}
	}
	switch {
	case best < 0:
		return Never
	case best+1 == len(o):
		return 0
	}
	return (o[best].Confidence + o[best+1].Confidence) / 2
}

// PrecisionThresholds returns, for each of that many classes, the RejectBelow
// of the rows that are predicted as it.
func PrecisionThresholds(outcomes []Outcome, classes int, wanted float64) []float64 {
	of := make([][]Outcome, classes)
	for _, o := range outcomes {
		of[o.Predicted] = append(of[o.Predicted], o)
	}
	t := make([]float64, classes)
	for k := range t {
		t[k] = RejectBelow(of[k], wanted)
	}
	return t
}

// RecallThresholds returns, for each of that many classes, the greatest
// probability that leaves the wanted share of its rows answered rightly; 0
// where not so many are, whatever the probability, and for a class without
// rows.
func RecallThresholds(outcomes []Outcome, classes int, wanted float64) []float64 {
	all, right := make([][]float64, classes), make([][]float64, classes) // probabilities
	support := make([]int, classes)
	for _, o := range outcomes {
		support[o.Label]++
		all[o.Predicted] = append(all[o.Predicted], o.Confidence)
		if o.Label == o.Predicted {
			right[o.Label] = append(right[o.Label], o.Confidence)
		}
	}
	t := make([]float64, classes)
	for k := range t {
		slices.Sort(right[k])
		slices.Sort(all[k])
		needed := int(math.Ceil(wanted*float64(support[k]) - 1e-9))
		if needed == 0 || needed > len(right[k]) {
			continue
		}
		least := right[k][len(right[k])-needed]
		if i, _ := slices.BinarySearch(all[k], least); i > 0 {
			t[k] = (least + all[k][i-1]) / 2
		}
	}
	return t
}

// Answers tells what a head that may be unsure answers.
type Answers struct {
	Rows   int `json:"n"`
	Unsure int `json:"unsure"`
	// Answered is the share of rows that are answered, Accuracy that of them
	// that are right; where none is answered Accuracy is 0.
	Answered Estimate `json:"answered"`
	Accuracy Estimate `json:"accuracy"`
	// PerClass holds a line a class: of the answers that it is, how many are
	// right, and how many of its rows are answered rightly.
	PerClass []ClassAnswers `json:"per_class"`
}

// ClassAnswers is of one class; a ratio without a denominator is 0.
type ClassAnswers struct {
	Class     string  `json:"class"`
	Answered  int     `json:"answered"` // rows
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
}

// AnswersOf returns those of outcomes, of which some are unsure. The settings
// are those of Evaluate, for the intervals.
func AnswersOf(outcomes []Outcome, unsure []bool, classes []string, s *Settings) *Answers {
	if s == nil {
		s = new(Settings)
	}
	a := &Answers{Rows: len(outcomes)}
	answered, right, support := make([]int, len(classes)), make([]int, len(classes)), make([]int, len(classes))
	given, correct, every := make([]float64, len(outcomes)), make([]float64, len(outcomes)), make([]float64, len(outcomes))
	for i, o := range outcomes {
		every[i] = 1
		support[o.Label]++
		if unsure[i] {
			a.Unsure++
			continue
		}
		given[i] = 1
		answered[o.Predicted]++
		if o.Predicted == o.Label {
			correct[i] = 1
			right[o.Label]++
		}
	}
	r := newResampler(len(outcomes), s)
	a.Answered, a.Accuracy = r.share(given, every), r.share(correct, given)
	for k, name := range classes {
		a.PerClass = append(a.PerClass, ClassAnswers{name, answered[k], ratio(right[k], answered[k]), ratio(right[k], support[k])})
	}
	return a
}

// share is that of rows that have something, 0 or 1 each, among those that are
// counted, with the interval of an accuracy.
func (r *resampler) share(has, counted []float64) Estimate {
	type sum struct{ has, counted float64 }
	units := make([]sum, r.units)
	var total sum
	for i := range has {
		u := &units[r.unitOf(i)]
		u.has, u.counted = u.has+has[i], u.counted+counted[i]
		total.has, total.counted = total.has+has[i], total.counted+counted[i]
	}
	if total.counted == 0 {
		return Estimate{High: 1}
	}
	e := Estimate{Value: total.has / total.counted}
	variance := 0.0 // of the ratio, by its linear part (Cochran, Sampling Techniques, 3rd ed., §6.3)
	for _, u := range units {
		d := (u.has - e.Value*u.counted) / total.counted
		variance += d * d
	}
	s := r.spreadOf(e.Value, variance, int(total.counted))
	e.Low, e.High = wilson(e.Value, s.rows, s.z)
	return e
}
