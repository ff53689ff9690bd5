package onnx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

const (
	// openBase and openStep are the sizes that open dimensions are tried with:
	// primes, so that a product tells which of them are in it.
	openBase = 17
	openStep = 12
)

// OutlineOpen is Outline for inputs with open dimensions (Size -1, with a Name).
// The graph has them at some size; shapes says for every tensor which of its
// dimensions are open, and its Name how large they are: "batch", "4·batch",
// "batch·tokens", "tokens+1", or "?" where it is not of these forms.
func OutlineOpen(m *pb.ModelProto, inputs map[string][]Dim) (g *Graph, shapes map[string][]Dim, err error) {
	var symbols []string
	for _, dims := range inputs {
		for _, d := range dims {
			if d.Size < 0 && d.Name == "" {
				return nil, nil, fmt.Errorf("onnx: an open dimension has no name")
			}
			if d.Size < 0 && !slices.Contains(symbols, d.Name) {
				symbols = append(symbols, d.Name)
			}
		}
	}
	slices.Sort(symbols)
	at := func(bumped string) (*Graph, error) {
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
		return Outline(m, fixed)
	}
	if g, err = at(""); err != nil {
		return nil, nil, err
	}
	bumped := make([]*Graph, len(symbols))
	for i, s := range symbols {
		if bumped[i], err = at(s); err != nil {
			return nil, nil, err
		}
	}
	shapes = make(map[string][]Dim, len(g.Shapes))
	for name, base := range g.Shapes {
		dims := make([]Dim, len(base))
		for i, v := range base {
			dims[i] = open(v, symbols, func(k int) int64 {
				if s := bumped[k].Shapes[name]; len(s) == len(base) {
					return s[i]
				}
				return -1
			})
		}
		shapes[name] = dims
	}
	return g, shapes, nil
}

// OpenShapes is OutlineOpen for inputs as m declares them. An open dimension
// without a name is called by its place, "#input,dimension", and decided by itself.
func OpenShapes(m *pb.ModelProto) (g *Graph, shapes map[string][]Dim, err error) {
	s, err := Walk(m)
	if err != nil {
		return nil, nil, err
	}
	inputs := make(map[string][]Dim)
	for i, v := range s.Inputs {
		dims := slices.Clone(v.Shape)
		for j, d := range dims {
			if d.Size < 0 && d.Name == "" {
				dims[j].Name = fmt.Sprintf("#%d,%d", i, j)
			}
		}
		inputs[v.Name] = dims
	}
	return OutlineOpen(m, inputs)
}

// open tells how a dimension of size base depends on the symbols; with says how
// large it is when one of them is larger.
func open(base int64, symbols []string, with func(k int) int64) Dim {
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
