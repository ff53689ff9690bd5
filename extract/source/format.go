package source

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Formats lists what Options.Format may be.
var Formats = []string{"auto", "folder", "csv", "tsv", "lines"}

// reads ends the messages about formats that are not read.
const reads = "folders of images, csv, tsv and lines of text are read"

func checkFormat(format string) error {
	if format == "" || slices.Contains(Formats, format) {
		return nil
	}
	switch format {
	case "jsonl", "parquet", "tar", "npy", "idx":
		return fmt.Errorf("source: format %s: not read by this version; %s", format, reads)
	}
	if near, ok := nearest(format, Formats); ok {
		return fmt.Errorf("source: format %q: unknown; is it %s?", format, near)
	}
	return fmt.Errorf("source: format %q: unknown; one of %s", format, strings.Join(Formats, ", "))
}

// magic is how a format's files begin, in bytes that no text has.
type magic struct {
	name  string
	begin string // the first bytes
	at    int    // where more is
	more  string
}

var images = []magic{
	{"JPEG", "\xff\xd8\xff", 0, ""},
	{"PNG", "\x89PNG\r\n\x1a\n", 0, ""},
	{"GIF", "GIF87a", 0, ""},
	{"GIF", "GIF89a", 0, ""},
	{"WebP", "RIFF", 8, "WEBPVP8"},
	{"BMP", "BM", 6, "\x00\x00\x00\x00"},
	{"TIFF", "II*\x00", 0, ""},
	{"TIFF", "MM\x00*", 0, ""},
	{"HEIF", "\x00", 4, "ftyp"},
}

var foreign = []magic{
	{"Parquet", "PAR1\x15", 0, ""},
	{"NumPy", "\x93NUMPY", 0, ""},
	{"ZIP", "PK\x03\x04", 0, ""},
	{"tar", "", 257, "ustar\x00"},
	{"tar", "", 257, "ustar  \x00"},
	{"WAV", "RIFF", 8, "WAVE"},
	{"FLAC", "fLaC\x00", 0, ""},
	{"Ogg", "OggS\x00", 0, ""},
	{"HDF5", "\x89HDF\r\n\x1a\n", 0, ""},
	{"Arrow", "ARROW1\x00\x00", 0, ""},
	{"PDF", "%PDF-", 0, ""},
	{"bzip2", "BZh", 4, "1AY&SY"},
	{"xz", "\xfd7zXZ\x00", 0, ""},
	{"Zstandard", "\x28\xb5\x2f\xfd", 0, ""},
	{"IDX", "\x00\x00\x08\x01", 0, ""},
	{"IDX", "\x00\x00\x08\x03", 0, ""},
	{"UTF-16", "\xff\xfe", 0, ""},
	{"UTF-16", "\xfe\xff", 0, ""},
}

func match(formats []magic, head []byte) (name string, ok bool) {
	for _, m := range formats {
		if bytes.HasPrefix(head, []byte(m.begin)) && len(head) >= m.at && bytes.HasPrefix(head[m.at:], []byte(m.more)) {
			return m.name, true
		}
	}
	return "", false
}

// extensions that tell a format where the content does not. Those of images
// matter for files that are broken: they are bad samples.
var extensions = map[string]string{
	".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".txt": "lines", ".lines": "lines",
	".jpg": "folder", ".jpeg": "folder", ".jpe": "folder", ".jfif": "folder", ".png": "folder", ".gif": "folder",
	".webp": "folder", ".bmp": "folder", ".dib": "folder", ".tif": "folder", ".tiff": "folder", ".heic": "folder", ".avif": "folder",
	".jsonl": "JSON", ".ndjson": "JSON", ".json": "JSON", ".parquet": "Parquet", ".features": "Parquet", ".npy": "NumPy",
	".npz": "NumPy", ".tar": "tar", ".wav": "WAV", ".flac": "FLAC",
}

// tell returns the format of a file by its name and its first bytes, which are
// decompressed. An error does not name the file.
func tell(name string, head []byte, opts *Options) (string, error) {
	refuse := func(format string) (string, error) {
		if format == "UTF-16" {
			return "", fmt.Errorf("its text is UTF-16; save it as UTF-8")
		}
		return "", fmt.Errorf("%s files: not read by this version; %s", format, reads)
	}
	if _, ok := match(images, head); ok {
		return "folder", nil
	}
	if format, ok := match(foreign, head); ok {
		return refuse(format)
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	byName := extensions[filepath.Ext(name)]
	switch byName {
	case "folder":
		return byName, nil
	case "csv", "tsv", "lines":
		if bytes.IndexByte(head, 0) >= 0 {
			return "", fmt.Errorf("it holds zero bytes, so it is no text")
		}
		return byName, nil
	case "":
	default:
		return refuse(byName)
	}
	if len(head) == 0 {
		return "", fmt.Errorf("it is empty")
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return "", fmt.Errorf("it is neither an image nor text")
	}
	// A table is one that has the column of samples in its first line.
	line, _, _ := bytes.Cut(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), []byte("\n"))
	for _, t := range []struct{ format, comma string }{{"tsv", "\t"}, {"csv", ","}} {
		for field := range strings.SplitSeq(strings.TrimSuffix(string(line), "\r"), t.comma) {
			switch field = strings.Trim(field, `"`); field {
			case "":
			case "image", "text", opts.Image, opts.Text:
				return t.format, nil
			}
		}
	}
	if line := bytes.TrimLeft(line, " \t\r"); len(line) > 0 && (line[0] == '{' || line[0] == '[') {
		return refuse("JSON")
	}
	return "", fmt.Errorf("neither name nor content say whether it is a table or lines of text; say --format csv, tsv or lines")
}
