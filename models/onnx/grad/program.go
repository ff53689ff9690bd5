package grad

import (
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Options says what Build builds.
type Options struct {
	// Cut is the tensor at which the tail begins: its values are fed.
	// Everything that is learned must flow through it. "" means the inputs of
	// the graph.
	Cut string

	// Features is the float32 tensor N×D that the head reads. "" means the
	// graph's first output.
	Features string

	// Pooling makes Features N×D if it is not, as that of layer.Head does: ""
	// takes it as it is, "gap" and "gem" go over space, the others over the
	// tokens of N×S×D, or over space too where Space says so. Any that has a
	// gradient by layer.Poolings will do.
	Pooling string

	// Space says that "max" and "meanstd" go over space.
	Space bool

	// ChannelsLast says that features over space are N×…×D, not N×D×….
	ChannelsLast bool

	// Normalize divides each row of the features by its length.
	Normalize bool

	// Mask is the input of the graph, N×S, that is 1 where a pooling counts a
	// token. "" means that all count.
	Mask string

	// Classes is K, how many classes the head tells apart.
	Classes int

	// Block is how many channels lie together in the layout of the runtime's
	// own fast convolutions: 8 or 16, by the processor, see BlockProbe. 0 means
	// the plain layout, of standard operators alone. A blocked program must be
	// compared with the plain one before it is used: its operators are no part
	// of ONNX. Weights are then fed in the order of Weight.Pack.
	Block int64

	// Train tells whether a weight of the tail is trained. nil means that all
	// are.
	Train func(weight string) bool
}

// Program is a tail with a head, as two models: Step computes the loss, the
// logits and the gradients, Forward the loss and the logits alone. Both have
// the same inputs.
type Program struct {
	Step, Forward *pb.ModelProto

	Inputs  []Input  // what is fed of the samples, the cut's activations first
	Target  Input    // N×K
	Weights []Weight // in the order of the graph; the head's two come last

	Loss   string // an output of one element
	Logits string // an output N×K

	live int64 // bytes of Step's tensors at their peak, see Memory
	work work  // of Step, see Cost
}

// Input is a tensor that is fed.
type Input struct {
	Name string
	Type pb.TensorProto_DataType
	Dims []int64
}

// Weight is a tensor that is trained.
type Weight struct {
	Name     string    // in the backbone, and as an input of both models
	Gradient string    // the output of Step with the gradient, of the same dimensions
	Node     string    // the first node that reads the weight
	Shape    []int64   // in the backbone
	Dims     []int64   // as it is fed; those of Shape, but for channels that Options.Block pads
	Values   []float32 // in the backbone, not to be written to; nil for the head's

	form  form // in which the program takes it, see Pack
	block int64
}

// InputNames returns the names of the inputs of both models: samples, target,
// weights.
func (p *Program) InputNames() []string {
	var names []string
	for _, in := range p.Inputs {
		names = append(names, in.Name)
	}
	names = append(names, p.Target.Name)
	for _, w := range p.Weights {
		names = append(names, w.Name)
	}
	return names
}

// OutputNames returns the names of the outputs of Step: loss, logits, gradients
// in the order of Weights. The first two are those of Forward.
func (p *Program) OutputNames() []string {
	names := []string{p.Loss, p.Logits}
	for _, w := range p.Weights {
		names = append(names, w.Gradient)
	}
	return names
}
