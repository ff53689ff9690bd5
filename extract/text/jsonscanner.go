package text

import (
	"encoding/json"
	"strconv"
	"strings"
)

// A jsonScanner reads long lists in JSON that is known to be valid, without
// reflection, since every start pays for it. A method that returns false found
// something else than it looked for.
type jsonScanner struct{ rest string }

// is takes a byte after white space.
func (s *jsonScanner) is(c byte) bool {
	s.rest = strings.TrimLeft(s.rest, jsonSpace)
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// open takes the start of a list.
func (s *jsonScanner) open(c byte) bool { return s.is(c) }

// more takes what stands before the next element of a list, or its end.
func (s *jsonScanner) more(end byte) bool {
	if s.is(end) {
		return false
	}
	s.is(',')
	return true
}

// text takes a string.
func (s *jsonScanner) text(dst *string) bool {
	if !s.is('"') {
		return false
	}
	end := strings.IndexByte(s.rest, '"')
	token := s.rest[:end]
	if strings.IndexByte(token, '\\') < 0 {
		*dst, s.rest = token, s.rest[end+1:]
		return true
	}
	end = 0
	for escaped := false; s.rest[end] != '"' || escaped; end++ {
		escaped = s.rest[end] == '\\' && !escaped
	}
	err := json.Unmarshal([]byte(`"`+s.rest[:end+1]), dst)
	s.rest = s.rest[end+1:]
	return err == nil
}

// number takes a number.
func (s *jsonScanner) number(dst *float64) bool {
	s.rest = strings.TrimLeft(s.rest, jsonSpace)
	end := strings.IndexAny(s.rest, ",]}"+jsonSpace)
	if end < 0 {
		return false
	}
	var err error
	*dst, err = strconv.ParseFloat(s.rest[:end], 64)
	s.rest = s.rest[end:]
	return err == nil
}
