package preprocess

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"io/fs"
	"os"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/numpy"
)

// mark stands in each file of a sample: one that has it not is somebody's own.
const mark = "headstart preprocess"

// KindTaken is the kind of the reason why a sample is bad in whose place there
// is a file that this package has not written.
const KindTaken = "taken"

// file is one file of a sample.
type file struct {
	ending  string
	content []byte
}

// encode makes the files of a sample.
func encode(f *Prepared) ([]file, error) {
	var arrays, crop bytes.Buffer
	if err := numpy.WriteNPZ(&arrays, f.Inputs, mark); err != nil {
		return nil, err
	}
	all := []file{{arraysEnding, arrays.Bytes()}}
	if f.Crop == nil {
		return all, nil
	}
	if err := encodeCrop(&crop, f.Crop); err != nil {
		return nil, err
	}
	return append(all, file{cropEnding, crop.Bytes()}), nil
}

// put writes the files of a sample, unless somebody's own is in the place of
// one.
func put(files *draft.Files, name string, all []file) error {
	for _, f := range all {
		if err := ours(files.Path(name + f.ending)); err != nil {
			return err
		}
	}
	for _, f := range all {
		if err := files.Write(name+f.ending, f.content); err != nil {
			return fmt.Errorf("%s: %w", files.Path(name+f.ending), err)
		}
	}
	return nil
}

// drop removes the files of a sample that an earlier run has left.
func drop(files *draft.Files, name string) error {
	for _, ending := range []string{arraysEnding, cropEnding} {
		at := files.Path(name + ending)
		if ours(at) != nil {
			continue
		}
		if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// takenError says that a file is not to be replaced.
type takenError struct{ path string }

func (e *takenError) Error() string {
	return fmt.Sprintf("%s is there already, and it is not of an earlier run", e.path)
}

// Kind is KindTaken.
func (e *takenError) Kind() string { return KindTaken }

// ours is nil if nothing is at path, or a file that put has written.
func ours(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	f, err := draft.OpenRegular(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, draft.ErrIrregular) {
		return &takenError{path}
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// At the beginning of a PNG file, at the end of a ZIP file.
	const most = 128
	head, tail := make([]byte, most), make([]byte, most)
	n, _ := f.ReadAt(head, 0)
	m, _ := f.ReadAt(tail, max(0, info.Size()-most))
	if bytes.Contains(head[:n], []byte("Software\x00"+mark)) || bytes.HasSuffix(tail[:m], []byte(mark)) {
		return nil
	}
	return &takenError{path}
}

// encodeCrop writes an image as the backbone sees it, with the mark.
func encodeCrop(w io.Writer, c *embed.Crop) error {
	content, err := PNG(c)
	if err != nil {
		return err
	}
	// Its first chunk is of 25 bytes and stands behind a signature of 8.
	const header = 8 + 25
	text := append([]byte("tEXtSoftware\x00"), mark...)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(text)-4))
	chunk = append(chunk, text...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(text))
	for _, part := range [][]byte{content[:header], chunk, content[header:]} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// PNG returns a crop as a PNG file.
func PNG(c *embed.Crop) ([]byte, error) {
	img := image.NewRGBA(image.Rect(0, 0, c.Width, c.Height))
	for i := range c.Width * c.Height {
		copy(img.Pix[4*i:], c.Levels[3*i:3*i+3])
		img.Pix[4*i+3] = 0xff
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}
