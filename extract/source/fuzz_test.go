package source_test

import (
	"bytes"
	"encoding/csv"
	"io"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
)

// Whatever a table holds, reading ends, and what is read without an error are
// the fields that encoding/csv finds, one sample a record.
func FuzzTable(f *testing.F) {
	f.Add([]byte(csvTable), false)
	f.Add([]byte("text\tlabel\n\"a\tb\"\tc\n"), true)
	f.Add([]byte("text,id\n1,a\n2,a\n"), false)
	f.Add([]byte("text\n\"a\n"), false)
	f.Fuzz(func(t *testing.T, content []byte, tabs bool) {
		format, comma := "csv", ','
		if tabs {
			format, comma = "tsv", '\t'
		}
		samples, err := read(t, &source.Options{Format: format, Text: "text", Stdin: bytes.NewReader(content)}, "-")
		if err != nil || bytes.HasPrefix(content, []byte("\x1f\x8b")) {
			return
		}
		r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))))
		r.Comma = comma
		records, err := r.ReadAll()
		if err != nil {
			t.Fatalf("read without an error, though %v", err)
		}
		if len(samples) != len(records)-1 {
			t.Fatalf("%d samples of %d records", len(samples), len(records)-1)
		}
		at := 0
		for records[0][at] != "text" {
			at++
		}
		seen := make(map[string]bool)
		for i, s := range samples {
			if text, err := s.Read(1 << 20); err != nil || string(text) != records[i+1][at] {
				t.Fatalf("sample %d: %q, %v; want %q", i, text, err, records[i+1][at])
			}
			if s.ID == "" || seen[s.ID] || s.Weight < 0 || s.Weight*0 != 0 {
				t.Fatalf("sample %d: %+v", i, s)
			}
			seen[s.ID] = true
		}
	})
}

// Lines put together again are the file.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\r\nb\n\nc"))
	f.Add([]byte("\r"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if bytes.HasPrefix(content, []byte("\x1f\x8b")) {
			return
		}
		src, err := source.Open([]string{"-"}, &source.Options{Format: "lines", Stdin: bytes.NewReader(content)})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for {
			s, err := src.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				if b.Len() == 0 && len(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))) == 0 {
					return
				}
				t.Fatal(err)
			}
			text, err := s.Read(1 << 20)
			if err != nil {
				return // too long
			}
			b.Write(text)
			b.WriteByte('\n')
		}
		want := strings.ReplaceAll(strings.TrimPrefix(string(content), "\xef\xbb\xbf"), "\r\n", "\n")
		if got := b.String(); got != want && got != want+"\n" {
			t.Fatalf("lines %q of %q", got, content)
		}
	})
}
