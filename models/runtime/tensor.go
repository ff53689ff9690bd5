//go:build cgo && !windows

package runtime

import (
	"errors"
	"fmt"
	"math"
	goruntime "runtime"

	ort "github.com/yalue/onnxruntime_go"
)

// Tensor is a view of caller memory with a shape: exactly one of F32, I64 and
// I32 is set, row-major, and holds exactly as many elements as Shape says.
// Shape has at least one dimension, every dimension is at least 1.
type Tensor struct {
	Shape []int64
	F32   []float32
	I64   []int64
	I32   []int32
}

// check returns an error unless t is as its comment demands.
func (t *Tensor) check() error {
	n, set := 0, 0
	if t.F32 != nil {
		n, set = len(t.F32), set+1
	}
	if t.I64 != nil {
		n, set = len(t.I64), set+1
	}
	if t.I32 != nil {
		n, set = len(t.I32), set+1
	}
	if set != 1 {
		return fmt.Errorf("%d of F32, I64 and I32 are set, not one", set)
	}
	if len(t.Shape) == 0 {
		return errors.New("the shape has no dimensions")
	}
	want := int64(1)
	for _, d := range t.Shape {
		if d < 1 {
			return fmt.Errorf("shape %v has a dimension below 1", t.Shape)
		}
		if want > math.MaxInt64/d {
			return fmt.Errorf("shape %v overflows", t.Shape)
		}
		want *= d
	}
	if want != int64(n) {
		return fmt.Errorf("shape %v asks for %d elements, the slice has %d", t.Shape, want, n)
	}
	return nil
}

// value wraps t's memory as a value of ONNX Runtime's. C keeps the address of
// the slice until the value is destroyed, so pin must live longer than it.
func (t *Tensor) value(pin *goruntime.Pinner) (ort.Value, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	switch {
	case t.F32 != nil:
		return wrap(t.Shape, t.F32, pin)
	case t.I64 != nil:
		return wrap(t.Shape, t.I64, pin)
	default:
		return wrap(t.Shape, t.I32, pin)
	}
}

func wrap[T float32 | int64 | int32](shape []int64, data []T, pin *goruntime.Pinner) (ort.Value, error) {
	pin.Pin(&data[0])
	v, err := ort.NewTensor(ort.Shape(shape), data)
	if err != nil {
		return nil, plain(err)
	}
	return v, nil
}
