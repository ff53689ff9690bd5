package text

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits on a tokenizer.json, which may come from anywhere.
const (
	maxFile      = 64 << 20 // bytes
	maxVocab     = 1 << 20  // tokens of the model
	maxID        = 1 << 21  // ids, added tokens included, stay below
	maxAdded     = 1 << 20  // bytes of all added tokens of a kind, common beginnings counted once
	maxWordChars = 1 << 10  // max_input_chars_per_word
	maxMerges    = 1 << 20  // merges of a BPE
	maxPiece     = 1 << 12  // bytes of a token of a Unigram
	maxDepth     = 16       // sequences in one another
	maxTemplate  = 1 << 10  // pieces of a template, tokens around a text
)

// A file is what a tokenizer.json says, checked.
type file struct {
	normalizer normalizer   // nil: texts stay as they are
	pre        preTokenizer // nil: what lies between added tokens is one word
	model      model
	added      []fileToken
	addedBy    map[string]*fileToken // by content
	addedByID  map[int32]*fileToken
	special    map[string]bool // added tokens that are special
	around     postProcessor   // nil: nothing
	size       int             // ids are below
	decoder    decoder         // nil: tokens with spaces between them
	padding    *Padding        // nil: there is none
	truncation *Truncation     // nil: there is none
	padID      int32
}

// A fileToken is an added token as the file has it.
type fileToken struct {
	addedToken
	content    string
	normalized bool   // looked for after normalising, as it is then
	spelling   string // as it is decoded: normalised, if it is looked for so
	special    bool   // left out of what is decoded, if that is asked for
}

