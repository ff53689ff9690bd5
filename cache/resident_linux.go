package cache

import "syscall"

// dropPages gives the pages of a mapped file back that are in memory. They are
// read from the file again where they are wanted.
func dropPages(b []byte) error { return syscall.Madvise(b, syscall.MADV_DONTNEED) }
