package measure

import "math"

// Temperature returns T > 0 for which softmax(logits/T) has the least negative
// log-likelihood (Guo et al., ICML 2017) of the rows and of one row more, of
// which nothing is known: its logits are those of any of the rows, and its
// label is any of the classes. Without that row there would be no best T where
// all rows are right by themselves, and one that trusts its luck where few are
// wrong (as in Platt, Advances in Large Margin Classifiers, 2000, §2.2).
//
// logits is n×c, labels are the classes of the n rows; a class that the model
// does not know has logit −∞, and rows of such a class do not count. Where a
// uniform distribution is best T is 10⁶; of rows whose logits are all equal it
// is 1.
func Temperature(logits []float64, labels []int, c int) float64 {
	return temperature(&Scores{Logits: logits, Labels: labels, Classes: c})
}

func temperature(scores *Scores) float64 {
	logits, labels, c := scores.Logits, scores.Labels, scores.Classes
	offset := scores.Offset
	if offset == nil {
		offset = make([]float64, c)
	}
	// The likelihood is concave in s = 1/T: find the zero of its slope, by
	// Newton steps inside a bracket that bisection keeps shrinking.
	const least, most = 1e-6, 1e9
	rows := 0
	for i, y := range labels {
		if !math.IsInf(logits[i*c+y], -1) {
			rows++
		}
	}
	unknown := 1 / float64(rows)              // of the row of which nothing is known
	slope := func(s float64) (g, h float64) { // Σ (E z − z_y) and Σ Var z
		for i, y := range labels {
			z := logits[i*c : (i+1)*c]
			if math.IsInf(z[y], -1) {
				continue
			}
			top, most := math.Inf(-1), math.Inf(-1)
			for k, v := range z {
				top, most = max(top, v), max(most, s*v+offset[k])
			}
			var sum, first, second float64 // of e^(s·z + offset), and times z−top, (z−top)²
			var any, known float64
			for k, v := range z {
				if u := v - top; !math.IsInf(u, -1) {
					e := math.Exp(s*v + offset[k] - most)
					sum += e
					first += e * u
					second += e * u * u
					any += u
					known++
				}
			}
			mean := first / sum
			g += mean - (z[y] - top) + unknown*(mean-any/known)
			h += (1 + unknown) * (second/sum - mean*mean)
		}
		return g, h
	}
	if g, _ := slope(most); g <= 0 {
		return 1
	}
	if g, _ := slope(least); g >= 0 {
		return 1 / least
	}
	low, high, s := least, most, 1.0
	for range 200 {
		g, h := slope(s)
		if g < 0 {
			low = s
		} else {
			high = s
		}
		next := s - g/h
		if !(next > low && next < high) {
			next = math.Sqrt(low * high)
		}
		if math.Abs(next-s) <= 1e-12*s {
			return 1 / next
		}
		s = next
	}
	return 1 / s
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
