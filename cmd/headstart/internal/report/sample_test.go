package report

import (
	"fmt"
	"math"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

// sampleMetrics returns metrics with a made-up confusion matrix. Class k has
// 10 rows or more, of which some are taken for the next class and a few others.
func sampleMetrics(classes []string) *measure.Metrics {
	c := len(classes)
	m := &measure.Metrics{
		Accuracy: measure.Estimate{Value: 0.614, Low: 0.58, High: 0.647},
		MacroF1:  measure.Estimate{Value: 0.521, Low: 0.49, High: 0.552},
		LogLoss:  measure.Estimate{Value: 1.212, Low: 1.105, High: 1.332},
		ECE:      measure.Estimate{Value: 0.0412, Low: 0.031, High: 0.0649},
		Brier:    measure.Estimate{Value: 0.538, Low: 0.501, High: 0.5762},
		Baseline: measure.Estimate{Value: 0.203, Low: 0.15, High: 0.261},
		Interval: "bootstrap-groups",
	}
	m.Confusion = make([][]int, c)
	predicted := make([]int, c)
	for i := range m.Confusion {
		m.Confusion[i] = make([]int, c)
		m.Confusion[i][i] = 10 + 37*i%90
		m.Confusion[i][(i+1)%c] += 3 + i%5
		m.Confusion[i][(i*i+2)%c] += 2
		for j, k := range m.Confusion[i] {
			m.Rows += k
			predicted[j] += k
		}
	}
	for i, row := range m.Confusion {
		support := 0
		for _, k := range row {
			support += k
		}
		p, r := float64(row[i])/float64(predicted[i]), float64(row[i])/float64(support)
		m.PerClass = append(m.PerClass, measure.ClassMetrics{
			Class: classes[i], Precision: p, Recall: r, F1: 2 * p * r / (p + r), Support: support, Predicted: predicted[i],
		})
	}
	for i := range 15 {
		b := measure.Bin{Low: float64(i) / 15, High: float64(i+1) / 15}
		if i > 1 {
			b.Rows = 20 + (i-8)*(i-8)*3
			b.Confidence = (b.Low + b.High) / 2
			b.Accuracy = min(1, b.Confidence+0.05-0.02*float64(i%4))
		}
		m.Reliability = append(m.Reliability, b)
	}
	return m
}

// samplePage returns a page of a head that was tested by cross-validation.
func samplePage(classes []string) *Page {
	m := sampleMetrics(classes)
	r := &experiment.Result{
		Kind: "softmax", Classes: classes, N: experiment.Counts{Train: m.Rows, Unlabelled: 3}, Dim: 1664, L2: 0.0373,
		Fit:     head.Fit{Objective: 0.81234567, Passes: 34, Gap: 5e-5, Status: "converged"},
		Metrics: experiment.Tests{CV: m},
		Calibration: &measure.Calibration{
			Temperature: 1.3127, Fitted: "out-of-fold", Measured: "cv",
			Before: measure.CalibrationError{LogLoss: 1.402, ECE: 0.091, Brier: 0.551},
			After:  measure.CalibrationError{LogLoss: 1.212, ECE: 0.0412, Brier: 0.538},
		},
		Warnings: []experiment.Warning{{Kind: "unlabelled", Count: 3, Message: "3 rows have no label and were skipped"}},
		Notes:    []experiment.Warning{{Kind: "path-stopped", Message: "no λ weaker than 0.001 was tried"}},
	}
	for i, l2 := range []float64{10, 1, 0.1, r.L2, 0.001, 1e-4, 1e-5, 1e-6} {
		r.Selection = append(r.Selection, experiment.Candidate{Kind: "softmax", L2: l2, Score: 0.62 - 0.012*float64((i-3)*(i-3)), SE: 0.011 + 0.002*float64(i%3)})
	}
	r.Selection = append(r.Selection, experiment.Candidate{Kind: "ncm", Score: 0.51, SE: 0.012})
	for i := range 3 {
		r.Folds = append(r.Folds, experiment.Choice{Kind: "softmax", L2: r.L2, Temperature: 1.2 + 0.05*float64(i), Fit: head.Fit{Status: "converged"}})
	}
	var before []measure.Bin
	for _, b := range m.Reliability {
		b.Accuracy *= 0.8
		before = append(before, b)
	}
	c := len(classes)
	return &Page{
		Head: Head{
			Name: "both.head.onnx", Result: r, Groups: true,
			Features: []Features{
				{"images.features", "efficientnet-lite0", "features:none", 1280},
				{"names.features", "all-minilm-l6-v2", "last_hidden_state:mean", 384},
			},
		},
		Facts:    []Fact{{"Seed", "0"}, {"Made by", "headstart 0.1.0"}},
		Before:   before,
		Settings: []Fact{{"--l2", "auto, 8 points, 3 folds"}, {"--by", "group"}, {"--tolerance", "1e-4"}},
		Mistakes: []Mistake{
			{ID: "names#17", Label: classes[0], Predicted: classes[1%c], Probability: 0.973, LabelProbability: 0.011, Text: "person juggling"},
			{ID: "names#20", Label: classes[1%c], Predicted: classes[0], Probability: 0.951, LabelProbability: 0.02, Text: "a text of two\nlines", Image: samplePNG(4, 2), Seen: []Seen{{"efficientnet-lite0", samplePNG(3, 3)}}},
		},
	}
}

// sampleSpread is what --repeat adds.
func sampleSpread() *experiment.Spread {
	v := measure.Variation{Values: []float64{0.61, 0.63}, Mean: 0.62, SD: 0.01 * math.Sqrt2}
	return &experiment.Spread{Seeds: []uint64{0, 1}, L2: []float64{0.1, 1e-6}, Accuracy: v, MacroF1: v, LogLoss: v, ECE: v, Brier: v}
}

// threeClasses are those of the goldens.
var threeClasses = []string{"bird", "cat", "dog"}

// manyClasses returns n names.
func manyClasses(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("class %02d", i))
	}
	return all
}

// hostileClasses would break a page or a terminal that takes them as they are.
var hostileClasses = []string{
	"<script>alert(1)</script>", `"'><img src=x onerror=alert(1)>`, "</style></svg></title>{{.}}", "javascript:alert(1)",
	"a\x1b[2J\u202eevil\x00", "\xff\xfe", "الرموز التعبيرية", "סמלים", "日本語", "two\nlines",
	"a very long label of a class that goes on and on and does not end where one would like it to end, not even here",
}
