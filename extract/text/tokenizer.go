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
	raw        *addedSet   // looked for in the text as it is
	normalized *addedSet   // looked for in the normalised text
	rewrite    *normalizer // of a text
	keep       *normalizer // of a text that is normalised already
	model      *wordPiece
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
	f.steps.lowerFirst = spec.Lowercase
	t := &Tokenizer{
		raw:        newAddedSet(),
		normalized: newAddedSet(),
		rewrite:    newNormalizer(f.steps),
		keep:       newNormalizer(steps{}),
		model:      newWordPiece(f.vocab, f.unknown, f.prefix, f.maxChars),
		around:     f.around,
		padID:      f.padID,
		maxLen:     min(spec.MaxLen, math.MaxInt/2), // so that sums do not overflow
		prefix:     spec.Prefix,
	}
	t.scratch.New = func() any { return new(scratch) }
	return t, t.add(f.added)
}

// add fills the sets of added tokens. The reference never comes back from a
// text if a token normalises to nothing, and takes one of two tokens by chance
// if they normalise to the same.
func (t *Tokenizer) add(tokens []fileToken) error {
	var s scanner
	for i := range tokens {
		f := &tokens[i]
		set, content := t.raw, f.content
		if f.normalized {
			set, content = t.normalized, string(t.rewrite.appendTo(nil, f.content, &s))
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
	text = repair(text)
	if t.prefix != "" {
		text = t.prefix + text
	}
	s := t.scratch.Get().(*scratch)
	defer t.put(s)

	n := len(dst)
	dst = append(dst, t.around.before...)
	limit := n + t.maxLen - len(t.around.after)
	ids, err := t.appendText(dst, text, limit, s)
	if err != nil {
		return dst[:n], err
	}
	return append(ids[:min(len(ids), limit)], t.around.after...), nil
}

// appendText appends the ids of a valid text up to the first at which dst has
// limit of them, and perhaps some more.
func (t *Tokenizer) appendText(dst []int32, text string, limit int, s *scratch) ([]int32, error) {
	var err error
	raw := splitter{set: t.raw, text: text}
	for len(dst) < limit {
		before, token := raw.next()
		if t.normalized.empty() {
			dst, err = t.appendWords(dst, t.rewrite, before, limit, s)
		} else {
			dst, err = t.appendNormalized(dst, before, limit, s)
		}
		if err != nil || token == nil {
			return dst, err
		}
		dst = append(dst, token.id)
	}
	return dst, nil
}

// appendNormalized does what appendText does with a text between added tokens
// if others have to be looked for once it is normalised.
func (t *Tokenizer) appendNormalized(dst []int32, text string, limit int, s *scratch) ([]int32, error) {
	s.normal = t.rewrite.appendTo(s.normal[:0], text, &s.scanner)
	var err error
	normal := splitter{set: t.normalized, text: string(s.normal)}
	for len(dst) < limit {
		before, token := normal.next()
		dst, err = t.appendWords(dst, t.keep, before, limit, s)
		if err != nil || token == nil {
			return dst, err
		}
		dst = append(dst, token.id)
	}
	return dst, nil
}

// appendWords normalises text by n, cuts it into words as BertPreTokenizer
// does (white space removed, each punctuation by itself) and appends the ids
// of the words until dst has limit ids.
func (t *Tokenizer) appendWords(dst []int32, n *normalizer, text string, limit int, s *scratch) ([]int32, error) {
	var err error
	w := word{bytes: s.word[:0], most: t.model.maxChars}
	defer func() { s.word = w.bytes }()
	s.reset(n, text)
	for len(dst) < limit {
		var r rune
		k := space // the end of the text ends its last word
		more := true
		if s.idle() && s.pos < len(text) && text[s.pos] < utf8.RuneSelf {
			s.pos = w.fold(n, text, s.pos)
			if s.pos == len(text) || text[s.pos] >= utf8.RuneSelf {
				continue
			}
			p := &n.ascii[text[s.pos]]
			s.pos++
			r, k = p.r, p.kind
		} else if r, k, more = s.next(); !more {
			k = space
		}
		switch k {
		case inWord:
			w.add(r)
			continue
		case dropped:
			continue
		}
		if w.chars > 0 {
			if dst, err = t.model.appendIDs(dst, w.bytes, w.chars); err != nil {
				return dst, err
			}
			w.clear()
		}
		if k != space {
			w.add(r)
			if dst, err = t.model.appendIDs(dst, w.bytes, w.chars); err != nil {
				return dst, err
			}
			w.clear()
		}
		if !more {
			break
		}
	}
	return dst, nil
}

// A word grows by code points. Once it has more than most, only their number
// is kept.
type word struct {
	bytes []byte
	chars int
	most  int
}

func (w *word) clear() { w.bytes, w.chars = w.bytes[:0], 0 }

func (w *word) add(r rune) {
	w.chars++
	if w.chars <= w.most {
		w.bytes = utf8.AppendRune(w.bytes, r)
	}
}

// fold adds the ASCII of text from byte i on that goes on with a word and
// returns where that ends.
func (w *word) fold(n *normalizer, text string, i int) int {
	for ; i < len(text); i++ {
		c := n.fold[text[i]]
		if c == 0 {
			break
		}
		w.chars++
		if w.chars <= w.most {
			w.bytes = append(w.bytes, c)
		}
	}
	return i
}

// A scratch is the memory of one AppendIDs.
type scratch struct {
	scanner
	word   []byte
	normal []byte
}

// put gives scratch memory back, unless an unusual text has blown it up.
func (t *Tokenizer) put(s *scratch) {
	const most = 1 << 16
	if cap(s.queue) <= most && cap(s.sorted) <= most && cap(s.normal) <= most {
		s.reset(nil, "")
		t.scratch.Put(s)
	}
}
