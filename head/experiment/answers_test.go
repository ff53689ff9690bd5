package experiment

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/measure"
)

// TestAnswers: what is wanted of the answers is had on rows that neither the
// fit nor the thresholds have seen, and the head leaves the same rows without
// an answer.
func TestAnswers(t *testing.T) {
	d := blobs(2400, 6, 3, 1.5, 8)
	for name, s := range map[string]*Settings{
		"reject, validation":     {Reject: 0.95, Split: &Split{0.4, 0.3, 0.3}},
		"reject, cv":             {Reject: 0.95, CV: 4},
		"reject, uncalibrated":   {Reject: 0.95, CV: 4, Calibrate: "none"},
		"precision, validation":  {Thresholds: &Thresholds{Precision: 0.95}, Split: &Split{0.4, 0.3, 0.3}},
		"precision, out of fold": {Thresholds: &Thresholds{Precision: 0.95}, Split: &Split{0.7, 0, 0.3}, L2: 0.01},
		"recall, cv":             {Thresholds: &Thresholds{Recall: 0.5}, CV: 4},
	} {
		s.L2Points, s.Folds = 4, 4
		r := train(t, d, s)
		a := r.Answers
		if a == nil || a.Rows != len(r.Predictions.Rows) || a.Unsure == 0 || a.Unsure == a.Rows {
			t.Fatalf("%s: %+v", name, a)
		}
		if s.Thresholds == nil || s.Thresholds.Recall == 0 {
			if a.Accuracy.High < 0.95 || a.Accuracy.Value < r.Metrics.held().Accuracy.Value+0.02 {
				t.Errorf("%s: %.3f of the answers are right, of all %.3f", name, a.Accuracy.Value, r.Metrics.held().Accuracy.Value)
			}
		} else {
			for _, c := range a.PerClass {
				if math.Abs(c.Recall-0.5) > 0.1 {
					t.Errorf("%s: %+v", name, c)
				}
			}
		}
		unsure := 0
		for _, u := range r.Predictions.Unsure {
			if u {
				unsure++
			}
		}
		if unsure != a.Unsure {
			t.Errorf("%s: %d unsure rows, %d said", name, unsure, a.Unsure)
		}
		if h := r.Head; !h.MayBeUnsure() || h.Reject != a.Reject || !slices.Equal(h.Thresholds, a.ByClass) {
			t.Errorf("%s: head %v %v, %v %v said", name, h.Reject, h.Thresholds, a.Reject, a.ByClass)
		}
	}
	r := train(t, blobs(60, 4, 3, 1, 2), &Settings{Reject: 0.999, CV: 3, L2: 0.1})
	if w := warning(t, r, "never-sure"); r.Head.Reject != 2 || !strings.Contains(w.Message, "unsure of everything") {
		t.Errorf("%v %+v", r.Head.Reject, w)
	}
	r = train(t, blobs(60, 4, 3, 1, 2), &Settings{Thresholds: &Thresholds{Precision: 0.999}, CV: 3, L2: 0.1})
	if w := warning(t, r, "never-sure"); w.Count != 3 {
		t.Errorf("%+v", w)
	}
}

// held are the metrics of rows that were held out.
func (m *Tests) held() *measure.Metrics {
	if m.CV != nil {
		return m.CV
	}
	return m.Test
}

