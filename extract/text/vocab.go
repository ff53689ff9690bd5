package text

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// readVocab reads the field vocab: the id of each token.
func readVocab(o object) (map[string]int32, error) {
	if ids, ok := scanVocab(string(o.fields["vocab"])); ok {
		return ids, nil
	}
	var vocab map[string]uint32
	if err := o.read("vocab", &vocab); err != nil {
		return nil, err
	}
	ids := make(map[string]int32, len(vocab))
	for token, id := range vocab {
		ids[token] = int32(min(id, math.MaxInt32)) // which checkVocab refuses
	}
	return ids, nil
}

// scanVocab reads valid JSON as readVocab does, without reflection, since every
// start pays for it. !ok means that it is no object of small whole numbers.
func scanVocab(s string) (ids map[string]int32, ok bool) {
	const most = 1e8 // below it no sum overflows
	s = strings.TrimLeft(s, jsonSpace)
	if !strings.HasPrefix(s, "{") {
		return nil, false
	}
	ids = make(map[string]int32, len(s)/15)
	s = strings.TrimLeft(s[1:], jsonSpace)
	for !strings.HasPrefix(s, "}") {
		end := 1
		for escaped := false; s[end] != '"' || escaped; end++ {
			escaped = s[end] == '\\' && !escaped
		}
		token := s[1:end]
		if strings.IndexByte(token, '\\') >= 0 {
			var plain string // token must not escape to the heap
			if json.Unmarshal([]byte(s[:end+1]), &plain) != nil {
				return nil, false
			}
			token = plain
		}
		s = strings.TrimLeft(s[end+1:], jsonSpace)                  // the colon
		s = strings.TrimLeft(strings.TrimPrefix(s, ":"), jsonSpace) // the id
		id, n := int32(0), 0
		for ; '0' <= s[n] && s[n] <= '9'; n++ {
			if id = 10*id + int32(s[n]-'0'); id >= most {
				return nil, false
			}
		}
		if n == 0 {
			return nil, false
		}
		ids[token] = id
		s = strings.TrimLeft(s[n:], jsonSpace)
		switch s[0] {
		case ',':
			s = strings.TrimLeft(s[1:], jsonSpace)
		case '}':
		default: // a fraction or an exponent
			return nil, false
		}
	}
	return ids, true
}

// jsonSpace is the white space of JSON (RFC 8259, section 2).
const jsonSpace = " \t\r\n"

// checkVocab checks that the ids of n tokens are 0 to n−1.
func checkVocab(o object, ids map[string]int32) error {
	switch {
	case len(ids) == 0:
		return o.errorf("vocab is empty")
	case len(ids) > maxVocab:
		return o.errorf("vocab: %d tokens: the limit is %d", len(ids), maxVocab)
	}
	seen := make([]bool, len(ids)) // by id
	for token, id := range ids {
		if int(id) >= len(ids) {
			return o.errorf("vocab: %q has id %d, but %d tokens have the ids 0 to %d", token, id, len(ids), len(ids)-1)
		}
		if seen[id] {
			return twice(o, ids, id)
		}
		seen[id] = true
	}
	return nil
}

// twice names the tokens that have one id.
func twice(o object, ids map[string]int32, id int32) error {
	var tokens []string
	for token, other := range ids {
		if other == id {
			tokens = append(tokens, token)
		}
	}
	slices.Sort(tokens)
	return o.errorf("vocab: %q and %q both have id %d", tokens[0], tokens[1], id)
}
