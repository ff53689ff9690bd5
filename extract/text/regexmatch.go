package text

import (
	"fmt"
	"sync"
	"unicode/utf8"
)

// A matcher finds the matches of a regex in one text, by trying one way after
// the other. What was tried at a byte of the text in vain is not tried there
// again, so that the time is at most that of the text's length times the
// regex's, and the memory at most maxMatch.
type matcher struct {
	re     *regex
	text   string
	over   bool     // it would have taken more memory, so that what it found does not count
	failed []uint64 // by byte and choice of the pattern itself, a bit: tried, not to be tried again
	ends   []int32  // by byte and choice of own parts: what became of it
	stack  []attempt
	vain   int // how many numbers those parts hold that are under way
	steps  int // instructions done
	runs   map[*matchSet]runeRun
}

// Memory for the matches in one text, which a regex may need that is made for
// it. Those of published tokenizers take a few bytes for each of the text.
const (
	maxMatch = 256 << 20 // bytes, of which
	maxMemo  = maxMatch / 2
	// grown is what append takes for a list, as a multiple of its elements:
	// the old memory beside the new.
	grown    = 3
	maxStack = maxMatch / 4 / (grown * 12) // attempts of 12 bytes
	maxVain  = maxMatch / 4 / (grown * 4)  // numbers of 4 bytes
)

// What became of a choice in an own part; from ended on the byte at which the
// part ended.
const (
	untried int32 = iota
	inVain
	underWay
	ended
)

// An attempt is a choice, of which one way was gone.
type attempt struct {
	pc, pos int32
	second  bool // and the other
	led     bool // a way that matches nothing led back to it
}

// A runeRun is a run of code points of a set.
type runeRun struct{ start, end int }

var matchers = sync.Pool{New: func() any { return new(matcher) }}

// matches appends where a text matches to dst, one after the other, as
// Oniguruma's users see it: no empty match right behind another match. An error
// means that it would take more memory than maxMatch.
func (re *regex) matches(dst []extent, text string) ([]extent, error) {
	m := matchers.Get().(*matcher)
	defer func() {
		const most = 1 << 20
		m.text = ""
		if len(m.failed)+len(m.ends)+cap(m.stack) <= most {
			matchers.Put(m)
		}
	}()
	if m.reset(re, text); !m.over {
		dst = m.matches(dst)
	}
	if m.over {
		return dst, fmt.Errorf("the regex %.200q on %d bytes of text: it may take %d MiB of memory and would take more; a shorter text takes less", re.pattern, len(text), maxMatch>>20)
	}
	return dst, nil
}

func (m *matcher) matches(dst []extent) []extent {
	text := m.text
	last := -1 // where the last match ends
	for from := 0; from <= len(text); {
		start, end, ok := m.find(from)
		if !ok {
			break
		}
		if start == end && end == last {
			// The search goes on one code point behind where it began.
			_, size := utf8.DecodeRuneInString(text[from:])
			from += max(size, 1)
			continue
		}
		dst = append(dst, extent{int32(start), int32(end)})
		from, last = end, end
	}
	return dst
}

func (m *matcher) reset(re *regex, text string) {
	m.re, m.text, m.steps, m.vain = re, text, 0, 0
	m.over = int64(len(text)+1)*int64(re.choices+32*re.inner) > 8*maxMemo
	if m.over {
		return
	}
	m.failed = cleared(m.failed, ((len(text)+1)*re.choices+63)/64)
	m.ends = cleared(m.ends, (len(text)+1)*re.inner)
	m.stack = m.stack[:0]
	clear(m.runs)
}

