// Package text turns texts into the token ids that a text backbone was
// trained with: WordPiece tokenizers exactly as Hugging Face tokenizers runs
// their tokenizer.json.
package text

import (
	"errors"

	"github.com/headstart-ml/headstart/models"
)

// Impl names this implementation in the identity of embeddings. It changes
// whenever the ids of any text change.
const Impl = "text/1"

// A Tokenizer turns texts into token ids. It is safe for concurrent use.
type Tokenizer struct{}

// New builds the tokenizer that spec describes. A nil spec, a tokenizer.json
// that is malformed, over a limit or uses a component that is not supported
// yet is an error that names the place.
func New(spec *models.TextSpec) (*Tokenizer, error) {
	return nil, errors.New("text: tokenizer.json: not read")
}

// AppendIDs appends the ids of text to dst and returns the extended slice:
// special tokens included, at most MaxLen ids, no padding.
func (t *Tokenizer) AppendIDs(dst []int32, text string) ([]int32, error) {
	return dst, errors.New("text: not tokenized")
}

// AppendTypeIDs appends the type ids (token_type_ids) of a text that has n
// ids as AppendIDs counts them. They depend on n alone.
func (t *Tokenizer) AppendTypeIDs(dst []int32, n int) []int32 { return dst }

// PadID returns the id that fills the rows of a batch up to its longest.
func (t *Tokenizer) PadID() int32 { return 0 }
