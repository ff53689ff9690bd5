package retrain

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/grad"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Places are the tensors at which a backbone can be cut, so that what lies
// behind is retrained together with a head. They are only read.
type Places struct {
	spec  *models.Spec
	model *pb.ModelProto // with its external data
	cuts  []onnx.Cut     // in the graph's order
	ends  []int          // of cuts, those at which layers end
	all   int64          // parameters

	graph   *onnx.Graph
	pooling string // of the features, as grad has it
	mask    string // the input that says which tokens count; "" if all do
	space   bool   // as grad has it
}

// Place is one of Places: a tensor, and what is trained behind it.
type Place struct {
	// Name is what Find takes: "last:2", "half", "all" or a tensor.
	Name string
	// Cut is the tensor; "" means the backbone's inputs, so that all is
	// trained.
	Cut string
	// Shape is that of the tensor: -1 stands for samples and tokens. It is nil
	// where Cut is "".
	Shape []int64
	// Parameters is the number of elements of the weights behind the cut.
	Parameters int64
}

// NewPlaces looks for the places at which a backbone can be cut. Its features
// are those of the first tap. The error is a *PlaceError.
func NewPlaces(spec *models.Spec) (*Places, error) {
	p := &Places{spec: spec}
	if image, ok := spec.Contract.(*models.ImageSpec); ok && image.Inside {
		return nil, p.failed("", PlaceInside, nil)
	}
	if spec.Single {
		return nil, p.failed("", PlaceSingle, nil)
	}
	var err error
	if p.model, err = spec.Whole(); err != nil {
		return nil, p.failed("", PlaceUnknowable, err)
	}
	declare(p.model, spec.InputDims())
	tap := spec.Taps[0]
	if text, ok := spec.Contract.(*models.TextSpec); ok {
		has := func(role string) bool {
			return slices.ContainsFunc(spec.Inputs, func(in models.Input) bool { return in.Role == role })
		}
		switch {
		case text.Long == models.LongChunks:
			return nil, p.failed("", PlaceWindows, nil)
		case has("run"):
			return nil, p.failed("", PlaceUnknowable, errors.New("the graph takes the tokens of all texts one after the other"))
		case !has("mask") && text.Length == 0 && !text.Causal:
			return nil, p.failed("", PlaceNoMask, nil)
		}
	}
	pooling, ok := layer.Find(tap.Pooling)
	if !ok || !pooling.Gradient {
		return nil, p.failed("", PlaceNoGradient, nil)
	}
	if tap.Pooling != "none" {
		p.pooling = tap.Pooling
	}
	p.space = len(tap.Shape) == 4 && !pooling.Space
	// Of images all tokens count, as many for each.
	if spec.Masks(&tap) {
		for _, in := range spec.Inputs {
			if in.Role == "mask" {
				p.mask = in.Name
			}
		}
		if p.mask == "" {
			return nil, p.failed("", PlaceNoMask, nil)
		}
	}
	g, err := onnx.Infer(p.model, &onnx.InferOptions{Inputs: spec.InputDims()})
	if err == nil {
		p.cuts, err = onnx.Cuts(g, tap.Output)
	}
	if err != nil {
		return nil, p.failed("", PlaceUnknowable, err)
	}
	p.graph = g
	p.all = onnx.Parameters(g, tap.Output)
	p.findEnds()
	return p, nil
}

// declare gives the inputs of m the dimensions that dims know, as those of
// images are by their processor, in the place of open ones: shapes are then
// known on the way to any cut.
func declare(m *pb.ModelProto, dims map[string][]onnx.Dim) {
	for _, v := range m.GetGraph().GetInput() {
		shape := v.GetType().GetTensorType().GetShape().GetDim()
		for i, d := range dims[v.GetName()] {
			if i < len(shape) && d.Size >= 0 {
				shape[i].Value = &pb.TensorShapeProto_Dimension_DimValue{DimValue: d.Size}
			}
		}
	}
}

// findEnds finds the cuts at which layers end.
func (p *Places) findEnds() {
	for i, c := range p.cuts {
		// A head file holds what is behind the cut, so that must stand alone.
		if !c.Ends || c.Parameters == 0 {
			continue
		}
		if _, err := onnx.Detach(p.model, c.Tensor, p.spec.Taps[0].Output); err == nil {
			p.ends = append(p.ends, i)
		}
	}
	// A last norm or pooler is no layer of its own: it goes with the one before
	// it.
	if n := len(p.ends); n > 1 && p.cuts[p.ends[n-1]].Next == onnx.EndLayer {
		p.ends = p.ends[:n-1]
	}
}

// Layers returns how many layers can be told apart, by the tensors at which
// they end: what stands before the first one counts if it has a name.
func (p *Places) Layers() int {
	if len(p.ends) > 0 && p.cuts[p.ends[0]].Layer == "" {
		return len(p.ends)
	}
	return len(p.ends) + 1
}

// Cuts returns every tensor at which the backbone can be cut, in the graph's
// order.
func (p *Places) Cuts() []*Place {
	var all []*Place
	for _, c := range p.cuts {
		all = append(all, p.at(c.Tensor, c))
	}
	return all
}

// Ends returns those of Cuts at which a layer ends whose followers stand alone.
func (p *Places) Ends() []*Place {
	var all []*Place
	for _, i := range p.ends {
		all = append(all, p.at(p.cuts[i].Tensor, p.cuts[i]))
	}
	return all
}

// Find returns the place that a name stands for: "last:N" is before the last N
// layers, "half" before the last half of them, "all" is the inputs, and any
// other name is that of a tensor. Something behind it can be trained. The error
// is a *PlaceError.
func (p *Places) Find(name string) (*Place, error) {
	one, err := p.find(name)
	if err == nil && one.Parameters == 0 {
		return nil, p.failed(name, PlaceUntrainable, nil)
	}
	return one, err
}

