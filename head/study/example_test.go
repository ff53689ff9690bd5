package study_test

import (
	"fmt"
	"log"

	"github.com/headstart-ml/headstart/head/study"
)

// A curve of three seeds at six sizes, and what twice and four times the data
// would bring.
func ExampleExtrapolate() {
	var points []study.Measured
	sizes := []int{50, 100, 200, 400, 800, 1600}
	wrong := []float64{0.30, 0.24, 0.195, 0.165, 0.145, 0.131}
	for i, n := range sizes {
		for seed := range 3 {
			points = append(points, study.Measured{N: n, Seed: uint64(seed), Error: wrong[i] + 0.004*float64(seed-1)})
		}
	}
	e, err := study.Extrapolate(points, []int{3200, 6400})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Shape)
	for _, f := range e.Forecasts {
		fmt.Printf("%d: %.1f%%, 80%% interval %.1f to %.1f\n", f.N, 100*f.Error, 100*f.Low80, 100*f.High80)
	}
	fmt.Printf("a point less with twice as much: %.0f%% sure\n", 100*e.Doubling.AtLeast(0.01))
	// Output:
	// falling
	// 3200: 12.2%, 80% interval 11.4 to 13.0
	// 6400: 11.4%, 80% interval 10.2 to 12.4
	// a point less with twice as much: 46% sure
}
