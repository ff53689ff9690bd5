package head_test

import (
	"fmt"
	"log"

	"github.com/headstart-ml/headstart/head"
)

// A head of weights that some other program has fitted.
func ExampleHead() {
	h := &head.Head{
		Kind: "softmax", Classes: []string{"left", "right"},
		Model:       head.NewAffine([]float32{-1, 0, 1, 0}, []float32{0, 0}), // 2 classes × 2 features
		Temperature: 1,
	}
	if err := h.Check(); err != nil {
		log.Fatal(err)
	}
	x := []float32{2, 5, -1, 5} // 2 rows
	p := make([]float64, 2*2)
	if err := h.ProbabilitiesTo(p, x, 2); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.2f\n", p)
	// Output:
	// [0.02 0.98 0.88 0.12]
}
