package layer

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Names of the outputs.
const (
	Logits        = "logits"        // f32[batch,K], the temperature included
	Probabilities = "probabilities" // f32[batch,C], what Link makes of Logits
	Value         = "value"         // f32[batch,K], of a head of numbers
)

// Head is what is put behind a tensor.
type Head struct {
	// Features is the float32 tensor that is read: N×D, or else N×positions×D.
	Features string
	// Pooling makes rows of it, N×D: "" or "none" takes it as it is, "cls" the
	// first position and "last" the last one, "mean", "gap" and "max" go over
	// the positions, "gem" is the generalised mean with power 3 of what is
	// raised to at least 1e-6, "meanstd" has first the means and then the
	// population's standard deviations, D/2 each, "mean_sqrt_len" is the sum
	// over the square root of the number of positions, and "weightedmean" the
	// mean in which the first position counts once, the second twice.
	Pooling string
	// Mask is a tensor N×positions that is 1 for the positions that count, one
	// after the other, and 0 before and behind them: of these "cls" is the
	// first and "last" the last one. "" means that all count.
	Mask string
	// Space says that the positions are of one or more dimensions.
	Space bool
	// ChannelsFirst says that Features is N×D×positions.
	ChannelsFirst bool
	// Post is "l2" to divide pooled rows by their length, or "".
	Post string

	// Normalize divides rows by their length. A row of zeros stays one.
	Normalize bool
	Center    []float32 // D; nil: 0
	// Hidden are layers of rectified linear units between the rows and the
	// scores, each max(x·weightᵀ + bias, 0) of what is before it.
	Hidden      []Hidden
	Weight      []float32 // K×D, or K times as many as the last of Hidden has units
	Bias        []float32 // K
	Temperature float32
	// Neighbours make the scores in the place of Weight and Bias; nil: they do
	// not.
	Neighbours *Neighbours
	// Link is what is made of the logits.
	Link Link
	// BareLogits says that Logits are what Temperature has not divided yet, as
	// files of older layouts have them. Probabilities are the same.
	BareLogits bool
}

// Hidden is a layer of rectified linear units.
type Hidden struct {
	Weight []float32 // units×what is before them
	Bias   []float32 // units
}

// d is the number of features, k that of scores.
func (h *Head) d() int64 {
	if h.Neighbours != nil {
		return int64(len(h.Neighbours.Scale))
	}
	if len(h.Hidden) > 0 {
		return int64(len(h.Hidden[0].Weight) / len(h.Hidden[0].Bias))
	}
	return int64(len(h.Weight) / len(h.Bias))
}

func (h *Head) k() int64 {
	if h.Neighbours != nil {
		return h.Neighbours.Classes
	}
	return int64(len(h.Bias))
}

// checkHidden tells what is wrong with the shapes of the layers.
func (h *Head) checkHidden() error {
	units := 0 // of the layer before; 0: none
	for i, l := range append(slices.Clone(h.Hidden), Hidden{h.Weight, h.Bias}) {
		n := len(l.Bias)
		if n == 0 || len(l.Weight) == 0 || len(l.Weight)%n != 0 || units > 0 && len(l.Weight) != n*units {
			return fmt.Errorf("layer %d: %d weights and %d biases behind %d units", i+1, len(l.Weight), n, units)
		}
		units = n
	}
	return nil
}

// mask is the mask, "" if the pooling does without.
func (h *Head) mask() string {
	switch h.Pooling {
	case "", "none":
		return ""
	}
	return h.Mask
}

