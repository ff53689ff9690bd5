package extract

import "context"

// Backbone is a frozen graph that runs on one batch at a time. Run may be
// called from several goroutines at once; it returns early with ctx's error
// when ctx ends, and touches no tensor after it has returned. Inputs are in the
// order of Spec.Inputs, outputs in that of Spec.Outputs.
type Backbone interface {
	Run(ctx context.Context, inputs, outputs []Tensor) error
}

// Tensor is a view of caller memory with a name and a shape, row-major. One of
// F32, I64 and I32 is set and holds as many values as the shape has.
type Tensor struct {
	Name  string
	Shape []int64
	F32   []float32
	I64   []int64
	I32   []int32
}
