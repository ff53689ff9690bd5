package retrain

import (
	"fmt"
	"os"
	"runtime/debug"
)

// resident returns the bytes of memory that the process has, without what Go
// could give back (proc(5), statm).
func resident() int64 {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		panic(err)
	}
	return pages * int64(os.Getpagesize())
}
