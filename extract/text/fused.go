package text

import "unicode/utf8"

// fused is BertNormalizer, BertPreTokenizer and WordPiece in one pass over a
// text, which ends when there are ids enough. It gives the ids that the three
// give one after the other.
type fused struct {
	normalizer *bertNormalizer
	model      *wordPiece
}

// fuse returns nil if the stages are not those.
func fuse(n normalizer, p preTokenizer, m model) *fused {
	bert, isBert := n.(*bertNormalizer)
	_, isPre := p.(bertPreTokenizer)
	piece, isPiece := m.(*wordPiece)
	if !isBert || !isPre || !isPiece {
		return nil
	}
	return &fused{bert, piece}
}

// appendTo appends the ids of a text until dst has limit of them, and perhaps
// some more.
func (t *fused) appendTo(dst *tokens, text string, limit int, work *scratch) error {
	n := t.normalizer
	w := word{bytes: work.word[:0], most: t.model.maxChars}
	defer func() { work.word = w.bytes }()
	s := &work.scanner
	s.reset(n, text)
	for len(dst.ids) < limit {
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
			if err := t.model.cut(dst, w.bytes, w.chars); err != nil {
				return err
			}
			w.clear()
		}
		if k != space {
			w.add(r)
			if err := t.model.cut(dst, w.bytes, w.chars); err != nil {
				return err
			}
			w.clear()
		}
		if !more {
			break
		}
	}
	return nil
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
func (w *word) fold(n *bertNormalizer, text string, i int) int {
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
