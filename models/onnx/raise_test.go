//go:build cgo && !windows

package onnx_test

import (
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/tensor"
)

// old is a model of an operator set of before: x becomes y.
func old(opset, ir int64, shape []int64, stored []*pb.TensorProto, nodes ...*pb.NodeProto) *pb.ModelProto {
	var dims []onnx.Dim
	for _, d := range shape {
		dims = append(dims, onnx.Dim{Size: d})
	}
	m := &pb.ModelProto{IrVersion: &ir, OpsetImport: []*pb.OperatorSetIdProto{{Version: &opset}}, Graph: &pb.GraphProto{
		Name: proto.String("old"), Input: []*pb.ValueInfoProto{onnx.TensorValue("x", pb.TensorProto_FLOAT, dims...)}, Initializer: stored, Node: nodes,
		Output: []*pb.ValueInfoProto{onnx.TensorValue("y", pb.TensorProto_FLOAT)},
	}}
	if ir < 4 {
		for _, s := range stored {
			var dims []onnx.Dim
			for _, d := range s.Dims {
				dims = append(dims, onnx.Dim{Size: d})
			}
			m.Graph.Input = append(m.Graph.Input, onnx.TensorValue(s.GetName(), pb.TensorProto_DataType(s.GetDataType()), dims...))
		}
	}
	return m
}

