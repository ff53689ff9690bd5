package image

import (
	"strings"
	"testing"
)

// Walks the table: each format is recognised and no other takes its files; it
// is read, or refused by name.
func TestFormats(t *testing.T) {
	if len(begin) != len(formats) {
		t.Errorf("%d begins of files for %d formats", len(begin), len(formats))
	}
	endings := map[string]string{}
	for _, f := range formats {
		if len(begin[f.Name]) == 0 {
			t.Errorf("%s: the test has no file of it", f.Name)
		}
		for _, b := range begin[f.Name] {
			content := []byte(b + strings.Repeat("\x00", 32))
			for _, g := range formats {
				if g.magic(content) != (g == f) {
					t.Errorf("%s says %v to a file of %s", g.Name, f != g, f.Name)
				}
			}
			for n := range len(b) { // less than the whole begin is no other format's
				if g := Recognise(content[:n]); g != nil && g != f {
					t.Errorf("%d bytes of %s are taken for %s", n, f.Name, g.Name)
				}
			}
			_, err := ReadHeader(content)
			if refused := err != nil && strings.Contains(err.Error(), f.Name+" files are not read"); err == nil || refused != (f.header == nil) {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
		for _, e := range f.endings {
			if e != strings.ToLower(e) || !strings.HasPrefix(e, ".") || endings[e] != "" {
				t.Errorf("%s: ending %q, which %s has", f.Name, e, endings[e])
			}
			endings[e] = f.Name
		}
		if read := f.header != nil; (f.decode != nil) != read || !read && (f.notices != nil || f.upright || f.decoder != "") || read && f.convert != "" {
			t.Errorf("%s has some of what a format has that is read", f.Name)
		}
	}
	for _, text := range []string{"", "BMW is a car, this is a text", "RIFF\x10\x00\x00\x00WAVEfmt ", "\x00\x00\x00\x18ftypmp42", "image,label\n", "8BPS,a,b\n"} {
		if f := Recognise([]byte(text)); f != nil {
			t.Errorf("%q is taken for %s", text, f.Name)
		}
	}
}
