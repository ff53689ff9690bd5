package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/headstart-ml/headstart/cache/draft"
)

// ErrNoClient is the error where neither pip nor npm is there to download with.
var ErrNoClient = errors.New("neither pip nor npm is here to download ONNX Runtime with")

// ClientError says that pip or npm did not download.
type ClientError struct {
	Client  string // "pip", "npm"
	Package string // with its version
	Words   string // the last lines that it said
}

func (e *ClientError) Error() string {
	return fmt.Sprintf("%s could not download %s: %s", e.Client, e.Package, e.Words)
}

// pips are the ways to call pip, in the order in which they are tried.
var pips = [][]string{{"python3", "-m", "pip"}, {"pip3"}, {"python", "-m", "pip"}, {"pip"}}

// fetch downloads the official archive for a platform with pip, or else npm,
// into a folder and returns its path. note is told why npm is tried.
func fetch(ctx context.Context, p *platform, dir string, note func(string)) (string, error) {
	pip := workingPip(ctx)
	if pip != nil {
		archive, err := fetchWheel(ctx, pip, p, dir)
		if err == nil || ctx.Err() != nil {
			return archive, err
		}
		if _, e := exec.LookPath("npm"); e != nil {
			return "", err
		}
		note(err.Error() + "; trying npm")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		return "", ErrNoClient
	}
	name := "onnxruntime-node@" + NpmVersion
	if err := call(ctx, "npm", name, dir, "npm", "pack", "--silent", name); err != nil {
		return "", err
	}
	return filepath.Join(dir, "onnxruntime-node-"+NpmVersion+".tgz"), nil
}

// workingPip returns the first pip that works, nil if there is none.
func workingPip(ctx context.Context) []string {
	for _, pip := range pips {
		if command(ctx, ".", append(pip[:len(pip):len(pip)], "--version")...).Run() == nil {
			return pip
		}
	}
	return nil
}

// fetchWheel downloads the wheel. No matching Python is needed: only the
// library is taken out of it.
func fetchWheel(ctx context.Context, pip []string, p *platform, dir string) (string, error) {
	name := "onnxruntime==" + Version
	err := call(ctx, "pip", name, dir, append(pip[:len(pip):len(pip)], "download", "--quiet", "--disable-pip-version-check",
		"--no-deps", "--only-binary=:all:", "--python-version", "3.12", "--platform", p.wheel, "--dest", dir, name)...)
	if err != nil {
		return "", err
	}
	entries, err := draft.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".whl") {
			return filepath.Join(dir, e.Name()), nil
		}
	}
	return "", &ClientError{"pip", name, "it left no wheel"}
}

// call runs a client in a folder.
func call(ctx context.Context, client, what, dir string, words ...string) error {
	var said tail
	c := command(ctx, dir, words...)
	c.Stdout, c.Stderr = &said, &said
	err := c.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &ClientError{client, what, said.last(err)}
	}
	return nil
}

// command is a program with its arguments. When ctx ends it is asked to end, as
// by Ctrl-C, before it is made to.
func command(ctx context.Context, dir string, words ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	c.Dir = dir
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 500 * time.Millisecond
	return c
}

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

func (t *tail) Write(b []byte) (int, error) {
	t.text = append(t.text, b...)
	if n := len(t.text) - 4<<10; n > 0 {
		t.text = t.text[n:]
	}
	return len(b), nil
}

// last returns the last line, or the error of a program that said nothing.
func (t *tail) last(err error) string {
	lines := bytes.Split(bytes.TrimSpace(t.text), []byte("\n"))
	if last := strings.TrimSpace(string(lines[len(lines)-1])); last != "" {
		return last
	}
	return err.Error()
}
