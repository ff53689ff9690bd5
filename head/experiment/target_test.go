package experiment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/fit"
	"github.com/headstart-ml/headstart/head/measure"
)

// targetData returns the golden features with targets of a kind of head, every
// third row in the test part, and what scikit-learn measures there for each λ.
func targetData(t *testing.T, kind string) (*Data, []map[string]float64, []float64) {
	t.Helper()
	d, _ := small(t)
	text, err := os.ReadFile("../fit/testdata/targets.json")
	if err != nil {
		t.Fatal(err)
	}
	type metrics struct{ Metrics map[string]any }
	var g struct {
		Labels  [][]int
		Numbers []float64
		Grades  []int
		Path    []struct {
			L2                        float64
			Logistic, Linear, Ordinal metrics
		}
	}
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	d.Labels, d.Splits = nil, nil
	for i := range d.Rows.N() {
		d.Splits = append(d.Splits, []string{"train", "train", "test"}[i%3])
		switch kind {
		case "logistic":
			list := []string{}
			for k, v := range g.Labels[i] {
				if v == 1 {
					list = append(list, fmt.Sprint("label ", k))
				}
			}
			d.LabelLists = append(d.LabelLists, list)
		case "linear":
			d.Labels = append(d.Labels, fmt.Sprintf("%g;%g", g.Numbers[2*i], g.Numbers[2*i+1]))
		case "ordinal":
			d.Labels = append(d.Labels, fmt.Sprint(5*g.Grades[i]))
		}
	}
	var want []map[string]float64
	var strengths []float64
	for _, p := range g.Path {
		m := map[string]float64{}
		for name, v := range map[string]metrics{"logistic": p.Logistic, "linear": p.Linear, "ordinal": p.Ordinal}[kind].Metrics {
			if x, ok := v.(float64); ok {
				m[name] = x
			}
		}
		want, strengths = append(want, m), append(strengths, p.L2)
	}
	return d, want, strengths
}

// Heads of each task are as good on the test part as scikit-learn's.
func TestTargetsGolden(t *testing.T) {
	for _, kind := range []string{"logistic", "linear", "ordinal"} {
		d, want, strengths := targetData(t, kind)
		for i, l2 := range strengths {
			r, err := Train(context.Background(), d, &Settings{Kind: kind, L2: l2, Tolerance: 1e-7})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]float64{}
			for _, e := range r.Metrics.Test.Estimates() {
				got[map[string]string{"ap": "average_precision", "kappa": "quadratic_kappa"}[e.Name]] = e.Value
				got[strings.ReplaceAll(e.Name, "-", "_")] = e.Value
			}
			for name, v := range want[i] {
				if x, ok := got[name]; !ok || !(math.Abs(x-v) <= 6e-3*max(1, math.Abs(v))) {
					t.Errorf("%s, λ = %g: %s is %v, scikit-learn's %v", kind, l2, name, x, v)
				}
			}
			if r.Task != head.KindOf(kind).Task.Word() || r.Head.Check() != nil || r.Head.Task != head.KindOf(kind).Task || r.N.Train != 400 || r.N.Test != 200 {
				t.Errorf("%s: %s, %v, %+v", kind, r.Task, r.Head.Check(), r.N)
			}
		}
	}
}

// λ is selected, cross-validation covers every row, the result does not depend
// on threads and memory, and JSON has it whole.
func TestTargetsAreSelected(t *testing.T) {
	for _, kind := range []string{"logistic", "linear", "ordinal"} {
		d, _, _ := targetData(t, kind)
		d.Splits = nil
		var want *Result
		for _, s := range []*Settings{{}, {Threads: 1}, {Threads: 3, Memory: 1}} {
			s.Kind, s.Folds, s.CV, s.L2Points, s.Repeat = kind, 3, 3, 8, 2
			total := 0
			s.Progress = func(done, all int) {
				if total = all; done > all {
					t.Errorf("%d of %d fits", done, all)
				}
			}
			r, err := Train(context.Background(), d, s)
			if err != nil {
				t.Fatal(err)
			}
			if total != 2*(4+4*3*8) {
				t.Errorf("%d fits", total)
			}
			if want == nil {
				want = r
			}
			if !reflect.DeepEqual(r, want) {
				t.Errorf("%s: %+v: another result", kind, s)
			}
		}
		if want.Metrics.CV == nil || want.Metrics.CV.Rows != 600 || len(want.Folds) != 3 || len(want.Selection) < 3 || len(want.Predictions.Rows) != 600 || len(want.Spread.Seeds) != 2 {
			t.Errorf("%s: %+v", kind, want)
		}
		best := want.Selection[0]
		for _, c := range want.Selection {
			if better(measure.ScoreNamesOf(want.Head.Task)[0], c.Score, best.Score) {
				best = c
			}
		}
		if want.L2 != best.L2 {
			t.Errorf("%s: λ = %g of %+v", kind, want.L2, want.Selection)
		}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		again := new(Result)
		if err := json.Unmarshal(text, again); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(again.Metrics, want.Metrics) || !reflect.DeepEqual(again.Spread, want.Spread) || again.Task != want.Task {
			t.Errorf("%s: read again: %s", kind, text)
		}
		for _, metric := range measure.ScoreNamesOf(want.Head.Task) {
			if _, err := Train(context.Background(), d, &Settings{Kind: kind, Metric: metric, L2Points: 2, CV: 2, Folds: 2}); err != nil {
				t.Errorf("%s by %s: %v", kind, metric, err)
			}
		}
	}
}

