package text

import (
	"errors"
	"slices"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// A bertNormalizer is the normalizer BertNormalizer, and says at every code
// point, too, how that separates words. All steps but the reordering of
// combining marks work on each code point by itself, so a code point's way
// through all of them is computed once and kept, 256 code points a page, pages
// made when first needed. It is safe for concurrent use.
type bertNormalizer struct {
	steps steps
	ascii [utf8.RuneSelf]piece // what an ASCII code point becomes: always one piece
	fold  [256]byte            // what an ASCII byte that goes on with a word becomes; 0 for every other byte
	pages [(unicode.MaxRune + 1) >> pageBits]atomic.Pointer[page]
}

// steps are the parts of a BertNormalizer that are on, in the order in which
// they are taken.
type steps struct {
	lowerFirst bool // lower-case before all else
	clean      bool // drop controls, make every white space U+0020
	cjk        bool // put spaces around ideographs
	accents    bool // decompose and drop nonspacing marks
	lower      bool // lower-case
}

// A kind says what a code point does to the words around it.
type kind uint8

const (
	inWord   kind = iota // goes on with the word
	space                // ends a word, is in none
	isolated             // is a word by itself
	cjk                  // is a word by itself, normalised with a space on either side
	dropped              // leaves nothing
	starter              // leaves nothing, but marks are not reordered across it
	several              // becomes the pieces page.pieces[r]
)

// A piece is one code point of what a code point becomes.
type piece struct {
	r     rune
	kind  kind
	class uint8 // combining class; marks in a row are sorted by it. 0 if they are not decomposed
}

const pageBits = 8

type page struct {
	entries [1 << pageBits]entry
	pieces  [][]piece
}

// An entry is what one code point becomes.
type entry struct {
	r    rune // for kind several: index into the page's pieces
	kind kind
}

func newBertNormalizer(s steps) *bertNormalizer {
	n := &bertNormalizer{steps: s}
	for c := range rune(utf8.RuneSelf) {
		p := piece{kind: dropped}
		if ps := n.become(c); len(ps) == 1 {
			p = ps[0]
		}
		n.ascii[c] = p
		if p.kind == inWord {
			n.fold[c] = byte(p.r)
		}
	}
	return n
}

// lookup returns what r becomes, and its pieces if they are several.
func (n *bertNormalizer) lookup(r rune) (entry, []piece) {
	p := n.pages[r>>pageBits].Load()
	if p == nil {
		p = n.newPage(r >> pageBits << pageBits)
		n.pages[r>>pageBits].Store(p)
	}
	e := p.entries[r&(1<<pageBits-1)]
	if e.kind == several {
		return e, p.pieces[e.r]
	}
	return e, nil
}

// newPage computes the page that begins at code point lo.
func (n *bertNormalizer) newPage(lo rune) *page {
	p := &page{}
	for i := range p.entries {
		switch ps := n.become(lo + rune(i)); {
		case len(ps) == 0:
			p.entries[i] = entry{kind: dropped}
		case len(ps) == 1 && ps[0].class == 0:
			p.entries[i] = entry{ps[0].r, ps[0].kind}
		case len(ps) == 3 && ps[0].r == ' ' && ps[2].r == ' ' && ps[1].kind == inWord && ps[1].class == 0:
			p.entries[i] = entry{ps[1].r, cjk}
		default:
			p.entries[i] = entry{rune(len(p.pieces)), several}
			p.pieces = append(p.pieces, ps)
		}
	}
	return p
}

// become takes r through all steps.
func (n *bertNormalizer) become(r rune) []piece {
	var out []piece
	first := []rune{r}
	if n.steps.lowerFirst {
		first = appendLower(nil, r)
	}
	for _, r := range first {
		if n.steps.clean {
			if unicode.Is(control, r) {
				continue
			}
			if unicode.Is(whitespace, r) {
				r = ' '
			}
		}
		around := n.steps.cjk && unicode.Is(ideograph, r)
		if around {
			out = append(out, piece{r: ' ', kind: space})
		}
		parts := []rune{r}
		if n.steps.accents {
			parts = appendDecomposed(nil, r)
		}
		for _, r := range parts {
			var class uint8
			if n.steps.accents {
				class = combiningClass(r)
				if unicode.Is(accent, r) {
					if class == 0 {
						out = append(out, piece{kind: starter})
					}
					continue
				}
			}
			last := []rune{r}
			if n.steps.lower {
				last = appendLower(nil, r)
			}
			for _, r := range last {
				out = append(out, piece{r, kindOf(r), class})
			}
		}
		if around {
			out = append(out, piece{r: ' ', kind: space})
		}
	}
	return out
}

// readBertNormalizer is the entry of BertNormalizer.
func readBertNormalizer(o object) (normalizer, error) {
	var s steps
	err := errors.Join(
		o.read("clean_text", &s.clean),
		o.read("handle_chinese_chars", &s.cjk),
		o.read("lowercase", &s.lower),
	)
	s.accents = s.lower
	if err == nil && o.has("strip_accents") {
		err = o.read("strip_accents", &s.accents)
	}
	if err != nil {
		return nil, err
	}
	return newBertNormalizer(s), nil
}

func (n *bertNormalizer) normalize(p *passage) {
	if p.aligned {
		n.align(p)
		return
	}
	p.rewrite()
	p.work.scanner.reset(n, p.text())
	for {
		r, k, ok := p.work.scanner.next()
		if !ok {
			break
		}
		if k == cjk {
			p.put(' ', 0)
		}
		p.put(r, 0)
		if k == cjk {
			p.put(' ', 0)
		}
	}
	p.rewritten()
}

// align is normalize one step after the other, as the reference does it, which
// is how it finds where a code point comes from.
func (n *bertNormalizer) align(p *passage) {
	if n.steps.lowerFirst {
		p.lower()
	}
	if n.steps.clean {
		p.rewrite()
		for i, r := range p.text() {
			switch {
			case unicode.Is(control, r):
			case unicode.Is(whitespace, r):
				p.put(' ', i)
			default:
				p.put(r, i)
			}
		}
		p.rewritten()
	}
	if n.steps.cjk {
		p.rewrite()
		for i, r := range p.text() {
			around := unicode.Is(ideograph, r)
			if around {
				p.put(' ', i)
			}
			p.put(r, i)
			if around {
				p.put(' ', i)
			}
		}
		p.rewritten()
	}
	if n.steps.accents {
		p.decompose()
		p.rewrite()
		for i, r := range p.text() {
			if !unicode.Is(accent, r) {
				p.put(r, i)
			}
		}
		p.rewritten()
	}
	if n.steps.lower {
		p.lower()
	}
}

// lower makes each code point of the passage lower case, by itself.
func (p *passage) lower() {
	p.rewrite()
	var letters [2]rune
	for i, r := range p.text() {
		for _, r := range appendLower(letters[:0], r) {
			p.put(r, i)
		}
	}
	p.rewritten()
}

// decompose brings the passage into canonical decomposition. Marks that change
// places leave behind where they come from: the k-th code point of a run comes
// from the k-th of the text.
func (p *passage) decompose() {
	const more = several // of what a code point becomes: not the first piece
	q := p.work.scanner.queue[:0]
	for _, r := range p.text() {
		k := inWord
		for _, r := range appendDecomposed(nil, r) {
			q = append(q, piece{r, k, combiningClass(r)})
			k = more
		}
	}
	for lo := 0; lo < len(q); lo++ {
		hi := lo
		for hi < len(q) && q[hi].class != 0 {
			hi++
		}
		if hi > lo {
			p.work.scanner.order(q[lo:hi])
			lo = hi - 1
		}
	}
	p.work.scanner.queue, p.work.scanner.head = q, len(q)
	p.rewrite()
	from, next := -1, 0
	for _, c := range q {
		if c.kind != more && next < len(p.bytes) {
			from = next
			_, size := utf8.DecodeRune(p.bytes[next:])
			next += size
		}
		p.put(c.r, from)
	}
	p.rewritten()
}

// A scanner reads a text as a bertNormalizer rewrites it, one code point at a
// time.
type scanner struct {
	n      *bertNormalizer
	text   string // valid UTF-8
	pos    int    // bytes of text that are read
	queue  []piece
	head   int // pieces of queue that are handed out
	sorted []piece
}

func (s *scanner) reset(n *bertNormalizer, text string) {
	s.n, s.text, s.pos = n, text, 0
	s.queue, s.head = s.queue[:0], 0
}

// idle reports whether all that was read is handed out.
func (s *scanner) idle() bool { return s.head == len(s.queue) }

// next returns the next code point, whose kind is one of inWord, space,
// isolated and cjk; !ok is the end.
func (s *scanner) next() (r rune, k kind, ok bool) {
	for {
		for s.head < len(s.queue) {
			p := s.queue[s.head]
			s.head++
			if p.kind != starter {
				return p.r, p.kind, true
			}
		}
		if s.pos == len(s.text) {
			return 0, 0, false
		}
		c, size := utf8.DecodeRuneInString(s.text[s.pos:])
		s.pos += size
		switch e, pieces := s.n.lookup(c); e.kind {
		case dropped, starter:
		case several:
			s.fill(pieces)
		default:
			return e.r, e.kind, true
		}
	}
}

// fill queues pieces, and, when they end in a combining mark, what the marks
// after it become, each run of marks in canonical order (Unicode Standard,
// section 3.11, D109). Marks and controls that leave nothing do not end a run.
func (s *scanner) fill(pieces []piece) {
	s.queue, s.head = append(s.queue[:0], pieces...), 0
	if pieces[len(pieces)-1].class == 0 {
		return
	}
	for s.pos < len(s.text) {
		c, size := utf8.DecodeRuneInString(s.text[s.pos:])
		e, more := s.n.lookup(c)
		if e.kind == several && more[0].class != 0 {
			s.queue = append(s.queue, more...)
		} else if e.kind != dropped {
			break
		}
		s.pos += size
	}
	for lo := 0; lo < len(s.queue); {
		if s.queue[lo].class == 0 {
			lo++
			continue
		}
		hi := lo + 1
		for hi < len(s.queue) && s.queue[hi].class != 0 {
			hi++
		}
		s.order(s.queue[lo:hi])
		lo = hi
	}
}

func classOrder(a, b piece) int { return int(a.class) - int(b.class) }

// order sorts a run of marks by class, stably and in linear time.
func (s *scanner) order(run []piece) {
	if slices.IsSortedFunc(run, classOrder) {
		return
	}
	var at [256]int // first the number of marks of a class, then where its next one goes
	for _, p := range run {
		at[p.class]++
	}
	n := 0
	for c, k := range at {
		at[c] = n
		n += k
	}
	s.sorted = append(s.sorted[:0], run...)
	for _, p := range s.sorted {
		run[at[p.class]] = p
		at[p.class]++
	}
}

// lowerFirst returns a normalizer that lower-cases a text before n, which may
// be nil, does its work: what do_lower_case of sentence_bert_config.json asks
// for.
func lowerFirst(n normalizer) normalizer {
	if bert, ok := n.(*bertNormalizer); ok {
		s := bert.steps
		s.lowerFirst = true
		return newBertNormalizer(s)
	}
	lower := newBertNormalizer(steps{lower: true})
	if n == nil {
		return lower
	}
	return lowered{lower, n}
}

// lowered is a normalizer that gets its text in lower case.
type lowered struct {
	lower *bertNormalizer
	then  normalizer
}

func (n lowered) normalize(p *passage) {
	n.lower.normalize(p)
	n.then.normalize(p)
}

func (n lowered) aligns() bool { return aligns(n.then) }
