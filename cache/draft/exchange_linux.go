package draft

import (
	"runtime"
	"syscall"
	"unsafe"
)

// exchange swaps two names of a folder, so that each is there at any time. The
// error is ENOSYS or EINVAL where the kernel or the file system cannot.
func exchange(a, b string) error {
	number := map[string]uintptr{"amd64": 316, "arm64": 276, "riscv64": 276, "loong64": 276}[runtime.GOARCH] // of renameat2
	if number == 0 {
		return syscall.ENOSYS
	}
	from, err := syscall.BytePtrFromString(a)
	if err != nil {
		return err
	}
	to, err := syscall.BytePtrFromString(b)
	if err != nil {
		return err
	}
	const (
		here = -100 // AT_FDCWD
		swap = 2    // RENAME_EXCHANGE
	)
	at := here
	for {
		_, _, errno := syscall.Syscall6(number, uintptr(at), uintptr(unsafe.Pointer(from)), uintptr(at), uintptr(unsafe.Pointer(to)), swap, 0)
		switch errno {
		case 0:
			return nil
		case syscall.EINTR:
		default:
			return errno
		}
	}
}
