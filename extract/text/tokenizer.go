package text

import (
	"fmt"
	"math"
	"sync"
	"unicode/utf8"
)

// Impl names this implementation in the identity of embeddings. It changes
// whenever the ids of any text change.
const Impl = "text/1"

// A Tokenizer turns texts into token ids. It is safe for concurrent use.
type Tokenizer struct {
	raw        *addedSet    // looked for in the text as it is
	normalized *addedSet    // looked for in the normalised text
	normalizer normalizer   // nil: texts stay as they are
	pre        preTokenizer // nil: what lies between added tokens is one word
	model      model
	fused      *fused // the same three in one pass, where they are Bert's; nil: they are not
	aligned    bool   // they have to know where in the text they are, even for ids alone
	around     template
	padID      int32
	cut        Truncation
	prefix     string
	runs       sync.Pool // of *run
}

// Options say what a tokenizer does besides what its tokenizer.json says. Nil,
// as the zero value, is nothing.
type Options struct {
	// Truncation is done in place of the file's own; nil leaves that.
	Truncation *Truncation
	// Lowercase makes texts lower case before all else: do_lower_case of
	// sentence_bert_config.json.
	Lowercase bool
	// Prefix is put in front of every text.
	Prefix string
}

// A Truncation says how much of a text is kept.
type Truncation struct {
	// MaxLen is the largest number of tokens, special ones included; 0 keeps
	// all.
	MaxLen int
	// Left cuts off the beginning, not the end.
	Left bool
}

// New builds the tokenizer that a tokenizer.json describes. One that is
// malformed, over a limit, or has a component that is not known is an error
// that names the place.
func New(tokenizerJSON []byte, o *Options) (*Tokenizer, error) {
	if o == nil {
		o = &Options{}
	}
	f, err := readFile(tokenizerJSON)
	if err != nil {
		return nil, err
	}
	if !utf8.ValidString(o.Prefix) {
		return nil, fmt.Errorf("text: prefix %q is not valid UTF-8", o.Prefix)
	}
	t := &Tokenizer{
		raw:        newAddedSet(),
		normalized: newAddedSet(),
		normalizer: f.normalizer,
		pre:        f.pre,
		model:      f.model,
		around:     f.around,
		padID:      f.padID,
		prefix:     o.Prefix,
	}
	if o.Truncation != nil {
		t.cut = *o.Truncation
	}
	switch n := f.around.added(); {
	case t.cut.MaxLen == 0:
		t.cut.MaxLen = math.MaxInt
	case t.cut.MaxLen <= n:
		return nil, fmt.Errorf("text: at most %d tokens: %d special ones leave no room for the text's own", t.cut.MaxLen, n)
	}
	t.cut.MaxLen = min(t.cut.MaxLen, math.MaxInt/2) // so that sums do not overflow
	if o.Lowercase {
		t.normalizer = lowerFirst(t.normalizer)
	}
	t.fused = fuse(t.normalizer, t.pre, t.model)
	t.aligned = aligns(t.normalizer) || aligns(t.pre)
	t.runs.New = func() any { return new(run) }
	return t, t.add(f.added)
}

