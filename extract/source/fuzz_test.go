package source_test

import (
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/extract/source"
)

// Whatever a table holds, reading ends, and where encoding/csv reads all of it
// the samples are its fields, one sample a record.
func FuzzTable(f *testing.F) {
	f.Add([]byte(csvTable), "", false)
	f.Add([]byte("text\tlabel\n\"a\tb\"\tc\n"), "tab", false)
	f.Add([]byte("text,id\n1,a\n2,a\n"), "", false)
	f.Add([]byte("text\n\"a\n"), "", false)
	f.Add([]byte("sep=;\r\ntext;label\r\na;b\r\n"), "", false)
	f.Add([]byte("a|b\n\"c\"d|e\nf|g\n"), "", true)
	f.Add([]byte("text,label\ra,\"b\rc\"\r"), ",", false)
	f.Add([]byte("\xff\xfet\x00e\x00x\x00t\x00\n\x00a\x00"), "", false)
	f.Fuzz(func(t *testing.T, content []byte, delimiter string, headless bool) {
		opts := &source.Options{Format: "csv", Text: "text", Delimiter: delimiter, NoHeader: headless, Stdin: bytes.NewReader(content)}
		if headless {
			opts.Text = "1"
		}
		samples, err := read(t, opts, "-")
		seen := make(map[string]bool)
		for i, s := range samples {
			if s.ID == "" || seen[s.ID] || s.Weight < 0 || s.Weight*0 != 0 || s.Path == "" {
				t.Fatalf("sample %d: %+v", i, s)
			}
			if text, err := s.Read(1 << 20); err == nil && !utf8.Valid(text) {
				t.Fatalf("sample %d: %q is not UTF-8", i, text)
			}
			seen[s.ID] = true
		}
		if err != nil || delimiter == "" || !utf8.Valid(content) || bytes.Contains(content, []byte("\r")) || bytes.HasPrefix(bytes.ToLower(bytes.Trim(content, "\xef\xbb\xbf\"")), []byte("sep=")) {
			return
		}
		r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))))
		if r.Comma, _ = utf8.DecodeRuneInString(delimiter); delimiter == "tab" {
			r.Comma = '\t'
		}
		records, err := r.ReadAll()
		if err != nil || len(records) == 0 {
			return
		}
		at := 0
		if !headless {
			at = slices.Index(records[0], "text")
			records = records[1:]
		}
		if len(samples) != len(records) {
			t.Fatalf("%d samples of %d records", len(samples), len(records))
		}
		for i, s := range samples {
			text, err := s.Read(1 << 20)
			if err == nil && string(text) != records[i][at] {
				t.Fatalf("sample %d: %q, %v; want %q", i, text, err, records[i][at])
			}
		}
	})
}

// Lines put together again are the file, decoded if it says how; what is not in
// its encoding is bad.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\r\nb\n\nc"), "")
	f.Add([]byte("\r"), "")
	f.Add([]byte("\xfe\xff\x00a\x00\n\xd8\x00"), "")
	f.Add([]byte("caf\xe9\n"), "latin1")
	f.Add([]byte("\x1b$B$\"\n"), "iso-2022-jp")
	f.Fuzz(func(t *testing.T, content []byte, encoding string) {
		src, err := source.Open([]string{"-"}, &source.Options{Format: "lines", Encoding: encoding, Stdin: bytes.NewReader(content)})
		if err != nil {
			return
		}
		var b strings.Builder
		n, bad := 0, 0
		for {
			s, err := src.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return
			}
			n++
			text, err := s.Read(1 << 20)
			if err != nil {
				bad++
			} else if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
				t.Fatalf("line %d: %q is no text", n, text)
			}
			b.Write(text)
			b.WriteByte('\n')
		}
		if u := src.Undecoded(); u.Samples > bad {
			t.Fatalf("%d lines are not in their encoding, %d are bad", u.Samples, bad)
		}
		plain := encoding == "" && !bytes.HasPrefix(content, []byte("\xff\xfe")) && !bytes.HasPrefix(content, []byte("\xfe\xff")) && !bytes.HasPrefix(content, []byte("\x00\x00\xfe\xff"))
		if !plain || bad > 0 || bytes.HasPrefix(content, []byte("\x1f\x8b")) {
			return
		}
		want := strings.ReplaceAll(strings.TrimPrefix(string(content), "\xef\xbb\xbf"), "\r\n", "\n")
		if got := b.String(); got != want && got != want+"\n" {
			t.Fatalf("lines %q of %q", got, content)
		}
	})
}
