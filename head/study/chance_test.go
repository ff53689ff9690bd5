package study

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

// toldTruth is a learner whose depths have accuracies that are known: whether
// it is right about a row is decided by what all depths have in common of the
// row, what a depth has of it with every seed, and what a training has of it,
// beside how good a training happens to be.
type toldTruth struct {
	world  uint64
	depths []Depth
	level  []float64 // the accuracy of each depth, at the largest size
	slope  []float64 // by how much it falls with each halving
	n      int       // rows
}

// Shares of the variance of what decides about a row, and the standard
// deviation between trainings of the same depth, in the same unit.
const (
	drawnDepth    = 0.06
	drawnTraining = 0.06
	drawnSpread   = 0.05
)

func (l *toldTruth) Depths() []Depth                     { return l.depths }
func (l *toldTruth) Cost(*Depth, int, int) time.Duration { return 1 }

func (l *toldTruth) Learn(_ context.Context, on *Lesson) (*Learnt, error) {
	k := 0
	for l.depths[k].Name != on.Depth.Name {
		k++
	}
	luck := rand.New(rand.NewPCG(l.world<<8|uint64(k), on.Seed<<32|uint64(len(on.Train))))
	halvings := math.Log2(0.8 * float64(l.n) / float64(len(on.Train)))
	// The threshold is exceeded with the accuracy, over rows and trainings.
	at := distuv.UnitNormal.Quantile(l.level[k]-l.slope[k]*halvings)*math.Sqrt(1+drawnSpread*drawnSpread) + drawnSpread*luck.NormFloat64()
	out := &Learnt{}
	for _, row := range on.Test {
		common := rand.New(rand.NewPCG(l.world, uint64(row))).NormFloat64()
		own := rand.New(rand.NewPCG(l.world<<8|uint64(k), 1<<40|uint64(row))).NormFloat64()
		x := math.Sqrt(1-drawnDepth-drawnTraining)*common + math.Sqrt(drawnDepth)*own + math.Sqrt(drawnTraining)*luck.NormFloat64()
		sure := []float64{0.9, 0.1}
		if x > at {
			sure = []float64{0.1, 0.9}
		}
		out.Outcomes = append(out.Outcomes, measure.NewOutcome(sure, 0))
	}
	return out, nil
}

// drawnStudy is a study of n rows of a world, and the gain of each depth over
// the simplest one, which has an accuracy of 0.78: gains have a normal part in
// common, with the mean and the deviation that are given, and one of a point of
// their own. With half of the rows each has 3 points less, and a point more or
// less than others.
func drawnStudy(t testing.TB, n int, world uint64, mean, sd float64) (*Result, []float64) {
	luck := rand.New(rand.NewPCG(world, 99))
	l := &toldTruth{world: world, n: n, depths: []Depth{{Name: "head"}, {Name: "taps"}, {Name: "last:2", Layers: true}, {Name: "half", Layers: true}, {Name: "all", Layers: true}}}
	common := mean + sd*luck.NormFloat64()
	gains := []float64{0}
	for range l.depths[1:] {
		gains = append(gains, common+0.01*luck.NormFloat64())
	}
	for _, g := range gains {
		l.level = append(l.level, 0.78+g)
		l.slope = append(l.slope, 0.03+0.01*luck.NormFloat64())
	}
	d := &experiment.Data{}
	for i := range n {
		d.Labels = append(d.Labels, []string{"a", "b"}[i%2])
		d.IDs = append(d.IDs, fmt.Sprint(world, "row", i))
	}
	r, err := Run(t.Context(), d, l, &Settings{Smallest: n / 4})
	if err != nil {
		t.Fatal(err)
	}
	return r, gains
}

// adviceCount is how good advice was: how often there was some, for more depth,
// for a depth within a point of the best, and for one that is a point or more
// worse than the simplest.
type adviceCount struct{ studies, told, deeper, near, worse int }

// count counts a study with advice for a depth, "" for none, by true gains.
func (c *adviceCount) count(r *Result, advised string, gains []float64) {
	c.studies++
	for i := range r.Curves {
		if r.Curves[i].Depth != advised {
			continue
		}
		c.told++
		if i > 0 {
			c.deeper++
		}
		if gains[i] > slices.Max(gains)-worthwhile {
			c.near++
		}
		if gains[i] <= -worthwhile {
			c.worse++
		}
	}
}

// share is one of all studies.
func (c *adviceCount) share(n int) float64 { return float64(n) / float64(c.studies) }

