package onnx

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx/pb"
	"google.golang.org/protobuf/proto"
)

// layered is a network of two layers y = f(x·w1), z = f(y·w2), and a last
// product with w3, with stored tensors beside: those of one pattern.
type layered struct {
	name    string
	values  map[string][]float32
	dims    map[string][]int64
	within  []string // of these, those that Constant nodes hold
	inputs  map[string]*pb.ValueInfoProto
	lines   []string // the output is "out"
	buffers string   // sorted, with spaces
	cut     string   // of the cuts: tensor:parameters[:shared]
}

func (c *layered) model() *pb.ModelProto {
	weights := map[string][]int64{"w1": {4, 4}, "w2": {4, 4}, "w3": {4, 3}}
	inputs := map[string]*pb.ValueInfoProto{"x": TensorValue("x", pb.TensorProto_FLOAT, Dim{Size: 4}, Dim{Size: 4})}
	for name, v := range c.inputs {
		inputs[name] = v
	}
	m := network(weights, inputs, "out", c.lines...)
	for _, t := range m.Graph.Initializer { // as no two weights are the same
		for i := range t.RawData {
			if i%4 == 2 {
				t.RawData[i] = byte(i*37 + len(t.GetName()) + int(t.GetName()[1]))
			}
			if i%4 == 3 {
				t.RawData[i] = 0x3e
			}
		}
	}
	for _, name := range sorted(c.values) {
		t := FloatTensor(name, c.values[name], c.dims[name]...)
		if !slices.Contains(c.within, name) {
			m.Graph.Initializer = append(m.Graph.Initializer, t)
			continue
		}
		t.Name = nil
		node := &pb.NodeProto{OpType: proto.String("Constant"), Output: []string{name},
			Attribute: []*pb.AttributeProto{{Name: proto.String("value"), Type: pb.AttributeProto_TENSOR.Enum(), T: t}}}
		m.Graph.Node = append([]*pb.NodeProto{node}, m.Graph.Node...)
	}
	return m
}

// sinusoid is the table of n positions and d channels, sines in the first half.
func sinusoid(n, d int) []float32 {
	var v []float32
	for t := range n {
		for _, wave := range []func(float64) float64{math.Sin, math.Cos} {
			for k := range d / 2 {
				v = append(v, float32(wave(float64(t)/math.Pow(100, float64(k)))))
			}
		}
	}
	return v
}

// learnedTable is n×d numbers without a pattern, none above 1.
func learnedTable(n, d int) []float32 {
	v := make([]float32, n*d)
	for i := range v {
		v[i] = float32(math.Sin(float64(i*i)*1.7 + 0.3))
	}
	return v
}

