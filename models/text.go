package models

import (
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
)

// TextSpec is the input contract of a text backbone. Every field but Causal is
// part of the identity of its embeddings.
type TextSpec struct {
	Tokenizer       []byte // tokenizer.json
	TokenizerSHA256 string // hex digest of Tokenizer
	MaxLen          int    // tokens, special ones included
	Truncation      string // "right": the end is cut off; "left": the beginning
	Lowercase       bool   // sentence_bert_config.json's do_lower_case: lower-case before the tokenizer's own steps
	Prefix          string // put in front of every text

	// Padding says where a row of a batch is filled up to the longest: "", on
	// the right, or "left".
	Padding string
	// Length is the number of tokens that every row is filled up to; 0: that of
	// the longest one in its batch. Where the graph has no mask, Length is 0
	// and it is not Causal, rows of a batch have the same length: nothing is
	// filled up.
	Length int
	// Causal says that what fills up behind a text changes nothing of it, so
	// that rows may be filled up although the graph has no mask. It is no part
	// of the identity.
	Causal bool
	// PadID is the token that rows are filled up with; nil: the tokenizer's.
	PadID *int
	// Positions says which numbers an input for positions gets; nil: the graph
	// has none.
	Positions *Positions

	// Long says what becomes of a text with more tokens than MaxLen: "", its
	// end is cut off, or its beginning, as Truncation says; LongChunks, it is
	// read in windows; LongError, it has no embedding.
	Long string
	// Overlap is how many tokens neighbouring windows of LongChunks share at
	// least.
	Overlap int
}

// The values of TextSpec.Long but for "".
const (
	// LongChunks cuts the tokens of a text into as few windows of MaxLen, with
	// the special ones and those of the prefix in each, as overlap by Overlap.
	// They lie evenly, and all have MaxLen tokens.
	// The embedding is the mean of theirs, normalised again where theirs are.
	LongChunks = "chunks:mean"
	LongError  = "error"
)

// Positions number the tokens of a text: the first one has First, the next one
// more; what fills a row up has Pad.
type Positions struct{ First, Pad int }

var _ Contract = (*TextSpec)(nil)

// InputDims returns the dimensions of each of the graph's inputs.
func (s *TextSpec) InputDims() []onnx.Dim {
	tokens := onnx.Dim{Size: -1, Name: openTokens}
	if s.Length > 0 {
		tokens = onnx.Dim{Size: int64(s.Length)}
	}
	return []onnx.Dim{{Size: -1, Name: openBatch}, tokens}
}

// Poolings takes vectors of tokens; the backbone's own pooling is the one that
// goes without saying.
func (s *TextSpec) Poolings(shape []int64, own string) (takes []string, channelsLast bool) {
	if len(shape) != 3 || shape[1] >= 0 && shape[1] != int64(s.Length) {
		return nil, false
	}
	takes = []string{"mean", "cls", "last", "max", "meanstd", "mean_sqrt_len", "weightedmean"}
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
	if s.Padding != "" {
		m["padding"] = s.Padding
	}
	if s.Length != 0 {
		m["length"] = s.Length
	}
	if s.PadID != nil {
		m["pad_id"] = *s.PadID
	}
	if s.Positions != nil {
		m["first_position"], m["pad_position"] = s.Positions.First, s.Positions.Pad
	}
	if s.Long != "" {
		m["long"] = s.Long
	}
	if s.Overlap != 0 {
		m["overlap"] = s.Overlap
	}
	return m
}
