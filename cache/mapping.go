package cache

import (
	"errors"
	"os"
	"runtime/debug"
	"syscall"
	"unsafe"
)

// mapFile maps the first size bytes of f for reading; size ≥ 1.
func mapFile(f *os.File, size int64) ([]byte, error) {
	c, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var b []byte
	var mapErr error
	err = c.Control(func(fd uintptr) {
		b, mapErr = syscall.Mmap(int(fd), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	})
	if err == nil && mapErr != nil {
		err = &os.PathError{Op: "mmap", Path: f.Name(), Err: mapErr}
	}
	return b, err
}

// unmap releases what mapFile returned.
func unmap(b []byte) error { return syscall.Munmap(b) }

// errFault is the error for a mapped page that cannot be read.
var errFault = errors.New("cut short while it was read, or unreadable")

// guard calls f and turns a fault on mapped memory, which would end the
// process, into errFault. A mapping faults when its file has become shorter
// or its device fails.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(interface{ Addr() uintptr }); !ok {
				panic(p)
			}
			err = errFault
		}
	}()
	return f()
}

// floatsOf views little-endian bytes at a multiple of four as float32.
func floatsOf(b []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

// halvesOf views little-endian bytes at a multiple of two as uint16.
func halvesOf(b []byte) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/2)
}

// bytesOf views float32 as little-endian bytes.
func bytesOf(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}
