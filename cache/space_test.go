package cache

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

// What RFC 8785 itself shows, floats and literals left out, which a space
// does not have: §3.2.2 (strings), §3.2.3 (order).
func TestCanonicalJSON(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"strings", `{"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/"}`, `{"string":"€$\u000f\nA'B\"\\\\\"/"}`},
		{"order", `{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`,
			"{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}"},
		{"space", " {\t\"b\" :\n[ 1 , -2,9007199254740991 ] , \"a\":{ } ,\"c\":[ ]\r} ", `{"a":{},"b":[1,-2,9007199254740991],"c":[]}`},
		{"escapes", `"\b\t\n\f\r\u001f\u007f\u2028"`, "\"\\b\\t\\n\\f\\r\\u001f\u007f\u2028\""},
		{"zero", `0`, `0`},
	} {
		v, err := parseJSON([]byte(tc.in))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		got := string(appendJSON(nil, v))
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
		if again, err := parseJSON([]byte(got)); err != nil || !reflect.DeepEqual(again, v) {
			t.Errorf("%s: read back %v, %v", tc.name, again, err)
		}
	}
}

func TestJSONRefuses(t *testing.T) {
	for _, in := range []string{
		"", " ", "nul", "null", "true", "{", "[", `"`, `"\`, `"\u12`, `"\u12g4"`, `"\x"`, "\"\n\"", `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1,}`, `[1,]`, `[1 2]`, `{"a":1 "b":2}`,
		"01", "-", "-0", "-01", "1.0", "1e3", "1E3", "+1", ".5", "9007199254740992", "-9007199254740992", "99999999999999999999",
		`"\ud800"`, `"\udc00"`, `"\ud800\u0041"`, `"\ud800x"`, "\"\xc3\x28\"", "1 1", `{"a":1,"a":1}`, "\ufeff{}", "\x00", `{"` + strings.Repeat("x", maxField+1) + `":1}`,
		strings.Repeat("[", 1<<20),
	} {
		if v, err := parseJSON([]byte(in)); err == nil {
			t.Errorf("%.40q is read as %v", in, v)
		} else if len(err.Error()) > 200 {
			t.Errorf("%.40q: the error has %d bytes", in, len(err.Error()))
		}
	}
}

// The encoder escapes only what it must, so what encoding/json reads from it
// is what went in.
func TestJSONAgreesWithStandardLibrary(t *testing.T) {
	v := map[string]any{"a": "\x00\x1f\"\\/<>&\u2028é😀", "b": []any{int64(1), int64(-maxInteger)}, "c": map[string]any{"": ""}}
	var got any
	d := json.NewDecoder(strings.NewReader(string(appendJSON(nil, v))))
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(map[string]any{"a": v["a"], "b": []any{1.0, float64(-maxInteger)}, "c": v["c"]}) {
		t.Errorf("encoding/json reads %v", got)
	}
}

