package text

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// Limits on a tokenizer.json, which may come from anywhere.
const (
	maxFile      = 64 << 20 // bytes
	maxVocab     = 1 << 20  // tokens of the model
	maxID        = 1 << 21  // ids, added tokens included, stay below
	maxAdded     = 1 << 20  // bytes of all added tokens of a kind, common beginnings counted once
	maxWordChars = 1 << 10  // max_input_chars_per_word
)

// A file is what a tokenizer.json says, checked. Its decoder, truncation and
// padding have no say in ids, except for the padding's id.
type file struct {
	steps    steps
	vocab    map[string]int32
	unknown  string // unk_token
	prefix   string // continuing_subword_prefix
	maxChars int    // max_input_chars_per_word
	added    []fileToken
	around   template
	size     int // number of ids, which are 0 to size−1
	padID    int32
}

// A fileToken is an added token as the file has it.
type fileToken struct {
	addedToken
	content    string
	normalized bool // looked for after normalising, as it is then
}

// An object is a JSON object and where it stands in the file. Go's own
// mapping to structs ignores the case of names; the reference does not.
type object struct {
	place  string
	fields map[string]json.RawMessage
}

// errorf tells what is wrong with the object.
func (o object) errorf(format string, args ...any) error {
	return fmt.Errorf("text: %s: %w", o.place, fmt.Errorf(format, args...))
}

// has reports whether the object has a field that is not null.
func (o object) has(name string) bool {
	v, ok := o.fields[name]
	return ok && !bytes.Equal(bytes.TrimSpace(v), []byte("null"))
}

// read reads a field that must be there into dst.
func (o object) read(name string, dst any) error {
	if !o.has(name) {
		return o.errorf("%s is missing", name)
	}
	if err := json.Unmarshal(o.fields[name], dst); err != nil {
		return o.errorf("%s: %w", name, err)
	}
	return nil
}

// object reads a field that must be there and an object.
func (o object) object(name string) (object, error) {
	in := object{place: o.place + ": " + name}
	return in, o.read(name, &in.fields)
}

// component reads a part of the pipeline by its type; "" if it is null.
func (o object) component(name string) (typ string, in object, err error) {
	if !o.has(name) {
		return "", object{}, nil
	}
	if in, err = o.object(name); err != nil {
		return "", in, err
	}
	if err = in.read("type", &typ); err != nil {
		return "", in, err
	}
	if typ == "" {
		return "", in, in.errorf("type is empty")
	}
	in.place += " " + typ
	return typ, in, nil
}

