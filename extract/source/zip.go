package source

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache/draft"
)

// zipMembers goes through the members of a ZIP file in the order of their
// paths. Each is read when its content is wanted, several side by side.
type zipMembers struct {
	file  *os.File
	files []*zipFile
	at    int // of files: the next
}

// zipFile is a file in a ZIP file.
type zipFile struct {
	path string
	bad  error
	zip  *zip.File
}

// openZIP is the open of the format zip.
func openZIP(in *input) (*opened, error) {
	if !in.again {
		return nil, fmt.Errorf("source: %s: a ZIP file must be a file of its own, since its list of members is at its end", in.name)
	}
	file, err := draft.OpenRegular(in.path)
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w", in.name, cause(err))
	}
	z, other, err := newZIPMembers(file)
	if other == "NumPy" {
		file.Close()
		return openNPY(in)
	}
	if other != "" {
		file.Close()
		return nil, &FormatError{in.name, other}
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("source: %s: %w", in.name, err)
	}
	return openArchive(&packed{in: in, members: z, whole: true})
}

// newZIPMembers reads the list of members at the end of file. It returns the
// title of the format if the file is not one of members but one of those that
// are kept as ZIP files.
func newZIPMembers(file *os.File) (z *zipMembers, title string, err error) {
	info, err := file.Stat()
	if err != nil {
		return nil, "", cause(err)
	}
	if err := boundedDirectory(file, info.Size()); err != nil {
		return nil, "", err
	}
	r, err := zip.NewReader(file, info.Size())
	switch {
	case errors.Is(err, zip.ErrFormat):
		return nil, "", errors.New("the list of members at its end is missing or damaged: the ZIP file is cut short, or is none")
	case err != nil:
		return nil, "", fmt.Errorf("its list of members cannot be read: %w", cause(err))
	}
	for _, k := range keptAsZIP {
		if k.is(r.File) {
			return nil, k.title, nil
		}
	}
	z = &zipMembers{file: file}
	for _, f := range r.File {
		name := f.Name
		if !strings.Contains(name, "/") {
			name = strings.ReplaceAll(name, `\`, "/") // as some programs for Windows wrote them
		}
		path, hidden, bad := cleanPath(name)
		if hidden && bad == nil || strings.HasSuffix(name, "/") || f.Mode().IsDir() {
			continue
		}
		if bad == nil {
			bad = unreadable(f)
		}
		z.files = append(z.files, &zipFile{path, bad, f})
	}
	z.refuseOverlaps()
	slices.SortStableFunc(z.files, func(a, b *zipFile) int { return strings.Compare(a.path, b.path) })
	return z, "", nil
}

// keptAsZIP are the formats, by their titles, whose files are ZIP files too.
var keptAsZIP = []struct {
	title string
	is    func(files []*zip.File) bool
}{
	{"Excel", isOffice("xl/")},
	{"Word", isOffice("word/")},
	{"PowerPoint", isOffice("ppt/")},
	{"OpenDocument", func(files []*zip.File) bool {
		return some(files, isNamed("mimetype")) && some(files, isNamed("META-INF/manifest.xml"))
	}},
	{"NumPy", func(files []*zip.File) bool {
		return len(files) > 0 && !some(files, func(m *zip.File) bool { return !strings.HasSuffix(m.Name, ".npy") })
	}},
	{"PyTorch", func(files []*zip.File) bool {
		return some(files, func(m *zip.File) bool { return strings.HasSuffix(m.Name, "/data.pkl") })
	}},
}

func some(files []*zip.File, is func(m *zip.File) bool) bool { return slices.ContainsFunc(files, is) }

func isNamed(name string) func(m *zip.File) bool {
	return func(m *zip.File) bool { return m.Name == name }
}

// isOffice returns what tells Office Open XML files (ECMA-376, part 2) with
// this folder.
func isOffice(folder string) func(files []*zip.File) bool {
	return func(files []*zip.File) bool {
		return some(files, isNamed("[Content_Types].xml")) && some(files, func(m *zip.File) bool { return strings.HasPrefix(m.Name, folder) })
	}
}

// maxDirectory bounds the list of members of a ZIP file, in bytes: that of some
// five million. It takes about three times as much memory.
const maxDirectory = 512 << 20

// boundedDirectory looks up how large the list of members says it is (APPNOTE
// 4.3.16, 4.3.14), before it is read.
func boundedDirectory(file io.ReaderAt, size int64) error {
	tail := make([]byte, min(size, 22+1<<16))
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return cause(err)
	}
	end := strings.LastIndex(string(tail), "PK\x05\x06")
	if end < 0 || len(tail)-end < 22 {
		return nil // which the reader says
	}
	directory := uint64(binary.LittleEndian.Uint32(tail[end+12:]))
	if at := end - 20; directory == 1<<32-1 && at >= 0 && string(tail[at:at+4]) == "PK\x06\x07" {
		// The locator of ZIP64 says where the larger numbers are.
		var record [48]byte
		if _, err := file.ReadAt(record[:], int64(binary.LittleEndian.Uint64(tail[at+8:])&(1<<63-1))); err == nil {
			directory = binary.LittleEndian.Uint64(record[40:])
		}
	}
	if directory > maxDirectory {
		return fmt.Errorf("its list of members has %d bytes, over the limit of %d; unpack it into a folder, which is read", directory, maxDirectory)
	}
	return nil
}

// unreadable says why a member cannot be read, from what the list says of it.
func unreadable(f *zip.File) error {
	switch mode := f.Mode(); {
	case mode&fs.ModeSymlink != 0:
		return reasonOf(KindIrregular, "a symbolic link in an archive")
	case !mode.IsRegular():
		return reasonOf(KindIrregular, "no file but a %s in an archive", draft.Kind(mode))
	case f.Flags&1 != 0:
		return reasonOf(KindMember, "it is encrypted; unpack the archive with its password")
	case f.Method != zip.Store && f.Method != zip.Deflate:
		name := methods[f.Method]
		if name == "" {
			name = "unknown"
		}
		return reasonOf(KindMember, "it is compressed with a method that is not read (%d, %s); pack the archive with Deflate", f.Method, name)
	}
	return nil
}

// methods are the names of methods of compression (APPNOTE 4.4.5).
var methods = map[uint16]string{1: "Shrink", 6: "Implode", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES encryption"}

// refuseOverlaps marks the members whose bytes are those of another one, too:
// a small file could hold any amount of them.
func (z *zipMembers) refuseOverlaps() {
	type span struct {
		from, to int64
		file     *zipFile
	}
	spans := make([]span, 0, len(z.files))
	for _, f := range z.files {
		if f.bad != nil {
			continue
		}
		from, err := f.zip.DataOffset()
		if err != nil {
			f.bad = kinded(KindMember, fmt.Errorf("its place in the archive cannot be read: %w", zipCause(err)))
			continue
		}
		spans = append(spans, span{from, from + int64(min(f.zip.CompressedSize64, 1<<62)), f})
	}
	slices.SortStableFunc(spans, func(a, b span) int {
		switch {
		case a.from < b.from:
			return -1
		case a.from > b.from:
			return 1
		}
		return 0
	})
	var last span
	for _, s := range spans {
		if last.file != nil && s.from < last.to {
			s.file.bad = errOverlap
			last.file.bad = errOverlap
		}
		if last.file == nil || s.to > last.to {
			last = s
		}
	}
}

var errOverlap = reasonOf(KindMember, "its bytes in the archive are those of another member, too, so that it is damaged, or made to do harm")

// zipCause puts an error of archive/zip into words.
func zipCause(err error) error {
	switch {
	case errors.Is(err, zip.ErrFormat), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("it is damaged in the archive, or has another size than the list of members says")
	case errors.Is(err, zip.ErrChecksum):
		return errors.New("it is damaged in the archive: its checksum is another one")
	}
	return cause(err)
}

func (z *zipMembers) next() (*member, error) {
	if z.at == len(z.files) {
		return nil, io.EOF
	}
	f := z.files[z.at]
	z.at++
	return &member{path: f.path, bad: f.bad, size: int64(min(f.zip.UncompressedSize64, 1<<62))}, nil
}

func (z *zipMembers) head(*member) []byte {
	f, err := z.files[z.at-1].zip.Open()
	if err != nil {
		return nil
	}
	defer f.Close()
	head := make([]byte, sniffLength)
	n, _ := io.ReadFull(f, head)
	return head[:n]
}

func (z *zipMembers) load(m *member) {
	if m.size > MaxContent {
		m.bad = tooLarge(m.size, MaxContent)
		return
	}
	m.content = (*inZIP)(z.files[z.at-1].zip)
}

func (z *zipMembers) close() error { return z.file.Close() }

// inZIP is the content of a member of a ZIP file.
type inZIP zip.File

func (c *inZIP) read(limit int64) ([]byte, fs.FileInfo, error) {
	f := (*zip.File)(c)
	if f.UncompressedSize64 > uint64(limit) {
		return nil, nil, tooLarge(int64(min(f.UncompressedSize64, 1<<62)), limit)
	}
	in, err := f.Open()
	if err == nil {
		defer in.Close()
		// What the list says of the size is no reason to allocate more than
		// deflate could make of the bytes that are there.
		content := make([]byte, 0, min(int64(f.UncompressedSize64), 1032*int64(min(f.CompressedSize64, uint64(limit)))+512)+1)
		for err == nil {
			if len(content) == cap(content) {
				content = append(content, 0)[:len(content)]
			}
			var n int
			n, err = in.Read(content[len(content):cap(content)])
			if content = content[:len(content)+n]; int64(len(content)) > limit {
				return nil, nil, tooLarge(int64(len(content)), limit)
			}
		}
		if err == io.EOF {
			return content, nil, nil
		}
	}
	if m := machine(err); m != nil {
		return nil, nil, m
	}
	return nil, nil, kinded(KindMember, zipCause(err))
}

// info has nothing for a cache of digests: the file is the archive's.
func (c *inZIP) info() (string, fs.FileInfo, error) { return "", nil, nil }

var _ content = (*inZIP)(nil)
