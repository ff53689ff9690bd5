package text

import (
	"strings"
	"sync"
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
	back   func() *backward
}

type edge struct {
	node int32
	b    byte
}

func newAddedSet() *addedSet {
	s := &addedSet{next: map[edge]int32{}, tokens: make([]*addedToken, 1), only: -1}
	s.back = sync.OnceValue(func() *backward { return newBackward(s) })
	return s
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
// several begin there, and the bytes [start, end) that match; nil: none. It
// looks at no more than steps nodes, which it counts down; below 0 it did not
// come to an end.
func (s *addedSet) find(text string, i int, steps *int) (t *addedToken, start, end int) {
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
			if *steps--; *steps < 0 {
				return nil, i, i
			}
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

// A backward finds the longest token that begins at each byte of a text, from
// its end to its beginning, in time that is linear in the text whatever the
// tokens are (Aho and Corasick 1975, https://doi.org/10.1145/360825.360855,
// with all spelled backwards). Node 0 is the root.
type backward struct {
	next    map[edge]int32
	fail    []int32       // the node of the longest rest that is a node
	tokens  []*addedToken // the longest token that ends there; nil: none
	lengths []int32       // of that token
}

func newBackward(s *addedSet) *backward {
	b := &backward{next: map[edge]int32{}, tokens: make([]*addedToken, 1), lengths: make([]int32, 1)}
	type child struct {
		edge
		node int32
	}
	var order []child // by depth
	up := make([]edge, len(s.tokens))
	for e, node := range s.next {
		up[node] = e
	}
	for node, token := range s.tokens {
		if token == nil {
			continue
		}
		at, length := int32(0), int32(0)
		for n := int32(node); n != 0; n = up[n].node {
			e := edge{at, up[n].b}
			next, ok := b.next[e]
			if !ok {
				next = int32(len(b.tokens))
				b.next[e] = next
				b.tokens, b.lengths = append(b.tokens, nil), append(b.lengths, 0)
			}
			at = next
			length++
		}
		b.tokens[at], b.lengths[at] = token, length
	}
	b.fail = make([]int32, len(b.tokens))
	children := make([][]child, len(b.tokens))
	for e, node := range b.next {
		children[e.node] = append(children[e.node], child{e, node})
	}
	order = append(order, children[0]...)
	for i := 0; i < len(order); i++ {
		c := order[i]
		if c.edge.node != 0 {
			b.fail[c.node] = b.step(b.fail[c.edge.node], c.b)
		}
		if b.tokens[c.node] == nil {
			b.tokens[c.node], b.lengths[c.node] = b.tokens[b.fail[c.node]], b.lengths[b.fail[c.node]]
		}
		order = append(order, children[c.node]...)
	}
	return b
}

// step returns the node behind another by a byte.
func (b *backward) step(node int32, c byte) int32 {
	for {
		if next, ok := b.next[edge{node, c}]; ok {
			return next
		}
		if node == 0 {
			return 0
		}
		node = b.fail[node]
	}
}

// all returns, by byte of text, the node of the longest token that begins
// there.
func (b *backward) all(text string) []int32 {
	nodes := make([]int32, len(text))
	node := int32(0)
	for i := len(text) - 1; i >= 0; i-- {
		node = b.step(node, text[i])
		nodes[i] = node
	}
	return nodes
}

// A splitter cuts a text at the added tokens of a set.
type splitter struct {
	set   *addedSet
	text  string
	pos   int     // where the search goes on: behind the last match
	done  int     // what comes before is handed out; a token that takes white space along is ahead of pos
	steps int     // how many more nodes may be looked at, so that no text takes long; 0: none was
	nodes []int32 // what backward.all found when there were none left

	// White space that was looked at already.
	spaceStart, spaceEnd int

	from int // where the last token began, which may be before what the one before took along
}

// next returns the text up to the next token and the token; a nil token is
// the end.
func (p *splitter) next() (before string, t *addedToken) {
	for !p.set.empty() {
		t, start, end := p.find()
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

// find returns the next token, wherever it stands.
func (p *splitter) find() (t *addedToken, start, end int) {
	if p.nodes == nil {
		if p.steps == 0 {
			p.steps = 4*len(p.text) + 1024
		}
		if t, start, end = p.set.find(p.text, p.pos, &p.steps); p.steps > 0 {
			return t, start, end
		}
		p.nodes = p.set.back().all(p.text)
	}
	back := p.set.back()
	for i := p.pos; i < len(p.text); i++ {
		if node := p.nodes[i]; back.tokens[node] != nil {
			return back.tokens[node], i, i + int(back.lengths[node])
		}
	}
	return nil, len(p.text), len(p.text)
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