// add fills the sets of added tokens. The reference never comes back from a
// text if a token normalises to nothing, and takes one of two tokens by chance
// if they normalise to the same.
func (t *Tokenizer) add(tokens []fileToken) error {
	var p passage
	for i := range tokens {
		f := &tokens[i]
		set, content := t.raw, f.content
		if f.normalized {
			set = t.normalized
			p.begin(content, 0, t.aligned)
			if t.normalizer != nil {
				t.normalizer.normalize(&p)
			}
			content = string(p.bytes)
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

// PadID returns the id that fills the rows of a batch up to the longest.
func (t *Tokenizer) PadID() int32 { return t.padID }

// AppendTypeIDs appends the n type ids (token_type_ids) of a text to which
// AppendIDs gave n ids.
func (t *Tokenizer) AppendTypeIDs(dst []int32, n int) []int32 {
	return t.around.appendTypeIDs(dst, n)
}

// AppendIDs appends the ids of text to dst and returns the extended slice:
// special tokens included, at most MaxLen, no padding. Bytes that are not
// UTF-8 become U+FFFD first. An added token that a text spells out ("[SEP]")
// is that token, as in the reference.
//
// Reading stops when MaxLen is reached, so that the time for a long text is
// that of its beginning; it is linear in what is read. An error, which leaves
// dst as it was, means that the text needs an unknown token that the
// vocabulary lacks.
func (t *Tokenizer) AppendIDs(dst []int32, text string) ([]int32, error) {
	dst, _, err := t.AppendCut(dst, text)
	return dst, err
}

// AppendCut is AppendIDs, and says whether the text has more tokens than MaxLen
// leaves room for, so that its end was cut off.
func (t *Tokenizer) AppendCut(dst []int32, text string) (ids []int32, cut bool, err error) {
	text = repair(text)
	if t.prefix != "" {
		text = t.prefix + text
	}
	r := t.runs.Get().(*run)
	defer t.put(r)

	n := len(dst)
	r.tokens = tokens{ids: append(dst, t.around.before...)}
	limit := n + t.cut.MaxLen - len(t.around.after)
	if t.cut.Left {
		err = t.append(r, text, math.MaxInt)
	} else if err = t.append(r, text, limit+1); err != nil {
		// Perhaps it is the first token beyond, which nobody needs.
		r.ids = append(r.ids[:n], t.around.before...)
		err = t.append(r, text, limit)
		cut = true
	}
	ids, r.ids = r.ids, nil
	if err != nil {
		return dst[:n], false, err
	}
	if len(ids) > limit {
		cut = true
		if t.cut.Left {
			own := n + len(t.around.before)
			ids = append(ids[:own], ids[own+len(ids)-limit:]...)
		}
		ids = ids[:limit]
	}
	return append(ids, t.around.after...), cut, nil
}

// Cuts tells whether AppendIDs cuts off the end of a text. Of a text that is
// short in bytes it is known without a look at its tokens.
func (t *Tokenizer) Cuts(text string) bool {
	if t.fits(int64(len(text))) || t.ones() && len(t.prefix)+len(text) <= t.room() && isASCII(t.prefix) && isASCII(text) {
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
	return t.ones() && 2*(int64(len(t.prefix))+bytes) <= int64(t.room())
}

// room is how many tokens a text itself may have.
func (t *Tokenizer) room() int { return t.cut.MaxLen - t.around.added() }

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

// A run is the memory of one text on its way to tokens.
type run struct {
	tokens
	passage passage // between added tokens that are looked for in the text as it is
	part    passage // between those that are looked for in the passage
}

// append appends the ids of a valid text to those of the run up to the first
// at which there are limit of them, and perhaps some more.
func (t *Tokenizer) append(r *run, text string, limit int) error {
	raw := splitter{set: t.raw, text: text}
	for len(r.ids) < limit {
		at := raw.done
		before, token := raw.next()
		var err error
		if t.fused != nil && t.normalized.empty() {
			err = t.fused.appendTo(&r.tokens, before, limit, &r.passage.work)
		} else if before != "" {
			err = t.appendPassage(r, before, at, limit)
		}
		if err != nil || token == nil {
			return err
		}
		r.ids = append(r.ids, token.id)
	}
	return nil
}

// appendPassage does what append does with a text between added tokens, one
// stage after the other. It begins at byte base of the text.
func (t *Tokenizer) appendPassage(r *run, text string, base, limit int) error {
	p := &r.passage
	p.begin(text, base, t.aligned)
	if t.normalizer != nil {
		t.normalizer.normalize(p)
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
		r.ids = append(r.ids, token.id)
	}
	return nil
}

// appendWords appends the ids of a normalised passage without added tokens.
func (t *Tokenizer) appendWords(r *run, p *passage, limit int) error {
	p.whole()
	if t.pre != nil {
		t.pre.preTokenize(p)
	}
	for _, w := range p.words {
		if len(r.ids) >= limit {
			break
		}
		if err := t.model.appendTo(&r.tokens, p.bytes[w.start:w.end]); err != nil {
			return err
		}
	}
	return nil
}

// put gives memory back, unless an unusual text has blown it up.
func (t *Tokenizer) put(r *run) {
	const most = 1 << 20 // bytes, or so
	r.passage.work.scanner.reset(nil, "")
	if r.passage.memory()+r.part.memory() <= most {
		t.runs.Put(r)
	}
}
