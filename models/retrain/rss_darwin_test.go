package retrain

import "syscall"

// resident returns the most bytes of memory that the process has had
// (getrusage(2)).
func resident() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage.Maxrss
}
