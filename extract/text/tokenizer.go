package text

import (
	"fmt"
	"io"
	"math"
	"sync"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/cache/draft"
)

// Impl names this implementation in the identity of embeddings. It changes
// whenever the ids of any text change.
const Impl = "text/1"

// A Tokenizer turns texts into token ids. It is safe for concurrent use.
type Tokenizer struct {
	file       *file
	raw        *addedSet  // looked for in the text as it is
	normalized *addedSet  // looked for in the normalised text
	normalizer normalizer // nil: texts stay as they are
	fused      *fused     // normalizer, pre-tokenizer and model in one pass, where they are Bert's; nil: they are not
	aligned    bool       // they have to know where in the text they are, even for ids alone
	options    Options
	cut        Truncation
	padding    *Padding // nil: nothing is filled up
	single     layout
	pair       layout
	runs       *sync.Pool // of *run
}

// Options say what a tokenizer does besides what its tokenizer.json says. Nil,
// as the zero value, is nothing.
type Options struct {
	// Truncation is done in place of the file's own; nil leaves that. The zero
	// Truncation keeps texts whole.
	Truncation *Truncation
	// Padding is done in place of the file's own; nil leaves that. It is for
	// encodings; AppendIDs never fills up.
	Padding *Padding
	// NoPadding leaves encodings as long as they are, whatever the file says.
	NoPadding bool
	// NoSpecial leaves out the special tokens around texts.
	NoSpecial bool
	// CodePoints makes offsets count code points, not bytes.
	CodePoints bool
	// Lowercase makes texts lower case before all else: do_lower_case of
	// sentence_bert_config.json.
	Lowercase bool
	// Prefix is put in front of every text. Offsets do not count it: what
	// stands for it alone is at 0.
	Prefix string
}

