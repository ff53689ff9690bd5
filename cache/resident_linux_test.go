package cache

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Release gives back the memory of rows that were read; they can be read again.
func TestRelease(t *testing.T) {
	c, s := newCache(t, nil), testSpace(t, 256)
	keys := testKeys(0, 16384) // 16 MiB
	write(t, c, s, len(keys), keys)
	r, err := c.Reader(s)
	if err != nil {
		t.Fatal(err)
	}
	refs := make([]Ref, len(keys))
	r.Locate(keys, refs)
	want, got := make([]float32, len(keys)*256), make([]float32, len(keys)*256)
	if err := r.RowsTo(want, refs); err != nil {
		t.Fatal(err)
	}
	before := residentFiles(t)
	if err := r.Release(); err != nil {
		t.Fatal(err)
	}
	if fell := before - residentFiles(t); fell < 15<<20 {
		t.Errorf("%d bytes fewer are resident, want 16 MiB", fell)
	}
	if err := r.RowsTo(got, refs); err != nil || !slices.Equal(got, want) {
		t.Errorf("the rows are read again: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Release(); err == nil {
		t.Error("a reader that is closed releases")
	}
}

// residentFiles is how many bytes of mapped files the process has in memory.
func residentFiles(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(status), "RssFile:")
	var kib int64
	if _, err := fmt.Sscan(line, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// Pages that the program has locked are not given back, and that is no error.
func TestLockedPages(t *testing.T) {
	b, err := syscall.Mmap(-1, 0, 2*os.Getpagesize(), syscall.PROT_READ, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(b)
	if err := syscall.Mlock(b); err != nil {
		t.Fatal(err)
	}
	if err := dropPages(b); err != nil {
		t.Error(err)
	}
}
