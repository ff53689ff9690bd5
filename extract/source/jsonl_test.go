package source_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/extract/source"
)

const jsonTable = `{"text": "eins", "label": "a", "split": "train", "group": "g", "weight": 0.5, "more": [1, {"x": "y"}]}
{"label": "b", "text": "zw\u00f6lf \ud83d\ude00\n\"\\\/", "weight": null}

{"text": "", "label": 1.50, "split": "valid"}
{"text": 12, "label": true}
{"label": "x"}
`

// An object a line, and one list of objects, are the same samples: strings
// unescaped, numbers and booleans as they stand there.
func TestJSONLines(t *testing.T) {
	want := []string{"t#1|a|train|g|0.5|eins", "t#2|b||||zwölf 😀\n\"\\/", "t#3|1.50|validation|||", "t#4|true||||12", "t#5|x||||"}
	records := strings.ReplaceAll(strings.TrimSpace(jsonTable), "\n\n", "\n")
	list := "[" + strings.ReplaceAll(records, "\n", ",\n") + "\n]\n"
	for name, content := range map[string]string{
		"t.jsonl": jsonTable, "t.ndjson": "\xef\xbb\xbf" + jsonTable, "t.json": list,
		"t.jsonl.gz": zipped(jsonTable), "t.data": jsonTable, "t.txtlist": "\n " + list,
		"t.x": strings.ReplaceAll(jsonTable, "\n", "\r\n"),
	} {
		opts := &source.Options{}
		if name == "t.txtlist" || name == "t.x" {
			opts.Format = "jsonl"
		}
		samples, err := read(t, opts, file(t, name, content))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		check(t, samples, want...)
	}
	samples, err := read(t, &source.Options{Stdin: strings.NewReader(jsonTable)}, "-")
	if err != nil || len(samples) != 5 || samples[1].ID != "stdin#2" || samples[2].Path != "stdin:4" {
		t.Errorf("%v, %v", samples, err)
	}
}

// Columns in objects have names with dots, as in pandas.json_normalize; keys
// may be escaped, and of a key that is there twice the last value counts.
func TestJSONNestedColumns(t *testing.T) {
	path := file(t, "t.jsonl", `{"review": {"body": "a", "by": {"name": "n"}}, "category": "x"}
{"review": {"bo\u0064y": "b", "by": {"name": "m", "age": 3}}, "category": "y", "category": "z"}
{"review.body": "c", "review": {"by.name": "o"}}
{"review": {"body": "d", "body": {"x": 1}, "by": null}, "category": {"x": 1}}
{"review": "e"}
`)
	samples, err := read(t, &source.Options{Text: "review.body", Label: "review.by.name", With: []string{"category", "review.by.age", "review.by.name"}}, path)
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, "t#1|n||||a", "t#2|m||||b", "t#3|o||||c",
		"t#4|||||BAD an object in column \"review.body\", where a text is wanted", "t#5|||||")
	if got := fmt.Sprintf("%q", samples[1].With); got != `["z" "3" "m"]` {
		t.Error(got)
	}
	if got := fmt.Sprintf("%q", samples[3].With); got != `["{\"x\": 1}" "" ""]` {
		t.Error(got)
	}
	// Where some records have a value and others an object, both are columns.
	if samples, err = read(t, &source.Options{Text: "review"}, path); err != nil || describe(samples[4]) != "t#5|||||e" {
		t.Error(samples, err)
	}
	_, err = read(t, &source.Options{Text: "page"}, path)
	fails(t, err, `no column "page"`, `"review.body", "review.by.name", "category"`)
	_, err = read(t, &source.Options{Text: "revue"}, path)
	fails(t, err, `is it "review"?`)
}

