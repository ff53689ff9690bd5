package transfer

import (
	"math"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
)

// A weight that is not given counts as 1, and the table that it is missing in
// stays as it was: its memory is shared with the feature set.
func TestDataLeavesTheTableAlone(t *testing.T) {
	j := &features.Joined{Table: &features.Table{
		IDs: []string{"a", "b"}, Keys: make([]cache.Key, 2), Labels: []string{"x", "y"}, Weights: []float64{2, math.NaN()},
	}}
	if d := DataOf(j); d.Weights[0] != 2 || d.Weights[1] != 1 {
		t.Errorf("weights %v", d.Weights)
	}
	if w := j.Table.Weights; w[0] != 2 || w[1] == w[1] {
		t.Errorf("the table's weights are %v now", w)
	}
}
