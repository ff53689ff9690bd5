package experiment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"gonum.org/v1/gonum/floats"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/fit"
)

// TestHeads is what every head has to meet.
func TestHeads(t *testing.T) {
	for _, head := range append(kinds, "auto") {
		t.Run(head, func(t *testing.T) {
			d := blobs(240, 12, 4, 4, 2)
			x := d.Rows.(*dense)
			for _, s := range []*Settings{{}, {L2Normalize: true}, {NoStandardize: true}, {Split: &Split{0.5, 0.25, 0.25}}} {
				s.Kind, s.L2Points, s.Folds = head, 4, 3
				r := train(t, d, s)
				if head != "auto" && (r.Kind != head || r.Head.Kind != head) || r.Kind == "auto" {
					t.Errorf("kind %q, head of kind %q", r.Kind, r.Head.Kind)
				}
				if err := r.Head.Check(); err != nil {
					t.Error(err)
				}
				m := r.Metrics.CV
				if s.Split != nil {
					m = r.Metrics.Test
				}
				if m.Accuracy.Value < 0.85 || m.Accuracy.Value <= m.Baseline.Value {
					t.Errorf("%+v: accuracy %.3f, baseline %.3f", *s, m.Accuracy.Value, m.Baseline.Value)
				}
				if _, err := json.Marshal(r); err != nil {
					t.Error(err)
				}

				// A prediction does not depend on how rows are batched.
				c := len(r.Classes)
				all, one, some := make([]float64, x.N()*c), make([]float64, c), make([]float64, 7*c)
				if err := r.Head.ProbabilitiesTo(all, x.values, x.N()); err != nil {
					t.Fatal(err)
				}
				for i := range x.N() {
					if err := r.Head.ProbabilitiesTo(one, x.row(i), 1); err != nil {
						t.Fatal(err)
					}
					if !slices.Equal(one, all[i*c:(i+1)*c]) {
						t.Fatalf("row %d alone has other probabilities", i)
					}
					near(t, "sum of probabilities", floats.Sum(one), 1, 1e-12)
				}
				if err := r.Head.ProbabilitiesTo(some, x.values[5*x.d:12*x.d], 7); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(some, all[5*c:12*c]) {
					t.Error("seven rows have other probabilities than in a larger batch")
				}
				// Rows that are scaled are the same rows once they are
				// normalised.
				if s.L2Normalize {
					scaled := slices.Clone(x.row(0))
					for j := range scaled {
						scaled[j] *= 64
					}
					if err := r.Head.ProbabilitiesTo(one, scaled, 1); err != nil {
						t.Fatal(err)
					}
					near(t, "probability of a scaled row", one[0], all[0], 1e-9)
				}
			}
		})
	}
}

// TestDeterminism: the same bits from run to run, for any number of threads, in
// memory and streamed.
func TestDeterminism(t *testing.T) {
	d := linked(300, 8)
	var first *Result
	for _, s := range []Settings{{}, {Threads: 1}, {Threads: 3}, {Memory: 1}} {
		s.Kind, s.L2Points, s.Folds, s.CV, s.Repeat, s.ClassWeight = "auto", 5, 3, 3, 2, "balanced"
		r := train(t, d, &s)
		if first == nil {
			first = r
			continue
		}
		if !reflect.DeepEqual(first, r) {
			t.Errorf("threads %d, memory %d: another result", s.Threads, s.Memory)
		}
	}
	other := train(t, d, &Settings{Kind: "auto", L2Points: 5, Folds: 3, CV: 3, ClassWeight: "balanced", Seed: 1})
	if reflect.DeepEqual(other.Predictions.Outcomes, first.Predictions.Outcomes) {
		t.Error("the seed changes nothing")
	}
	if first.Spread == nil || len(first.Spread.Accuracy.Values) != 2 || !slices.Equal(first.Spread.Seeds, []uint64{0, 1}) {
		t.Fatalf("spread %+v", first.Spread)
	}
	if v := first.Spread.Accuracy; v.Values[0] != first.Metrics.CV.Accuracy.Value || v.Values[1] != other.Metrics.CV.Accuracy.Value || v.Mean != (v.Values[0]+v.Values[1])/2 {
		t.Errorf("spread of the accuracy %+v", v)
	}
}

