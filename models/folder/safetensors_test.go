package folder

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
)

// Values of each type that is read become the nearest float32.
func TestSafetensorsAsFloat32(t *testing.T) {
	le := binary.LittleEndian
	inf := float32(math.Inf(1))
	for _, test := range []struct {
		dtype string
		data  []byte
		want  []float32
	}{
		{"F32", le.AppendUint32(nil, math.Float32bits(-1.5)), []float32{-1.5}},
		{"F64", le.AppendUint64(nil, math.Float64bits(0.1)), []float32{0.1}},
		{"BF16", []byte{0x80, 0x3f, 0x49, 0xc0}, []float32{1, -3.140625}},
		{"F16", []byte{0, 0x3c, 0, 0xc0, 1, 0, 0, 0x7c, 0xff, 0x7b}, []float32{1, -2, 1. / (1 << 24), inf, 65504}},
	} {
		header := fmt.Sprintf(`{"w":{"dtype":%q,"shape":[1,%d],"data_offsets":[0,%d]}}`, test.dtype, len(test.want), len(test.data))
		file := append(append(le.AppendUint64(nil, uint64(len(header))), header...), test.data...)
		s, err := parseSafetensors("x", file)
		if err != nil {
			t.Fatal(err)
		}
		w, err := s.weights("w", 1, -1)
		if err != nil {
			t.Errorf("%s: %v", test.dtype, err)
			continue
		}
		if have, err := onnx.Floats(w); err != nil || !slices.Equal(have, test.want) {
			t.Errorf("%s: %v, %v, want %v", test.dtype, have, err, test.want)
		}
	}
}
