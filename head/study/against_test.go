package study

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

// plane is rows of features in memory.
type plane struct {
	values []float32
	d      int
}

func (p *plane) N() int { return len(p.values) / p.d }
func (p *plane) D() int { return p.d }
func (p *plane) BlockTo(dst []float32, lo, hi int) error {
	copy(dst, p.values[lo*p.d:hi*p.d])
	return nil
}

// seen are n samples of three classes as several candidates see them: the class
// with that much noise.
func seen(n int, seed uint64, noises ...float64) (*experiment.Data, []Candidate) {
	const classes, dim = 3, 6
	rng := rand.New(rand.NewPCG(seed, 7))
	d := &experiment.Data{}
	shared := make([]float64, n*dim)
	for i := range n {
		d.Labels = append(d.Labels, fmt.Sprint("class ", i%classes))
		d.IDs = append(d.IDs, fmt.Sprint(i))
	}
	for i := range shared {
		shared[i] = rng.NormFloat64()
	}
	var all []Candidate
	for k, noise := range noises {
		p := &plane{d: dim}
		for i := range n {
			for j := range dim {
				v := noise * (0.8*shared[i*dim+j] + 0.6*rng.NormFloat64())
				if j == i%classes {
					v++
				}
				p.values = append(p.values, float32(v))
			}
		}
		all = append(all, Candidate{Name: fmt.Sprint("candidate ", k), Rows: p, MultiplyAdds: int64(1000 * (k + 1))})
	}
	return d, all
}

// near lists the candidates that are behind the best by at most one standard
// error and one point.
func near(a *Against) (all []int) {
	for k, r := range a.Rivals {
		if r.Behind.Value <= min(r.Behind.SE, 0.01) {
			all = append(all, k)
		}
	}
	return all
}

