package measure

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Paired compares the predictions a and b of the same rows. Estimates are of b
// less a, with their 95 % intervals.
type Paired struct {
	Rows int `json:"n"`
	// Accuracy is of the accuracies, LogLoss of the log-losses.
	Accuracy Estimate `json:"accuracy"`
	LogLoss  Estimate `json:"log_loss"`
	// Gained rows are right in b alone, Lost rows in a alone.
	Gained int `json:"gained"`
	Lost   int `json:"lost"`
	// P is that of McNemar's exact test: the probability that Gained and Lost
	// differ at least as much by chance. nil where rows belong together, which
	// the test does not allow.
	P *float64 `json:"p,omitempty"`
}

// Verdict is "better" or "worse" if the interval of the accuracies' difference
// is above or below 0, and else "unclear": nobody can tell from these rows.
func (p *Paired) Verdict() string {
	switch {
	case p.Accuracy.Low > 0:
		return "better"
	case p.Accuracy.High < 0:
		return "worse"
	}
	return "unclear"
}

// Difference estimates by how much the accuracy of b is above that of a; see
// Compare.
func Difference(a, b []Outcome, s *Settings) (*Estimate, error) {
	p, err := Compare(a, b, s)
	if err != nil {
		return nil, err
	}
	return &p.Accuracy, nil
}

// Compare compares predictions of the same rows in the same order. The interval
// of the accuracies' difference is that of Agresti and Min (Statistics in
// Medicine 24:729, 2005), which half a row more of each of the four outcomes
// keeps from being empty where both are right and wrong together. Where rows
// belong together, and for the log-loss, it is that of the paired bootstrap: a
// row, or a unit of s.Units, is drawn with both of its predictions (Efron and
// Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13). Of s,
// which may be nil, Seed, Resamples, Threads and Units count.
func Compare(a, b []Outcome, s *Settings) (*Paired, error) {
	if s == nil {
		s = new(Settings)
	}
	switch {
	case len(a) == 0:
		return nil, errors.New("measure: no rows to compare")
	case len(a) != len(b) || s.Units != nil && len(s.Units) != len(a):
		return nil, fmt.Errorf("measure: %d and %d predictions to compare, of %d units", len(a), len(b), len(s.Units))
	}
	n := len(a)
	p := &Paired{Rows: n}
	r := newResampler(n, &Settings{Units: s.Units, Resamples: s.Resamples, Seed: s.Seed, Threads: s.Threads})
	type sum struct{ right, loss, rows float64 }
	units := make([]sum, r.units)
	for i := range a {
		if a[i].Label != b[i].Label {
			return nil, fmt.Errorf("measure: row %d has two labels in what is compared", i)
		}
		before, after := a[i].Predicted == a[i].Label, b[i].Predicted == b[i].Label
		u := &units[r.unitOf(i)]
		u.rows++
		u.loss += b[i].loss - a[i].loss
		switch {
		case after && !before:
			p.Gained++
			u.right++
		case before && !after:
			p.Lost++
			u.right--
		}
	}
	mean := func(drawn []uint32) (right, loss float64) {
		var total sum
		for i, u := range units {
			times := float64(drawn[i])
			total.right += times * u.right
			total.loss += float64(times * u.loss)
			total.rows += times * u.rows
		}
		return total.right / total.rows, total.loss / total.rows
	}
	p.Accuracy.Value, p.LogLoss.Value = mean(slices.Repeat([]uint32{1}, len(units)))
	right, loss := make([]float64, r.resamples()), make([]float64, r.resamples())
	r.each(func(_, b int, drawn []uint32) { right[b], loss[b] = mean(drawn) })
	stretch := r.spreadOf(0, stat.Variance(right, nil), n).stretch
	for _, e := range []struct {
		*Estimate
		values []float64
	}{{&p.Accuracy, right}, {&p.LogLoss, loss}} {
		low, high := interval(e.values)
		e.Low, e.High = e.Value-stretch*(e.Value-low), e.Value+stretch*(high-e.Value)
	}
	if s.Units == nil {
		p.Accuracy.Low, p.Accuracy.High = agrestiMin(p.Gained, p.Lost, n)
		p.P = new(mcNemar(p.Gained, p.Lost))
	}
	return p, nil
}

// agrestiMin is the 95 % interval of the difference of two shares of the same n
// rows, of which some are in one share alone.
func agrestiMin(gained, lost, n int) (low, high float64) {
	b, c, rows := float64(gained)+0.5, float64(lost)+0.5, float64(n)+2
	mid := (b - c) / rows
	half := normal975 * math.Sqrt(b+c-(b-c)*(b-c)/rows) / rows
	return max(-1, mid-half), min(1, mid+half)
}

// mcNemar is the two-sided probability of gained and lost where both are
// equally likely (McNemar, Psychometrika 12:153, 1947).
func mcNemar(gained, lost int) float64 {
	n := gained + lost
	if n == 0 {
		return 1
	}
	return min(1, 2*distuv.Binomial{N: float64(n), P: 0.5}.CDF(float64(min(gained, lost))))
}
