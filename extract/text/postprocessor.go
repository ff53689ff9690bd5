package text

import (
	"encoding/json"
	"unicode/utf8"
)

// process functions take the encodings of one text or two, or what another
// post-processor made of them, as the reference hands them on: a list that is
// joined in the end.

// readSpecial reads a special token that stands there as ["[SEP]", 102].
func readSpecial(o object, name string) (special, error) {
	var pair []json.RawMessage
	if err := o.read(name, &pair); err != nil {
		return special{}, err
	}
	var s special
	var id uint32
	if len(pair) != 2 || json.Unmarshal(pair[0], &s.token) != nil || json.Unmarshal(pair[1], &id) != nil {
		return s, o.errorf("%s is not a token and its id", name)
	}
	s.id = checkedID(id)
	return s, nil
}

// trim takes white space at the ends of tokens out of their offsets. If a
// space was put in front of texts, the first token keeps one.
func trim(e *Encoding, prefixed bool) {
	for i := range e.Offsets {
		leading, trailing := 0, 0
		for _, r := range e.Tokens[i] {
			if !isByteSpace(r) {
				break
			}
			leading++
		}
		for s := e.Tokens[i]; s != ""; {
			r, size := utf8.DecodeLastRuneInString(s)
			if !isByteSpace(r) {
				break
			}
			trailing++
			s = s[:len(s)-size]
		}
		at := &e.Offsets[i]
		if leading > 0 {
			if (i == 0 || at.Start == 0) && prefixed && leading == 1 {
				leading = 0
			}
			at.Start = min(at.Start+leading, at.End)
		}
		if trailing > 0 && at.End >= trailing {
			at.End = max(at.End-trailing, at.Start)
		}
	}
}

// isByteSpace tells whether r is white space, or stands for the byte 0x20.
func isByteSpace(r rune) bool { return r == 'Ġ' || isSpace(r) }
