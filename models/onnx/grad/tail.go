package grad

import (
	"maps"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// tail is what lies between a cut and the features.
type tail struct {
	nodes  []*pb.NodeProto // in the graph's order
	inputs []string        // inputs of the graph that are reached, in its order
	// weights are those of each node, by their names.
	weights [][]string
}

// single returns g with one name for each tensor of the file: exporters store
// equal weights once and give them names by Identity. Trained apart, they could
// not be written back.
func single(g *onnx.Graph) *onnx.Graph {
	first, other := make(map[string]string), make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(g.Stored)) {
		if c := g.Constants[name]; c != nil && c.Type == pb.TensorProto_FLOAT {
			if f, ok := first[g.Stored[name]]; ok {
				other[name] = f
			} else {
				first[g.Stored[name]] = name
			}
		}
	}
	if len(other) == 0 {
		return g
	}
	one := *g
	one.Nodes = make([]*pb.NodeProto, len(g.Nodes))
	for i, n := range g.Nodes {
		in := slices.Clone(n.GetInput())
		for j, name := range in {
			if f, ok := other[name]; ok {
				in[j] = f
			}
		}
		one.Nodes[i] = &pb.NodeProto{Name: n.Name, OpType: n.OpType, Domain: n.Domain, Input: in, Output: n.Output, Attribute: n.Attribute}
	}
	return &one
}

// newTail finds the tail. cut is "" if it begins at the graph's inputs.
func newTail(g *onnx.Graph, cut, features string) *tail {
	behind := reach(g, cut, features)
	t := new(tail)
	for i, n := range g.Nodes {
		if behind.nodes[i] {
			t.nodes = append(t.nodes, n)
		}
	}
	for _, name := range g.Inputs {
		if behind.tensors[name] && name != cut {
			t.inputs = append(t.inputs, name)
		}
	}
	t.findWeights(g)
	return t
}

type reached struct {
	nodes   []bool // by their place in the graph
	tensors map[string]bool
}

// reach walks from a tensor back to cut and to the graph's inputs.
func reach(g *onnx.Graph, cut, from string) *reached {
	r := &reached{nodes: make([]bool, len(g.Nodes)), tensors: map[string]bool{from: true}}
	for i := len(g.Nodes) - 1; i >= 0; i-- { // a node stands behind those that it needs
		for _, out := range g.Nodes[i].GetOutput() {
			r.nodes[i] = r.nodes[i] || out != "" && out != cut && r.tensors[out]
		}
		if r.nodes[i] {
			for _, in := range g.Nodes[i].GetInput() {
				r.tensors[in] = true
			}
		}
	}
	return r
}

// weightInputs says which inputs of an operator are its weights, if they are
// constants or made of constants alone.
var weightInputs = map[string][]int{
	"Add":                   {0, 1},
	"BatchNormalization":    {1, 2}, // the statistics stay
	"Concat":                nil,    // all: a class token
	"Conv":                  {1, 2},
	"Einsum":                nil, // all
	"Gather":                {0},
	"Gemm":                  {0, 1, 2},
	"GroupNormalization":    {1, 2},
	"InstanceNormalization": {1, 2},
	"LayerNormalization":    {1, 2},
	"MatMul":                {0, 1},
	"Mul":                   {0, 1},
	"PRelu":                 {1},
	"RMSNormalization":      {1},
}

// findWeights fills in t.weights: float32 tensors of the file of more than one
// element that are no buffers (onnx.Graph.Buffers).
func (t *tail) findWeights(g *onnx.Graph) {
	origin := make(map[string][]string) // of what is made of constants alone
	buffers := g.Buffers()
	t.weights = make([][]string, len(t.nodes))
	for i, n := range t.nodes {
		places, ok := weightInputs[n.GetOpType()]
		var from []string
		fixed := true
		for j, name := range n.GetInput() {
			leaves := origin[name]
			if c := g.Constants[name]; c != nil {
				if stored := g.Stored[name]; c.Type == pb.TensorProto_FLOAT && len(c.F32) > 1 && stored != "" && !buffers[stored] {
					leaves = []string{name}
				}
			} else if name != "" && origin[name] == nil {
				fixed = false
			}
			from = append(from, leaves...)
			if ok && standard(n) && (places == nil || slices.Contains(places, j)) {
				t.weights[i] = append(t.weights[i], leaves...)
			}
		}
		if fixed {
			for _, out := range n.GetOutput() {
				origin[out] = append([]string{}, from...) // known, even if of nothing
			}
		}
	}
}

// next returns the first tensor at which the way to the features can be cut of
// those that a node of g and the nodes behind it make, "" if there is none.
func next(g *onnx.Graph, features string, from *pb.NodeProto) string {
	cuts, err := onnx.Cuts(g, features)
	if err != nil {
		return ""
	}
	made := make(map[string]bool)
	for _, n := range g.Nodes[max(slices.Index(g.Nodes, from), 0):] {
		for _, out := range n.GetOutput() {
			made[out] = true
		}
	}
	for _, c := range cuts {
		if made[c.Tensor] {
			return c.Tensor
		}
	}
	return ""
}
