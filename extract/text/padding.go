package text

import (
	"encoding/json"
	"errors"
)

// A Padding says how encodings are filled up.
type Padding struct {
	// Length is the number of tokens up to which encodings are filled up; 0
	// takes that of the longest in a batch.
	Length int
	// Multiple, if not 0, makes the number a multiple of itself.
	Multiple int
	// Left fills up in front, not behind.
	Left bool
	// Token, ID and TypeID are what encodings are filled up with.
	Token      string
	ID, TypeID int32

	none bool // a file may say that the length is 0
}

// length returns up to how many tokens encodings of which the longest has so
// many are filled up.
func (p *Padding) length(longest int) int {
	n := longest
	if p.Length > 0 {
		n = p.Length
	}
	if p.Multiple > 0 && n%p.Multiple > 0 {
		n += p.Multiple - n%p.Multiple
	}
	return n
}

// pad fills up encodings. Longer ones stay as they are.
func (p *Padding) pad(list []*Encoding) {
	longest := 0
	for _, e := range list {
		longest = max(longest, e.Len())
	}
	if p.none {
		return
	}
	n := p.length(longest)
	for _, e := range list {
		if e.Len() >= n {
			continue
		}
		cut := e.Cut
		if more := p.padding(n - e.Len()); p.Left {
			*e = concat(more, *e)
		} else {
			*e = concat(*e, more)
		}
		e.Cut = cut
	}
}

// padding returns an encoding of n tokens that fill up another.
func (p *Padding) padding(n int) Encoding {
	return Encoding{
		IDs: repeat(p.ID, n), TypeIDs: repeat(p.TypeID, n), Mask: make([]int32, n), Special: repeat(int32(1), n),
		Tokens: repeat(p.Token, n), Offsets: make([]Offset, n), Words: repeat(int32(-1), n), Texts: repeat(int32(-1), n),
	}
}

// readPadding reads the field padding, nil if it is null.
func readPadding(top object, size int) (*Padding, error) {
	if !top.has("padding") {
		return nil, nil
	}
	o, err := top.object("padding")
	if err != nil {
		return nil, err
	}
	var p Padding
	var id, typ uint32
	var multiple uint64
	if err := o.read("pad_id", &id); err != nil {
		return nil, err
	}
	if p.ID, err = checkID(o, "pad_id", id, size); err != nil {
		return nil, err
	}
	side, sideErr := o.readSide("direction", true)
	if err := errors.Join(
		o.read("pad_type_id", &typ),
		o.read("pad_token", &p.Token),
		o.readOr("pad_to_multiple_of", &multiple),
		sideErr,
	); err != nil {
		return nil, err
	}
	p.Left = side == left
	var strategy any
	if err := o.read("strategy", &strategy); err != nil {
		return nil, err
	}
	if p.TypeID, err = checkTypeID(o, "pad_type_id", typ); err != nil {
		return nil, err
	}
	if multiple > maxLength {
		return nil, o.errorf("pad_to_multiple_of %d: the limit is %d", multiple, maxLength)
	}
	p.Multiple = int(multiple)
	if strategy == "BatchLongest" {
		return &p, nil
	}
	var fixed struct{ Fixed *uint64 }
	if json.Unmarshal(o.fields["strategy"], &fixed) != nil || fixed.Fixed == nil {
		return nil, o.errorf("strategy is neither \"BatchLongest\" nor {\"Fixed\": LENGTH}")
	}
	if *fixed.Fixed > maxLength {
		return nil, o.errorf("strategy: Fixed %d: the limit is %d", *fixed.Fixed, maxLength)
	}
	if p.Length = int(*fixed.Fixed); p.Length == 0 {
		p.none = true
	}
	return &p, nil
}
