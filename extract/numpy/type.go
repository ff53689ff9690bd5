package numpy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Type is the type of an array's values.
type Type struct {
	// Kind is 'f' for floats, 'i' and 'u' for integers with a sign and without,
	// 'b' for booleans, 'U' and 'S' for texts of code points and of bytes.
	Kind byte
	Size int // of a value, in bytes
}

// maxText bounds the texts of an array, in bytes a value.
const maxText = 1 << 16

// sizes are those of numbers, in bytes.
var sizes = map[byte][]int{'f': {2, 4, 8}, 'i': {1, 2, 4, 8}, 'u': {1, 2, 4, 8}, 'b': {1}}

// words name the kinds of values that are not read, and how they are converted:
// an expression of Python's for what was an array a.
var words = map[byte]struct{ name, convert string }{
	'O': {"Python objects, kept as a pickle", `numpy.array(numpy.load("old.npy", allow_pickle=True).tolist(), dtype="float32")`},
	'V': {"records", `numpy.lib.recfunctions.structured_to_unstructured(a)`},
	'c': {"complex numbers", `numpy.stack([a.real, a.imag], -1)`},
	'M': {"dates", `a.astype("int64")`},
	'm': {"differences of dates", `a.astype("int64")`},
	'f': {"floats of another size", `a.astype("float64")`},
	'g': {"long floats", `a.astype("float64")`},
}

// typeOf reads a type as NumPy describes it: "<f4". bigEndian is the order of a
// value's bytes.
func typeOf(descr string) (t Type, bigEndian bool, err error) {
	order, rest := byte(0), descr
	if rest != "" && strings.IndexByte("<>|=", rest[0]) >= 0 {
		order, rest = rest[0], rest[1:]
	}
	if rest == "" {
		return t, false, fmt.Errorf("a type %.60q, which is none of NumPy's", descr)
	}
	n, bad := strconv.Atoi(rest[1:])
	t = Type{rest[0], n}
	switch {
	case bad == nil && slices.Contains(sizes[t.Kind], n) && (n == 1 || order == '<' || order == '>'):
		return t, order == '>', nil
	case bad == nil && t.Kind == 'U' && n >= 0 && n <= maxText/4 && (order == '<' || order == '>'):
		return Type{'U', 4 * n}, order == '>', nil
	case bad == nil && t.Kind == 'S' && n >= 0 && n <= maxText:
		return t, false, nil
	}
	if w, ok := words[t.Kind]; ok && (t.Kind != 'f' || n > 8) {
		return Type{}, false, fmt.Errorf("an array of %s (%.40s), which are not read; %s", w.name, descr, converts(w.convert))
	}
	return Type{}, false, fmt.Errorf("an array of a type %.60q that is not read: floats of 2, 4 and 8 bytes, integers of 1 to 8, booleans and texts are", descr)
}

// converts is the line of Python that makes an array that is read.
func converts(expression string) string {
	return fmt.Sprintf("in Python numpy.save(\"new.npy\", %s) makes an array that is", expression)
}

// Number tells whether the values are numbers or booleans.
func (t Type) Number() bool { return sizes[t.Kind] != nil }

// Descr describes the type as a header does whose values are little-endian, as
// Rows gives them.
func (t Type) Descr() string {
	switch {
	case t.Kind == 'U':
		return fmt.Sprintf("<U%d", t.Size/4)
	case t.Kind == 'S', t.Size == 1:
		return fmt.Sprintf("|%c%d", t.Kind, t.Size)
	}
	return fmt.Sprintf("<%c%d", t.Kind, t.Size)
}

// String names the type as NumPy does: float32, int64, bool, str, bytes.
func (t Type) String() string {
	switch t.Kind {
	case 'f':
		return "float" + strconv.Itoa(8*t.Size)
	case 'i':
		return "int" + strconv.Itoa(8*t.Size)
	case 'u':
		return "uint" + strconv.Itoa(8*t.Size)
	case 'b':
		return "bool"
	case 'U':
		return "str"
	}
	return "bytes"
}

// word returns the bits of a little-endian value.
func (t Type) word(v []byte) uint64 {
	switch t.Size {
	case 1:
		return uint64(v[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(v))
	case 4:
		return uint64(binary.LittleEndian.Uint32(v))
	}
	return binary.LittleEndian.Uint64(v)
}

// signed returns the value of an integer with a sign.
func (t Type) signed(v []byte) int64 {
	shift := 64 - 8*t.Size
	return int64(t.word(v)<<shift) >> shift
}

// float returns the value of a float.
func (t Type) float(v []byte) float64 {
	switch t.Size {
	case 2:
		return half(binary.LittleEndian.Uint16(v))
	case 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(v)))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(v))
}

