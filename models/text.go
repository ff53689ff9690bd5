package models

import (
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
)

// TextSpec is the input contract of a text backbone. Every field is part of
// the identity of its embeddings.
type TextSpec struct {
	Tokenizer       []byte // tokenizer.json
	TokenizerSHA256 string // hex digest of Tokenizer
	MaxLen          int    // tokens, special ones included
	Truncation      string // "right": the end is cut off; "left": the beginning
	Lowercase       bool   // sentence_bert_config.json's do_lower_case: lower-case before the tokenizer's own steps
	Prefix          string // put in front of every text
}

var _ Contract = (*TextSpec)(nil)

// InputDims returns the dimensions of each of the graph's inputs.
func (s *TextSpec) InputDims() []onnx.Dim {
	return []onnx.Dim{{Size: -1, Name: openBatch}, {Size: -1, Name: openTokens}}
}

// Poolings takes vectors of tokens; the backbone's own pooling is the one that
// goes without saying.
func (s *TextSpec) Poolings(shape []int64, own string) (takes []string, channelsLast bool) {
	if len(shape) != 3 || shape[1] >= 0 {
		return nil, false
	}
	takes = []string{"mean", "cls", "last", "max", "meanstd"}
	if at := slices.Index(takes, own); at >= 0 {
		takes[0], takes[at] = takes[at], takes[0]
	}
	return takes, false
}

// Prep returns the contract as it stands in a space's identity.
func (s *TextSpec) Prep() map[string]any {
	m := map[string]any{
		"tokenizer_sha256": s.TokenizerSHA256,
		"max_len":          s.MaxLen,
		"truncation":       s.Truncation,
	}
	if s.Lowercase {
		m["lowercase"] = "true"
	}
	if s.Prefix != "" {
		m["prefix"] = s.Prefix
	}
	return m
}