// The best candidate is found where it is better than the samples can hide, and
// the cheapest of those that they cannot tell apart is picked.
func TestCompareAgainst(t *testing.T) {
	d, all := seen(400, 1, 3, 0.5, 0.49, 0.48)
	a, err := CompareAgainst(t.Context(), d, all, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.Metric != "accuracy" || a.N != 400 || a.Folds != 5 || !slices.Equal(a.Seeds, []uint64{0, 1, 2}) || a.Order != "multiply-adds" || len(a.Rivals) != 4 {
		t.Errorf("%+v", a)
	}
	if a.Pick == 0 || a.Pick != near(a)[0] || len(near(a)) < 2 || !a.Rivals[a.Pick].Pick || !a.Rivals[a.Best].Best {
		t.Errorf("picked %d of %+v", a.Pick, a.Rivals)
	}
	for k, r := range a.Rivals {
		if k == 0 {
			if r.Difference != nil || r.Verdict != "" {
				t.Errorf("the first one differs from itself: %+v", r)
			}
			continue
		}
		if want := r.Accuracy.Value - a.Rivals[0].Accuracy.Value; math.Abs(r.Difference.Value-want) > 1e-12 || r.Verdict != "better" || r.Difference.Low <= 0 {
			t.Errorf("%s: %+v %s, the accuracies differ by %v", r.Name, r.Difference, r.Verdict, want)
		}
		if want := a.Rivals[a.Best].Accuracy.Value - r.Accuracy.Value; math.Abs(r.Behind.Value-want) > 1e-12 || r.Behind.SE < 0 {
			t.Errorf("%s is behind by %+v, not %v", r.Name, r.Behind, want)
		}
		if r.Accuracy.Low >= r.Accuracy.Value || r.Accuracy.High <= r.Accuracy.Value || r.Dim != 6 {
			t.Errorf("%+v", r)
		}
	}
	again, err := CompareAgainst(t.Context(), d, all, &AgainstSettings{Threads: 1})
	if err != nil || !reflect.DeepEqual(a, again) {
		t.Errorf("another number of threads: %+v, %v", again, err)
	}
}

// The advice names the pick, and what it is picked by.
func TestAgainstAdvice(t *testing.T) {
	rivals := []Rival{
		{Name: "small", MultiplyAdds: 100, Behind: measure.Gain{Value: 0.012, SE: 0.015}},
		{Name: "large", MultiplyAdds: 2500, LogLoss: measure.Estimate{Value: 0.55}},
		{Name: "as large", MultiplyAdds: 2500, LogLoss: measure.Estimate{Value: 0.512}, Behind: measure.Gain{Value: 0.004, SE: 0.011}},
	}
	for _, c := range []struct {
		pick, best int
		metric     string
		want       string
	}{
		{0, 1, "accuracy", "Take small: 1,500 samples cannot tell it from the best, large (behind by 1.2 points, standard error 1.5 points), and it is the cheapest of which that is so, with 4.0 % of the multiply-adds."},
		{0, 1, "macro-f1", "Take small: 1,500 samples cannot tell it from the best, large (behind by 1.2 points of macro-F1, standard error 1.5 points of macro-F1), and it is the cheapest of which that is so, with 4.0 % of the multiply-adds."},
		{0, 1, "log-loss", "Take small: 1,500 samples cannot tell it from the best, large (behind by 0.012 of log-loss, standard error 0.015 of log-loss), and it is the cheapest of which that is so, with 4.0 % of the multiply-adds."},
		{1, 1, "accuracy", "Take large: it is the best of 3 on 1,500 samples, and of the cheaper ones small comes nearest, behind by 1.2 points (standard error 1.5 points)."},
		{0, 0, "accuracy", "Take small: it is the best of 3 on 1,500 samples, and none costs less."},
		{2, 1, "accuracy", "Take as large: 1,500 samples cannot tell it from the best, large (behind by 0.4 points, standard error 1.1 points), which costs as much, and its log-loss is lower (0.512, not 0.550)."},
	} {
		a := &Against{Metric: c.metric, N: 1500, Order: "multiply-adds", Pick: c.pick, Best: c.best, Rivals: rivals}
		if got := a.Advice(); got != c.want {
			t.Errorf("%s\nwant\n%s", got, c.want)
		}
	}
}

// What is behind by more than a point is not picked, however little the samples
// tell; what is behind by more than its standard error is not, however little
// that is. Of few samples there are more seeds.
func TestPickOfLittle(t *testing.T) {
	for _, c := range []struct {
		metric    string
		value, se float64
		near      bool
	}{
		{"accuracy", 0.009, 0.03, true}, {"accuracy", 0.01, 0.01, true}, {"accuracy", 0.015, 0.03, false}, {"accuracy", 0.004, 0.003, false},
		{"macro-f1", 0.015, 0.03, false}, {"log-loss", 0.015, 0.03, true}, {"log-loss", 0.04, 0.03, false},
	} {
		a := &Against{Metric: c.metric, Rivals: []Rival{{Behind: measure.Gain{Value: c.value, SE: c.se}}}}
		if a.near(0) != c.near {
			t.Errorf("%s behind by %v ± %v: near is %v", c.metric, c.value, c.se, !c.near)
		}
	}
	// Of equally cheap ones the log-loss decides, and nothing of others.
	rivals := []Rival{{Dim: 8, LogLoss: measure.Estimate{Value: 0.5}}, {Dim: 8, LogLoss: measure.Estimate{Value: 0.4}, Behind: measure.Gain{Value: 0.005}}, {Dim: 4, LogLoss: measure.Estimate{Value: 0.6}}}
	if a := (&Against{Order: "dim", Rivals: rivals}); !a.cheaper(1, 0) || a.cheaper(0, 1) || !a.cheaper(2, 1) || a.cheaper(1, 2) {
		t.Error("the log-loss does not decide between equally cheap ones, or between others")
	}
	d, all := seen(180, 4, 0.5, 0.6)
	a, err := CompareAgainst(t.Context(), d, all, &AgainstSettings{L2Points: 2, Folds: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Seeds) != 6 {
		t.Errorf("180 samples are dealt with %d seeds", len(a.Seeds))
	}
}

// What is cheap goes by what is known of all candidates.
func TestCheapest(t *testing.T) {
	d, all := seen(150, 2, 0.5, 0.5, 0.5)
	for _, c := range []struct {
		order string
		of    func(k int, c *Candidate)
	}{
		{"multiply-adds", func(k int, c *Candidate) { c.MultiplyAdds = int64(10 - k); c.Parameters = int64(10 + k) }},
		{"parameters", func(k int, c *Candidate) { c.MultiplyAdds = int64(k); c.Parameters = int64(10 + k) }},
		{"dim", func(k int, c *Candidate) { c.MultiplyAdds, c.Parameters = int64(k), int64(2-k) }},
	} {
		for k := range all {
			c.of(k, &all[k])
		}
		a, err := CompareAgainst(t.Context(), d, all, &AgainstSettings{Deals: 1, L2Points: 3})
		if err != nil {
			t.Fatal(err)
		}
		want := near(a)
		if c.order == "multiply-adds" { // the last one is the cheapest
			slices.Reverse(want)
		}
		if c.order == "dim" { // all have as many: that with the lowest log-loss
			slices.SortFunc(want, func(x, y int) int { return cmp.Compare(a.Rivals[x].LogLoss.Value, a.Rivals[y].LogLoss.Value) })
		}
		if a.Order != c.order || a.Pick != want[0] {
			t.Errorf("%s: %d was picked by %s, want the first of %d", c.order, a.Pick, a.Order, want)
		}
	}
}

// Groups stay together and count as one; test samples keep out; what cannot be
// compared is an error.
func TestAgainstUnits(t *testing.T) {
	d, all := seen(300, 3, 0.6, 0.5)
	single, err := CompareAgainst(t.Context(), d, all, &AgainstSettings{Deals: 2, L2Points: 4})
	if err != nil {
		t.Fatal(err)
	}
	// Each sample twice, in a group: as many units.
	twice, both := *d, make([]Candidate, len(all))
	twice.Labels, twice.IDs = nil, nil
	for i := range 300 {
		for copy := range 2 {
			twice.Labels, twice.IDs, twice.Groups = append(twice.Labels, d.Labels[i]), append(twice.IDs, fmt.Sprint(i, " ", copy)), append(twice.Groups, fmt.Sprint(i))
		}
	}
	for k := range all {
		p := &plane{d: 6}
		for i := range 300 {
			row := all[k].Rows.(*plane).values[i*6 : i*6+6]
			p.values = append(append(p.values, row...), row...)
		}
		both[k] = Candidate{Name: all[k].Name, Rows: p}
	}
	grouped, err := CompareAgainst(t.Context(), &twice, both, &AgainstSettings{Deals: 2, L2Points: 4})
	if err != nil {
		t.Fatal(err)
	}
	if grouped.N != 600 || grouped.Order != "dim" {
		t.Errorf("%+v", grouped)
	}
	one, two := single.Rivals[0], grouped.Rivals[0]
	if r := (two.Accuracy.High - two.Accuracy.Low) / (one.Accuracy.High - one.Accuracy.Low); r < 0.85 || r > 1.25 {
		t.Errorf("the interval is %.2f times as wide where each sample is there twice", r)
	}

	d.Splits = make([]string, 300)
	for i := range 90 {
		d.Splits[i] = "test"
	}
	a, err := CompareAgainst(t.Context(), d, all, &AgainstSettings{Deals: 1, L2Points: 3})
	if err != nil || a.N != 210 {
		t.Errorf("with a test split: %+v, %v", a, err)
	}

	for name, call := range map[string]func() error{
		"one candidate": func() error { _, err := CompareAgainst(t.Context(), d, all[:1], nil); return err },
		"other rows": func() error {
			_, err := CompareAgainst(t.Context(), d, []Candidate{all[0], both[1]}, nil)
			return err
		},
		"metric": func() error {
			_, err := CompareAgainst(t.Context(), d, all, &AgainstSettings{Metric: "r2"})
			return err
		},
		"folds": func() error { _, err := CompareAgainst(t.Context(), d, all, &AgainstSettings{Folds: 1}); return err },
		"deals": func() error { _, err := CompareAgainst(t.Context(), d, all, &AgainstSettings{Deals: -1}); return err },
		"no labels": func() error {
			_, err := CompareAgainst(t.Context(), &experiment.Data{Labels: make([]string, 300)}, all, nil)
			return err
		},
	} {
		if err := call(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
