package experiment_test

import (
	"context"
	"fmt"
	"log"

	"github.com/headstart-ml/headstart/head/experiment"
)

// matrix is rows of two features in memory.
type matrix [][2]float32

func (m matrix) N() int { return len(m) }
func (m matrix) D() int { return 2 }
func (m matrix) BlockTo(dst []float32, lo, hi int) error {
	for i, row := range m[lo:hi] {
		copy(dst[2*i:], row[:])
	}
	return nil
}

// A head whose λ is selected by cross-validation, tested by cross-validation of
// all of that, and fitted to everything.
func ExampleTrain() {
	var x matrix
	d := &experiment.Data{}
	for i := range 60 {
		class := float32(i%2*2 - 1)
		x = append(x, [2]float32{class + float32(i%7)/10, float32(i % 5)})
		d.Labels = append(d.Labels, []string{"left", "right"}[i%2])
	}
	d.Rows = x
	r, err := experiment.Train(context.Background(), d, &experiment.Settings{Metric: "log-loss", CV: 5})
	if err != nil {
		log.Fatal(err)
	}
	m := r.Metrics.CV
	fmt.Printf("%s, %d rows: accuracy %.2f, of the majority class %.2f\n", r.Kind, m.Rows, m.Accuracy.Value, m.Baseline.Value)

	p := make([]float64, 2)
	if err := r.Head.ProbabilitiesTo(p, []float32{-1, 2}, 1); err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Head.Classes, p[0] > 0.9)
	// Output:
	// softmax, 60 rows: accuracy 1.00, of the majority class 0.50
	// [left right] true
}