// Advice is wrong as seldom as it says: where it is given, the depth is within
// a point of the best with a probability of at least NearSure, and next to
// never is it a point worse than the simplest. It is given the more often the
// more samples there are. Standard errors are as large as the errors.
func TestDepthAdviceIsRight(t *testing.T) {
	for _, c := range []struct {
		n, studies int
		told       float64
	}{{200, 150, 0.12}, {800, 100, 0.4}} {
		var sum adviceCount
		errors := 0.0
		for world := range uint64(c.studies) {
			r, gains := drawnStudy(t, c.n, world, 0.005, 0.025)
			sum.count(r, r.Advice.Depth, gains)
			for i := range r.Curves[1:] {
				d := r.Advice.Chances[1+i].Difference
				z := (d.Value - gains[1+i]) / d.SE
				errors += z * z / float64(c.studies*len(r.Curves[1:]))
			}
		}
		if wrong := sum.share(sum.told - sum.near); wrong > 0.15 || float64(sum.near) < NearSure*float64(sum.told) {
			t.Errorf("%d samples: of %d pieces of advice in %d studies %d are right", c.n, sum.told, sum.studies, sum.near)
		}
		if sum.share(sum.told) < c.told || sum.share(sum.worse) > 0.02 {
			t.Errorf("%d samples: of %d studies %d have advice, %d for what is worse", c.n, sum.studies, sum.told, sum.worse)
		}
		if errors < 0.7 || errors > 1.4 {
			t.Errorf("%d samples: the variance of errors is %.2f times what is said", c.n, errors)
		}
	}
}

// The rule of Advice, by the probabilities: where none is a point better, the
// simplest, unless the log-loss objects; of the others none that only one of
// both scores is for.
func TestPick(t *testing.T) {
	deeper := func(name string, near, better, lower float64) Chance {
		d := &Difference{Value: better - 0.5, LogLoss: 0.5 - lower}
		return Chance{Depth: name, Near: near, Better: better, BetterLoss: lower, Difference: d}
	}
	for _, c := range []struct {
		head float64
		rest []Chance
		want string
	}{
		{0.8, []Chance{deeper("taps", 0.6, 0.3, 0.6)}, "head"},
		{0.8, []Chance{deeper("taps", 0.6, 0.3, 0.99)}, ""},
		{0.96, []Chance{deeper("taps", 0.6, 0.3, 0.99)}, "head"},
		{0.5, []Chance{deeper("taps", 0.8, 0.9, 0.9)}, ""},
		{0.5, []Chance{deeper("taps", 0.8, 0.96, 0.6)}, "taps"},
		{0.5, []Chance{deeper("taps", 0.8, 0.96, 0.4)}, ""},
		{0.5, []Chance{deeper("taps", 0.8, 0.6, 0.96)}, "taps"},
		{0.5, []Chance{deeper("taps", 0.8, 0.4, 0.96)}, ""},
		{0.5, []Chance{deeper("taps", 0.7, 0.96, 0.96), deeper("all", 0.8, 0.96, 0.96)}, "all"},
		{0.5, []Chance{deeper("taps", 0.75, 0.96, 0.96), deeper("all", 0.8, 0.99, 0.99)}, "taps"},
		{1, nil, "head"},
	} {
		chances := append([]Chance{{Depth: "head", Near: c.head}}, c.rest...)
		if got := (sureness{NearSure, BetterSure}).pick(chances); got != c.want {
			t.Errorf("%+v: %q, want %q", chances, got, c.want)
		}
	}
}

// With as many more samples as are said to settle it, a difference that stays
// what it is is as sure as the rule wants: above 0, or less than a point.
func TestSamplesThatSettle(t *testing.T) {
	r := &Result{N: 400, Test: 100}
	for _, value := range []float64{-0.01, 0.001, 0.005, 0.008, 0.02, 0.03} {
		d := &Difference{Value: value, SE: 0.03}
		more := r.samplesFor(d)
		sure := func(more int) bool {
			se := d.SE * math.Sqrt(500/(500+float64(more)))
			return distuv.UnitNormal.CDF(value/se) >= BetterSure || distuv.UnitNormal.CDF((worthwhile-value)/se) >= NearSure
		}
		if !sure(more) || sure(more*9/10) {
			t.Errorf("a difference of %v: %d samples more: %v, a tenth less: %v", value, more, sure(more), sure(more*9/10))
		}
	}
}

// BenchmarkDepthAdvice prints how often advice is given, and is right, at
// several levels of the two probabilities, where the best depth is known.
func BenchmarkDepthAdvice(b *testing.B) {
	const studies = 300
	all := []sureness{{0.5, 0.95}, {0.65, 0.95}, {0.75, 0.9}, {NearSure, BetterSure}, {0.85, 0.95}, {0.75, 0.975}}
	fmt.Println("| gains | samples | near | better | advised | deeper | right of these | right or not told | a point worse |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	for _, of := range []struct {
		name     string
		mean, sd float64
	}{{"0.5 ± 2.5", 0.005, 0.025}, {"0", 0, 0}, {"3", 0.03, 0}} {
		for _, n := range []int{100, 200, 400, 1000, 2500} {
			counts := make([]adviceCount, len(all))
			for world := range uint64(studies) {
				r, gains := drawnStudy(b, n, world, of.mean, of.sd)
				for i, l := range all {
					counts[i].count(r, l.pick(r.Advice.Chances), gains)
				}
			}
			for i, l := range all {
				c := &counts[i]
				fmt.Printf("| %s | %d | %v | %v | %.0f %% | %.0f %% | %.0f %% | %.0f %% | %.1f %% |\n", of.name, n, l.near, l.better, 100*c.share(c.told), 100*c.share(c.deeper),
					100*float64(c.near)/float64(max(c.told, 1)), 100*c.share(c.studies-c.told+c.near), 100*c.share(c.worse))
			}
		}
	}
}
