package text

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A regex is a regular expression as Oniguruma 6.9 reads it, in its own syntax
// (https://github.com/kkos/oniguruma/blob/master/doc/RE). What would be read in
// another way here is an error. It is safe for concurrent use.
type regex struct {
	pattern string
	program []instruction
	choices int       // of the pattern itself
	inner   int       // choices in what is looked at or matched on its own
	first   *matchSet // with what a match begins; nil: with anything, or with nothing
	empty   bool      // it may match nothing
}

// An instruction is a step of a match.
type instruction struct {
	op     operation
	set    *matchSet // opSet, opRun
	x, y   int32     // where to go on: opChoice first x, then y; opJump x; opLook, opAtomic: x is where their own part begins, y what follows
	number int32     // opChoice: which it is
	not    bool      // opLook: it must not match
	back   int32     // opLook: begins so many code points before
	check  assertion // opAssert
}

type operation uint8

const (
	opSet    operation = iota // one code point of a set
	opRun                     // as many code points of a set as there are, at least one, and no fewer later
	opChoice                  // x, and y if that fails
	opJump
	opLook   // matches without moving
	opAtomic // matches on its own, and is not tried again in another way
	opAssert
	opFail
	opEnd // of the pattern, or of the part of an opLook or opAtomic
)

type assertion uint8

const (
	lineStart assertion = iota
	lineEnd
	textStart
	textEnd
	lastLineEnd // the end, or the line feed before it
	wordEdge
	noWordEdge
)

// Limits on a regex, which may come from anywhere.
const (
	maxRegex   = 1 << 14 // bytes
	maxProgram = 1 << 13 // instructions
	maxChoices = 1 << 9
	maxRepeat  = 1 << 10 // of one part
	maxNested  = 100     // groups and classes in one another
)

// newRegex compiles a pattern.
func newRegex(pattern string) (*regex, error) {
	if len(pattern) > maxRegex {
		return nil, fmt.Errorf("the regex has %d bytes: the limit is %d", len(pattern), maxRegex)
	}
	p := parser{pattern: pattern}
	root, err := p.alternatives()
	if err == nil && p.pos < len(pattern) {
		err = p.errorf("a ) without its (")
	}
	if err != nil {
		return nil, fmt.Errorf("the regex %q cannot be run exactly: %w", pattern, err)
	}
	c := compiler{re: &regex{pattern: pattern}, sets: map[string]*matchSet{}}
	c.node(root)
	c.emit(instruction{op: opEnd})
	c.later()
	if c.err == nil && c.re.choices+c.re.inner > maxChoices {
		c.err = fmt.Errorf("more than %d choices", maxChoices)
	}
	if c.err != nil {
		return nil, fmt.Errorf("the regex %q: %w", pattern, c.err)
	}
	if low, _ := root.length(); low == 0 {
		c.re.empty = true
	} else {
		if first, ok := root.first(); ok {
			c.re.first = newMatchSet(first)
		}
	}
	return c.re, nil
}

// A node is a part of a pattern.
type node struct {
	kind     nodeKind
	set      runeSet // nodeSet
	parts    []*node // nodeSequence, nodeChoice; one for nodeRepeat, nodeLook, nodeAtomic
	min, max int     // nodeRepeat; max −1 is no limit
	lazy     bool    // nodeRepeat
	not      bool    // nodeLook
	behind   bool    // nodeLook
	check    assertion
}

type nodeKind uint8

const (
	nodeSequence nodeKind = iota
	nodeSet
	nodeChoice
	nodeRepeat
	nodeLook
	nodeAtomic
	nodeAssert
)

// first returns with which code points a match begins; !ok is any, or none.
func (n *node) first() (s runeSet, ok bool) {
	switch n.kind {
	case nodeSet:
		return n.set, true
	case nodeSequence:
		for _, part := range n.parts {
			one, ok := part.first()
			if !ok {
				return nil, false
			}
			s = s.union(one)
			if lo, _ := part.length(); lo > 0 {
				return s, true
			}
		}
		return nil, false
	case nodeChoice:
		for _, part := range n.parts {
			one, ok := part.first()
			if lo, _ := part.length(); !ok || lo == 0 {
				return nil, false
			}
			s = s.union(one)
		}
		return s, true
	case nodeRepeat, nodeAtomic:
		return n.parts[0].first()
	}
	return nil, false
}

