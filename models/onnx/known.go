package onnx

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// known is what has been computed: exporters write the same arithmetic of
// shapes and positions into each layer anew.
type known struct {
	results map[string][]*array // by computation
	numbers map[string]int      // of values that differ, by what they are
	of      map[*array]int      // of the values of a result
	held    int64               // elements of the results
}

// listed is how many elements a tensor may have to be told by its values.
const listed = 64

// keep adds the results of a computation, "" for one that is not told apart.
func (k *known) keep(computation string, values []*array) {
	if computation == "" {
		return
	}
	for _, a := range values {
		k.held += total(a.dims)
	}
	if k.held > maxWork {
		return
	}
	if k.results == nil {
		k.results = make(map[string][]*array)
	}
	k.results[computation] = values
	for i, a := range values {
		k.note(a, fmt.Sprintf("%d of %s", i, computation))
	}
}

// note returns the number of an array, which stays in memory, so that no other
// one comes to stand at its address.
func (k *known) note(a *array, otherwise string) int {
	n, ok := k.of[a]
	if !ok {
		if k.of == nil {
			k.of = make(map[*array]int)
		}
		n = k.number(written(a, otherwise))
		k.of[a] = n
	}
	return n
}

// number returns one number for equal descriptions.
func (k *known) number(what string) int {
	n, ok := k.numbers[what]
	if !ok {
		if k.numbers == nil {
			k.numbers = make(map[string]int)
		}
		n = len(k.numbers)
		k.numbers[what] = n
	}
	return n
}

// written describes a tensor by its values, or otherwise if it is large.
func written(a *array, otherwise string) string {
	if total(a.dims) > listed {
		return otherwise
	}
	var b strings.Builder
	fmt.Fprint(&b, a.elem, a.dims, a.i)
	for _, v := range a.f {
		fmt.Fprintf(&b, " %x", math.Float64bits(v))
	}
	return b.String()
}

// computation describes what a node computes, the same for nodes that compute
// the same of the same values. It is "" where an input has not been computed.
func (f *folder) computation(n *pb.NodeProto) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%s %d", n.GetDomain(), n.GetOpType(), len(n.GetOutput()))
	for _, a := range n.GetAttribute() {
		if a.GetG() != nil || len(a.GetGraphs()) > 0 {
			return ""
		}
		raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(a)
		if err != nil || len(raw) > 1<<12 {
			return ""
		}
		fmt.Fprintf(&b, " %q", raw)
	}
	for _, name := range n.GetInput() {
		switch {
		case name == "":
			b.WriteString(" -")
			continue
		case slices.Contains([]string{"Shape", "Size"}, n.GetOpType()):
			fmt.Fprintf(&b, " %v", f.g.Shapes[name])
			continue
		}
		a := f.seen[name]
		if c := f.constants[name]; c != nil {
			a = c.array
			if c.stored != nil {
				what := fmt.Sprintf("%p", c.stored)
				if total(f.g.Shapes[name]) <= listed {
					if v, err := f.array(name, 0); err == nil {
						what = written(&array{value{c.array.elem, v.dims}, v.f, v.i}, what)
					}
				}
				fmt.Fprintf(&b, " %v%d", f.g.Types[name], f.known.number(what))
				continue
			}
		}
		if a == nil {
			return ""
		}
		fmt.Fprintf(&b, " %v%d", f.g.Types[name], f.known.note(a, fmt.Sprintf("%p", a)))
	}
	return b.String()
}
