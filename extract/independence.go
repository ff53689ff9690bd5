package extract

import (
	"math"
	"slices"
)

const (
	probes = 4 // samples that are embedded together and each alone
	// maxDifference is how far two rows of a sample may differ, in parts of
	// their largest absolute value. What rounding in another order makes of
	// float32 is three orders of magnitude below it; one step of a dynamic
	// 8-bit quantisation is 4e-3.
	maxDifference = 1e-3
)

// independence embeds some samples of the batches together and each alone. If
// a row differs, the backbone depends on its batch. Where no batch has two
// samples, or fewer than two of those tried can be embedded, nothing is
// decided.
func (r *run) independence(batches [][]*job) error {
	var jobs []*job
	several := false
	for _, b := range batches {
		several = several || len(b) > 1
		jobs = append(jobs, b...)
	}
	if !several {
		return nil
	}
	some := make([]*job, min(max(2, r.taps.atMost(probes, checkBytes)), len(jobs)))
	for i := range some {
		some[i] = jobs[i*len(jobs)/len(some)]
	}
	k := &r.checks
	rows, err := k.embedder.again(r.ctx, [][]*job{some})
	if err != nil {
		return err
	}
	var good []*job
	for _, j := range some {
		if _, ok := rows[j]; ok {
			good = append(good, j)
		}
	}
	if len(good) < 2 {
		return nil
	}
	single, err := k.embedder.again(r.ctx, singly([][]*job{good}))
	if err != nil {
		return err
	}
	if r.taps.differAny(good, rows, single) {
		r.dependent(nil)
		return nil
	}
	if slices.ContainsFunc(good, func(j *job) bool { return rows[j] != nil }) {
		k.batching = together
	}
	return nil
}

// differAny tells whether the rows of a job in a and b differ.
func (t *taps) differAny(jobs []*job, a, b map[*job][]float32) bool {
	for _, j := range jobs {
		if t.differ(a[j], b[j]) {
			return true
		}
	}
	return false
}

// differ tells whether the embeddings of a tap in two rows are more than
// rounding apart, or only one row is there.
func (t *taps) differ(a, b []float32) bool {
	if (a == nil) != (b == nil) {
		return true
	}
	for i := range t.all {
		if apart(t.part(a, i), t.part(b, i)) {
			return true
		}
	}
	return false
}

// apart tells whether two embeddings are more than rounding apart.
func apart(a, b []float32) bool {
	var largest, difference float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		largest = max(largest, math.Abs(x), math.Abs(y))
		difference = max(difference, math.Abs(x-y))
	}
	return difference > maxDifference*largest
}
