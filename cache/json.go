package cache

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of the JSON that is read and written.
const (
	maxDepth = 16  // how deep arrays and objects may be nested
	maxField = 256 // bytes of a key
)

// appendJSON appends v in the canonical form of RFC 8785 (JSON
// Canonicalization Scheme). v consists of string, int64, []any and
// map[string]any; strings are valid UTF-8, integers below 2⁵³.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendString(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case []any:
		b = append(b, '[')
		for i, w := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, w)
		}
		return append(b, ']')
	case map[string]any:
		b = append(b, '{')
		for i, k := range sortedFields(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, k)
			b = append(b, ':')
			b = appendJSON(b, v[k])
		}
		return append(b, '}')
	}
	panic(fmt.Sprintf("cache: no canonical JSON for a %T", v))
}

// sortedFields returns the keys of m in the order of their UTF-16 code units
// (RFC 8785 §3.2.3).
func sortedFields(m map[string]any) []string {
	ks := make([]string, 0, len(m))
	for k := range m {
		ks = append(ks, k)
	}
	slices.SortFunc(ks, func(a, b string) int {
		return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
	})
	return ks
}

// appendString appends s quoted as RFC 8785 §3.2.2.2 says: the two-character
// escapes of ECMAScript, \u00xx for other control characters, the rest as it
// is.
func appendString(b []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\t':
			b = append(b, '\\', 't')
		case '\n':
			b = append(b, '\\', 'n')
		case '\f':
			b = append(b, '\\', 'f')
		case '\r':
			b = append(b, '\\', 'r')
		default:
			if c < 0x20 {
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			} else {
				b = append(b, c)
			}
		}
	}
	return append(b, '"')
}

// parseJSON reads the JSON that the cache's files are made of: strings,
// integers of magnitude below 2⁵³, arrays and objects, nested at most
// maxDepth deep. It yields string, int64, []any and map[string]any. Unlike
// encoding/json it refuses a key that stands twice in one object, invalid
// UTF-8 and lone surrogates.
func parseJSON(b []byte) (any, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("not valid UTF-8")
	}
	p := &parser{b: b}
	v, err := p.value(0)
	if err == nil {
		p.space()
		if p.i < len(p.b) {
			err = errors.New("text after the value")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("JSON: offset %d: %w", p.i, err)
	}
	return v, nil
}

// parser is a recursive-descent parser; i is the offset of the next byte.
type parser struct {
	b []byte
	i int
}

var errEnd = errors.New("unexpected end")

func (p *parser) space() {
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// next skips white space and returns the next byte without consuming it.
func (p *parser) next() (byte, error) {
	p.space()
	if p.i == len(p.b) {
		return 0, errEnd
	}
	return p.b[p.i], nil
}

// take consumes c or fails.
func (p *parser) take(c byte) error {
	d, err := p.next()
	if err != nil {
		return err
	}
	if d != c {
		return fmt.Errorf("%q where %q belongs", d, c)
	}
	p.i++
	return nil
}

func (p *parser) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	c, err := p.next()
	switch {
	case err != nil:
		return nil, err
	case c == '"':
		return p.string()
	case c == '-' || c >= '0' && c <= '9':
		return p.integer()
	case c == '[':
		return p.array(depth)
	case c == '{':
		return p.object(depth)
	}
	return nil, fmt.Errorf("%q starts neither string, integer, array nor object", c)
}

func (p *parser) array(depth int) (any, error) {
	p.i++
	a := []any{}
	if c, err := p.next(); err == nil && c == ']' {
		p.i++
		return a, nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
		c, err := p.next()
		if err != nil {
			return nil, err
		}
		if c == ']' {
			p.i++
			return a, nil
		}
		if err := p.take(','); err != nil {
			return nil, err
		}
	}
}

func (p *parser) object(depth int) (any, error) {
	p.i++
	m := map[string]any{}
	if c, err := p.next(); err == nil && c == '}' {
		p.i++
		return m, nil
	}
	for {
		if c, err := p.next(); err != nil {
			return nil, err
		} else if c != '"' {
			return nil, fmt.Errorf("%q where a key belongs", c)
		}
		k, err := p.string()
		if err != nil {
			return nil, err
		}
		if len(k) > maxField {
			return nil, fmt.Errorf("key of %d bytes, the limit is %d", len(k), maxField)
		}
		if _, ok := m[k]; ok {
			return nil, fmt.Errorf("key %q stands twice", k)
		}
		if err := p.take(':'); err != nil {
			return nil, err
		}
		if m[k], err = p.value(depth + 1); err != nil {
			return nil, err
		}
		c, err := p.next()
		if err != nil {
			return nil, err
		}
		if c == '}' {
			p.i++
			return m, nil
		}
		if err := p.take(','); err != nil {
			return nil, err
		}
	}
}

func (p *parser) integer() (any, error) {
	start := p.i
	if p.b[p.i] == '-' {
		p.i++
	}
	digits := p.i
	for p.i < len(p.b) && p.b[p.i] >= '0' && p.b[p.i] <= '9' {
		p.i++
	}
	s := string(p.b[start:p.i])
	if d := p.b[digits:p.i]; len(d) == 0 || d[0] == '0' && (len(d) > 1 || digits > start) {
		return nil, fmt.Errorf("%q is no integer", s)
	}
	if p.i < len(p.b) && (p.b[p.i] == '.' || p.b[p.i] == 'e' || p.b[p.i] == 'E') {
		return nil, errors.New("a number that is not an integer")
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > maxInteger || n < -maxInteger {
		return nil, fmt.Errorf("%s is beyond ±(2^53-1)", s)
	}
	return n, nil
}

func (p *parser) string() (string, error) {
	p.i++
	var s []byte
	for p.i < len(p.b) {
		c := p.b[p.i]
		switch {
		case c == '"':
			p.i++
			return string(s), nil
		case c < 0x20:
			return "", fmt.Errorf("control character %#02x in a string", c)
		case c != '\\':
			s = append(s, c)
			p.i++
			continue
		}
		if p.i+1 == len(p.b) {
			break
		}
		p.i++
		c = p.b[p.i]
		p.i++
		switch c {
		case '"', '\\', '/':
			s = append(s, c)
		case 'b':
			s = append(s, '\b')
		case 't':
			s = append(s, '\t')
		case 'n':
			s = append(s, '\n')
		case 'f':
			s = append(s, '\f')
		case 'r':
			s = append(s, '\r')
		case 'u':
			r, err := p.hex4()
			if err != nil {
				return "", err
			}
			if utf16.IsSurrogate(r) {
				if p.i+1 >= len(p.b) || p.b[p.i] != '\\' || p.b[p.i+1] != 'u' {
					return "", errors.New("lone surrogate")
				}
				p.i += 2
				low, err := p.hex4()
				if err != nil {
					return "", err
				}
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					return "", errors.New("lone surrogate")
				}
			}
			s = utf8.AppendRune(s, r)
		default:
			return "", fmt.Errorf("unknown escape %q", p.b[p.i-2:p.i])
		}
	}
	return "", errEnd
}

// hex4 reads the four digits of a \u escape.
func (p *parser) hex4() (rune, error) {
	if len(p.b)-p.i < 4 {
		return 0, errEnd
	}
	n, err := strconv.ParseUint(string(p.b[p.i:p.i+4]), 16, 16)
	if err != nil {
		return 0, fmt.Errorf("unknown escape %q", p.b[p.i-2:p.i+4])
	}
	p.i += 4
	return rune(n), nil
}
