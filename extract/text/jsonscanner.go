package text

import (
	"encoding/json"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"sync"
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

// flag takes true or false.
func (s *jsonScanner) flag(dst *bool) (ok bool) {
	s.rest = strings.TrimLeft(s.rest, jsonSpace)
	if s.rest, ok = strings.CutPrefix(s.rest, "false"); ok {
		*dst = false
		return true
	}
	s.rest, *dst = strings.CutPrefix(s.rest, "true")
	return *dst
}

// id takes a number of at most nine digits and nothing else.
func (s *jsonScanner) id() bool {
	s.rest = strings.TrimLeft(s.rest, jsonSpace)
	end := 0
	for end < len(s.rest) && '0' <= s.rest[end] && s.rest[end] <= '9' {
		end++
	}
	if end < 1 || end > 9 || strings.IndexAny(s.rest[end:min(end+1, len(s.rest))], ".eE") == 0 {
		return false
	}
	s.rest = s.rest[end:]
	return true
}

// number takes a number.
func (s *jsonScanner) number(dst *float64) bool {
	s.rest = strings.TrimLeft(s.rest, jsonSpace)
	end := strings.IndexAny(s.rest, ",]}"+jsonSpace)
	if end < 1 || s.rest[0] != '-' && (s.rest[0] < '0' || s.rest[0] > '9') {
		return false
	}
	ok := false
	*dst, ok = parseFloat(s.rest[:end])
	s.rest = s.rest[end:]
	return ok
}

// parseFloat returns the number that a JSON number is to the reference, whose
// parser (serde_json) is not always right in the last bit: digits that 64 bits
// do not hold are ignored, and the rest is multiplied with a power of ten.
// Where the scores of two ways are almost equal, that decides. !ok means that
// it is out of range.
func parseFloat(s string) (f float64, ok bool) {
	negative := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	var digits uint64
	exponent := 0
	fraction, full := false, false
	i := 0
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' {
			fraction, full = true, false // as there
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		high, low := bits.Mul64(digits, 10)
		sum, carry := bits.Add64(low, uint64(c-'0'), 0)
		switch {
		case full || high != 0 || carry != 0:
			if full = true; !fraction {
				exponent++
			}
		default:
			if digits = sum; fraction {
				exponent--
			}
		}
	}
	if i < len(s) { // an exponent
		e, err := strconv.Atoi(strings.TrimPrefix(s[i+1:], "+"))
		if err != nil {
			e = math.MaxInt32
			if s[i+1] == '-' {
				e = -e
			}
		}
		exponent += max(-math.MaxInt32, min(math.MaxInt32, e))
	}
	f = float64(digits)
	for exponent < -308 && f != 0 {
		f /= 1e308
		exponent += 308
	}
	switch {
	case f == 0:
	case exponent > 308:
		return 0, false
	case exponent >= 0:
		f *= powersOfTen()[exponent]
	default:
		f /= powersOfTen()[-exponent]
	}
	if negative {
		f = -f
	}
	return f, !math.IsInf(f, 0)
}

// powersOfTen are 10⁰ to 10³⁰⁸.
var powersOfTen = sync.OnceValue(func() []float64 {
	powers := make([]float64, 309)
	for i := range powers {
		powers[i], _ = strconv.ParseFloat("1e"+strconv.Itoa(i), 64)
	}
	return powers
})
