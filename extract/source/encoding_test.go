package source_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/headstart-ml/headstart/extract/source"
)

// utf16Of writes s in UTF-16, with a byte order mark if there is one in s.
func utf16Of(s string, big bool) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return string(b)
}

// The same table gives the same samples in each encoding, by a byte order mark
// or because it is said.
func TestEncodings(t *testing.T) {
	const table, mark = "text;label\r\nGrüße aus Köln;\"ä\r\nö\"\r\nbye;\r\n", "\ufeff"
	want := []string{"t#1|ä\nö||||Grüße aus Köln", "t#2|||||bye"}
	latin := func(s string) string {
		var b []byte
		for _, r := range s {
			b = append(b, byte(r))
		}
		return string(b)
	}
	for _, c := range []struct{ content, encoding string }{
		{table, ""}, {mark + table, ""}, {table, "utf-8"}, {mark + table, "UTF8"},
		{utf16Of(mark+table, false), ""}, {utf16Of(mark+table, true), ""}, {utf16Of(mark+table, false), "utf-16"}, {utf16Of(mark+table, true), "utf-16"},
		{utf16Of(table, false), "utf-16"}, {utf16Of(table, false), "utf-16le"}, {utf16Of(table, true), "UTF-16BE"}, {utf16Of(mark+table, true), "utf-16-be"},
		{latin(table), "latin1"}, {latin(table), "latin-1"}, {latin(table), "ISO-8859-1"}, {latin(table), "windows-1252"}, {latin(table), "cp1252"}, {latin(table), "iso8859_15"},
	} {
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		z.Write([]byte(c.content))
		z.Close()
		for name, content := range map[string]string{"t.csv": c.content, "t.tsv": c.content, "t.csv.gz": zipped.String(), "t": c.content} {
			samples, err := read(t, &source.Options{Encoding: c.encoding}, file(t, name, content))
			if err != nil {
				t.Errorf("%s, %q: %v", name, c.encoding, err)
				continue
			}
			check(t, samples, want...)
		}
		lines := &source.Options{Format: "lines", Encoding: c.encoding, Stdin: strings.NewReader(c.content)}
		samples, err := read(t, lines, "-")
		if err != nil || len(samples) != 4 || !strings.HasPrefix(describe(samples[1]), "stdin#2|||||Grüße aus Köln;") {
			t.Errorf("lines, %q: %d, %v", c.encoding, len(samples), err)
		}
	}
}

// Each encoding that is listed is one, under the names of others too; one that
// is none names the nearest.
func TestNamesOfEncodings(t *testing.T) {
	for _, name := range append(slices.Clone(source.Encodings), "latin-1", "cp1252", "mac_roman", "utf_8_sig", "shift-jis", "cp437", "cp866", "iso8859-15", "tis-620", "ascii") {
		if err := (&source.Options{Encoding: name}).Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, says := range map[string]string{"latn1": "is it latin1?", "windows1253": "is it windows-1253?", "elephant": "one of utf-8, utf-16", "replacement": "unknown"} {
		err := (&source.Options{Encoding: name}).Check()
		if e, ok := errors.AsType[*source.OptionError](err); !ok || e.Option != "encoding" || e.Value != name || !strings.Contains(e.Reason, says) {
			t.Errorf("%s: %v, want %q", name, err, says)
		}
		_, err = read(t, &source.Options{Encoding: name}, file(t, "t.txt", "a\n"))
		fails(t, err, name, says)
	}
}

// What is not in its encoding is a bad sample that says which bytes and how
// they may be read, and the source says how many there are.
func TestBytesThatAreNotUTF8(t *testing.T) {
	const table = "id,text,label\n1,Gr\xfc\xdfe aus K\xf6ln,a\n2,Grüße,caf\xe9\n3,plain,b\n4,\x81,c\n\xff,x,d\n"
	path := file(t, "t.csv", table)
	src, err := source.Open([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var got []string
	for {
		s, err := src.Next()
		if err != nil {
			break
		}
		got = append(got, describe(s))
	}
	want := []string{
		`1|a||||BAD 0xfc is not UTF-8 (byte 3); as windows-1252 it reads "Grüße aus Köln"`,
		`2|||||BAD 0xe9 in column "label" is not UTF-8 (byte 4); as windows-1252 it reads "café"`,
		"3|b||||plain",
		"4|c||||BAD 0x81 is not UTF-8 (byte 1)",
		`t#5|||||BAD 0xff in column "id" is not UTF-8 (byte 1); as windows-1252 it reads "ÿ"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	u := src.Undecoded()
	if u.Samples != 4 || u.Place != "t.csv:2" || u.First == nil || u.First.Likely != "windows-1252" || u.First.Offset != 2 || string(u.First.Bytes) != "\xfc" {
		t.Errorf("%+v %+v", u, u.First)
	}
	samples, err := read(t, &source.Options{Encoding: "windows-1252"}, path)
	if err != nil {
		t.Fatal(err)
	}
	if got := describe(samples[0]); got != "1|a||||Grüße aus Köln" {
		t.Error(got)
	}

	// In an encoding that is said or marked, too.
	for _, c := range []struct{ content, encoding, says string }{
		{"text\na\x80\nb\n", "euc-kr", "bytes are not euc-kr (at the place of byte 2)"},
		{utf16Of("\ufefftext\na", false) + "\x00\xd8\n\x00b\x00", "", "bytes are not UTF-16 (at the place of byte 2)"},
		{utf16Of("text\nb\na", true) + "\x00", "utf-16be", "bytes are not utf-16be (at the place of byte 2)"},
	} {
		samples, err := read(t, &source.Options{Format: "csv", Encoding: c.encoding, Stdin: strings.NewReader(c.content)}, "-")
		if err != nil || len(samples) != 2 {
			t.Errorf("%q: %d, %v", c.encoding, len(samples), err)
			continue
		}
		all := fmt.Sprint(describe(samples[0]), describe(samples[1]))
		if !strings.Contains(all, "BAD "+c.says) || !strings.Contains(all, "b") {
			t.Errorf("%q: %s, want %q", c.encoding, all, c.says)
		}
	}

	// UTF-16 that nothing marks is no text, and says what it seems to be.
	for _, big := range []bool{false, true} {
		_, err := read(t, nil, file(t, "t.csv", utf16Of("text,label\nnice,x\n", big)))
		fails(t, err, "every second byte is zero, as in UTF-16 without a byte order mark", map[bool]string{false: "utf-16le", true: "utf-16be"}[big], "text,label")
		if e, ok := errors.AsType[*source.EncodingError](err); !ok || e.Likely == "" {
			t.Errorf("%v", err)
		}
	}
}
