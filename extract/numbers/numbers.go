// Package numbers turns arrays of numbers into what a backbone of numbers is
// fed: the same values, in the type that the graph takes. Nothing is scaled and
// nothing is repaired: a value that the type does not have is an [*Error] that
// names it. Only float32 rounds, to the nearest as NumPy's astype("float32")
// does.
//
// A content is a .npy file of one sample
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
package numbers

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/extract/numpy"
	"github.com/headstart-ml/headstart/models"
)

// Impl names this implementation in the identity of embeddings. It changes
// whenever what a backbone is fed does.
const Impl = "numbers/1"

// The kinds of reasons why a sample is not fed, which Error.Kind returns.
const (
	KindArray = "array" // it is no array of numbers
	KindShape = "shape" // it has another shape than the backbone takes
	KindNaN   = "nan"   // a value is NaN or infinite
	KindRange = "range" // a value is none of the type that the backbone takes
)

// Error says why a sample is not fed.
type Error struct {
	kind string
	text string
}

func (e *Error) Error() string { return e.text }

// Kind returns the kind of the reason, which many samples may share.
func (e *Error) Kind() string { return e.kind }

func refuse(kind, format string, a ...any) *Error { return &Error{kind, fmt.Sprintf(format, a...)} }

// Row is where the values of a sample go: exactly one of its slices is set, and
// has as many values as a sample.
type Row struct {
	F32 []float32
	I64 []int64
	I32 []int32
}

// To writes what a backbone of that contract is fed of a content, a .npy file
// of one sample, to dst. It may be called from several goroutines. An error is
// an *Error; dst is undefined then.
func To(dst Row, spec *models.NumbersSpec, content []byte) error {
	a, values, err := numpy.Whole(content)
	switch {
	case err != nil:
		return refuse(KindArray, "%v", err)
	case !a.Type.Number():
		return refuse(KindArray, "an array of texts (%s), where numbers are wanted", a.Type.Descr())
	case !slices.Equal(a.Shape, spec.Shape):
		return refuse(KindShape, "it has the shape %s, where the backbone takes %s", numpy.ShapeText(a.Shape), numpy.ShapeText(spec.Shape))
	}
	r := reading{a, values}
	if at := r.unfinished(); at >= 0 {
		return refuse(KindNaN, "%s at %s", r.text(at), r.place(at))
	}
	if spec.DType == "f32" {
		a.Type.Float32To(dst.F32, values)
		for i, x := range dst.F32 {
			if math.IsInf(float64(x), 0) {
				return refuse(KindRange, "%s at %s is too large for float32", r.text(i), r.place(i))
			}
		}
		return nil
	}
	least, most := int64(math.MinInt64), int64(math.MaxInt64)
	switch spec.DType {
	case "i32":
		least, most = math.MinInt32, math.MaxInt32
	case "u8":
		least, most = 0, math.MaxUint8
	}
	whole := dst.I64
	if whole == nil {
		whole = make([]int64, spec.Len())
	}
	at := a.Type.Int64To(whole, values)
	if at < 0 {
		at = slices.IndexFunc(whole, func(v int64) bool { return v < least || v > most })
	}
	if at >= 0 {
		return refuse(KindRange, "%s at %s is no whole number from %d to %d", r.text(at), r.place(at), least, most)
	}
	for i, v := range whole {
		switch {
		case dst.F32 != nil:
			dst.F32[i] = float32(v)
		case dst.I32 != nil:
			dst.I32[i] = int32(v)
		}
	}
	return nil
}

// reading is a sample that is looked at.
type reading struct {
	*numpy.Array
	values []byte
}

// unfinished returns the index of the first value that is NaN or infinite, -1
// if there is none.
func (r reading) unfinished() int {
	if r.Type.Kind != 'f' {
		return -1
	}
	block := make([]float64, min(len(r.values)/r.Type.Size, 512))
	for at := 0; at*r.Type.Size < len(r.values); at += len(block) {
		block = block[:min(len(block), len(r.values)/r.Type.Size-at)]
		r.Type.Float64To(block, r.values[at*r.Type.Size:])
		for i, x := range block {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return at + i
			}
		}
	}
	return -1
}

// text writes the value at an index.
func (r reading) text(at int) string {
	return string(r.Type.AppendText(nil, r.values[at*r.Type.Size:]))
}

// place says where a value stands, counted from 0 as in NumPy: column 3, or
// [0, 3] where there are more dimensions.
func (r reading) place(at int) string {
	if len(r.Shape) == 1 {
		return fmt.Sprintf("column %d, counted from 0,", at)
	}
	index := make([]string, len(r.Shape))
	for k := len(r.Shape) - 1; k >= 0; k-- {
		d := int(r.Shape[k])
		index[k] = fmt.Sprint(at % d)
		at /= d
	}
	return "[" + strings.Join(index, ", ") + "]"
}
