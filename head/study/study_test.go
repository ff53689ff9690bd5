package study

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

// toy is a learner whose accuracy is known: 1 − floor − scale/√n for each
// depth. Whether a row is right is drawn by row, subset and depth, the first
// two common to all depths.
type toy struct {
	depths []toyDepth
	// learnt notes the lessons that were done.
	learnt []Lesson
	// stop ends a lesson of this number with an error; 0: none.
	stop int
}

// toyDepth is a depth of a toy.
type toyDepth struct {
	Depth
	floor, scale float64
	cost         time.Duration // a row
	err          error
}

func (l *toy) Depths() []Depth {
	var all []Depth
	for _, d := range l.depths {
		all = append(all, d.Depth)
	}
	return all
}

func (l *toy) of(d *Depth) *toyDepth {
	return &l.depths[slices.IndexFunc(l.depths, func(x toyDepth) bool { return x.Name == d.Name })]
}

func (l *toy) Cost(d *Depth, train, _ int) time.Duration {
	return time.Duration(train) * l.of(d).cost
}

var errStopped = errors.New("stopped")

func (l *toy) Learn(_ context.Context, on *Lesson) (*Learnt, error) {
	d := l.of(on.Depth)
	if d.err != nil {
		return nil, d.err
	}
	if l.learnt = append(l.learnt, *on); len(l.learnt) == l.stop {
		return nil, errStopped
	}
	p := 1 - d.floor - d.scale/math.Sqrt(float64(len(on.Train)))
	luck := rand.New(rand.NewPCG(on.Seed, uint64(len(on.Train))))
	p += 0.01 * luck.NormFloat64()
	outcomes := make([]measure.Outcome, len(on.Test))
	right := 0
	for i, row := range on.Test {
		u := rand.New(rand.NewPCG(uint64(row), 7)).Float64()
		sure := []float64{0.9, 0.1}
		if u >= p {
			sure = []float64{0.1, 0.9}
		} else {
			right++
		}
		outcomes[i] = measure.NewOutcome(sure, 0)
	}
	share := float64(right) / float64(len(on.Test))
	score := measure.Score{Value: share, SE: math.Sqrt(share * (1 - share) / float64(len(on.Test)))}
	return &Learnt{
		Test: Scores{Accuracy: score, MacroF1: score, LogLoss: measure.Score{Value: -0.5, SE: 0.01}}, Outcomes: outcomes,
		Train: Scores{Accuracy: measure.Score{Value: 1}, MacroF1: measure.Score{Value: 1}},
	}, nil
}

// toyData are n rows of classes that are as frequent as 3 to 1.
func toyData(n int) *experiment.Data {
	d := &experiment.Data{}
	for i := range n {
		d.Labels = append(d.Labels, []string{"a", "b", "a", "a"}[i%4])
		d.IDs = append(d.IDs, fmt.Sprint("row", i))
	}
	return d
}

func head(floor, scale float64) toyDepth {
	return toyDepth{Depth: Depth{Name: "head"}, floor: floor, scale: scale, cost: time.Microsecond}
}

