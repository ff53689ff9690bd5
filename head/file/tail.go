package file

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Tail is the part of a backbone, from a tensor to the features, of which
// weights were trained together with the head.
type Tail struct {
	// Backbone is the model of which the tail is a part, its external data read
	// in. Write takes it as it was before the training, or the part of it that
	// Read returns here: the tail with its weights.
	Backbone *pb.ModelProto

	// Cut is the float32 tensor at which the tail begins, what the frozen part
	// before it gives. "" means the inputs of the backbone.
	Cut string
	// Features is the float32 tensor of which Pooling makes the features, as
	// that of layer.Head does: "" takes it as it is, N×D, "gap" and "gem" go
	// over space, the others over the tokens of N×S×D that Mask, an input of
	// the backbone N×S, counts, all if it is "".
	Features, Pooling, Mask string
	// Space says that "max" and "meanstd" go over space.
	Space bool
	// ChannelsLast says that features over space are N×…×D, not N×D×….
	ChannelsLast bool
	// Normalize divides each row of the features by its length. It is the
	// model's Normalize, too.
	Normalize bool
	// Weights holds the new values of the weights that were trained, by the
	// names under which the backbone stores them, in its shapes. They are
	// rounded to the types in which it does.
	Weights map[string][]float32

	renamed  map[string]string // what the file calls tensors of the backbone; see layer.Append
	detached bool              // Backbone is the tail alone
}

// tailJSON is a Tail as it stands in a file.
type tailJSON struct {
	Cut          string            `json:"cut"`
	Features     string            `json:"features"`
	Pooling      string            `json:"pooling"`
	Mask         string            `json:"mask"`
	Space        bool              `json:"space,omitempty"`
	ChannelsLast bool              `json:"channels_last,omitempty"`
	Normalize    bool              `json:"normalize"`
	Weights      []string          `json:"weights"`
	Renamed      map[string]string `json:"renamed,omitempty"`
}

// Parameters is the number of values in Weights.
func (t *Tail) Parameters() int64 {
	n := int64(0)
	for _, v := range t.Weights {
		n += int64(len(v))
	}
	return n
}