// An object is a JSON object and where it stands in the file. Go's own
// mapping to structs ignores the case of names; the reference does not.
type object struct {
	place  string
	fields map[string]json.RawMessage
	depth  int // in how many sequences it is
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

// present reports whether the object has a field, be it null.
func (o object) present(name string) bool {
	_, ok := o.fields[name]
	return ok
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

// readOr reads a field into dst, which stays as it is if the field is missing
// or null.
func (o object) readOr(name string, dst any) error {
	if !o.has(name) {
		return nil
	}
	return o.read(name, dst)
}

// object reads a field that must be there and an object.
func (o object) object(name string) (object, error) {
	in := object{place: o.place + ": " + name, depth: o.depth}
	return in, o.read(name, &in.fields)
}

// component reads a part of the pipeline by its type; "" if it is null, or has
// none.
func (o object) component(name string) (typ string, in object, err error) {
	if !o.has(name) {
		return "", object{}, nil
	}
	if in, err = o.object(name); err != nil {
		return "", in, err
	}
	switch {
	case name == "model" && !in.present("type"):
		typ = modelType(in)
	case name != "model" && !in.has("type"):
		return "", in, nil
	default:
		if err = in.read("type", &typ); err != nil {
			return "", in, err
		}
	}
	if typ == "" {
		return "", in, in.errorf("type is empty")
	}
	in.place += " " + typ
	return typ, in, nil
}

// modelType tells of which type a model is that does not say so, as those of
// early files do not.
func modelType(o object) string {
	switch {
	case o.has("merges"):
		return "BPE"
	case o.has("max_input_chars_per_word"):
		return "WordPiece"
	case o.has("unk_token"):
		return "WordLevel"
	}
	return "Unigram"
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
	var err error
	if f.normalizer, err = read(top, "normalizer", normalizerTypes); err != nil {
		return nil, err
	}
	if f.pre, err = read(top, "pre_tokenizer", preTokenizerTypes); err != nil {
		return nil, err
	}
	if f.model, err = read(top, "model", modelTypes); err != nil {
		return nil, err
	}
	if f.model == nil {
		return nil, top.errorf("model is missing")
	}
	f.size = int(f.model.bound())
	if err := f.readAdded(top); err != nil {
		return nil, err
	}
	if f.around, err = read(top, "post_processor", postProcessorTypes); err != nil {
		return nil, err
	}
	for texts := 1; f.around != nil && texts <= 2; texts++ {
		l := newLayout(f.around, texts, true)
		if len(l.slots) > maxTemplate {
			return nil, top.errorf("post_processor: more than %d tokens around a text", maxTemplate)
		}
		if err := l.check(top, f.size); err != nil {
			return nil, err
		}
	}
	if f.decoder, err = read(top, "decoder", decoderTypes); err != nil {
		return nil, err
	}
	if f.truncation, err = readTruncation(top); err != nil {
		return nil, err
	}
	if f.padding, err = readPadding(top, f.size); err != nil {
		return nil, err
	}
	f.padID = f.findPadID()
	return f, nil
}

// readAdded gives added tokens the ids that the reference does: the model's
// where it has the content, else those that follow the vocabulary, in the order
// of the list. So a vocabulary with gaps is read as the reference reads it,
// which takes no notice of the ids in the list.
func (f *file) readAdded(top object) error {
	if !top.has("added_tokens") {
		return nil
	}
	list, err := readTokens(top)
	if err != nil {
		return err
	}
	at := map[string]int{} // index in f.added by content
	next := f.model.size()
	f.special = map[string]bool{}
	for i, t := range list {
		if t.content == "" {
			continue // as the reference does
		}
		if t.special {
			f.special[t.content] = true
		}
		known, again := at[t.content]
		if again {
			t.id = f.added[known].id
		} else if id, ok := f.model.id(t.content); ok {
			t.id = id
		} else {
			t.id = int32(next)
			next++
			f.size = max(f.size, next)
		}
		if t.id >= maxID {
			return top.errorf("added_tokens: token %d: %q has id %d: ids stay below %d", i, t.content, t.id, maxID)
		}
		if again { // the last one counts
			f.added[known] = t
			continue
		}
		at[t.content] = len(f.added)
		f.added = append(f.added, t)
	}
	f.addedBy, f.addedByID = map[string]*fileToken{}, map[int32]*fileToken{}
	for i := range f.added {
		t := &f.added[i]
		if t.spelling = t.content; t.normalized {
			var err error
			if t.spelling, err = normalize(f.normalizer, t.content); err != nil {
				return err
			}
		}
		f.addedBy[t.content], f.addedByID[t.id] = t, t
	}
	return nil
}

// readTokens reads the list of added tokens as it stands there, without the
// ids, which do not count.
func readTokens(top object) ([]fileToken, error) {
	if list, ok := scanTokens(string(top.fields["added_tokens"])); ok {
		return list, nil
	}
	var all []map[string]json.RawMessage
	if err := top.read("added_tokens", &all); err != nil {
		return nil, err
	}
	list := make([]fileToken, len(all))
	for i, fields := range all {
		o := object{place: fmt.Sprintf("%s: added_tokens: token %d", top.place, i), fields: fields}
		t := &list[i]
		var id uint32
		if err := errors.Join(
			o.read("id", &id),
			o.read("content", &t.content),
			o.read("single_word", &t.single),
			o.read("lstrip", &t.left),
			o.read("rstrip", &t.right),
			o.read("normalized", &t.normalized),
			o.read("special", &t.special),
		); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// scanTokens is readTokens for a list of which each token has every field once
// and no other; !ok: it is not so.
func scanTokens(data string) (list []fileToken, ok bool) {
	s := jsonScanner{data}
	if !s.open('[') {
		return nil, false
	}
	for s.more(']') {
		var t fileToken
		seen := 0
		if !s.open('{') {
			return nil, false
		}
		for s.more('}') {
			var key string
			if !s.text(&key) || !s.is(':') {
				return nil, false
			}
			bit, ok := 0, false
			switch key {
			case "id":
				bit, ok = 1, s.id()
			case "content":
				bit, ok = 2, s.text(&t.content)
			case "single_word":
				bit, ok = 4, s.flag(&t.single)
			case "lstrip":
				bit, ok = 8, s.flag(&t.left)
			case "rstrip":
				bit, ok = 16, s.flag(&t.right)
			case "normalized":
				bit, ok = 32, s.flag(&t.normalized)
			case "special":
				bit, ok = 64, s.flag(&t.special)
			}
			if !ok || seen&bit != 0 {
				return nil, false
			}
			seen |= bit
		}
		if seen != 127 {
			return nil, false
		}
		t.content = strings.Clone(t.content) // data is long
		list = append(list, t)
	}
	return list, true
}

// checkID converts an id of the file, of which there are size.
func checkID(o object, name string, id uint32, size int) (int32, error) {
	if int64(id) >= int64(size) {
		return 0, o.errorf("%s: no token has id %d", name, id)
	}
	return int32(id), nil
}

// findPadID finds the id that fills up rows: the padding's own, else that of
// [PAD], else 0.
func (f *file) findPadID() int32 {
	if f.padding != nil {
		return f.padding.ID
	}
	for _, t := range f.added {
		if t.content == "[PAD]" {
			return t.id
		}
	}
	id, _ := f.model.id("[PAD]")
	return id
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
