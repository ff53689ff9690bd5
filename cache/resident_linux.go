package cache

import "syscall"

// dropPages gives the pages of a mapped file back that are in memory. They are
// read from the file again where they are wanted. Pages that the program has
// locked stay where they are: that they should stay is what it asked for.
func dropPages(b []byte) error {
	if err := syscall.Madvise(b, syscall.MADV_DONTNEED); err != syscall.EINVAL {
		return err
	}
	return nil
}