// check tells what is wrong with h.
func (h *Head) check() error {
	c := len(h.Bias)
	pooling, known := Find(h.Pooling)
	if h.Neighbours != nil {
		if err := h.Neighbours.check(); err != nil {
			return err
		}
		if c > 0 || len(h.Weight) > 0 || h.BareLogits {
			return fmt.Errorf("%d weights for %d classes beside neighbours, or logits of another layout", len(h.Weight), c)
		}
	}
	switch {
	case h.Features == "":
		return fmt.Errorf("no features are named")
	case h.Neighbours == nil && (c == 0 || len(h.Weight) == 0 || len(h.Weight)%c != 0):
		return fmt.Errorf("%d weights for %d classes", len(h.Weight), c)
	case len(h.Hidden) > 0 && h.Neighbours != nil:
		return fmt.Errorf("hidden layers before neighbours")
	case len(h.Hidden) > 0 && h.checkHidden() != nil:
		return h.checkHidden()
	case h.Center != nil && int64(len(h.Center)) != h.d():
		return fmt.Errorf("a center of %d values for %d features", len(h.Center), h.d())
	case h.Temperature <= 0 || h.Temperature-h.Temperature != 0:
		return fmt.Errorf("temperature %v", h.Temperature)
	case !h.Link.known():
		return fmt.Errorf("link %.100q is not known", string(h.Link))
	case h.BareLogits && h.Link != Softmax, h.Link == Identity && h.Temperature != 1:
		return fmt.Errorf("link %q with logits of another layout, or a temperature %v of numbers", string(h.Link), h.Temperature)
	case !known || !pooling.Graph:
		return fmt.Errorf("pooling %.100q is not known", h.Pooling)
	case h.Pooling == "meanstd" && h.d()%2 != 0:
		return fmt.Errorf("means and standard deviations of %d values", h.d())
	case h.Post != "" && h.Post != "l2":
		return fmt.Errorf("post %.100q is not known", h.Post)
	case h.Mask != "" && (h.Space || h.ChannelsFirst):
		return fmt.Errorf("a mask for positions in space")
	}
	return nil
}

// Append returns m with h behind it, and with the outputs of h in place of its
// own; what only those needed is left out. A tensor of m that is called like
// one of them gets another name, which the map has; an input of m cannot, and
// is an error. So is a tensor of h that m has not, an operator set before 9,
// and a number of weights that does not fit. m is not changed, and shared as
// far as it can be.
func Append(m *pb.ModelProto, h *Head) (*pb.ModelProto, map[string]string, error) {
	opset, err := h.fits(m)
	if err != nil {
		return nil, nil, fmt.Errorf("layer: %w", err)
	}
	own := *h
	need := []string{h.Features}
	if own.Mask = h.mask(); own.Mask != "" {
		need = append(need, own.Mask)
	}
	// Names of what is left out are free.
	if m, err = onnx.Prune(m, need...); err != nil {
		return nil, nil, err
	}
	var outputs []string
	for _, out := range h.Outputs() {
		outputs = append(outputs, out.Name)
	}
	m, renamed, err := onnx.Rename(m, outputs...)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range []*string{&own.Features, &own.Mask} {
		if other := renamed[*name]; other != "" {
			*name = other
		}
	}
	fused, _, err := onnx.Append(m, own.graph(opset, m.GetIrVersion()))
	if err != nil {
		return nil, nil, err
	}
	// The features are an output no more.
	m, err = onnx.Prune(fused, outputs...)
	return m, renamed, err
}

// fits checks h, and returns the operator set of m.
func (h *Head) fits(m *pb.ModelProto) (opset int64, err error) {
	if err := h.check(); err != nil {
		return 0, err
	}
	const least = 9
	if opset = onnx.StandardOpset(m); opset < least {
		return 0, fmt.Errorf("operator set %d: %d is the first that is supported", opset, least)
	}
	if _, err := countable(h.rows(), opset); err != nil {
		return 0, err
	}
	if h.Neighbours != nil && opset < leastNeighbours {
		return 0, fmt.Errorf("neighbours in operator set %d: %d is the first that has what they need", opset, leastNeighbours)
	}
	return opset, nil
}

