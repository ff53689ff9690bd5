package onnx

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// program makes a model of bytes: each node's operator, inputs and attributes
// are taken from them, so that most models get as far as the rules.
func program(code []byte) *pb.ModelProto {
	take := func() int64 {
		if len(code) == 0 {
			return 0
		}
		b := code[0]
		code = code[1:]
		return int64(b)
	}
	// number is mostly small, at times at the edge of what fits.
	number := func() int64 {
		b := take()
		switch {
		case b < 240:
			return b%12 - 3
		default:
			return []int64{1 << 31, 1 << 40, 1<<62 + 1, -1 << 63, 1<<63 - 1, -1 << 40, 1000, 100_000}[b%8]
		}
	}
	list := func() []int64 {
		out := make([]int64, take()%5)
		for i := range out {
			out[i] = number()
		}
		return out
	}
	m := small(nil)
	m.OpsetImport[0].Version = proto.Int64(minOpset + take()%(maxOpset-minOpset+1))
	names := append(sorted(operators), sorted(fused)...)
	tensors := []string{"x", "v", "n", ""}
	m.Graph.Initializer = []*pb.TensorProto{FloatTensor("v", []float32{1, -2, 0.5, 3}, 4), FloatTensor("n", []float32{2})}
	for i := range 3 {
		name := fmt.Sprintf("i%d", i)
		tensors = append(tensors, name)
		m.Graph.Initializer = append(m.Graph.Initializer, int64s(name, list()...))
	}
	m.Graph.Node = nil
	last := "x"
	for i := 0; len(code) > 0 && i < 12; i++ {
		op := names[take()%int64(len(names))]
		domain, opType, ok := strings.Cut(op, ":")
		if !ok {
			domain, opType = "", op
		}
		n := Node(opType, nil, []string{fmt.Sprintf("t%d", i)})
		n.Domain = &domain
		least := operators[op].least
		if fused[op] != nil {
			least = int(take() % 6)
		}
		for k := range least + int(take()%3) {
			if from := tensors[take()%int64(len(tensors))]; k == 0 && take()%3 > 0 {
				n.Input = append(n.Input, last)
			} else {
				n.Input = append(n.Input, from)
			}
		}
		for k := range take() % 3 {
			n.Output = append(n.Output, fmt.Sprintf("t%d_%d", i, k))
		}
		for _, a := range []string{"axis", "to", "keepdims", "group", "blocksize", "k", "upper", "allowzero", "noop_with_empty_axes", "start", "end", "dtype", "num_outputs", "ceil_mode", "batch_dims", "num_heads"} {
			if take()%3 == 0 {
				n.Attribute = append(n.Attribute, IntAttribute(a, number()))
			}
		}
		for _, a := range []string{"axes", "perm", "pads", "kernel_shape", "strides", "dilations", "split", "starts", "ends", "output_shape", "output_padding", "shape"} {
			if take()%3 == 0 {
				n.Attribute = append(n.Attribute, IntsAttribute(a, list()...))
			}
		}
		if opType == "Einsum" {
			n.Attribute = append(n.Attribute, &pb.AttributeProto{Name: proto.String("equation"), S: []byte([]string{"ij->ji", "ij,jk->ik", "...i,i", "ii", "a...b->...", ""}[take()%6])})
		}
		if opType == "ConstantOfShape" && take()%2 == 0 {
			n.Attribute = append(n.Attribute, &pb.AttributeProto{Name: proto.String("value"), T: int64s("", list()...)})
		}
		m.Graph.Node = append(m.Graph.Node, n)
		last = n.Output[0]
		tensors = append(tensors, n.Output...)
	}
	m.Graph.Output = nil
	for _, n := range m.Graph.Node {
		m.Graph.Output = append(m.Graph.Output, &pb.ValueInfoProto{Name: proto.String(n.Output[0])})
	}
	return m
}

// Whatever nodes are put together, Infer says what they make or what is wrong
// with them. Nodes are taken off from the end until the rest can be folded.
func FuzzOperators(f *testing.F) {
	names := append(sorted(operators), sorted(fused)...)
	for i := range names {
		// An operator set, three lists, then the operator after Shape.
		f.Add([]byte{8, 2, 5, 7, 1, 3, 0, byte(i), 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1})
		f.Add([]byte{16, 1, 3, 2, 4, 5, 1, 6, byte(slices.Index(names, "Shape")), 0, 1, 0, byte(i), 1, 2, 4, 3, 5, 2, 3, 3, 3, 3})
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		m := program(code)
		for len(m.Graph.Node) > 0 {
			g, err := Infer(m, &InferOptions{Inputs: Fixed(map[string][]int64{"x": {2, 4}}), Values: true})
			if err == nil {
				check(t, g)
				for _, o := range g.Outputs {
					if cuts, err := Cuts(g, o); err == nil && len(cuts) > 0 {
						tail, err := Tail(g, cuts[0].Tensor)
						if err != nil {
							t.Fatal(err)
						}
						check(t, tail)
					}
				}
				return
			}
			if !strings.HasPrefix(err.Error(), "onnx: node ") {
				t.Fatalf("error %v", err)
			}
			m.Graph.Node = m.Graph.Node[:len(m.Graph.Node)-1]
			m.Graph.Output = m.Graph.Output[:len(m.Graph.Node)]
		}
	})
}
