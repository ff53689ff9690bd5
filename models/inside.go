package models

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Inside is what a backbone consists of: what it is fed and gives, what it
// computes with, which tensors can be tapped, and where it can be cut.
type Inside struct {
	Opset      int64 // of the standard operators
	IRVersion  int64 // of the file format
	Parameters int64 // elements of all stored tensors
	Trainable  int64 // elements of the weights that its features depend on
	Inputs     []Value
	Outputs    []Value
	Operators  map[string]int // how many nodes there are of each

	Taps []Value // what can be tapped, in the order in which it is computed
	Cuts []Cut   // where it can be cut, likewise
	// Unknown says why Taps, Cuts and Trainable are not known, "" if they are:
	// it is a graph that cannot be followed.
	Unknown string
}

// Value is a tensor of a backbone's graph.
type Value struct {
	Name string
	Type string // of an element, such as "float" or "int64"; of what is no tensor, what it is
	// Shape has the dimensions: those that are open have the Size -1. It is nil
	// if even the rank is not known.
	Shape []onnx.Dim
}

// Dims writes the shape: "[batch,3,224,224]", with "?" for what has no name.
func (v *Value) Dims() string {
	if v.Shape == nil {
		return "[?]"
	}
	var dims []string
	for _, d := range v.Shape {
		switch {
		case d.Size >= 0:
			dims = append(dims, strconv.FormatInt(d.Size, 10))
		case d.Name != "":
			dims = append(dims, d.Name)
		default:
			dims = append(dims, "?")
		}
	}
	return "[" + strings.Join(dims, ",") + "]"
}

// Cut is a tensor through which everything flows that weights have worked on: a
// backbone can be cut there, and what follows be retrained.
type Cut struct {
	Value
	// Layer is the layer that makes the tensor, "" before the first one that
	// has a name.
	Layer string
	// Ends tells whether the tensor is the result of its layer.
	Ends bool
	// Parameters is how many elements the weights behind the cut have, Shared
	// how many of them the part before the cut uses as well.
	Parameters, Shared int64
	// Side names the inputs that the part behind the cut needs beside the
	// tensor.
	Side []string
}

// Look looks into a backbone. An error is that of a file that is no model, or
// none that a runtime should be given.
func Look(s *Spec) (*Inside, error) {
	m, err := onnx.Decode(s.Weights.Data)
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", s.Weights.Path, err)
	}
	sum, err := onnx.Walk(m)
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", s.Weights.Path, err)
	}
	in := &Inside{IRVersion: sum.IRVersion, Parameters: sum.Parameters, Operators: make(map[string]int)}
	for _, o := range sum.Opsets {
		if o.Domain == "" {
			in.Opset = o.Version
		}
	}
	for _, op := range sum.Operators {
		in.Operators[op.Type] += op.Count
	}
	for _, v := range sum.Inputs {
		in.Inputs = append(in.Inputs, valueOf(v))
	}
	for _, v := range sum.Outputs {
		in.Outputs = append(in.Outputs, valueOf(v))
	}
	if err := in.follow(s, m); err != nil {
		in.Unknown = strings.TrimPrefix(err.Error(), "onnx: ")
	}
	return in, nil
}

// valueOf returns what a graph declares.
func valueOf(v onnx.Value) Value {
	out := Value{Name: v.Name, Type: v.Kind, Shape: v.Shape}
	if v.Kind == "tensor" {
		out.Type = strings.ToLower(v.Elem.String())
	}
	return out
}

// follow fills in what can be tapped and where it can be cut.
func (in *Inside) follow(s *Spec, m *pb.ModelProto) error {
	inputs := s.InputDims()
	batch := inputs[s.Inputs[0].Name][0]
	g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: inputs})
	if err != nil {
		return err
	}
	cuts, err := onnx.Cuts(g, s.Taps[0].Output)
	if err != nil {
		return err
	}
	made := tensors(m.GetGraph()) // g has what branches make, too, which cannot be tapped
	for _, n := range g.Nodes {
		for _, name := range n.GetOutput() {
			dims := g.Dims(name)
			if made[name] && g.Types[name] == pb.TensorProto_FLOAT && len(dims) > 1 && dims[0] == batch {
				in.Taps = append(in.Taps, Value{name, "float", dims})
			}
		}
	}
	for _, c := range cuts {
		in.Cuts = append(in.Cuts, Cut{
			Value: Value{c.Tensor, strings.ToLower(g.Types[c.Tensor].String()), g.Dims(c.Tensor)},
			Layer: c.Layer, Ends: c.Ends, Parameters: c.Parameters, Shared: c.Shared, Side: c.Side,
		})
	}
	in.Trainable = onnx.Parameters(g, s.Taps[0].Output)
	return nil
}
