package measure

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// normal975 is the 0.975 quantile of the normal distribution.
const normal975 = 1.959963984540054

// Wilson returns the 95 % score interval of a share of k in n (Wilson, JASA
// 22:158, 1927).
func Wilson(k, n int) (low, high float64) {
	const z = normal975
	nf, share := float64(n), float64(k)/float64(n)
	mid := (share + z*z/(2*nf)) / (1 + z*z/nf)
	half := z / (1 + z*z/nf) * math.Sqrt(share*(1-share)/nf+z*z/(4*nf*nf))
	low, high = max(0, mid-half), min(1, mid+half)
	if k == 0 {
		low = 0 // exactly, whatever the rounding
	}
	if k == n {
		high = 1
	}
	return low, high
}

// bootstrap fills in the intervals: percentiles of the metrics of rows, or
// units of rows, that are drawn with replacement.
func (t *tally) bootstrap(m *Metrics, outcomes []Outcome, major int, s *Settings) {
	m.Interval = "bootstrap"
	if s.Units != nil {
		m.Interval = "bootstrap-groups"
	}
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
	for i, e := range []*Estimate{&m.Accuracy, &m.MacroF1, &m.LogLoss, &m.ECE, &m.Brier, &m.Baseline} {
		v := make([]float64, len(values))
		for b := range v {
			v[b] = values[b][i]
		}
		e.Low, e.High = interval(v)
	}
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
