package numpy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

const (
	magic     = "\x93NUMPY"
	maxHeader = 64 << 10 // bytes of the text of a header; NumPy itself reads 10,000
	maxRank   = 64       // NumPy's own limit
)

// header is what stands before the values of an array.
type header struct {
	descr   string // of the type
	records bool   // the type is one of records instead
	fortran bool
	shape   []int64
	length  int64 // of all of it, in bytes
}

// readHeader reads the header of a .npy file of version 1, 2 or 3
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
func readHeader(r io.Reader) (*header, error) {
	begin := make([]byte, 12)
	got, err := io.ReadFull(r, begin[:10])
	switch {
	case got > 0 && !strings.HasPrefix(magic, string(begin[:min(got, len(magic))])):
		return nil, errors.New("it does not begin as a .npy file does")
	case err != nil:
		return nil, short(err, "it ends in the first bytes of its header")
	}
	n, length := int64(binary.LittleEndian.Uint16(begin[8:])), int64(10)
	switch begin[6] {
	case 1:
	case 2, 3:
		if _, err := io.ReadFull(r, begin[10:]); err != nil {
			return nil, short(err, "it ends in the first bytes of its header")
		}
		n, length = int64(binary.LittleEndian.Uint32(begin[8:])), 12
	default:
		return nil, fmt.Errorf("version %d.%d of the format of .npy files, where 1 to 3 are known", begin[6], begin[7])
	}
	if n > maxHeader {
		return nil, fmt.Errorf("its header says that it has %d bytes, over the limit of %d", n, maxHeader)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, short(err, fmt.Sprintf("it ends inside its header, which says that it has %d bytes", n))
	}
	h, err := parseHeader(string(text))
	if err != nil {
		return nil, fmt.Errorf("its header %.200q: %w", strings.TrimSpace(string(text)), err)
	}
	h.length = length + n
	return h, nil
}

// short says what it means that a reader ends too early.
func short(err error, meaning string) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New(meaning)
	}
	return err
}

// parseHeader reads the text of a header: a dictionary of Python's with the
// keys descr, fortran_order and shape, each once.
func parseHeader(text string) (*header, error) {
	h, s := new(header), &scanner{text: text}
	seen := make(map[string]bool)
	if !s.take("{") {
		return nil, errors.New("it is no dictionary")
	}
	for !s.take("}") {
		key, err := s.quoted()
		if err != nil {
			return nil, err
		}
		if seen[key] {
			return nil, fmt.Errorf("the key %q is there twice", key)
		}
		if seen[key] = true; !s.take(":") {
			return nil, fmt.Errorf("no value follows the key %q", key)
		}
		switch key {
		case "descr":
			if h.records = s.at("["); h.records {
				err = s.list()
			} else {
				h.descr, err = s.quoted()
			}
		case "fortran_order":
			switch {
			case s.take("True"):
				h.fortran = true
			case !s.take("False"):
				err = errors.New("fortran_order is neither True nor False")
			}
		case "shape":
			h.shape, err = s.shape()
		default:
			err = fmt.Errorf("the key %.60q, where descr, fortran_order and shape are known", key)
		}
		if err != nil {
			return nil, err
		}
		if !s.take(",") && !s.at("}") {
			return nil, fmt.Errorf("no comma behind the value of %q", key)
		}
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if !seen[key] {
			return nil, fmt.Errorf("it has no %s", key)
		}
	}
	if s.skip(); s.text != "" {
		return nil, fmt.Errorf("%.60q behind its end", s.text)
	}
	return h, nil
}

// scanner reads the few things that a header is made of.
type scanner struct{ text string }

func (s *scanner) skip() { s.text = strings.TrimLeft(s.text, " \t\r\n") }

// at says whether word comes next.
func (s *scanner) at(word string) bool {
	s.skip()
	return strings.HasPrefix(s.text, word)
}

// take is at, and goes on behind word.
func (s *scanner) take(word string) bool {
	if !s.at(word) {
		return false
	}
	s.text = s.text[len(word):]
	return true
}

// quoted reads a text in quotes, in which there is no escape.
func (s *scanner) quoted() (string, error) {
	s.skip()
	if s.text != "" && (s.text[0] == '\'' || s.text[0] == '"') {
		if i := strings.IndexByte(s.text[1:], s.text[0]); i >= 0 && !strings.Contains(s.text[1:1+i], `\`) {
			word := s.text[1 : 1+i]
			s.text = s.text[i+2:]
			return word, nil
		}
	}
	return "", fmt.Errorf("%.60q, where a text in quotes is wanted", s.text)
}

// list passes the list that describes records.
func (s *scanner) list() error {
	depth := 0
	for i := 0; i < len(s.text); i++ {
		switch s.text[i] {
		case '[':
			depth++
		case ']':
			depth--
		case '\'', '"': // names may have brackets in them
			end := strings.IndexByte(s.text[i+1:], s.text[i])
			if end < 0 {
				return errors.New("a text in quotes has no end")
			}
			i += end + 1
		}
		if depth == 0 {
			s.text = s.text[i+1:]
			return nil
		}
	}
	return errors.New("the list of its columns has no end")
}

// shape reads a tuple of whole numbers that are not negative.
func (s *scanner) shape() ([]int64, error) {
	if !s.take("(") {
		return nil, fmt.Errorf("its shape %.60q is no tuple", s.text)
	}
	var shape []int64
	for !s.take(")") {
		s.skip()
		n := 0
		for n < len(s.text) && '0' <= s.text[n] && s.text[n] <= '9' {
			n++
		}
		d, err := strconv.ParseInt(s.text[:n], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%.60q in its shape is no number of rows or columns", s.text)
		}
		s.text = strings.TrimPrefix(s.text[n:], "L") // as Python 2 writes it
		if !s.take(",") && !s.at(")") {
			return nil, fmt.Errorf("%.60q in its shape", s.text)
		}
		if shape = append(shape, d); len(shape) > maxRank {
			return nil, fmt.Errorf("more than %d dimensions", maxRank)
		}
	}
	return shape, nil
}

// bytesOfShape returns how many bytes an array of values of that size has,
// false if no file can have as many.
func bytesOfShape(shape []int64, size int) (int64, bool) {
	n := int64(max(size, 1))
	for _, d := range shape {
		if d == 0 {
			return 0, true
		}
		if n > math.MaxInt64/2/d {
			return 0, false
		}
		n *= d
	}
	return n / int64(max(size, 1)) * int64(size), true
}
