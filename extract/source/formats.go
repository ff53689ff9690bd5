package source

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/extract/image"
)

// format is a way in which a data set is stored. One of which open is nil is
// recognised, and refused by name.
type format struct {
	name    string   // what Options.Format says; "": it cannot be said
	title   string   // in messages
	endings []string // of file names: in lower case, with the dot, without ".gz"
	text    bool     // such files hold text

	magic func(head []byte) bool             // whether the first bytes, which no text has, are of this format; nil: never
	looks func(line []byte, o *Options) bool // whether the first line of a text is of this format; nil: never
	open  func(in *input) (*opened, error)
}

// formats are the formats that are known. The endings of images matter for
// files that are broken: those are bad samples. To read one more is a file that
// opens it and its entry here.
var formats = []*format{
	{name: "folder", title: "folders of images", endings: image.Endings(), magic: func(head []byte) bool { return image.Recognise(head) != nil }, open: openImages},
	{name: "texts", title: "folders of texts", open: openTexts},
	{name: "csv", title: "csv", endings: []string{".csv"}, text: true, looks: looksCSV, open: openCSV},
	{name: "tsv", title: "tsv", endings: []string{".tsv", ".tab"}, text: true, looks: looksTSV, open: openTSV},
	{name: "jsonl", title: "JSON lines", endings: []string{".jsonl", ".ndjson", ".json"}, text: true, looks: looksJSON, open: openJSONL},
	{name: "parquet", title: "Parquet", endings: []string{".parquet", ".features"}, magic: begins("PAR1\x15"), open: openParquet},
	{name: "lines", title: "lines of text", endings: []string{".txt", ".lines"}, text: true, open: openLines},
	{name: "tar", title: "tar", endings: []string{".tar", ".tgz"}, magic: holds(257, "ustar\x00", "ustar  \x00"), open: openTar},
	{name: "zip", title: "ZIP", endings: []string{".zip"}, magic: begins("PK\x03\x04", "PK\x05\x06"), open: openZIP},
	{name: "idx", title: "IDX", endings: []string{".idx", ".idx3-ubyte", ".idx1-ubyte"}, magic: isIDX, open: openIDX},
	{name: "npy", title: "NumPy", endings: []string{".npy", ".npz"}, magic: begins("\x93NUMPY"), open: openNPY},

	{title: "WAV", endings: []string{".wav"}, magic: func(head []byte) bool { return begins("RIFF", "RF64")(head) && holds(8, "WAVE")(head) }},
	{title: "FLAC", endings: []string{".flac"}, magic: begins("fLaC\x00")},
	{title: "Ogg", endings: []string{".ogg", ".oga", ".opus"}, magic: begins("OggS\x00")},
	{title: "MP3", endings: []string{".mp3"}, magic: begins("ID3\x02\x00", "ID3\x03\x00", "ID3\x04\x00", "\xff\xfb", "\xff\xf3", "\xff\xf2", "\xff\xfa")},
	{title: "AAC", endings: []string{".aac"}, magic: begins("\xff\xf1", "\xff\xf9")},
	{title: "AIFF", endings: []string{".aif", ".aiff"}, magic: func(head []byte) bool { return begins("FORM")(head) && holds(8, "AIFF", "AIFC")(head) }},
	{title: "MPEG-4", endings: []string{".m4a", ".mp4", ".m4v", ".mov"}, magic: holds(4, "ftypM4A ", "ftypM4V ", "ftypisom", "ftypiso2", "ftypmp41", "ftypmp42", "ftypavc1", "ftypqt  ", "ftypdash")},
	{title: "Matroska", endings: []string{".mkv", ".webm"}, magic: begins("\x1a\x45\xdf\xa3")},
	{title: "AVI", endings: []string{".avi"}, magic: func(head []byte) bool { return begins("RIFF")(head) && holds(8, "AVI ")(head) }},
	{title: "HDF5", endings: []string{".h5", ".hdf5"}, magic: begins("\x89HDF\r\n\x1a\n")},
	{title: "Arrow", endings: []string{".arrow", ".feather"}, magic: begins("ARROW1\x00\x00")},
	{title: "Excel", endings: []string{".xlsx", ".xlsm", ".xlsb", ".xls"}},
	{title: "OpenDocument", endings: []string{".ods", ".odt"}},
	{title: "Word", endings: []string{".docx"}},
	{title: "PowerPoint", endings: []string{".pptx"}},
	{title: "old Microsoft Office", endings: []string{".doc", ".ppt"}, magic: begins("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")},
	{title: "PyTorch", endings: []string{".pt", ".pth"}},
	{title: "pickle", endings: []string{".pkl", ".pickle"}, magic: begins("\x80\x02", "\x80\x03", "\x80\x04\x95", "\x80\x05\x95")},
	{title: "SQLite", endings: []string{".db", ".sqlite", ".sqlite3"}, magic: begins("SQLite format 3\x00")},
	{title: "PDF", endings: []string{".pdf"}, magic: begins("%PDF-")},
	{title: "7-Zip", endings: []string{".7z"}, magic: begins("7z\xbc\xaf\x27\x1c")},
	{title: "RAR", endings: []string{".rar"}, magic: begins("Rar!\x1a\x07")},
	{title: "bzip2", endings: []string{".bz2", ".tbz", ".tbz2"}, magic: func(head []byte) bool { return begins("BZh")(head) && holds(4, "1AY&SY")(head) }},
	{title: "xz", endings: []string{".xz", ".txz"}, magic: begins("\xfd7zXZ\x00")},
	{title: "Zstandard", endings: []string{".zst", ".tzst"}, magic: begins("\x28\xb5\x2f\xfd")},
}

