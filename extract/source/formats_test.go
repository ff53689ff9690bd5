package source

import (
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/image"
)

// Walks the table: each format has a name or a title of its own, is opened or
// refused by name, and its endings and its magic are no other's.
func TestFormatsTable(t *testing.T) {
	if formats[0].name != "folder" {
		t.Fatalf("the format of folders stands first, not %s", formats[0].name)
	}
	names, endings := map[string]bool{}, map[string]string{}
	for _, f := range formats {
		if f.title == "" || names[f.title] || f.name != "" && f.name != f.title && names[f.name] {
			t.Errorf("%q, %q: no name of its own", f.name, f.title)
		}
		names[f.title], names[f.name] = true, true
		for _, e := range f.endings {
			if e != strings.ToLower(e) || !strings.HasPrefix(e, ".") || endings[e] != "" {
				t.Errorf("%s: ending %q, which %s has", f.title, e, endings[e])
			}
			endings[e] = f.title
		}
		if f.name != "" {
			got, err := named(f.name)
			if (err == nil) != (f.open != nil) || err == nil && got != f {
				t.Errorf("%s: said by name it is %+v, %v", f.name, got, err)
			}
			if err != nil && (!strings.Contains(err.Error(), f.name) || !strings.Contains(err.Error(), reads())) {
				t.Errorf("%s: %v", f.name, err)
			}
		} else if f.open != nil {
			t.Errorf("%s is read, so it must have a name", f.title)
		}
		if f.open != nil != slices.Contains(Formats, f.name) {
			t.Errorf("%s: %v in Formats", f.title, f.open == nil)
		}
		for _, e := range f.endings {
			got, err := tell("x"+strings.ToUpper(e)+".gz", []byte("a b\n"), new(Options))
			if err != nil || got != f {
				t.Errorf("%s: by its ending %s it is %+v, %v", f.title, e, got, err)
			}
		}
	}
	if want := "folders of images, folders of texts, csv, tsv, JSON lines, Parquet, lines of text, tar, ZIP, IDX and NumPy are read"; reads() != want {
		t.Errorf("%q, want %q", reads(), want)
	}
}

// Content decides before the name does, and text is taken for nothing by its
// first bytes.
func TestTellByContent(t *testing.T) {
	for _, c := range []struct{ head, title string }{
		{"\xff\xd8\xff\xe0", "folders of images"}, {"\x89PNG\r\n\x1a\n", "folders of images"}, {"\x00\x00\x00\x18ftypheic", "folders of images"},
		{"PAR1\x15", "Parquet"}, {"\x93NUMPY\x01", "NumPy"}, {strings.Repeat("\x00", 257) + "ustar\x00", "tar"}, {"\x00\x00\x08\x03\x00\x00\x00\x01", "IDX"}, {"\x00\x00\x0d\x02\x00\x00\x00\x01", "IDX"},
		{"RIFF\x10\x00\x00\x00WAVEfmt ", "WAV"}, {"fLaC\x00", "FLAC"}, {"OggS\x00", "Ogg"}, {"PK\x03\x04", "ZIP"}, {"PK\x05\x06", "ZIP"}, {"RF64\x10\x00\x00\x00WAVE", "WAV"}, {"ID3\x04\x00", "MP3"}, {"\xff\xfb\x90", "MP3"}, {"\xff\xf1\x50", "AAC"}, {"FORM\x00\x00\x00\x00AIFF", "AIFF"},
		{"\x00\x00\x00\x20ftypisom", "MPEG-4"}, {"\x00\x00\x00\x20ftypM4A ", "MPEG-4"}, {"\x1a\x45\xdf\xa3", "Matroska"}, {"RIFF\x10\x00\x00\x00AVI LIST", "AVI"}, {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Microsoft Office"},
		{"\x80\x04\x95", "pickle"}, {"SQLite format 3\x00", "SQLite"}, {"7z\xbc\xaf\x27\x1c", "7-Zip"}, {"Rar!\x1a\x07\x01\x00", "RAR"}, {"\x89HDF\r\n\x1a\n", "HDF5"},
		{"ARROW1\x00\x00", "Arrow"}, {"%PDF-1.7", "PDF"}, {"BZh91AY&SY", "bzip2"}, {"\xfd7zXZ\x00", "xz"}, {"\x28\xb5\x2f\xfd", "Zstandard"},
		{"\xff\xfet\x00e\x00x\x00t\x00\t\x00x\x00", "tsv"}, {"text\tlabel\n", "tsv"}, {"a;text\n", "csv"}, {"sep=|\na|text\n", "csv"}, {"text,b\ra", "csv"}, {"text,label\n", "csv"}, {"text\tlabel,text\n", "tsv"}, {`{"text": 1}`, "JSON lines"}, {"[{\"text\": 1},", "JSON lines"},
	} {
		for _, f := range formats {
			if f.magic != nil && f.magic([]byte(c.head)) && f.title != c.title {
				t.Errorf("%q is taken for %s, too", c.head, f.title)
			}
		}
		got, err := tell("x", []byte(c.head), new(Options))
		if err == nil && got.title != c.title || err != nil && !strings.Contains(err.Error(), c.title) {
			t.Errorf("%q: %+v, %v, want %s", c.head, got, err, c.title)
		}
	}
	for _, e := range image.Endings() {
		if got, err := tell("x"+e, nil, new(Options)); err != nil || got.name != "folder" {
			t.Errorf("x%s: %+v, %v", e, got, err)
		}
	}
}
