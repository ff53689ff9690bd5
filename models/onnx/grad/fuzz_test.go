package grad

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
)

// FuzzBuild checks that no model makes Build panic, and that what it builds has
// a shape for every gradient.
func FuzzBuild(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "architectures", "*.onnx"))
	if err != nil || len(files) == 0 {
		f.Fatal("no models", err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, block := range []byte{0, 8} {
			f.Add(data, block)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, block byte) {
		m, err := onnx.Decode(data)
		if err != nil {
			return
		}
		if _, err := onnx.Walk(m); err != nil {
			return
		}
		shapes := map[string][]int64{}
		for _, in := range m.GetGraph().GetInput() {
			switch in.GetName() {
			case "pixel_values":
				shapes[in.GetName()] = []int64{2, 3, 32, 32}
			case "input_ids", "attention_mask":
				shapes[in.GetName()] = []int64{2, 10}
			}
		}
		g, err := onnx.Fold(m, shapes)
		if err != nil {
			return
		}
		p, err := Build(g, &Options{Classes: 2, Block: int64(block % 17 / 8 * 8)})
		if err != nil {
			var u *UnsupportedError
			if errors.As(err, &u) && u.Operator == "" {
				t.Errorf("no operator in %v", err)
			}
			return
		}
		for _, w := range p.Weights {
			if w.Gradient == "" || len(w.Dims) == 0 {
				t.Errorf("weight %+v", w)
			}
		}
	})
}