// length returns how many code points a match has; high −1 is no limit.
func (n *node) length() (low, high int) {
	const most = 1 << 20
	switch n.kind {
	case nodeSet:
		return 1, 1
	case nodeSequence:
		for _, part := range n.parts {
			lo, hi := part.length()
			low = min(low+lo, most)
			if hi < 0 || high < 0 {
				high = -1
			} else {
				high = min(high+hi, most)
			}
		}
	case nodeChoice:
		for i, part := range n.parts {
			lo, hi := part.length()
			if i == 0 || lo < low {
				low = lo
			}
			if hi < 0 || high < 0 {
				high = -1
			} else {
				high = max(high, hi)
			}
		}
	case nodeRepeat:
		lo, hi := n.parts[0].length()
		low = min(lo*n.min, most)
		if hi < 0 || n.max < 0 {
			high = -1
		} else {
			high = min(hi*n.max, most)
		}
	case nodeAtomic:
		return n.parts[0].length()
	}
	return low, high
}

// A parser reads a pattern.
type parser struct {
	pattern string
	pos     int
	depth   int
	groups  int  // with a number, so far
	fold    bool // case is ignored
	dotAll  bool // . has line feeds
}

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("at byte %d: "+format, append([]any{p.pos}, args...)...)
}

func (p *parser) rest() string { return p.pattern[p.pos:] }

// next reads a code point; the end is −1.
func (p *parser) next() rune {
	if p.pos == len(p.pattern) {
		return -1
	}
	r, size := utf8.DecodeRuneInString(p.rest())
	p.pos += size
	return r
}

// take reads s if it comes next.
func (p *parser) take(s string) bool {
	if strings.HasPrefix(p.rest(), s) {
		p.pos += len(s)
		return true
	}
	return false
}

// alternatives reads up to the end or the ) of the group.
func (p *parser) alternatives() (*node, error) {
	if p.depth++; p.depth > maxNested {
		return nil, p.errorf("more than %d groups in one another", maxNested)
	}
	defer func() { p.depth-- }()
	choice := &node{kind: nodeChoice}
	for {
		sequence := &node{kind: nodeSequence}
		for p.pos < len(p.pattern) && p.pattern[p.pos] != '|' && p.pattern[p.pos] != ')' {
			n, err := p.piece()
			if err != nil {
				return nil, err
			}
			if n != nil {
				sequence.parts = append(sequence.parts, n)
			}
		}
		choice.parts = append(choice.parts, sequence)
		if !p.take("|") {
			break
		}
	}
	if err := p.joined(choice); err != nil {
		return nil, err
	}
	if len(choice.parts) == 1 {
		return choice.parts[0], nil
	}
	return choice, nil
}

// joined refuses strings for which one code point stands where case is
// ignored.
func (p *parser) joined(choice *node) error {
	if !p.fold {
		return nil
	}
	for _, sequence := range choice.parts {
		for i := range sequence.parts {
			for _, s := range regexStrings {
				k := i
				for _, r := range s {
					if k < 0 || k >= len(sequence.parts) || !sequence.parts[k].couldBe(r) {
						k = -1
						break
					}
					k++
				}
				if k >= 0 {
					return p.errorf("%q where case is ignored, for which one code point may stand", s)
				}
			}
		}
	}
	return nil
}

// couldBe tells whether n is one code point, r among the few that it may be.
func (n *node) couldBe(r rune) bool {
	return n.kind == nodeSet && len(n.set) <= 4 && n.set.has(r) && len(n.set) > 0 && n.set[0].hi-n.set[0].lo <= 1
}

