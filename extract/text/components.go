package text

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The stages of a tokenizer. Each component of a kind is a type in a file of
// its own with an entry in the table of its kind.

// A normalizer rewrites a passage. It is safe for concurrent use.
type normalizer interface {
	normalize(p *passage)
}

// A preTokenizer cuts the words of a normalised passage into smaller ones, and
// may rewrite them. It is safe for concurrent use.
type preTokenizer interface {
	preTokenize(p *passage)
}

// aligns tells whether a normalizer or a pre-tokenizer is an aligner that has
// to know.
func aligns(component any) bool {
	a, ok := component.(aligner)
	return ok && a.aligns()
}

// An aligner is a normalizer or pre-tokenizer that has to know where in the
// text a passage comes from, even if only ids are wanted.
type aligner interface {
	aligns() bool
}

// A model cuts a word into tokens of its vocabulary. It is safe for concurrent
// use.
type model interface {
	// appendTo appends the tokens of a word, which is valid UTF-8 and not
	// empty, to dst. An error means that the word needs an unknown token that
	// the vocabulary lacks.
	appendTo(dst *tokens, word []byte) error
	// fails tells whether there may be such a word.
	fails() bool
	// id returns the id of a token.
	id(token string) (id int32, ok bool)
	// token returns the token of an id.
	token(id int32) (token string, ok bool)
	// size returns the number of tokens, which is the id of the first added
	// token that is none of them.
	size() int
	// bound returns a number that is above all ids. There may be gaps below.
	bound() int32
}

// tokens are the tokens of a text, or of a word.
type tokens struct {
	ids   []int32
	parts []part // by token, if they are wanted: what the token stands for
	whole bool   // they are wanted
	work  modelWork
}

// A modelWork is what models work in; what one leaves there means nothing to
// another.
type modelWork struct {
	symbols []symbol
	queue   []uint64
	paths   []path
	ends    []int32
	key     []byte
	steps   int // lookups so far, which a test counts
}

// memory returns about how many bytes it holds on to.
func (w *modelWork) memory() int {
	return 24*cap(w.symbols) + 8*cap(w.queue) + 16*cap(w.paths) + 4*cap(w.ends) + cap(w.key)
}

// unknownMissing is the error of a text that needs an unknown token that the
// vocabulary lacks.
func unknownMissing(token string) error {
	return fmt.Errorf("text: tokenizer.json: model: vocab: the text needs the unknown token %q, which is not there", token)
}

// A part is what a token stands for: bytes start to end of its word.
type part struct {
	start, end int32
	verbatim   bool // the token is called as those bytes, not as its id says
}

// add appends a token that stands for bytes start to end of its word.
func (t *tokens) add(id int32, start, end int) {
	t.ids = append(t.ids, id)
	if t.whole {
		t.parts = append(t.parts, part{start: int32(start), end: int32(end)})
	}
}

// cut leaves the first n tokens.
func (t *tokens) cut(n int) {
	t.ids = t.ids[:n]
	if t.whole {
		t.parts = t.parts[:n]
	}
}

// A postProcessor puts special tokens around texts. It is safe for concurrent
// use.
type postProcessor interface {
	// added returns how many special tokens it adds.
	added(pair bool) int
	// process returns encodings of which the joint one is the result, special
	// tokens among them if they are wanted. It may change the list that it is
	// given, and lists in its encodings but their ids, tokens and words.
	process(list []Encoding, special bool) []Encoding
}

// A decoder makes a text of tokens. It is safe for concurrent use.
type decoder interface {
	// decode returns strings of which the joint one is the text. It may change
	// the list.
	decode(tokens []string) []string
}

// The components that are known, by the type that a tokenizer.json gives them.
// A function reads one from its JSON.
var (
	normalizerTypes    map[string]func(object) (normalizer, error)
	preTokenizerTypes  map[string]func(object) (preTokenizer, error)
	modelTypes         map[string]func(object) (model, error)
	postProcessorTypes map[string]func(object) (postProcessor, error)
	decoderTypes       map[string]func(object) (decoder, error)
)

