//go:build cgo && !windows

package runtime

import (
	goruntime "runtime"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/headstart-ml/headstart/models/tensor"
)

// value wraps t's memory as a value of ONNX Runtime's. C keeps the address of
// the slice until the value is destroyed, so pin must live longer than it.
func value(t *tensor.View, pin *goruntime.Pinner) (ort.Value, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	switch {
	case t.F32 != nil:
		return wrap(t.Shape, t.F32, pin)
	case t.I64 != nil:
		return wrap(t.Shape, t.I64, pin)
	case t.U8 != nil:
		return wrap(t.Shape, t.U8, pin)
	default:
		return wrap(t.Shape, t.I32, pin)
	}
}

func wrap[T float32 | int64 | int32 | uint8](shape []int64, data []T, pin *goruntime.Pinner) (ort.Value, error) {
	pin.Pin(&data[0])
	v, err := ort.NewTensor(ort.Shape(shape), data)
	if err != nil {
		return nil, plain(err)
	}
	return v, nil
}
