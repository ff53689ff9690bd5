package text

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/models"
)

// Impl names this implementation in the identity of embeddings. It changes
// whenever the ids of any text change.
const Impl = "text/1"

// A Tokenizer turns texts into token ids. It is safe for concurrent use.
type Tokenizer struct {
	raw        *addedSet // looked for in the text as it is
	normalized *addedSet // looked for in the normalised text
	normalizer normalizer
	pre        preTokenizer
	model      model
	fused      *fused // the same three in one pass, where they are Bert's; nil: they are not
	around     template
	padID      int32
	maxLen     int
	prefix     string
	scratch    sync.Pool // of *scratch
}

// New builds the tokenizer that spec describes. A tokenizer.json that is
// malformed, over a limit, or has a component that is not supported yet is an
// error that names the place.
func New(spec *models.TextSpec) (*Tokenizer, error) {
	if spec == nil {
		return nil, errors.New("text: no text contract: the backbone takes no texts")
	}
	f, err := readFile(spec.Tokenizer)
	if err != nil {
		return nil, err
	}
	if spec.Truncation != "right" {
		return nil, fmt.Errorf("text: truncation %q is not supported yet: \"right\" is", spec.Truncation)
	}
	if n := f.around.added(); spec.MaxLen <= n {
		return nil, fmt.Errorf("text: at most %d tokens: %d special ones leave no room for the text's own", spec.MaxLen, n)
	}
	if !utf8.ValidString(spec.Prefix) {
		return nil, fmt.Errorf("text: prefix %q is not valid UTF-8", spec.Prefix)
	}
	t := &Tokenizer{
		raw:        newAddedSet(),
		normalized: newAddedSet(),
		normalizer: f.normalizer,
		pre:        f.pre,
		model:      f.model,
		around:     f.around,
		padID:      f.padID,
		maxLen:     min(spec.MaxLen, math.MaxInt/2), // so that sums do not overflow
		prefix:     spec.Prefix,
	}
	if t.normalizer == nil {
		t.normalizer = newBertNormalizer(steps{}) // of which no part is on
	}
	if spec.Lowercase {
		t.normalizer = lowerFirst(t.normalizer)
	}
	t.fused = fuse(t.normalizer, t.pre, t.model)
	t.scratch.New = func() any { return new(scratch) }
	return t, t.add(f.added)
}

// add fills the sets of added tokens. The reference never comes back from a
// text if a token normalises to nothing, and takes one of two tokens by chance
// if they normalise to the same.
func (t *Tokenizer) add(tokens []fileToken) error {
	var s scratch
	for i := range tokens {
		f := &tokens[i]
		set, content := t.raw, f.content
		if f.normalized {
			set, content = t.normalized, string(t.normalizer.appendTo(nil, f.content, &s))
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
	s := t.scratch.Get().(*scratch)
	defer t.put(s)

	n := len(dst)
	dst = append(dst, t.around.before...)
	limit := n + t.maxLen - len(t.around.after)
	ids, err = t.appendText(dst, text, limit+1, s)
	if err != nil {
		// Perhaps it is the first token beyond, which nobody needs.
		ids, err = t.appendText(dst, text, limit, s)
		cut = true
	}
	if err != nil {
		return dst[:n], false, err
	}
	cut = cut || len(ids) > limit
	return append(ids[:min(len(ids), limit)], t.around.after...), cut, nil
}

// Cuts tells whether AppendIDs cuts off the end of a text. Of a text that is
// short in bytes it is known without a look at its tokens.
func (t *Tokenizer) Cuts(text string) bool {
	if t.fits(int64(len(text))) || t.ones() && len(t.prefix)+len(text) <= t.room() && isASCII(t.prefix) && isASCII(text) {
		return false
	}
	_, cut, err := t.AppendCut(make([]int32, 0, min(t.maxLen, len(text)+8)), text)
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
func (t *Tokenizer) room() int { return t.maxLen - t.around.added() }

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

// appendText appends the ids of a valid text up to the first at which dst has
// limit of them, and perhaps some more.
func (t *Tokenizer) appendText(dst []int32, text string, limit int, s *scratch) ([]int32, error) {
	var err error
	raw := splitter{set: t.raw, text: text}
	for len(dst) < limit {
		before, token := raw.next()
		if t.fused != nil && t.normalized.empty() {
			dst, err = t.fused.appendIDs(dst, before, limit, s)
		} else {
			dst, err = t.appendStaged(dst, before, limit, s)
		}
		if err != nil || token == nil {
			return dst, err
		}
		dst = append(dst, token.id)
	}
	return dst, nil
}

// appendStaged does what appendText does with a text between added tokens, one
// stage after the other.
func (t *Tokenizer) appendStaged(dst []int32, text string, limit int, s *scratch) ([]int32, error) {
	s.normal = t.normalizer.appendTo(s.normal[:0], text, s)
	normal := splitter{set: t.normalized, text: string(s.normal)}
	for len(dst) < limit {
		before, token := normal.next()
		s.words = t.pre.appendTo(words{s.words.bytes[:0], s.words.ends[:0]}, before)
		start := 0
		for _, end := range s.words.ends {
			if len(dst) >= limit {
				break
			}
			var err error
			if dst, err = t.model.appendTo(dst, s.words.bytes[start:end]); err != nil {
				return dst, err
			}
			start = end
		}
		if token == nil {
			break
		}
		dst = append(dst, token.id)
	}
	return dst, nil
}

// A scratch is the memory of one AppendIDs.
type scratch struct {
	scanner
	word   []byte
	normal []byte
	words  words
}

// put gives scratch memory back, unless an unusual text has blown it up.
func (t *Tokenizer) put(s *scratch) {
	const most = 1 << 16
	if cap(s.queue) <= most && cap(s.sorted) <= most && cap(s.normal) <= most && cap(s.words.bytes) <= most && cap(s.words.ends) <= most {
		s.reset(nil, "")
		t.scratch.Put(s)
	}
}