// TestPrior: probabilities of a fit with class weights are those of the data
// again, and those for other frequencies are theirs times a ratio.
func TestPrior(t *testing.T) {
	d := blobs(1500, 6, 2, 1, 4)
	rare := &Data{Rows: &dense{d: 6}} // every fifth row of class 1 is kept
	for i, label := range d.Labels {
		if label != d.Labels[0] && i%5 > 1 {
			continue
		}
		rare.Rows.(*dense).values = append(rare.Rows.(*dense).values, d.Rows.(*dense).row(i)...)
		rare.Labels = append(rare.Labels, label)
	}
	s := &Settings{L2: 0.01, Split: &Split{0.5, 0.2, 0.3}, ClassWeight: "balanced", Calibrate: "none", NoRefit: true}
	keep := train(t, rare, s)
	if keep.Prior != nil {
		t.Errorf("%+v", keep.Prior)
	}
	s.Prior = "data"
	data := train(t, rare, s)
	if data.Prior == nil || math.Abs(data.Prior.From[0]-0.5) > 1e-9 || !(data.Prior.To[0] > 0.6 || data.Prior.To[0] < 0.4) {
		t.Fatalf("prior %+v", data.Prior)
	}
	if k, c := keep.Metrics.Test.LogLoss.Value, data.Metrics.Test.LogLoss.Value; c > k-0.01 {
		t.Errorf("log-loss %.4f corrected, %.4f not", c, k)
	}
	if k, c := keep.Metrics.Test.ECE.Value, data.Metrics.Test.ECE.Value; c > k {
		t.Errorf("ECE %.4f corrected, %.4f not", c, k)
	}
	s.Prior, s.Priors = "map", map[string]float64{keep.Classes[0]: 3, keep.Classes[1]: 1}
	mapped := train(t, rare, s)
	x := rare.Rows.(*dense)
	odds := func(h *head.Head, row int) float64 {
		p := make([]float64, 2)
		if err := h.ProbabilitiesTo(p, x.row(row), 1); err != nil {
			t.Fatal(err)
		}
		return p[0] / p[1]
	}
	for row := range 20 {
		near(t, "odds for frequencies of 3 to 1", odds(mapped.Head, row)/odds(keep.Head, row), 3, 1e-6) // the fit's are 1 to 1
	}
	// What is measured is what the head says.
	for i, row := range mapped.Predictions.Rows {
		p := make([]float64, 2)
		if err := mapped.Head.ProbabilitiesTo(p, x.row(row), 1); err != nil {
			t.Fatal(err)
		}
		near(t, "probability", p[mapped.Predictions.Outcomes[i].Label], mapped.Predictions.Outcomes[i].LabelProbability, 1e-5)
	}
	// Calibrated, too.
	for _, calibrate := range []string{"temperature", "vector", "auto"} {
		s.Calibrate = calibrate
		r := train(t, rare, s)
		if calibrate != "auto" && r.Calibration.Method != calibrate {
			t.Errorf("%s: %+v", calibrate, r.Calibration)
		}
		for i, row := range r.Predictions.Rows {
			p := make([]float64, 2)
			if err := r.Head.ProbabilitiesTo(p, x.row(row), 1); err != nil {
				t.Fatal(err)
			}
			near(t, calibrate+": probability", p[r.Predictions.Outcomes[i].Label], r.Predictions.Outcomes[i].LabelProbability, 1e-5)
		}
	}
	for _, c := range []struct {
		priors map[string]float64
		want   PriorError
	}{
		{map[string]float64{keep.Classes[0]: 1}, PriorError{Class: keep.Classes[1], Missing: true}},
		{map[string]float64{keep.Classes[0]: 1, keep.Classes[1]: 1, "x": 1}, PriorError{Class: "x", Unknown: true}},
		{map[string]float64{keep.Classes[0]: 0, keep.Classes[1]: 1}, PriorError{Class: keep.Classes[0]}},
	} {
		s.Priors = c.priors
		_, err := Train(t.Context(), rare, s)
		var got *PriorError
		if !errors.As(err, &got) || *got != c.want || got.Error() == "" {
			t.Errorf("%v: %v", c.priors, err)
		}
	}
}

// TestCalibrationFolds: with Calibrate "auto" classes are spread over the folds
// that compare both ways, whatever the order of the rows; equal contents are in
// one fold. Classes that come in turn are not each a fold of their own, which
// would tell vector scaling apart by classes that it has never seen.
func TestCalibrationFolds(t *testing.T) {
	d := blobs(200, 3, 5, 3, 1)
	for i := range d.Labels { // some have the content of the row of their class before them
		d.Keys = append(d.Keys, [32]byte{byte(i % 5), byte(i / 5)})
		if i/5%4 == 1 {
			d.Keys[i] = d.Keys[i-5]
		}
	}
	tr := &trainer{Settings: &Settings{Calibrate: "auto", Split: &defaultSplit}, data: d, result: &Result{Dim: 3}}
	if err := tr.prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	var rows []int
	for i := range 200 {
		if i%3 > 0 {
			rows = append(rows, i)
		}
	}
	count := map[[2]int]int{} // rows of a fold and class
	of := map[[32]byte]int{}
	for i, f := range tr.calibrationFolds(rows) {
		r := rows[i]
		count[[2]int{f, r % 5}]++
		if other, ok := of[d.Keys[r]]; ok && other != f {
			t.Errorf("row %d is in fold %d, its content in fold %d", r, f, other)
		}
		of[d.Keys[r]] = f
	}
	for f := range defaultFolds {
		for k := range 5 {
			if n := count[[2]int{f, k}]; n < 4 || n > 7 {
				t.Errorf("fold %d has %d of 27 rows of class %d", f, n, k)
			}
		}
	}
	// Scores of a class that are too high by 3 need a shift of that class.
	random := rand.New(rand.NewPCG(1, 2))
	var z []float64
	for _, r := range rows {
		for k := range 5 {
			v := random.NormFloat64()
			if k == r%5 {
				v += 2
			}
			if k == 0 {
				v += 3
			}
			z = append(z, v)
		}
	}
	if _, m, err := tr.calibrate(z, rows, rows); err != nil || m.scaling.Plain() {
		t.Errorf("%+v, %v: a temperature alone", m.scaling, err)
	}
}
