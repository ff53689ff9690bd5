package models

import "github.com/headstart-ml/headstart/models/onnx"

// Contract is how the samples of a backbone become what its graph is fed. All
// of it is part of the identity of embeddings. A modality has one type.
type Contract interface {
	// Prep returns the contract as it stands in a space's identity, apart from
	// the version of what computes it: strings and integers only.
	Prep() map[string]any
	// InputDims returns the dimensions of each of the graph's inputs. Open are
	// "batch", of a text "tokens", and of an image that the graph resizes
	// itself "height" and "width".
	InputDims() []onnx.Dim
	// Poolings returns those that a tensor of such a shape takes, in which -1
	// stands for the batch and for tokens, or nil. The first one goes without
	// saying; "" says that none does. own is the pooling of the backbone's own
	// tap. channelsLast says that the channels of a tensor of four dimensions
	// are the last one, not the second.
	Poolings(shape []int64, own string) (takes []string, channelsLast bool)
}

// Names of open dimensions.
const (
	openBatch  = "batch"
	openTokens = "tokens"
	openHeight = "height"
	openWidth  = "width"
)
