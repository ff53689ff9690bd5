package file

import (
	"errors"
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

const (
	irVersion    = 9
	opset        = 17
	featuresName = "features" // the input of a head on features
)

// parameters are the numbers of a graph, as it holds them.
type parameters struct {
	hidden      []layer.Hidden
	weight      []float32 // K×D, or K×units of the last hidden layer
	bias        []float32 // K
	center      []float32 // D
	temperature float32
	normalize   bool
	link        layer.Link
}

// links are what is made of the scores of each task.
var links = map[head.Task]layer.Link{head.OneOf: layer.Softmax, head.AnyOf: layer.Sigmoid, head.Number: layer.Identity, head.Grade: layer.Cumulative}

// network is a model that has a layout: its layers, of which the last one is
// that of the scores, and what was done to rows before them.
type network struct {
	layers      []head.Dense
	mean, scale []float64
	normalize   bool
}

// networkOf returns a model as a network, nil if it has no layout.
func networkOf(m head.Model) *network {
	switch m := m.(type) {
	case *head.Affine:
		return &network{[]head.Dense{{Weight: m.Weight, Bias: m.Bias}}, m.Mean, m.Scale, m.Normalize}
	case *head.Perceptron:
		return &network{m.Layers, m.Mean, m.Scale, m.Normalize}
	}
	return nil
}

// model returns a network as a model.
func (n *network) model() head.Model {
	if len(n.layers) == 1 {
		return &head.Affine{Weight: n.layers[0].Weight, Bias: n.layers[0].Bias, Mean: n.mean, Scale: n.scale, Normalize: n.normalize}
	}
	return &head.Perceptron{Layers: n.layers, Mean: n.mean, Scale: n.scale, Normalize: n.normalize}
}

// hidden are the sizes of its hidden layers; nil: there are none.
func (n *network) hidden() []int {
	var sizes []int
	for _, l := range n.layers[:len(n.layers)-1] {
		sizes = append(sizes, len(l.Bias))
	}
	return sizes
}

// parametersOf rounds the numbers of a head to float32.
func parametersOf(h *head.Head) (*parameters, error) {
	m := networkOf(h.Model)
	p := &parameters{center: make([]float32, len(m.mean)), temperature: float32(h.Temperature), normalize: m.normalize, link: links[h.Task]}
	var err error
	round := func(what string, x float64) float32 {
		y := float32(x)
		if y-y != 0 && err == nil {
			err = fmt.Errorf("%s %v is too large for float32", what, x)
		}
		return y
	}
	for i, x := range m.mean {
		p.center[i] = round("mean", x)
	}
	for i, l := range m.layers {
		to := layer.Hidden{Weight: make([]float32, len(l.Weight)), Bias: make([]float32, len(l.Bias))}
		for j, x := range l.Weight {
			to.Weight[j] = round("weight", x)
		}
		for c, x := range l.Bias {
			if i == 0 {
				x += moved(l.Weight[c*len(m.mean):(c+1)*len(m.mean)], p.center)
			}
			to.Bias[c] = round("bias", x)
		}
		p.hidden = append(p.hidden, to)
	}
	last := len(p.hidden) - 1
	p.weight, p.bias, p.hidden = p.hidden[last].Weight, p.hidden[last].Bias, p.hidden[:last]
	if round("temperature", h.Temperature); p.temperature <= 0 {
		return nil, fmt.Errorf("temperature %v is too small for float32", h.Temperature)
	}
	return p, err
}

// moved returns w·center, by which the bias of a class changes when features
// are taken relative to the center.
func moved[T float32 | float64](w []T, center []float32) float64 {
	sum := 0.0
	for i, x := range center {
		sum += float64(float64(w[i]) * float64(x)) // rounded before it is added: the same bits on every platform
	}
	return sum
}

// Head returns the head of f as its graph has it, rounded to float32. Without a
// tail it does not say which tensor the features are, nor how they are pooled.
func Head(f *File) (*layer.Head, error) {
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("head/file: %w", err)
	}
	if _, ok := f.Head.Model.(*head.Neighbours); ok {
		h, err := neighboursOf(f.Head)
		if err != nil {
			return nil, fmt.Errorf("head/file: %w", err)
		}
		return h, nil
	}
	p, err := parametersOf(f.Head)
	if err != nil {
		return nil, fmt.Errorf("head/file: %w", err)
	}
	if f.Tail != nil {
		h := f.Tail.layer(p)
		h.Features, h.Mask = f.Tail.Features, f.Tail.Mask
		return h, nil
	}
	return p.layer(), nil
}

