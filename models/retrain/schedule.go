package retrain

import "math"

// schedule gives the share of the highest rate for each step: it rises in
// equal steps in the warm-up and then falls to 0 as a cosine.
//
// Loshchilov and Hutter, SGDR, 2017, equation 5, without restarts.
type schedule struct{ warmup, steps int }

func newSchedule(warmup float64, steps int) schedule {
	return schedule{int(math.Round(warmup * float64(steps))), steps}
}

// at returns the share for a step, from 0.
func (s schedule) at(step int) float64 {
	if step < s.warmup {
		return float64(step+1) / float64(s.warmup)
	}
	return (1 + math.Cos(math.Pi*float64(step-s.warmup)/float64(s.steps-s.warmup))) / 2
}