// find is Find of a place that may have nothing to train.
func (p *Places) find(name string) (*Place, error) {
	if name == "all" {
		return &Place{Name: name, Parameters: p.all}, nil
	}
	for _, c := range p.cuts {
		if c.Tensor == name {
			return p.at(name, c), nil
		}
	}
	count, ok := strings.CutPrefix(name, "last:")
	n, err := strconv.Atoi(count)
	switch {
	case name == "half":
		n = (p.Layers() + 1) / 2
	case !ok:
		return nil, p.notACut(name)
	case err != nil || n < 1:
		return nil, p.failed(name, PlaceNoCount, nil)
	}
	switch {
	case len(p.ends) == 0 && slices.ContainsFunc(p.graph.Nodes, func(n *pb.NodeProto) bool { return grad.Quantised(n.GetOpType()) }):
		return nil, p.failed(name, PlaceQuantised, nil)
	case len(p.ends) == 0 && n == 1 && p.spec.Weights.Static: // the table is the one layer
		return &Place{Name: name, Parameters: p.all}, nil
	case len(p.ends) == 0:
		return nil, p.failed(name, PlaceNoEnds, nil)
	case n == len(p.ends)+1:
		return &Place{Name: name, Parameters: p.all}, nil
	case n > len(p.ends):
		return nil, p.failed(name, PlaceTooDeep, nil)
	}
	return p.at(name, p.cuts[p.ends[len(p.ends)-n]]), nil
}

// at is the place of a cut.
func (p *Places) at(name string, c onnx.Cut) *Place {
	one := &Place{Name: name, Cut: c.Tensor, Parameters: c.Parameters, Shape: []int64{-1}}
	for _, d := range p.graph.Dims(c.Tensor)[1:] {
		one.Shape = append(one.Shape, d.Size)
	}
	return one
}

// notACut says why a tensor is no cut, and names the nearest one behind it.
func (p *Places) notACut(name string) error {
	if slices.ContainsFunc(p.spec.Inputs, func(in models.Input) bool { return in.Name == name }) {
		return p.failed(name, PlaceInput, nil)
	}
	if name == p.spec.Taps[0].Output {
		return p.failed(name, PlaceFeatures, nil)
	}
	if p.graph.Dims(name) == nil {
		return p.failed(name, PlaceUnknown, nil)
	}
	made := map[string]int{} // the number of the node that makes a tensor
	for i, n := range p.model.GetGraph().GetNode() {
		for _, o := range n.GetOutput() {
			made[o] = i
		}
	}
	place, outer := made[name]
	if !outer {
		return p.failed(name, PlaceInner, nil)
	}
	e := p.failed(name, PlaceBypassed, nil)
	for _, c := range p.cuts {
		if made[c.Tensor] > place {
			e.Nearest = c.Tensor
			break
		}
	}
	return e
}

// Candidates returns the places that are worth comparing, from few layers to
// all: the last one, a quarter and half of them where there are three or more,
// and all. Each cut is there once.
func (p *Places) Candidates() []*Place {
	var names []string
	if n := p.Layers(); n >= 3 {
		names = append(names, "last:1")
		if quarter := (n + 2) / 4; quarter > 1 {
			names = append(names, fmt.Sprintf("last:%d", quarter))
		}
		names = append(names, "half")
	}
	var all []*Place
	for _, name := range append(names, "all") {
		if one, err := p.Find(name); err == nil && !slices.ContainsFunc(all, func(x *Place) bool { return x.Cut == one.Cut }) {
			all = append(all, one)
		}
	}
	return all
}

// maxCached is how many values of a sample a cache takes.
const maxCached = 1 << 20

// Fixed tells whether every sample has as many values at the cut.
func (p *Place) Fixed() bool {
	return p.Cut != "" && !slices.Contains(p.Shape[1:], -1)
}

// Cacheable tells whether the activations at the cut have a place in a cache:
// they are Fixed, and no more than 2^20 values a sample.
func (p *Place) Cacheable() bool {
	if !p.Fixed() {
		return false
	}
	n := int64(1)
	for _, d := range p.Shape[1:] {
		if d < 1 || n > maxCached/d {
			return false
		}
		n *= d
	}
	return true
}

// Pooling is one that a tap of the cut takes: "flat", which keeps every value,
// where the activations are cacheable. Else it is any that fits the shape, for
// whoever takes the values as they are, before they are pooled. Cut must not be
// "".
func (p *Place) Pooling() string {
	switch {
	case p.Cacheable():
		return "flat"
	case len(p.Shape) == 2:
		return "none"
	case len(p.Shape) == 4:
		return "gap"
	}
	return "mean"
}

// Network is the backbone, cut at a place, as Train takes it.
func (p *Places) Network(at *Place) *Network {
	dims := p.spec.InputDims()
	tap := p.spec.Taps[0]
	return &Network{
		Model: p.model, Cut: at.Cut, Features: tap.Output, Pooling: p.pooling, Normalize: tap.Post == "l2", Mask: p.mask,
		Space: p.space, ChannelsLast: len(tap.Shape) == 4 && tap.ChannelsLast,
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

// failed is the error for a place that will not do.
func (p *Places) failed(name string, kind PlaceKind, err error) *PlaceError {
	tap := p.spec.Taps[0]
	e := &PlaceError{Backbone: p.spec.Name, Place: name, Kind: kind, Features: tap.Output, Pooling: tap.Pooling, Err: err}
	if name != "" {
		e.Layers = p.Layers()
	}
	return e
}