// What is no valid JSON is one bad sample that says where and why, and the next
// line is read.
func TestJSONBadRecords(t *testing.T) {
	deep := strings.Repeat(`{"x":`, 100_000)
	for _, c := range []struct{ record, reason string }{
		{`{"text": "a"`, `no valid JSON: the record ends where a comma or '}' is wanted (line 2, column 13)`},
		{`{"text": "ä", "label": NaN}`, `no valid JSON: NaN is no JSON value (line 2, column 24)`},
		{`{"text": "a" "label": 1}`, `no valid JSON: '"' where a comma or '}' is wanted (line 2, column 14)`},
		{`{"text": "a",}`, `no valid JSON: '}' where a key in quotes is wanted (line 2, column 14)`},
		{`{'text': "a"}`, `no valid JSON: '\'' where a key in quotes is wanted (line 2, column 2)`},
		{`{"text": "a"} x`, `no valid JSON: 'x' after its end (line 2, column 15)`},
		{`{"text": "a}`, `no valid JSON: a string without its closing quote (line 2, column 10)`},
		{"{\"text\": \"a\tb\"}", `no valid JSON: a control character (0x09) in a string (line 2, column 12)`},
		{`{"text": "a\x"}`, `no valid JSON: the escape \x is none of JSON (line 2, column 12)`},
		{`{"text": "\u12g4"}`, `no valid JSON: \u without four digits (line 2, column 11)`},
		{"{\"text\": \"Gr\xfc\xdfe\"}", `0xfc is not UTF-8 (byte 3); as windows-1252 it reads "Grüße"`},
		{`{"text": "a\u0000b"}`, `it holds a zero byte (byte 2), so it is no text`},
		{`{"text": 01}`, `no valid JSON: '1' where a comma or '}' is wanted (line 2, column 11)`},
		{`{"text": tru}`, `no valid JSON: 't' where a value is wanted (line 2, column 10)`},
		{`{"text": -Infinity}`, `no valid JSON: -Infinity is no JSON value (line 2, column 10)`},
		{`["text", "a"]`, `no valid JSON: it is no object of columns (line 2, column 1)`},
		{`12`, `no valid JSON: it is no object of columns (line 2, column 1)`},
		{`{"text": "a \ud800 b"}`, `half of a surrogate pair (\ud800 to \udfff), which is no character (line 2, column 10)`},
		{`{"text": "\ude00\ud83d"}`, `half of a surrogate pair (\ud800 to \udfff), which is no character (line 2, column 10)`},
		{`{"text": "\ud83dx"}`, `half of a surrogate pair (\ud800 to \udfff), which is no character (line 2, column 10)`},
		{deep, `no valid JSON: nested deeper than 1000 (line 2, column 5001)`},
		{strings.Repeat("[", 100_000), `no valid JSON: nested deeper than 1000 (line 2, column 1001)`},
		{`{"text": "` + strings.Repeat("a", 17<<20) + `"}`, "17825805 bytes or more, over the limit of 16777216"},
		{`{"text": ["a"]}`, `a list in column "text", where a text is wanted`},
		{`{"text": {"a": "b"}}`, `an object in column "text", where a text is wanted`},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		samples, err := read(t, nil, file(t, "t.jsonl", "{\"text\": \"first\"}\n"+c.record+"\n{\"text\": \"last\"}"))
		runtime.ReadMemStats(&after)
		if err != nil || len(samples) != 3 {
			t.Errorf("%.40s: %d samples, %v", c.record, len(samples), err)
			continue
		}
		if got, want := describe(samples[1]), "t#2|||||BAD "+c.reason; got != want {
			t.Errorf("%.40s:\n%s\nwant\n%s", c.record, got, want)
		}
		if samples[2].ID != "t#3" || samples[2].Path != "t.jsonl:3" {
			t.Errorf("%.40s: then %+v", c.record, samples[2])
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 128<<20 {
			t.Errorf("%.40s: %d MiB were allocated", c.record, n>>20)
		}
	}
}

// A list of objects is cut at commas outside of quotes and brackets, and says
// where it ends too early.
func TestJSONList(t *testing.T) {
	samples, err := read(t, nil, file(t, "t.json", `[{"text": "a,]}[{\"", "x": [1, {"y": 2}]},
 {"text": nul},
 {"text":
   "b" "c"}, 3, , {"text": "d"}]`))
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, `t#1|||||a,]}[{"`, `t#2|||||BAD no valid JSON: 'n' where a value is wanted (line 2, column 11)`,
		`t#3|||||BAD no valid JSON: '"' where a comma or '}' is wanted (line 4, column 8)`,
		`t#4|||||BAD no valid JSON: it is no object of columns (line 4, column 14)`,
		`t#5|||||BAD no valid JSON: a value is missing at the end of the record (line 4, column 17)`, `t#6|||||d`)
	for content, want := range map[string]string{
		`[{"text": "a"}, {"text": "b"`:      "record 2 (line 1): the file ends inside it",
		"[{\"text\": \"a\"},\n":             "line 2: the file ends inside its list",
		"[{\"text\": \"a\"}]\n{\"text\":1}": "line 2: '{' after the end of the list",
	} {
		samples, err := read(t, nil, file(t, "t.json", content))
		fails(t, err, want)
		if len(samples) != 1 {
			t.Errorf("%q: %d samples", content, len(samples))
		}
	}
	for content, want := range map[string]string{
		`[]`: "an empty table: it has no records", "\n\n": "an empty table: it has no records", `[{}, {}]`: "no columns",
		"{\"data\":\n[1,\n2]}": "none of its first records is an object of columns; record 1: no valid JSON",
		`[{"a": 1}]`:           `which column is the sample? its one column is "a"`,
	} {
		_, err := read(t, nil, file(t, "t.json", content))
		fails(t, err, want)
	}
}

