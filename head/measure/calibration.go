package measure

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Temperature returns T > 0 for which softmax(logits/T) makes n rows the most
// likely (Guo et al., ICML 2017), with three additions that keep it from
// trusting its luck where rows are few, and vanish where they are many:
//
//   - One row more, of which nothing is known: its logits are those of any of
//     the rows, and its label is any of the classes. Without it there would be
//     no best T where all rows are right (as in Platt, Advances in Large Margin
//     Classifiers, 2000, §2.2).
//   - A row is like none of the others with the probability 1/(n+1), and has
//     then any label (Copas, JRSS B 50:225, 1988). Features that barely vary
//     among the few rows of a fold, and do among those it holds out, make some
//     logits huge; without this, a few wrong ones decide on T.
//   - The spread of logits/T, which is the median over the rows of their
//     standard deviation over the classes, is expected to be small: half its
//     square is added, as where it is normal with deviation 1.
//
// logits is n×c, labels are the classes of the n rows; a class that the model
// does not know has logit −∞, and rows of such a class do not count. Where a
// uniform distribution is best, T leaves a spread of e⁻⁸. Of no rows, and of
// rows whose logits are all equal, T is 1.
func Temperature(logits []float64, labels []int, c int) float64 {
	return temperature(&Scores{Logits: logits, Labels: labels, Classes: c})
}

// searchRows is how many rows, spread evenly, the search begins with.
const searchRows = 1000

func temperature(scores *Scores) float64 {
	t := newTempering(scores)
	if t == nil {
		return 1
	}
	// The objective may have several minima: a coarse grid of x = ln 1/T finds
	// the best one, and its slope is then followed to 0 on all rows.
	const step = 0.5
	few := max(1, len(scores.Labels)/searchRows)
	least := -8 - t.spread // of x
	at, best := least, math.Inf(1)
	for k := range 33 {
		x := least + float64(k)*step
		if v, _ := t.at(x, few); v < best {
			at, best = x, v
		}
	}
	low, high := at, at
	_, slope := t.at(at, 1)
	before, after := slope, slope
	for before >= 0 {
		if low <= least {
			return math.Exp(-least)
		}
		high, after = low, before
		low -= step
		_, before = t.at(low, 1)
	}
	for after < 0 {
		low, before = high, after
		high += step
		_, after = t.at(high, 1)
	}
	// Regula falsi, by the Illinois rule.
	x := low
	for range 100 {
		last := x
		if x = high - after*(high-low)/(after-before); !(x > low && x < high) {
			x = (low + high) / 2
		}
		_, slope := t.at(x, 1)
		if slope == 0 || math.Abs(x-last) <= 1e-12 {
			break
		}
		if slope < 0 {
			if low == last {
				after /= 2
			}
			low, before = x, slope
		} else {
			if high == last {
				before /= 2
			}
			high, after = x, slope
		}
	}
	return math.Exp(-x)
}

// tempering is the objective of a temperature.
type tempering struct {
	*Scores
	offset  []float64
	unknown float64 // 1/n, the weight of the row of which nothing is known
	odd     float64 // 1/(n+1), the probability of a row like no other
	spread  float64 // ln of that of the logits
}

// newTempering returns nil if no temperature is better than another.
func newTempering(s *Scores) *tempering {
	t := &tempering{Scores: s, offset: s.Offset}
	if t.offset == nil {
		t.offset = make([]float64, s.Classes)
	}
	var spreads, row []float64
	for i, y := range s.Labels {
		if !s.known(i, y) {
			continue
		}
		row = row[:0]
		for _, v := range s.Logits[i*s.Classes : (i+1)*s.Classes] {
			if !math.IsInf(v, -1) {
				row = append(row, v)
			}
		}
		spreads = append(spreads, math.Sqrt(stat.PopVariance(row, nil)))
	}
	if len(spreads) == 0 {
		return nil
	}
	slices.Sort(spreads)
	spread := spreads[len(spreads)/2]
	if spread == 0 { // of most rows
		spread = stat.Mean(spreads, nil)
	}
	if spread == 0 {
		return nil
	}
	n := float64(len(spreads))
	t.unknown, t.odd, t.spread = 1/n, 1/(n+1), math.Log(spread)
	return t
}

// at returns the objective and its slope at x = ln 1/T, by every few-th row.
func (t *tempering) at(x float64, few int) (value, slope float64) {
	s, c := math.Exp(x), t.Classes
	for i := 0; i < len(t.Labels); i += few {
		y := t.Labels[i]
		if !t.known(i, y) {
			continue
		}
		z := t.Logits[i*c : (i+1)*c]
		top, most := math.Inf(-1), math.Inf(-1)
		for k, v := range z {
			top, most = max(top, v), max(most, s*v+t.offset[k])
		}
		var sum, first float64 // of e^(s·z + offset), and times z−top
		var any, shift, known float64
		for k, v := range z {
			if u := v - top; !math.IsInf(u, -1) {
				e := math.Exp(s*v + t.offset[k] - most)
				sum += e
				first += e * u
				any += u
				shift += t.offset[k]
				known++
			}
		}
		mean, all := first/sum, most+math.Log(sum)
		p := (1 - t.odd) * math.Exp(s*z[y]+t.offset[y]-all)
		likely := p + t.odd/known
		value -= math.Log(likely) + t.unknown*((s*(any+known*top)+shift)/known-all)
		slope += p/likely*(mean-(z[y]-top)) + t.unknown*(mean-any/known)
	}
	times, spread := float64(few), math.Exp(2*(x+t.spread))
	return times*value + spread/2, times*s*slope + spread
}

// Calibration tells what a temperature did to probabilities.
type Calibration struct {
	Temperature float64 `json:"temperature"`
	// Method is "temperature", or "vector" where each class has a scale and a
	// shift of its own, too; "" in files of earlier versions means temperature.
	Method string `json:"method,omitempty"`
	// Scale and Shift are those of vector scaling, by class; nil without.
	Scale []float64 `json:"scale,omitempty"`
	Shift []float64 `json:"shift,omitempty"`
	// Fitted says which logits the temperature was fitted on: "validation" or
	// "out-of-fold".
	Fitted string `json:"fitted"`
	// Measured says which predictions Before and After were measured on: "cv"
	// or "test", rows that the temperature has not seen, or else what Fitted
	// says.
	Measured string `json:"measured"`
	// Before is with temperature 1, After with what was fitted.
	Before CalibrationError `json:"before"`
	After  CalibrationError `json:"after"`
}

// CalibrationError holds the metrics that a temperature changes.
type CalibrationError struct {
	LogLoss float64 `json:"log_loss"`
	ECE     float64 `json:"ece"`
	Brier   float64 `json:"brier"`
}

// CalibrationErrorOf returns that of outcomes of that many classes.
func CalibrationErrorOf(outcomes []Outcome, classes int) CalibrationError {
	v := ValuesOf(outcomes, classes)
	return CalibrationError{LogLoss: v.LogLoss, ECE: v.ECE, Brier: v.Brier}
}
