package text

import (
	"errors"
	"fmt"
	"math"
)

// A Truncation says how much of a text, or of a pair, is kept.
type Truncation struct {
	// MaxLen is the largest number of tokens, special ones included; 0 keeps
	// all. Below the number of special ones around a pair, it keeps all of the
	// pair, too.
	MaxLen int
	// Left cuts off the beginning, not the end.
	Left bool
	// Strategy says which text of a pair is cut.
	Strategy Strategy
	// Stride is by how many tokens windows overlap. Only the first window is
	// ever kept, but a stride has to be smaller than one.
	Stride int
}

// A Strategy says which text of a pair is cut.
type Strategy uint8

const (
	LongestFirst Strategy = iota // the longer one, both if both are longer than half
	OnlyFirst                    // the first one
	OnlySecond                   // the second one; a text by itself cannot be cut
)

// String returns what a tokenizer.json calls the strategy.
func (s Strategy) String() string {
	switch s {
	case LongestFirst:
		return "LongestFirst"
	case OnlyFirst:
		return "OnlyFirst"
	case OnlySecond:
		return "OnlySecond"
	}
	return fmt.Sprintf("Strategy(%d)", uint8(s))
}

// maxLength bounds numbers of tokens in a file, so that sums do not overflow.
const maxLength = math.MaxInt32

// A side is an end of a text.
type side uint8

const (
	right side = iota
	left
)

// readSide reads "Left" or "Right", which is the default of a field that need
// not be there.
func (o object) readSide(name string, needed bool) (side, error) {
	var s string
	if _, there := o.fields[name]; !there && !needed {
		return right, nil
	}
	if err := o.read(name, &s); err != nil {
		return right, err
	}
	switch s {
	case "Right":
		return right, nil
	case "Left":
		return left, nil
	}
	return right, o.errorf("%s %q is neither \"Left\" nor \"Right\"", name, s)
}

// readTruncation reads the field truncation, nil if it is null.
func readTruncation(top object) (*Truncation, error) {
	if !top.has("truncation") {
		return nil, nil
	}
	o, err := top.object("truncation")
	if err != nil {
		return nil, err
	}
	var length, stride uint64
	var strategy string
	side, sideErr := o.readSide("direction", false)
	if err := errors.Join(
		o.read("max_length", &length),
		o.read("strategy", &strategy),
		o.read("stride", &stride),
		sideErr,
	); err != nil {
		return nil, err
	}
	t := &Truncation{Left: side == left, MaxLen: int(min(length, maxLength)), Stride: int(min(stride, maxLength))}
	for _, t.Strategy = range []Strategy{LongestFirst, OnlyFirst, OnlySecond} {
		if t.Strategy.String() == strategy {
			if t.MaxLen == 0 {
				t.MaxLen = -1
			}
			return t, nil
		}
	}
	return nil, o.errorf("strategy %q is not known: LongestFirst, OnlyFirst and OnlySecond are", strategy)
}

// room returns how many tokens texts may have besides added special ones. As in
// the reference, these are not cut at all if the special ones are too many.
func (t *Truncation) room(added int) int {
	if most := max(t.MaxLen, 0); t.MaxLen != 0 && most >= added {
		return most - added
	}
	return math.MaxInt
}

// check checks the numbers, of which some are fit for a text by itself.
func (t *Truncation) check(added int) error {
	room := t.room(added)
	if t.Stride < 0 || t.MaxLen != 0 && t.Stride >= max(room, 1) {
		return fmt.Errorf("text: truncation: a stride of %d tokens: windows have %d", t.Stride, room)
	}
	if t.Strategy > OnlySecond {
		return fmt.Errorf("text: truncation: %v is not known", t.Strategy)
	}
	return nil
}

// split returns how many tokens of two texts, of n[0] and n[1], are kept. Of a
// text by itself, n[1] is −1.
func (t *Truncation) split(n [2]int, room int) ([2]int, error) {
	total := n[0] + max(n[1], 0)
	if total <= room {
		return n, nil
	}
	if room == 0 { // whatever the strategy
		return [2]int{0, min(n[1], 0)}, nil
	}
	cut := total - room
	keep := n
	switch t.Strategy {
	case LongestFirst:
		if n[1] < 0 {
			keep[0] = room
			break
		}
		short := min(n[0], n[1])
		long := max(short, room-short)
		if short > room {
			long = short
		}
		if short+long > room {
			short = room / 2
			long = room - short
		}
		if keep = [2]int{short, long}; n[0] > n[1] {
			keep = [2]int{long, short}
		}
	case OnlyFirst, OnlySecond:
		i := int(t.Strategy - OnlyFirst)
		if n[i] < 0 {
			return n, errors.New("text: truncation: only the second text may be cut, but there is one text alone")
		}
		if n[i] <= cut {
			return n, fmt.Errorf("text: truncation: %d tokens have to go, but the text that may be cut has %d", cut, n[i])
		}
		keep[i] = n[i] - cut
	}
	for i := range keep {
		if 0 < keep[i] && keep[i] < n[i] && t.Stride >= keep[i] {
			return n, fmt.Errorf("text: truncation: a stride of %d tokens: windows have %d", t.Stride, keep[i])
		}
	}
	return keep, nil
}