// Where a column begins behind the first MiB, it is not left out in silence.
func TestJSONLateColumns(t *testing.T) {
	var b strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&b, `{"text": "a text of some words, the %dth", "topic": "x"}`+"\n", i)
	}
	early := b.String()
	if len(early) < 1<<20 {
		t.Fatal("too short")
	}
	late := file(t, "t.jsonl", early+`{"text": "t", "label": "l", "class": "c"}`+"\n")
	_, err := read(t, nil, late)
	if e, ok := errors.AsType[*source.LateColumnError](err); !ok || e.Column != "label" || e.Record != 20_001 || e.Line != 20_001 {
		t.Errorf("%v", err)
	}
	for _, opts := range []*source.Options{{Label: "label"}, {Label: "class"}} {
		samples, err := read(t, opts, late)
		if err != nil || len(samples) != 20_001 {
			t.Fatalf("%d samples, %v", len(samples), err)
		}
		if last := samples[20_000]; last.Label != opts.Label[:1] {
			t.Errorf("label %q", last.Label)
		}
	}
	_, err = read(t, &source.Options{Label: "nowhere"}, late)
	fails(t, err, `no record has a value in column "nowhere"`)
	_, err = read(t, &source.Options{Label: "topik"}, late)
	fails(t, err, `no column "topik"; is it "topic"?`)
	_, err = read(t, &source.Options{Text: "body"}, late)
	fails(t, err, `no column "body"`)
}

// Images stand in JSON as paths, and as Hugging Face's data sets have them.
func TestJSONImages(t *testing.T) {
	content := base64.StdEncoding.EncodeToString([]byte("not really a picture"))
	big := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("picture "), 1<<18))
	root := tree(t, map[string]string{
		"a.png": "a", "sub/b.png": "b",
		"t.jsonl": `{"image": {"bytes": "` + big + `", "path": null}, "label": "big"}
{"image": "a.png", "label": "x"}
{"image": {"path": "sub/b.png"}}
{"image": {"bytes": "` + content + `", "path": "was/c.png"}}
{"image": {"bytes": null, "path": "a.png"}}
{"image": {"bytes": "§§"}}
{"image": {"path": null}}
{"image": {"path": "a.png", "height": 3}}
{"image": ["a.png"]}
{"image": {"path": "../t.jsonl"}}
`})
	samples, err := read(t, nil, filepath.Join(root, "t.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := samples[0].Read(source.MaxContent); err != nil || len(b) != 2<<20 || samples[0].Label != "big" {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	check(t, samples[1:], "t#2|x||||a", "t#3|||||b", "t#4|||||not really a picture", "t#5|||||a",
		"t#6|||||BAD bytes that are no base64 (line 6, column 11)", "t#7|||||BAD its path is empty",
		`t#8|||||BAD an object in column "image", where a path or an image is wanted`,
		`t#9|||||BAD a list in column "image", where a path or an image is wanted`,
		"t#10|||||BAD leads out of the folder "+root+", and no path may")
	if samples[3].Path != "was/c.png" {
		t.Error(samples[3].Path)
	}
}

// A list of labels is one of texts or numbers.
func TestJSONLabels(t *testing.T) {
	path := file(t, "t.jsonl", `{"text": "1", "label": ["b", "a", "b"]}
{"text": "2", "label": []}
{"text": "3", "label": null}
{"text": "4", "label": "x; y"}
{"text": "5", "label": [1, 2.50]}
{"text": "6", "label": "[\"p\", \"q;r\"]"}
`)
	samples, err := read(t, &source.Options{MultiLabel: true}, path)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range samples {
		got = append(got, fmt.Sprintf("%q %v", s.Labels, s.Labels == nil))
	}
	if want := `["b" "a"] false, [] false, [] true, ["x" "y"] false, ["1" "2.50"] false, ["p" "q;r"] false`; strings.Join(got, ", ") != want {
		t.Errorf("%s\nwant\n%s", strings.Join(got, ", "), want)
	}
	samples, err = read(t, &source.Options{MultiLabel: true}, file(t, "t.jsonl", `{"text": "1", "label": ["a", null]}`))
	if err != nil {
		t.Fatal(err)
	}
	check(t, samples, `t#1|||||BAD an object in column "label", where labels are wanted`)
}