// A model that is raised computes what it computed in its own set, operator by
// operator, also inside bodies.
func TestRaise(t *testing.T) {
	l := library(t)
	n, i, is, f := onnx.Node, onnx.IntAttribute, onnx.IntsAttribute, onnx.FloatAttribute
	x, y := []string{"x"}, []string{"y"}
	word := onnx.TextAttribute
	floats := onnx.FloatTensor
	body := func(name string, node *pb.NodeProto) *pb.AttributeProto {
		return &pb.AttributeProto{Name: proto.String(name), Type: pb.AttributeProto_GRAPH.Enum(), G: &pb.GraphProto{
			Name: proto.String(name), Node: []*pb.NodeProto{node}, Output: []*pb.ValueInfoProto{onnx.TensorValue(node.Output[0], pb.TensorProto_FLOAT)},
		}}
	}
	yes := &pb.TensorProto{Name: proto.String("yes"), DataType: proto.Int32(int32(pb.TensorProto_BOOL)), RawData: []byte{1}}
	shape := []int64{2, 3, 4, 4}
	cases := map[string]struct {
		m    *pb.ModelProto
		want []int64 // the shape of y
	}{
		"ReduceMean":      {old(17, 8, shape, nil, n("ReduceMean", x, y, is("axes", 2, -1), i("keepdims", 0))), []int64{2, 3}},
		"ReduceMean all":  {old(13, 7, shape, nil, n("ReduceMean", x, y)), []int64{1, 1, 1, 1}},
		"ReduceL2":        {old(11, 6, shape, nil, n("ReduceL2", x, y, is("axes", 1), i("keepdims", 1))), []int64{2, 1, 4, 4}},
		"ReduceMax":       {old(12, 7, shape, nil, n("ReduceMax", x, y, is("axes", 3))), []int64{2, 3, 4, 1}},
		"ReduceSum":       {old(11, 6, shape, nil, n("ReduceSum", x, y, is("axes", 1), i("keepdims", 0))), []int64{2, 4, 4}},
		"ReduceSum input": {old(13, 7, shape, []*pb.TensorProto{onnx.IntTensor("a", 1)}, n("ReduceSum", []string{"x", "a"}, y)), []int64{2, 1, 4, 4}},
		"Softmax 1":       {old(11, 6, shape, nil, n("Softmax", x, y)), shape},
		"Softmax last":    {old(12, 6, shape, nil, n("Softmax", x, y, i("axis", -1))), shape},
		"Softmax 2":       {old(9, 4, shape, nil, n("Softmax", x, y, i("axis", 2))), shape},
		"Softmax of 13":   {old(13, 7, shape, nil, n("Softmax", x, y, i("axis", 1))), shape},
		"LogSoftmax -2":   {old(12, 6, shape, nil, n("LogSoftmax", x, y, i("axis", -2))), shape},
		"Hardmax":         {old(11, 6, shape, nil, n("Hardmax", x, y)), shape},
		"Clip":            {old(9, 4, shape, nil, n("Clip", x, y, f("min", -0.5), f("max", 0.25))), shape},
		"Clip below":      {old(10, 5, shape, nil, n("Clip", x, y, f("max", 0.25))), shape},
		"Clip above":      {old(10, 5, shape, nil, n("Clip", x, y, f("min", 0))), shape},
		"Clip not":        {old(10, 5, shape, nil, n("Clip", x, y)), shape},
		"Pad":             {old(9, 4, shape, nil, n("Pad", x, y, is("pads", 0, 0, 1, 0, 0, 0, 2, 1), f("value", 7))), []int64{2, 3, 7, 5}},
		"Pad reflected":   {old(10, 5, shape, nil, n("Pad", x, y, is("pads", 0, 0, 1, 1, 0, 0, 2, 1), word("mode", "reflect"))), []int64{2, 3, 7, 6}},
		"Squeeze":         {old(11, 6, []int64{2, 1, 3, 1}, nil, n("Squeeze", x, y, is("axes", 1, 3))), []int64{2, 3}},
		"Squeeze all":     {old(12, 6, []int64{2, 1, 3, 1}, nil, n("Squeeze", x, y)), []int64{2, 3}},
		"Unsqueeze":       {old(11, 6, []int64{2, 3}, nil, n("Unsqueeze", x, y, is("axes", 0, 2))), []int64{1, 2, 1, 3}},
		"Split":           {old(11, 6, shape, nil, n("Split", x, []string{"a", "y"}, i("axis", 1), is("split", 1, 2))), []int64{2, 2, 4, 4}},
		"Split evenly":    {old(11, 6, shape, nil, n("Split", x, []string{"a", "y"}, i("axis", 3))), []int64{2, 3, 4, 2}},
		"Split 13":        {old(13, 7, shape, nil, n("Split", x, []string{"y", "a"}, i("axis", 2))), []int64{2, 3, 2, 4}},
		"Slice":           {old(9, 4, shape, nil, n("Slice", x, y, is("axes", 2, 3), is("starts", 1, 0), is("ends", 100, -1))), []int64{2, 3, 3, 3}},
		"Slice first":     {old(9, 4, shape, nil, n("Slice", x, y, is("starts", 1), is("ends", 2))), []int64{1, 3, 4, 4}},
		"TopK":            {old(9, 4, shape, nil, n("TopK", x, []string{"y", "at"}, i("k", 2), i("axis", 3))), []int64{2, 3, 4, 2}},
		"Upsample":        {old(9, 4, shape, []*pb.TensorProto{floats("s", []float32{1, 1, 2, 2}, 4)}, n("Upsample", []string{"x", "s"}, y, word("mode", "nearest"))), []int64{2, 3, 8, 8}},
		"Upsample linear": {old(9, 3, shape, []*pb.TensorProto{floats("s", []float32{1, 1, 2, 2}, 4)}, n("Upsample", []string{"x", "s"}, y, word("mode", "linear"))), []int64{2, 3, 8, 8}},
		"Resize 10":       {old(10, 5, shape, []*pb.TensorProto{floats("s", []float32{1, 1, 1.5, 2}, 4)}, n("Resize", []string{"x", "s"}, y, word("mode", "nearest"))), []int64{2, 3, 6, 8}},
		"Resize 11":       {old(11, 6, shape, []*pb.TensorProto{floats("r", nil, 0), floats("s", nil, 0), onnx.IntTensor("z", 2, 3, 7, 5)}, n("Resize", []string{"x", "r", "s", "z"}, y, word("mode", "cubic"))), []int64{2, 3, 7, 5}},
		"Resize 13":       {old(13, 7, shape, []*pb.TensorProto{floats("s", []float32{1, 1, 0.5, 2}, 4)}, n("Resize", []string{"x", "", "s"}, y, word("mode", "linear"), word("coordinate_transformation_mode", "align_corners"))), []int64{2, 3, 2, 8}},
		"Dropout":         {old(9, 4, shape, nil, n("Dropout", x, y, f("ratio", 0.9))), shape},
		"Dropout 10":      {old(10, 5, shape, nil, n("Dropout", x, []string{"y", "mask"}, f("ratio", 0.9))), shape},
		"Dropout 12":      {old(12, 6, shape, []*pb.TensorProto{{Name: proto.String("p"), DataType: proto.Int32(1), FloatData: []float32{0.9}}}, n("Dropout", []string{"x", "p"}, y)), shape},
		"Scatter":         {old(10, 5, []int64{1, 3}, []*pb.TensorProto{{Name: proto.String("at"), Dims: []int64{1, 1}, DataType: proto.Int32(7), Int64Data: []int64{2}}, floats("v", []float32{5}, 1, 1)}, n("Scatter", []string{"x", "at", "v"}, y, i("axis", 1))), []int64{1, 3}},
		"BatchNormalization": {old(9, 3, shape, []*pb.TensorProto{floats("a", []float32{1, 2, 3}, 3), floats("b", []float32{3, 2, 1}, 3), floats("m", []float32{.1, .2, .3}, 3), floats("v", []float32{1, 2, 3}, 3)},
			n("BatchNormalization", []string{"x", "a", "b", "m", "v"}, y)), shape},
		"RoiAlign": {old(10, 5, shape, []*pb.TensorProto{floats("r", []float32{0, 0, 3, 2}, 1, 4), onnx.IntTensor("b", 0)}, n("RoiAlign", []string{"x", "r", "b"}, y, i("output_height", 2), i("output_width", 2))), []int64{1, 3, 2, 2}},
		"If":       {old(11, 6, shape, []*pb.TensorProto{yes}, n("If", []string{"yes"}, y, body("then_branch", n("Softmax", x, []string{"a"})), body("else_branch", n("Clip", x, []string{"b"})))), shape},
		"18":       {old(18, 8, shape, nil, n("ReduceMean", x, y)), []int64{1, 1, 1, 1}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if name == "If" {
				c.m.Graph.Node[0].Attribute[1].G.Node[0].Attribute = []*pb.AttributeProto{f("min", 0)}
				c.m.OpsetImport[0].Version = proto.Int64(10)
			}
			before := proto.CloneOf(c.m)
			raised, err := onnx.Raise(c.m)
			if err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(before, c.m) {
				t.Error("the model that was given has changed")
			}
			if v := onnx.StandardOpset(raised); v != onnx.Raised || raised.GetIrVersion() < 8 || len(raised.Graph.Input) != 1 {
				t.Errorf("set %d, IR version %d, inputs %v", v, raised.GetIrVersion(), raised.Graph.Input)
			}
			if (raised == c.m) != (name == "18") {
				t.Error("a model of set 18 is not the same, or an older one is")
			}
			var out [2][]float32
			size := int64(1)
			for _, d := range c.want {
				size *= d
			}
			in := map[string]tensor.View{"x": feed(pb.TensorProto_FLOAT, []int64(shapeOf(c.m.Graph.Input[0])))}
			for k, m := range []*pb.ModelProto{c.m, raised} {
				out[k] = make([]float32, size)
				if err := run(t, l, m, in, y, []tensor.View{{Shape: c.want, F32: out[k]}}); err != nil {
					t.Fatal(k, err)
				}
			}
			for k, v := range out[0] {
				if d := math.Abs(float64(v - out[1][k])); !(d <= 1e-6) {
					t.Fatalf("value %d: %g raised, %g before", k, out[1][k], v)
				}
			}
			if _, err := onnx.Walk(raised); err != nil {
				t.Error(err)
			}
		})
	}
}

