package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/retrain"
)

// tail is a part of a backbone that can be retrained: what lies behind a cut.
type tail struct {
	name       string  // as --tail takes it
	cut        string  // a tensor; "" is the backbone's inputs
	shape      []int64 // of the cut; -1 stands for samples and tokens; nil where cut is ""
	parameters int64
}

// tails are the ways to cut a backbone that is retrained.
type tails struct {
	spec  *models.Spec
	model *pb.ModelProto // with its external data
	cuts  []onnx.Cut     // in the graph's order
	ends  []int          // of cuts, those at which layers end
	all   int64          // parameters

	shapes  map[string][]onnx.Dim
	pooling string // of the features, as grad has it
	mask    string // the input that says which tokens are there; "" if there is none
}

// newTails looks for the places at which a backbone can be cut.
func newTails(spec *models.Spec) (*tails, error) {
	t := &tails{spec: spec}
	var err error
	if t.model, err = onnx.Decode(spec.Weights.Data); err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Name, err)
	}
	if spec.Weights.Dir != "" && len(spec.Weights.External) > 0 {
		if err := onnx.ReadExternal(t.model, spec.Weights.Dir); err != nil {
			return nil, fmt.Errorf("%s: %w", spec.Name, err)
		}
	}
	for _, in := range spec.Inputs {
		if in.Role == "mask" {
			t.mask = in.Name
		}
	}
	switch tap := spec.Taps[0]; tap.Pooling {
	case "none":
	case "cls", "mean", "gap":
		t.pooling = tap.Pooling
	default:
		return nil, fmt.Errorf("%s: pooling %s of %s has no gradient here; retrain from features of pooling none, cls, mean or gap (extract --tap %s:POOLING)", spec.Name, tap.Pooling, tap.Output, tap.Output)
	}
	if t.pooling != "mean" {
		t.mask = ""
	} else if t.mask == "" {
		return nil, fmt.Errorf("%s: it has no attention mask, by which the mean of %s would be taken", spec.Name, spec.Taps[0].Output)
	}
	g, shapes, err := onnx.OutlineOpen(t.model, spec.InputDims())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Name, err)
	}
	if t.cuts, err = onnx.Cuts(g, spec.Taps[0].Output); err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Name, err)
	}
	t.shapes = shapes
	t.all = onnx.Parameters(g, spec.Taps[0].Output)
	for i, c := range t.cuts {
		// A head file holds what is behind the cut, so that must stand alone.
		if !c.Ends || c.Parameters == 0 || c.Shared > 0 {
			continue
		}
		if _, err := onnx.Detach(t.model, c.Tensor, spec.Taps[0].Output); err == nil {
			t.ends = append(t.ends, i)
		}
	}
	// A last norm or pooler is no layer of its own: it goes with the one before it.
	if n := len(t.ends); n > 0 && t.ends[n-1]+1 < len(t.cuts) && t.cuts[t.ends[n-1]+1].Layer == onnx.EndLayer {
		t.ends = t.ends[:n-1]
	}
	return t, nil
}

// named returns the tail that --tail names: last:N, half, all or a tensor.
func (t *tails) named(name string) (*tail, error) {
	one, err := t.find(name)
	if err == nil && one.parameters == 0 {
		return nil, usagef("--tail %s: no weight behind it can be trained: what is stored as integers, or quantised, has no gradient; cut earlier, or use the float32 model", name)
	}
	return one, err
}

// find is named of a tail that may have nothing to train.
func (t *tails) find(name string) (*tail, error) {
	if name == "all" {
		return &tail{name: name, parameters: t.all}, nil
	}
	for _, c := range t.cuts {
		if c.Tensor == name {
			return t.at(name, c), nil
		}
	}
	count, ok := strings.CutPrefix(name, "last:")
	n, err := strconv.Atoi(count)
	switch {
	case name == "half":
		n = (t.layers() + 1) / 2
	case !ok:
		return nil, t.notACut(name)
	case err != nil || n < 1:
		return nil, usagef("--tail %s: what follows the colon is a number of layers, from 1 on", name)
	}
	switch {
	case len(t.ends) == 0:
		return nil, fmt.Errorf("--tail %s: no layer of %s ends in a tensor through which everything flows; --tail all retrains everything", name, t.spec.Name)
	case n == len(t.ends)+1:
		return &tail{name: name, parameters: t.all}, nil
	case n > len(t.ends):
		return nil, usagef("--tail %s: %s has %d layers that can be told apart (headstart inspect %s lists them); --tail all retrains everything", name, t.spec.Name, t.layers(), t.spec.Name)
	}
	return t.at(name, t.cuts[t.ends[len(t.ends)-n]]), nil
}