// check tells what is wrong with a tail, its backbone apart.
func (t *Tail) check(h *head.Head) error {
	m, affine := h.Model.(*head.Affine)
	if !affine {
		return fmt.Errorf("tail: a head of kind %s; layers are trained with an affine head alone", h.Kind)
	}
	pooling, known := layer.Find(t.Pooling)
	switch {
	case t.Features == "":
		return fmt.Errorf("tail: no features are named")
	case !known || !pooling.Gradient || t.Pooling == "none":
		return fmt.Errorf("tail: pooling %.80q is not known, or nothing can be trained through it", t.Pooling)
	case t.Space && !slices.Contains([]string{"max", "meanstd"}, t.Pooling):
		return fmt.Errorf("tail: space with pooling %q, of which it goes without saying", t.Pooling)
	case t.ChannelsLast && !t.overSpace():
		return fmt.Errorf("tail: channels of pooling %q, which is not over space", t.Pooling)
	case t.Mask != "" && (!pooling.Masked || t.Space):
		return fmt.Errorf("tail: mask %.80q with pooling %q, which takes none", t.Mask, t.Pooling)
	case len(t.Weights) == 0:
		return fmt.Errorf("tail: no weights; a head without is no tail")
	case t.Normalize != m.Normalize:
		return fmt.Errorf("tail: normalize is %v and that of the head %v", t.Normalize, m.Normalize)
	}
	if slices.ContainsFunc(m.Mean, func(x float64) bool { return x != 0 }) || slices.ContainsFunc(m.Scale, func(x float64) bool { return x != 1 }) {
		return fmt.Errorf("tail: the model has a standardisation; it has none that could be told apart from its weights")
	}
	for _, s := range slices.Concat([]string{t.Cut, t.Features, t.Mask}, slices.Collect(maps.Keys(t.Weights))) {
		if !utf8.ValidString(s) {
			return fmt.Errorf("tail: name %.80q is not UTF-8", s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Weights)) {
		for i, x := range t.Weights[name] {
			if x-x != 0 {
				return fmt.Errorf("tail: weight %.80q: value %d is %v", name, i, x)
			}
		}
	}
	return nil
}

// overSpace tells whether the features are over space.
func (t *Tail) overSpace() bool {
	pooling, _ := layer.Find(t.Pooling)
	return t.Space || pooling.Space
}

// layer describes the head behind the tail, with slices of the right lengths
// for its numbers if p has none.
func (t *Tail) layer(p *parameters) *layer.Head {
	return &layer.Head{
		Features: t.named(t.Features), Pooling: t.Pooling, Mask: t.named(t.Mask),
		Space: t.overSpace() && t.ChannelsLast, ChannelsFirst: t.overSpace() && !t.ChannelsLast,
		Normalize: t.Normalize, Weight: p.weight, Bias: p.bias, Temperature: p.temperature,
	}
}

// named returns what the file calls a tensor of the backbone.
func (t *Tail) named(name string) string {
	if other, ok := t.renamed[name]; ok {
		return other
	}
	return name
}

// model returns the tail with its weights and the head behind it, as a model
// without metadata, and fills in what stands about it in the metadata.
func (t *Tail) model(h *head.Head) (*pb.ModelProto, *tailJSON, error) {
	if t.Backbone.GetGraph() == nil {
		return nil, nil, fmt.Errorf("tail: there is no backbone to take it from")
	}
	p, err := parametersOf(h)
	if err != nil {
		return nil, nil, err
	}
	part, err := t.part(h.D())
	if err != nil {
		return nil, nil, fmt.Errorf("tail: %w", err)
	}
	values := make(map[string][]float32, len(t.Weights))
	for name, v := range t.Weights {
		values[t.named(name)] = v
	}
	if part, err = onnx.Rewrite(part, values); err != nil {
		return nil, nil, fmt.Errorf("tail: behind the cut: %w", err)
	}
	part, renamed, err := layer.Append(part, t.layer(p))
	if err != nil {
		return nil, nil, fmt.Errorf("tail: %w", err)
	}
	if sum, err := onnx.Walk(part); err != nil {
		return nil, nil, fmt.Errorf("tail: %w", err)
	} else if len(sum.External) > 0 {
		return nil, nil, fmt.Errorf("tail: tensor %.80q lies in an external file; its values are to be read into the backbone first", sum.External[0].Name)
	}
	j := &tailJSON{
		Cut: t.Cut, Features: t.Features, Pooling: t.Pooling, Mask: t.Mask, Space: t.Space, ChannelsLast: t.ChannelsLast, Normalize: t.Normalize,
		Weights: slices.Sorted(maps.Keys(t.Weights)), Renamed: t.renamed,
	}
	if renamed != nil {
		j.Renamed = renamed
	}
	return &pb.ModelProto{
		IrVersion: part.IrVersion, OpsetImport: part.OpsetImport, Graph: part.Graph, Functions: part.Functions,
	}, j, nil
}

// part returns the part of the backbone from the cut to the features, of which
// there are d. It is the backbone itself if that begins at the cut already.
func (t *Tail) part(d int) (*pb.ModelProto, error) {
	isCut := func(v *pb.ValueInfoProto) bool { return v.GetName() == t.Cut }
	if t.detached || t.Cut != "" && slices.ContainsFunc(t.Backbone.Graph.GetInput(), isCut) {
		return t.Backbone, nil
	}
	outputs := []string{t.named(t.Features)}
	if t.Mask != "" {
		outputs = append(outputs, t.Mask)
	}
	part, err := onnx.Detach(t.Backbone, t.Cut, outputs...)
	if err != nil {
		return nil, err
	}
	// What is known of shapes is checked, and said of the cut. Of some
	// backbones nothing is known before their inputs have a size.
	g, err := onnx.Infer(t.Backbone, nil)
	if err != nil {
		return part, nil
	}
	for _, name := range []string{t.Cut, t.named(t.Features)} {
		if elem := g.Types[name]; name != "" && elem != pb.TensorProto_FLOAT {
			return nil, fmt.Errorf("tensor %.80q holds %v, not float32", name, elem)
		}
	}
	if shape := g.Dims(t.named(t.Features)); !t.makes(shape, int64(d)) {
		return nil, fmt.Errorf("features %.80q have shape %v, of which pooling %q does not make rows of %d values", t.Features, sizes(shape), t.Pooling, d)
	}
	if t.Cut == "" {
		return part, nil
	}
	symbols := make(map[string]bool) // as the backbone calls its open dimensions, not what is made of them
	for _, v := range t.Backbone.Graph.GetInput() {
		for _, dim := range v.GetType().GetTensorType().GetShape().GetDim() {
			symbols[dim.GetDimParam()] = true
		}
	}
	var dims []onnx.Dim
	for _, dim := range g.Dims(t.Cut) {
		if !symbols[dim.Name] {
			dim.Name = ""
		}
		dims = append(dims, dim)
	}
	part.Graph.Input[0] = onnx.TensorValue(t.Cut, pb.TensorProto_FLOAT, dims...)
	return part, nil
}

// makes tells whether the pooling makes rows of d values of features of a
// shape, as far as it is known.
func (t *Tail) makes(shape []onnx.Dim, d int64) bool {
	rank, channels := 3, len(shape)-1
	switch {
	case t.Pooling == "":
		rank = 2
	case t.overSpace():
		rank = max(len(shape), 3)
		if !t.ChannelsLast {
			channels = 1
		}
	}
	if len(shape) != rank {
		return false
	}
	size := shape[channels].Size
	if t.Pooling == "meanstd" {
		size *= 2
	}
	return size < 0 || size == d
}

// sizes are those of dimensions, -1 for open ones.
func sizes(dims []onnx.Dim) []int64 {
	var all []int64
	for _, d := range dims {
		all = append(all, d.Size)
	}
	return all
}

// readTail reads what g, whose graph begins at a cut, says of itself in text,
// and the numbers of a head of d features into h, whose classes are known.
func readTail(text string, g *graphReader, h *head.Head, d int) (*Tail, error) {
	var j tailJSON
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return nil, fmt.Errorf("metadata %stail: %w", props, err)
	}
	t := &Tail{Cut: j.Cut, Features: j.Features, Pooling: j.Pooling, Mask: j.Mask, Space: j.Space, ChannelsLast: j.ChannelsLast, Normalize: j.Normalize, Weights: make(map[string][]float32), renamed: j.Renamed}
	for name := range j.Renamed {
		if name != layer.Logits && name != layer.Probabilities {
			return nil, fmt.Errorf("tail: tensor %.80q has another name without a reason", name)
		}
	}
	sum, err := onnx.Walk(g.ModelProto)
	switch {
	case err != nil:
		return nil, err
	case len(sum.External) > 0:
		return nil, fmt.Errorf("tensor %.80q lies in another file; a head file is whole", sum.External[0].Name)
	case len(sum.Inputs) == 0 || t.Cut != "" && (sum.Inputs[0].Name != t.Cut || sum.Inputs[0].Elem != pb.TensorProto_FLOAT):
		return nil, fmt.Errorf("the first input of the graph is not %.80q, of float32", t.Cut)
	}
	c := len(h.Classes)
	if err := g.fits(c, d); err != nil {
		return nil, err
	}
	like := t.layer(&parameters{weight: make([]float32, c*d), bias: make([]float32, c), temperature: 1})
	like.BareLogits = g.bare
	part, found, err := layer.Split(g.ModelProto, like)
	if err != nil {
		return nil, err
	}
	if found.Temperature != float32(h.Temperature) {
		return nil, fmt.Errorf("the temperature is %v in the graph and %v in the metadata; another program has changed the file", found.Temperature, h.Temperature)
	}
	t.Backbone, t.detached = part, true
	m := head.NewAffine(found.Weight, found.Bias)
	m.Normalize = t.Normalize
	h.Model = m
	for i, name := range j.Weights {
		if i > 0 && j.Weights[i-1] >= name {
			return nil, fmt.Errorf("weights %.80q and %.80q are not in the order of their bytes", j.Weights[i-1], name)
		}
		v, err := onnx.Stored(part, t.named(name))
		if err != nil {
			return nil, fmt.Errorf("weight %.80q: %w", name, err)
		}
		t.Weights[name] = v.F32
	}
	return t, nil
}
