package simd

import (
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns room for n elements between two pages that must not be
// touched: they end where one begins, or begin where one ends. T has no
// pointers.
func guarded[T any](t testing.TB, n int, atEnd bool) []T {
	size := int(unsafe.Sizeof(*new(T)))
	page := syscall.Getpagesize()
	inside := max(1, (n*size+page-1)/page) * page
	mem, err := syscall.Mmap(-1, 0, inside+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(mem); err != nil {
			t.Error(err)
		}
	})
	for _, p := range [][]byte{mem[:page], mem[page+inside:]} {
		if err := syscall.Mprotect(p, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	at := page
	if atEnd {
		at += inside - n*size
	}
	if n == 0 {
		return []T{}
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&mem[at])), n)
}
