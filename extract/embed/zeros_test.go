package embed

import (
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx/layer"
)

// TestPoolingsAreThoseOfTheList: what layer.Poolings says is computed in Go is,
// and of a field of zeros each makes a row of zeros, which stays one when it is
// normalised. gem raises what it takes the mean of to 1e-6.
func TestPoolingsAreThoseOfTheList(t *testing.T) {
	for _, p := range append(slices.Clone(layer.Poolings), layer.Pooling{Name: "best"}) {
		row := make([]float32, 4)
		if p.Name == "meanstd" || p.Name == "flat" {
			row = make([]float32, 8)
		}
		err := poolTo(row, field{x: make([]float32, 8), positions: 2, channels: 4, nextPosition: 4, nextChannel: 1}, p.Name)
		if (err == nil) != p.Go {
			t.Errorf("%s: %v, the list says %v", p.Name, err, p.Go)
		}
		if err != nil || p.Name == "gem" {
			continue
		}
		if err := finish(row, "l2"); err != nil || slices.ContainsFunc(row, func(v float32) bool { return v != 0 }) {
			t.Errorf("%s: zeros become %v, %v", p.Name, row, err)
		}
	}
}