// layer describes the head as what is put behind a tensor.
func (p *parameters) layer() *layer.Head {
	return &layer.Head{Normalize: p.normalize, Center: p.center, Hidden: p.hidden, Weight: p.weight, Bias: p.bias, Temperature: p.temperature, Link: p.link}
}

// model returns a head on features as a model without metadata; the package's
// comment has its graph as a formula.
func (p *parameters) model() (*pb.ModelProto, error) {
	return modelOf(p.layer(), int64(len(p.center)))
}

// modelOf returns a head on d features as a model without metadata.
func modelOf(h *layer.Head, d int64) (*pb.ModelProto, error) {
	h.Features = featuresName
	m, _, err := layer.Append(&pb.ModelProto{
		IrVersion:   new(int64(irVersion)),
		OpsetImport: []*pb.OperatorSetIdProto{{Domain: new(""), Version: new(int64(opset))}},
		Graph: &pb.GraphProto{
			Name:  new("head"),
			Input: []*pb.ValueInfoProto{onnx.TensorValue(featuresName, pb.TensorProto_FLOAT, onnx.Dim{Size: -1, Name: "batch"}, onnx.Dim{Size: d})},
		},
	}, h)
	return m, err
}

// graphReader reads the numbers of a head out of a model.
type graphReader struct {
	*pb.ModelProto
	size int  // of the file
	bare bool // the layout is one in which logits are without the temperature
}

// fits tells whether a head of c classes and d features can be in the file.
func (g *graphReader) fits(c, d int) error {
	if c < 1 || d < 1 || d > g.size/4/c {
		return fmt.Errorf("%d classes and %d features do not go into %d bytes", c, d, g.size)
	}
	return nil
}

// errOtherGraph says that a graph is not the one that Write makes.
var errOtherGraph = errors.New("the graph is not the one of a head with this metadata; another program has changed the file")

// readHead reads the numbers of a head on features, of which n has what is not
// in the graph, into h, whose other fields are set, and refuses a graph that
// differs from the one that Write makes or, in an older layout, made.
func (g *graphReader) readHead(h *head.Head, n *network, hidden []int) error {
	c, d := h.Task.Scores(len(h.Classes)), len(n.mean)
	if len(g.GetFunctions()) > 0 || len(g.GetOpsetImport()) != 1 || g.OpsetImport[0].GetDomain() != "" || g.OpsetImport[0].GetVersion() != opset {
		return fmt.Errorf("the model has functions, or its operator set is not %d alone", opset)
	}
	in := d
	for _, units := range hidden {
		if err := g.fits(units, in); err != nil {
			return err
		}
		in = units
	}
	if err := g.fits(c, in); err != nil {
		return err
	}
	tensor := func(name string, n int) ([]float32, error) {
		i := slices.IndexFunc(g.Graph.GetInitializer(), func(t *pb.TensorProto) bool { return t.GetName() == name })
		if i < 0 {
			return nil, fmt.Errorf("the graph has no initializer %q", name)
		}
		v, err := onnx.Floats(g.Graph.Initializer[i])
		if err == nil && len(v) != n {
			err = fmt.Errorf("initializer %q has %d values for %d classes and %d features", name, len(v), c, d)
		}
		return v, err
	}
	p := &parameters{temperature: float32(h.Temperature), normalize: n.normalize, center: make([]float32, d), link: links[h.Task]}
	for i, x := range n.mean {
		p.center[i] = float32(x)
	}
	var err error
	in = d
	for i, units := range hidden {
		var l layer.Hidden
		weight, bias := layer.HiddenNames(i)
		if l.Weight, err = tensor(weight, units*in); err != nil {
			return err
		}
		if l.Bias, err = tensor(bias, units); err != nil {
			return err
		}
		p.hidden = append(p.hidden, l)
		in = units
	}
	if p.weight, err = tensor("weight", c*in); err != nil {
		return err
	}
	if p.bias, err = tensor("bias", c); err != nil {
		return err
	}
	var want *pb.GraphProto
	if g.bare {
		want = p.bareGraph()
	} else {
		made, err := p.model()
		if err != nil {
			return fmt.Errorf("%w: %w", errOtherGraph, err)
		}
		want = made.Graph
	}
	if !onnx.Equal(want, g.Graph) {
		return errOtherGraph
	}
	for _, l := range append(p.hidden, layer.Hidden{Weight: p.weight, Bias: p.bias}) {
		n.layers = append(n.layers, head.Dense{Weight: doubles(l.Weight), Bias: doubles(l.Bias)})
	}
	first := &n.layers[0]
	for k := range first.Bias {
		first.Bias[k] -= moved(first.Weight[k*d:(k+1)*d], p.center)
	}
	h.Model = n.model()
	return nil
}

// doubles returns numbers as float64.
func doubles(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
