package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/numpy"
)

// numbersPlace is a place with the files of testdata/numbers.
func numbersPlace(t *testing.T) *place {
	t.Helper()
	from, err := filepath.Abs("testdata/numbers")
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	for _, name := range []string{"mlp.onnx", "map.onnx", "trees.npz", "maps.npy", "embedding.npy"} {
		p.put(name, p.read(filepath.Join(from, name)))
	}
	return p
}

// floatsOf returns the values of the first array of a file.
func (p *place) floatsOf(path string) (all []float32) {
	p.t.Helper()
	file := p.read(path)
	arrays, err := numpy.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		p.t.Fatal(err)
	}
	rows, err := arrays[0].Rows()
	if err != nil {
		p.t.Fatal(err)
	}
	defer rows.Close()
	for {
		row, err := rows.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			p.t.Fatal(err)
		}
		x := make([]float32, rows.Bytes()/arrays[0].Type.Size)
		arrays[0].Type.Float32To(x, row)
		all = append(all, x...)
	}
}

// A backbone of numbers, a graph alone, goes through every command with no
// flag: rows of a .npz file are its samples, their embeddings are NumPy's,
// heads learn from them, and its layers are retrained.
func TestNumbers(t *testing.T) {
	p := numbersPlace(t)
	p.one(t, "extract --backbone mlp.onnx --group plot trees.npz").wantNumbers(t, map[string]float64{"samples": 240, "computed": 240, "bad": 0})
	p.one(t, "extract --backbone mlp.onnx --group plot trees.npz").wantNumbers(t, map[string]float64{"cached": 240, "backbone_rows": 0})
	p.do(t, "cache export trees.features --format npy --out e.npy")
	got, want := p.floatsOf("e.npy"), p.floatsOf("embedding.npy")
	if len(got) != 240*16 || len(want) != len(got) {
		t.Fatalf("%d and %d values", len(got), len(want))
	}
	for i := range got {
		if d := math.Abs(float64(got[i] - want[i])); d > 1e-6 {
			t.Fatalf("value %d is %g, NumPy's is %g", i, got[i], want[i])
		}
	}
	for line, parts := range map[string][]string{
		"inspect mlp.onnx":       {"for numbers", "features float[batch,12]", "shape 12"},
		"inspect trees.features": {"240 samples of numbers from trees.npz", "elm 94, ash 74, oak 72", "numbers, 12 a sample", "groups 60"},
		"help extract":           {"--numbers COL", ".npy", ".npz"},
	} {
		out := strings.Join(strings.Fields(p.do(t, line)), " ")
		for _, part := range parts {
			if !strings.Contains(out, part) {
				t.Errorf("%s has no %q:\n%s", line, part, out)
			}
		}
	}

	p.do(t, "train-head --l2 0.05 trees.features")
	predicted := p.do(t, "predict trees.head.onnx trees.npz")
	if lines := strings.Split(predicted, "\n"); len(lines) != 242 || !strings.HasPrefix(lines[1], "trees#1,") {
		t.Errorf("%.200s", predicted)
	}
	if of := p.do(t, "predict trees.head.onnx trees.features"); of != strings.ReplaceAll(strings.Replace(predicted, ",error", "", 1), ",\n", "\n") {
		t.Errorf("rows and features are predicted otherwise: %.200s, %.200s", of, predicted)
	}
	p.do(t, "evaluate --all trees.head.onnx trees.npz")
	p.fails(t, "predict trees.head.onnx --sample x", exitUsage, "--sample gives a text, and trees.head.onnx takes numbers: headstart predict trees.head.onnx rows.npy")
	p.fails(t, "train-head --tail all --augment 2 --out v.head.onnx trees.features", exitUsage, "only images have views; trees.features is of numbers")
	for _, tail := range []string{"last:1", "last:2", "all"} {
		name := "tail" + strings.ReplaceAll(tail, ":", "") + ".head.onnx"
		p.do(t, "train-head --l2 0.01 --epochs 4 --tail "+tail+" --out "+name+" trees.features")
		p.do(t, "predict "+name+" trees.npz")
		p.do(t, "evaluate --all "+name+" trees.npz")
	}
	p.do(t, "export trees.head.onnx --out exported")
	p.one(t, "cache verify trees.features --recompute 8")

	// What the backbone is fed is the row, in its type.
	p.one(t, "preprocess --backbone mlp.onnx --out seen trees.npz").wantNumbers(t, map[string]float64{"prepared": 240})
	trees, seen := p.floatsOf("trees.npz"), p.floatsOf("seen/trees#7.npz")
	if len(seen) != 12 {
		t.Fatalf("%d values", len(seen))
	}
	for i, x := range seen {
		if x != trees[6*12+i] {
			t.Errorf("value %d is %g, in the file %g", i, x, trees[6*12+i])
		}
	}
}

