package extract

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/headstart-ml/headstart/cache"
)

// attach opens a space of c for a run. The writer is nil where nothing is to
// be kept, the reader where nothing is held.
func attach(c *cache.Cache, space *cache.Space, settings *Settings) (*cache.Writer, *cache.Reader, error) {
	if c == nil {
		return nil, nil, nil
	}
	writer, err := c.Writer(space, settings.Provenance)
	switch {
	case err == nil:
		if rec := writer.Recovery(); settings.Recovered != nil && (rec.Rows > 0 || len(rec.Quarantined) > 0) {
			settings.Recovered(rec)
		}
	case settings.Unwritable != nil && Unwritable(err):
		if err := settings.Unwritable(err); err != nil {
			return nil, nil, err
		}
	default:
		return nil, nil, err
	}
	reader, err := c.Reader(space)
	if err != nil && writer != nil {
		writer.Abandon()
	}
	return writer, reader, err
}

// Unwritable tells whether err, from making or writing a cache, says that this
// process may not write there, as opposed to a disk that is full or broken.
func Unwritable(err error) bool {
	return errors.Is(err, cache.ErrReadOnly) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}
