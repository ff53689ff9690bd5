package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/headstart-ml/headstart/extract/source"
)

// A run that the machine has ended says what to do, and that it is no sample's
// fault.
func TestAFailureOfTheMachineIsAnswered(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.EMFILE: "ulimit -n", syscall.ENOMEM: "free memory", syscall.EIO: "see to the disk",
	} {
		err := &commandError{"extract", fmt.Errorf("extract: a.png: %w", &source.MachineError{Errno: errno, Err: errno})}
		var b bytes.Buffer
		if code := conclude(t.Context(), &b, err); code != exitFailed {
			t.Errorf("exit code %d", code)
		}
		if said := b.String(); !strings.HasPrefix(said, "headstart: extract: a.png: a failure of the machine, not of the sample: "+errno.Error()+"\n") ||
			!strings.Contains(said, want) || strings.Count(said, "\n") != 2 {
			t.Errorf("%v: %q", errno, said)
		}
	}
}

// So of the cache, whose files are nobody's samples; other errors get no such
// line.
func TestAFailureOfTheDiskIsAnswered(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.EMFILE: "ulimit -n", syscall.ENOSPC: "make room", syscall.EIO: "", syscall.EACCES: "",
	} {
		var b bytes.Buffer
		conclude(t.Context(), &b, &commandError{"extract", fmt.Errorf("cache: c: %w", &fs.PathError{Op: "openat", Path: "spaces", Err: errno})})
		said := b.String()
		if (strings.Count(said, "\n") == 2) != (want != "") || !strings.Contains(said, want) || strings.Contains(said, "in the cache") {
			t.Errorf("%v: %q", errno, said)
		}
	}
}