// piece reads one part and how often it is repeated; nil is nothing.
func (p *parser) piece() (*node, error) {
	n, err := p.atom()
	if n == nil || err != nil {
		return nil, err
	}
	for {
		start := p.pos
		lo, hi, ok, err := p.times()
		if !ok || err != nil {
			return n, err
		}
		if n.kind == nodeLook || n.kind == nodeAssert {
			p.pos = start
			return nil, p.errorf("what has no length is repeated")
		}
		braces := p.pattern[start] == '{'
		repeat := &node{kind: nodeRepeat, parts: []*node{n}, min: lo, max: hi}
		n = repeat
		switch {
		case braces && lo == hi && p.take("?"): // (?:x{n})?
			n = &node{kind: nodeRepeat, parts: []*node{repeat}, max: 1}
		case p.take("?"):
			repeat.lazy = true
		case !braces && p.take("+"):
			n = &node{kind: nodeAtomic, parts: []*node{repeat}}
		}
	}
}

// times reads *, +, ? and {2,3}.
func (p *parser) times() (lo, hi int, ok bool, err error) {
	switch {
	case p.take("*"):
		return 0, -1, true, nil
	case p.take("+"):
		return 1, -1, true, nil
	case p.take("?"):
		return 0, 1, true, nil
	case !strings.HasPrefix(p.rest(), "{"):
		return 0, 0, false, nil
	}
	end := strings.IndexByte(p.rest(), '}')
	if end < 0 {
		return 0, 0, false, nil
	}
	low, high, both := strings.Cut(p.rest()[1:end], ",")
	number := func(s string, none int) (int, bool) {
		if s == "" {
			return none, both
		}
		for i := range len(s) {
			if s[i] < '0' || s[i] > '9' {
				return 0, false
			}
		}
		n, err := strconv.Atoi(s)
		return n, err == nil
	}
	lo, lok := number(low, 0)
	hi, hok := number(high, -1)
	if !both {
		hi, hok = lo, true
	}
	if !lok || !hok || low == "" && high == "" {
		return 0, 0, false, nil // a brace as it is
	}
	if max(lo, hi) > maxRepeat {
		return 0, 0, false, p.errorf("more than %d repetitions", maxRepeat)
	}
	if hi >= 0 && hi < lo {
		return 0, 0, false, p.errorf("at least %d and at most %d", lo, hi)
	}
	p.pos += end + 1
	return lo, hi, true, nil
}

func assert(a assertion) (*node, error) { return &node{kind: nodeAssert, check: a}, nil }

// atom reads one part; nil is nothing.
func (p *parser) atom() (*node, error) {
	switch r := p.next(); r {
	case '(':
		return p.group()
	case '[':
		s, err := p.class(p.fold)
		return &node{kind: nodeSet, set: s}, err
	case '.':
		if p.dotAll {
			return &node{kind: nodeSet, set: propertySet("any", false)}, nil
		}
		return &node{kind: nodeSet, set: runesOf("\n").negate()}, nil
	case '^':
		return assert(lineStart)
	case '$':
		return assert(lineEnd)
	case '\\':
		return p.escape()
	case '*', '+', '?':
		p.pos--
		return nil, p.errorf("nothing is repeated")
	default:
		return p.letter(r)
	}
}

// letter is a code point that stands for itself.
func (p *parser) letter(r rune) (*node, error) {
	if p.fold && strings.ContainsRune(regexSeveral, r) {
		return nil, p.errorf("%q where case is ignored, for which several may stand", r)
	}
	s := runeSet{{r, r}}
	if p.fold {
		s = s.fold()
	}
	return &node{kind: nodeSet, set: s}, nil
}

// escape reads what follows a backslash outside a class.
func (p *parser) escape() (*node, error) {
	start := p.pos
	switch r := p.next(); r {
	case 'A':
		return assert(textStart)
	case 'Z':
		return assert(lastLineEnd)
	case 'z':
		return assert(textEnd)
	case 'b':
		return assert(wordEdge)
	case 'B':
		return assert(noWordEdge)
	case 'R':
		breaks := &node{kind: nodeSet, set: runesOf("\n\v\f\r\u0085\u2028\u2029")}
		both := &node{kind: nodeSequence, parts: []*node{{kind: nodeSet, set: runesOf("\r")}, {kind: nodeSet, set: runesOf("\n")}}}
		return &node{kind: nodeAtomic, parts: []*node{{kind: nodeChoice, parts: []*node{both, breaks}}}}, nil
	case 'N':
		return &node{kind: nodeSet, set: runesOf("\n").negate()}, nil
	case 'O':
		return &node{kind: nodeSet, set: propertySet("any", false)}, nil
	case 'w':
		return &node{kind: nodeSet, set: wordSet()}, nil
	case 'W':
		return &node{kind: nodeSet, set: wordSet().negate()}, nil
	}
	p.pos = start
	s, one, err := p.escaped(false)
	if err != nil {
		return nil, err
	}
	if one {
		return p.letter(s[0].lo)
	}
	return &node{kind: nodeSet, set: s}, nil
}

