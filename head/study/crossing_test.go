package study

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/head/measure"
)

// sided is a learner of two depths of which some test samples are for one, some
// for the other, at every size: what these samples are moves the whole curve of
// the difference, which is 0 at crossingAt and grows by crossingStep with each
// doubling.
type sided struct{ study uint64 }

const crossingAt, crossingStep = 120.0, 0.05

func (l *sided) Depths() []Depth                     { return []Depth{{Name: "head"}, {Name: "taps"}} }
func (l *sided) Cost(*Depth, int, int) time.Duration { return 1 }
func (l *sided) Learn(_ context.Context, on *Lesson) (*Learnt, error) {
	gain := crossingStep * math.Log2(float64(len(on.Train))/crossingAt)
	luck := rand.New(rand.NewPCG(l.study, on.Seed<<32|uint64(len(on.Train))))
	out := &Learnt{}
	for _, row := range on.Test {
		side := rand.New(rand.NewPCG(l.study+1e6, uint64(row))).Float64()
		// One in ten samples decides anew with each subset.
		if u := luck.Float64(); luck.Float64() < 0.1 {
			side = u
		}
		right := luck.Float64() < 0.7
		switch {
		case side < 0.2+gain/2:
			right = on.Depth.Name == "taps"
		case side > 0.8+gain/2:
			right = on.Depth.Name == "head"
		}
		sure := []float64{0.1, 0.9}
		if right {
			sure = []float64{0.9, 0.1}
		}
		out.Outcomes = append(out.Outcomes, measure.NewOutcome(sure, 0))
	}
	return out, nil
}

// The interval of the size from which on depth pays holds that size as often as
// it says, though all sizes are measured on the same test samples.
func TestCrossingCoverage(t *testing.T) {
	told, inside := 0.0, 0.0
	for i := range 200 {
		d := toyData(1200)
		for k := range d.IDs {
			d.IDs[k] = fmt.Sprint(i, "row", k)
		}
		r, err := Run(t.Context(), d, &sided{uint64(i)}, &Settings{Smallest: 40})
		if err != nil {
			t.Fatal(err)
		}
		x := r.Advice.Crossing
		if x == nil {
			continue
		}
		told++
		if float64(x.Low) <= crossingAt && (x.High == 0 || crossingAt <= float64(x.High)) {
			inside++
		}
	}
	t.Logf("%.0f told, %.1f %% of the intervals hold it", told, 100*inside/told)
	if share := inside / told; told < 150 || share < 0.72 || share > 0.9 {
		t.Errorf("of 200 crossings %.0f are told, and %.1f %% of the intervals of 80 %% hold them", told, 100*share)
	}
}
