package text

import (
	"errors"
	"math"
	"unicode/utf8"
)

// Encode returns a text as a model takes it: with special tokens, truncated,
// and filled up as the tokenizer says. An error is one of AppendIDs.
func (t *Tokenizer) Encode(text string) (*Encoding, error) { return t.encodePadded(text) }

// EncodePair returns two texts as a model takes them that compares or connects
// the two.
func (t *Tokenizer) EncodePair(first, second string) (*Encoding, error) {
	return t.encodePadded(first, second)
}

// EncodeBatch returns texts as Encode does, but filled up to the length of the
// longest, if the tokenizer fills up.
func (t *Tokenizer) EncodeBatch(texts []string) ([]*Encoding, error) {
	list := make([]*Encoding, len(texts))
	var err error
	for i, text := range texts {
		if list[i], err = t.encodePadded(text); err != nil {
			return nil, err
		}
	}
	t.pad(list)
	return list, nil
}

// EncodePairs returns pairs of texts as EncodePair does, but filled up to the
// length of the longest, if the tokenizer fills up.
func (t *Tokenizer) EncodePairs(pairs [][2]string) ([]*Encoding, error) {
	list := make([]*Encoding, len(pairs))
	var err error
	for i, pair := range pairs {
		if list[i], err = t.encodePadded(pair[0], pair[1]); err != nil {
			return nil, err
		}
	}
	t.pad(list)
	return list, nil
}

// encodePadded encodes one text or two, filled up as the reference does before
// it looks at the rest of a batch.
func (t *Tokenizer) encodePadded(texts ...string) (*Encoding, error) {
	e, err := t.encode(texts...)
	if err != nil {
		return nil, err
	}
	t.pad([]*Encoding{e})
	return e, nil
}

func (t *Tokenizer) pad(list []*Encoding) {
	if t.padding != nil {
		t.padding.pad(list)
	}
}

// encode encodes one text or two.
func (t *Tokenizer) encode(texts ...string) (*Encoding, error) {
	layout := &t.single
	if len(texts) == 2 {
		layout = &t.pair
	}
	room := t.cut.room(layout.added)
	var err error
	list := make([]Encoding, len(texts))
	n := [2]int{-1, -1}
	for i, text := range texts {
		if list[i], err = t.own(text, i, len(texts), room); err != nil {
			return nil, err
		}
		n[i] = list[i].Len()
	}
	keep, err := t.cut.split(n, room)
	if err != nil {
		return nil, err
	}
	for i, e := range list {
		switch {
		case keep[i] == n[i]:
			continue
		case t.cut.Left:
			list[i] = e.slice(n[i]-keep[i], n[i])
		default:
			list[i] = e.slice(0, keep[i])
		}
	}
	if t.file.around != nil {
		list = t.file.around.process(list, !t.options.NoSpecial)
	}
	all := concat(list...)
	all.Cut = keep != n
	return &all, nil
}

// own returns the tokens of a text, which is one of so many. Of those for which
// there is no room, some may be left out.
func (t *Tokenizer) own(given string, number, texts, room int) (Encoding, error) {
	text := repair(given)
	prefix := 0
	if number == 0 {
		text = t.options.Prefix + text
		prefix = len(t.options.Prefix)
	}
	if len(text) > math.MaxInt32 {
		return Encoding{}, errors.New("text: offsets are of texts of less than 2 GiB")
	}
	r := t.runs.Get().(*run)
	defer t.put(r)
	r.whole, r.ids = true, r.ids[:0]
	r.reset(0)

	limit := math.MaxInt
	if texts == 1 && !t.cut.Left && t.cut.Strategy == LongestFirst && room < limit {
		limit = room + 1 // by which it is known whether something is cut off
	}
	if err := t.append(r, text, limit); err != nil {
		return Encoding{}, err
	}
	n := len(r.ids)
	e := Encoding{
		IDs: append([]int32(nil), r.ids...), TypeIDs: repeat(int32(number), n), Mask: repeat(int32(1), n),
		Special: make([]int32, n), Tokens: append([]string(nil), r.names...), Offsets: make([]Offset, n),
		Words: append([]int32(nil), r.words...), Texts: repeat(int32(number), n),
	}
	place := t.places(text, given, prefix)
	for i, s := range r.spans {
		e.Offsets[i] = place(s)
	}
	return e, nil
}

// places returns what turns a span of the text that was tokenized, of which
// prefix bytes were put in front, into an offset in the one that was given.
func (t *Tokenizer) places(text, given string, prefix int) func(span) Offset {
	switch {
	case t.options.CodePoints:
		at := codePoints(text)
		before := utf8.RuneCountInString(text[:prefix])
		return func(s span) Offset {
			o := at.offset(s)
			return Offset{max(o.Start-before, 0), max(o.End-before, 0)}
		}
	case len(text)-prefix == len(given) && text[prefix:] == given:
		return func(s span) Offset { return Offset{max(int(s.start)-prefix, 0), max(int(s.end)-prefix, 0)} }
	}
	at := repaired(given)
	return func(s span) Offset {
		return Offset{at[min(max(int(s.start)-prefix, 0), len(at)-1)], at[min(max(int(s.end)-prefix, 0), len(at)-1)]}
	}
}

// numbers are the numbers of the code points of a text, by byte.
type numbers []int32

func codePoints(text string) numbers {
	at := make(numbers, len(text))
	n := int32(0)
	for i := range len(text) {
		if i > 0 && utf8.RuneStart(text[i]) {
			n++
		}
		at[i] = n
	}
	return at
}

// offset counts code points in place of bytes, and leaves what is beyond the
// text as it is, as the reference does.
func (at numbers) offset(s span) Offset {
	start, end := int(s.start), int(s.end)
	if start >= len(at) {
		return Offset{start, end}
	}
	o := Offset{Start: int(at[start])}
	switch {
	case end < len(at):
		o.End = int(at[end])
	case end-1 < len(at):
		o.End = int(at[end-1]) + 1
	default:
		o.End = o.Start + 2
	}
	return o
}
