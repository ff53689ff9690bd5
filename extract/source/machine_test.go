package source

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

// What the machine is to blame for is told apart from what is wrong with a
// file, however deep it is wrapped.
func TestMachineErrors(t *testing.T) {
	d := &dir{name: "photos"}
	for errno, machine := range map[syscall.Errno]bool{
		syscall.EMFILE: true, syscall.ENFILE: true, syscall.EIO: true, syscall.ENOMEM: true, syscall.ENOSPC: true,
		syscall.ESTALE: true, syscall.ENOTCONN: true, syscall.ETIMEDOUT: true,
		syscall.ENOENT: false, syscall.EACCES: false, syscall.EPERM: false, syscall.ELOOP: false, syscall.EISDIR: false,
		syscall.ENAMETOOLONG: false, syscall.ENOTDIR: false, syscall.EINVAL: false, syscall.ENXIO: false,
	} {
		err := d.reason(fmt.Errorf("listing: %w", &fs.PathError{Op: "openat", Path: "a/b.png", Err: errno}))
		m, ok := errors.AsType[*MachineError](err)
		if ok != machine || ok && m.Errno != errno || !errors.Is(err, errno) {
			t.Errorf("%v: %v", errno, err)
		}
	}
	if err := d.reason(errors.New("other")); errors.As(err, new(*MachineError)) {
		t.Errorf("%v", err)
	}
}
