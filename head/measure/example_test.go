package measure_test

import (
	"fmt"
	"log"

	"github.com/headstart-ml/headstart/head/measure"
)

// Metrics of three predictions: their outcomes are all that is kept of them.
func ExampleEvaluate() {
	classes := []string{"cat", "dog"}
	var outcomes []measure.Outcome
	for _, row := range []struct {
		probabilities []float64
		label         int
	}{{[]float64{0.9, 0.1}, 0}, {[]float64{0.2, 0.8}, 1}, {[]float64{0.6, 0.4}, 1}} {
		outcomes = append(outcomes, measure.NewOutcome(row.probabilities, row.label))
	}
	m, err := measure.Evaluate(outcomes, classes, nil)
	if err != nil {
		log.Fatal(err)
	}
	a := m.Accuracy
	fmt.Printf("accuracy %.2f (%.2f to %.2f), of the majority class %.2f\n", a.Value, a.Low, a.High, m.Baseline.Value)
	// Output:
	// accuracy 0.67 (0.21 to 0.94), of the majority class 0.67
}

// Logits that are too sure are divided by a temperature above 1.
func ExampleTemperature() {
	logits := []float64{9, 0, 8, 0, 9, 0, 0, 9}
	labels := []int{0, 0, 1, 1} // the third one is wrong
	fmt.Printf("%.1f\n", measure.Temperature(logits, labels, 2))
	// Output:
	// 12.9
}
