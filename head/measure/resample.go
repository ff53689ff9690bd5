package measure

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
)

// resampler draws units of rows with replacement, as many as there are (Efron
// and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). A
// resample is how often each unit is drawn: rows are then gone through in their
// order, which is many times as fast as going to each draw's rows.
type resampler struct {
	of    []int32 // unit of each row; nil: each row is its own
	units int
	*Settings
}

// newResampler numbers the units of n rows in the order of their first rows.
func newResampler(n int, s *Settings) *resampler {
	r := &resampler{units: n, Settings: s}
	if s.Units == nil {
		return r
	}
	place := map[string]int32{}
	r.of = make([]int32, n)
	for i, u := range s.Units {
		k, ok := place[u]
		if !ok {
			k = int32(len(place))
			place[u] = k
		}
		r.of[i] = k
	}
	r.units = len(place)
	return r
}

// unitOf returns the unit of a row.
func (r *resampler) unitOf(row int) int {
	if r.of == nil {
		return row
	}
	return int(r.of[row])
}

// resamples is how many are drawn.
func (r *resampler) resamples() int {
	if r.Resamples == 0 {
		return 1000
	}
	return r.Resamples
}

// each calls f for each resample with how often each unit was drawn, from
// several goroutines at a time. Without units the places of drawn may stand for
// rows in any order. A resample has a random stream of its own, so
// that the draws do not depend on the number of threads; worker is the number
// of the goroutine.
func (r *resampler) each(f func(worker, b int, drawn []uint32)) {
	threads := r.threads()
	var wg sync.WaitGroup
	for w := range threads {
		wg.Go(func() {
			drawn := make([]uint32, r.units)
			for b := w; b < r.resamples(); b += threads {
				draw(drawn, rand.NewPCG(r.Seed, uint64(b)))
				f(w, b, drawn)
			}
		})
	}
	wg.Wait()
}

// threads is the number of goroutines of each.
func (r *resampler) threads() int {
	if r.Threads == 0 {
		return runtime.GOMAXPROCS(0)
	}
	return r.Threads
}

// poissonSums are the probabilities that a Poisson variable of mean 1 is at
// most 0, 1, …; beyond the last it is with one of 2e-20.
var poissonSums = func() (sums [20]float64) {
	p := math.Exp(-1)
	sums[0] = p
	for k := 1; k < len(sums); k++ {
		p /= float64(k)
		sums[k] = sums[k-1] + p
	}
	return sums
}()

// poissonOf is its quantile at u in [0, 1).
func poissonOf(u float64) int {
	k := 0
	for k < len(poissonSums) && u >= poissonSums[k] {
		k++
	}
	return k
}

// poisson is that of all u whose first eight bits are the place, or undecided.
var poisson = func() (table [256]uint8) {
	for v := range table {
		table[v] = uint8(poissonOf(float64(v) / 256))
		if int(table[v]) != poissonOf(math.Nextafter(float64(v+1)/256, 0)) {
			table[v] = undecided
		}
	}
	return table
}()

const undecided = 255

// draw counts len(drawn) draws of a place in drawn. Independent Poisson counts
// of places are draws with replacement, given their number: that is not quite
// len(drawn), so draws are added, or taken away, at random.
func draw(drawn []uint32, random *rand.PCG) {
	const bytes = 8 // of a random number
	total, either := uint32(0), uint32(0)
	for rest := drawn; len(rest) > 0; rest = rest[min(bytes, len(rest)):] {
		v := random.Uint64()
		if len(rest) < bytes {
			for k := range rest {
				rest[k] = poissonBy(uint8(v>>(8*k)), random)
				total, either = total+rest[k], either|rest[k]
			}
			break
		}
		for k := range (*[bytes]uint32)(rest) {
			n := uint32(poisson[uint8(v)])
			if n == undecided {
				n = poissonBy(uint8(v), random)
			}
			rest[k] = n
			total, either = total+n, either|n
			v >>= 8
		}
	}
	n := uint32(len(drawn))
	for ; total < n; total++ {
		drawn[int(random.Uint64()>>32*uint64(n)>>32)]++
	}
	shift := bits.Len32(either)
	for total > n { // a draw, not a place, is taken away
		v := random.Uint64()
		if i := v >> 32 * uint64(n) >> 32; uint32(v)>>(32-shift) < drawn[i] {
			drawn[i]--
			total--
		}
	}
}

// poissonBy is the Poisson variable of a number that begins with a byte, and
// goes on at random.
func poissonBy(first uint8, random *rand.PCG) uint32 {
	if n := poisson[first]; n != undecided {
		return uint32(n)
	}
	return uint32(poissonOf((float64(first) + float64(random.Uint64()>>11)*0x1p-53) / 256))
}

// interval sorts the values of resamples and returns their 2.5 % and 97.5 %
// quantiles.
func interval(v []float64) (low, high float64) {
	slices.Sort(v)
	return quantile(v, 0.025), quantile(v, 0.975)
}