func TestFingerprint(t *testing.T) {
	s, err := NewSpace(map[string]any{
		"dtype": "f32", "dim": uint16(4), "model": map[string]any{"sha256": "ab", "external": [][]any{{"w.bin", int64(12), "cd"}}},
		"prep": map[string]string{"impl": "test/1"}, "list": []string{"b", "a"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"dim":4,"dtype":"f32","list":["b","a"],"model":{"external":[["w.bin",12,"cd"]],"sha256":"ab"},"prep":{"impl":"test/1"}}`
	if string(s.JSON()) != want {
		t.Errorf("JSON = %s, want %s", s.JSON(), want)
	}
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte("headstart-space/1\x00"+want)))
	if s.Fingerprint() != digest || s.Dim() != 4 || s.String() != digest[:12] {
		t.Errorf("fingerprint %s, %v, dim %d", s.Fingerprint(), s, s.Dim())
	}
	p, err := ParseSpace([]byte(strings.ReplaceAll(want, ",", " ,\n")))
	if err != nil || p.Fingerprint() != digest {
		t.Errorf("ParseSpace = %v, %v", p, err)
	}
	s.JSON()[0] = 'x'
	if string(s.JSON()) != want {
		t.Error("JSON can be written to")
	}
}

func TestNewSpaceRefuses(t *testing.T) {
	deep := any(1)
	for range 20 {
		deep = []any{deep}
	}
	for _, tc := range []struct {
		field string
		value any
		want  string
	}{
		{"dim", nil, "dim: null"},
		{"dim", "4", "dim: must be"},
		{"dim", 0, "dim: must be"},
		{"dim", maxDim + 1, "dim: must be"},
		{"dtype", "f64", `must be "f32" or "f16", is "f64"`},
		{"dtype", "F32", `must be "f32" or "f16", is "F32"`},
		{"prep", map[string]any{"std": 0.5}, "prep.std: 0.5 is a float"},
		{"prep", map[string]any{"exif": true}, "prep.exif: a bool"},
		{"prep", map[int]string{}, "prep: a map[int]string"},
		{"prep", []any{1, nil}, "prep.1: null"},
		{"prep", []any{"\xff"}, "prep.0: not valid UTF-8"},
		{"prep", map[string]any{"\xff": 1}, "not valid UTF-8"},
		{"prep", map[string]any{strings.Repeat("x", maxField+1): 1}, "at most 256 bytes"},
		{"prep", 1 << 53, "beyond"},
		{"prep", -1 << 53, "beyond"},
		{"prep", uint64(math.MaxUint64), "beyond"},
		{"prep", deep, "nested deeper"},
		{"prep", strings.Repeat("x", maxSpaceJSON), "the limit is"},
	} {
		m := map[string]any{"dim": 4, "dtype": "f32"}
		m[tc.field] = tc.value
		if _, err := NewSpace(m); err == nil || !strings.Contains(err.Error(), "cache: space: ") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s = %.20v: %.200v, want …%s…", tc.field, tc.value, err, tc.want)
		}
	}
	for _, m := range []map[string]any{nil, {}, {"dim": 4}, {"dtype": "f32"}} {
		if _, err := NewSpace(m); err == nil {
			t.Errorf("%v is a space", m)
		}
	}
}

func TestDiff(t *testing.T) {
	a, err := NewSpace(map[string]any{"dim": 4, "dtype": "f32", "a": 1, "prep": map[string]any{"alpha": "drop", "exif": "apply"}, "ext": []any{[]any{"x", 1}}, "none": []any{}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewSpace(map[string]any{"dim": 5, "dtype": "f32", "prep": map[string]any{"alpha": "white", "exif": "apply", "new": ""}, "ext": []any{[]any{"x", 2}}, "none": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Difference{
		{"a", "1", ""}, {"dim", "4", "5"}, {"ext.0.1", "1", "2"}, {"none", "[]", "{}"},
		{"prep.alpha", "drop", "white"}, {"prep.new", "", ""},
	}
	if got := a.Diff(b); !reflect.DeepEqual(got, want) {
		t.Errorf("Diff = %v, want %v", got, want)
	}
	if got := a.Diff(a); len(got) != 0 {
		t.Errorf("a space differs from itself in %v", got)
	}
}

// Each field of an identity, changed alone, is another space.
func TestEveryFieldCounts(t *testing.T) {
	identity := func() map[string]any {
		return map[string]any{"dim": 4, "dtype": "f32", "output": "o", "pool": "mean", "post": "l2", "numerics": "cpu-f32",
			"model": map[string]any{"sha256": "ab"}, "prep": map[string]any{"impl": "text/1", "max_len": 256}}
	}
	s, err := NewSpace(identity())
	if err != nil {
		t.Fatal(err)
	}
	c := newCache(t, nil)
	keys := testKeys(0, 5)
	write(t, c, s, 5, keys)
	checkRows(t, c, s, keys)
	for _, change := range []func(m map[string]any){
		func(m map[string]any) { m["dim"] = 5 }, func(m map[string]any) { m["output"] = "p" },
		func(m map[string]any) { m["pool"] = "cls" }, func(m map[string]any) { delete(m, "post") },
		func(m map[string]any) { m["numerics"] = "cuda-f32" }, func(m map[string]any) { m["model"].(map[string]any)["sha256"] = "ac" },
		func(m map[string]any) { m["prep"].(map[string]any)["max_len"] = 255 }, func(m map[string]any) { m["prep"].(map[string]any)["prefix"] = "" },
	} {
		m := identity()
		change(m)
		o, err := NewSpace(m)
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Reader(o)
		if err != nil {
			t.Fatal(err)
		}
		if n := r.Locate(keys, make([]Ref, 5)); n != 5 || len(s.Diff(o)) != 1 {
			t.Errorf("%v: %d of 5 keys missing", s.Diff(o), n)
		}
		r.Close()
	}
}

func TestKeyOf(t *testing.T) {
	want := sha256.Sum256([]byte("headstart-sample/1\x00text\x00\x05\x00\x00\x00\x00\x00\x00\x00hello"))
	if k := KeyOf("text", []byte("hello")); k != Key(want) {
		t.Errorf("KeyOf = %v, want %x", k, want)
	}
	seen := map[Key]string{}
	for _, kind := range []string{"text", "image", "tex"} {
		for _, content := range []string{"", "t", "hello", "hello\n"} {
			k := KeyOf(kind, []byte(content))
			if was, ok := seen[k]; ok {
				t.Errorf("%s %q has the key of %s", kind, content, was)
			}
			seen[k] = kind + " " + content
		}
	}
}
