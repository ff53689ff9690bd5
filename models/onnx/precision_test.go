package onnx

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// storedFloats are the values of all weights of a model, as they are read.
func storedFloats(t *testing.T, m *pb.ModelProto) map[string][]float32 {
	t.Helper()
	plain, err := StoreAs(m, Float32, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]float32{}
	for name, x := range storedIn(plain) {
		if x.GetDataType() != int32(pb.TensorProto_FLOAT) {
			continue
		}
		v, err := readTensor(x)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = v.F32
	}
	return all
}

// Each weight is rounded to the nearest value that its precision has, and keeps
// its name; what is small stays.
func TestStoreAs(t *testing.T) {
	for _, name := range []string{"all-minilm-l6-v2", "efficientnet-lite0"} {
		data, err := os.ReadFile(filepath.Join("../builtin", name, "onnx/model.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		before := proto.CloneOf(m)
		want := storedFloats(t, m)
		sizes := map[Precision]int{}
		for _, p := range Precisions {
			narrow, err := StoreAs(m, p, map[string]bool{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Walk(narrow); err != nil {
				t.Fatalf("%s, %s: %v", name, p, err)
			}
			sizes[p] = proto.Size(narrow)
			have := storedFloats(t, narrow)
			if p != Int8 && len(have) != len(want) {
				t.Errorf("%s, %s: %d stored tensors, not %d", name, p, len(have), len(want))
			}
			moved := 0
			for tensor, v := range want {
				x := have[tensor]
				if len(x) != len(v) {
					t.Fatalf("%s, %s: %s has %d values, not %d", name, p, tensor, len(x), len(v))
				}
				largest := float32(0)
				for _, a := range v {
					largest = max(largest, float32(math.Abs(float64(a))))
				}
				for i, a := range v {
					d := math.Abs(float64(a) - float64(x[i]))
					if d > 0 {
						moved++
					}
					if bound := map[Precision]float64{Float16: math.Abs(float64(a))/2048 + 0x1p-25, Int8: float64(largest) / 253}[p]; d > bound || d > 0 && len(v) < leastNarrow {
						t.Fatalf("%s, %s: %s[%d] is %g, not %g", name, p, tensor, i, x[i], a)
					}
				}
			}
			if p != Int8 && moved > 0 || p == Int8 && moved == 0 { // the built-in ones store float16
				t.Errorf("%s, %s: %d values moved", name, p, moved)
			}
			again, err := StoreAs(narrow, p, nil)
			if err != nil || !Equal(again.Graph, narrow.Graph) {
				t.Errorf("%s, %s: a second time it is another one: %v", name, p, err)
			}
			if quantised := QuantisedBy(narrow); (quantised != "") != (p == Int8) {
				t.Errorf("%s, %s: quantised by %q", name, p, quantised)
			}
		}
		if !proto.Equal(before, m) {
			t.Errorf("%s was changed", name)
		}
		if a, b, c := sizes[Float32], sizes[Float16], sizes[Int8]; float64(b) > 0.53*float64(a) || float64(c) > 0.3*float64(a) {
			t.Errorf("%s: %d, %d, %d bytes", name, a, b, c)
		}
	}
}

// Scales are along what no product sums over, whichever operator reads a
// matrix, and through transpositions.
func TestEightBitsByChannel(t *testing.T) {
	const rows, columns = 64, 80
	v := make([]float32, rows*columns) // row i is i+1 times as large, column k twice as large as the one before
	for i := range rows {
		for k := range columns {
			v[i*columns+k] = float32(i+1) * float32(k%7+1) / 7
		}
	}
	attribute := func(name string, v int64) *pb.AttributeProto { return IntAttribute(name, v) }
	for _, c := range []struct {
		name  string
		nodes []*pb.NodeProto
		scale []int64 // nil: it stays
	}{
		{"MatMul right", []*pb.NodeProto{Node("MatMul", []string{"x", "w"}, []string{"y"})}, []int64{1, columns}},
		{"MatMul left", []*pb.NodeProto{Node("MatMul", []string{"w", "x"}, []string{"y"})}, []int64{rows, 1}},
		{"Gemm", []*pb.NodeProto{Node("Gemm", []string{"x", "w"}, []string{"y"})}, []int64{1, columns}},
		{"Gemm transB", []*pb.NodeProto{Node("Gemm", []string{"x", "w"}, []string{"y"}, attribute("transB", 1))}, []int64{rows, 1}},
		{"Gather", []*pb.NodeProto{Node("Gather", []string{"w", "x"}, []string{"y"})}, []int64{rows, 1}},
		{"Gather of columns", []*pb.NodeProto{Node("Gather", []string{"w", "x"}, []string{"y"}, attribute("axis", 1))}, nil},
		{"Transpose", []*pb.NodeProto{Node("Transpose", []string{"w"}, []string{"t"}), Node("MatMul", []string{"x", "t"}, []string{"y"})}, []int64{rows, 1}},
		{"perm", []*pb.NodeProto{Node("Transpose", []string{"w"}, []string{"t"}, IntsAttribute("perm", 1, 0)), Node("MatMul", []string{"x", "t"}, []string{"y"})}, []int64{rows, 1}},
		{"Add", []*pb.NodeProto{Node("Add", []string{"x", "w"}, []string{"y"})}, nil},
	} {
		for _, ir := range []int64{3, 8} {
			g := &pb.GraphProto{Node: c.nodes, Initializer: []*pb.TensorProto{FloatTensor("w", v, rows, columns)}, Input: []*pb.ValueInfoProto{TensorValue("x", pb.TensorProto_FLOAT)}, Output: []*pb.ValueInfoProto{{Name: proto.String("y")}}}
			if ir == 3 {
				g.Input = append(g.Input, TensorValue("w", pb.TensorProto_FLOAT))
			}
			m := &pb.ModelProto{IrVersion: proto.Int64(ir), Graph: g, OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(13)}}}
			narrow, err := StoreAs(m, Int8, nil)
			if err != nil {
				t.Fatal(err)
			}
			stored := storedIn(narrow)
			if c.scale == nil {
				if narrow != m {
					t.Errorf("%s: it is another model", c.name)
				}
				continue
			}
			if stored["w_scale"] == nil || !slices.Equal(stored["w_scale"].Dims, c.scale) || stored["w"] != nil || stored["w_int8"] == nil {
				t.Fatalf("%s, IR %d: %v", c.name, ir, sorted(stored))
			}
			if inputs := len(narrow.Graph.Input); inputs != 1 {
				t.Errorf("%s, IR %d: %d inputs", c.name, ir, inputs)
			}
			if ir == 3 && len(narrow.Graph.Initializer) > 0 {
				t.Errorf("%s: stored tensors that are no inputs", c.name)
			}
			x := storedFloats(t, narrow)["w"]
			for i := range rows {
				for k := range columns {
					a, b := float64(v[i*columns+k]), float64(x[i*columns+k])
					largest := float64(i + 1)
					if c.scale[0] == 1 {
						largest = rows * float64(k%7+1) / 7
					}
					if d := math.Abs(a - b); !(d <= largest/254*1.0001) {
						t.Fatalf("%s, IR %d: %g for %g in row %d, column %d", c.name, ir, b, a, i, k)
					}
				}
			}
			if kept, err := StoreAs(m, Int8, map[string]bool{"w": true}); err != nil || kept != m {
				t.Errorf("%s: what is named did not stay: %v", c.name, err)
			}
		}
	}
}

// What a precision cannot hold stays as it is.
func TestStoreAsKeeps(t *testing.T) {
	const n = 64
	store := func(change func(v []float32), p Precision) bool {
		v := make([]float32, n*n)
		for i := range v {
			v[i] = float32(i%13) - 6
		}
		change(v)
		g := &pb.GraphProto{
			Node: []*pb.NodeProto{Node("MatMul", []string{"x", "w"}, []string{"y"})}, Initializer: []*pb.TensorProto{FloatTensor("w", v, n, n)},
			Input: []*pb.ValueInfoProto{TensorValue("x", pb.TensorProto_FLOAT)}, Output: []*pb.ValueInfoProto{{Name: proto.String("y")}},
		}
		m := &pb.ModelProto{IrVersion: proto.Int64(8), Graph: g}
		out, err := StoreAs(m, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		return out != m
	}
	for _, c := range []struct {
		what      string
		change    func(v []float32)
		half, low bool
	}{
		{"plain", func([]float32) {}, true, true},
		{"too large", func(v []float32) { v[9] = 1e5 }, false, true},
		{"too small", func(v []float32) {
			for i := range v {
				v[i] *= 1e-9
			}
		}, false, true},
		{"not a number", func(v []float32) { v[9] = float32(math.NaN()) }, false, false},
		{"infinite", func(v []float32) { v[9] = float32(math.Inf(-1)) }, false, false},
		{"zeros", func(v []float32) { clear(v) }, true, true},
	} {
		if half, low := store(c.change, Float16), store(c.change, Int8); half != c.half || low != c.low {
			t.Errorf("%s: f16 %v, int8 %v", c.what, half, low)
		}
	}
	if _, err := StoreAs(&pb.ModelProto{Graph: new(pb.GraphProto)}, "f8", nil); err == nil {
		t.Error("f8 is a precision")
	}
}

// Whole numbers that are multiplied in another way than StoreAs does it are
// none of its weights, and stay.
func TestStoreAsOfOtherProducts(t *testing.T) {
	q := &pb.TensorProto{Name: proto.String("q"), Dims: []int64{2, 2}, DataType: proto.Int32(int32(pb.TensorProto_INT8)), RawData: []byte{1, 2, 3, 4}}
	for name, scale := range map[string]*pb.TensorProto{
		"scalar": FloatTensor("s", []float32{0.5}), "row": FloatTensor("s", []float32{0.5, 2}, 2), "other shape": FloatTensor("s", []float32{1, 2, 3}, 3, 1),
	} {
		for _, by := range []*pb.NodeProto{
			Node("Mul", []string{"f", "s"}, []string{"y"}), Node("Mul", []string{"f"}, []string{"y"}), {OpType: proto.String("Mul"), Input: []string{"f", "s"}},
		} {
			m := &pb.ModelProto{IrVersion: proto.Int64(8), Graph: &pb.GraphProto{
				Node: []*pb.NodeProto{Node("Cast", []string{"q"}, []string{"f"}, IntAttribute("to", single)), by}, Initializer: []*pb.TensorProto{q, scale},
				Output: []*pb.ValueInfoProto{{Name: proto.String("y")}},
			}}
			if out, err := StoreAs(m, Float32, nil); err != nil || out != m {
				t.Errorf("%s, %d inputs: %v", name, len(by.Input), err)
			}
		}
	}
}
