package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
)

// openCache opens the cache that is there.
func openCache(c *common) (*cache.Cache, error) {
	store, err := cache.Open(c.cacheDir, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no cache at %s; --cache names another, and headstart extract makes one", c.cacheDir)
	}
	return store, err
}

// cacheToFill opens the cache that the features are in, for writing if that is
// allowed.
func cacheToFill(c *common) (*cache.Cache, error) {
	store, err := openCache(c) // to make one would be of no use: it has the features
	if err != nil {
		return nil, err
	}
	store.Close()
	return createOrOpen(c.cacheDir, func(error) error { return nil })
}

// createOrOpen opens the cache in dir for writing. If this user may not write
// there, it asks unwritable, which is given the reason, whether to go on, and
// opens what there is for reading: nil, if that is nothing.
func createOrOpen(dir string, unwritable func(reason error) error) (*cache.Cache, error) {
	store, err := cache.Create(dir, nil)
	if !extract.Unwritable(err) {
		return store, err
	}
	if err := unwritable(err); err != nil {
		return nil, err
	}
	store, err = cache.Open(dir, nil)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	return store, err
}

// unwritable is the error of a command that cannot do without writing to the
// cache in dir.
func unwritable(dir string, reason error) error {
	return fmt.Errorf("the cache at %s cannot be written (%s); let this user write to it, or name another with --cache", dir, denial(reason))
}

// denial says why extract.Unwritable holds.
func denial(reason error) string {
	if errors.Is(reason, syscall.EROFS) {
		return "the file system is read-only"
	}
	return "permission denied"
}