// A table of very many columns is refused in bounded memory.
func TestJSONManyColumns(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"text": "a"`)
	for i := range 1_000_000 {
		fmt.Fprintf(&b, `,"%d":1`, i)
	}
	b.WriteString("}\n")
	_, err := read(t, nil, file(t, "t.jsonl", b.String()))
	fails(t, err, "more than 65536 columns")
	// Behind the first record, its keys are nobody's.
	samples, err := read(t, nil, file(t, "t.jsonl", strings.Repeat(`{"text": "a"}`+"\n", 100_000)+b.String()))
	if err != nil || len(samples) != 100_001 {
		t.Errorf("%d samples, %v", len(samples), err)
	}
}

// Whatever stands on lines, what encoding/json takes for an object is a sample
// with the text that encoding/json reads, and all else is bad.
func FuzzJSONL(f *testing.F) {
	f.Add([]byte(jsonTable))
	f.Add([]byte(`{"text": "a\ud800"}` + "\n" + `{"text": {"a": [1, null, -0.5e+3]}}`))
	f.Add([]byte("{\"te\\u0078t\": \"\xff\"}\n[1]\n{\"text\": 1e5, \"text\": false}\r\n"))
	f.Add([]byte(`[{"text": "a"}, {"text": "b"} {"text": ]`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if bytes.HasPrefix(content, []byte("\x1f\x8b")) {
			return
		}
		samples, err := read(t, &source.Options{Format: "jsonl", Text: "text", Stdin: bytes.NewReader(content)}, "-")
		if err != nil || bytes.HasPrefix(bytes.TrimLeft(content, "\xef\xbb\xbf \t\r\n"), []byte("[")) {
			return
		}
		content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
		for line := range bytes.SplitSeq(content, []byte("\n")) {
			if len(bytes.Trim(line, " \t\r")) == 0 {
				continue
			}
			if len(samples) == 0 {
				t.Fatalf("no sample of %q", line)
			}
			got, bad := samples[0].Read(1 << 20)
			samples = samples[1:]
			var record map[string]json.RawMessage
			valid := json.Unmarshal(line, &record) == nil && record != nil && utf8.Valid(record["text"])
			switch {
			case !valid && bad == nil:
				t.Fatalf("%q is %q, and no valid JSON", line, got)
			case !valid:
				continue
			case bad != nil:
				kind, _ := errors.AsType[interface {
					error
					Kind() string
				}](bad)
				if kind != nil && kind.Kind() == source.KindValue || !utf8.Valid(line) || bytes.Contains(line, []byte(`\u`)) || bytes.Count(line, []byte("["))+bytes.Count(line, []byte("{")) > 1 {
					continue // no weight, say, a group that is not UTF-8, half a surrogate pair, or nested, or no text
				}
				t.Fatalf("%q is bad: %v", line, bad)
			}
			want := record["text"]
			var text string
			if json.Unmarshal(want, &text) != nil && string(want) != "null" {
				text = string(want)
			}
			if string(got) != text {
				t.Fatalf("%q is %q, want %q", line, got, text)
			}
		}
		if len(samples) > 0 {
			t.Fatalf("%d samples too many", len(samples))
		}
	})
}

// Reading texts out of JSON lines, beside encoding/json.
func BenchmarkReadJSONL(b *testing.B) {
	var content bytes.Buffer
	e := json.NewEncoder(&content)
	for i := range 200_000 {
		e.Encode(map[string]any{"id": i, "label": fmt.Sprint("class ", i%10), "stars": i % 5, "text": strings.Repeat("some words of a review \"as quoted\", ", 3) + fmt.Sprint(i)})
	}
	path := file(b, "t.jsonl", content.String())
	b.Run("source", func(b *testing.B) {
		b.SetBytes(int64(content.Len()))
		for b.Loop() {
			drain(b, nil, path)
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.SetBytes(int64(content.Len()))
		for b.Loop() {
			d := json.NewDecoder(bytes.NewReader(content.Bytes()))
			for {
				var record struct {
					ID          int
					Text, Label string
				}
				if err := d.Decode(&record); err == io.EOF {
					break
				} else if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