// Split takes apart what Append made of a model and h, of which the numbers are
// not known: h has slices of the right lengths, and Features and Mask as the
// model calls them. It returns the model without the head, whose output are the
// features, and h with the numbers that the model holds. A model that is not,
// node for node, what Append makes of the two is an error.
func Split(m *pb.ModelProto, h *Head) (*pb.ModelProto, *Head, error) {
	opset, err := h.fits(m)
	if err != nil {
		return nil, nil, fmt.Errorf("layer: %w", err)
	}
	if h.Neighbours != nil {
		return nil, nil, fmt.Errorf("layer: neighbours cannot be split off")
	}
	errOther := fmt.Errorf("layer: the graph is not the one of a head like this; another program has changed it")
	g := m.GetGraph()
	part := h.graph(opset, m.GetIrVersion())
	nodes, stored := len(g.GetNode())-len(part.Node), len(g.GetInitializer())-len(part.Initializer)
	if nodes < 0 || stored < 0 {
		return nil, nil, errOther
	}
	// The names may have numbers behind them: places tell.
	read := &pb.ModelProto{Graph: &pb.GraphProto{Initializer: g.Initializer[stored:], Node: g.Node[nodes:]}}
	out := *h
	values := map[string][]float32{}
	for i, t := range part.Initializer {
		values[t.GetName()], err = floatsAt(read, g.Initializer[stored+i].GetName(), t)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", errOther, err)
		}
	}
	for i, n := range part.Node {
		if n.GetOpType() == "Constant" && len(g.Node[nodes+i].GetOutput()) == 1 {
			values[n.Output[0]], err = floatsAt(read, g.Node[nodes+i].Output[0], n.Attribute[0].T)
			if err != nil {
				return nil, nil, fmt.Errorf("%w: %w", errOther, err)
			}
		}
	}
	numbers := map[string]*[]float32{"center": &out.Center, "weight": &out.Weight, "bias": &out.Bias}
	out.Hidden = slices.Clone(h.Hidden)
	for i := range out.Hidden {
		weight, bias := HiddenNames(i)
		numbers[weight], numbers[bias] = &out.Hidden[i].Weight, &out.Hidden[i].Bias
	}
	for name, dst := range numbers {
		if *dst != nil && len(values[name]) != len(*dst) {
			return nil, nil, errOther
		}
		if *dst != nil {
			*dst = values[name]
		}
	}
	if v := values["temperature"]; len(v) != 1 {
		return nil, nil, errOther
	} else {
		out.Temperature = v[0]
	}

	rest := proto.CloneOf(&pb.ModelProto{IrVersion: m.IrVersion, OpsetImport: m.OpsetImport})
	rest.Functions = m.Functions
	rest.Graph = &pb.GraphProto{
		Name: g.Name, Node: g.Node[:nodes:nodes], Initializer: g.Initializer[:stored:stored], SparseInitializer: g.SparseInitializer, DocString: g.DocString,
		Input: g.Input, Output: []*pb.ValueInfoProto{{Name: &out.Features}}, ValueInfo: g.ValueInfo, QuantizationAnnotation: g.QuantizationAnnotation, MetadataProps: g.MetadataProps,
	}
	rest.Graph.ProtoReflect().SetUnknown(g.ProtoReflect().GetUnknown())
	again, renamed, err := Append(rest, &out)
	if err != nil {
		return nil, nil, err
	}
	if len(renamed) > 0 || !onnx.Equal(again.Graph, g) {
		return nil, nil, errOther
	}
	return rest, &out, nil
}

// floatsAt returns the values of a stored float tensor that has the type of
// like; nil for other types.
func floatsAt(m *pb.ModelProto, name string, like *pb.TensorProto) ([]float32, error) {
	if like.GetDataType() != int32(pb.TensorProto_FLOAT) {
		return nil, nil
	}
	t, err := onnx.Stored(m, name)
	if err != nil {
		return nil, err
	}
	return t.F32, nil
}