// The tables are filled here since a Sequence reads components by the table in
// which it stands.
func init() {
	normalizerTypes = map[string]func(object) (normalizer, error){
		"BertNormalizer": readBertNormalizer,
		"ByteLevel":      readByteLevelNormalizer,
		"Lowercase":      readLowercase,
		"NFC":            readForm(nfc),
		"NFD":            readForm(nfd),
		"NFKC":           readForm(nfkc),
		"NFKD":           readForm(nfkd),
		"Nmt":            readNmt,
		"Precompiled":    readPrecompiled,
		"Prepend":        readPrepend,
		"Replace":        readReplace,
		"Sequence":       readNormalizers,
		"Strip":          readStrip,
		"StripAccents":   readStripAccents,
	}
	preTokenizerTypes = map[string]func(object) (preTokenizer, error){
		"BertPreTokenizer":   readBertPreTokenizer,
		"ByteLevel":          readByteLevel,
		"CharDelimiterSplit": readCharDelimiterSplit,
		"Digits":             readDigits,
		"FixedLength":        readFixedLength,
		"Metaspace":          readMetaspace,
		"Punctuation":        readPunctuation,
		"Sequence":           readPreTokenizers,
		"Split":              readSplit,
		"UnicodeScripts":     readUnicodeScripts,
		"Whitespace":         readWhitespace,
		"WhitespaceSplit":    readWhitespaceSplit,
	}
	modelTypes = map[string]func(object) (model, error){
		"BPE":       readBPE,
		"Unigram":   readUnigram,
		"WordLevel": readWordLevel,
		"WordPiece": readWordPiece,
	}
	postProcessorTypes = map[string]func(object) (postProcessor, error){
		"BertProcessing":     readBertProcessing,
		"ByteLevel":          readByteLevelProcessing,
		"RobertaProcessing":  readRobertaProcessing,
		"Sequence":           readSequenceProcessing,
		"TemplateProcessing": readTemplateProcessing,
	}
	decoderTypes = map[string]func(object) (decoder, error){
		"BPEDecoder":   readBPEDecoder,
		"ByteFallback": readByteFallbackDecoder,
		"ByteLevel":    readByteLevelDecoder,
		"CTC":          readCTCDecoder,
		"Fuse":         readFuseDecoder,
		"Metaspace":    readMetaspaceDecoder,
		"Replace":      readReplaceDecoder,
		"Sequence":     readSequenceDecoder,
		"Strip":        readStripDecoder,
		"WordPiece":    readWordPieceDecoder,
	}
}

// read reads the component of a kind, by a table. Where it is null, the zero
// value is returned.
func read[T any](top object, kind string, table map[string]func(object) (T, error)) (T, error) {
	var none T
	typ, o, err := top.component(kind)
	switch {
	case err != nil || typ == "" && o.fields == nil:
		return none, err
	case typ == "":
		return readUntyped(o, table)
	}
	component, ok := table[typ]
	if !ok {
		return none, top.errorf("%s %s is not supported; %s is", kind, typ, strings.Join(slices.Sorted(maps.Keys(table)), " or "))
	}
	return component(o)
}

// An untyped component is read as the first of these types whose fields are all
// there, as the reference does it. No pre-tokenizer is.
var (
	untypedNormalizers = []untyped{
		{"BertNormalizer", []string{"clean_text", "handle_chinese_chars", "lowercase"}},
		{"Strip", []string{"strip_left", "strip_right"}},
		{"Sequence", []string{"normalizers"}},
		{"Replace", []string{"pattern", "content"}},
		{"Prepend", []string{"prepend"}},
	}
	untypedPostProcessors = []untyped{
		{"RobertaProcessing", []string{"sep", "cls", "trim_offsets", "add_prefix_space"}},
		{"BertProcessing", []string{"sep", "cls"}},
		{"TemplateProcessing", []string{"single", "pair", "special_tokens"}},
	}
	untypedDecoders = []untyped{
		{"BPEDecoder", []string{"suffix"}},
		{"WordPiece", []string{"prefix", "cleanup"}},
		{"CTC", []string{"pad_token", "word_delimiter_token", "cleanup"}},
		{"Replace", []string{"pattern", "content"}},
		{"Strip", []string{"content", "start", "stop"}},
	}
)

type untyped struct {
	typ    string
	fields []string
}

// readUntyped reads a component that does not say its type.
func readUntyped[T any](o object, table map[string]func(object) (T, error)) (T, error) {
	var none T
	var forms []untyped
	switch any(&none).(type) {
	case *normalizer:
		forms = untypedNormalizers
	case *postProcessor:
		forms = untypedPostProcessors
	case *decoder:
		forms = untypedDecoders
	}
	for _, form := range forms {
		if slices.ContainsFunc(form.fields, func(name string) bool { return !o.has(name) }) {
			continue
		}
		in := o
		in.place += " " + form.typ
		return table[form.typ](in)
	}
	return none, o.errorf("type is missing")
}

// readSequence reads the components of a Sequence, which has them in a list of
// that name.
func readSequence[T any](o object, name string, table map[string]func(object) (T, error)) ([]T, error) {
	if o.depth > maxDepth {
		return nil, o.errorf("%d sequences in one another: the limit is %d", o.depth, maxDepth)
	}
	var list []json.RawMessage
	if err := o.read(name, &list); err != nil {
		return nil, err
	}
	all := make([]T, len(list))
	for i, one := range list {
		number := strconv.Itoa(i)
		in := object{place: o.place + ": " + name, fields: map[string]json.RawMessage{number: one}, depth: o.depth + 1}
		if !in.has(number) {
			return nil, in.errorf("%s is null", number)
		}
		var err error
		if all[i], err = read(in, number, table); err != nil {
			return nil, err
		}
	}
	return all, nil
}
