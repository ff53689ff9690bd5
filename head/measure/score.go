package measure

import (
	"fmt"
	"math"

	"github.com/headstart-ml/headstart/head"
)

// ScoreNames are the metrics that a selection may depend on.
var ScoreNames = []string{"accuracy", "macro-f1", "log-loss"}

// Score is how good a model is by one metric, higher is better, and the
// standard error of that. A value that is no finite number is one that is not
// known.
type Score struct{ Value, SE float64 }

// Score returns how good m is by "accuracy" (""), "macro-f1" or "log-loss" (of
// which it is the negative). The standard error is the width of the 95 %
// interval over 2·1.96, as it is where the metric is normally distributed. Of m
// nil the value is NaN. An unknown metric is an error.
func (m *Metrics) Score(metric string) (Score, error) {
	if m == nil {
		m = &Metrics{Accuracy: Estimate{Value: math.NaN()}, MacroF1: Estimate{Value: math.NaN()}, LogLoss: Estimate{Value: math.NaN()}}
	}
	var e Estimate
	sign := 1.0
	switch metric {
	case "accuracy", "":
		e = m.Accuracy
	case "macro-f1":
		e = m.MacroF1
	case "log-loss":
		e, sign = m.LogLoss, -1
	default:
		return Score{}, fmt.Errorf("head/measure: metric %q is none of accuracy, macro-f1, log-loss", metric)
	}
	return Score{Value: sign * e.Value, SE: (e.High - e.Low) / (2 * normal975)}, nil
}

// Of returns the metric of that name, "accuracy" if it is none of ScoreNames.
// Unlike a Score, a log-loss is better when it is lower.
func (v Values) Of(metric string) float64 {
	switch metric {
	case "macro-f1":
		return v.MacroF1
	case "log-loss":
		return v.LogLoss
	}
	return v.Accuracy
}

// OfLogits returns a metric of softmax(logits), n×classes, higher is better:
// "accuracy", "macro-f1", or "log-loss", which is returned negative. A label of
// −1 is of a class that there are no logits for: it is never right, and has the
// smallest probability.
func OfLogits(metric string, logits []float64, labels []int, classes int) float64 {
	c := classes + 1 // the last one is for labels of −1
	p := make([]float64, c)
	outcomes := make([]Outcome, len(labels))
	for i, y := range labels {
		if y < 0 {
			y = classes
		}
		copy(p, logits[i*classes:(i+1)*classes])
		p[classes] = math.Inf(-1)
		head.SoftmaxTo(p, p, 1)
		outcomes[i] = NewOutcome(p, y)
	}
	v := ValuesOf(outcomes, c).Of(metric)
	if metric == "log-loss" {
		v = -v
	}
	return v
}