// layers is how many layers there are, by the ends that are known: the part
// before the first one counts if it has a name.
func (t *tails) layers() int {
	if len(t.ends) > 0 && t.cuts[t.ends[0]].Layer == "" {
		return len(t.ends)
	}
	return len(t.ends) + 1
}

func (t *tails) at(name string, c onnx.Cut) *tail {
	out := &tail{name: name, cut: c.Tensor, parameters: c.Parameters, shape: []int64{-1}}
	for _, d := range t.shapes[c.Tensor][1:] {
		out.shape = append(out.shape, d.Size)
	}
	return out
}

// notACut says why a tensor is no cut, and names the nearest one behind it.
func (t *tails) notACut(name string) error {
	list := fmt.Sprintf("headstart inspect %s lists where it can be cut", t.spec.Name)
	for _, in := range t.spec.Inputs {
		if in.Name == name {
			return usagef("--tail %s: it is an input; --tail all retrains everything behind it", name)
		}
	}
	if name == t.spec.Taps[0].Output {
		return usagef("--tail %s: these are the features; nothing is left to retrain behind them", name)
	}
	if _, known := t.shapes[name]; !known {
		if near := nearest(name, []string{"half", "all", "auto", "last:1"}); near != "" {
			return usagef("--tail %s: did you mean %s?", name, near)
		}
		return usagef("--tail %s: neither last:N, half, all, auto nor a tensor of %s; %s", name, t.spec.Name, list)
	}
	after := ""
	made := map[string]int{}
	for i, n := range t.model.GetGraph().GetNode() {
		for _, o := range n.GetOutput() {
			made[o] = i
		}
	}
	place, outer := made[name]
	if !outer {
		return usagef("--tail %s: the tensor is made inside a branch or a loop, where the backbone cannot be cut; %s", name, list)
	}
	for _, c := range t.cuts {
		if made[c.Tensor] > place {
			after = ", as through " + c.Tensor + " behind it"
			break
		}
	}
	return usagef("--tail %s: not everything flows through this tensor%s; %s", name, after, list)
}

// candidates are the tails that --tail auto compares, from few layers to all.
func (t *tails) candidates() []*tail {
	var names []string
	if n := t.layers(); n >= 3 {
		names = append(names, "last:1")
		if quarter := (n + 2) / 4; quarter > 1 {
			names = append(names, fmt.Sprintf("last:%d", quarter))
		}
		names = append(names, "half")
	}
	var all []*tail
	for _, name := range append(names, "all") {
		if one, err := t.named(name); err == nil && !slices.ContainsFunc(all, func(x *tail) bool { return x.cut == one.cut }) {
			all = append(all, one)
		}
	}
	return all
}

// cacheable tells whether the activations at a cut have a place in the cache:
// one shape, and no more than 2^20 values.
func (c *tail) cacheable() bool {
	if c.cut == "" {
		return false
	}
	n := int64(1)
	for _, d := range c.shape[1:] {
		if d < 1 || n > 1<<20/d {
			return false
		}
		n *= d
	}
	return true
}

// anyPooling is one that a tap of the cut can have, where its values are taken as
// they are.
func (c *tail) anyPooling() string {
	switch len(c.shape) {
	case 2:
		return "none"
	case 4:
		return "gap"
	}
	return "mean"
}

// network is the backbone, cut, as it is retrained.
func (t *tails) network(c *tail) *retrain.Network {
	dims := t.spec.InputDims()
	tap := t.spec.Taps[0]
	return &retrain.Network{
		Model: t.model, Cut: c.cut, Features: tap.Output, Pooling: t.pooling, Normalize: tap.Post == "l2", Mask: t.mask,
		Shapes: func(n, tokens int) map[string][]int64 {
			shapes := map[string][]int64{}
			for name, d := range dims {
				shape := []int64{int64(n)}
				for _, x := range d[1:] {
					if x.Size < 0 {
						x.Size = int64(tokens)
					}
					shape = append(shape, x.Size)
				}
				shapes[name] = shape
			}
			return shapes
		},
	}
}

// wrap says which tail an error is about.
func (c *tail) wrap(err error) error {
	return fmt.Errorf("--tail %s: %w", c.name, err)
}
