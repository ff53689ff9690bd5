package onnx

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
	"google.golang.org/protobuf/proto"
)

// Tail returns the part of g between the tensor cut and the outputs. Its inputs
// are cut and, behind it, the inputs of g that the part needs as well, in their
// order. It shares values and nodes with g; only a node that makes cut and,
// beside it, what the outputs need is a copy that makes cut under another name.
func Tail(g *Graph, cut string) (*Graph, error) {
	if !slices.ContainsFunc(g.Nodes, func(n *pb.NodeProto) bool { return cut != "" && slices.Contains(n.Output, cut) }) {
		return nil, fmt.Errorf("onnx: cut at %s: no node makes this tensor", quote(cut))
	}
	t := &Graph{
		Opset: g.Opset, Domains: g.Domains, Outputs: g.Outputs, Inputs: []string{cut},
		Constants: make(map[string]*Tensor), Shapes: make(map[string][]int64),
		Types: make(map[string]pb.TensorProto_DataType), Stored: make(map[string]string), buffers: g.buffers,
	}
	need := make(map[string]bool)
	for _, o := range g.Outputs {
		need[o] = true
	}
	for _, n := range slices.Backward(g.Nodes) {
		if !slices.ContainsFunc(n.GetOutput(), func(o string) bool { return o != "" && o != cut && need[o] }) {
			continue
		}
		for _, in := range n.GetInput() {
			need[in] = true
		}
		for _, o := range n.GetOutput() {
			if o != cut { // that it is made is no need of it
				need[o] = true
			}
		}
		if i := slices.Index(n.GetOutput(), cut); i >= 0 {
			taken := make(map[string]bool, len(g.Types))
			for name := range g.Types {
				taken[name] = true
			}
			again := unique(cut, taken)
			n = shallow(n)
			n.Output = slices.Clone(n.Output)
			n.Output[i] = again
			t.Shapes[again], t.Types[again] = g.Shapes[cut], g.Types[cut]
		}
		t.Nodes = append(t.Nodes, n)
	}
	delete(need, "")
	if !need[cut] {
		return nil, fmt.Errorf("onnx: cut at %s: the outputs do not depend on this tensor", quote(cut))
	}
	slices.Reverse(t.Nodes)
	for _, in := range g.Inputs {
		if need[in] {
			t.Inputs = append(t.Inputs, in)
		}
	}
	for name := range need {
		t.Shapes[name], t.Types[name] = g.Shapes[name], g.Types[name]
		if c := g.Constants[name]; c != nil {
			t.Constants[name] = c
		}
		if s, ok := g.Stored[name]; ok {
			t.Stored[name] = s
		}
	}
	return t, nil
}

// Model returns g as a model of an IR version. Constants become initialisers;
// those without values, as Infer leaves them unless they are asked for, are an
// error.
func (g *Graph) Model(irVersion int64) (*pb.ModelProto, error) {
	m := &pb.ModelProto{IrVersion: &irVersion, Graph: &pb.GraphProto{Name: proto.String("graph"), Node: g.Nodes}}
	m.OpsetImport = []*pb.OperatorSetIdProto{{Domain: proto.String(""), Version: proto.Int64(g.Opset)}}
	for _, domain := range sorted(g.Domains) {
		m.OpsetImport = append(m.OpsetImport, &pb.OperatorSetIdProto{Domain: proto.String(domain), Version: proto.Int64(g.Domains[domain])})
	}
	declare := func(name string) *pb.ValueInfoProto {
		dims := make([]Dim, len(g.Shapes[name]))
		for i, d := range g.Shapes[name] {
			dims[i].Size = d
		}
		return TensorValue(name, g.Types[name], dims...)
	}
	for _, name := range g.Inputs {
		m.Graph.Input = append(m.Graph.Input, declare(name))
	}
	for _, name := range g.Outputs {
		m.Graph.Output = append(m.Graph.Output, declare(name))
	}
	for _, name := range sorted(g.Constants) {
		t, err := g.Constants[name].proto(name)
		if err != nil {
			return nil, fmt.Errorf("onnx: tensor %s: %w", quote(name), err)
		}
		m.Graph.Initializer = append(m.Graph.Initializer, t)
	}
	return m, nil
}

// proto returns t's values as a stored tensor.
func (t *Tensor) proto(name string) (*pb.TensorProto, error) {
	elem := int32(t.Type)
	p := &pb.TensorProto{Name: &name, Dims: t.Dims, DataType: &elem}
	n := int(total(t.Dims))
	if max(len(t.F32), len(t.I64), len(t.I32), len(t.Bool)) != n {
		return nil, fmt.Errorf("its values are not known")
	}
	if isFloat(t.Type) {
		p.RawData = floatBytes(t.Type, t.F32)
		return p, nil
	}
	p.RawData = make([]byte, 0, int64(n)*storages[t.Type].bits/8)
	add := func(v int64) {
		switch storages[t.Type].bits {
		case 8:
			p.RawData = append(p.RawData, byte(v))
		case 16:
			p.RawData = binary.LittleEndian.AppendUint16(p.RawData, uint16(v))
		case 32:
			p.RawData = binary.LittleEndian.AppendUint32(p.RawData, uint32(v))
		case 64:
			p.RawData = binary.LittleEndian.AppendUint64(p.RawData, uint64(v))
		}
	}
	for _, v := range t.I64 {
		add(v)
	}
	for _, v := range t.I32 {
		add(int64(v))
	}
	for _, v := range t.Bool {
		b := int64(0)
		if v {
			b = 1
		}
		add(b)
	}
	return p, nil
}
