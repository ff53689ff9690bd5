package embed

import (
	"context"
	"math"
	"slices"
)

// Batches says how samples go through a backbone.
type Batches int

const (
	Undecided Batches = iota // one at a time, which is never wrong
	Together                 // in batches: a row does not depend on them
	Alone                    // one at a time: it does
)

const (
	// Probed is how many samples are embedded together and each alone, to see
	// whether a row depends on its batch.
	Probed = 4
	// maxDifference is how far two rows of a sample may differ, in parts of
	// their largest absolute value. What rounding in another order makes of
	// float32 is three orders of magnitude below it; one step of a dynamic
	// 8-bit quantisation is 4e-3.
	maxDifference = 1e-3
)

// Spread picks at most n of jobs, evenly.
func Spread(jobs []*Job, n int) []*Job {
	some := make([]*Job, min(n, len(jobs)))
	for i := range some {
		some[i] = jobs[i*len(jobs)/len(some)]
	}
	return some
}

// Independence embeds jobs together and each alone. If a row differs, the
// backbone depends on its batch. Where fewer than two can be embedded, nothing
// is decided. The jobs stay as they are.
func (e *Embedder) Independence(ctx context.Context, jobs []*Job) (Batches, error) {
	rows, err := e.Again(ctx, [][]*Job{jobs})
	if err != nil {
		return Undecided, err
	}
	var good []*Job
	for _, j := range jobs {
		if _, ok := rows[j]; ok {
			good = append(good, j)
		}
	}
	if len(good) < 2 {
		return Undecided, nil
	}
	single, err := e.Again(ctx, Singly([][]*Job{good}))
	if err != nil {
		return Undecided, err
	}
	switch {
	case slices.ContainsFunc(good, func(j *Job) bool { return e.Differ(rows[j], single[j]) }):
		return Alone, nil
	case slices.ContainsFunc(good, func(j *Job) bool { return rows[j] != nil }):
		return Together, nil
	}
	return Undecided, nil
}

// Differ tells whether the embeddings of a tap in two rows are more than
// rounding apart, or only one row is there.
func (e *Embedder) Differ(a, b []float32) bool {
	if a == nil || b == nil {
		return (a == nil) != (b == nil)
	}
	for i := range e.columns {
		c := &e.columns[i]
		if Apart(a[c.From:c.To], b[c.From:c.To]) {
			return true
		}
	}
	return false
}

// Apart tells whether two vectors are more than rounding apart.
func Apart(a, b []float32) bool {
	var largest, difference float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		largest = max(largest, math.Abs(x), math.Abs(y))
		difference = max(difference, math.Abs(x-y))
	}
	return difference > maxDifference*largest
}
