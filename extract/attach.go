package extract

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/headstart-ml/headstart/cache"
)

// attach opens the spaces of taps in c for a run. The writers are nil where
// nothing is to be kept, the readers where nothing is held.
func attach(c *cache.Cache, t *taps, settings *Settings) (*writers, *readers, error) {
	if c == nil {
		return nil, nil, nil
	}
	w, err := openWriters(c, t, settings, nil)
	if err != nil && Unwritable(err) {
		if settings.Unwritable == nil {
			return nil, nil, &UnwritableError{err}
		}
		err = settings.Unwritable(err)
	}
	if err != nil {
		return nil, nil, err
	}
	r, err := openReaders(c, t)
	if err != nil && w != nil {
		w.abandon()
	}
	return w, r, err
}

// UnwritableError says that a cache cannot be written, which Unwritable holds
// of.
type UnwritableError struct{ Err error }

func (e *UnwritableError) Error() string { return e.Err.Error() }
func (e *UnwritableError) Unwrap() error { return e.Err }

// Unwritable tells whether err, from making or writing a cache, says that this
// process may not write there, as opposed to a disk that is full or broken.
func Unwritable(err error) bool {
	return errors.Is(err, cache.ErrReadOnly) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}
