package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// backboneFolder writes an image backbone of 8 values into the folder name:
// nodes turn the pixels "x", N×3×32×32, into "y" of the same shape, and the
// rest is a matrix product.
func (p *place) backboneFolder(name string, nodes ...*pb.NodeProto) {
	p.t.Helper()
	const side, dim = 32, 8
	weights := make([]float32, 3*side*side*dim)
	for i := range weights {
		weights[i] = float32(i*7919%1009)/1009 - 0.5
	}
	n := onnx.Dim{Size: -1, Name: "N"}
	model := &pb.ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(17)}},
		Graph: &pb.GraphProto{
			Name: proto.String("small"),
			Node: append(nodes,
				onnx.Node("Flatten", []string{"y"}, []string{"flat"}, onnx.IntAttribute("axis", 1)),
				onnx.Node("MatMul", []string{"flat", "weights"}, []string{"features"}),
			),
			Input:  []*pb.ValueInfoProto{onnx.TensorValue("x", pb.TensorProto_FLOAT, n, onnx.Dim{Size: 3}, onnx.Dim{Size: side}, onnx.Dim{Size: side})},
			Output: []*pb.ValueInfoProto{onnx.TensorValue("features", pb.TensorProto_FLOAT, n, onnx.Dim{Size: dim})},
			Initializer: []*pb.TensorProto{
				onnx.FloatTensor("weights", weights, 3*side*side, dim),
				onnx.FloatTensor("half", []float32{0.5}),
			},
		},
	}
	data, err := onnx.Encode(model)
	if err != nil {
		p.t.Fatal(err)
	}
	p.put(filepath.Join(name, "model.onnx"), data)
	p.put(filepath.Join(name, "preprocessor_config.json"), []byte(fmt.Sprintf(
		`{"image_processor_type":"CLIPImageProcessor","size":{"shortest_edge":%d},"crop_size":{"height":%d,"width":%d}}`, side, side, side)))
}

// embeddings returns the rows of a feature set, one after the other.
func (p *place) embeddings(name string) []float32 {
	p.t.Helper()
	store, err := cache.Open(os.Getenv("HEADSTART_CACHE"), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	defer store.Close()
	j, err := features.Open([]string{name}, store)
	if err != nil {
		p.t.Fatal(err)
	}
	defer j.Close()
	rows := make([]float32, j.Matrix.N()*j.Matrix.D())
	if err := j.Matrix.BlockTo(rows, 0, j.Matrix.N()); err != nil {
		p.t.Fatal(err)
	}
	return rows
}

// TestRowsDoNotDependOnTheirBatch runs backbones that compute over the whole
// batch. One says so by an operator, the other is found out.
func TestRowsDoNotDependOnTheirBatch(t *testing.T) {
	p := newPlace(t)
	p.backboneFolder("quantised",
		onnx.Node("DynamicQuantizeLinear", []string{"x"}, []string{"q", "scale", "zero"}),
		onnx.Node("DequantizeLinear", []string{"q", "scale", "zero"}, []string{"y"}))
	p.backboneFolder("centred",
		onnx.Node("ReduceMean", []string{"x"}, []string{"mean"}, onnx.IntsAttribute("axes", 0), onnx.IntAttribute("keepdims", 1)),
		onnx.Node("Mul", []string{"mean", "half"}, []string{"part"}),
		onnx.Node("Sub", []string{"x", "part"}, []string{"y"}))
	p.backboneFolder("plain", onnx.Node("Identity", []string{"x"}, []string{"y"}))

	first, second := p.samples(0, 15, "food-and-drink"), p.samples(15, 10, "food-and-drink")
	for _, s := range first {
		p.put("photos/"+filepath.Base(s[0]), p.read(filepath.Join(p.emoji, s[0])))
	}
	for _, s := range append(slices.Clone(first), second...) {
		p.put("all/"+filepath.Base(s[0]), p.read(filepath.Join(p.emoji, s[0])))
	}
	for _, c := range []struct {
		backbone, told string
		// Check rows with batches of several; a backbone that seems to depend
		// on its batch is given a sample twice, alone.
		first, second float64
	}{
		{"quantised", "DynamicQuantizeLinear computes over the whole batch, so samples are run one at a time", 0, 8},
		{"centred", "an embedding differs with the samples that are run beside it", 10, 18},
		{"plain", "", 8, 8},
	} {
		t.Run(c.backbone, func(t *testing.T) {
			var want []float32
			for _, batch := range []int{1, 2, 7} {
				t.Setenv("HEADSTART_CACHE", filepath.Join(t.TempDir(), "cache"))
				run := func(path string, rows, checks float64) {
					t.Helper()
					line := fmt.Sprintf("extract --backbone %s --batch-size %d --out %s-%d.features %s --json", c.backbone, batch, c.backbone+path, batch, path)
					code, stdout, stderr := p.try(t, line)
					if code != exitDone {
						t.Fatalf("exit %d: %s", code, stderr)
					}
					o := objects(t, stdout)[0]
					o.wantNumbers(t, map[string]float64{"backbone_rows": rows, "check_rows": checks})
					times := 1
					if c.told == "" || batch == 1 && c.backbone != "quantised" {
						times = 0 // batches of one show nothing
					}
					if n := strings.Count(stderr, "one at a time"); n != times || times == 1 && !strings.Contains(stderr, c.backbone+": "+c.told) {
						t.Errorf("batches of %d: it is said %d times: %s", batch, n, stderr)
					}
				}
				if batch == 1 {
					run("photos", 15, 0)
					run("all", 10, 8)
				} else {
					run("photos", 15, c.first)
					run("all", 10, c.second)
				}
				rows := p.embeddings(fmt.Sprintf("%sall-%d.features", c.backbone, batch))
				if want == nil {
					want = rows
				}
				if c.backbone != "plain" && !slices.Equal(rows, want) {
					t.Errorf("batches of %d: other rows than with batches of one", batch)
				}
			}
		})
	}

	for backbone, independent := range map[string]bool{"quantised": false, "centred": true, "plain": true} {
		if got := p.one(t, "inspect "+backbone)["row_independent"]; got != independent {
			t.Errorf("inspect %s: row_independent %v", backbone, got)
		}
	}
	if out := p.do(t, "inspect quantised"); !strings.Contains(out, "DynamicQuantizeLinear computes over the whole batch") || !strings.Contains(out, "one sample at a time") {
		t.Errorf("inspect quantised prints %s", out)
	}
}
