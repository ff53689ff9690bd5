// Package tensor is what every runner takes: a named view of memory with a
// shape.
package tensor

import (
	"errors"
	"fmt"
	"math"
)

// View is a view of the caller's memory with a name and a shape, row-major.
// Exactly one of F32, I64, I32 and U8 is set, and it holds exactly as many
// values as Shape says. Shape has at least one dimension, each at least 1.
type View struct {
	Name  string // of the graph's input or output; "" where the order tells
	Shape []int64
	F32   []float32
	I64   []int64
	I32   []int32
	U8    []uint8
}

// Check returns an error unless v is as its comment demands.
func (v *View) Check() error {
	n, set := 0, 0
	if v.F32 != nil {
		n, set = len(v.F32), set+1
	}
	if v.I64 != nil {
		n, set = len(v.I64), set+1
	}
	if v.I32 != nil {
		n, set = len(v.I32), set+1
	}
	if v.U8 != nil {
		n, set = len(v.U8), set+1
	}
	if set != 1 {
		return fmt.Errorf("%d of F32, I64, I32 and U8 are set, not one", set)
	}
	if len(v.Shape) == 0 {
		return errors.New("the shape has no dimensions")
	}
	want := int64(1)
	for _, d := range v.Shape {
		if d < 1 {
			return fmt.Errorf("shape %v has a dimension below 1", v.Shape)
		}
		if want > math.MaxInt64/d {
			return fmt.Errorf("shape %v overflows", v.Shape)
		}
		want *= d
	}
	if want != int64(n) {
		return fmt.Errorf("shape %v asks for %d elements, the slice has %d", v.Shape, want, n)
	}
	return nil
}
