package numbers_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/numbers"
	"github.com/headstart-ml/headstart/extract/numpy"
	"github.com/headstart-ml/headstart/models"
)

// floats is a .npy file of one sample of float64.
func floats(shape []int64, values ...float64) []byte {
	b := numpy.Header("<f8", shape...)
	for _, x := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

// Values are those of NumPy's astype, and what a type does not have is refused
// with its place.
func TestTo(t *testing.T) {
	row := []int64{3}
	words := binary.LittleEndian.AppendUint64(numpy.Header("<u8", 3), math.MaxUint64)
	words = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(words, 1<<24+1), 5)
	for _, test := range []struct {
		dtype   string
		content []byte
		want    []float64
		kind    string
		text    string
	}{
		{"f32", floats(row, 0.1, -2, 16777217), []float64{float64(float32(0.1)), -2, 16777216}, "", ""},
		{"f32", words, []float64{1 << 64, 1 << 24, 5}, "", ""},
		{"f32", append(numpy.Header("|b1", 3), 0, 1, 1), []float64{0, 1, 1}, "", ""},
		{"i64", floats(row, 1<<53, -1, 0), []float64{1 << 53, -1, 0}, "", ""},
		{"i32", floats(row, math.MaxInt32, math.MinInt32, 0), []float64{math.MaxInt32, math.MinInt32, 0}, "", ""},
		{"u8", append(numpy.Header("|u1", 3), 0, 1, 255), []float64{0, 1, 255}, "", ""},
		{"f32", floats(row, 0, math.NaN(), 1), nil, numbers.KindNaN, "nan at column 1, counted from 0,"},
		{"f32", floats(row, 0, 1, math.Inf(-1)), nil, numbers.KindNaN, "-inf at column 2"},
		{"f32", floats(row, 0, 1e39, 1), nil, numbers.KindRange, "1e+39 at column 1, counted from 0, is too large for float32"},
		{"i64", floats(row, 0, 0.5, 1), nil, numbers.KindRange, "0.5 at column 1, counted from 0, is no whole number"},
		{"i64", words, nil, numbers.KindRange, "18446744073709551615 at column 0"},
		{"i32", floats(row, 0, 1, 1<<31), nil, numbers.KindRange, "2147483648.0 at column 2, counted from 0, is no whole number from -2147483648 to 2147483647"},
		{"u8", floats(row, 0, 1, 256), nil, numbers.KindRange, "256.0 at column 2, counted from 0, is no whole number from 0 to 255"},
		{"u8", floats(row, -1, 1, 2), nil, numbers.KindRange, "-1.0 at column 0"},
		{"f32", floats([]int64{2}, 1, 2), nil, numbers.KindShape, "it has the shape 2, where the backbone takes 3"},
		{"f32", floats([]int64{3, 1}, 1, 2, 3), nil, numbers.KindShape, "3×1, where the backbone takes 3"},
		{"f32", floats(row, 1, 2), nil, numbers.KindArray, "take 24 bytes; the file has 16"},
		{"f32", []byte("hello, you"), nil, numbers.KindArray, "does not begin as"},
		{"f32", append(numpy.Header("|S1", 3), "abc"...), nil, numbers.KindArray, "texts (|S1)"},
	} {
		dst := numbers.Row{}
		switch test.dtype {
		case "i64":
			dst.I64 = make([]int64, 3)
		case "i32":
			dst.I32 = make([]int32, 3)
		default:
			dst.F32 = make([]float32, 3)
		}
		err := numbers.To(dst, &models.NumbersSpec{Shape: row, DType: test.dtype}, test.content)
		if test.want == nil {
			e, ok := err.(*numbers.Error)
			if !ok || e.Kind() != test.kind || !strings.Contains(e.Error(), test.text) {
				t.Errorf("%s: %v, want %s %q", test.dtype, err, test.kind, test.text)
			}
			continue
		}
		var got []float64
		for i := range 3 {
			switch {
			case dst.I64 != nil:
				got = append(got, float64(dst.I64[i]))
			case dst.I32 != nil:
				got = append(got, float64(dst.I32[i]))
			default:
				got = append(got, float64(dst.F32[i]))
			}
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, %v, want %v", test.dtype, got, err, test.want)
		}
	}
	// The place of a value in more dimensions is NumPy's index.
	many := make([]float64, 2000)
	many[1234] = math.NaN()
	err := numbers.To(numbers.Row{F32: make([]float32, 2000)}, &models.NumbersSpec{Shape: []int64{20, 100}, DType: "f32"}, floats([]int64{20, 100}, many...))
	if err == nil || err.Error() != "nan at [12, 34]" {
		t.Errorf("%v", err)
	}
}

func ExampleTo() {
	spec := &models.NumbersSpec{Shape: []int64{2}, DType: "f32"}
	dst := numbers.Row{F32: make([]float32, spec.Len())}
	if err := numbers.To(dst, spec, append(numpy.Header("|i1", 2), 7, 0xff)); err != nil {
		panic(err)
	}
	fmt.Println(dst.F32)
	fmt.Println(numbers.To(dst, spec, append(numpy.Header("|i1", 3), 1, 2, 3)))
	// Output:
	// [7 -1]
	// it has the shape 3, where the backbone takes 2
}
