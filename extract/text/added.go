package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// An added token is found in a text before words are made.
type addedToken struct {
	id     int32
	single bool // not beside a word character
	left   bool // takes all white space before it along
	right  bool // takes all white space after it along
}

// An addedSet finds the added tokens of one kind: a trie of their bytes.
type addedSet struct {
	next   map[edge]int32 // node by its parent and byte; the root is 0
	tokens []*addedToken  // by node; nil: no token ends there
	begins [256]bool      // bytes with which a token begins
	only   int            // the byte with which all begin, -1 if they differ
}

type edge struct {
	node int32
	b    byte
}

func newAddedSet() *addedSet {
	return &addedSet{next: map[edge]int32{}, tokens: make([]*addedToken, 1), only: -1}
}

// empty reports whether the set holds no token.
func (s *addedSet) empty() bool { return len(s.tokens) == 1 }

// insert adds a token by what is looked for; !ok means that it is there
// already.
func (s *addedSet) insert(content string, t *addedToken) (ok bool) {
	if s.empty() {
		s.only = int(content[0])
	} else if s.only != int(content[0]) {
		s.only = -1
	}
	s.begins[content[0]] = true
	node := int32(0)
	for i := range len(content) {
		e := edge{node, content[i]}
		child, found := s.next[e]
		if !found {
			child = int32(len(s.tokens))
			s.next[e] = child
			s.tokens = append(s.tokens, nil)
		}
		node = child
	}
	if s.tokens[node] != nil {
		return false
	}
	s.tokens[node] = t
	return true
}

// find returns the leftmost token of text from byte i on, the longest if
// several begin there, and the bytes [start, end) that match; nil: none.
func (s *addedSet) find(text string, i int) (t *addedToken, start, end int) {
	for ; i < len(text); i++ {
		if s.only >= 0 {
			k := strings.IndexByte(text[i:], byte(s.only))
			if k < 0 {
				break
			}
			i += k
		} else if !s.begins[text[i]] {
			continue
		}
		node := int32(0)
		for k := i; k < len(text); k++ {
			child, ok := s.next[edge{node, text[k]}]
			if !ok {
				break
			}
			node = child
			if s.tokens[node] != nil {
				t, start, end = s.tokens[node], i, k+1
			}
		}
		if t != nil {
			return t, start, end
		}
	}
	return nil, len(text), len(text)
}

// A splitter cuts a text at the added tokens of a set.
type splitter struct {
	set  *addedSet
	text string
	pos  int // where the search goes on: behind the last match
	done int // what comes before is handed out; a token that takes white space along is ahead of pos
	// White space that was looked at already.
	spaceStart, spaceEnd int

	from int // where the last token began, which may be before what the one before took along
}

// next returns the text up to the next token and the token; a nil token is
// the end.
func (p *splitter) next() (before string, t *addedToken) {
	for !p.set.empty() {
		t, start, end := p.set.find(p.text, p.pos)
		if t == nil {
			break
		}
		p.pos = end
		if t.single && (endsInWord(p.text[:start]) || beginsWithWord(p.text[end:])) {
			continue
		}
		if t.left {
			start = max(p.done, start) - trailingSpace(p.text[p.done:max(p.done, start)])
		}
		if t.right {
			if end < p.spaceStart || end > p.spaceEnd {
				p.spaceStart = end
				p.spaceEnd = len(p.text) - len(strings.TrimLeftFunc(p.text[end:], isSpace))
			}
			end = p.spaceEnd
		}
		// A token that begins with white space may begin in what the last
		// one took along; then nothing lies between. If it ends there as
		// well, nothing of it is left.
		if start >= end {
			p.done = max(p.done, end)
			continue
		}
		if p.done < start {
			before = p.text[p.done:start]
		}
		p.done, p.from = end, start
		return before, t
	}
	before = p.text[p.done:]
	p.done, p.pos = len(p.text), len(p.text)
	return before, nil
}

// trailingSpace returns how many bytes of white space s ends with.
func trailingSpace(s string) int { return len(s) - len(strings.TrimRightFunc(s, isSpace)) }

func isSpace(r rune) bool { return unicode.Is(whitespace, r) }

func endsInWord(s string) bool {
	r, size := utf8.DecodeLastRuneInString(s)
	return size > 0 && unicode.Is(wordChar, r)
}

func beginsWithWord(s string) bool {
	r, size := utf8.DecodeRuneInString(s)
	return size > 0 && unicode.Is(wordChar, r)
}
