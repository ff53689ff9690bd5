package onnx

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Prune returns the part of m that computes tensors, which become its outputs
// in this order: the runtime computes a node even if no output needs it. Nodes,
// stored tensors, inputs and declarations that nothing needs are left out; the
// order of what stays, versions and unknown fields stay too. An output that m
// declares keeps its declaration, another tensor gets its declaration among
// value_info or else none, as the runtime finds the type itself. The result
// shares everything it can with m, which is not changed.
func Prune(m *pb.ModelProto, tensors ...string) (*pb.ModelProto, error) {
	g := m.GetGraph()
	if g == nil {
		return nil, fmt.Errorf("onnx: %w: it has no graph", ErrNotModel)
	}
	if len(tensors) == 0 {
		return nil, fmt.Errorf("onnx: prune: no tensor is named")
	}
	made := make(map[string]bool)
	for _, v := range g.GetInput() {
		made[v.GetName()] = true
	}
	for _, n := range g.GetNode() {
		for _, o := range n.GetOutput() {
			made[o] = true
		}
	}
	if err := wanted(made, tensors, "prune"); err != nil {
		return nil, err
	}
	out := shallow(m)
	out.Graph = between(g, "", tensors)
	return out, nil
}

// wanted checks the tensors that a part of a graph is to compute.
func wanted(made map[string]bool, tensors []string, verb string) error {
	seen := make(map[string]bool, len(tensors))
	for _, t := range tensors {
		if t == "" || !made[t] {
			return fmt.Errorf("onnx: %s after %s: no node makes this tensor, or one inside a body (If, Loop, Scan); name one that the main graph makes", verb, quote(t))
		}
		if seen[t] {
			return fmt.Errorf("onnx: %s after %s: the tensor is named twice", verb, quote(t))
		}
		seen[t] = true
	}
	return nil
}

// between returns the part of g that computes tensors, which become its
// outputs, from its inputs and a tensor that is taken as it is, "" if there is
// none.
func between(g *pb.GraphProto, cut string, tensors []string) *pb.GraphProto {
	need := make(map[string]bool)
	for _, t := range tensors {
		need[t] = true
	}
	part := shallow(g)
	part.Node = nil
	for _, n := range slices.Backward(g.GetNode()) {
		if slices.ContainsFunc(n.GetOutput(), func(o string) bool { return o != "" && o != cut && need[o] }) {
			part.Node = append(part.Node, n)
			needs(n, need)
		}
	}
	slices.Reverse(part.Node)
	for _, n := range part.Node { // outputs beside those that are needed are there, too
		for _, o := range n.GetOutput() {
			need[o] = true
		}
	}
	part.Initializer = slices.DeleteFunc(slices.Clone(g.GetInitializer()), func(t *pb.TensorProto) bool { return !need[t.GetName()] })
	part.SparseInitializer = slices.DeleteFunc(slices.Clone(g.GetSparseInitializer()), func(t *pb.SparseTensorProto) bool { return !need[t.GetValues().GetName()] })
	part.Input = slices.DeleteFunc(slices.Clone(g.GetInput()), func(v *pb.ValueInfoProto) bool { return !need[v.GetName()] })
	part.QuantizationAnnotation = slices.DeleteFunc(slices.Clone(g.GetQuantizationAnnotation()), func(a *pb.TensorAnnotation) bool { return !need[a.GetTensorName()] })

	declared := make(map[string]*pb.ValueInfoProto)
	for _, list := range [][]*pb.ValueInfoProto{g.GetValueInfo(), g.GetInput(), g.GetOutput()} {
		for _, v := range list {
			declared[v.GetName()] = v
		}
	}
	part.Output = nil
	for _, t := range tensors {
		v := declared[t]
		if v == nil {
			v = &pb.ValueInfoProto{Name: proto.String(t)}
		}
		part.Output = append(part.Output, v)
	}
	part.ValueInfo = nil
	for _, v := range g.GetValueInfo() {
		if need[v.GetName()] && !slices.Contains(part.Output, v) {
			part.ValueInfo = append(part.ValueInfo, v)
		}
	}
	fed := func(v *pb.ValueInfoProto) bool {
		return slices.ContainsFunc(g.GetInput(), func(in *pb.ValueInfoProto) bool { return in.GetName() == v.GetName() })
	}
	for _, v := range g.GetOutput() { // an output no more
		if need[v.GetName()] && !slices.Contains(part.Output, v) && v.GetType() != nil && !fed(v) {
			part.ValueInfo = append(part.ValueInfo, v)
		}
	}
	return part
}

// needs adds the tensors that a node needs to need: also those that its bodies
// take from the graph around them. A body's own names may be among them; the
// most that can come of it is that a node stays that is not needed.
func needs(n *pb.NodeProto, need map[string]bool) {
	for _, in := range n.GetInput() {
		need[in] = true
	}
	for _, a := range n.GetAttribute() {
		for _, body := range append([]*pb.GraphProto{a.GetG()}, a.GetGraphs()...) {
			for _, inner := range body.GetNode() {
				needs(inner, need)
			}
			for _, o := range body.GetOutput() {
				need[o.GetName()] = true
			}
		}
	}
}

// shallow returns a copy of a message that shares what it refers to, unknown
// fields included.
func shallow[M proto.Message](m M) M {
	from := m.ProtoReflect()
	to := from.New()
	from.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		to.Set(fd, v)
		return true
	})
	to.SetUnknown(from.GetUnknown())
	return to.Interface().(M)
}
