package text

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// A wordPiece cuts words into the pieces of a vocabulary, each time the
// longest that fits (Wu et al. 2016, https://arxiv.org/abs/1609.08144, as BERT
// applies it).
type wordPiece struct {
	vocabulary
	first    pieces // at the start of a word: the whole vocabulary
	inner    pieces // further on: what stands behind the prefix
	maxChars int    // a word of more code points is unknown
	unknown  string
	unkID    int32 // -1: the vocabulary has no unknown
}

// pieces are the pieces that may stand at one place. A lookup m.ids[string(b)]
// does not allocate.
type pieces struct {
	ids    map[string]int32
	length int // bytes of the longest
}

// readWordPiece is the entry of WordPiece.
func readWordPiece(o object) (model, error) {
	var (
		unknown, prefix string
		chars           uint64
	)
	vocab, vocabErr := readVocab(o)
	err := errors.Join(
		o.read("unk_token", &unknown),
		o.read("continuing_subword_prefix", &prefix),
		o.read("max_input_chars_per_word", &chars),
		vocabErr,
	)
	switch {
	case err != nil:
		return nil, err
	case chars > maxWordChars:
		return nil, o.errorf("max_input_chars_per_word %d: the limit is %d", chars, maxWordChars)
	}
	return newWordPiece(vocab, unknown, prefix, int(chars)), nil
}

func newWordPiece(vocab vocabulary, unknown, prefix string, maxChars int) *wordPiece {
	w := &wordPiece{vocabulary: vocab, maxChars: maxChars, unknown: unknown, unkID: -1}
	if id, ok := vocab.ids[unknown]; ok {
		w.unkID = id
	}
	w.first.ids = vocab.ids
	w.inner.ids = make(map[string]int32)
	for token, id := range vocab.ids {
		w.first.length = max(w.first.length, len(token))
		if rest, ok := strings.CutPrefix(token, prefix); ok {
			w.inner.ids[rest] = id
			w.inner.length = max(w.inner.length, len(rest))
		}
	}
	return w
}

func (w *wordPiece) appendTo(dst *tokens, word []byte) error {
	return w.cut(dst, word, utf8.RuneCount(word))
}

// cut appends the tokens of a word of chars code points. If any part of the
// word is in no piece, the word as a whole is unknown; so is a word that is too
// long, of which nothing but chars is looked at.
func (w *wordPiece) cut(dst *tokens, word []byte, chars int) error {
	if chars > w.maxChars {
		return w.unknownTo(dst, word)
	}
	n := len(dst.ids)
	at := &w.first
	for i := 0; i < len(word); at = &w.inner {
		end := min(len(word), i+at.length)
		for ; end > i; end-- {
			if end < len(word) && !utf8.RuneStart(word[end]) {
				continue
			}
			dst.work.steps++
			if id, ok := at.ids[string(word[i:end])]; ok {
				dst.add(id, i, end)
				break
			}
		}
		if end == i {
			dst.cut(n)
			return w.unknownTo(dst, word)
		}
		i = end
	}
	return nil
}

func (w *wordPiece) fails() bool { return w.unkID < 0 }

func (w *wordPiece) unknownTo(dst *tokens, word []byte) error {
	if w.unkID < 0 {
		return unknownMissing(w.unknown)
	}
	dst.add(w.unkID, 0, len(word))
	return nil
}