// What may be a picture is asked about: backbone.json says that it is not, or
// the samples do.
func TestNumbersThatMayBeAPicture(t *testing.T) {
	p := numbersPlace(t)
	code, _, stderr := p.try(t, "inspect map.onnx")
	if code != exitFailed || !strings.Contains(stderr, `"spectrogram" FLOAT[batch,1,8,10]`) || !strings.Contains(stderr, `"modality": "numbers"`) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	first := p.one(t, "extract --backbone map.onnx maps.npy")
	first.wantNumbers(t, map[string]float64{"samples": 20, "computed": 20})
	p.put("backbone.json", []byte(`{"modality": "numbers"}`))
	if out := p.do(t, "inspect map.onnx"); !strings.Contains(out, "for numbers") {
		t.Error(out)
	}
	p.one(t, "extract --backbone map.onnx maps.npy").wantNumbers(t, map[string]float64{"cached": 20})
	p.fails(t, "extract --backbone map.onnx --out x.features "+p.emoji+"/emoji.csv --image image", exitUsage, "the backbone map.onnx takes numbers, the source holds images")
	p.fails(t, "extract maps.npy --out x.features", exitUsage, "no backbone for numbers comes with headstart: --backbone")
	p.fails(t, "extract --backbone efficientnet-lite0 maps.npy --out x.features", exitUsage, "takes images, the source holds numbers")
}

// Rows that cannot be fed are bad samples, which name the column, and the rest
// goes on.
func TestBadNumbers(t *testing.T) {
	p := numbersPlace(t)
	const n, d = 6, 12
	values := make([]float64, n*d)
	for i := range values {
		values[i] = float64(i) / 7
	}
	values[1*d+3], values[2*d+11], values[4*d] = math.NaN(), math.Inf(1), 1e300
	file := numpy.Header("<f8", n, d)
	for _, x := range values {
		file = binary.LittleEndian.AppendUint64(file, math.Float64bits(x))
	}
	p.put("rows.npy", file)
	code, stdout, stderr := p.try(t, "extract --backbone mlp.onnx rows.npy --json")
	if code != exitBadSamples {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	objects(t, stdout)[0].wantNumbers(t, map[string]float64{"samples": 6, "bad": 3, "computed": 3})
	quarantine := string(p.read("rows.quarantine.jsonl"))
	for _, part := range []string{`"rows#2"`, "nan at column 3, counted from 0", `"rows#3"`, "inf at column 11", `"rows#5"`, "1e+300 at column 0, counted from 0, is too large for float32"} {
		if !strings.Contains(quarantine, part) {
			t.Errorf("%s has no %s", quarantine, part)
		}
	}
	for _, part := range []string{"2 with values that are NaN or infinite, the first rows.npy#2", "a value that the backbone's type does not have"} {
		if !strings.Contains(stderr, part) {
			t.Errorf("%q has no %q", stderr, part)
		}
	}
	p.put("narrow.npy", append(numpy.Header("|u1", 3, 11), make([]byte, 33)...))
	if code, _, stderr := p.try(t, "extract --backbone mlp.onnx narrow.npy"); code != exitBadSamples && code != exitFailed || !strings.Contains(stderr, "of another shape than the backbone takes") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if quarantine := string(p.read("narrow.quarantine.jsonl")); !strings.Contains(quarantine, "it has the shape 11, where the backbone takes 12") {
		t.Error(quarantine)
	}
	p.put("two.npz", p.read("trees.npz"))
	p.fails(t, "extract --backbone mlp.onnx --numbers x two.npz", exitFailed, `no column "x"`)
	p.put("cut.npy", file[:len(file)-3])
	p.fails(t, "extract --backbone mlp.onnx cut.npy", exitFailed, "cut.npy: its header says 6×12 values of float64, which take 576 bytes; the file has 573")
	p.put("pickle.npy", []byte("\x93NUMPY\x01\x00\x3b\x00"+fmt.Sprintf("%-58s\n", "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }")+"xxx"))
	p.fails(t, "extract --backbone mlp.onnx pickle.npy", exitFailed, "pickle.npy: an array of Python objects, kept as a pickle (|O), which are not read; in Python numpy.save(")
	if _, err := os.Stat("cut.features"); err == nil {
		t.Error("a feature set of a file that is cut off")
	}
}