// readFile reads and checks a tokenizer.json.
func readFile(data []byte) (*file, error) {
	top := object{place: "tokenizer.json"}
	switch {
	case len(data) == 0:
		return nil, top.errorf("it is empty")
	case len(data) > maxFile:
		return nil, top.errorf("%d bytes: the limit is %d", len(data), maxFile)
	case !utf8.Valid(data):
		return nil, top.errorf("it is not valid UTF-8")
	}
	if err := json.Unmarshal(data, &top.fields); err != nil {
		return nil, top.errorf("%w", err)
	}
	if at := loneSurrogate(data); at >= 0 {
		return nil, top.errorf("byte %d: half a surrogate pair is no character", at)
	}
	if top.has("version") {
		var v string
		if err := top.read("version", &v); err != nil {
			return nil, err
		}
		if v != "1.0" {
			return nil, top.errorf("version %q is not supported: 1.0 is", v)
		}
	}
	f := &file{}
	for _, read := range []func(object) error{
		f.readNormalizer, f.readPreTokenizer, f.readModel, f.readAdded, f.readTemplate, f.readPadding,
	} {
		if err := read(top); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// unsupported refuses a component by name.
func unsupported(top object, component, typ string) error {
	if typ == "" {
		typ = "null"
	}
	return top.errorf("%s %s is not supported yet", component, typ)
}

func (f *file) readNormalizer(top object) error {
	typ, o, err := top.component("normalizer")
	switch {
	case err != nil:
		return err
	case typ == "":
		return nil
	case typ != "BertNormalizer":
		return unsupported(top, "normalizer", typ)
	}
	err = errors.Join(
		o.read("clean_text", &f.steps.clean),
		o.read("handle_chinese_chars", &f.steps.cjk),
		o.read("lowercase", &f.steps.lower),
	)
	f.steps.accents = f.steps.lower
	if err == nil && o.has("strip_accents") {
		err = o.read("strip_accents", &f.steps.accents)
	}
	return err
}

func (f *file) readPreTokenizer(top object) error {
	typ, _, err := top.component("pre_tokenizer")
	if err == nil && typ != "BertPreTokenizer" {
		err = unsupported(top, "pre_tokenizer", typ)
	}
	return err
}

func (f *file) readModel(top object) error {
	typ, o, err := top.component("model")
	switch {
	case err != nil:
		return err
	case typ != "WordPiece":
		return unsupported(top, "model", typ)
	}
	var chars uint64
	var vocab map[string]uint32
	err = errors.Join(
		o.read("unk_token", &f.unknown),
		o.read("continuing_subword_prefix", &f.prefix),
		o.read("max_input_chars_per_word", &chars),
		o.read("vocab", &vocab),
	)
	switch {
	case err != nil:
		return err
	case chars > maxWordChars:
		return o.errorf("max_input_chars_per_word %d: the limit is %d", chars, maxWordChars)
	case len(vocab) == 0:
		return o.errorf("vocab is empty")
	case len(vocab) > maxVocab:
		return o.errorf("vocab: %d tokens: the limit is %d", len(vocab), maxVocab)
	}
	f.maxChars = int(chars)
	f.size = len(vocab)
	f.vocab = make(map[string]int32, len(vocab))
	tokens := make([]*string, len(vocab)) // by id
	for token, id := range vocab {
		if int64(id) >= int64(len(vocab)) {
			return o.errorf("vocab: %q has id %d, but %d tokens have the ids 0 to %d", token, id, len(vocab), len(vocab)-1)
		}
		if tokens[id] != nil {
			return o.errorf("vocab: %q and %q both have id %d", min(token, *tokens[id]), max(token, *tokens[id]), id)
		}
		tokens[id] = &token
		f.vocab[token] = int32(id)
	}
	return nil
}

// readAdded gives added tokens the ids that the reference does: the model's
// where it has the content, else those that follow the vocabulary.
func (f *file) readAdded(top object) error {
	if !top.has("added_tokens") {
		return nil
	}
	var list []map[string]json.RawMessage
	if err := top.read("added_tokens", &list); err != nil {
		return err
	}
	at := map[string]int{} // index in f.added by content
	for i, fields := range list {
		o := object{fmt.Sprintf("%s: added_tokens: token %d", top.place, i), fields}
		var t fileToken
		var id uint32
		var special bool
		if err := errors.Join(
			o.read("id", &id),
			o.read("content", &t.content),
			o.read("single_word", &t.single),
			o.read("lstrip", &t.left),
			o.read("rstrip", &t.right),
			o.read("normalized", &t.normalized),
			o.read("special", &special),
		); err != nil {
			return err
		}
		if t.content == "" {
			continue // as the reference does
		}
		known, again := at[t.content]
		if again {
			t.id = f.added[known].id
		} else if id, ok := f.vocab[t.content]; ok {
			t.id = id
		} else {
			t.id = int32(f.size)
			f.size++
		}
		if int64(t.id) != int64(id) {
			return o.errorf("%q has id %d, but by the vocabulary its id is %d", t.content, id, t.id)
		}
		if t.id >= maxID {
			return o.errorf("%q has id %d: ids stay below %d", t.content, t.id, maxID)
		}
		if again { // the last one counts
			f.added[known] = t
			continue
		}
		at[t.content] = len(f.added)
		f.added = append(f.added, t)
	}
	return nil
}

// checkID converts an id of the file, which must be there.
func (f *file) checkID(o object, name string, id uint32) (int32, error) {
	if int64(id) >= int64(f.size) {
		return 0, o.errorf("%s: no token has id %d", name, id)
	}
	return int32(id), nil
}

func (f *file) readTemplate(top object) error {
	typ, o, err := top.component("post_processor")
	if err != nil {
		return err
	}
	switch typ {
	case "":
		return nil
	case "BertProcessing":
		err := f.readPair(o, "cls", &f.around.before)
		if err == nil {
			err = f.readPair(o, "sep", &f.around.after)
		}
		f.around.beforeType, f.around.afterType = []int32{0}, []int32{0}
		return err
	case "TemplateProcessing":
		return f.readSingle(o)
	}
	return unsupported(top, "post_processor", typ)
}

// readPair reads a BertProcessing's ["[SEP]", 102].
func (f *file) readPair(o object, name string, ids *[]int32) error {
	var pair []json.RawMessage
	if err := o.read(name, &pair); err != nil {
		return err
	}
	var token string
	var id uint32
	if len(pair) != 2 || json.Unmarshal(pair[0], &token) != nil || json.Unmarshal(pair[1], &id) != nil {
		return o.errorf("%s is not a token and its id", name)
	}
	checked, err := f.checkID(o, name, id)
	*ids = []int32{checked}
	return err
}

// readSingle reads a TemplateProcessing's template for one text.
func (f *file) readSingle(o object) error {
	var single []map[string]json.RawMessage
	if err := o.read("single", &single); err != nil {
		return err
	}
	special, err := o.object("special_tokens")
	if err != nil {
		return err
	}
	t := &f.around
	texts := 0
	for i, fields := range single {
		p := object{fmt.Sprintf("%s: single: piece %d", o.place, i), fields}
		if len(fields) != 1 || !p.has("SpecialToken") && !p.has("Sequence") {
			return p.errorf("neither a SpecialToken nor a Sequence")
		}
		var name string
		if p.has("Sequence") {
			typ, err := p.readPiece("Sequence", &name)
			if err != nil {
				return err
			}
			if name != "A" {
				return p.errorf("Sequence %q: one text has A alone", name)
			}
			texts++
			t.textType = typ
			continue
		}
		typ, err := p.readPiece("SpecialToken", &name)
		if err != nil {
			return err
		}
		token, err := special.object(name)
		if err != nil {
			return err
		}
		var ids []uint32
		if err := token.read("ids", &ids); err != nil {
			return err
		}
		for _, id := range ids {
			checked, err := f.checkID(token, "ids", id)
			if err != nil {
				return err
			}
			if texts == 0 {
				t.before, t.beforeType = append(t.before, checked), append(t.beforeType, typ)
			} else {
				t.after, t.afterType = append(t.after, checked), append(t.afterType, typ)
			}
		}
	}
	if texts != 1 {
		return o.errorf("single: the text stands there %d times: once is supported", texts)
	}
	return nil
}

// readPiece reads one piece of a template: its id and type id.
func (o object) readPiece(name string, id *string) (int32, error) {
	in, err := o.object(name)
	if err != nil {
		return 0, err
	}
	var typ uint32
	if err := errors.Join(in.read("id", id), in.read("type_id", &typ)); err != nil {
		return 0, err
	}
	if typ > math.MaxInt32 {
		return 0, in.errorf("type_id %d: the limit is %d", typ, math.MaxInt32)
	}
	return int32(typ), nil
}

// readPadding finds the id that fills up rows: the padding's own, else that of
// [PAD], else 0. A mask hides it, so that it need only be in the vocabulary.
func (f *file) readPadding(top object) error {
	if !top.has("padding") {
		f.padID = f.vocab["[PAD]"]
		for _, t := range f.added {
			if t.content == "[PAD]" {
				f.padID = t.id
			}
		}
		return nil
	}
	o, err := top.object("padding")
	if err != nil {
		return err
	}
	var id uint32
	if err := o.read("pad_id", &id); err != nil {
		return err
	}
	f.padID, err = f.checkID(o, "pad_id", id)
	return err
}

// loneSurrogate returns the offset of the first \u escape in valid JSON that
// is half of a surrogate pair, −1 if there is none. encoding/json takes it for
// U+FFFD, which may be another token's spelling; the reference refuses it.
func loneSurrogate(data []byte) int {
	unit := func(i int) uint32 { // the escape at i, if there is one
		if i+6 > len(data) || data[i] != '\\' || data[i+1] != 'u' {
			return 0
		}
		var u uint32
		for _, c := range data[i+2 : i+6] {
			switch {
			case c <= '9':
				c -= '0'
			default:
				c = c&^0x20 - 'A' + 10
			}
			u = u<<4 | uint32(c)
		}
		return u
	}
	for i := 0; i < len(data); i++ {
		k := bytes.IndexByte(data[i:], '\\')
		if k < 0 {
			break
		}
		i += k
		u := unit(i)
		if u < 0xD800 || u > 0xDFFF {
			i++ // the escaped character may be a backslash
			continue
		}
		if low := unit(i + 6); u >= 0xDC00 || low < 0xDC00 || low > 0xDFFF {
			return i
		}
		i += 11
	}
	return -1
}
