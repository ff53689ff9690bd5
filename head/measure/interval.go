package measure

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// normal975 is the 0.975 quantile of the normal distribution.
const normal975 = 1.959963984540054

// Wilson returns the 95 % score interval of a share of k in n (Wilson, JASA
// 22:158, 1927).
func Wilson(k, n int) (low, high float64) {
	return wilson(float64(k)/float64(n), float64(n), normal975)
}

// wilson returns the interval of a share in n rows, which need not be a whole
// number, at the quantile z.
func wilson(share, n, z float64) (low, high float64) {
	mid := (share + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(share*(1-share)/n+z*z/(4*n*n))
	low, high = max(0, mid-half), min(1, mid+half)
	if share == 0 {
		low = 0 // exactly, whatever the rounding
	}
	if share == 1 {
		high = 1
	}
	return low, high
}

// refitRows is what the choice of the training rows adds to the variance of a
// cross-validated accuracy, as a share of the variance that comes of the tested
// rows, times their number: all folds learn from nearly the same rows, so that
// what these happen to be does not average out (Bates, Hastie and Tibshirani,
// JASA 119:1434, 2024). It is a share over n, since the error that is left to
// learn falls as 1/n, and its variance with the square. The number was measured
// on simulated sets (TestCoverage and BenchmarkCoverage of head/experiment):
// without it an interval of 95 % holds the accuracy to be expected in 88 to
// 91 % of sets of 100 rows.
const refitRows = 50

// spread is by how much the deviations of resamples are stretched, and Wilson's
// interval is taken for how many rows, at which quantile.
type spread struct{ stretch, rows, z float64 }

// spreadOf returns that of metrics whose accuracy has a variance over
// resamples of r.
func (r *resampler) spreadOf(share, variance float64, n int) spread {
	s := r.alike(share, variance, n)
	if r.Folds > 0 {
		s.refit(refitRows)
	}
	return s
}

// alike is spreadOf for given training rows.
func (r *resampler) alike(share, variance float64, n int) spread {
	s := spread{stretch: 1, rows: float64(n), z: normal975}
	if r.of != nil {
		// The rows of a unit are alike: that many rows by themselves would vary
		// as much (Korn and Graubard, Survey Methodology 24:193, 1998).
		groups := float64(r.units)
		s.rows = groups
		if variance > 0 {
			s.rows = min(float64(n), share*(1-share)/variance)
		}
		if r.units > 1 {
			s.z = distuv.StudentsT{Sigma: 1, Nu: groups - 1}.Quantile(0.975)
			s.stretch = s.z / normal975 * math.Sqrt(groups/(groups-1))
			s.rows *= (groups - 1) / groups
		}
	}
	return s
}

// refit adds the variance of the choice of the training rows, of refitRows or
// growthRows.
func (s *spread) refit(rows float64) {
	more := 1 + rows/s.rows
	s.stretch *= math.Sqrt(more)
	s.rows /= more
}

// bootstrap fills in the intervals: percentiles of the metrics of rows, or
// units of rows, that are drawn with replacement, and Wilson's of accuracies.
func (t *tally) bootstrap(m *Metrics, outcomes []Outcome, major int, s *Settings) {
	r := newResampler(len(outcomes), s)
	c := newColumns(outcomes, r)
	values := make([][6]float64, r.resamples())
	tallies, times := make([]*tally, r.threads()), make([][]uint32, r.threads())
	for w := range tallies {
		tallies[w] = newTally(len(t.hit))
		if c.units != nil {
			times[w] = make([]uint32, len(outcomes))
		}
	}
	r.each(func(w, b int, drawn []uint32) {
		if c.units != nil {
			for at, u := range c.units {
				times[w][at] = drawn[u]
			}
			drawn = times[w]
		}
		tallies[w].reset()
		c.addTo(tallies[w], drawn, major)
		values[b] = tallies[w].values()
	})
	m.Interval = "wilson"
	switch {
	case s.Units != nil:
		m.Interval = "bootstrap-groups"
	case s.Folds > 0:
		m.Interval = "wilson-cv"
	}
	v := make([]float64, len(values))
	column := func(i int) []float64 {
		for b := range v {
			v[b] = values[b][i]
		}
		return v
	}
	variance := stat.Variance(column(0), nil)
	stretch := r.spreadOf(m.Accuracy.Value, variance, t.rows)
	m.Accuracy.Low, m.Accuracy.High = wilson(m.Accuracy.Value, stretch.rows, stretch.z)
	if s.Growth != nil && s.Folds > 0 {
		gain, times := s.Growth.step(outcomes, r)
		m.Expected = min(1, max(0, m.Accuracy.Value+gain))
		around := r.alike(m.Accuracy.Value, variance, t.rows)
		around.rows /= times
		around.refit(growthRows)
		low, high := wilson(m.Expected, around.rows, around.z)
		m.Accuracy.Low, m.Accuracy.High = min(low, m.Accuracy.Value), max(high, m.Accuracy.Value)
	}
	for i, e := range []*Estimate{&m.MacroF1, &m.LogLoss, &m.ECE, &m.Brier} {
		low, high := interval(column(i + 1))
		e.Low = max(0, e.Value-stretch.stretch*(e.Value-low))
		e.High = e.Value + stretch.stretch*(high-e.Value)
	}
	m.MacroF1.High, m.ECE.High, m.Brier.High = min(1, m.MacroF1.High), min(1, m.ECE.High), min(2, m.Brier.High)
	r.Settings = &Settings{Units: s.Units} // no model is behind the majority class
	base := r.spreadOf(m.Baseline.Value, stat.Variance(column(5), nil), t.rows)
	m.Baseline.Low, m.Baseline.High = wilson(m.Baseline.Value, base.rows, base.z)
}

// columns are outcomes in the order of their bins, the right ones of a bin
// first, so that a resample is added up without a branch a row.
type columns struct {
	bins  []span
	rows  []column
	units []int32 // of each row; nil: each is its own
}

// span is the rows of a bin: the right ones of them end at right.
type span struct{ bin, right, end int }

// column is what is added up of a row.
type column struct {
	loss, brier, confidence float64
	label, predicted        int32
}

func newColumns(outcomes []Outcome, r *resampler) *columns {
	order := make([]int, len(outcomes))
	for i := range order {
		order[i] = i
	}
	wrong := func(o *Outcome) int {
		if o.Label == o.Predicted {
			return 0
		}
		return 1
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &outcomes[i], &outcomes[j]
		return cmp.Or(cmp.Compare(a.bin, b.bin), cmp.Compare(wrong(a), wrong(b)), cmp.Compare(i, j))
	})
	c := &columns{rows: make([]column, len(order))}
	for at, i := range order {
		o := &outcomes[i]
		c.rows[at] = column{o.loss, o.brier, o.Confidence, int32(o.Label), int32(o.Predicted)}
		if r.of != nil {
			c.units = append(c.units, r.of[i])
		}
		if len(c.bins) == 0 || c.bins[len(c.bins)-1].bin != o.bin {
			c.bins = append(c.bins, span{o.bin, at, at})
		}
		s := &c.bins[len(c.bins)-1]
		s.end = at + 1
		if wrong(o) == 0 {
			s.right = at + 1
		}
	}
	return c
}