// No value of a test row reaches the head, its temperature or the selection,
// were it as large as float32 allows; and the rows are predicted all the same.
func TestHeldOutRowsReachNothing(t *testing.T) {
	for _, kind := range append(kinds, "auto") {
		s := &Settings{Kind: kind, Split: &Split{0.5, 0.2, 0.3}, L2Points: 4, Folds: 3}
		d := blobs(200, 5, 3, 3, 6)
		want := train(t, d, s)
		if len(want.Parts.Test) < 30 {
			t.Fatalf("%d test rows", len(want.Parts.Test))
		}
		for i, r := range want.Parts.Test {
			for j, v := range d.Rows.(*dense).row(r) {
				d.Rows.(*dense).row(r)[j] = []float32{3e38, -3e38, 1e30, 1e-40 * v, 1e10}[(i+j)%5]
			}
		}
		have := train(t, d, s)
		if !reflect.DeepEqual(have.Head, want.Head) || !reflect.DeepEqual(have.Selection, want.Selection) || !reflect.DeepEqual(have.Metrics.Validation, want.Metrics.Validation) {
			t.Errorf("%s: another head, selection or validation", kind)
		}
		if have.Metrics.Test == nil || have.Metrics.Test.Rows != len(want.Parts.Test) {
			t.Errorf("%s: the test rows are not measured", kind)
		}
	}
}

// TestHonest: a head on labels that have nothing to do with the features scores
// at chance, though it fits them well.
func TestHonest(t *testing.T) {
	d := blobs(400, 60, 2, 0, 4)
	rng := rand.New(rand.NewPCG(9, 9))
	for i := range d.Labels {
		d.Labels[i] = []string{"heads", "tails"}[rng.IntN(2)]
	}
	for _, head := range kinds {
		r := train(t, d, &Settings{Kind: head, L2Points: 8, Folds: 3, CV: 5})
		// One standard deviation is 0.025; heads of class means are a little
		// below chance, since what is held out moves the other rows' means away
		// from it.
		if a := r.Metrics.CV.Accuracy; a.Value < 0.4 || a.Value > 0.6 || a.Low > 0.5 || a.High < 0.49 {
			t.Errorf("%s: accuracy %+v on random labels", head, a)
		}
		if r.Metrics.CV.LogLoss.Value > 0.75 {
			t.Errorf("%s: log-loss %.3f: calibrated probabilities of random labels are near 1/2", head, r.Metrics.CV.LogLoss.Value)
		}
	}
}

// TestWeights: a weight of k is a row given k times, and so is a class weight,
// up to the scale that makes the mean 1.
func TestWeights(t *testing.T) {
	d := blobs(90, 6, 3, 2, 6)
	x := d.Rows.(*dense)
	repeat := func(times func(i int) int) *Data {
		r := &Data{Rows: &dense{d: x.d}}
		for i := range d.Labels {
			for range times(i) {
				r.Rows.(*dense).values = append(r.Rows.(*dense).values, x.row(i)...)
				r.Labels = append(r.Labels, d.Labels[i])
				r.Keys = append(r.Keys, keyOf(d.IDs[i]))
			}
		}
		return r
	}
	same := func(what string, a, b *Result) {
		t.Helper()
		near(t, what+": objective", a.Fit.Objective, b.Fit.Objective, 1e-7)
		for i, w := range affine(a).Weight {
			near(t, what+": weight", w, affine(b).Weight[i], 1e-4)
		}
	}
	all := Split{Train: 1}
	s := Settings{L2: 0.05, Shrinkage: 0.2, Tolerance: 1e-10, Split: &all, Calibrate: "none"}
	for _, head := range kinds {
		if s.Kind = head; head == "knn" { // of rows given several times, the same few are nearest
			continue
		}
		if head == "mlp" {
			continue // rows that are given twice are in batches by themselves; see fit.MLP
		}
		weighted := *d
		for i := range d.Labels {
			weighted.Weights = append(weighted.Weights, 0.5*float64(i%4))
		}
		same(head+", rows", train(t, &weighted, &s), train(t, repeat(func(i int) int { return i % 4 }), &s))
	}
	s.Kind = ""

	s.NoStandardize = true // class weights do not take part in the standardisation
	mapped := s
	mapped.ClassWeight, mapped.ClassWeights = "map", map[string]float64{"class 0": 2, "class 1": 4, "class 2": 6}
	same("classes", train(t, d, &mapped), train(t, repeat(func(i int) int { return i%3 + 1 }), &s))

	// Balanced weights undo the repetition.
	balanced := s
	balanced.ClassWeight = "balanced"
	same("balanced", train(t, repeat(func(i int) int { return i%3 + 1 }), &balanced), train(t, d, &s))
}

