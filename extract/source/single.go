package source

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// single is an image file by itself.
type single struct {
	path   string
	sample *Sample // nil once it was read
}

func newSingle(path string) *single {
	s, name := File(path), filepath.Base(path)
	s.ID, s.Path = name, name
	if !utf8.ValidString(name) {
		s.ID, s.Path, s.content = printable(name), printable(name), &nowhere{errNotUTF8}
	}
	return &single{path, s}
}

func (f *single) next() (*Sample, error) {
	if f.sample == nil {
		return nil, io.EOF
	}
	s := f.sample
	f.sample = nil
	return s, nil
}

func (f *single) count(context.Context) int { return 1 }
func (f *single) close() error              { return nil }

// distinguish gives image files of one name the ids FOLDER/NAME, with as many
// folders as it takes to tell them apart: a/1.jpg and b/1.jpg.
func distinguish(parts []*part) error {
	alike := make(map[string][]*single)
	parts = slices.DeleteFunc(slices.Clone(parts), func(p *part) bool { return p.opened == nil })
	for _, p := range parts {
		if f, ok := p.reader.(*single); ok {
			alike[f.sample.ID] = append(alike[f.sample.ID], f)
		}
	}
	for _, p := range parts { // in their order, so that an error is always the same
		f, ok := p.reader.(*single)
		if !ok || len(alike[f.sample.ID]) < 2 {
			continue
		}
		files := alike[f.sample.ID]
		delete(alike, f.sample.ID)
		if err := nameApart(files); err != nil {
			return err
		}
	}
	return nil
}

// nameApart gives files of one name ids that differ.
func nameApart(files []*single) error {
	elements, most := make([][]string, len(files)), 0
	paths := make(map[string]bool)
	for i, f := range files {
		abs, err := filepath.Abs(f.path)
		if err != nil {
			return fmt.Errorf("source: %s: %w", f.path, err)
		}
		if paths[abs] {
			return fmt.Errorf("source: %s: given twice", f.path)
		}
		paths[abs] = true
		elements[i] = strings.Split(filepath.ToSlash(abs), "/")
		most = max(most, len(elements[i]))
	}
	for n := 2; ; n++ {
		ids := make(map[string]bool)
		for i, e := range elements {
			id := printable(strings.Join(e[max(0, len(e)-n):], "/"))
			files[i].sample.ID, files[i].sample.Path = id, id
			ids[id] = true
		}
		if len(ids) == len(files) || n >= most { // names that are not UTF-8 may be alike to the end
			return nil
		}
	}
}

// Singles tells whether each data set is one sample by itself: an image file,
// or texts that Texts was given.
func (s *Source) Singles() bool {
	for _, p := range s.parts {
		switch p.reader.(type) {
		case *single, *inHand:
		default:
			return false
		}
	}
	return true
}
