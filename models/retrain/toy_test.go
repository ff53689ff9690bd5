package retrain

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

var openLibrary = sync.OnceValues(func() (*runtime.Library, error) {
	for _, name := range []string{"libonnxruntime.so", "libonnxruntime.dylib"} {
		path := filepath.Join("..", "..", "lib", name)
		if _, err := os.Stat(path); err == nil {
			return runtime.Open(path)
		}
	}
	where, err := runtime.Find("")
	if err != nil {
		return nil, err
	}
	return runtime.Open(where.Path)
})

// library opens the runtime. Without one a test fails.
func library(t testing.TB) *runtime.Library {
	t.Helper()
	l, err := openLibrary()
	if err != nil {
		t.Fatalf("the tests of this package need ONNX Runtime; run: make runtime\n%v", err)
	}
	return l
}

// rows are samples without tokens: of each row what is fed at the one input.
type rows [][]float32

func (r rows) Tokens(int) int { return 0 }

func (r rows) FillTo(ctx context.Context, inputs []tensor.View, numbers, _ []int) error {
	if len(inputs) != 1 || int(inputs[0].Shape[0]) != len(numbers) {
		return fmt.Errorf("%d inputs for %d rows", len(inputs), len(numbers))
	}
	d := len(inputs[0].F32) / len(numbers)
	for k, n := range numbers {
		if copy(inputs[0].F32[k*d:(k+1)*d], r[n]) != d {
			return fmt.Errorf("row %d has %d values, not %d", n, len(r[n]), d)
		}
	}
	return ctx.Err()
}

// texts are samples with tokens, for inputs input_ids and attention_mask.
type texts struct {
	ids [][]int64
	pad int // is fed where the mask is 0
}

func (s *texts) Tokens(row int) int { return len(s.ids[row]) }

func (s *texts) FillTo(ctx context.Context, inputs []tensor.View, numbers, _ []int) error {
	for _, in := range inputs {
		length := int(in.Shape[1])
		for k, n := range numbers {
			for i := range length {
				v := int64(s.pad)
				switch {
				case in.Name == "attention_mask" && i < len(s.ids[n]):
					v = 1
				case in.Name == "attention_mask":
					v = 0
				case i < len(s.ids[n]):
					v = s.ids[n][i]
				}
				in.I64[k*length+i] = v
			}
		}
	}
	return ctx.Err()
}

func normals(rng *rand.Rand, n int, scale float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(scale * rng.NormFloat64())
	}
	return v
}

const (
	toyInputs  = 6
	toyHidden  = 10
	toyClasses = 3
)

// perceptron is a network of three layers: x (N×6) → h0 → h1 → features (N×10).
// Names tell its layers: net.layer.0 and so on.
func perceptron(seed uint64) *pb.ModelProto {
	rng := rand.New(rand.NewPCG(seed, 1))
	g := &pb.GraphProto{Name: new("perceptron")}
	x, in := "x", toyInputs
	g.Input = []*pb.ValueInfoProto{onnx.TensorValue("x", pb.TensorProto_FLOAT, onnx.Dim{Size: -1, Name: "n"}, onnx.Dim{Size: toyInputs})}
	for i := range 3 {
		name := fmt.Sprintf("net.layer.%d.", i)
		g.Initializer = append(g.Initializer,
			onnx.FloatTensor(name+"weight", normals(rng, in*toyHidden, 1/math.Sqrt(float64(in))), int64(in), toyHidden),
			onnx.FloatTensor(name+"bias", normals(rng, toyHidden, 0.1), toyHidden))
		y := fmt.Sprintf("h%d", i)
		if i == 2 {
			y = "features"
		}
		g.Node = append(g.Node,
			onnx.Node("Gemm", []string{x, name + "weight", name + "bias"}, []string{y + ":sum"}),
			onnx.Node("Tanh", []string{y + ":sum"}, []string{y}))
		x, in = y, toyHidden
	}
	g.Output = []*pb.ValueInfoProto{onnx.TensorValue("features", pb.TensorProto_FLOAT, onnx.Dim{Size: -1, Name: "n"}, onnx.Dim{Size: toyHidden})}
	return &pb.ModelProto{
		IrVersion: new(int64(8)), Graph: g,
		OpsetImport: []*pb.OperatorSetIdProto{{Domain: new(""), Version: new(int64(17))}},
	}
}

func toyNetwork(cut string) *Network {
	return &Network{Model: perceptron(1), Cut: cut, Shapes: func(n, tokens int) map[string][]int64 {
		return map[string][]int64{"x": {int64(n), toyInputs}}
	}}
}