// shapeOf is the shape that a value declares.
func shapeOf(v *pb.ValueInfoProto) (dims []int64) {
	for _, d := range v.GetType().GetTensorType().GetShape().GetDim() {
		dims = append(dims, d.GetDimValue())
	}
	return dims
}

// What set 18 cannot express, or what is not known, is refused by name.
func TestRaiseRefuses(t *testing.T) {
	n, x, y := onnx.Node, []string{"x"}, []string{"y"}
	shape := []int64{2, 3, 4, 4}
	own := old(13, 7, shape, nil, n("Relu", x, y))
	own.Functions = []*pb.FunctionProto{{Name: proto.String("Swish"), Domain: proto.String("own")}}
	for want, m := range map[string]*pb.ModelProto{
		"Tomorrow":             old(13, 7, shape, nil, n("Tomorrow", x, y)),
		"operator set 8":       old(8, 3, shape, nil, n("Relu", x, y)),
		"Swish":                own,
		"its mask":             old(9, 4, shape, nil, n("Dropout", x, []string{"y", "mask"})),
		"tf_half_pixel_for_nn": old(11, 6, shape, nil, n("Resize", []string{"x", "", "s"}, y, onnx.TextAttribute("coordinate_transformation_mode", "tf_half_pixel_for_nn"))),
		"from the batch":       old(9, 4, shape, nil, n("BatchNormalization", []string{"x", "a", "b", "m", "v"}, []string{"y", "mean", "var"})),
		"0 inputs":             old(9, 4, shape, nil, n("Clip", nil, y)),
		"0 outputs":            old(9, 4, shape, nil, &pb.NodeProto{OpType: proto.String("Softmax"), Input: x}),
	} {
		_, err := onnx.Raise(m)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	// What other domains have is none of the standard's.
	m := old(13, 7, shape, nil, n("Gelu", x, y))
	m.Graph.Node[0].Domain = proto.String("com.microsoft")
	m.OpsetImport = append(m.OpsetImport, &pb.OperatorSetIdProto{Domain: proto.String("com.microsoft"), Version: proto.Int64(1)})
	if raised, err := onnx.Raise(m); err != nil || raised.OpsetImport[1].GetVersion() != 1 {
		t.Error(err)
	}
}
