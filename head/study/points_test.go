package study

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

// layered is a learner of which it is known what its luck is made of: test
// samples are easy or hard for all, training samples are good or bad for all
// subsets that have them, and a test sample has luck of its own with each
// model.
type layered struct {
	study uint64
	good  float64 // how much training samples differ
}

const (
	layeredEase = 0.8 // of the mean sample, in standard deviations of samples
	layeredLuck = 1.0 // of a sample with one model
)

func (l *layered) Depths() []Depth                     { return []Depth{{Name: "head"}} }
func (l *layered) Cost(*Depth, int, int) time.Duration { return 1 }
func (l *layered) Learn(_ context.Context, on *Lesson) (*Learnt, error) {
	good := 0.0
	for _, row := range on.Train {
		good += l.good * rand.New(rand.NewPCG(l.study, uint64(row))).NormFloat64() / float64(len(on.Train))
	}
	luck := rand.New(rand.NewPCG(l.study+1e6, on.Seed<<32|uint64(len(on.Train))))
	if len(on.Train) == layeredAll { // the same subset with every seed
		luck = rand.New(rand.NewPCG(l.study+1e6, 0))
	}
	out := &Learnt{}
	right := 0.0
	for _, row := range on.Test {
		ease := rand.New(rand.NewPCG(l.study+2e6, uint64(row))).NormFloat64()
		sure := []float64{0.1, 0.9}
		if layeredEase+good+ease+layeredLuck*luck.NormFloat64() > 0 {
			sure = []float64{0.9, 0.1}
			right++
		}
		out.Outcomes = append(out.Outcomes, measure.NewOutcome(sure, 0))
	}
	right /= float64(len(on.Test))
	score := measure.Score{Value: right, SE: math.Sqrt(right * (1 - right) / float64(len(on.Test)))}
	out.Test, out.Train = Scores{Accuracy: score, MacroF1: score}, Scores{Accuracy: score, MacroF1: score}
	return out, nil
}

// layeredAll is how many training samples there are, layeredTest how many are
// tested.
const layeredAll, layeredTest = 400, 200

// The 95 % interval of a point is as wide as points vary from study to study,
// with a test split, too: at every size, whatever of it is luck of test
// samples, of subsets, or of both.
func TestPointsOfOneTest(t *testing.T) {
	for name, good := range map[string]float64{"subsets differ": 1.5, "subsets are alike": 0} {
		t.Run(name, func(t *testing.T) { pointsOfOneTest(t, good) })
	}
}

func pointsOfOneTest(t *testing.T, good float64) {
	const studies = 300
	values, claimed, inside := map[int][]float64{}, map[int]float64{}, map[int]float64{}
	var sizes []int
	for i := range studies {
		d := &experiment.Data{}
		for k := range layeredAll + layeredTest {
			d.Labels = append(d.Labels, []string{"a", "b"}[k%2])
			d.IDs = append(d.IDs, fmt.Sprint("row", k))
			d.Splits = append(d.Splits, map[bool]string{true: "test", false: "train"}[k < layeredTest])
		}
		r, err := Run(t.Context(), d, &layered{uint64(i), good}, &Settings{Smallest: 50})
		if err != nil {
			t.Fatal(err)
		}
		sizes = nil
		for _, p := range r.Curves[0].Points {
			sizes = append(sizes, p.N)
			values[p.N] = append(values[p.N], p.Value)
			half := (p.High - p.Low) / 2 / normal975
			claimed[p.N] += half * half / studies
			truth := 0.5 * math.Erfc(-layeredEase/math.Sqrt(1+layeredLuck*layeredLuck+good*good/float64(p.N))/math.Sqrt2)
			if p.Low <= truth && truth <= p.High {
				inside[p.N] += 1. / studies
			}
		}
	}
	for _, n := range sizes {
		ratio := claimed[n] / variance(values[n])
		t.Logf("%d samples: intervals are as wide as for %.2f times the variance, %.1f %% of them hold the truth", n, ratio, 100*inside[n])
		if ratio < 0.85 || ratio > 1.55 {
			t.Errorf("%d samples: intervals are as wide as for %.2f times the variance", n, ratio)
		}
		if inside[n] < 0.9 || inside[n] > 0.98 {
			t.Errorf("%d samples: %.1f %% of the intervals hold the truth", n, 100*inside[n])
		}
	}
}

// alike is a learner that is right on the same test samples with each seed, but
// for one of them, and cannot learn from few rows with seeds but the first.
type alike struct {
	odd bool // the last test sample is right with odd seeds
	few int  // rows
}

func (l *alike) Depths() []Depth                     { return []Depth{{Name: "head"}} }
func (l *alike) Cost(*Depth, int, int) time.Duration { return 1 }
func (l *alike) Learn(_ context.Context, on *Lesson) (*Learnt, error) {
	if len(on.Train) <= l.few && on.Seed > 0 {
		return nil, &SmallError{Rows: len(on.Train), Err: errors.New("one class")}
	}
	out := &Learnt{}
	right := 0.0
	for i := range on.Test {
		sure := []float64{0.1, 0.9}
		if i%10 > 0 && i < len(on.Test)-1 || l.odd && i == len(on.Test)-1 && on.Seed%2 == 1 {
			sure = []float64{0.9, 0.1}
			right++
		}
		out.Outcomes = append(out.Outcomes, measure.NewOutcome(sure, 0))
	}
	right /= float64(len(on.Test))
	score := measure.Score{Value: right, SE: math.Sqrt(right * (1 - right) / float64(len(on.Test)))}
	out.Test, out.Train = Scores{Accuracy: score, MacroF1: score}, Scores{Accuracy: score, MacroF1: score}
	return out, nil
}

// Where seeds hardly vary, or a size has one of them alone, a point of a test
// split has an interval still: at least that over its samples.
func TestPointsOfSeedsAlike(t *testing.T) {
	for name, l := range map[string]*alike{"alike": {}, "one sample": {odd: true}, "one seed": {odd: true, few: 40}, "one seed, alike": {few: 40}} {
		for repeat := 2; repeat <= 7; repeat++ {
			d := toyData(500)
			for i := range d.Labels {
				d.Splits = append(d.Splits, []string{"train", "train", "train", "train", "test"}[i%5])
			}
			r, err := Run(t.Context(), d, l, &Settings{Repeat: repeat})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range r.Curves[0].Points {
				least := normal975 * math.Sqrt(p.Value*(1-p.Value)/100) // of 100 samples
				if wide := p.Value - p.Low; !(wide > 0.9*least && wide < 3*least) {
					t.Errorf("%s, %d seeds, n = %d: %v from %v to %v, where that over samples is ± %v", name, repeat, p.N, p.Value, p.Low, p.High, least)
				}
			}
		}
	}
}
