package source

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/extract/image"
)

// Kind is a kind of files that were skipped, since they are no samples.
type Kind struct {
	Name  string // the ending of their names in lower case, ".csv", or noEnding
	Count int
	First string // the path of the first one, as Sample.Path is
}

// noEnding is the Kind.Name of files whose names have no ending.
const noEnding = "without an ending"

// kindOf returns the Kind.Name of the file called name.
func kindOf(name string) string {
	ending := strings.ToLower(path.Ext(name))
	if len(ending) < 2 || len(ending) > 16 || ending == strings.ToLower(name) || !utf8.ValidString(ending) {
		return noEnding
	}
	return ending
}

// kinds counts the files that are skipped, by kind. Its zero value is ready for
// use.
type kinds map[string]*Kind

// add counts a file by its path.
func (k *kinds) add(file string) { k.merge(&Kind{kindOf(path.Base(file)), 1, printable(file)}) }

func (k *kinds) merge(other *Kind) {
	if *k == nil {
		*k = make(kinds)
	}
	mine := (*k)[other.Name]
	if mine == nil {
		mine = &Kind{Name: other.Name, First: other.First}
		(*k)[other.Name] = mine
	}
	mine.Count += other.Count
	mine.First = min(mine.First, other.First)
}

// list returns the kinds, the most frequent first.
func (k kinds) list() []Kind {
	all := make([]Kind, 0, len(k))
	for _, kind := range k {
		all = append(all, *kind)
	}
	slices.SortFunc(all, func(a, b Kind) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Name, b.Name)) })
	return all
}

// Kinds writes what was skipped as a list: "12 .csv, 3 .wav".
func Kinds(all []Kind) string {
	words := make([]string, len(all))
	for i, k := range all {
		words[i] = fmt.Sprintf("%d %s", k.Count, printable(k.Name))
	}
	return strings.Join(words, ", ")
}

// NoSamplesError says that a folder, or an archive, holds none of the samples
// that were looked for.
type NoSamplesError struct {
	Source  string // as it was given
	Samples string // what was looked for: "pictures" or "texts"
	Skipped []Kind // what it holds instead
}

func (e *NoSamplesError) Error() string {
	s := fmt.Sprintf("source: no %s in %s", e.Samples, e.Source)
	if len(e.Skipped) > 0 {
		return s + ": " + Kinds(e.Skipped)
	}
	return s + ": no files (hidden ones do not count)"
}

// nature is what the name of a file says about it among other files.
type nature uint8

const (
	unclear  nature = iota // its first bytes decide
	picture                // by its ending
	document               // a text, by its ending
	aside                  // what lies about in folders of any kind
	foreign                // neither picture nor text
)

// textEnding is that of the files of a folder of texts.
const textEnding = ".txt"

// pictureEndings are those of image.Endings.
var pictureEndings = func() map[string]bool {
	all := make(map[string]bool)
	for _, e := range image.Endings() {
		all[e] = true
	}
	return all
}()

// foreignEndings are those of files that are not looked into, since they are no
// pictures, for sure.
var foreignEndings = func() map[string]bool {
	all := make(map[string]bool)
	for e := range strings.FieldsSeq(`.svg .svgz .eps .ai .pdf .ps
		.csv .tsv .tab .json .jsonl .ndjson .geojson .xml .html .htm .yaml .yml .toml .parquet .feather .arrow .avro .orc .xls .xlsx .ods .doc .docx .odt .ppt .pptx .rtf .tex
		.npy .npz .mat .h5 .hdf5 .pkl .pickle .pt .pth .ckpt .safetensors .onnx .tflite .pb .features .db .sqlite
		.wav .flac .mp3 .ogg .oga .opus .m4a .aac .aif .aiff .wma .mid
		.mp4 .mov .avi .mkv .webm .mpg .mpeg .m4v .wmv .3gp
		.zip .tar .gz .tgz .bz2 .xz .zst .7z .rar
		.py .ipynb .r .m .c .h .cpp .go .js .ts .css .sh .bat .exe .dll .so .log .cfg .conf .bib .lock .aae .xmp .srt .vtt`) {
		all[e] = true
	}
	return all
}()

// asideNames are names, without an ending and in lower case, of files that say
// something about a folder or a program left there.
var asideNames = map[string]bool{
	"readme": true, "license": true, "licence": true, "copying": true, "notice": true, "authors": true, "contributors": true,
	"changelog": true, "changes": true, "citation": true, "version": true, "sha256sums": true, "md5sums": true,
	"thumbs": true, "desktop": true, "makefile": true, "dockerfile": true,
}

// natureOf says what the name of a file, without its folders, tells.
func natureOf(name string) nature {
	lower := strings.ToLower(name)
	ending := path.Ext(lower)
	switch {
	case pictureEndings[ending]:
		return picture
	case asideNames[strings.TrimSuffix(lower, ending)] && (ending == "" || ending == ".txt" || ending == ".md" || ending == ".rst" || ending == ".db" || ending == ".ini" || ending == ".cff"):
		return aside
	case ending == textEnding:
		return document
	case ending == ".md" || ending == ".rst" || ending == ".ini":
		return aside
	case foreignEndings[ending]:
		return foreign
	}
	return unclear
}

// sniffed says what the first bytes of a file tell whose name does not.
func sniffed(name string, head []byte) nature {
	switch {
	case image.Recognise(head) != nil:
		return picture
	case kindOf(name) == noEnding && len(head) > 0 && isText(head):
		return document
	}
	return foreign
}

// isText says whether the first bytes of a file may be those of a text.
func isText(head []byte) bool {
	for _, b := range head {
		if b < ' ' && b != '\n' && b != '\r' && b != '\t' && b != '\f' && b != '\b' && b != 0x1b {
			return false
		}
	}
	return true
}

// sniffLength is how many first bytes of a file sniffed takes.
const sniffLength = 512