// TestBuffers: of the patterns in which exporters leave numbers that nobody
// learned, and of the learned ones that look alike, which are buffers, and
// where the graph can be cut.
func TestBuffers(t *testing.T) {
	positions := map[string]*pb.ValueInfoProto{"positions": TensorValue("positions", pb.TensorProto_FLOAT, Dim{Size: 4}, Dim{Size: 1})}
	half := func(v []float32, from int) (out []float32) {
		for row := range slices.Chunk(v, 4) {
			out = append(out, row[from], row[from+1], row[from], row[from+1])
		}
		return out
	}
	zeros := make([]float32, 16)
	for _, c := range []layered{
		{
			name:   "rotary frequencies, positions fed: MatMul, and both waves in every layer",
			values: map[string][]float32{"frequency": {1, 0.1, 0.01, 0.001}}, dims: map[string][]int64{"frequency": {1, 4}}, inputs: positions,
			lines: []string{
				"angle = MatMul positions frequency", "cos = Cos angle", "sin = Sin angle",
				"a = MatMul x w1", "ac = Mul a cos", "as = Mul a sin", "y = Add ac as",
				"b = MatMul y w2", "bc = Mul b cos", "bs = Mul b sin", "z = Add bc bs", "out = MatMul z w3",
			},
			buffers: "frequency", cut: "a:28 y:28 b:12 z:12",
		},
		{
			name:   "rotary periods, positions constant: Div",
			values: map[string][]float32{"period": {1, 10, 100, 1000}, "grid": {0, 1, 2, 3}}, dims: map[string][]int64{"period": {4}, "grid": {4, 1}}, within: []string{"grid"},
			lines: []string{
				"angle = Div grid period", "cos = Cos angle",
				"a = MatMul x w1", "y = Mul a cos", "b = MatMul y w2", "z = Mul b cos", "out = MatMul z w3",
			},
			buffers: "grid period", cut: "a:28 y:28 b:12 z:12",
		},
		{
			name:   "cached rotary tables, one multiplication a layer",
			values: map[string][]float32{"cos": half(sinusoid(4, 4), 2), "sin": half(sinusoid(4, 4), 0)}, dims: map[string][]int64{"cos": {4, 4}, "sin": {4, 4}},
			lines:   []string{"a = MatMul x w1", "y = Mul a cos", "b = MatMul y w2", "z = Mul b sin", "out = MatMul z w3"},
			buffers: "cos sin", cut: "a:28 y:28 b:12 z:12",
		},
		{
			name:   "sinusoidal positions, added once",
			values: map[string][]float32{"table": sinusoid(4, 4)}, dims: map[string][]int64{"table": {4, 4}},
			lines:   []string{"a = MatMul x w1", "y = Add a table", "z = MatMul y w2", "out = MatMul z w3"},
			buffers: "table", cut: "a:28 y:28 z:12",
		},
		{
			name:   "learned positions, added once, are a weight",
			values: map[string][]float32{"table": learnedTable(4, 4)}, dims: map[string][]int64{"table": {4, 4}},
			lines: []string{"a = MatMul x w1", "y = Add a table", "z = MatMul y w2", "out = MatMul z w3"},
			cut:   "a:44 y:28 z:12",
		},
		{
			name:   "a shift mask of one stage",
			values: map[string][]float32{"mask": {0, 0, -100, -100, 0, 0, -100, -100, -100, -100, 0, 0, -100, -100, 0, 0}}, dims: map[string][]int64{"mask": {1, 4, 4}},
			lines:   []string{"a = MatMul x w1", "m = Add a mask", "p = Softmax m", "y = MatMul p w2", "q = ReduceSum y first", "out = MatMul q w3"},
			buffers: "mask", cut: "a:28 m:28 p:28 y:12 q:12",
		},
		{
			name:   "a causal mask that stands for minus infinity",
			values: map[string][]float32{"mask": {0, -1e9, 0, 0, -1e9, 0, 0, 0, 0.5, 0, 0, 0, 0, 0, 0, 0}}, dims: map[string][]int64{"mask": {4, 4}},
			lines:   []string{"a = MatMul x w1", "m = Add a mask", "p = Softmax m", "y = MatMul p w2", "out = MatMul y w3"},
			buffers: "mask", cut: "a:28 m:28 p:28 y:12",
		},
		{
			name:   "a position bias that layers share",
			values: map[string][]float32{"bias": learnedTable(8, 2)}, dims: map[string][]int64{"bias": {8, 2}},
			lines: []string{
				"looked = Gather bias buckets", "turned = Transpose looked", "a = MatMul x w1", "m = Add a turned", "y = Softmax m",
				"b = MatMul y w2", "n = Add b turned", "z = Softmax n", "out = MatMul z w3",
			},
			cut: "a:44 m:44:16 y:44:16 b:28:16 n:12 z:12", // a weight, that is looked up before the cut and behind it
		},
		{
			name:   "a mask that is looked up in several layers",
			values: map[string][]float32{"mask": {0, -1e9, 0, 0, -1e9, 0, 0, 0, 0.5, 0, 0, 0, 0, 0, 0, 0}}, dims: map[string][]int64{"mask": {4, 4}},
			lines: []string{
				"looked = Gather mask buckets", "a = MatMul x w1", "m = Add a looked", "y = Softmax m",
				"b = MatMul y w2", "n = Add b looked", "z = Softmax n", "out = MatMul z w3",
			},
			buffers: "mask", cut: "a:28 m:28 y:28 b:12 n:12 z:12",
		},
		{
			name:   "a table that layers look up to multiply with",
			values: map[string][]float32{"table": learnedTable(4, 4)}, dims: map[string][]int64{"table": {4, 4}},
			lines: []string{
				"looked = Gather table buckets", "a = MatMul x w1", "m = Mul a looked", "y = Softmax m",
				"b = MatMul y w2", "n = Mul b looked", "z = Softmax n", "out = MatMul z w3",
			},
			buffers: "table", cut: "a:28 m:28 y:28 b:12 n:12 z:12",
		},
		{
			name:   "a position bias of one layer is a weight",
			values: map[string][]float32{"bias": learnedTable(8, 2)}, dims: map[string][]int64{"bias": {8, 2}},
			lines: []string{
				"looked = Gather bias buckets", "turned = Transpose looked", "a = MatMul x w1", "m = Add a turned", "y = Softmax m",
				"z = MatMul y w2", "out = MatMul z w3",
			},
			cut: "a:44 m:28 y:28 z:12",
		},
		{
			name:   "a table that is added twice at one place is a weight",
			values: map[string][]float32{"table": learnedTable(8, 4)}, dims: map[string][]int64{"table": {8, 4}},
			lines: []string{"left = Gather table buckets", "right = Gather table again", "a = MatMul x w1", "l = Add a left", "y = Add l right", "z = MatMul y w2", "out = MatMul z w3"},
			cut:   "a:60 l:60:32 y:28 z:12",
		},
		{
			name:   "zeros that layers share as their bias",
			values: map[string][]float32{"zero": zeros[:4]}, dims: map[string][]int64{"zero": {4}},
			lines:   []string{"a = MatMul x w1", "y = Add a zero", "b = MatMul y w2", "z = Add b zero", "out = MatMul z w3"},
			buffers: "zero", cut: "a:28 y:28 b:12 z:12",
		},
		{
			name:   "zeros that one layer has as its bias are a weight: nothing has changed it yet",
			values: map[string][]float32{"zero": zeros[:4]}, dims: map[string][]int64{"zero": {4}},
			lines: []string{"a = MatMul x w1", "y = Add a zero", "z = MatMul y w2", "out = MatMul z w3"},
			cut:   "a:32 y:28 z:12",
		},
		{
			name:   "scales that layers share are a weight: a vector is of channels",
			values: map[string][]float32{"scale": {1, 2, 3, 4}}, dims: map[string][]int64{"scale": {4}},
			lines: []string{"a = MatMul x w1", "y = Mul a scale", "b = MatMul y w2", "z = Mul b scale", "out = MatMul z w3"},
			cut:   "a:32 y:32:4 b:16:4 z:12",
		},
		{
			name:   "what Constant nodes hold, beside weights in initialisers",
			values: map[string][]float32{"shift": {1, 2, 3, 4}}, dims: map[string][]int64{"shift": {4}}, within: []string{"shift"},
			lines:   []string{"a = MatMul x w1", "y = Add a shift", "z = MatMul y w2", "out = MatMul z w3"},
			buffers: "shift", cut: "a:28 y:28 z:12",
		},
		{
			name:   "Constant nodes hold the weights of a model that keeps its matrices there",
			values: map[string][]float32{"v1": learnedTable(4, 4), "v2": learnedTable(4, 4), "v3": learnedTable(4, 4), "shift": {1, 2, 3, 4}},
			dims:   map[string][]int64{"v1": {4, 4}, "v2": {4, 4}, "v3": {4, 4}, "shift": {4}}, within: []string{"v1", "v2", "v3", "shift"},
			lines: []string{"a = MatMul x v1", "y = Add a shift", "z = MatMul y v2", "out = MatMul z v3"},
			cut:   "a:36 y:32 z:16",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := c.model()
			m.Graph.Initializer = append(m.Graph.Initializer,
				&pb.TensorProto{Name: proto.String("buckets"), DataType: proto.Int32(int32(pb.TensorProto_INT64)), Dims: []int64{4}, Int64Data: []int64{0, 1, 2, 3}},
				&pb.TensorProto{Name: proto.String("again"), DataType: proto.Int32(int32(pb.TensorProto_INT64)), Dims: []int64{4}, Int64Data: []int64{4, 5, 6, 7}},
				&pb.TensorProto{Name: proto.String("first"), DataType: proto.Int32(int32(pb.TensorProto_INT64)), Dims: []int64{1}, Int64Data: []int64{0}})
			for _, n := range m.Graph.Node {
				if n.GetOpType() == "ReduceSum" {
					n.Attribute = append(n.Attribute, IntAttribute("keepdims", 0))
				}
			}
			if strings.Contains(c.name, "position bias") { // two heads of 4×2 positions, as a matrix
				for i, n := range m.Graph.Node {
					if n.GetOpType() == "Transpose" {
						m.Graph.Node[i] = Node("Concat", []string{"looked", "looked"}, n.GetOutput(), IntAttribute("axis", 1))
					}
				}
			}
			for _, values := range []bool{true, false} {
				g, err := Infer(m, &InferOptions{Values: values})
				if err != nil {
					t.Fatal(err)
				}
				if have := strings.Join(sorted(g.Buffers()), " "); have != c.buffers {
					t.Errorf("values %v: buffers %q, not %q", values, have, c.buffers)
				}
				cuts, err := Cuts(g, "out")
				if err != nil {
					t.Fatal(err)
				}
				var have []string
				for _, x := range cuts {
					s := x.Tensor + ":" + itoa(x.Parameters)
					if x.Shared > 0 {
						s += ":" + itoa(x.Shared)
					}
					have = append(have, s)
				}
				if s := strings.Join(have, " "); s != c.cut {
					t.Errorf("values %v: cuts %q, not %q", values, s, c.cut)
				}
			}
			// A graph whose constants are all that is known of it says the
			// same, but for what lies in Constant nodes.
			g, err := Infer(m, &InferOptions{Values: true})
			if err != nil {
				t.Fatal(err)
			}
			g.buffers = nil
			if have := strings.Join(sorted(g.Buffers()), " "); have != c.buffers && len(c.within) == 0 {
				t.Errorf("by hand: buffers %q, not %q", have, c.buffers)
			}
		})
	}
}
