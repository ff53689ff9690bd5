package experiment

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/floats"
)

// TestManyClasses goes through all panels of the products: more classes than a
// panel, features that are no multiple of one.
func TestManyClasses(t *testing.T) {
	const n, d, c = 600, 150, 200
	data := blobs(n, d, c, 30, 5)
	r := train(t, data, &Settings{L2: 1e-3, Split: &Split{Train: 1}, Calibrate: "none"})
	p := make([]float64, c)
	wrong := 0
	for i := range n {
		if err := r.Head.ProbabilitiesTo(p, data.Rows.(*dense).row(i), 1); err != nil {
			t.Fatal(err)
		}
		if r.Head.Classes[floats.MaxIdx(p)] != data.Labels[i] {
			wrong++
		}
	}
	if wrong > 0 || r.Fit.Status != "converged" {
		t.Errorf("%d of %d rows that are far apart are wrong after a fit to them: %+v", wrong, n, r.Fit)
	}
}

// TestConditioning: features of very different size, without standardisation,
// and more features than rows.
func TestConditioning(t *testing.T) {
	data := blobs(60, 90, 3, 3, 11)
	x := data.Rows.(*dense)
	for i := range x.values {
		x.values[i] = x.values[i]*float32(math.Pow(10, float64(i%x.d%7)-3)) + 100
	}
	for _, no := range []bool{false, true} {
		r := train(t, data, &Settings{L2: 1e-3, NoStandardize: no, Calibrate: "none", CV: 3, Tolerance: 1e-5})
		if r.Fit.Status != "converged" {
			t.Errorf("NoStandardize %v: %+v", no, r.Fit)
		}
	}
}
