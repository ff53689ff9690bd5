//go:build !linux

package simd

import (
	"slices"
	"testing"
	"unsafe"
)

// guarded returns room for n elements between marks, which the test must not
// have written over when it ends.
func guarded[T any](t testing.TB, n int, _ bool) []T {
	const fence = 64
	all := make([]T, n+2*fence)
	size := int(unsafe.Sizeof(all[0]))
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(&all[0])), len(all)*size)
	marks := slices.Repeat([]byte{0xa5}, fence*size)
	before, behind := bytes[:len(marks)], bytes[len(bytes)-len(marks):]
	copy(before, marks)
	copy(behind, marks)
	t.Cleanup(func() {
		if !slices.Equal(before, marks) || !slices.Equal(behind, marks) {
			t.Errorf("written outside of %d elements", n)
		}
	})
	return all[fence : fence+n : fence+n]
}
