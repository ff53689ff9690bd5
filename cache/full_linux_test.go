package cache

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A file system of a few megabytes, in a name space of its own, is filled by
// every scenario: what does not fit is an error, nothing acknowledged is lost,
// and with more room the same run completes.
func TestFullDisk(t *testing.T) {
	sizes := []int{1, 2, 4, 8} // MiB
	if !fullScale {
		sizes = sizes[:2]
	}
	for _, size := range sizes {
		t.Run(strconv.Itoa(size)+" MiB", func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "CACHE_TEST_CHILD="+t.TempDir()+" full "+strconv.Itoa(size))
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
				UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
			}
			out, err := cmd.CombinedOutput()
			text := strings.TrimSpace(string(out))
			if cmd.Process == nil || cmd.ProcessState.ExitCode() == exitNoMount {
				t.Logf("no name space of its own (%v %s): a limit of file sizes is used instead, by TestFileSizeLimit", err, text)
				return
			}
			if err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			t.Logf("on a tmpfs in a user name space: %s", text)
			countFull.n.Add(int64(strings.Count(text, "full")))
		})
	}
}

// mountSmall mounts a file system of size MiB at dir; again, it changes its
// size.
func mountSmall(dir string, size int, again bool) error {
	flags := uintptr(0)
	if again {
		flags = syscall.MS_REMOUNT
	}
	return syscall.Mount("small", dir, "tmpfs", flags, "size="+strconv.Itoa(size)+"m")
}
