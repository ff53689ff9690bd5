package file

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// aloneVariable says what a child process of the tests below does, and where.
const aloneVariable = "HEADSTART_ALONE_CHILD"

// aloneFiles are the files below a folder with their contents.
func aloneFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, dir)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestAloneChild is what the tests below run in a process of its own.
func TestAloneChild(t *testing.T) {
	what, rest, ok := strings.Cut(os.Getenv(aloneVariable), " ")
	if !ok {
		t.Skip("the other tests run it")
	}
	format, path, _ := strings.Cut(rest, " ")
	write := func(classes int) error {
		_, err := WriteAlone(example("softmax", classes, 300, false), FormatOf(format), &AloneOptions{Path: path, Replace: true})
		return err
	}
	if what == "full" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4 << 10, Max: 4 << 10}); err != nil {
			t.Fatal(err)
		}
		if err := write(7); !errors.Is(err, syscall.EFBIG) || strings.Contains(err.Error(), ".tmp") {
			t.Errorf("%v", err)
		}
		return
	}
	for i := 0; ; i++ {
		if err := write(5 + i%2); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			fmt.Println("begun")
		}
	}
}

// A disk that is full half-way, and a process that is killed, leave the old
// head or the new one, whole, and nothing that the next one does not remove.
func TestAloneIsWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, format := range Formats {
		root := t.TempDir()
		path := filepath.Join(root, "out")
		wholes := map[string]map[string]string{}
		for _, classes := range []int{5, 6} {
			if _, err := WriteAlone(example("softmax", classes, 300, false), &format, &AloneOptions{Path: path, Replace: true}); err != nil {
				t.Fatal(err)
			}
			wholes[fmt.Sprint(classes)] = aloneFiles(t, root)
		}
		child := func(what string) *exec.Cmd {
			c := exec.Command(os.Args[0], "-test.run", "^TestAloneChild$", "-test.v")
			c.Env = append(os.Environ(), aloneVariable+"="+what+" "+format.Name+" "+path)
			return c
		}
		if said, err := child("full").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		if !maps.Equal(aloneFiles(t, root), wholes["6"]) {
			t.Errorf("%s: a full disk has changed what was there", format.Name)
		}
		for range 5 {
			c := child("killed")
			out, err := c.StdoutPipe()
			if err == nil {
				err = c.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			said, buffer := "", make([]byte, 1<<10)
			for !strings.Contains(said, "begun") {
				n, err := out.Read(buffer)
				if said += string(buffer[:n]); err != nil {
					t.Fatalf("%v: %s", err, said)
				}
			}
			time.Sleep(time.Duration(r.IntN(20_000)) * time.Microsecond)
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			c.Wait()
			have := aloneFiles(t, root)
			maps.DeleteFunc(have, func(name, _ string) bool { return strings.HasPrefix(name, "/.out.") })
			if !maps.Equal(have, wholes["5"]) && !maps.Equal(have, wholes["6"]) {
				t.Fatalf("%s: after a kill there are %d files, and they are of no one head", format.Name, len(have))
			}
		}
		if _, err := WriteAlone(example("softmax", 5, 300, false), &format, &AloneOptions{Path: path, Replace: true}); err != nil || !maps.Equal(aloneFiles(t, root), wholes["5"]) {
			t.Errorf("%s: %v, or something is left", format.Name, err)
		}
	}
}