func studied(t *testing.T, d *experiment.Data, l *toy, s *Settings) *Result {
	t.Helper()
	r, err := Run(t.Context(), d, l, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Subsets are nested, have all classes in their proportions and no test row,
// are the same for each depth, and reach from all samples down in steps of √2.
func TestSubsets(t *testing.T) {
	all := toyDepth{Depth: Depth{Name: "all", Layers: true}, scale: 1, cost: time.Millisecond}
	l := &toy{depths: []toyDepth{head(0.1, 1), {Depth: Depth{Name: "taps"}, scale: 1, cost: 2 * time.Microsecond}, all}}
	r := studied(t, toyData(1000), l, nil)
	if r.N != 800 || r.Test != 200 || r.Shared || len(r.Seeds) != 5 {
		t.Fatalf("%d training and %d test samples, shared %v, seeds %v", r.N, r.Test, r.Shared, r.Seeds)
	}
	var sizes []int
	for _, p := range r.Curves[0].Points {
		sizes = append(sizes, p.N)
	}
	if want := []int{35, 50, 71, 100, 141, 200, 283, 400, 566, 800}; !slices.Equal(sizes, want) {
		t.Errorf("sizes %v, want %v", sizes, want)
	}
	if got := len(r.Curves[2].Points); got != TailSizes || r.Curves[2].Points[0].N != 100 {
		t.Errorf("layers are trained at %d sizes, from %d on", got, r.Curves[2].Points[0].N)
	}
	type place struct {
		seed uint64
		n    int
	}
	first := map[place]*Lesson{}
	tested := map[int]int{}
	for i := range l.learnt {
		one := &l.learnt[i]
		at := place{one.Seed, len(one.Train)}
		if other := first[at]; other != nil {
			if !slices.Equal(one.Train, other.Train) || !slices.Equal(one.Test, other.Test) {
				t.Fatalf("seed %d, %d samples: %s and %s have other rows", one.Seed, at.n, one.Depth.Name, other.Depth.Name)
			}
			continue
		}
		first[at] = one
		b := 0
		for _, row := range one.Train {
			if _, in := slices.BinarySearch(one.Test, row); in {
				t.Fatalf("row %d is trained on and tested", row)
			}
			if row%4 == 1 {
				b++
			}
		}
		if math.Abs(float64(b)-float64(at.n)/4) > 1 {
			t.Errorf("seed %d: %d of %d samples are of the class of a quarter", one.Seed, b, at.n)
		}
		if at.n == 800 {
			for _, row := range one.Test {
				tested[row]++
			}
		}
	}
	if len(tested) != 1000 {
		t.Errorf("%d of 1000 samples are tested by some seed", len(tested))
	}
	for at, one := range first {
		for _, row := range one.Train {
			if _, in := slices.BinarySearch(first[place{at.seed, 800}].Train, row); !in {
				t.Fatalf("a subset of %d is not part of the largest", at.n)
			}
		}
	}
	if again := studied(t, toyData(1000), l, nil); !reflect.DeepEqual(again, r) {
		t.Error("the same study has another result")
	}
}

// Groups stay together: the beginning of an order cuts at most one.
func TestSubsetsByGroup(t *testing.T) {
	d := toyData(600)
	for i := range d.Labels {
		d.Groups = append(d.Groups, fmt.Sprint("group", i/7))
	}
	l := &toy{depths: []toyDepth{head(0.1, 1)}}
	studied(t, d, l, nil)
	for i := range l.learnt {
		one := &l.learnt[i]
		sizes, inside := map[string]int{}, map[string]int{}
		for r := range d.Labels {
			sizes[d.Groups[r]]++
		}
		for _, r := range one.Train {
			inside[d.Groups[r]]++
		}
		cut := 0
		for g, n := range inside {
			if n < sizes[g] {
				cut++
			}
		}
		for _, r := range one.Test {
			if inside[d.Groups[r]] > 0 {
				t.Fatalf("group %s is trained on and tested", d.Groups[r])
			}
		}
		if cut > 1 {
			t.Errorf("%d groups are cut by a subset of %d", cut, len(one.Train))
		}
	}
}

// Where groups are large, small subsets are of one class; the error says how
// many samples it takes then.
func TestLargeGroups(t *testing.T) {
	d := &experiment.Data{}
	for i := range 80 {
		d.Labels = append(d.Labels, []string{"a", "b"}[i/40])
		d.IDs = append(d.IDs, fmt.Sprint("row", i))
		d.Groups = append(d.Groups, fmt.Sprint("group", i/20))
	}
	_, err := Run(t.Context(), d, &toy{depths: []toyDepth{head(0, 1)}}, nil)
	few, ok := errors.AsType[*TooFewError](err)
	if !ok || few.Smallest < 20 || few.Needed < few.Train {
		t.Errorf("%v", err)
	}
}

// A set with a test split is measured on it and learns from the rest.
func TestOwnTest(t *testing.T) {
	d := toyData(500)
	for i := range d.Labels {
		d.Splits = append(d.Splits, []string{"train", "train", "validation", "train", "test"}[i%5])
	}
	l := &toy{depths: []toyDepth{head(0.1, 1)}}
	r := studied(t, d, l, nil)
	if !r.Shared || r.N != 400 || r.Test != 100 {
		t.Errorf("shared %v, %d training and %d test samples", r.Shared, r.N, r.Test)
	}
	for _, one := range l.learnt {
		for _, row := range one.Test {
			if row%5 != 4 {
				t.Fatalf("row %d is tested", row)
			}
		}
	}
	for _, p := range r.Curves[0].Points {
		if !(p.Low < p.Value && p.Value < p.High) || p.High-p.Low < 2*1.96*math.Sqrt(p.Value*(1-p.Value)/100)*0.9 { // some of it averages out over seeds
			t.Errorf("n = %d: %v from %v to %v is narrower than 100 samples allow", p.N, p.Value, p.Low, p.High)
		}
	}
}

// What is cheapest is trained first; what does not go into the budget is named
// with what it would take.
func TestBudget(t *testing.T) {
	all := toyDepth{Depth: Depth{Name: "all", Layers: true}, floor: 0.1, scale: 1, cost: time.Second}
	l := &toy{depths: []toyDepth{head(0.1, 1), all}}
	r := studied(t, toyData(1000), l, &Settings{Budget: 1000 * time.Second})
	if len(r.Skipped) != 1 || r.Skipped[0].Depth != "all" || r.Skipped[0].Kind != "budget" || !slices.Equal(r.Skipped[0].Sizes, []int{400, 800}) {
		t.Fatalf("skipped: %+v", r.Skipped)
	}
	// 3 seeds of 100, 200, 400 and 800 rows.
	if got := r.Skipped[0].Budget; math.Abs(got-4500) > 1 {
		t.Errorf("it would take %v s", got)
	}
	if r.Advice.Depth != Unclear || r.Advice.Settle == nil || r.Advice.Settle.Depth != "all" || !strings.Contains(r.Advice.Text, "75 min") {
		t.Errorf("advice: %+v", r.Advice)
	}
	cost := time.Duration(0)
	for _, one := range l.learnt {
		now := l.Cost(one.Depth, len(one.Train), 0) * time.Duration(map[bool]int{true: 3, false: 5}[one.Depth.Layers])
		if now < cost {
			t.Fatalf("%s with %d samples comes after what costs more", one.Depth.Name, len(one.Train))
		}
		cost = now
	}
	if len(l.learnt) != 10*5+2*3 {
		t.Errorf("%d trainings", len(l.learnt))
	}
	// What is left over goes into the seeds that layers were not tested with.
	for budget, want := range map[time.Duration]int{4600 * time.Second: 10*5 + 4*3, 6200 * time.Second: 10*5 + 4*3 + 2} {
		more := &toy{depths: l.depths}
		r := studied(t, toyData(1000), more, &Settings{Budget: budget})
		last := more.learnt[len(more.learnt)-1]
		if len(more.learnt) != want || len(r.Skipped) != 0 || want > 62 && (len(last.Train) != 800 || last.Seed != 4) {
			t.Errorf("budget %v: %d trainings, skipped %+v", budget, len(more.learnt), r.Skipped)
		}
	}
}

// What prepares a depth, once, is spent with its first size, and named with
// what does not go into the budget.
func TestBudgetCountsWhatPreparesADepth(t *testing.T) {
	depths := func(once time.Duration) []toyDepth {
		return []toyDepth{head(0.1, 1), {Depth: Depth{Name: "all", Layers: true, Once: once}, floor: 0.1, scale: 1, cost: time.Second}}
	}
	// Of layers 3 seeds of 100 rows take 300 s, of 200 rows 600 s.
	for _, c := range []struct {
		once, budget time.Duration
		trained      int // sizes of layers
		needs        float64
	}{
		{0, 1000 * time.Second, 2, 4500},
		{200 * time.Second, 1000 * time.Second, 1, 4700},
		{701 * time.Second, 1000 * time.Second, 0, 5201},
		{701 * time.Second, 1002 * time.Second, 1, 5201},
	} {
		l := &toy{depths: depths(c.once)}
		r := studied(t, toyData(1000), l, &Settings{Budget: c.budget})
		if len(r.Skipped) != 1 || len(r.Skipped[0].Sizes) != 4-c.trained || math.Abs(r.Skipped[0].Budget-c.needs) > 1.5 {
			t.Errorf("%+v: skipped %+v", c, r.Skipped)
		}
		if len(l.learnt) != 10*5+3*c.trained {
			t.Errorf("%+v: %d trainings", c, len(l.learnt))
		}
	}
}

// Notes of a depth with other settings are kept beside each other.
func TestKeysHaveTheSettingsOfADepth(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range []Depth{{Name: "all"}, {Name: "all", Settings: "a"}, {Name: "all", Settings: "b"}, {Name: "alla"}} {
		l := &Lesson{Depth: &d, Train: []int{1, 2}, Test: []int{3}}
		seen[l.key()] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d keys", len(seen))
	}
}

// A budget that allows one point says that there is no curve.
func TestTinyBudget(t *testing.T) {
	r := studied(t, toyData(1000), &toy{depths: []toyDepth{head(0.1, 1)}}, &Settings{Budget: 1})
	if n := len(r.Curves[0].Points); n != 1 {
		t.Fatalf("%d points", n)
	}
	if len(r.Predictions) != 0 || r.Advice.Data != Unclear || !strings.Contains(r.Advice.Text, "1 size") {
		t.Errorf("%+v", r.Advice)
	}
}

// A depth that cannot be trained is left out with its reason; the first one is
// needed.
func TestUnable(t *testing.T) {
	gone := &UnableError{"taps", errors.New("samples are gone")}
	taps := toyDepth{Depth: Depth{Name: "taps"}, scale: 1, cost: time.Microsecond, err: gone}
	r := studied(t, toyData(400), &toy{depths: []toyDepth{head(0.1, 1), taps}}, &Settings{Absent: []*UnableError{{"half", errors.New("no layers")}}})
	if len(r.Curves) != 1 || len(r.Skipped) != 2 || r.Skipped[0].Depth != "half" || r.Skipped[1].Reason != "samples are gone" {
		t.Errorf("%d curves, skipped %+v", len(r.Curves), r.Skipped)
	}
	first := head(0.1, 1)
	first.err = gone
	_, err := Run(t.Context(), toyData(400), &toy{depths: []toyDepth{first}}, nil)
	if _, ok := errors.AsType[*NothingError](err); !ok || !strings.Contains(err.Error(), "samples are gone") {
		t.Errorf("error %v", err)
	}
}

// notes is a notebook in memory.
type notes map[string]*Note

func (n notes) Recall(key string) *Note { return n[key] }
func (n notes) Keep(key string, note *Note) error {
	n[key] = note
	return nil
}

// A note that no training can have written is not used: its lesson is learnt
// anew, and the result is that of a study without it.
func TestChangedNotes(t *testing.T) {
	nan := math.NaN()
	want := studied(t, toyData(200), &toy{depths: []toyDepth{head(0.1, 1)}}, nil)
	for name, change := range map[string]func(*Note){
		"accuracy": func(n *Note) { n.Test[0][0] = 1.5 },
		"error":    func(n *Note) { n.Train[0][1] = -1 },
		"log-loss": func(n *Note) { n.Test[2][0] = nan },
		"loss":     func(n *Note) { n.Loss[0] = 1e9 },
		"no loss":  func(n *Note) { n.Loss[0] = float32(nan) },
		"rows":     func(n *Note) { n.Right = n.Right[1:] },
	} {
		book := notes{}
		studied(t, toyData(200), &toy{depths: []toyDepth{head(0.1, 1)}}, &Settings{Notebook: book})
		if len(book) == 0 {
			t.Fatal("no notes")
		}
		for _, n := range book {
			change(n)
		}
		l := &toy{depths: []toyDepth{head(0.1, 1)}}
		if got := studied(t, toyData(200), l, &Settings{Notebook: book}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: another result", name)
		}
		if len(l.learnt) != len(book) {
			t.Errorf("%s: %d of %d lessons were learnt anew", name, len(l.learnt), len(book))
		}
	}
}

// A study that was stopped five times has the same result, and does nothing
// twice.
func TestStoppedFiveTimes(t *testing.T) {
	make := func(stop int) *toy {
		return &toy{stop: stop, depths: []toyDepth{head(0.1, 1), {Depth: Depth{Name: "taps"}, scale: 1.2, cost: 3 * time.Microsecond}}}
	}
	whole := make(0)
	want := studied(t, toyData(700), whole, nil)
	book := notes{}
	done := 0
	for i := range 5 {
		l := make(7 + i)
		if _, err := Run(t.Context(), toyData(700), l, &Settings{Notebook: book}); !errors.Is(err, errStopped) {
			t.Fatal(err)
		}
		done += len(l.learnt) - 1
	}
	l := make(0)
	got := studied(t, toyData(700), l, &Settings{Notebook: book})
	if !reflect.DeepEqual(got, want) {
		t.Error("a study that was stopped five times has another result")
	}
	if done+len(l.learnt) != len(whole.learnt) {
		t.Errorf("%d and %d lessons instead of %d", done, len(l.learnt), len(whole.learnt))
	}
}

// Data that cannot be studied are errors that say what is needed.
func TestBadData(t *testing.T) {
	one := toyData(100)
	for i := range one.Labels {
		one.Labels[i] = "a"
	}
	none := toyData(100)
	for i := range none.Labels {
		none.Labels[i] = ""
	}
	group := toyData(100)
	for range group.Labels {
		group.Groups = append(group.Groups, "the one")
	}
	tested := toyData(100)
	for range tested.Labels {
		tested.Splits = append(tested.Splits, "test")
	}
	for name, c := range map[string]struct {
		data *experiment.Data
		says string
	}{
		"few":      {toyData(20), "16 training samples of 2 classes are too few for a curve: 4 sizes from 8 samples on, each √2 times the one before it, take 23"},
		"class":    {one, `class "a"`},
		"labels":   {none, "none of 100 samples has a label"},
		"group":    {group, `of one group, "the one"`},
		"tested":   {tested, "nothing to train on"},
		"several":  {&experiment.Data{LabelLists: [][]string{{"a"}, {"b"}}}, "several labels"},
		"nothing":  {&experiment.Data{}, "none of 0 samples"},
		"settings": {toyData(100), "seeds"},
	} {
		s := &Settings{}
		if name == "settings" {
			s.Repeat = 1
		}
		if _, err := Run(t.Context(), c.data, &toy{depths: []toyDepth{head(0, 1)}}, s); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	few, _ := errors.AsType[*TooFewError](func() error {
		_, err := Run(t.Context(), toyData(20), &toy{depths: []toyDepth{head(0, 1)}}, nil)
		return err
	}())
	if few == nil {
		t.Fatal("no TooFewError")
	}
	studied(t, toyData(few.Labelled), &toy{depths: []toyDepth{head(0, 1)}}, nil) // as many as it says are enough
}

// A class that the smallest subsets lack is named.
func TestRareClass(t *testing.T) {
	d := toyData(400)
	d.Labels[3], d.Labels[77], d.Labels[211] = "rare", "rare", "rare"
	r := studied(t, d, &toy{depths: []toyDepth{head(0, 1)}}, nil)
	if len(r.Notes) != 1 || r.Notes[0].Kind != "rare-classes" || !slices.Equal(r.Notes[0].Names, []string{"rare"}) {
		t.Errorf("notes: %+v", r.Notes)
	}
}

// Samples that belong together and are more than a fold are named: intervals
// take them for luck that averages out.
func TestLargeUnit(t *testing.T) {
	d := toyData(400)
	for i := range d.Labels {
		d.Groups = append(d.Groups, map[bool]string{true: "untitled", false: fmt.Sprint("group", i)}[i < 81])
	}
	l := &toy{depths: []toyDepth{head(0, 1)}}
	if r := studied(t, d, l, nil); len(r.Notes) != 1 || r.Notes[0].Kind != "large-unit" || r.Notes[0].Count != 81 {
		t.Errorf("notes: %+v", r.Notes)
	}
	d.Groups[80] = "another"
	if r := studied(t, d, l, nil); len(r.Notes) != 0 {
		t.Errorf("a fifth of all samples is no more than a fold: %+v", r.Notes)
	}
}

// The advised depth is the simplest one of those that are better by more than
// chance, and the simplest of all where nothing can gain a point.
func TestDepthAdvice(t *testing.T) {
	taps := func(floor, scale float64) toyDepth {
		return toyDepth{Depth: Depth{Name: "taps"}, floor: floor, scale: scale, cost: 2 * time.Microsecond}
	}
	better := studied(t, toyData(4000), &toy{depths: []toyDepth{head(0.2, 1), taps(0.1, 1)}}, nil)
	if better.Advice.Depth != "taps" || !strings.Contains(better.Advice.Text, "More depth pays") {
		t.Errorf("10 points more: %+v", better.Advice)
	}
	if f1 := studied(t, toyData(4000), &toy{depths: []toyDepth{head(0.2, 1), taps(0.1, 1)}}, &Settings{Metric: "macro-f1"}); !strings.Contains(f1.Advice.Text, " points of accuracy more than") {
		t.Errorf("differences are of accuracies, also beside a curve of macro-F1: %s", f1.Advice.Text)
	}
	same := studied(t, toyData(4000), &toy{depths: []toyDepth{head(0.2, 1), taps(0.2, 1)}}, nil)
	if same.Advice.Depth != "head" || !strings.Contains(same.Advice.Text, "More depth does not pay") {
		t.Errorf("the same: %+v", same.Advice)
	}
	few := studied(t, toyData(80), &toy{depths: []toyDepth{head(0.2, 1), taps(0.19, 1)}}, nil)
	if few.Advice.Depth != Unclear || few.Advice.Settle == nil || few.Advice.Settle.Samples < 50 {
		t.Errorf("a point more of 80 samples: %+v", few.Advice)
	}
	// Worse with few samples, better with many: 0.2 + 1/√n = 0.1 + 2.5/√n at n
	// = 225.
	later := studied(t, toyData(4000), &toy{depths: []toyDepth{head(0.2, 1), taps(0.1, 2.5)}}, nil)
	x := later.Advice.Crossing
	if x == nil || x.N < 150 || x.N > 350 || !(x.Low < x.N && x.N < x.High) || !strings.Contains(later.Advice.Text, "from about") {
		t.Errorf("crossing %+v: %s", x, later.Advice.Text)
	}
	for _, r := range []*Result{better, same, few, later} {
		if n := strings.Count(r.Advice.Text, ". ") + 1; n != 2 {
			t.Errorf("%d sentences: %s", n, r.Advice.Text)
		}
	}
}

// The interval of a paired difference holds the difference that there is, as
// often as it says.
func TestPairedCoverage(t *testing.T) {
	inside, all := 0, 0
	for i := range 200 {
		d := toyData(300)
		for k := range d.IDs {
			d.IDs[k] = fmt.Sprint(i, "row", k)
		}
		l := &noisy{seed: uint64(i), gain: 0.04}
		r, err := Run(t.Context(), d, l, &Settings{Smallest: 80})
		if err != nil {
			t.Fatal(err)
		}
		points := r.Curves[1].Points
		p := points[len(points)-1].Against
		all++
		if p.Low <= 0.04 && 0.04 <= p.High {
			inside++
		}
	}
	if share := float64(inside) / float64(all); share < 0.91 || share > 0.995 {
		t.Errorf("%.1f %% of the intervals of 95 %% hold the difference", 100*share)
	}
}

// noisy is a learner of two depths whose outcomes are drawn anew for each row
// and subset.
type noisy struct {
	seed uint64
	gain float64
}

func (l *noisy) Depths() []Depth                     { return []Depth{{Name: "head"}, {Name: "taps"}} }
func (l *noisy) Cost(*Depth, int, int) time.Duration { return 1 }
func (l *noisy) Learn(_ context.Context, on *Lesson) (*Learnt, error) {
	out := &Learnt{}
	r := rand.New(rand.NewPCG(l.seed, on.Seed<<32|uint64(len(on.Train))))
	for range on.Test {
		// Both depths draw as often, so that a row has nothing of another.
		u, other, own := r.Float64(), r.Float64(), r.Float64() < 0.5
		p := 0.7
		if on.Depth.Name == "taps" {
			p += l.gain
			if own {
				u = other
			}
		}
		sure := []float64{0.9, 0.1}
		if u > p {
			sure = []float64{0.1, 0.9}
		}
		out.Outcomes = append(out.Outcomes, measure.NewOutcome(sure, 0))
	}
	return out, nil
}

// The standard error of a paired difference is as large as such differences
// vary, also where all seeds test the same samples: what a sample has of luck
// with one seed counts once.
func TestPairedErrorOfOneTest(t *testing.T) {
	var values []float64
	claimed := 0.0
	const studies = 400
	for i := range studies {
		d := toyData(320)
		for k := range d.Labels {
			d.Splits = append(d.Splits, map[bool]string{true: "test", false: "train"}[k < 160])
		}
		r, err := Run(t.Context(), d, &noisy{seed: uint64(i), gain: 0.04}, &Settings{Smallest: 50, Repeat: 3})
		if err != nil {
			t.Fatal(err)
		}
		points := r.Curves[1].Points
		p := points[len(points)-1].Against
		values = append(values, p.Value)
		claimed += p.SE * p.SE / studies
	}
	if ratio := claimed / variance(values); ratio < 0.9 || ratio > 1.55 {
		t.Errorf("the variance is said to be %.2f times what it is", ratio)
	}
}