// half returns the value of a float of two bytes (IEEE 754-2008, binary16).
func half(h uint16) float64 {
	sign, exp, frac := 1.0, int(h>>10&0x1f), float64(h&0x3ff)
	if h>>15 == 1 {
		sign = -1
	}
	switch {
	case exp == 0x1f && frac == 0:
		return math.Inf(int(sign))
	case exp == 0x1f:
		return math.NaN()
	case exp == 0:
		return math.Copysign(math.Ldexp(frac, -24), sign)
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}

// Float32To writes numbers, len(dst) of them, to dst as astype(float32) does:
// what float32 has not is rounded to the nearest, halves to even, and what is
// too large for it becomes infinite. src holds them little-endian.
func (t Type) Float32To(dst []float32, src []byte) {
	for i := range dst {
		switch v := src[i*t.Size:]; t.Kind {
		case 'f':
			dst[i] = float32(t.float(v))
		case 'i':
			dst[i] = float32(t.signed(v))
		case 'b':
			dst[i] = float32(min(t.word(v), 1))
		default:
			dst[i] = float32(t.word(v))
		}
	}
}

// Float64To writes numbers, len(dst) of them, to dst as astype(float64) does.
// src holds them little-endian.
func (t Type) Float64To(dst []float64, src []byte) {
	for i := range dst {
		switch v := src[i*t.Size:]; t.Kind {
		case 'f':
			dst[i] = t.float(v)
		case 'i':
			dst[i] = float64(t.signed(v))
		case 'b':
			dst[i] = float64(min(t.word(v), 1))
		default:
			dst[i] = float64(t.word(v))
		}
	}
}

// Int64To writes numbers, len(dst) of them, to dst. It stops at the first one
// that is no whole number of int64 and returns its index, -1 if all are. src
// holds them little-endian.
func (t Type) Int64To(dst []int64, src []byte) int {
	for i := range dst {
		switch v := src[i*t.Size:]; t.Kind {
		case 'f':
			x := t.float(v)
			if x != math.Trunc(x) || x < -(1<<63) || x >= 1<<63 { // NaN too
				return i
			}
			dst[i] = int64(x)
		case 'i':
			dst[i] = t.signed(v)
		case 'b':
			dst[i] = int64(min(t.word(v), 1))
		default:
			x := t.word(v)
			if x > math.MaxInt64 {
				return i
			}
			dst[i] = int64(x)
		}
	}
	return -1
}

// AppendText appends a value as a text to dst: a number as Python writes it, a
// boolean as True or False, a text without the zeros that fill it up. A text
// may be no valid UTF-8. v holds the value little-endian.
func (t Type) AppendText(dst, v []byte) []byte {
	v = v[:t.Size]
	switch t.Kind {
	case 'f':
		bits := 32
		if t.Size == 8 {
			bits = 64
		}
		return appendFloat(dst, t.float(v), bits)
	case 'i':
		return strconv.AppendInt(dst, t.signed(v), 10)
	case 'u':
		return strconv.AppendUint(dst, t.word(v), 10)
	case 'b':
		if v[0] != 0 {
			return append(dst, "True"...)
		}
		return append(dst, "False"...)
	case 'S':
		return append(dst, bytes.TrimRight(v, "\x00")...)
	}
	for len(v) >= 4 && binary.LittleEndian.Uint32(v[len(v)-4:]) == 0 {
		v = v[:len(v)-4]
	}
	for ; len(v) >= 4; v = v[4:] {
		if c := binary.LittleEndian.Uint32(v); c <= utf8.MaxRune && utf8.ValidRune(rune(c)) {
			dst = utf8.AppendRune(dst, rune(c))
		} else {
			dst = append(dst, 0xff) // which no text has
		}
	}
	return dst
}

// appendFloat appends x as Python's repr does, with the fewest digits that give
// a float of so many bits back; those of 16 bits are written as ones of 32.
func appendFloat(dst []byte, x float64, bits int) []byte {
	switch a := math.Abs(x); {
	case math.IsNaN(x):
		return append(dst, "nan"...)
	case math.IsInf(x, 0):
		return append(dst, infinity(x)...)
	case a != 0 && (a < 1e-4 || a >= 1e16):
		return strconv.AppendFloat(dst, x, 'e', -1, bits)
	}
	from := len(dst)
	dst = strconv.AppendFloat(dst, x, 'f', -1, bits)
	if bytes.IndexByte(dst[from:], '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}

func infinity(x float64) string {
	if x < 0 {
		return "-inf"
	}
	return "inf"
}
