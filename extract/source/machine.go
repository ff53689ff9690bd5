package source

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
)

// MachineError is a failure of the machine, or of the file system, while a
// sample was read: too many open files, a broken disk, a server that is gone.
// It says nothing about the sample, which would be read another time.
type MachineError struct {
	Errno syscall.Errno
	Err   error // Errno, and where it was met
}

func (e *MachineError) Error() string {
	return fmt.Sprintf("a failure of the machine, not of the sample: %v", e.Err)
}

func (e *MachineError) Unwrap() error { return e.Err }

// Failure returns an error with the place of s if err, of reading s, is a
// failure of the machine, and nil if s could be read or is bad.
func Failure(s *Sample, err error) error {
	if m, ok := errors.AsType[*MachineError](err); ok {
		return fmt.Errorf("%s: %w", s.Place(), m)
	}
	return nil
}

// machineErrors are those of open, read and stat that have nothing to do with
// what is opened and read.
var machineErrors = []syscall.Errno{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.ENODEV,
	syscall.ESTALE, syscall.ENOTCONN, syscall.ETIMEDOUT, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED,
	syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.ENETUNREACH, // of network file systems
}

// machine returns the *MachineError that an error of the file system stands
// for, or nil if it is about the file that was asked for.
func machine(err error) *MachineError {
	if errno, ok := errors.AsType[syscall.Errno](err); ok && slices.Contains(machineErrors, errno) {
		return &MachineError{errno, cause(err)}
	}
	return nil
}