func TestStandardization(t *testing.T) {
	d := blobs(100, 4, 2, 3, 1)
	x := d.Rows.(*dense)
	for i := range 100 {
		x.row(i)[2] = 7.3 // constant
		x.row(i)[3] = x.row(i)[3]*1e-3 + 5
	}
	r := train(t, d, &Settings{L2: 0.1, Calibrate: "none", CV: 2})
	if m := affine(r); m.Scale[2] != 1 || math.Abs(m.Mean[2]-7.3) > 1e-6 || m.Weight[2] != 0 {
		t.Errorf("constant feature: mean %v, scale %v, weight %v", m.Mean[2], m.Scale[2], m.Weight[2])
	}
	var mean, square float64
	for i := range 100 {
		mean += float64(x.row(i)[3]) / 100
	}
	for i := range 100 {
		square += math.Pow(float64(x.row(i)[3])-mean, 2) / 100
	}
	near(t, "mean", affine(r).Mean[3], mean, 1e-9)
	near(t, "scale", affine(r).Scale[3]/math.Sqrt(square), 1, 1e-7) // measured on rows that were rounded to float32
	r = train(t, d, &Settings{L2: 0.1, Calibrate: "none", CV: 2, NoStandardize: true})
	if m := affine(r); m.Mean[3] != 0 || m.Scale[3] != 1 {
		t.Errorf("not standardised: mean %v, scale %v", m.Mean[3], m.Scale[3])
	}
}

// Features that vary by less than float32 can tell count as constant, which is
// said once, and the head holds no weights that float32 cannot.
func TestConstantFeatures(t *testing.T) {
	d := blobs(300, 6, 3, 3, 6)
	x := d.Rows.(*dense)
	for i := range 300 {
		x.row(i)[1], x.row(i)[3] = 1.5e-33*x.row(i)[1], 7
	}
	r := train(t, d, &Settings{L2Points: 3, Repeat: 2})
	var said []Warning
	for _, w := range r.Notes {
		if w.Kind == "constant-features" {
			said = append(said, w)
		}
	}
	if len(said) != 1 || said[0].Count != 2 || !strings.HasPrefix(said[0].Message, "2 of 6 features vary by nothing") {
		t.Errorf("notes %+v", said)
	}
	for _, w := range affine(r).Weight {
		if !(math.Abs(w) < 1e3) {
			t.Fatalf("weight %g", w)
		}
	}
	if r := train(t, blobs(300, 6, 3, 3, 6), &Settings{L2Points: 3}); noted(r, "constant-features", "") {
		t.Error("features that vary are said to be constant")
	}
}

// TestPasses: the passes of a fit are its own, those of an experiment are of
// all its fits.
func TestPasses(t *testing.T) {
	d := blobs(300, 6, 3, 1, 6)
	one := train(t, d, &Settings{L2: 0.1, Split: &Split{Train: 1}, Calibrate: "none"})
	if one.Passes != one.Fit.Passes || one.Passes == 0 {
		t.Errorf("one fit: %d passes, %d in all", one.Fit.Passes, one.Passes)
	}
	path := train(t, d, &Settings{L2Points: 6, Folds: 3, Split: &Split{Train: 1}})
	if least := path.Fit.Passes + 3*len(path.Selection)/2; path.Passes < least {
		t.Errorf("%d λ in 3 folds: %d passes in all, the last fit took %d", len(path.Selection), path.Passes, path.Fit.Passes)
	}
}

// TestNothingToLearn: features that say nothing leave the shares of the
// classes.
func TestNothingToLearn(t *testing.T) {
	for _, cycle := range [][]string{{"a", "b"}, {"a", "a", "b", "c"}} { // the gradient at zero is zero, and not
		d := &Data{Rows: &dense{d: 2, values: slices.Repeat([]float32{4, -1}, 60)}}
		for i := range 60 {
			d.Labels = append(d.Labels, cycle[i%len(cycle)])
		}
		r := train(t, d, &Settings{L2Points: 3, Folds: 2, CV: 2})
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
		if r.Fit.Status != "converged" {
			t.Errorf("%q: %+v", cycle, r.Fit)
		}
		p := make([]float64, len(r.Classes))
		if err := r.Head.ProbabilitiesTo(p, []float32{4, -1}, 1); err != nil {
			t.Fatal(err)
		}
		for k, c := range r.Metrics.CV.PerClass {
			near(t, "probability of "+c.Class, p[k], float64(c.Support)/60, 0.01)
		}
	}
}

