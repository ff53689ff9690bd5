package features

import (
	"fmt"
	"io"
)

// ReadFrom is Read without a file.
func ReadFrom(r io.ReaderAt, size int64) (*Set, error) {
	var s *Set
	err := read(r, size, func(f *file) (err error) {
		s, err = f.set()
		return err
	})
	return s, err
}

// Check says what would keep s from being written.
func Check(s *Set) error {
	if err := s.check(); err != nil {
		return err
	}
	if _, err := s.Meta.encode(s.N()); err != nil {
		return err
	}
	for i := range s.N() {
		r := s.row(i)
		if err := r.check(s.Meta.MultiLabel); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return nil
}
