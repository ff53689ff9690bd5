package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a space's identity.
const (
	maxDim       = 1 << 20   // values a row
	maxSpaceJSON = 24 << 10  // bytes; escaped it still fits into a segment's header
	maxInteger   = 1<<53 - 1 // magnitude; RFC 8785 §3.2.2.3 writes numbers as IEEE doubles
)

// Space is all that makes two embeddings comparable: the model's bytes, the
// tap and its pooling, the preprocessing, the length and type of a row. Its
// fingerprint names it. A Space never changes.
type Space struct {
	identity map[string]any
	json     []byte
	digest   [sha256.Size]byte
	dim      int
	dtype    dtype
}

// NewSpace makes a space from its identity, which holds strings, integers of
// magnitude below 2⁵³, and maps and slices of those. Two fields are required:
// "dim", the number of values in a row, and "dtype", which is "f32" or "f16".
// The canonical JSON may have 24 KiB.
func NewSpace(identity map[string]any) (*Space, error) {
	v, err := normalize("", reflect.ValueOf(identity), 0)
	if err != nil {
		return nil, fmt.Errorf("cache: space: %w", err)
	}
	m, _ := v.(map[string]any)
	return newSpace(m)
}

// ParseSpace reads a space from JSON, canonical or not. A key that stands
// twice in one object, and everything that NewSpace does not take, is an
// error.
func ParseSpace(json []byte) (*Space, error) {
	if len(json) > 4*maxSpaceJSON {
		return nil, fmt.Errorf("cache: space: %d bytes of JSON, the limit is %d", len(json), maxSpaceJSON)
	}
	v, err := parseJSON(json)
	if err != nil {
		return nil, fmt.Errorf("cache: space: %w", err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("cache: space: not a JSON object")
	}
	return newSpace(m)
}

func newSpace(m map[string]any) (*Space, error) {
	dim, ok := m["dim"].(int64)
	if !ok || dim < 1 || dim > maxDim {
		return nil, fmt.Errorf("cache: space: dim: must be an integer from 1 to %d, is %v", maxDim, text(m["dim"]))
	}
	name, _ := m["dtype"].(string)
	d, ok := dtypeOf(name)
	if !ok {
		return nil, fmt.Errorf("cache: space: dtype: must be \"f32\" or \"f16\", is %v", text(m["dtype"]))
	}
	j := appendJSON(nil, m)
	if len(j) > maxSpaceJSON {
		return nil, fmt.Errorf("cache: space: %d bytes of canonical JSON, the limit is %d", len(j), maxSpaceJSON)
	}
	s := &Space{identity: m, json: j, dim: int(dim), dtype: d}
	h := sha256.New()
	h.Write([]byte("headstart-space/1\x00"))
	h.Write(j)
	h.Sum(s.digest[:0])
	return s, nil
}

// Fingerprint returns the space's name: the SHA-256 of
// "headstart-space/1\0" ‖ JSON(), in hexadecimal.
func (s *Space) Fingerprint() string { return hex.EncodeToString(s.digest[:]) }

// JSON returns the identity as canonical JSON (RFC 8785).
func (s *Space) JSON() []byte { return slices.Clone(s.json) }

// Dim returns the number of values in a row.
func (s *Space) Dim() int { return s.dim }

// DType returns the type of a stored value: "f32" or "f16".
func (s *Space) DType() string { return s.dtype.String() }

// rowSize returns the bytes of a stored row.
func (s *Space) rowSize() int { return s.dim * s.dtype.size() }

// String returns the first twelve digits of the fingerprint, for messages.
func (s *Space) String() string { return s.Fingerprint()[:12] }

// Difference is one field in which the identities of two spaces differ.
type Difference struct {
	Field string // dotted path: "prep.alpha", "model.external.0.1"
	A, B  string // the two values; "" where the field is absent
}

// Diff lists the fields in which the identity of o differs from that of s,
// in the order of their names.
func (s *Space) Diff(o *Space) []Difference {
	a, b := map[string]string{}, map[string]string{}
	flatten(a, "", s.identity)
	flatten(b, "", o.identity)
	var ds []Difference
	for f, v := range a {
		if w, ok := b[f]; !ok || v != w {
			ds = append(ds, Difference{f, v, w})
		}
	}
	for f, w := range b {
		if _, ok := a[f]; !ok {
			ds = append(ds, Difference{f, "", w})
		}
	}
	slices.SortFunc(ds, func(x, y Difference) int { return strings.Compare(x.Field, y.Field) })
	return ds
}

// flatten writes every leaf of v into m, under its dotted path.
func flatten(m map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 && path != "" {
			m[path] = "{}"
		}
		for k, w := range v {
			flatten(m, join(path, k), w)
		}
	case []any:
		if len(v) == 0 {
			m[path] = "[]"
		}
		for i, w := range v {
			flatten(m, join(path, strconv.Itoa(i)), w)
		}
	case int64:
		m[path] = strconv.FormatInt(v, 10)
	case string:
		m[path] = v
	}
}

func join(path, field string) string {
	if path == "" {
		return field
	}
	return path + "." + field
}

// text shows a value of an identity in a message.
func text(v any) string {
	if v == nil {
		return "absent"
	}
	const most = 100 // bytes
	j := string(appendJSON(nil, v))
	if len(j) > most {
		j = strings.ToValidUTF8(j[:most], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, j)
}

// normalize turns v into the types that parseJSON yields: string, int64,
// []any, map[string]any.
func normalize(path string, v reflect.Value, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%s: nested deeper than %d", path, maxDepth)
	}
	for v.Kind() == reflect.Interface && !v.IsNil() {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return nil, fmt.Errorf("%s: not valid UTF-8", path)
		}
		return v.String(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n := v.Int(); n >= -maxInteger && n <= maxInteger {
			return n, nil
		}
		return nil, fmt.Errorf("%s: %d is beyond ±(2^53-1)", path, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n := v.Uint(); n <= maxInteger {
			return int64(n), nil
		}
		return nil, fmt.Errorf("%s: %d is beyond 2^53-1", path, v.Uint())
	case reflect.Slice, reflect.Array:
		s := make([]any, v.Len())
		for i := range s {
			w, err := normalize(join(path, strconv.Itoa(i)), v.Index(i), depth+1)
			if err != nil {
				return nil, err
			}
			s[i] = w
		}
		return s, nil
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			break
		}
		m := make(map[string]any, v.Len())
		for it := v.MapRange(); it.Next(); {
			k := it.Key().String()
			if !utf8.ValidString(k) || len(k) > maxField {
				return nil, fmt.Errorf("%s: field %.40q is not valid UTF-8 of at most %d bytes", path, k, maxField)
			}
			w, err := normalize(join(path, k), it.Value(), depth+1)
			if err != nil {
				return nil, err
			}
			m[k] = w
		}
		return m, nil
	case reflect.Float32, reflect.Float64:
		return nil, fmt.Errorf("%s: %s is a float: write it as a decimal string", path, strconv.FormatFloat(v.Float(), 'g', -1, 64))
	case reflect.Invalid, reflect.Interface:
		return nil, fmt.Errorf("%s: null: leave the field out", path)
	}
	return nil, fmt.Errorf("%s: a %s is neither string, integer, map nor slice", path, v.Type())
}

// Places of a space in a cache.
func (s *Space) dir() string    { return path.Join(spacesDir, s.Fingerprint()) }
func (s *Space) walDir() string { return path.Join(s.dir(), walName) }
func (s *Space) segDir() string { return path.Join(s.dir(), segName) }
