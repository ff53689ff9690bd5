package source

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// idxRecords reads the images of an IDX file, MNIST's format: a header of two
// zero bytes, the type of the values, the number of dimensions and each
// dimension as a big-endian uint32, then the values. The content of a sample is
// a PNM file of its levels.
type idxRecords struct {
	in     *stream
	labels *stream // a byte each; nil: there are none
	head   idxHeader
	split  string // that the file's name says
	known  bool   // the file has the size that its header says
	pnm    string // what each sample's content begins with
	chosen []int
	record record
}

// idxHeader is the header of an IDX file.
type idxHeader struct {
	kind byte
	dims []int64
}

// idxByte is the type of unsigned bytes.
const idxByte = 8

// idxTypes are the types of values.
var idxTypes = map[byte]string{idxByte: "unsigned bytes", 9: "signed bytes", 0xb: "16-bit integers", 0xc: "32-bit integers", 0xd: "32-bit floats", 0xe: "64-bit floats"}

// isIDX is the magic of IDX files of up to four dimensions.
func isIDX(head []byte) bool {
	return len(head) >= 8 && head[0] == 0 && head[1] == 0 && idxTypes[head[2]] != "" && 1 <= head[3] && head[3] <= 4
}

// openIDX is the open of the format idx.
func openIDX(in *input) (*opened, error) {
	stream, err := in.take()
	if err != nil {
		return nil, fmt.Errorf("source: %s: %w", in.name, cause(err))
	}
	r := &idxRecords{in: stream}
	if err := r.open(in); err != nil {
		r.close()
		return nil, fmt.Errorf("source: %s: %w", in.name, err)
	}
	return openTable(in, r)
}

func (r *idxRecords) open(in *input) error {
	var err error
	if r.head, err = readIDX(r.in.Reader); err != nil {
		return err
	}
	d := r.head.dims
	switch {
	case r.head.kind != idxByte:
		return fmt.Errorf("an IDX file of %s, where images are unsigned bytes", idxTypes[r.head.kind])
	case len(d) == 1:
		return errors.New("an IDX file of labels, which are read from beside the file of the images; give that one")
	case len(d) == 2:
		return errors.New("an IDX file of two dimensions, where images have three, or four with colours")
	case len(d) == 4 && d[3] != 3:
		return fmt.Errorf("an IDX file of %s, where images with colours have three values a pixel, at the end", r.head)
	case d[1] < 1 || d[2] < 1:
		return fmt.Errorf("an IDX file of %s: its images have no pixels", r.head)
	case d[1] > MaxContent || d[2] > MaxContent || r.each() > MaxContent-64:
		return fmt.Errorf("an IDX file of %s: its images are larger than the limit of %d bytes", r.head, int64(MaxContent))
	}
	kind := "P5"
	if len(d) == 4 {
		kind = "P6"
	}
	r.pnm = fmt.Sprintf("%s\n%d %d\n255\n", kind, d[2], d[1])
	if size := r.in.size; size >= 0 && !r.in.zipped {
		if want := int64(4+4*len(d)) + d[0]*r.each(); size != want {
			return fmt.Errorf("its header says %s, which take %d bytes; the file has %d", r.head, want, size)
		}
		r.known = true
	}
	if in.path == "-" {
		return nil
	}
	name := filepath.Base(in.path)
	r.split = idxSplit(name)
	return r.openLabels(in.path, name)
}

// openLabels opens the file of labels beside the one of images, if there is
// one: the same name with labels for images.
func (r *idxRecords) openLabels(path, name string) error {
	replaced := strings.NewReplacer("images", "labels", "idx3", "idx1", "idx4", "idx1").Replace(name)
	if replaced == name {
		return nil
	}
	plain := strings.TrimSuffix(replaced, ".gz")
	for _, other := range []string{replaced, plain, plain + ".gz"} {
		other = filepath.Join(filepath.Dir(path), other)
		info, err := os.Stat(other)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if r.labels, err = openStream(other, nil); err != nil {
			return fmt.Errorf("the labels beside it, %s: %w", other, cause(err))
		}
		h, err := readIDX(r.labels.Reader)
		switch {
		case err != nil:
			return fmt.Errorf("the labels beside it, %s: %w", other, err)
		case h.kind != idxByte || len(h.dims) != 1 || h.dims[0] != r.head.dims[0]:
			return fmt.Errorf("the labels beside it, %s: %s of %s, where %d labels are wanted", other, h, idxTypes[h.kind], r.head.dims[0])
		}
		return nil
	}
	return nil
}

