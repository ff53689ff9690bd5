package models

import (
	"cmp"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Modality is the kind of sample that a backbone takes.
type Modality string

// The modalities that exist.
const (
	Image   Modality = "image"
	Text    Modality = "text"
	Numbers Modality = "numbers" // a row of numbers, or an array of more dimensions
)

// Plural names samples of that kind: "images", "texts", "numbers".
func (m Modality) Plural() string {
	if m == Numbers {
		return string(m)
	}
	return string(m) + "s"
}

// Spec is a backbone's complete, validated description: its weights, its input
// contract, the tap that is taken as features and how that tap is pooled. A
// Spec has no silent defaults: folder.Resolve fills every field or fails and
// names what it could not find.
type Spec struct {
	Name     string // as the user gave it: a built-in name or a path
	Modality Modality
	Weights  Weights
	Inputs   []Input // the graph's inputs, in the graph's order; see Feeds
	Taps     []Tap   // at least one; one forward pass gives them all

	// BatchDependent names the operators of the graph that are known to compute
	// something over the whole batch, sorted: a sample's embedding then depends
	// on its neighbours, unless each sample is run by itself. nil does not
	// promise the contrary: what the name of an operator does not tell is not
	// seen here.
	BatchDependent []string
	// Random names the operators of the graph that draw random numbers, or may,
	// sorted. Whether embeddings depend on them shows when a sample is run
	// twice.
	Random []string

	// Single says that the graph takes one sample at a time: its number is
	// written into the graph, and shapes in it forbid another one.
	Single bool

	Contract Contract // how samples become what the graph is fed: *ImageSpec, *TextSpec or *NumbersSpec, by Modality

	// MaxPixels is how many pixels an image may have, since they are held in
	// memory while it is decoded; 0: image.DefaultPixels. It changes no
	// embedding and is no part of a space.
	MaxPixels int

	Prompts []Prompt // of the folder, by name

	Licence   string   // SPDX identifier, "" if unknown
	Source    string   // where the weights come from, "" if unknown
	Overruled []string // what the folder's files say that another file overrules, one sentence each
	Notes     []string // what else deserves a word about how the files were read, one sentence each
	Origins   []Origin // what was read from which file, in the order in which it was read

	// Exported has the metadata of a model that was exported with its head, by
	// their names without "headstart."; nil: it is none.
	Exported map[string]string
}

// Prompt is a text that may be put in front of every text.
type Prompt struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Origin is a value of a backbone's contract and where it comes from.
type Origin struct {
	File    string // relative to the folder
	Field   string // with the objects that it stands in: "pretrained_cfg.mean"
	Value   string // as it stands there, JSON
	Default bool   // it does not stand there: it is what the class of the processor, or timm, has
	Pixels  bool   // it decides pixels
}

// Model returns the ONNX file that the runtime gets: Weights.Pruned if there is
// one, else Weights.Data.
func (s *Spec) Model() []byte {
	if s.Weights.Pruned != nil {
		return s.Weights.Pruned
	}
	return s.Weights.Data
}

// Whole returns the model with what is in files beside it: all of it, but for
// what reads inputs that s does not feed, as the other one of two towers.
func (s *Spec) Whole() (*pb.ModelProto, error) {
	m, err := onnx.Decode(s.Weights.Data)
	if err != nil {
		return nil, err
	}
	for _, in := range m.GetGraph().GetInput() {
		if s.feeds(in.GetName()) || stored(m.GetGraph(), in.GetName()) {
			continue
		}
		if m, err = onnx.Prune(m, s.Outputs()...); err != nil {
			return nil, err
		}
		break
	}
	if s.Weights.Dir != "" && len(s.Weights.External) > 0 {
		err = onnx.ReadExternal(m, s.Weights.Dir)
	}
	return m, err
}

// feeds tells whether an input is one of those that s feeds.
func (s *Spec) feeds(name string) bool {
	return slices.ContainsFunc(s.Inputs, func(in Input) bool { return in.Name == name })
}

// Feeds returns the inputs of the graph that the runtime gets, in the order of
// Inputs: all of them, but for those that no tap needs.
func (s *Spec) Feeds() []Input {
	if s.Weights.Pruned == nil {
		return s.Inputs
	}
	var feeds []Input
	for _, in := range s.Inputs {
		if slices.Contains(s.Weights.Read, in.Name) {
			feeds = append(feeds, in)
		}
	}
	return feeds
}

// Weights are the bytes of a model and the digest of its file. The runtime gets
// exactly Data, or Pruned if there are taps of which not all of Data is needed.
// A model with external data names its files; they lie in Dir and are digested
// too.
type Weights struct {
	Path   string // for messages
	Data   []byte // the ONNX file, or what can be fed in its place
	SHA256 string // hex digest of the file
	Size   int    // of the file, bytes
	// Widened says that the file computes in float16, and Data in float32: what
	// is stored stays float16, and is not rounded in between.
	Widened bool
	// Added names the tensors that are in Data and not in the file: what the
	// folder puts behind the graph, and the beginnings of vectors.
	Added []string
	// Behind says what the folder puts behind the graph, one word or more a
	// step.
	Behind []string
	// Static says that Data takes vectors of tokens out of a table, and that
	// the file is the table or computes the means of these.
	Static bool
	// Levels names the inputs that take bytes in the file and floats in Data:
	// whole numbers from 0 to 255.
	Levels []string
	Pruned []byte // Data without what no tap needs; nil: Data as it is
	// Read lists the inputs that Pruned reads: the part of a graph up to a tap
	// may leave some out. It is meaningless without Pruned.
	Read     []string
	Dir      string // folder of External, "" if there is none
	External []ExternalFile
}

// ExternalFile is one file of a model's external data.
type ExternalFile struct {
	Path   string // relative to Weights.Dir, slash-separated
	Size   int64
	SHA256 string // hex
}

// Input is one input of the backbone's graph.
type Input struct {
	Name  string
	DType string // "f32" or "i64" or "i32"
	// Role says what is fed: "pixels", "numbers", or of texts, samples×tokens,
	// "ids", "mask", "types", "positions", or "run", the ids of all samples one
	// after the other, and "starts", where in them each sample begins.
	Role string
}

// Tensor returns the tensor that is tapped, as the graph and its folder call
// it.
func (t *Tap) Tensor() string { return cmp.Or(t.Whole, t.Output) }

// Tap is one tensor of the backbone's graph together with its pooling.
type Tap struct {
	Output string // tensor name
	// Pooling is "none" where the output is n×d, and else what is taken over
	// the positions of a sample: over tokens "mean", weighted by the mask,
	// "cls", the first one, "last", the last one of the text, "mean_sqrt_len",
	// their sum over the square root of their number, or "weightedmean", the
	// mean in which the first one counts once, the second twice; over space
	// "gap", the mean, or "gem", the generalised mean; over either "max" or
	// "meanstd", means and then standard deviations. "flat" takes nothing over
	// them: it keeps every value of a tensor that has as many for each sample,
	// row-major.
	Pooling string
	// Shape is the tensor's declared shape; -1 stands for a dimension that
	// the batch decides (samples first, then tokens for text).
	Shape []int64
	// ChannelsLast says that the channels of a tap over space are the last
	// dimension, N×H×W×C, not N×C×H×W.
	ChannelsLast bool

	// Whole is the tensor of which Output is the beginning of each vector, see
	// Spec.SetDim. "": Output is all of it.
	Whole string
	// Behind is Weights.Behind of a tensor that is in Weights.Added: it is part
	// of the identity of embeddings. nil: the tensor is in the file.
	Behind []string

	Dim  int    // length of the pooled vector
	Post string // what is done to the pooled vector: "" or "l2"
	// DType is how a value of the pooled vector is kept: "f32", or "f16" for
	// half the room. "" means "f32".
	DType string
}