// TestParts: which rows go where, with splits in the data.
func TestParts(t *testing.T) {
	d := blobs(120, 5, 3, 5, 3)
	for i := range 120 {
		d.Splits = append(d.Splits, []string{"train", "train", "train", "dev", "test", ""}[(i/3)%6])
	}
	d.Labels[1] = ""
	s := &Settings{L2Points: 3, Folds: 3}
	r := train(t, d, s)
	if r.N != (Counts{Train: 62, Validation: 21, Test: 18, Unlabelled: 1, Unassigned: 18}) {
		t.Errorf("counts %+v", r.N)
	}
	if len(r.Fitted) != 83 || slices.Contains(r.Fitted, 1) || slices.Contains(r.Fitted, 12) || !slices.Contains(r.Fitted, 9) {
		t.Errorf("fitted on %v", r.Fitted)
	}
	if r.Predictions.Part != "test" || r.Predictions.Rows[0] != 12 || len(r.Predictions.Rows) != 18 || len(r.Predictions.Outcomes) != 18 {
		t.Errorf("predictions of %s, rows %v", r.Predictions.Part, r.Predictions.Rows)
	}
	if r.Metrics.Validation == nil || r.Metrics.CV != nil || r.Metrics.Test.Interval != "wilson" || r.Metrics.Test.Rows != 18 {
		t.Errorf("metrics %+v", r.Metrics)
	}
	if r.Calibration.Fitted != "validation" || r.Calibration.Measured != "test" || r.Calibration.Temperature != r.Head.Temperature {
		t.Errorf("calibration %+v", *r.Calibration)
	}
	if w := warning(t, r, "unassigned"); w.Count != 18 {
		t.Errorf("%+v", w)
	}
	if w := warning(t, r, "unlabelled"); w.Count != 1 {
		t.Errorf("%+v", w)
	}
	for i, row := range r.Predictions.Rows {
		if d.Labels[row] != r.Classes[r.Predictions.Outcomes[i].Label] {
			t.Errorf("row %d has label %d", row, r.Predictions.Outcomes[i].Label)
		}
	}

	s.NoRefit = true
	if r := train(t, d, s); len(r.Fitted) != 62 || r.N.Train != 62 {
		t.Errorf("without refit: fitted on %d rows", len(r.Fitted))
	}
	s.CV = 3
	r = train(t, d, s)
	warning(t, r, "splits-unused")
	if r.N.Train != 119 || r.Metrics.CV.Rows != 119 || len(r.Folds) != 3 || len(r.Fitted) != 119 || r.Calibration.Fitted != "out-of-fold" || r.Calibration.Measured != "cv" {
		t.Errorf("with CV: %+v, %d folds, fitted on %d rows, %+v", r.N, len(r.Folds), len(r.Fitted), *r.Calibration)
	}
	// Nothing to test on.
	for i := range d.Splits {
		d.Splits[i] = "train"
	}
	r = train(t, d, &Settings{L2Points: 3, Folds: 3})
	warning(t, r, "no-test")
	if r.Predictions != nil || r.Calibration.Measured != "out-of-fold" {
		t.Errorf("predictions %v, calibration %+v", r.Predictions, *r.Calibration)
	}
}

// TestDefaultTest: five folds for small data, a held-out part from 2,000 rows
// on.
func TestDefaultTest(t *testing.T) {
	s := &Settings{L2: 0.1, Calibrate: "none", Tolerance: 0.01}
	if r := train(t, blobs(1999, 3, 2, 3, 1), s); len(r.Folds) != 5 {
		t.Errorf("1,999 rows: %d folds", len(r.Folds))
	}
	r := train(t, blobs(2000, 3, 2, 3, 1), s)
	if r.Metrics.Test == nil || r.N.Test < 330 || r.N.Test > 470 || r.N.Train < 1110 || r.N.Train+r.N.Validation+r.N.Test != 2000 {
		t.Errorf("2,000 rows: %+v", r.N)
	}
}

