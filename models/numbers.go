package models

import (
	"fmt"
	"strings"

	"github.com/headstart-ml/headstart/models/onnx"
)

// MaxNumbers is how many numbers a sample may have.
const MaxNumbers = 1 << 23

// NumbersSpec is the input contract of a backbone that takes numbers as they
// are: rows of a table, spectrograms, features of sensors. Every field is part
// of the identity of its embeddings.
type NumbersSpec struct {
	Shape []int64 // of a sample: the input's, without the batch
	// DType is what a number is rounded to, "f32", or must be: "i64", "i32" or,
	// a whole number from 0 to 255, "u8".
	DType string
}

var _ Contract = (*NumbersSpec)(nil)

// InputDims returns the dimensions of the graph's input.
func (s *NumbersSpec) InputDims() []onnx.Dim {
	dims := []onnx.Dim{{Size: -1, Name: openBatch}}
	for _, d := range s.Shape {
		dims = append(dims, onnx.Dim{Size: d})
	}
	return dims
}

// Poolings takes three dimensions for positions, four for a map.
func (s *NumbersSpec) Poolings(shape []int64, _ string) (takes []string, channelsLast bool) {
	switch len(shape) {
	case 3:
		return []string{"", "mean", "cls", "max", "meanstd"}, false // what the positions are, nobody knows
	case 4:
		return []string{"gap", "gem", "max", "meanstd"}, false
	}
	return nil, false
}

// Prep returns the contract as it stands in a space's identity.
func (s *NumbersSpec) Prep() map[string]any {
	return map[string]any{"shape": strings.Trim(strings.ReplaceAll(fmt.Sprint(s.Shape), " ", ","), "[]"), "dtype": s.DType}
}

// Len returns how many numbers a sample has.
func (s *NumbersSpec) Len() int {
	n := 1
	for _, d := range s.Shape {
		n *= int(d)
	}
	return n
}
