package onnx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// InferOptions say for which inputs Infer makes a graph, and how much of it is
// wanted. The zero value, and nil, mean the inputs as the model declares them,
// without the values of constants.
type InferOptions struct {
	// Inputs has the dimensions of inputs, by name; what is left out is as the
	// model declares it. Open dimensions have Size -1; those of one Name are of
	// one size. Fixed makes this of shapes.
	Inputs map[string][]Dim
	// Values asks for the values of the constants. All dimensions must be fixed
	// then, and weights in external files must have been read (ReadExternal).
	// Without values, large weights cost no more than small ones.
	Values bool
}

// Fixed returns shapes as InferOptions takes them.
func Fixed(shapes map[string][]int64) map[string][]Dim {
	inputs := make(map[string][]Dim, len(shapes))
	for name, shape := range shapes {
		dims := make([]Dim, len(shape))
		for i, d := range shape {
			dims[i].Size = d
		}
		inputs[name] = dims
	}
	return inputs
}

// Infer returns the main graph of m for the given dimensions of its inputs.
// Every tensor has one shape, and what depends on constants alone is evaluated,
// with one exception: what is computed from a stored float tensor of more than
// one element stays a node, so that the tensor remains a weight. If with a
// constant condition is replaced by its branch.
//
// Where dimensions are open, the graph has them at some size, and Graph.Dims
// says how tensors depend on them. An open dimension without a name is called
// by its place, "#input,dimension".
//
// An operator without a rule, a shape that depends on the values of what is
// fed, and inputs that do not fit are errors that name the node and its
// operator.
func Infer(m *pb.ModelProto, o *InferOptions) (*Graph, error) {
	if o == nil {
		o = new(InferOptions)
	}
	inputs, open, err := o.complete(m)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	if len(open) == 0 || o.Values {
		f, err := fold(m, sizes(inputs, ""))
		if err == nil && o.Values {
			err = f.values()
		}
		if err != nil {
			return nil, fmt.Errorf("onnx: %w", err)
		}
		return f.g, nil
	}
	at := func(bumped string) (*Graph, error) {
		f, err := fold(m, sizes(inputs, bumped))
		if err != nil {
			return nil, fmt.Errorf("onnx: %w", err)
		}
		return f.g, nil
	}
	g, err := at("")
	if err != nil {
		return nil, err
	}
	bumped := make([]*Graph, len(open))
	for i, s := range open {
		if bumped[i], err = at(s); err != nil {
			return nil, err
		}
	}
	g.dims = make(map[string][]Dim, len(g.Shapes))
	for name, base := range g.Shapes {
		dims := make([]Dim, len(base))
		for i, v := range base {
			dims[i] = dimOf(v, open, func(k int) int64 {
				if s := bumped[k].Shapes[name]; len(s) == len(base) {
					return s[i]
				}
				return -1
			})
		}
		g.dims[name] = dims
	}
	return g, nil
}

// Dims returns the dimensions of a tensor. Of an open one, which has Size -1,
// Name says how large it is: "batch", "4·batch", "batch·tokens", "tokens+1", or
// "?" where it is not of these forms. They are nil if there is no such tensor.
func (g *Graph) Dims(name string) []Dim {
	if g.dims != nil {
		return g.dims[name]
	}
	shape, ok := g.Shapes[name]
	if !ok {
		return nil
	}
	dims := make([]Dim, len(shape))
	for i, d := range shape {
		dims[i].Size = d
	}
	return dims
}

const (
	// openBase and openStep are the sizes that open dimensions are tried with:
	// primes, so that a product tells which of them are in it.
	openBase = 17
	openStep = 12
)

// complete returns the dimensions of all inputs whose number is known, and the
// names of those that are open, sorted. Inputs that fold will find to be in
// error are left as they are.
func (o *InferOptions) complete(m *pb.ModelProto) (map[string][]Dim, []string, error) {
	inputs := make(map[string][]Dim)
	for name, dims := range o.Inputs {
		inputs[name] = slices.Clone(dims)
	}
	stored := make(map[string]bool)
	for _, t := range m.GetGraph().GetInitializer() {
		stored[t.GetName()] = true
	}
	fed := slices.DeleteFunc(slices.Clone(m.GetGraph().GetInput()), func(v *pb.ValueInfoProto) bool { return stored[v.GetName()] })
	declared, err := values(fed)
	if err != nil {
		return nil, nil, fmt.Errorf("input %w", err)
	}
	var open []string
	for i, v := range declared {
		if _, given := inputs[v.Name]; !given && v.Shape != nil && !o.Values {
			inputs[v.Name] = slices.Clone(v.Shape)
		}
		for j, d := range inputs[v.Name] {
			if d.Size >= 0 {
				continue
			}
			if o.Values {
				return nil, nil, fmt.Errorf("input %s: dimension %d is not fixed; give its shape", quote(v.Name), j)
			}
			if d.Name == "" {
				d.Name = fmt.Sprintf("#%d,%d", i, j)
				inputs[v.Name][j] = d
			}
			if !slices.Contains(open, d.Name) {
				open = append(open, d.Name)
			}
		}
	}
	slices.Sort(open)
	return inputs, open, nil
}

// sizes returns shapes of inputs, with the open dimensions of one name larger
// than the others.
func sizes(inputs map[string][]Dim, bumped string) map[string][]int64 {
	fixed := make(map[string][]int64)
	for name, dims := range inputs {
		fixed[name] = []int64{}
		for _, d := range dims {
			switch {
			case d.Size >= 0:
			case d.Name == bumped:
				d.Size = openBase + openStep
			default:
				d.Size = openBase
			}
			fixed[name] = append(fixed[name], d.Size)
		}
	}
	return fixed
}

// dimOf tells how a dimension of size base depends on the symbols; with says
// how large it is when one of them is larger.
func dimOf(base int64, symbols []string, with func(k int) int64) Dim {
	unknown := Dim{Size: -1, Name: "?"}
	var in []string
	var slope, rest int64
	factor := base
	for k, s := range symbols {
		d := with(k) - base
		if d == 0 {
			continue
		}
		if with(k) < 0 || d%openStep != 0 {
			return unknown
		}
		in = append(in, s)
		slope = d / openStep
		rest = max(rest, base-slope*openBase, slope*openBase-base)
		factor /= openBase
	}
	switch {
	case len(in) == 0:
		return Dim{Size: base}
	case len(in) == 1:
		factor, rest = slope, base-slope*openBase
	case rest != 0: // no product
		return unknown
	}
	name := strings.Join(in, "·")
	if factor != 1 {
		name = strconv.FormatInt(factor, 10) + "·" + name
	}
	if rest != 0 {
		name = fmt.Sprintf("%s%+d", name, rest)
	}
	return Dim{Size: -1, Name: name}
}