func TestSelection(t *testing.T) {
	d := blobs(150, 40, 3, 2.5, 5)
	for _, metric := range []string{"accuracy", "macro-f1", "log-loss"} {
		r := train(t, d, &Settings{Kind: "auto", Metric: metric, L2Points: 15, Folds: 3, CV: 2})
		if r.Selection[0].Kind != fit.Families[0].Kind || math.Abs(r.Selection[1].L2-1000) > 1e-9 || len(r.Selection) < 8 {
			t.Fatalf("%s: candidates %+v", metric, r.Selection)
		}
		// Of each kind the best of its path, of these the simplest that is
		// within one standard error of the paired difference.
		top := slices.MaxFunc(r.Families, func(a, b Compared) int { // the first of equal ones
			if better(metric, a.Score, b.Score) {
				return 1
			} else if a.Score == b.Score {
				return 0
			}
			return -1
		})
		if len(r.Families) != len(together) || top.Behind.Value != 0 {
			t.Errorf("%s: %+v", metric, r.Families)
		}
		chosen := false
		for i, f := range r.Families {
			best := f
			for _, c := range r.Selection {
				if c.Kind == f.Kind && better(metric, c.Score, best.Score) {
					best.Score = c.Score
				}
			}
			if f.Kind != together[i].Kind || best.Score != f.Score || math.Abs(math.Abs(top.Score-f.Score)-f.Behind.Value) > 1e-12 {
				t.Errorf("%s: %+v is not the best of its kind in %+v, or not its place", metric, f, r.Selection)
			}
			if f.Chosen != (!chosen && f.Behind.Value <= f.Behind.SE) {
				t.Errorf("%s: %+v", metric, r.Families)
			}
			if chosen = chosen || f.Chosen; f.Chosen && (f.Kind != r.Kind || f.L2 != r.L2 || !slices.Equal(f.Params, r.Params)) {
				t.Errorf("%s: chose %s with λ = %g, not %+v", metric, r.Kind, r.L2, f)
			}
		}
		for _, c := range r.Selection {
			if !(c.SE >= 0 && c.SE < 0.5) {
				t.Errorf("%s: %+v", metric, c)
			}
		}
		if metric == "accuracy" && len(r.Selection) < 16 {
			if !noted(r, "path-stopped", "") || slices.Contains(warned(r), "path-stopped") {
				t.Errorf("that the path was left is a note: %+v, and no warning: %+v", r.Notes, r.Warnings)
			}
		}
	}

	// Everything is right at any λ: the strongest wins, and it is said that it
	// stands at the edge.
	r := train(t, blobs(60, 3, 2, 60, 5), &Settings{L2Points: 4, Folds: 2, CV: 2})
	if math.Abs(r.L2-10) > 1e-9 {
		t.Errorf("λ = %g", r.L2)
	}
	warning(t, r, "edge")
}

// TestPathIsLeft: after a factor of ten without a better log-loss or a clearly
// better score.
func TestPathIsLeft(t *testing.T) {
	path := func(step float64, scores, losses []float64) int {
		p := &procedure{tried: []*candidate{{Candidate: fit.Candidate{Kind: "other"}, record: Candidate{Score: 1}}}}
		l2 := 10.0
		for i := range scores {
			p.tried = append(p.tried, &candidate{
				Candidate: fit.Candidate{Kind: "path", Params: head.Params{{Name: head.L2, Value: l2}}}, record: Candidate{Score: scores[i], SE: 0.02}, loss: losses[i],
			})
			if p.stale("accuracy") {
				return i
			}
			l2 /= step
		}
		return -1
	}
	for _, c := range []struct {
		step           float64
		scores, losses []float64
		want           int
	}{
		{10, []float64{.5, .6, .6, .6}, []float64{9, 8, 8, 8}, 2},
		{10, []float64{.5, .6, .6, .6}, []float64{9, 8, 7, 6}, -1},
		{10, []float64{.5, .6, .61, .6}, []float64{9, 8, 9, 9}, 2}, // half a standard error
		{10, []float64{.5, .6, .65, .7}, []float64{9, 8, 9, 9}, -1},
		{2, []float64{.5, .6, .5, .5, .5, .5, .5}, []float64{9, 8, 8, 8, 8, 8, 8}, 5},
	} {
		if got := path(c.step, c.scores, c.losses); got != c.want {
			t.Errorf("scores %v, log-losses %v: left at %d, want %d", c.scores, c.losses, got, c.want)
		}
	}
}

