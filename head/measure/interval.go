package measure

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

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
// units of rows, that are drawn with replacement (Efron and Tibshirani, An
// Introduction to the Bootstrap, 1993, chapter 13). Each resample has a random
// stream of its own, so that the intervals do not depend on the number of
// threads.
func (t *tally) bootstrap(m *Metrics, outcomes []Outcome, major int, s *Settings) {
	m.Interval = "bootstrap"
	var units [][]Outcome
	if s.Units == nil {
		for i := range outcomes {
			units = append(units, outcomes[i:i+1])
		}
	} else {
		m.Interval = "bootstrap-groups"
		place := map[string]int{}
		for i, u := range s.Units {
			k, ok := place[u]
			if !ok {
				k = len(units)
				place[u] = k
				units = append(units, nil)
			}
			units[k] = append(units[k], outcomes[i])
		}
	}
	resamples := s.Resamples
	if resamples == 0 {
		resamples = 1000
	}
	values := make([][6]float64, resamples)
	threads := s.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	var wg sync.WaitGroup
	for w := range threads {
		wg.Go(func() {
			r := newTally(len(t.hit))
			for b := w; b < resamples; b += threads {
				rng := rand.New(rand.NewPCG(s.Seed, uint64(b)))
				r.reset()
				for range units {
					unit := units[rng.IntN(len(units))]
					for i := range unit {
						r.add(&unit[i], major)
					}
				}
				values[b] = r.values()
			}
		})
	}
	wg.Wait()
	for i, e := range []*Estimate{&m.Accuracy, &m.MacroF1, &m.LogLoss, &m.ECE, &m.Brier, &m.Baseline} {
		v := make([]float64, resamples)
		for b := range v {
			v[b] = values[b][i]
		}
		slices.Sort(v)
		e.Low, e.High = quantile(v, 0.025), quantile(v, 0.975)
	}
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
