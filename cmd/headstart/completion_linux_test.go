package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// onTerminal starts a program whose terminal the two ends are of, and returns
// what types and what has been shown.
func onTerminal(t *testing.T, name string, args ...string) (io.Writer, *lines) {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("there are no terminals here: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	n, err := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	far, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	if err := unix.IoctlSetWinsize(int(far.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: 200}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, far
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	shown := newLines()
	go func() { _, _ = io.Copy(shown, near) }() // until the terminal is closed
	return near, shown
}

// TestCompletionOnATerminal presses Tab in the shells that there are.
func TestCompletionOnATerminal(t *testing.T) {
	for _, sh := range []struct {
		name  string
		args  []string
		setUp string
	}{
		{"bash", []string{"--norc", "-i"}, "source <(headstart completion bash)"},
		{"zsh", []string{"-f", "-i"}, "autoload -Uz compinit; compinit -u -D; source <(headstart completion zsh)"},
		// As a file in $fpath, too.
		{"zsh", []string{"-f", "-i"}, "mkdir f; headstart completion zsh > f/_headstart; fpath=($PWD/f $fpath); autoload -Uz compinit; compinit -u -D"},
	} {
		t.Run(sh.name, func(t *testing.T) {
			path := shell(t, sh.name)
			completionPlace(t)
			t.Setenv("TERM", "dumb")
			t.Setenv("HOME", t.TempDir())
			keys, shown := onTerminal(t, path, sh.args...)
			press := func(what, want string) {
				t.Helper()
				if _, err := io.WriteString(keys, what); err != nil {
					t.Fatal(err)
				}
				shown.wait(t, want)
			}
			press("PS1='> '\n"+sh.setUp+"\necho re''ady\n", "ready")
			for _, test := range []struct{ typed, want string }{
				{"headstart ext\t", "headstart extract "},
				{"headstart train-head --clas\t", "headstart train-head --class-weight "},
				{"headstart cache w\t", "headstart cache why "},
				{"headstart train-head tw\t", `headstart train-head two\ words.features `},
				{"headstart train-head --cv 2 on\t", "headstart train-head --cv 2 one.features "},
				{"headstart predict x.head.onnx two.\t", "headstart predict x.head.onnx two.txt "},
				{"headstart extract --out=two.\t", "headstart extract --out=two.txt "},
				{"headstart extract --backbone=all\t", "headstart extract --backbone=all-minilm-l6-v2 "},
				{"headstart export x.head.onnx --out new\t", `headstart export x.head.onnx --out new\ photos/`},
			} {
				press(test.typed, test.want)
				press("\x15", "") // away with the line
			}
		})
	}
}