// TestWarnings: what is odd about the data is named.
func TestWarnings(t *testing.T) {
	d := blobs(61, 4, 3, 4, 2)
	d.Labels[60] = "unicorn"
	for i := range d.Labels {
		d.Keys = append(d.Keys, keyOf(d.IDs[i]))
	}
	d.Keys[1] = d.Keys[0] // of another class
	s := &Settings{L2Points: 3, Folds: 2, CV: 3}
	r := train(t, d, s)
	if w := warning(t, r, "one-sample"); w.Count != 1 || !slices.Equal(w.Names, []string{"unicorn"}) {
		t.Errorf("%+v", w)
	}
	if w := warning(t, r, "conflict"); w.Count != 1 || !strings.Contains(w.Message, "1 sample appears more than once with different labels, which are all kept: row 0 and row 1") {
		t.Errorf("%+v", w)
	}
	// One warning is enough: that it is in no fold but one follows.
	about := slices.DeleteFunc(slices.Clone(r.Warnings), func(w Warning) bool { return !slices.Contains(w.Names, "unicorn") })
	if len(about) != 1 || about[0].Message != "the class unicorn has one sample, which cannot be both learnt and tested" {
		t.Errorf("of the unicorn: %+v", about)
	}
	// The fold that learns without unicorns gives them no probability, and the
	// others sum to 1.
	u := slices.Index(r.Classes, "unicorn")
	if o := r.Predictions.Outcomes[60]; o.Label != u || o.LabelProbability != 0 || !(o.Confidence > 0) {
		t.Errorf("outcome of the unicorn: %+v", o)
	}
	if !slices.Contains(r.Head.Classes, "unicorn") {
		t.Error("the head does not know the unicorn")
	}

	// A class that is in the test part alone: the head cannot know it.
	d.Splits = make([]string, 61)
	for i := range d.Splits {
		d.Splits[i] = []string{"train", "test"}[i%2]
	}
	d.Splits[60] = "test"
	r = train(t, d, &Settings{L2Points: 3, Folds: 2})
	if w := warning(t, r, "absent"); w.Place != "training part" || w.Names[0] != "unicorn" {
		t.Errorf("%+v", w)
	}
	if w := warning(t, r, "leak"); w.Count != 1 {
		t.Errorf("%+v", w)
	}
	if slices.Contains(r.Head.Classes, "unicorn") || !slices.Contains(r.Classes, "unicorn") || r.Metrics.Test.PerClass[u].Recall != 0 {
		t.Errorf("classes of the head %q, of the data %q", r.Head.Classes, r.Classes)
	}

	// Fewer units than folds, by default.
	few := blobs(16, 3, 2, 4, 2)
	for i := range few.Labels {
		few.Groups = append(few.Groups, fmt.Sprint(i/4))
	}
	r = train(t, few, &Settings{L2Points: 2})
	if n := len(slices.DeleteFunc(warned(r), func(k string) bool { return k != "fewer-folds" })); n != 1 {
		t.Errorf("%d warnings of fewer folds: %q", n, warned(r))
	}
	if !noted(r, "fewer-folds", innerFolds) {
		t.Errorf("no note of fewer folds: %+v", r.Notes)
	}
	if w := warning(t, r, "fewer-folds"); w.Count != 4 || len(r.Folds) != 4 || r.Metrics.CV.Interval != "bootstrap-groups" {
		t.Errorf("%+v, %d folds, interval %s", w, len(r.Folds), r.Metrics.CV.Interval)
	}
}

