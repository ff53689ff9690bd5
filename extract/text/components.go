package text

import (
	"maps"
	"slices"
	"strings"
)

// The stages of a tokenizer. Each component of a kind is a type in a file of
// its own with an entry in the table of its kind.

// A normalizer rewrites a text. It is safe for concurrent use.
type normalizer interface {
	// appendTo appends what the valid text becomes to dst, using s to work in.
	appendTo(dst []byte, text string, s *scratch) []byte
}

// A preTokenizer cuts a normalised text into words. It is safe for concurrent
// use.
type preTokenizer interface {
	// appendTo appends the words of the valid text to dst.
	appendTo(dst words, text string) words
}

// words are words one after the other; the i-th ends at byte ends[i].
type words struct {
	bytes []byte
	ends  []int
}

// A model cuts a word into tokens of its vocabulary. It is safe for concurrent
// use.
type model interface {
	// appendTo appends the ids of a word to dst. An error means that the word
	// needs an unknown token that the vocabulary lacks.
	appendTo(dst []int32, word []byte) ([]int32, error)
	// id returns the id of a token.
	id(token string) (id int32, ok bool)
	// size returns the number of tokens, whose ids are 0 to size−1.
	size() int
}

// A postProcessor says what stands around the ids of a text. The special tokens
// that it names have ids below size.
type postProcessor func(size int) (template, error)

// The components that are known, by the type that a tokenizer.json gives them.
// A function reads one from its JSON.
var (
	normalizerTypes = map[string]func(object) (normalizer, error){
		"BertNormalizer": readBertNormalizer,
	}
	preTokenizerTypes = map[string]func(object) (preTokenizer, error){
		"BertPreTokenizer": readBertPreTokenizer,
	}
	modelTypes = map[string]func(object) (model, error){
		"WordPiece": readWordPiece,
	}
	postProcessorTypes = map[string]func(object) (postProcessor, error){
		"BertProcessing":     readBertProcessing,
		"TemplateProcessing": readTemplateProcessing,
	}
)

// read reads the component of a kind, by a table. Where it is optional and
// null, the zero value is returned.
func read[T any](top object, kind string, table map[string]func(object) (T, error), optional bool) (T, error) {
	var none T
	typ, o, err := top.component(kind)
	if err != nil || typ == "" && optional {
		return none, err
	}
	component, ok := table[typ]
	if !ok {
		if typ == "" {
			typ = "null"
		}
		return none, top.errorf("%s %s is not supported yet; %s is", kind, typ, strings.Join(slices.Sorted(maps.Keys(table)), " or "))
	}
	return component(o)
}
