package models

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// MaxDim is the largest length of an embedding.
const MaxDim = 1 << 20

// maxTaps is how many taps a Spec may have.
const maxTaps = 64

// NoTensorError says that a backbone has no such tensor to tap.
type NoTensorError struct {
	Backbone string
	Tap      string // as it was asked for
	Tensor   string
}

func (e *NoTensorError) Error() string {
	return fmt.Sprintf("models: %s: tap %s: no node makes a tensor %q", e.Backbone, e.Tap, e.Tensor)
}

// NoShapeError says that the shapes of the tensors that are tapped cannot be
// computed: something in the graph before them cannot be followed.
type NoShapeError struct {
	Place   string // of the graph
	Tensors []string
	Err     error // where the graph cannot be followed
}

func (e *NoShapeError) Error() string {
	return fmt.Sprintf("models: %s: the shape of %s cannot be computed: %v", e.Place, strings.Join(e.Tensors, ", "), e.Err)
}

func (e *NoShapeError) Unwrap() error { return e.Err }

// SetTaps gives s the taps that names name in place of its own: each
// "TENSOR:POOLING", or "TENSOR" for the pooling that goes without saying: none
// where the tensor has one vector a sample, gap over space, and over the tokens
// of a text that of the backbone's own tap. The tap that s had, with its
// pooling, keeps its Post; others have none. The graph that the runtime gets
// ends after the last of them.
//
// A tensor that grows in another way than with the batch and, in its second
// dimension, with the tokens cannot be tapped. One that is not there is a
// *NoTensorError; in a graph that cannot be followed there may be a
// *NoShapeError.
func (s *Spec) SetTaps(names []string) error {
	if len(names) == 0 || len(names) > maxTaps {
		return fmt.Errorf("models: %s: %d taps, must be 1 to %d", s.Name, len(names), maxTaps)
	}
	model, err := onnx.Decode(s.Weights.Data)
	if err != nil {
		return fmt.Errorf("models: %s: %w", s.Weights.Path, err)
	}
	made := tensors(model.GetGraph())
	var taps []Tap
	var outputs []string
	for _, name := range names {
		tensor, pooling := name, ""
		if i := strings.LastIndexByte(name, ':'); !made[name] && i >= 0 {
			if tensor, pooling = name[:i], name[i+1:]; pooling == "" {
				return fmt.Errorf("models: %s: tap %s: the pooling after the colon is missing", s.Name, name)
			}
		}
		if !made[tensor] {
			return &NoTensorError{s.Name, name, tensor}
		}
		if !slices.Contains(outputs, tensor) {
			outputs = append(outputs, tensor)
		}
		taps = append(taps, Tap{Output: tensor, Pooling: pooling})
	}
	pruned, err := onnx.Prune(model, outputs...)
	if err != nil {
		return fmt.Errorf("models: %s: %w", s.Weights.Path, err)
	}
	shapes, err := s.outputShapes(pruned, outputs)
	if err != nil {
		return &NoShapeError{s.Weights.Path, outputs, err}
	}
	for i := range taps {
		if err := s.fillTap(&taps[i], shapes[taps[i].Output]); err != nil {
			return fmt.Errorf("models: %s: tap %s: %w", s.Name, names[i], err)
		}
		if at := slices.IndexFunc(taps[:i], func(t Tap) bool { return t.Output == taps[i].Output && t.Pooling == taps[i].Pooling }); at >= 0 {
			return fmt.Errorf("models: %s: the taps %s and %s are the same", s.Name, names[at], names[i])
		}
	}
	// What a file declares of an output, or of what is between, is that of the
	// sample which it was exported with, now and then, and the runtime holds it
	// to that.
	pruned.Graph.ValueInfo = nil
	for i, v := range pruned.GetGraph().GetOutput() {
		pruned.Graph.Output[i] = onnx.TensorValue(v.GetName(), pb.TensorProto_FLOAT, openDims(shapes[v.GetName()])...)
	}
	data, err := onnx.Encode(pruned)
	if err != nil {
		return fmt.Errorf("models: %s: %w", s.Weights.Path, err)
	}
	s.Weights.Pruned, s.Weights.Read = data, nil
	for _, in := range pruned.GetGraph().GetInput() {
		if !s.feeds(in.GetName()) && !stored(pruned.GetGraph(), in.GetName()) {
			return fmt.Errorf("models: %s: the taps %s need the input %q, which is not fed for %s", s.Name, strings.Join(names, ", "), in.GetName(), s.Modality.Plural())
		}
		s.Weights.Read = append(s.Weights.Read, in.GetName())
	}
	s.Taps = taps
	return nil
}

// openDims returns a shape as a graph declares it: -1 is a dimension with a
// name of its own.
func openDims(shape []int64) []onnx.Dim {
	dims := make([]onnx.Dim, len(shape))
	for i, n := range shape {
		dims[i].Size = n
		if n < 0 {
			dims[i].Name = []string{openBatch, openTokens}[min(i, 1)]
		}
	}
	return dims
}

// PerToken tells whether the second dimension of a tap counts the tokens of a
// text, padding included.
func (s *Spec) PerToken(t *Tap) bool {
	text, ok := s.Contract.(*TextSpec)
	return ok && len(t.Shape) > 2 && (t.Shape[1] < 0 || t.Shape[1] == int64(text.Length))
}

// Masks tells whether the pooling of a tap needs to be told which tokens of a
// text count. The first token is the first that counts where texts are filled
// up on the right.
func (s *Spec) Masks(t *Tap) bool {
	text, ok := s.Contract.(*TextSpec)
	return ok && s.PerToken(t) && t.Pooling != "flat" && (t.Pooling != "cls" || text.Padding == "left")
}