// idxSplit returns the split that a name like train-images-idx3-ubyte or
// t10k-images-idx3-ubyte says, "" if it says none.
func idxSplit(name string) string {
	for word := range strings.FieldsFuncSeq(name, func(c rune) bool { return c == '-' || c == '_' || c == '.' }) {
		if word == "t10k" {
			return "test"
		}
		if split, ok := splitOf(word); ok {
			return split
		}
	}
	return ""
}

// readIDX reads a header.
func readIDX(in *bufio.Reader) (idxHeader, error) {
	var begin [4]byte
	if _, err := io.ReadFull(in, begin[:]); err != nil {
		return idxHeader{}, cutIDX(err)
	}
	if begin[0] != 0 || begin[1] != 0 || idxTypes[begin[2]] == "" || begin[3] < 1 || begin[3] > 4 {
		return idxHeader{}, fmt.Errorf("no IDX file of one to four dimensions: it begins with % x", begin)
	}
	h := idxHeader{kind: begin[2]}
	for range begin[3] {
		var dim [4]byte
		if _, err := io.ReadFull(in, dim[:]); err != nil {
			return idxHeader{}, cutIDX(err)
		}
		h.dims = append(h.dims, int64(binary.BigEndian.Uint32(dim[:])))
	}
	return h, nil
}

func cutIDX(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("it ends in its header")
	}
	return cause(err)
}

// String writes the dimensions as 60000×28×28.
func (h idxHeader) String() string {
	words := make([]string, len(h.dims))
	for i, d := range h.dims {
		words[i] = strconv.FormatInt(d, 10)
	}
	return strings.Join(words, "×")
}

// each returns how many bytes an image has, if its sides are within limits.
func (r *idxRecords) each() int64 {
	n := int64(1)
	for _, d := range r.head.dims[1:] {
		n *= d
	}
	return n
}

// idxColumns are the columns; the last two are not always there.
var idxColumns = []string{"image", "label", "split"}

func (r *idxRecords) columns() []string {
	names := idxColumns[:1:1]
	if r.labels != nil {
		names = append(names, "label")
	}
	if r.split != "" {
		names = append(names, "split")
	}
	return names
}

func (r *idxRecords) choose(columns []int) {
	r.chosen, r.record.cells = columns, make([]cell, len(columns))
}

func (r *idxRecords) next() (*record, error) {
	if int64(r.record.n) == r.head.dims[0] {
		if _, err := r.in.ReadByte(); err != io.EOF {
			if err == nil {
				err = fmt.Errorf("something follows its %d images", r.head.dims[0])
			}
			return nil, cause(err)
		}
		return nil, io.EOF
	}
	content := make([]byte, len(r.pnm)+int(r.each()))
	n := copy(content, r.pnm)
	if _, err := io.ReadFull(r.in, content[n:]); err != nil {
		return nil, r.short(err, "the file")
	}
	label := byte(0)
	if r.labels != nil {
		var err error
		if label, err = r.labels.ReadByte(); err != nil {
			return nil, r.short(err, "the file of its labels")
		}
	}
	r.record.n++
	for i, at := range r.chosen {
		c := &r.record.cells[i]
		switch r.columns()[at] {
		case "image":
			*c = cell{kind: fileCell, content: inMemory(content)}
		case "label":
			c.kind, c.text = textCell, strconv.AppendUint(c.text[:0], uint64(label), 10)
		case "split":
			c.kind, c.text = textCell, append(c.text[:0], r.split...)
		}
	}
	return &r.record, nil
}

// short says that a file ends before the images that its header says.
func (r *idxRecords) short(err error, file string) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%s ends after %d of the %d images that the header says", file, r.record.n, r.head.dims[0])
	}
	return cause(err)
}

func (r *idxRecords) count(context.Context) int {
	if r.known {
		return int(r.head.dims[0])
	}
	return unknown
}

func (r *idxRecords) close() error { return errors.Join(r.in.close(), r.labels.close()) }
