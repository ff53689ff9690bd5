package text

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"sync"
)

// A vocabulary is the tokens of a model and their ids.
type vocabulary struct {
	ids   map[string]int32
	count int             // of tokens, which is the id of the first added one
	most  int32           // ids are below
	names func() []string // tokens by id; "" where there is none
}

func newVocabulary(ids map[string]int32) vocabulary {
	v := vocabulary{ids: ids, count: len(ids)}
	for _, id := range ids {
		v.most = max(v.most, id+1)
	}
	v.names = sync.OnceValue(func() []string {
		names := make([]string, v.most)
		for token, id := range ids {
			names[id] = token
		}
		return names
	})
	return v
}

func (v *vocabulary) id(token string) (int32, bool) {
	id, ok := v.ids[token]
	return id, ok
}

func (v *vocabulary) token(id int32) (string, bool) {
	names := v.names()
	if id < 0 || int(id) >= len(names) {
		return "", false
	}
	if names[id] == "" {
		_, ok := v.ids[""]
		return "", ok && v.ids[""] == id
	}
	return names[id], true
}

func (v *vocabulary) size() int    { return v.count }
func (v *vocabulary) bound() int32 { return v.most }

// bytes returns the ids of the tokens <0x00> to <0xFF> that stand for bytes; −1
// where there is none.
func (v *vocabulary) bytes() *[256]int32 {
	const hex = "0123456789ABCDEF"
	var ids [256]int32
	for b := range ids {
		ids[b] = -1
		if id, ok := v.ids["<0x"+string(hex[b>>4])+string(hex[b&15])+">"]; ok {
			ids[b] = id
		}
	}
	return &ids
}

// readVocab reads the field vocab, the id of each token, and checks it.
func readVocab(o object) (vocabulary, error) {
	ids, ok := scanVocab(string(o.fields["vocab"]))
	if !ok {
		var vocab map[string]uint32
		if err := o.read("vocab", &vocab); err != nil {
			return vocabulary{}, err
		}
		ids = make(map[string]int32, len(vocab))
		for token, id := range vocab {
			ids[token] = int32(min(id, math.MaxInt32)) // which checkVocab refuses
		}
	}
	if err := checkVocab(o, ids); err != nil {
		return vocabulary{}, err
	}
	return newVocabulary(ids), nil
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

// checkVocab checks that there are not too many tokens, that their ids are
// below maxID, and that no two have one.
func checkVocab(o object, ids map[string]int32) error {
	if len(ids) > maxVocab {
		return o.errorf("vocab: %d tokens: the limit is %d", len(ids), maxVocab)
	}
	most := int32(0)
	for token, id := range ids {
		if id >= maxID {
			return o.errorf("vocab: %q has id %d: ids stay below %d", token, id, maxID)
		}
		most = max(most, id)
	}
	seen := make([]bool, most+1) // by id
	for _, id := range ids {
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