// head returns a small random head.
func head(classes, dims int) *Head {
	rng := rand.New(rand.NewPCG(3, 4))
	return &Head{Weight: normals(rng, classes*dims, 0.1), Bias: normals(rng, classes, 0.1)}
}

// toyData are points that no linear head tells apart well: the class goes by
// products of coordinates. Their width is that of the cut.
func toyData(n, width int) *Data {
	rng := rand.New(rand.NewPCG(5, 6))
	d := &Data{}
	var x rows
	for i := range n {
		row := normals(rng, width, 1)
		x = append(x, row)
		c := 0
		if row[0]*row[1] > 0 {
			c = 1
		}
		if row[2]*row[3] > 0.5 {
			c = 2
		}
		d.Labels = append(d.Labels, c)
		part := max(i*5/n-2, 0) // three fifths, one, one
		d.Parts[part] = append(d.Parts[part], i)
	}
	d.Samples = x
	return d
}

// train trains or fails.
func train(t testing.TB, net *Network, d *Data, h *Head, s *Settings) *Result {
	t.Helper()
	r, err := Train(t.Context(), library(t), net, d, h, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// attention is a network of one attention over texts of any length, with an
// embedding table of 50 tokens: token_states (N×S×8).
func attention() *pb.ModelProto {
	const width = 8
	rng := rand.New(rand.NewPCG(11, 12))
	g := &pb.GraphProto{Name: new("attention")}
	for _, name := range []string{"input_ids", "attention_mask"} {
		g.Input = append(g.Input, onnx.TensorValue(name, pb.TensorProto_INT64, onnx.Dim{Size: -1, Name: "n"}, onnx.Dim{Size: -1, Name: "s"}))
	}
	weight := func(name string, scale float64, dims ...int64) string {
		g.Initializer = append(g.Initializer, onnx.FloatTensor(name, normals(rng, int(product(dims)), scale), dims...))
		return name
	}
	op := func(op, to string, in []string, attributes ...*pb.AttributeProto) string {
		g.Node = append(g.Node, onnx.Node(op, in, []string{to}, attributes...))
		return to
	}
	scalar := func(name string, v float32) string {
		g.Initializer = append(g.Initializer, onnx.FloatTensor(name, []float32{v}))
		return name
	}
	one := "axes"
	g.Initializer = append(g.Initializer, &pb.TensorProto{Name: new(one), Dims: []int64{1}, DataType: new(int32(pb.TensorProto_INT64)), Int64Data: []int64{1}})
	x := op("Gather", "words", []string{weight("embeddings.table", 1, 50, width), "input_ids"})
	q := op("MatMul", "q", []string{x, weight("layer.0.q", 0.3, width, width)})
	k := op("MatMul", "k", []string{x, weight("layer.0.k", 0.3, width, width)})
	v := op("MatMul", "v", []string{x, weight("layer.0.v", 0.3, width, width)})
	scores := op("MatMul", "scores", []string{q, op("Transpose", "kt", []string{k}, onnx.IntsAttribute("perm", 0, 2, 1))})
	mask := op("Cast", "mask", []string{"attention_mask"}, onnx.IntAttribute("to", int64(pb.TensorProto_FLOAT)))
	shift := op("Mul", "shift", []string{op("Sub", "hidden", []string{mask, scalar("one", 1)}), scalar("far", 1e9)})
	shift = op("Unsqueeze", "shift_row", []string{shift, one})
	a := op("Softmax", "a", []string{op("Add", "masked", []string{scores, shift})}, onnx.IntAttribute("axis", -1))
	op("Add", "token_states", []string{x, op("MatMul", "mixed", []string{a, v})})
	g.Output = []*pb.ValueInfoProto{onnx.TensorValue("token_states", pb.TensorProto_FLOAT, onnx.Dim{Size: -1, Name: "n"}, onnx.Dim{Size: -1, Name: "s"}, onnx.Dim{Size: width})}
	return &pb.ModelProto{
		IrVersion: new(int64(8)), Graph: g,
		OpsetImport: []*pb.OperatorSetIdProto{{Domain: new(""), Version: new(int64(17))}},
	}
}

func attentionNetwork() *Network {
	return &Network{Model: attention(), Pooling: "mean", Mask: "attention_mask", Shapes: func(n, tokens int) map[string][]int64 {
		s := []int64{int64(n), int64(tokens)}
		return map[string][]int64{"input_ids": s, "attention_mask": s}
	}}
}
