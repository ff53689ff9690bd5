package text

import "slices"

// An Encoding is a text, or a pair of texts, as a model takes it. All its lists
// have one element a token.
type Encoding struct {
	IDs     []int32  // input_ids
	TypeIDs []int32  // token_type_ids
	Mask    []int32  // attention_mask: 0 for padding, else 1
	Special []int32  // 1 for the tokens around a text and for padding, else 0
	Tokens  []string // as the vocabulary spells them; an added token, as the text does
	Offsets []Offset // what of its text a token stands for; 0, 0 if it is a special one
	Words   []int32  // the number of the word in its text; −1 if it is a special token
	Texts   []int32  // 0 for tokens of the first text, 1 for those of the second, else −1

	// Cut says that tokens were cut off.
	Cut bool
}

// An Offset is a range of a text: from Start up to, but not including, End. It
// counts bytes, or code points if that was asked for.
type Offset struct{ Start, End int }

// Len returns the number of tokens.
func (e *Encoding) Len() int { return len(e.IDs) }

// slice returns tokens from to to of e, which share its memory.
func (e *Encoding) slice(from, to int) Encoding {
	return Encoding{
		IDs: e.IDs[from:to], TypeIDs: e.TypeIDs[from:to], Mask: e.Mask[from:to], Special: e.Special[from:to],
		Tokens: e.Tokens[from:to], Offsets: e.Offsets[from:to], Words: e.Words[from:to], Texts: e.Texts[from:to],
	}
}

// concat returns encodings one behind the other.
func concat(list ...Encoding) Encoding {
	var all Encoding
	for _, e := range list {
		all.IDs = append(all.IDs, e.IDs...)
		all.TypeIDs = append(all.TypeIDs, e.TypeIDs...)
		all.Mask = append(all.Mask, e.Mask...)
		all.Special = append(all.Special, e.Special...)
		all.Tokens = append(all.Tokens, e.Tokens...)
		all.Offsets = append(all.Offsets, e.Offsets...)
		all.Words = append(all.Words, e.Words...)
		all.Texts = append(all.Texts, e.Texts...)
		all.Cut = all.Cut || e.Cut
	}
	return all
}

// withType returns e with one type id for all tokens.
func (e Encoding) withType(typ int32) Encoding {
	e.TypeIDs = repeat(typ, len(e.IDs))
	return e
}

// between returns e with special tokens, whichever are not nil, around it. As
// in the reference, what another post-processor put there is special no more.
func (e Encoding) between(before, after *special, typ int32) Encoding {
	e.Special = make([]int32, e.Len())
	list := []Encoding{e}
	if before != nil {
		list = slices.Insert(list, 0, before.encoding(typ))
	}
	if after != nil {
		list = append(list, after.encoding(typ))
	}
	return concat(list...)
}

// A special is a token that stands around texts.
type special struct {
	token string
	id    int32
}

// encoding returns the token as an encoding.
func (s special) encoding(typ int32) Encoding {
	return Encoding{
		IDs: []int32{s.id}, TypeIDs: []int32{typ}, Mask: []int32{1}, Special: []int32{1},
		Tokens: []string{s.token}, Offsets: make([]Offset, 1), Words: []int32{-1}, Texts: []int32{-1},
	}
}

func repeat[T any](x T, n int) []T { return slices.Repeat([]T{x}, n) }
