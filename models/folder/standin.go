package folder

import (
	"bytes"
	"io"
)

// maxPointer is how many bytes a pointer to a file has at most.
const maxPointer = 1024

// standIn tells what data is, and what to do, where that is something which
// downloads leave behind in place of what a file should hold. "" if it is
// nothing of the kind.
func standIn(data []byte, what string) string {
	start := data[:min(len(data), maxPointer)]
	switch {
	case bytes.HasPrefix(start, []byte("version https://git-lfs")):
		return "a pointer of Git LFS in place of " + what + ", which was not downloaded; git lfs pull gets it"
	case len(data) < maxPointer && bytes.Contains(start, []byte("annex/objects/")):
		return "a pointer of git-annex in place of " + what + ", which was not downloaded; git annex get gets it"
	case bytes.HasPrefix(bytes.TrimSpace(start), []byte("<")):
		return "a web page in place of " + what + "; download the file itself"
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return "a gzip archive in place of " + what + "; unpack it"
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		return "a zip archive in place of " + what + "; unpack it, or if PyTorch wrote it, export it to ONNX first"
	}
	return ""
}

// standsIn is standIn for the file of that name; "" if it cannot be read.
func (f *layout) standsIn(name, what string) string {
	file, err := f.fsys.Open(name)
	if err != nil {
		return ""
	}
	defer file.Close()
	start, err := io.ReadAll(io.LimitReader(file, maxPointer))
	if err != nil {
		return ""
	}
	return standIn(start, what)
}
