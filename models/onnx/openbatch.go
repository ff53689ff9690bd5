package onnx

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// OpenBatch returns m with the first dimension of its inputs left to what is
// fed, and that it is so: each input must have 1 there, and what the model
// computes must then have as many rows as it is fed, all the way, of the shapes
// that it declares. Shapes that are written into the graph may forbid it. m is
// not changed.
func OpenBatch(m *pb.ModelProto) (*pb.ModelProto, bool) {
	const batch = "batch"
	out := shallow(m)
	out.Graph = shallow(m.GetGraph())
	stored := make(map[string]bool)
	for _, t := range m.GetGraph().GetInitializer() {
		stored[t.GetName()] = true
	}
	fixed := false
	out.Graph.Input = slices.Clone(m.GetGraph().GetInput())
	for i, v := range out.Graph.Input {
		if stored[v.GetName()] {
			continue
		}
		dims := v.GetType().GetTensorType().GetShape().GetDim()
		if len(dims) < 2 || dims[0].GetDimValue() != 1 {
			return m, false
		}
		fixed = true
		v = proto.Clone(v).(*pb.ValueInfoProto)
		v.GetType().GetTensorType().GetShape().Dim[0].Value = &pb.TensorShapeProto_Dimension_DimParam{DimParam: batch}
		out.Graph.Input[i] = v
	}
	if !fixed {
		return m, false
	}
	g, err := Infer(out, nil)
	if err != nil {
		return m, false
	}
	for name := range g.Shapes {
		for k, d := range g.Dims(name) {
			if d.Size < 0 && (k > 0 || d.Name != batch && !strings.HasSuffix(d.Name, "·"+batch)) {
				return m, false // samples have come together
			}
		}
	}
	out.Graph.ValueInfo = nil // they are of one sample
	out.Graph.Output = slices.Clone(m.GetGraph().GetOutput())
	for i, v := range out.Graph.Output {
		dims := g.Dims(v.GetName())
		declared := v.GetType().GetTensorType().GetShape().GetDim()
		if len(dims) == 0 || dims[0] != (Dim{Size: -1, Name: batch}) || len(declared) > 0 && len(declared) != len(dims) {
			return m, false
		}
		for k, d := range dims[1:] {
			if d.Size < 0 || len(declared) > 0 && declared[k+1].GetDimValue() > 0 && declared[k+1].GetDimValue() != d.Size {
				return m, false
			}
		}
		out.Graph.Output[i] = TensorValue(v.GetName(), g.Types[v.GetName()], dims...)
	}
	return out, true
}