// Open builds the tokenizer that a file, a tokenizer.json, describes.
func Open(name string, o *Options) (*Tokenizer, error) {
	data, err := readLimited(name)
	if err != nil {
		return nil, fmt.Errorf("text: %w", err)
	}
	t, err := New(data, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// readLimited reads a file, one byte more than is accepted at most.
func readLimited(name string) ([]byte, error) {
	f, err := draft.OpenRegular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// New builds the tokenizer that a tokenizer.json describes. One that is
// malformed, over a limit, or has a component that is not known is an error
// that names the place.
func New(tokenizerJSON []byte, o *Options) (*Tokenizer, error) {
	f, err := readFile(tokenizerJSON)
	if err != nil {
		return nil, err
	}
	return newTokenizer(f, o)
}

// With returns a tokenizer with the same vocabulary, which is not read again,
// and other options.
func (t *Tokenizer) With(o *Options) (*Tokenizer, error) { return newTokenizer(t.file, o) }

func newTokenizer(f *file, o *Options) (*Tokenizer, error) {
	if o == nil {
		o = &Options{}
	}
	if !utf8.ValidString(o.Prefix) {
		return nil, fmt.Errorf("text: prefix %q is not valid UTF-8", o.Prefix)
	}
	t := &Tokenizer{
		file:       f,
		raw:        newAddedSet(),
		normalized: newAddedSet(),
		normalizer: f.normalizer,
		options:    *o,
		padding:    f.padding,
		single:     newLayout(f.around, 1, !o.NoSpecial),
		pair:       newLayout(f.around, 2, !o.NoSpecial),
		runs:       &sync.Pool{New: func() any { return new(run) }},
	}
	if o.Truncation != nil {
		t.cut = *o.Truncation
	} else if f.truncation != nil {
		t.cut = *f.truncation
	}
	if err := t.cut.check(t.single.added); err != nil {
		return nil, err
	}
	// A file may say so, and its texts are as empty as the reference's, or as
	// whole.
	if o.Truncation != nil && t.cut.MaxLen != 0 && t.cut.MaxLen <= t.single.added {
		return nil, fmt.Errorf("text: at most %d tokens: %d special ones leave no room for the text's own", t.cut.MaxLen, t.single.added)
	}
	if o.Padding != nil {
		t.padding = o.Padding
		if p := o.Padding; p.Length < 0 || p.Multiple < 0 {
			return nil, fmt.Errorf("text: padding to %d tokens, a multiple of %d: these are not negative", p.Length, p.Multiple)
		}
	}
	if o.NoPadding {
		t.padding = nil
	}
	if o.Lowercase {
		t.normalizer = lowerFirst(t.normalizer)
	}
	t.fused = fuse(t.normalizer, f.pre, f.model)
	t.aligned = aligns(t.normalizer) || aligns(f.pre)
	return t, t.add(f.added)
}

// add fills the sets of added tokens. The reference never comes back from a
// text if a token normalises to nothing, and takes one of two tokens by chance
// if they normalise to the same.
func (t *Tokenizer) add(tokens []fileToken) error {
	for i := range tokens {
		f := &tokens[i]
		set, content := t.raw, f.content
		if f.normalized {
			var err error
			set = t.normalized
			if content, err = normalize(t.normalizer, content); err != nil {
				return err
			}
		}
		if content == "" {
			return fmt.Errorf("text: tokenizer.json: added_tokens: %q normalises to nothing", f.content)
		}
		if len(set.tokens)+len(content) > maxAdded {
			return fmt.Errorf("text: tokenizer.json: added_tokens: more than %d bytes", maxAdded)
		}
		if !set.insert(content, &f.addedToken) {
			return fmt.Errorf("text: tokenizer.json: added_tokens: %q normalises to %q, as another one does", f.content, content)
		}
	}
	return nil
}

// normalize returns what n, which may be nil, makes of a text.
func normalize(n normalizer, text string) (string, error) {
	if n == nil {
		return text, nil
	}
	var p passage
	p.begin(text, 0, aligns(n))
	n.normalize(&p)
	return string(p.bytes), p.err()
}

// PadID returns the id that fills the rows of a batch up to the longest: that
// of the file's padding, else that of [PAD], else 0.
func (t *Tokenizer) PadID() int32 { return t.file.padID }

// Padding returns how the file fills up encodings; if it does not, how it would
// be done: on the right, up to the longest, with PadID.
func (t *Tokenizer) Padding() Padding {
	if t.file.padding != nil {
		return *t.file.padding
	}
	token, _ := t.Token(t.file.padID)
	return Padding{Token: token, ID: t.file.padID}
}

// Truncation returns how much of a text is kept.
func (t *Tokenizer) Truncation() Truncation { return t.cut }

// VocabSize returns a number that is above all ids, added tokens included: how
// many rows a table of embeddings needs. A few ids below may be no token's.
func (t *Tokenizer) VocabSize() int { return t.file.size }

// ID returns the id of a token.
func (t *Tokenizer) ID(token string) (id int32, ok bool) {
	if a := t.file.addedBy[token]; a != nil {
		return a.id, true
	}
	return t.file.model.id(token)
}

// Token returns the token of an id, as the vocabulary spells it. An added
// token that is looked for in the normalised text is spelled as it is there.
func (t *Tokenizer) Token(id int32) (token string, ok bool) {
	if a := t.file.addedByID[id]; a != nil {
		return a.spelling, true
	}
	return t.file.model.token(id)
}

// Special returns the special tokens that stand before and behind the text's
// own.
func (t *Tokenizer) Special() (before, behind []int32) {
	for i, s := range t.single.slots {
		switch {
		case s.text >= 0:
		case i < t.single.before():
			before = append(before, s.id)
		default:
			behind = append(behind, s.id)
		}
	}
	return before, behind
}

// AppendTypeIDs appends the n type ids (token_type_ids) of a text to which
// AppendIDs gave n ids.
func (t *Tokenizer) AppendTypeIDs(dst []int32, n int) []int32 {
	return t.single.appendTypeIDs(dst, n)
}

// AppendIDs appends the ids of text to dst and returns the extended slice:
// special tokens included, truncated, not padded. Bytes that are not UTF-8
// become U+FFFD first. An added token that a text spells out ("[SEP]") is that
// token, as in the reference.
//
// If the end is cut off, no token behind is looked for, so that the time for a
// long text is little more than that of its beginning; it is linear in the
// text. An error, which leaves dst as it was, means that the text needs an
// unknown token that the vocabulary lacks, be it in what is cut off, or that it
// may not be truncated.
func (t *Tokenizer) AppendIDs(dst []int32, text string) ([]int32, error) {
	dst, _, err := t.AppendCut(dst, text)
	return dst, err
}

// AppendCut is AppendIDs, and says whether the text has more tokens than there
// is room for, so that some were cut off.
func (t *Tokenizer) AppendCut(dst []int32, text string) (ids []int32, cut bool, err error) {
	text = repair(text)
	if t.options.Prefix != "" {
		text = t.options.Prefix + text
	}
	r := t.runs.Get().(*run)
	defer t.put(r)
	r.whole = false

	// Most texts stand behind some special tokens, once.
	n := len(dst)
	before := t.single.before()
	for _, s := range t.single.slots[:before] {
		dst = append(dst, s.id)
	}
	own := len(dst)
	r.ids = dst
	room := t.room()
	cut, err = t.tokenize(r, text, room)
	ids, r.ids = r.ids, nil
	if err != nil {
		return dst[:n], false, err
	}
	if cut {
		keep, err := t.cut.split([2]int{len(ids) - own, -1}, room)
		if err != nil {
			return dst[:n], false, err
		}
		if t.cut.Left {
			copy(ids[own:], ids[len(ids)-keep[0]:])
		}
		ids = ids[:own+keep[0]]
	}
	end := len(ids)
	for i := before + 1; i < len(t.single.slots); i++ {
		if s := t.single.slots[i]; s.text < 0 {
			ids = append(ids, s.id)
		} else {
			ids = append(ids, ids[own:end]...)
		}
	}
	if before == len(t.single.slots) { // a template without a text
		ids = ids[:own]
	}
	return ids, cut, nil
}

// Count returns how many tokens AppendIDs would append if it cut nothing off.
func (t *Tokenizer) Count(text string) (int, error) {
	whole := *t
	whole.cut = Truncation{}
	ids, err := whole.AppendIDs(nil, text)
	return len(ids), err
}

// Cuts tells whether AppendIDs cuts off a part of a text. Of a text that is
// short in bytes it is known without a look at its tokens.
func (t *Tokenizer) Cuts(text string) bool {
	if t.cut.MaxLen == 0 || t.fits(int64(len(text))) ||
		t.ones() && len(t.options.Prefix)+len(text) <= t.room() && isASCII(t.options.Prefix) && isASCII(text) {
		return false
	}
	_, cut, err := t.AppendCut(make([]int32, 0, min(t.cut.MaxLen, len(text)+8)), text)
	return err == nil && cut
}

// fits tells whether no text of so many bytes can have more tokens than there
// is room for. It may say false of one that has not.
func (t *Tokenizer) fits(bytes int64) bool {
	// A character of two bytes is decomposed into at most three, one of three
	// bytes into at most four (UAX #15, table of the expansion of NFD), and a
	// byte that is not UTF-8 becomes one.
	return t.ones() && 2*(int64(len(t.options.Prefix))+bytes) <= int64(t.room())
}

// room is how many tokens a text itself may have.
func (t *Tokenizer) room() int { return t.cut.room(t.single.added) }

// ones tells whether each token stands for at least one character of the
// normalised text, and each of those for one of its canonical decomposition.
func (t *Tokenizer) ones() bool { return t.fused != nil && t.normalized.empty() }

// isASCII tells whether all of text is ASCII.
func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// tokenize appends the tokens of a valid text to those of the run, and tells
// whether they are more than there is room for. If the end is to be cut off,
// those behind the first of these are left out.
func (t *Tokenizer) tokenize(r *run, text string, room int) (cut bool, err error) {
	n := len(r.ids)
	limit := math.MaxInt
	if room < math.MaxInt-n && !t.cut.Left && t.cut.Strategy == LongestFirst && !t.file.model.fails() {
		limit = n + room + 1
	}
	err = t.append(r, text, limit)
	return len(r.ids)-n > room, err
}

// A run is the memory of one text on its way to tokens.
type run struct {
	tokens
	passage passage // between added tokens that are looked for in the text as it is
	part    passage // between those that are looked for in the passage

	// By token, if parts are wanted:
	spans []span   // where in the text it comes from
	names []string // how it is called
	words []int32  // of which word it is
	word  int32    // the number of words so far
}

// reset leaves the first n tokens.
func (r *run) reset(n int) {
	r.tokens.cut(n)
	r.spans, r.names, r.words, r.word = r.spans[:0], r.names[:0], r.words[:0], 0
}

// append appends the ids of a valid text to those of the run up to the first
// at which there are limit of them, and perhaps some more.
func (t *Tokenizer) append(r *run, text string, limit int) error {
	raw := splitter{set: t.raw, text: text}
	for len(r.ids) < limit {
		at := raw.done
		before, token := raw.next()
		var err error
		if t.fused != nil && t.normalized.empty() && !r.whole {
			err = t.fused.appendTo(&r.tokens, before, limit, &r.passage.work)
		} else if before != "" {
			err = t.appendPassage(r, before, at, limit)
		}
		if err != nil || token == nil {
			return err
		}
		if r.ids = append(r.ids, token.id); r.whole {
			r.token(text[raw.from:raw.done], span{int32(raw.from), int32(raw.done)})
		}
	}
	return nil
}

// token says what the added token that was appended stands for.
func (r *run) token(name string, from span) {
	r.parts = append(r.parts, part{})
	r.spans, r.names, r.words = append(r.spans, from), append(r.names, name), append(r.words, r.word)
	r.word++
}

// appendPassage does what append does with a text between added tokens, one
// stage after the other. It begins at byte base of the text.
func (t *Tokenizer) appendPassage(r *run, text string, base, limit int) error {
	if len(text) > math.MaxInt32/mostGrowth {
		return fmt.Errorf("text: %d bytes without an added token: the limit is %d", len(text), math.MaxInt32/mostGrowth)
	}
	p := &r.passage
	p.begin(text, base, t.aligned || r.whole)
	if t.normalizer != nil {
		t.normalizer.normalize(p)
	}
	if err := p.err(); err != nil {
		return err
	}
	if t.normalized.empty() {
		return t.appendWords(r, p, limit)
	}
	normal := splitter{set: t.normalized, text: p.text()}
	for len(r.ids) < limit {
		at := normal.done
		before, token := normal.next()
		if before != "" {
			r.part.part(p, at, at+len(before))
			if err := t.appendWords(r, &r.part, limit); err != nil {
				return err
			}
		}
		if token == nil {
			break
		}
		if r.ids = append(r.ids, token.id); r.whole {
			start, end := int32(normal.from), int32(normal.done)
			r.token(string(p.bytes[start:end]), p.origin(start, end))
		}
	}
	return nil
}

// appendWords appends the ids of a normalised passage without added tokens.
func (t *Tokenizer) appendWords(r *run, p *passage, limit int) error {
	p.whole()
	if t.file.pre != nil {
		t.file.pre.preTokenize(p)
	}
	if err := p.err(); err != nil {
		return err
	}
	for _, w := range p.words {
		n := len(r.ids)
		if n >= limit {
			break
		}
		if err := t.file.model.appendTo(&r.tokens, p.bytes[w.start:w.end]); err != nil {
			return err
		}
		if r.whole {
			t.describe(r, p, w, n)
		}
	}
	return nil
}

// describe says what the tokens from n on, which are those of a word, stand
// for.
func (t *Tokenizer) describe(r *run, p *passage, w extent, n int) {
	for i := n; i < len(r.ids); i++ {
		part := r.parts[i]
		var name string
		if part.verbatim {
			name = string(p.bytes[w.start+part.start : w.start+part.end])
		} else {
			name, _ = t.file.model.token(r.ids[i])
		}
		from := span{part.start, part.end} // as the reference has it for what is beyond the word
		switch {
		case part.start == part.end:
			from.start += p.spans[w.start].start
			from.end += p.spans[w.start].start
		case part.end <= w.end-w.start:
			from = p.origin(w.start+part.start, w.start+part.end)
		}
		r.spans, r.names, r.words = append(r.spans, from), append(r.names, name), append(r.words, r.word)
	}
	r.word++
}

// put gives memory back, unless an unusual text has blown it up.
func (t *Tokenizer) put(r *run) {
	const most = 1 << 20 // bytes, or so
	r.passage.work.scanner.reset(nil, "")
	if r.passage.memory()+r.part.memory()+r.work.memory() <= most {
		clear(r.names)
		t.runs.Put(r)
	}
}
