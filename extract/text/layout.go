package text

import "math"

// A layout is what post-processors make of one text or two: special tokens
// around and between the texts' own.
type layout struct {
	slots []slot
	added int // special tokens for which truncation leaves room
}

// A slot is a special token, or all tokens of a text.
type slot struct {
	text int   // 0 or 1; −1: a special token
	id   int32 // of the special token
	typ  int32 // type id
}

// newLayout finds what a post-processor, which may be nil, does to so many
// texts: it is given texts of one token each.
func newLayout(p postProcessor, texts int, special bool) layout {
	var l layout
	list := make([]Encoding, texts)
	for i := range list {
		list[i] = Encoding{
			IDs: []int32{int32(-1 - i)}, TypeIDs: []int32{int32(i)}, Tokens: []string{""}, Offsets: make([]Offset, 1),
			Words: []int32{0}, Texts: []int32{int32(i)}, Special: []int32{0}, Mask: []int32{1},
		}
	}
	if p != nil {
		list = p.process(list, special)
		if special {
			l.added = p.added(texts == 2)
		}
	}
	for _, e := range list {
		for i, id := range e.IDs {
			s := slot{text: -1, id: id, typ: e.TypeIDs[i]}
			if id < 0 {
				s.text, s.id = int(-1-id), 0
			}
			l.slots = append(l.slots, s)
		}
	}
	return l
}

// own returns how many special tokens there are, and how often the texts stand
// there.
func (l *layout) own() (special, texts int) {
	for _, s := range l.slots {
		if s.text < 0 {
			special++
		} else {
			texts++
		}
	}
	return special, texts
}

// before returns the index of the first text, behind the special tokens that
// stand at the beginning.
func (l *layout) before() int {
	for i, s := range l.slots {
		if s.text >= 0 {
			return i
		}
	}
	return len(l.slots)
}

// appendTypeIDs appends the type ids of n ids, special ones included.
func (l *layout) appendTypeIDs(dst []int32, n int) []int32 {
	special, texts := l.own()
	for _, s := range l.slots {
		if s.text < 0 {
			dst = append(dst, s.typ)
			continue
		}
		for range (n - special) / texts {
			dst = append(dst, s.typ)
		}
	}
	return dst
}

// check checks that the special tokens are below size.
func (l *layout) check(o object, size int) error {
	for _, s := range l.slots {
		if s.text < 0 && int64(s.id) >= int64(size) {
			return o.errorf("post_processor: no token has id %d", s.id)
		}
	}
	return nil
}

// checkedID returns an id of the file as a number of 32 bits, of which the
// largest is no token's.
func checkedID(id uint32) int32 { return int32(min(id, math.MaxInt32)) }