// escaped reads what follows a backslash in a class, or what is the same
// outside. One means that it is one code point by name.
func (p *parser) escaped(class bool) (s runeSet, one bool, err error) {
	start := p.pos
	single := func(r rune) (runeSet, bool, error) { return runeSet{{r, r}}, true, nil }
	switch r := p.next(); r {
	case -1:
		return nil, false, p.errorf("a backslash at the end")
	case 't':
		return single('\t')
	case 'n':
		return single('\n')
	case 'r':
		return single('\r')
	case 'f':
		return single('\f')
	case 'v':
		return single('\v')
	case 'a':
		return single('\a')
	case 'e':
		return single(0x1b)
	case 'b':
		return single('\b')
	case 'd':
		return digitSet(), false, nil
	case 'D':
		return digitSet().negate(), false, nil
	case 's':
		return spaceSet(), false, nil
	case 'S':
		return spaceSet().negate(), false, nil
	case 'h':
		return hexSet(), false, nil
	case 'H':
		return hexSet().negate(), false, nil
	case 'w':
		return memberSet(), false, nil
	case 'W':
		return memberSet().negate(), false, nil
	case 'p', 'P':
		end := strings.IndexByte(p.rest(), '}')
		if !p.take("{") || end < 0 {
			return nil, false, p.errorf(`\%c without its braces`, r)
		}
		not := r == 'P'
		name := p.pattern[p.pos : p.pos+end-1]
		p.pos += end
		if rest, ok := strings.CutPrefix(name, "^"); ok {
			name, not = rest, !not
		}
		s := propertySet(name, class)
		if s == nil {
			return nil, false, p.errorf(`\%c{%s} is not known`, r, name)
		}
		if not {
			s = s.negate()
		}
		return s, false, nil
	case 'x', 'u':
		digits := ""
		switch {
		case r == 'x' && p.take("{"):
			end := strings.IndexByte(p.rest(), '}')
			if end < 0 {
				return nil, false, p.errorf("a brace that is not closed")
			}
			digits = p.rest()[:end]
			p.pos += end + 1
		case r == 'u':
			digits = p.rest()[:min(4, len(p.rest()))]
			p.pos += len(digits)
			if len(digits) < 4 {
				digits = ""
			}
		default:
			for len(digits) < 2 && p.pos < len(p.pattern) && strings.IndexByte("0123456789abcdefABCDEF", p.pattern[p.pos]) >= 0 {
				digits += p.pattern[p.pos : p.pos+1]
				p.pos++
			}
		}
		n, err := strconv.ParseUint(digits, 16, 32)
		if err != nil || !utf8.ValidRune(rune(min(n, utf8.MaxRune+1))) || r == 'x' && n >= utf8.RuneSelf && !strings.HasPrefix(p.pattern[start:], "x{") {
			return nil, false, p.errorf("no code point is \\%s", p.pattern[start:p.pos])
		}
		return single(rune(n))
	case '0', '1', '2', '3', '4', '5', '6', '7':
		if r != '0' && !class && p.reference(start) {
			return nil, false, p.errorf(`\%c`, r)
		}
		for p.pos < min(start+3, len(p.pattern)) && '0' <= p.pattern[p.pos] && p.pattern[p.pos] <= '7' {
			p.pos++
		}
		n, err := strconv.ParseUint(p.pattern[start:p.pos], 8, 32)
		if err != nil || n >= utf8.RuneSelf {
			return nil, false, p.errorf("no code point is \\%s", p.pattern[start:p.pos])
		}
		return single(rune(n))
	case 'o':
		end := strings.IndexByte(p.rest(), '}')
		if !p.take("{") || end < 0 {
			return nil, false, p.errorf(`\o without its braces`)
		}
		n, err := strconv.ParseUint(p.pattern[p.pos:p.pos+end-1], 8, 32)
		p.pos += end
		if err != nil || !utf8.ValidRune(rune(min(n, utf8.MaxRune+1))) {
			return nil, false, p.errorf("no code point is \\%s", p.pattern[start:p.pos])
		}
		return single(rune(n))
	default:
		if r < utf8.RuneSelf && ('8' <= r && r <= '9' && !class || 'a' <= r|0x20 && r|0x20 <= 'z') {
			return nil, false, p.errorf(`\%c`, r)
		}
		return single(r)
	}
}

