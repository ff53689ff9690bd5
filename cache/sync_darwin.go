package cache

import (
	"os"
	"syscall"
)

// syncData makes the data of f durable. macOS has no fdatasync; Sync asks the
// drive itself to flush (F_FULLFSYNC).
func syncData(f *os.File) error { return f.Sync() }

// changed returns the time of the last change of a file's content or
// metadata, in nanoseconds since 1970.
func changed(st *syscall.Stat_t) int64 { return st.Ctimespec.Nano() }
