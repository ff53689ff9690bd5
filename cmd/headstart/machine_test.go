package main

import (
	"bytes"
	"fmt"
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