// reference tells whether a number is that of a group, as one digit always is
// and more are if there are so many groups before it; else it is an octal code
// point.
func (p *parser) reference(start int) bool {
	end := start
	for end < len(p.pattern) && '0' <= p.pattern[end] && p.pattern[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(p.pattern[start:end])
	return err != nil || n <= max(9, p.groups)
}

// group reads what follows a ( and its ).
func (p *parser) group() (*node, error) {
	n := &node{kind: nodeSequence}
	fold, dotAll := p.fold, p.dotAll
	rest := false // an option for all that follows in the group around
	if p.take("?") {
		switch {
		case p.take("#"):
			end := strings.IndexByte(p.rest(), ')')
			if end < 0 || strings.IndexByte(p.rest()[:end], '\\') >= 0 {
				return nil, p.errorf("a comment that is not closed")
			}
			p.pos += end + 1
			return nil, nil
		case p.take(":"):
		case p.take("="):
			n.kind = nodeLook
		case p.take("!"):
			n.kind, n.not = nodeLook, true
		case p.take("<="):
			n.kind, n.behind = nodeLook, true
		case p.take("<!"):
			n.kind, n.behind, n.not = nodeLook, true, true
		case p.take(">"):
			n.kind = nodeAtomic
		case p.take("<"), p.take("'"):
			quote := byte('>')
			if p.pattern[p.pos-1] == '\'' {
				quote = '\''
			}
			end := strings.IndexByte(p.rest(), quote)
			if end <= 0 || strings.ContainsFunc(p.rest()[:end], func(r rune) bool { return r != '_' && !('0' <= r && r <= '9') && !('a' <= r|0x20 && r|0x20 <= 'z') }) {
				return nil, p.errorf("the name of a group")
			}
			p.pos += end + 1
			p.groups++
		default:
			on := true
		options:
			for {
				switch r := p.next(); r {
				case '-':
					on = false
				case 'i':
					p.fold = on
				case 'm':
					p.dotAll = on
				case ':':
					break options
				case ')':
					rest = true
					break options
				default:
					p.pos--
					return nil, p.errorf("a group of a kind that is not known")
				}
			}
		}
	} else if strings.HasPrefix(p.rest(), "*") {
		return nil, p.errorf("a callout")
	} else {
		p.groups++
	}
	if rest {
		// To the end of the group around, alternatives included.
		body, err := p.alternatives()
		p.fold, p.dotAll = fold, dotAll
		if err != nil {
			return nil, err
		}
		n.parts = []*node{body}
		return n, nil
	}
	body, err := p.alternatives()
	p.fold, p.dotAll = fold, dotAll
	if err != nil {
		return nil, err
	}
	if !p.take(")") {
		return nil, p.errorf("a ( without its )")
	}
	n.parts = []*node{body}
	if n.behind {
		alternatives := []*node{body}
		if body.kind == nodeChoice {
			alternatives = body.parts
		}
		for _, a := range alternatives {
			if lo, hi := a.length(); lo != hi {
				return nil, p.errorf("a look behind of no fixed length")
			}
		}
	}
	return n, nil
}

// class reads what follows a [ and its ]. Classes within it add to it, and &&
// is what both sides have. Case is ignored in the outermost class as a whole,
// before it is negated, and nowhere else: a property by itself keeps to it.
func (p *parser) class(fold bool) (runeSet, error) {
	if p.depth++; p.depth > maxNested {
		return nil, p.errorf("more than %d classes in one another", maxNested)
	}
	defer func() { p.depth-- }()
	not := p.take("^")
	var (
		all  runeSet // what stands before the last &&
		and  bool    // there was one
		rs   []runeRange
		from = rune(-1) // where a range may begin
		ends bool       // a range ends here, behind which a - is one
	)
	for first := true; ; first = false {
		start := p.pos
		var s runeSet
		one := false
		switch r := p.next(); {
		case r < 0:
			return nil, p.errorf("a [ without its ]")
		case r == ']' && (!first || strings.IndexByte(p.rest(), ']') < 0):
			if first {
				return nil, p.errorf("an empty class")
			}
			set := ranges(rs...)
			if and {
				set = all.intersect(set)
			}
			if fold {
				set = set.fold()
			}
			if not {
				set = set.negate()
			}
			return set, nil
		case r == '[':
			if strings.HasPrefix(p.rest(), ":") {
				end := strings.Index(p.rest(), ":]")
				if end < 0 {
					return nil, p.errorf("a [: without its :]")
				}
				name := p.rest()[1:end]
				p.pos += end + 2
				name, other := strings.CutPrefix(name, "^")
				if s = posixSet(name); s == nil {
					return nil, p.errorf("[:%s:] is not known", name)
				}
				if other {
					s = s.negate()
				}
				break
			}
			var err error
			if s, err = p.class(false); err != nil {
				return nil, err
			}
		case r == '&' && p.take("&"):
			set := ranges(rs...)
			if and {
				set = all.intersect(set)
			}
			all, and, rs, from, ends = set, true, nil, -1, false
			continue
		case r == '\\':
			var err error
			if s, one, err = p.escaped(true); err != nil {
				return nil, err
			}
		case r == '-' && from >= 0 && !strings.HasPrefix(p.rest(), "]"):
			if strings.HasPrefix(p.rest(), "[") || strings.HasPrefix(p.rest(), "&&") {
				return nil, p.errorf("a range that ends in a class")
			}
			hi := p.next()
			if hi == '\\' {
				end, one, err := p.escaped(true)
				if err != nil {
					return nil, err
				}
				if !one {
					return nil, p.errorf("a range that ends in a class")
				}
				hi = end[0].lo
			}
			if hi < from {
				return nil, p.errorf("a range from %q to %q", from, hi)
			}
			rs, from, ends = append(rs, runeRange{from, hi}), -1, true
			continue
		case r == '-' && !first && from < 0 && !ends && !strings.HasPrefix(p.rest(), "]"):
			p.pos = start
			return nil, p.errorf("a - between classes")
		default:
			s, one = runeSet{{r, r}}, true
		}
		from, ends = -1, false
		if one {
			if from = s[0].lo; p.fold && strings.ContainsRune(regexSeveral, from) {
				return nil, p.errorf("%q where case is ignored, for which several may stand", from)
			}
		}
		rs = append(rs, s...)
	}
}

// A compiler makes a program of nodes.
type compiler struct {
	re    *regex
	sets  map[string]*matchSet // by what they hold
	inner bool
	parts []own
	err   error
}

// An own part of an opLook or opAtomic comes behind all else.
type own struct {
	at   int // the instruction
	node *node
}

func (c *compiler) emit(in instruction) int {
	if len(c.re.program) >= maxProgram {
		if c.err == nil {
			c.err = fmt.Errorf("more than %d steps", maxProgram)
		}
		return 0
	}
	c.re.program = append(c.re.program, in)
	return len(c.re.program) - 1
}

// set makes a set that is asked often, once.
func (c *compiler) set(s runeSet) *matchSet {
	key := make([]byte, 0, 8*len(s))
	for _, r := range s {
		key = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(key, uint32(r.lo)), uint32(r.hi))
	}
	m, ok := c.sets[string(key)]
	if !ok {
		m = newMatchSet(s)
		c.sets[string(key)] = m
	}
	return m
}