// Formats lists what Options.Format may be.
var Formats = func() []string {
	names := []string{"auto"}
	for _, f := range formats {
		if f.open != nil {
			names = append(names, f.name)
		}
	}
	return names
}()

// begins returns a magic for files that begin with one of texts.
func begins(texts ...string) func([]byte) bool { return holds(0, texts...) }

// holds returns a magic for files that have one of texts at that offset.
func holds(offset int, texts ...string) func([]byte) bool {
	return func(head []byte) bool {
		return slices.ContainsFunc(texts, func(s string) bool {
			return len(head) >= offset && bytes.HasPrefix(head[offset:], []byte(s))
		})
	}
}

// reads ends the messages about formats that are not read.
func reads() string {
	var titles []string
	for _, f := range formats {
		if f.open != nil {
			titles = append(titles, f.title)
		}
	}
	last := len(titles) - 1
	return strings.Join(titles[:last], ", ") + " and " + titles[last] + " are read"
}

// FormatError says that a source is of a format that is recognised and not
// read.
type FormatError struct {
	Source string // as it was given
	Format string // "Excel", "WAV"
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("source: %s: %s files: not read by this version; %s", e.Source, e.Format, reads())
}

// named returns the format that Options.Format says, nil for "auto".
func named(name string) (*format, error) {
	if name == "" || name == "auto" {
		return nil, nil
	}
	for _, f := range formats {
		switch {
		case f.name != name:
		case f.open == nil:
			return nil, fmt.Errorf("source: format %s: not read by this version; %s", name, reads())
		default:
			return f, nil
		}
	}
	if near, ok := nearest(name, Formats); ok {
		return nil, fmt.Errorf("source: format %q: unknown; is it %s?", name, near)
	}
	return nil, fmt.Errorf("source: format %q: unknown; one of %s", name, strings.Join(Formats, ", "))
}

// tell returns the format of a file by its name and its first bytes, which are
// decompressed. An error does not name the file. The format may be one that is
// not read.
func tell(name string, head []byte, o *Options) (*format, error) {
	found := slices.IndexFunc(formats, func(f *format) bool { return f.magic != nil && f.magic(head) })
	if found < 0 {
		ending := filepath.Ext(strings.TrimSuffix(strings.ToLower(name), ".gz"))
		found = slices.IndexFunc(formats, func(f *format) bool { return slices.Contains(f.endings, ending) })
		if found >= 0 && formats[found].open == nil {
			return formats[found], nil
		}
		text := decodedHead(head, o.Encoding)
		zero := bytes.IndexByte(text, 0) >= 0
		switch {
		case found >= 0 && formats[found].text && zero:
			return nil, zeros(text, "it holds zero bytes, so it is no text")
		case found >= 0 && !formats[found].text:
		case found < 0 && len(text) == 0:
			return nil, fmt.Errorf("it is empty")
		case zero:
			return nil, zeros(text, "it is neither an image nor text")
		case found < 0 || formats[found].name == "lines":
			if _, length := markOf(text); length > 0 {
				text = text[length:]
			}
			looks := looksLike(text, o)
			if found < 0 || looks >= 0 && (o.Delimiter != "" || o.NoHeader || formats[looks].name == "tsv" && regularBy(text, "\t", endsWithCR(text))) {
				found = looks
			}
		}
	}
	if found < 0 {
		return nil, &UnsettledError{Reason: "neither name nor content say whether it is a table or lines of text", Formats: textFormats()}
	}
	return formats[found], nil
}

// looksLike returns the format that a text of this beginning is of, -1 if that
// cannot be told.
func looksLike(text []byte, o *Options) int {
	line := text
	if i := bytes.IndexAny(line, "\r\n"); i >= 0 {
		line = line[:i]
	}
	found := slices.IndexFunc(formats, func(f *format) bool { return f.looks != nil && f.looks(line, o) })
	if found < 0 && (o.Delimiter != "" || o.NoHeader) {
		found = slices.IndexFunc(formats, func(f *format) bool { return f.name == "csv" })
	}
	return found
}

// zeros says that a text holds zero bytes, and whether they are every second,
// as in UTF-16.
func zeros(text []byte, reason string) error {
	var at [2]int
	for i, c := range text {
		if c == 0 {
			at[i&1]++
		}
	}
	for odd, name := range []string{"utf-16be", "utf-16le"} {
		if n := len(text) / 2; n > 2 && at[odd] > n*3/4 && at[1-odd] == 0 {
			return &EncodingError{Encoding: "UTF-8", Bytes: []byte{0}, Offset: odd, Likely: name, Text: string(decodedHead(text[:min(len(text), 40)&^1], name))}
		}
	}
	return errors.New(reason)
}

// textFormats names the formats that a text can be read as.
func textFormats() []string {
	var names []string
	for _, f := range formats {
		if f.text && f.open != nil {
			names = append(names, f.name)
		}
	}
	return names
}

// looksCSV says whether a line is the header of a table whose columns are
// separated by commas, semicolons or bars: one of them is the sample's.
func looksCSV(line []byte, o *Options) bool {
	return !looksTSV(line, o) && (hasSample(line, ",", o) || hasSample(line, ";", o) || hasSample(line, "|", o))
}

// looksTSV is looksCSV for tabs.
func looksTSV(line []byte, o *Options) bool { return hasSample(line, "\t", o) }

func hasSample(line []byte, comma string, o *Options) bool {
	for field := range strings.SplitSeq(string(line), comma) {
		switch field = strings.Trim(field, `"`); field {
		case "":
		case "image", "text", o.Image, o.Text:
			return true
		}
	}
	return false
}

func looksJSON(line []byte, _ *Options) bool {
	line = bytes.TrimLeft(line, " \t\r")
	return len(line) > 0 && (line[0] == '{' || line[0] == '[')
}