// cleared returns n zeros, in the memory of s if there is enough.
func cleared[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// find returns the first match that begins at byte from or later.
func (m *matcher) find(from int) (start, end int, ok bool) {
	for start = from; ; {
		r, size := utf8.DecodeRuneInString(m.text[start:])
		if m.re.first == nil || size > 0 && m.re.first.has(r) {
			if end := m.match(start); end >= 0 && !m.over {
				m.forget(end)
				return start, end, true
			}
		}
		if size == 0 || m.over {
			return 0, 0, false
		}
		start += size
	}
}

// forget forgets what was tried at the end of a match: some of it was not in
// vain.
func (m *matcher) forget(pos int) {
	for k := pos * m.re.choices; k < (pos+1)*m.re.choices; k++ {
		m.failed[k/64] &^= 1 << (k % 64)
	}
}

// match returns where the match that begins at byte pos ends; −1: none does.
func (m *matcher) match(at int) int {
	bottom := len(m.stack)
	pc, pos := int32(0), at
	for {
		in := &m.re.program[pc]
		m.steps++
		ok := true
		switch in.op {
		case opEnd:
			m.stack = m.stack[:bottom]
			return pos
		case opChoice:
			k := pos*m.re.choices + int(in.number)
			if bit := uint64(1) << (k % 64); m.failed[k/64]&bit != 0 {
				if ok = m.led(pc, pos, bottom); ok {
					pc = in.y
				}
			} else {
				m.failed[k/64] |= bit
				ok = m.push(attempt{pc: pc, pos: int32(pos)})
				pc = in.x
			}
		default:
			pc, pos, ok = m.step(pc, pos)
		}
		if ok {
			continue
		}
		if len(m.stack) == bottom || m.over {
			return -1
		}
		top := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		pc, pos = m.re.program[top.pc].y, int(top.pos)
	}
}

// push puts an attempt on the stack, if there is room.
func (m *matcher) push(a attempt) (ok bool) {
	if len(m.stack) >= maxStack {
		m.over = true
		return false
	}
	m.stack = append(m.stack, a)
	return true
}

// led tells whether a way that matches nothing led back to a choice to go on
// with a loop, which ends then, as Oniguruma does it. What follows the loop at
// this byte is tried once: if another way leads back, it was in vain.
func (m *matcher) led(pc int32, pos, bottom int) bool {
	for i := len(m.stack) - 1; i >= bottom && int(m.stack[i].pos) == pos; i-- {
		if a := &m.stack[i]; a.pc == pc {
			again := a.second || a.led
			a.led = true
			return !again
		}
	}
	return false
}

// part returns where the part of an opLook or opAtomic that begins at an
// instruction ends, if it begins at byte at; −1: it does not match.
func (m *matcher) part(pc int32, at int) int {
	bottom := len(m.stack)
	pos, end := at, -1
	var vain []int32 // what failed, perhaps for no other reason than that a way led back to where it began
	back := false
	defer func() { m.vain -= len(vain) }()
loop:
	for {
		in := &m.re.program[pc]
		m.steps++
		ok := true
		switch in.op {
		case opEnd:
			end = pos
			break loop
		case opChoice:
			switch v := &m.ends[pos*m.re.inner+int(in.number)]; {
			case *v >= ended:
				end = int(*v - ended)
				break loop
			case *v == untried:
				*v = underWay
				ok = m.push(attempt{pc: pc, pos: int32(pos)})
				pc = in.x
			default:
				back = back || *v == underWay
				if ok = m.led(pc, pos, bottom); ok {
					pc = in.y
				}
			}
		default:
			pc, pos, ok = m.step(pc, pos)
		}
		for !ok {
			if m.vain >= maxVain {
				m.over = true
			}
			if len(m.stack) == bottom || m.over {
				return -1
			}
			top := &m.stack[len(m.stack)-1]
			choice := &m.re.program[top.pc]
			if !top.second {
				top.second = true
				pc, pos = choice.y, int(top.pos)
				break
			}
			k := int(top.pos)*m.re.inner + int(choice.number)
			m.ends[k] = inVain
			vain = append(vain, int32(k))
			m.vain++
			m.stack = m.stack[:len(m.stack)-1]
		}
	}
	for _, a := range m.stack[bottom:] {
		m.ends[int(a.pos)*m.re.inner+int(m.re.program[a.pc].number)] = ended + int32(end)
	}
	m.stack = m.stack[:bottom]
	if back {
		for _, k := range vain {
			m.ends[k] = untried
		}
	}
	return end
}

// step does an instruction at byte pos that is neither a choice nor the end.
func (m *matcher) step(pc int32, pos int) (next int32, at int, ok bool) {
	in := &m.re.program[pc]
	switch in.op {
	case opSet:
		if pos == len(m.text) {
			return pc, pos, false
		}
		if b := m.text[pos]; b < utf8.RuneSelf {
			return pc + 1, pos + 1, in.set.ascii[b]
		}
		r, size := utf8.DecodeRuneInString(m.text[pos:])
		return pc + 1, pos + size, in.set.has(r)
	case opRun:
		end := m.run(in.set, pos)
		return pc + 1, end, end > pos
	case opJump:
		return in.x, pos, true
	case opLook:
		start, ok := m.before(pos, int(in.back))
		ok = ok && m.part(in.x, start) >= 0
		return in.y, pos, ok != in.not
	case opAtomic:
		end := m.part(in.x, pos)
		return in.y, max(end, pos), end >= 0
	case opAssert:
		return pc + 1, pos, m.holds(in.check, pos)
	}
	return pc, pos, false
}

// run returns where the run of code points of a set from byte pos on ends.
func (m *matcher) run(set *matchSet, pos int) int {
	if r, ok := m.runs[set]; ok && r.start <= pos && pos <= r.end {
		return r.end
	}
	end := pos
	for end < len(m.text) {
		r, size := utf8.DecodeRuneInString(m.text[end:])
		if !set.has(r) {
			break
		}
		end += size
	}
	if m.runs == nil {
		m.runs = map[*matchSet]runeRun{}
	}
	m.runs[set] = runeRun{pos, end}
	return end
}

// before returns the byte n code points before byte pos.
func (m *matcher) before(pos, n int) (at int, ok bool) {
	for range n {
		if pos == 0 {
			return 0, false
		}
		_, size := utf8.DecodeLastRuneInString(m.text[:pos])
		pos -= size
	}
	return pos, true
}

func (m *matcher) holds(a assertion, pos int) bool {
	text := m.text
	switch a {
	case lineStart:
		return pos == 0 || pos < len(text) && text[pos-1] == '\n'
	case lineEnd:
		return pos == len(text) || text[pos] == '\n'
	case textStart:
		return pos == 0
	case textEnd:
		return pos == len(text)
	case lastLineEnd:
		return pos == len(text) || pos == len(text)-1 && text[pos] == '\n'
	}
	edge := wordBefore(text, pos) != wordAt(text, pos)
	return edge == (a == wordEdge)
}

var wordMatch = sync.OnceValue(func() *matchSet { return newMatchSet(wordSet()) })

func wordAt(text string, pos int) bool {
	r, size := utf8.DecodeRuneInString(text[pos:])
	return size > 0 && wordMatch().has(r)
}

func wordBefore(text string, pos int) bool {
	r, size := utf8.DecodeLastRuneInString(text[:pos])
	return size > 0 && wordMatch().has(r)
}