// here is where the next instruction is going to be.
func (c *compiler) here() int32 { return int32(len(c.re.program)) }

func (c *compiler) choice() int {
	n := &c.re.choices
	if c.inner {
		n = &c.re.inner
	}
	*n++
	return c.emit(instruction{op: opChoice, number: int32(*n - 1)})
}

// either sets where a choice goes; a lazy one goes on first.
func (c *compiler) either(at int, body, after int32, lazy bool) {
	if c.err != nil {
		return
	}
	if lazy {
		body, after = after, body
	}
	c.re.program[at].x, c.re.program[at].y = body, after
}

func (c *compiler) node(n *node) {
	if c.err != nil {
		return
	}
	switch n.kind {
	case nodeSet:
		c.emit(instruction{op: opSet, set: c.set(n.set)})
	case nodeSequence:
		for _, part := range n.parts {
			c.node(part)
		}
	case nodeChoice:
		var ends []int
		for i, part := range n.parts {
			if i == len(n.parts)-1 {
				c.node(part)
				break
			}
			at := c.choice()
			body := c.here()
			c.node(part)
			ends = append(ends, c.emit(instruction{op: opJump}))
			c.either(at, body, c.here(), false)
		}
		for _, at := range ends {
			c.re.program[at].x = c.here()
		}
	case nodeRepeat:
		c.repeat(n)
	case nodeAssert:
		c.emit(instruction{op: opAssert, check: n.check})
	case nodeAtomic:
		if r := n.parts[0]; r.kind == nodeRepeat && r.min == 1 && r.max < 0 && !r.lazy && r.parts[0].kind == nodeSet {
			c.emit(instruction{op: opRun, set: c.set(r.parts[0].set)})
			return
		}
		c.parts = append(c.parts, own{c.emit(instruction{op: opAtomic}), n.parts[0]})
	case nodeLook:
		if !n.behind {
			c.parts = append(c.parts, own{c.emit(instruction{op: opLook, not: n.not}), n.parts[0]})
			return
		}
		c.behind(n)
	}
}