// A validation part is refitted on, and a λ a label is chosen by its own loss.
func TestTargetsByParts(t *testing.T) {
	for _, kind := range []string{"logistic", "linear", "ordinal"} {
		d, _, _ := targetData(t, kind)
		for i := range d.Splits {
			if i%6 == 0 {
				d.Splits[i] = "val"
			}
		}
		r, err := Train(context.Background(), d, &Settings{Kind: kind, L2Points: 4})
		if err != nil {
			t.Fatal(err)
		}
		if r.N.Train != 300 || r.N.Validation != 100 || r.N.Test != 200 || len(r.Fitted) != 400 || r.Metrics.Validation == nil || r.Metrics.Test == nil || r.Metrics.Train != nil {
			t.Errorf("%s: %+v", kind, r)
		}
		kept, err := Train(context.Background(), d, &Settings{Kind: kind, L2Points: 4, NoRefit: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(kept.Fitted) != 300 || kept.Metrics.Train == nil || kept.Metrics.Train.Rows != 300 {
			t.Errorf("%s without a refit: %+v", kind, kept)
		}
	}
	d, _, _ := targetData(t, "logistic")
	r, err := Train(context.Background(), d, &Settings{Kind: "logistic", L2Points: 6, L2PerLabel: true})
	if err != nil {
		t.Fatal(err)
	}
	own := map[float64]bool{}
	for _, l := range r.L2Labels {
		own[l] = true
	}
	if len(r.L2Labels) != 4 || len(own) < 2 {
		t.Errorf("λ of each label: %v", r.L2Labels)
	}
}

// No value of a test row reaches the head, its standardisation or its
// selection, whatever it is; nor does one of an outer fold reach what is learnt
// without the fold.
func TestTargetsPoison(t *testing.T) {
	for _, kind := range []string{"logistic", "linear", "ordinal"} {
		d, _, _ := targetData(t, kind)
		for _, s := range []*Settings{{Kind: kind, L2Points: 4}, {Kind: kind, L2Points: 4, CV: 3, Folds: 3}} {
			if s.CV > 0 {
				d.Splits = nil
			}
			want := targetsOnce(t, d, s)
			held := [][]int{want.parts.Test}
			if s.CV > 0 {
				held = want.folds
			}
			for f, rows := range held {
				for _, p := range poisons {
					bad := poisoned(d, rows, p.value)
					if s.CV == 0 {
						have := targetsOnce(t, bad, s)
						if !reflect.DeepEqual(have.final, want.final) || !reflect.DeepEqual(have.whole.tried, want.whole.tried) {
							t.Errorf("%s: %s test rows change what is learnt", kind, p.name)
						}
						continue
					}
					if p.name != "1e30" {
						continue // the other folds learn from these rows
					}
					bad.Labels, bad.LabelLists = d.Labels, d.LabelLists // by which rows are dealt into folds
					have := targetsOnce(t, bad, s)
					if !reflect.DeepEqual(have.folds, want.folds) {
						t.Fatalf("%s: other folds", kind)
					}
					for g := range want.folds {
						if same := reflect.DeepEqual(have.fits[g], want.fits[g]); same != (g == f) {
							t.Errorf("%s: rows of fold %d are huge: the same is learnt without fold %d: %v", kind, f, g, same)
						}
					}
				}
			}
		}
	}
}

// targetsOnce runs one seed on d, whose rows need not be finite where they are
// not fitted on.
func targetsOnce(t *testing.T, d *Data, s *Settings) *targetTrial {
	t.Helper()
	tr := &trainer{Settings: s, data: d, result: &Result{Dim: d.Rows.D()}, tolerant: true}
	task := head.KindOf(s.Kind).Task
	g := &targetTrainer{trainer: tr, entry: fit.TargetFamilyOf(s.Kind), metric: measure.ScoreNamesOf(task)[0]}
	if err := g.prepare(context.Background(), task); err != nil {
		t.Fatal(err)
	}
	o, err := g.once(context.Background(), s.Seed)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Folds have their share of labels, numbers and grades.
func TestTargetFolds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	d := &Data{}
	var all []int
	for i := range 300 {
		all = append(all, i)
		list := []string{}
		if i%100 == 0 {
			list = append(list, "rare")
		}
		if r.IntN(3) > 0 {
			list = append(list, "often")
		}
		d.LabelLists = append(d.LabelLists, list)
		d.Labels = append(d.Labels, fmt.Sprint(r.NormFloat64()))
	}
	units := seedUnits(unitsOf(d, all, false), 0)
	labels, err := labelGoal(d, all)
	if err != nil {
		t.Fatal(err)
	}
	for f, fold := range dealStrata(units, 3, labels.strata, labels.layers) {
		var rare, often int
		for _, i := range fold {
			if slices.Contains(d.LabelLists[i], "rare") {
				rare++
			}
			if slices.Contains(d.LabelLists[i], "often") {
				often++
			}
		}
		if rare != 1 || len(fold) < 99 || len(fold) > 101 {
			t.Errorf("fold %d: %d rows, %d of the rare label, %d of the other", f, len(fold), rare, often)
		}
	}
	numbers, err := numberGoal(d, all)
	if err != nil {
		t.Fatal(err)
	}
	for f, fold := range dealStrata(units, 3, tenths(units, numbers.first), numberStrata) {
		low := 0
		for _, i := range fold {
			if tenths(units, numbers.first)[i][0] == 0 {
				low++
			}
		}
		if low != 10 {
			t.Errorf("fold %d has %d of the 30 lowest numbers", f, low)
		}
	}
}

// Labels that a head cannot learn are errors that name the first sample.
func TestTargetsThatAreNone(t *testing.T) {
	x := &dense{d: 2, values: make([]float32, 16)}
	for i := range x.values {
		x.values[i] = float32(i * i % 7)
	}
	numbers := []string{"1", "2", "3", "4", "5", "6", "7", "8"}
	with := func(i int, label string) []string {
		l := slices.Clone(numbers)
		l[i] = label
		return l
	}
	lists := func(l ...string) [][]string { return slices.Repeat([][]string{append([]string{}, l...)}, 8) }
	for _, c := range []struct {
		d    *Data
		s    *Settings
		want string
	}{
		{&Data{Labels: with(3, "NaN")}, &Settings{Kind: "linear"}, `sample 3: label "NaN" is no finite number`},
		{&Data{Labels: with(3, "-inf")}, &Settings{Kind: "linear"}, `sample 3: label "-inf" is no finite number`},
		{&Data{Labels: with(3, "1e999")}, &Settings{Kind: "linear"}, `out of the range`},
		{&Data{Labels: with(3, "four")}, &Settings{Kind: "linear"}, `label "four" is no number`},
		{&Data{Labels: with(3, "1;2")}, &Settings{Kind: "linear"}, `label "1;2" is 2 numbers, those before it are 1`},
		{&Data{Labels: with(3, "[]")}, &Settings{Kind: "linear"}, `is a list without a number`},
		{&Data{Labels: with(3, "[1,")}, &Settings{Kind: "linear"}, `is no number and no list`},
		{&Data{Labels: slices.Repeat([]string{"3"}, 8)}, &Settings{Kind: "linear"}, "all 8 labelled samples have the number 3"},
		{&Data{Labels: make([]string, 8)}, &Settings{Kind: "linear"}, "none of 8 samples has a label"},
		{&Data{Labels: with(3, "four")}, &Settings{Kind: "ordinal"}, `label "four" is no number, and no order of grades is given`},
		{&Data{Labels: with(3, "1.0")}, &Settings{Kind: "ordinal"}, `"1.0" is the same number as "1"`},
		{&Data{Labels: numbers}, &Settings{Kind: "ordinal", Grades: []string{"1", "2"}}, `"3" is none of the grades 1, 2`},
		{&Data{Labels: numbers}, &Settings{Kind: "ordinal", Grades: []string{"1", "1"}}, `grade "1" is given twice`},
		{&Data{Labels: slices.Repeat([]string{"3"}, 8)}, &Settings{Kind: "ordinal"}, "all 8 labelled samples have the grade 3"},
		{&Data{LabelLists: lists()}, &Settings{Kind: "logistic"}, "all 8 labelled samples have the label (none)"},
		{&Data{LabelLists: lists("a", "b")}, &Settings{Kind: "logistic"}, "all 8 labelled samples have the label a, b"},
		{&Data{LabelLists: make([][]string, 8)}, &Settings{Kind: "logistic"}, "none of 8 samples has a label"},
		{&Data{Labels: numbers, LabelLists: lists("a")[:7]}, &Settings{Kind: "logistic"}, "7 lists of labels for 8 rows"},
		{&Data{LabelLists: lists("a")}, &Settings{}, "several labels each, and a head of kind softmax learns one"},
		{&Data{Labels: numbers}, &Settings{Kind: "linear", Metric: "accuracy"}, `metric "accuracy" is none of r2, rmse, mae`},
		{&Data{Labels: numbers}, &Settings{Metric: "r2"}, `metric "r2" is none of accuracy`},
		{&Data{Labels: numbers}, &Settings{Kind: "linear", ClassWeight: "balanced"}, "class weights of a head for numbers"},
		{&Data{Labels: numbers}, &Settings{Kind: "linear", Shots: 3}, "shots of a head for numbers"},
		{&Data{Labels: numbers}, &Settings{Kind: "linear", Grades: []string{"1", "2"}}, "grades of a head for numbers"},
		{&Data{Labels: numbers}, &Settings{Kind: "linear", L2PerLabel: true}, "a λ for each label of a head for numbers"},
	} {
		c.d.Rows = x
		if _, err := Train(context.Background(), c.d, c.s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	var several *TargetError
	bad := &Data{Rows: x, Labels: []string{"1", "a", "3", "b", "5", "6", "7", "8"}, IDs: strings.Split("abcdefgh", "")}
	if _, err := Train(context.Background(), bad, &Settings{Kind: "linear"}); !errors.As(err, &several) || several.Count != 2 || several.ID != "b" || several.Label != "a" || !strings.Contains(err.Error(), "2 labels are of no use") {
		t.Errorf("%v", err)
	}
}

// What is odd about targets is said.
func TestTargetWarnings(t *testing.T) {
	x := &dense{d: 3, values: make([]float32, 180)}
	r := rand.New(rand.NewPCG(3, 1))
	for i := range x.values {
		x.values[i] = float32(r.NormFloat64())
	}
	var lists [][]string
	var pairs, grades, numbers []string
	for i := range 60 {
		list := []string{"all"}
		if i%2 == 0 {
			list = append(list, "half")
		}
		if i == 7 {
			list = append(list, "once")
		}
		if i >= 58 {
			list = nil
		}
		lists = append(lists, list)
		pairs = append(pairs, fmt.Sprintf("%d;3", i%5))
		grades = append(grades, []string{"low", "high"}[i%2])
		numbers = append(numbers, fmt.Sprint(i))
	}
	for _, c := range []struct {
		d    *Data
		s    *Settings
		want []string
	}{
		{&Data{LabelLists: lists}, &Settings{Kind: "logistic"}, []string{"2 samples have an empty cell in place of labels and are left out; one that has none of the labels is written []", "the label all is one that every sample has", "the label once is of one sample"}},
		{&Data{Labels: pairs}, &Settings{Kind: "linear"}, []string{"value_2 is 3 in every sample"}},
		{&Data{Labels: grades}, &Settings{Kind: "ordinal", Grades: []string{"low", "middle", "high"}}, []string{"no sample has the grade middle"}},
		{&Data{Labels: numbers}, &Settings{}, []string{"the labels are numbers, 60 different ones of 60 samples"}},
	} {
		c.d.Rows = x
		c.s.L2, c.s.CV = 0.1, 2
		r, err := Train(context.Background(), c.d, c.s)
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		for _, w := range r.Warnings {
			said += w.Message + "\n"
		}
		for _, want := range c.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s\nwant %q", said, want)
			}
		}
	}
}
