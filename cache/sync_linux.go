package cache

import (
	"os"
	"syscall"
)

// syncData makes the data of f durable, and as much of its metadata as is
// needed to read them back.
func syncData(f *os.File) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var syncErr error
	err = c.Control(func(fd uintptr) {
		for {
			if syncErr = syscall.Fdatasync(int(fd)); syncErr != syscall.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	if syncErr != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: syncErr}
	}
	return nil
}

// changed returns the time of the last change of a file's content or
// metadata, in nanoseconds since 1970.
func changed(st *syscall.Stat_t) int64 { return st.Ctim.Nano() }