// Outputs returns the tensors of the taps, each once, in the order in which
// they come first: what the graph is asked for.
func (s *Spec) Outputs() []string {
	var outputs []string
	for _, t := range s.Taps {
		if !slices.Contains(outputs, t.Output) {
			outputs = append(outputs, t.Output)
		}
	}
	return outputs
}

// stored tells whether a graph has a value for an input of that name.
func stored(g *pb.GraphProto, input string) bool {
	return slices.ContainsFunc(g.GetInitializer(), func(t *pb.TensorProto) bool { return t.GetName() == input })
}

// tensors returns the names of the tensors that the nodes of a graph make.
func tensors(g *pb.GraphProto) map[string]bool {
	made := map[string]bool{}
	for _, n := range g.GetNode() {
		for _, o := range n.GetOutput() {
			if o != "" {
				made[o] = true
			}
		}
	}
	return made
}

// InputDims returns the dimensions of the graph's inputs, by name. Open are
// "batch" and, of a text, "tokens".
func (s *Spec) InputDims() map[string][]onnx.Dim {
	dims := s.Contract.InputDims()
	if s.Single {
		dims[0] = onnx.Dim{Size: 1}
	}
	all := make(map[string][]onnx.Dim)
	for _, in := range s.Inputs {
		all[in.Name] = dims
	}
	return all
}

// outputShapes returns the shapes of float outputs of a model: -1 for the batch
// and, as the second dimension, for the tokens. An output that is no float
// tensor, or grows in another way, has none.
func (s *Spec) outputShapes(m *pb.ModelProto, outputs []string) (map[string][]int64, error) {
	inputs := s.InputDims()
	maps.DeleteFunc(inputs, func(name string, _ []onnx.Dim) bool {
		return !slices.ContainsFunc(m.GetGraph().GetInput(), func(v *pb.ValueInfoProto) bool { return v.GetName() == name })
	})
	g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: inputs})
	if err != nil {
		return nil, err
	}
	shapes := make(map[string][]int64)
	for _, name := range outputs {
		d := g.Dims(name)
		if g.Types[name] != pb.TensorProto_FLOAT || len(d) == 0 || d[0] != s.batch() {
			continue
		}
		shape := []int64{-1}
		for i, dim := range d[1:] {
			if dim.Size < 0 && (i > 0 || dim.Name != openTokens) {
				shape = nil
				break
			}
			shape = append(shape, dim.Size)
		}
		if shape != nil {
			shapes[name] = shape
		}
	}
	return shapes, nil
}

// batch returns the dimension that counts samples.
func (s *Spec) batch() onnx.Dim {
	if s.Single {
		return onnx.Dim{Size: 1}
	}
	return onnx.Dim{Size: -1, Name: openBatch}
}

// fillTap completes a tap of a tensor of the given shape, nil if it cannot be
// tapped.
func (s *Spec) fillTap(t *Tap, shape []int64) error {
	if shape == nil {
		return fmt.Errorf("it is no float tensor that has a fixed number of values for each sample, or for each token")
	}
	t.Shape = shape
	takes, channelsLast := []string{"none"}, false // poolings, the one that goes without saying first
	channels := shape[len(shape)-1]
	fixed := len(shape) > 1 && !slices.Contains(shape[1:], -1)
	var own Tap // none yet where the taps are what makes the Spec complete
	if len(s.Taps) > 0 {
		own = s.Taps[0]
	}
	if len(shape) != 2 || shape[1] < 0 {
		takes, channelsLast = s.Contract.Poolings(shape, own.Pooling)
	}
	switch {
	case takes != nil && len(shape) == 4:
		t.ChannelsLast = channelsLast && t.Pooling != "flat"
		if !t.ChannelsLast {
			channels = shape[1]
		}
	case takes != nil:
	case fixed:
		takes = []string{""}
	default:
		return fmt.Errorf("its shape %v is none that is pooled: samples×values, samples×tokens×values and, of images, samples×channels×height×width are", shape)
	}
	if fixed {
		takes = append(takes, "flat")
	}
	if t.Pooling == "" {
		t.Pooling = takes[0]
	}
	if t.Pooling == "" || !slices.Contains(takes, t.Pooling) {
		takes = slices.DeleteFunc(takes, func(p string) bool { return p == "" })
		if t.Pooling == "" {
			return fmt.Errorf("its shape %v says nothing of the pooling; write TENSOR:POOLING with one of %s", shape, strings.Join(takes, ", "))
		}
		return fmt.Errorf("pooling %q does not fit its shape %v, which takes one of: %s", t.Pooling, shape, strings.Join(takes, ", "))
	}
	switch t.Pooling {
	case "meanstd":
		channels *= 2
	case "flat":
		channels = 1
		for _, d := range shape[1:] {
			if d > MaxDim || channels*d > MaxDim {
				return fmt.Errorf("its shape %v has more than %d values a sample, too many for an embedding", shape, MaxDim)
			}
			channels *= d
		}
	}
	if channels < 1 || channels > MaxDim {
		return fmt.Errorf("an embedding of %d values, must be 1 to %d", channels, MaxDim)
	}
	t.Dim = int(channels)
	t.DType = own.DType
	if t.Output == own.Output && t.Pooling == own.Pooling {
		t.Post = own.Post
	}
	if slices.Contains(s.Weights.Added, t.Output) {
		t.Behind = s.Weights.Behind
	}
	return nil
}