// addTo adds each row to t as often as times says.
func (c *columns) addTo(t *tally, times []uint32, major int) {
	var loss, brier float64
	from := 0
	for _, s := range c.bins {
		n, confidence := 0, 0.0
		rows := c.rows[from:s.right]
		counts := times[from:s.right][:len(rows)]
		for i := range rows {
			row, k := &rows[i], int(counts[i])
			n += k
			t.hit[row.label] += k
			w := float64(k)
			loss += float64(w * row.loss)
			brier += float64(w * row.brier)
			confidence += float64(w * row.confidence)
		}
		t.hits += n
		t.binHits[s.bin] += n
		rows = c.rows[s.right:s.end]
		counts = times[s.right:s.end][:len(rows)]
		for i := range rows {
			row, k := &rows[i], int(counts[i])
			n += k
			t.support[row.label] += k
			t.predicted[row.predicted] += k
			w := float64(k)
			loss += float64(w * row.loss)
			brier += float64(w * row.brier)
			confidence += float64(w * row.confidence)
		}
		t.rows += n
		t.binRows[s.bin] += n
		t.binConfidence[s.bin] += confidence
		from = s.end
	}
	t.loss += loss
	t.brier += brier
	for k, hit := range t.hit {
		t.support[k] += hit
		t.predicted[k] += hit
	}
	t.major += t.support[major]
}

// quantile interpolates linearly between the sorted values v (type 7 of Hyndman
// and Fan, 1996).
func quantile(v []float64, q float64) float64 {
	h := q * float64(len(v)-1)
	i := int(h)
	if i+1 >= len(v) {
		return v[len(v)-1]
	}
	return v[i] + (h-float64(i))*(v[i+1]-v[i])
}

// Variation holds a metric's value for each seed, their mean and their standard
// deviation (n−1; 0 of one value).
type Variation struct {
	Values []float64 `json:"values"`
	Mean   float64   `json:"mean"`
	SD     float64   `json:"sd"`
}

// Add appends a value, and brings Mean and SD up to date.
func (v *Variation) Add(x float64) {
	v.Values = append(v.Values, x)
	v.Mean, v.SD = stat.Mean(v.Values, nil), 0
	if len(v.Values) > 1 {
		v.SD = stat.StdDev(v.Values, nil)
	}
}