// behind compiles a look behind: each alternative begins as many code points
// back as it has.
func (c *compiler) behind(n *node) {
	alternatives := []*node{n.parts[0]}
	if n.parts[0].kind == nodeChoice {
		alternatives = n.parts[0].parts
	}
	look := func(a *node) {
		back, _ := a.length()
		c.parts = append(c.parts, own{c.emit(instruction{op: opLook, not: n.not, back: int32(back)}), a})
	}
	if n.not { // none of them
		for _, a := range alternatives {
			look(a)
		}
		return
	}
	choice := &node{kind: nodeChoice}
	if len(alternatives) == 1 {
		look(alternatives[0])
		return
	}
	for _, a := range alternatives {
		choice.parts = append(choice.parts, &node{kind: nodeLook, behind: true, parts: []*node{a}})
	}
	c.node(choice)
}

func (c *compiler) repeat(n *node) {
	part := n.parts[0]
	for range n.min {
		start := c.here()
		c.node(part)
		if c.here() == start {
			break // nothing, as often as one likes
		}
	}
	if n.max < 0 {
		at := c.choice()
		body := c.here()
		c.node(part)
		back := c.emit(instruction{op: opJump})
		if c.err == nil {
			c.re.program[back].x = int32(at)
		}
		c.either(at, body, c.here(), n.lazy)
		return
	}
	var ats []int
	var bodies []int32
	for range n.max - n.min {
		if c.err != nil {
			return
		}
		ats = append(ats, c.choice())
		bodies = append(bodies, c.here())
		c.node(part)
	}
	for i, at := range ats {
		c.either(at, bodies[i], c.here(), n.lazy)
	}
}

// later compiles the parts of opLook and opAtomic.
func (c *compiler) later() {
	c.inner = true
	for len(c.parts) > 0 && c.err == nil {
		parts := c.parts
		c.parts = nil
		for _, p := range parts {
			in := &c.re.program[p.at]
			in.x, in.y = c.here(), int32(p.at)+1
			c.node(p.node)
			c.emit(instruction{op: opEnd})
		}
	}
	c.re.program = slices.Clip(c.re.program)
}