// TestWarningsAreSentences: what is said of one picture or class is said in the
// singular, of several in the plural, and of each class once.
func TestWarningsAreSentences(t *testing.T) {
	base := func() *Data {
		d := blobs(60, 4, 3, 4, 2)
		for i := range d.Labels {
			d.Keys = append(d.Keys, keyOf(d.IDs[i]))
		}
		d.Noun = "picture"
		return d
	}
	for _, c := range []struct {
		name string
		set  func(d *Data)
		s    Settings
		want []string // the messages, in their order
	}{
		{"one without a label", func(d *Data) { d.Labels[7] = "" }, Settings{CV: 3}, []string{"1 picture has no label and is left out"}},
		{"two without a label", func(d *Data) { d.Labels[7], d.Labels[8] = "", "" }, Settings{CV: 3}, []string{"2 pictures have no label and are left out"}},
		{"twice", func(d *Data) { d.Keys[1], d.Keys[4] = d.Keys[0], d.Keys[3] }, Settings{CV: 3},
			[]string{"2 pictures appear more than once with different labels, which are all kept: row 0 and row 1; row 3 and row 4"}},
		{"few", func(d *Data) { d.Labels[0], d.Labels[1] = "rare", "rare" }, Settings{CV: 3}, []string{"the class rare has too few samples to be in each of the 3 folds"}},
		{"few groups", func(d *Data) {
			d.Groups = make([]string, 60)
			for i := range 6 {
				d.Labels[i], d.Groups[i] = "rare", fmt.Sprint(i%2)
			}
		}, Settings{CV: 3}, []string{"the class rare has too few groups to be in each of the 3 folds"}},
		{"one group", func(d *Data) {
			d.Groups = make([]string, 60)
			for i := range 6 {
				d.Labels[i], d.Groups[i] = "rare", "one"
			}
		}, Settings{CV: 3}, []string{"the class rare is in one fold alone, so it is tested on a head that has never seen it"}},
		{"two classes of one sample", func(d *Data) { d.Labels[0], d.Labels[1] = "u", "v" }, Settings{CV: 3},
			[]string{"2 classes have one sample each, which cannot be both learnt and tested: u, v"}},
		{"splits without a class", func(d *Data) {
			d.Splits = slices.Repeat([]string{"train", "validation", "test", "test", "train"}, 12)
			d.Labels[2], d.Labels[0] = "late", "early"
			d.Splits[9] = ""
		}, Settings{}, []string{"1 picture has no split, which others have, and is left out",
			"the class early has no sample in the validation part and in the test part",
			"the class late has no sample in the training part and in the validation part; the head does not know it"}},
	} {
		d := base()
		c.set(d)
		c.s.L2Points, c.s.Folds = 3, 2
		var got []string
		for _, w := range train(t, d, &c.s).Warnings {
			if w.Kind != "edge" && w.Kind != "not-converged" {
				got = append(got, w.Message)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%q, want\n%q", c.name, got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(d *Data, s *Settings)
		want string
	}{
		{"one class", func(d *Data, s *Settings) {
			for i := range d.Labels {
				d.Labels[i] = "cat"
			}
		}, `all 60 labelled samples are of class "cat"`},
		{"no labels", func(d *Data, s *Settings) { clear(d.Labels) }, "none of 60 samples has a label"},
		{"NaN", func(d *Data, s *Settings) { d.Rows.(*dense).values[17*4+2] = float32(math.NaN()) }, "row row 17: feature 2: not a finite number"},
		{"infinity", func(d *Data, s *Settings) { d.Rows.(*dense).values[59*4] = float32(math.Inf(-1)) }, "row row 59: feature 0: not a finite number"},
		{"infinity, streamed", func(d *Data, s *Settings) { d.Rows.(*dense).values[59*4] = float32(math.Inf(-1)); s.Memory = 1 }, "row row 59: feature 0"},
		{"labels", func(d *Data, s *Settings) { d.Labels = d.Labels[1:] }, "59 labels for 60 rows"},
		{"keys", func(d *Data, s *Settings) { d.Keys = make([][32]byte, 3) }, "3 keys for 60 rows"},
		{"weights", func(d *Data, s *Settings) { d.Weights = make([]float64, 60); d.Weights[4] = -1 }, "sample row 4: weight -1"},
		{"rows", func(d *Data, s *Settings) { d.Rows = nil }, "no rows are given"},
		{"split name", func(d *Data, s *Settings) { d.Splits = slices.Repeat([]string{"training"}, 60) }, `sample row 0: split "training" is none of train`},
		{"no training rows", func(d *Data, s *Settings) { d.Splits = slices.Repeat([]string{"test"}, 60) }, "no labelled sample is in the split train"},
		{"one class to train", func(d *Data, s *Settings) {
			d.Splits = slices.Repeat([]string{"test"}, 60)
			d.Splits[0], d.Splits[2] = "train", "train"
			s.L2, s.Calibrate = 1, "none"
		}, "training part: all samples are of one class"},
		{"split beside splits", func(d *Data, s *Settings) {
			d.Splits = slices.Repeat([]string{"train"}, 60)
			s.CV, s.Split = 0, &Split{0.5, 0, 0.5}
		}, "the data have splits of their own"},
		{"CV and split", func(d *Data, s *Settings) { s.CV, s.Split = 3, &Split{0.5, 0, 0.5} }, "both a cross-validation and a split"},
		{"shares", func(d *Data, s *Settings) { s.CV, s.Split = 0, &Split{0.5, 0.2, 0.5} }, "their sum 1"},
		{"groups and folds", func(d *Data, s *Settings) {
			for i := range d.Labels {
				d.Groups = append(d.Groups, fmt.Sprint(i%3))
			}
			s.CV = 5
		}, "there are only 3 groups, too few for 5 folds"},
		{"inner folds", func(d *Data, s *Settings) {
			for i := range d.Labels {
				d.Groups = append(d.Groups, fmt.Sprint(i%3))
			}
			s.CV, s.Folds = 3, 3
		}, "fold 1 of 3: there are only 2 groups, too few for 3 folds"},
		{"one group", func(d *Data, s *Settings) { d.Groups = slices.Repeat([]string{"x"}, 60) }, "there is only 1 group; at least two are needed to test"},
		{"a class a group", func(d *Data, s *Settings) {
			d.Groups = slices.Clone(d.Labels)
			s.CV = 2
			s.L2, s.Calibrate = 1, "none"
		}, "fold 1 of 2: all samples are of one class, at least 2 are needed"},
		{"by group without groups", func(d *Data, s *Settings) { s.By = "group" }, "no sample has a group"},
		{"too many folds", func(d *Data, s *Settings) { s.CV = 61 }, "there are only 60 different samples, too few for 61 folds"},
		{"folds", func(d *Data, s *Settings) { s.Folds = 1 }, "1 folds, at least 2"},
		{"points", func(d *Data, s *Settings) { s.L2Points = 1 }, "1 strengths on the path of λ"},
		{"L2", func(d *Data, s *Settings) { s.L2 = -1 }, "λ is -1"},
		{"NaN L2", func(d *Data, s *Settings) { s.L2 = math.NaN() }, "λ is NaN"},
		{"tolerance", func(d *Data, s *Settings) { s.Tolerance = 2 }, "tolerance 2"},
		{"head", func(d *Data, s *Settings) { s.Kind = "tree" }, `head "tree" is none of softmax, ncm, `},
		{"metric", func(d *Data, s *Settings) { s.Metric = "r2" }, `metric "r2"`},
		{"threads", func(d *Data, s *Settings) { s.Threads = -1 }, "threads -1"},
		{"class weights", func(d *Data, s *Settings) { s.ClassWeights = map[string]float64{"class 0": 1} }, `weights go with "map"`},
		{"class weight", func(d *Data, s *Settings) {
			s.ClassWeight, s.ClassWeights = "map", map[string]float64{"class 0": 0}
		}, `class weight of "class 0": weight 0`},
		{"missing class weight", func(d *Data, s *Settings) {
			s.ClassWeight, s.ClassWeights = "map", map[string]float64{"class 0": 1}
		}, `none is given for class "class 1"`},
		{"strange class weight", func(d *Data, s *Settings) {
			s.ClassWeight, s.ClassWeights = "map", map[string]float64{"zebra": 1}
		}, `class weight of "zebra": there is no such class`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, s := blobs(60, 4, 2, 3, 1), &Settings{L2Points: 2, Folds: 2}
			c.set(d, s)
			_, err := Train(context.Background(), d, s)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "head: ") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// broken fails to read rows from some row on.
type broken struct {
	dense
	from int
}

var errDisk = errors.New("disk on fire")

func (x *broken) BlockTo(dst []float32, lo, hi int) error {
	if hi > x.from {
		return errDisk
	}
	return x.dense.BlockTo(dst, lo, hi)
}

func TestRowsFail(t *testing.T) {
	d := blobs(200, 4, 2, 3, 1)
	d.Rows = &broken{dense: *d.Rows.(*dense), from: 150}
	for _, memory := range []int64{0, 1} {
		if _, err := Train(context.Background(), d, &Settings{Memory: memory}); !errors.Is(err, errDisk) || !strings.Contains(err.Error(), "rows 128 to 1") {
			t.Errorf("memory %d: %v", memory, err)
		}
	}
}

// counting counts the reads of a matrix.
type counting struct {
	dense
	reads atomic.Int64
}

func (x *counting) BlockTo(dst []float32, lo, hi int) error {
	x.reads.Add(1)
	return x.dense.BlockTo(dst, lo, hi)
}

// TestCancel: once ctx has ended, what runs reads the block that it is at, and
// no more.
func TestCancel(t *testing.T) {
	d := blobs(1500, 30, 8, 3, 1)
	x := &counting{dense: *d.Rows.(*dense)}
	d.Rows = x
	ctx, cancel := context.WithCancel(context.Background())
	const threads = 3
	var at int64
	_, err := Train(ctx, d, &Settings{L2Points: 30, Folds: 5, Tolerance: 1e-9, Memory: 1, Threads: threads, Progress: func(done, total int) {
		if done == 40 {
			cancel()
			at = x.reads.Load()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	// Rows that are no neighbours are read one at a time: a block is up to 64
	// reads.
	if late := x.reads.Load() - at; at == 0 || late > threads*64 {
		t.Errorf("%d reads after it was cancelled", late)
	}
}

func TestProgress(t *testing.T) {
	for _, s := range []*Settings{
		{Kind: "auto", L2Points: 12, Folds: 3, CV: 3},
		{Split: &Split{0.6, 0.2, 0.2}, L2Points: 3, Folds: 2, Repeat: 2},
		{L2: 0.1, Calibrate: "none", CV: 4},
		{L2: 0.01, CV: 4},
	} {
		last, total := 0, 0
		s.Progress = func(done, all int) {
			if done <= last || done > all || total != 0 && all != total {
				t.Errorf("%d of %d after %d of %d", done, all, last, total)
			}
			last, total = done, all
		}
		train(t, blobs(120, 5, 3, 3, 3), s)
		if last != total || total == 0 {
			t.Errorf("ended at %d of %d", last, total)
		}
	}
}

func TestTooManyFeatures(t *testing.T) {
	d := &Data{Rows: &dense{fit.MaxFeatures + 1, make([]float32, 4*(fit.MaxFeatures+1))}, Labels: []string{"a", "b", "a", "b"}}
	if _, err := Train(context.Background(), d, &Settings{CV: 2}); err == nil || !strings.Contains(err.Error(), "16385 features") {
		t.Errorf("error %v", err)
	}
}
