package report

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/headstart-ml/headstart/head"
)

// sampleClasses are the classes of a small data set.
var sampleClasses = []string{
	"activities", "animals-and-nature", "flags", "food-and-drink", "objects", "people-and-body", "smileys-and-emotion", "symbols", "travel-and-places",
}

// samplePage returns a page of a head with made-up, consistent metrics. Half of
// the rows of each class are predicted as it.
func samplePage(classes []string, rows int) *Page {
	rnd := rand.New(rand.NewPCG(1, uint64(len(classes))))
	c := len(classes)
	var p []float64
	var labels []int
	for range rows {
		y := int(float64(c) * math.Pow(rnd.Float64(), 1.5))
		row := make([]float64, c)
		sum := 0.0
		for k := range row {
			row[k] = math.Exp(1.5 * rnd.NormFloat64())
			if k == y {
				row[k] *= 3 * math.Sqrt(float64(c))
			}
			if k == (y*7+1)%c { // the class that it is taken for
				row[k] *= 2.5
			}
			sum += row[k]
		}
		for k := range row {
			row[k] /= sum
		}
		p, labels = append(p, row...), append(labels, y)
	}
	m, err := head.Evaluate(p, labels, classes, &head.EvaluateSettings{Pooled: true, Resamples: 100})
	if err != nil {
		panic(err)
	}
	before := make([]head.Bin, len(m.Reliability))
	for i, b := range m.Reliability {
		before[i] = b
		before[i].Accuracy = max(0, b.Accuracy-0.12*math.Sin(math.Pi*b.Confidence))
	}
	r := &head.Result{
		Head: "softmax", Classes: classes, N: head.Counts{Train: rows, Unlabelled: 3}, Dim: 1664, L2: 0.0373,
		Fit:     head.Fit{Objective: 0.81234567, Passes: 34, Gap: 5e-5, Status: "converged"},
		Metrics: head.Tests{CV: m},
		Calibration: &head.Calibration{
			Temperature: 1.3127, Fitted: "out-of-fold", Measured: "cv",
			Before: head.CalibrationError{LogLoss: 1.402, ECE: 0.091, Brier: 0.551},
			After:  head.CalibrationError{LogLoss: m.LogLoss.Value, ECE: m.ECE.Value, Brier: m.Brier.Value},
		},
		Warnings: []head.Warning{
			{Kind: "unlabelled", Count: 3, Message: "3 rows have no label and were skipped"},
		},
	}
	for i := range 8 {
		l2 := math.Pow(10, 1-float64(i))
		if i == 3 {
			l2 = r.L2
		}
		r.Selection = append(r.Selection, head.Candidate{Head: "softmax", L2: l2, Score: 0.62 - 0.012*float64((i-3)*(i-3)), SE: 0.011 + 0.002*float64(i%3)})
	}
	r.Selection = append(r.Selection, head.Candidate{Head: "ncm", Score: 0.51, SE: 0.012})
	for i := range 5 {
		r.Folds = append(r.Folds, head.Choice{Head: "softmax", L2: r.L2, Temperature: 1.2 + 0.05*float64(i), Fit: head.Fit{Status: "converged"}})
	}
	return &Page{
		Head: Head{
			Name: "both.head.onnx", Result: r, Groups: true,
			Features: []Features{
				{"images.features", "efficientnet-lite0", "features:none", 1280}, {"names.features", "all-minilm-l6-v2", "last_hidden_state:mean", 384},
			},
		},
		Facts:    []Fact{{"Seed", "0"}, {"Made by", "headstart 0.1.0"}},
		Before:   before,
		Settings: []Fact{{"--l2", "auto, 8 points, 3 folds"}, {"--by", "group"}, {"--tolerance", "1e-4"}},
		Mistakes: []Mistake{
			{ID: "names#17", Label: classes[0], Predicted: classes[1%c], Probability: 0.973, LabelProbability: 0.011, Text: "person juggling"},
			{ID: "names#20", Label: classes[1%c], Predicted: classes[0], Probability: 0.951, LabelProbability: 0.02, Text: "a text of two\nlines"},
		},
	}
}

// manyClasses returns n names.
func manyClasses(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("class %02d", i))
	}
	return all
}
