package onnx

import "fmt"

// recurrent are operators that go over a sequence step by step.
var recurrent = map[string]operator{
	"LSTM": {3, func(c *call) ([]value, error) { return inferRecurrent(c, 4) }, nil},
	"GRU":  {3, func(c *call) ([]value, error) { return inferRecurrent(c, 3) }, nil},
	"RNN":  {3, func(c *call) ([]value, error) { return inferRecurrent(c, 1) }, nil},
}

// inferRecurrent: the weights of the recurrence are directions × gates·hidden ×
// hidden.
func inferRecurrent(c *call, gates int64) ([]value, error) {
	x, r := c.shape(0), c.shape(2)
	if len(x) != 3 || len(r) != 3 || r[1] != gates*min(r[2], maxWindow) {
		return nil, fmt.Errorf("weights of shape %v on a sequence of shape %v", clip(r), clip(x))
	}
	steps, batch, directions, hidden := x[0], x[1], r[0], r[2]
	all, last := []int64{steps, directions, batch, hidden}, []int64{directions, batch, hidden}
	if c.integer("layout", 0) == 1 {
		steps, batch = batch, steps
		all, last = []int64{batch, steps, directions, hidden}, []int64{batch, directions, hidden}
	}
	e := c.elem(0)
	out := []value{{e, all}, {e, last}}
	if gates == 4 {
		out = append(out, value{e, last}) // the cell's state
	}
	return out, nil
}
