package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/runtime"
)

func doctorCommand(e *env) *command {
	return &command{
		name: "doctor",
		does: "says whether everything is here to run, and what to type if not",
		about: "It looks for the ONNX Runtime library and starts it, writes to the cache's folder and locks there, " +
			"and lists the built-in backbones. It leaves nothing behind.",
		examples: []string{
			"headstart doctor",
			"headstart doctor --cache big/cache --json",
			"headstart doctor --runtime lib/libonnxruntime.so",
		},
		flags: commonFlags("cache", "threads", "runtime", "json", "quiet", "no-color"),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			return runDoctor(ctx.Context, c, builtin.FS(), e)
		},
	}
}

// diagnosis is what doctor finds out, and what `doctor --json` prints.
type diagnosis struct {
	OK        bool             `json:"ok"`
	Version   string           `json:"version"`
	Runtime   runtimeDiagnosis `json:"runtime"`
	Cache     cacheDiagnosis   `json:"cache"`
	CPU       cpuDiagnosis     `json:"cpu"`
	Backbones []string         `json:"backbones"`
}

type runtimeDiagnosis struct {
	OK      bool              `json:"ok"`
	Minimum string            `json:"minimum"`
	Path    string            `json:"path,omitempty"`
	Version string            `json:"version,omitempty"`
	Place   string            `json:"place,omitempty"` // why this file
	Tried   []attemptReported `json:"tried,omitempty"`
	Install []string          `json:"install,omitempty"` // commands of which one installs it, if it is missing
}

type attemptReported struct {
	Place   string `json:"place"`
	Path    string `json:"path"`
	Version string `json:"version,omitempty"`
	Reason  string `json:"reason"`
}

type cacheDiagnosis struct {
	OK        bool   `json:"ok"`
	Path      string `json:"path"`
	Exists    bool   `json:"exists"`
	FreeBytes uint64 `json:"free_bytes"`
	Reason    string `json:"reason,omitempty"` // why it will not do
}

type cpuDiagnosis struct {
	Platform string `json:"platform"`
	CPUs     int    `json:"cpus"`    // that this process may be put on
	Threads  int    `json:"threads"` // that commands will use
}

// errRuntimeMissing ends a command that looks for a library and finds none.
var errRuntimeMissing = errors.New("ONNX Runtime is missing")

func runDoctor(_ context.Context, c *common, backbones fs.FS, e *env) error {
	d := diagnosis{
		Version: version(),
		Runtime: diagnoseRuntime(c.runtime),
		Cache:   diagnoseCache(c.cacheDir),
		CPU: cpuDiagnosis{
			Platform: goruntime.GOOS + "/" + goruntime.GOARCH,
			CPUs:     goruntime.NumCPU(),
			Threads:  c.threads,
		},
	}
	folders, err := fs.ReadDir(backbones, ".")
	if err != nil {
		return fmt.Errorf("built-in backbones: %w", err)
	}
	for _, f := range folders {
		if f.IsDir() {
			d.Backbones = append(d.Backbones, f.Name())
		}
	}
	d.OK = d.Runtime.OK && d.Cache.OK

	if c.json {
		if err := e.printJSON(d); err != nil {
			return err
		}
	} else if err := d.print(c, e); err != nil {
		return err
	}
	switch {
	case !d.Runtime.OK && !d.Cache.OK:
		return errors.New("ONNX Runtime and a folder for the cache are missing")
	case !d.Runtime.OK:
		return errRuntimeMissing
	case !d.Cache.OK:
		return errors.New("a folder for the cache is missing")
	}
	return nil
}

// print writes the diagnosis for a person, with --quiet only what is missing.
func (d *diagnosis) print(c *common, e *env) error {
	var b strings.Builder
	colour := e.stdoutIsTerminal && !c.noColor
	line := func(what string, ok bool, format string, a ...any) {
		if ok && c.quiet {
			return
		}
		mark, sgr := "ok", "32" // green and red of ECMA-48, SGR
		if !ok {
			mark, sgr = "MISSING", "31"
		}
		pad := strings.Repeat(" ", 9-len(mark))
		if colour {
			mark = e.paint(sgr, mark)
		}
		fmt.Fprintf(&b, "%-11s%s%s%s\n", what, mark, pad, fmt.Sprintf(format, a...))
	}
	more := func(format string, a ...any) {
		fmt.Fprintf(&b, "%20s%s\n", "", fmt.Sprintf(format, a...))
	}

	if !c.quiet {
		fmt.Fprintf(&b, "headstart %s\n\n", d.Version)
	}
	r := &d.Runtime
	if r.OK {
		line("runtime", true, "%s, version %s (%s); %s or newer fits", r.Path, r.Version, r.Place, r.Minimum)
	} else {
		line("runtime", false, "no ONNX Runtime library, version %s or newer", r.Minimum)
	}
	for _, t := range r.Tried {
		if !r.OK || t.Version != "" && !c.quiet { // an old one that was passed over is worth a word
			more("looked at %s: %s", t.Path, t.Reason)
		}
	}
	for i, command := range r.Install {
		word := "to install one:"
		if i > 0 {
			word = "or:"
		}
		more("%s %s", word, command)
	}
	if d.Cache.OK {
		will := ""
		if !d.Cache.Exists {
			will = " (will be made)"
		}
		line("cache", true, "%s%s: can be written and locked, %s free", d.Cache.Path, will, bytesOf(d.Cache.FreeBytes))
	} else {
		line("cache", false, "%s: %s", d.Cache.Path, d.Cache.Reason)
		more("name another folder with --cache DIR or HEADSTART_CACHE")
	}
	line("processor", true, "%s, %s, %s", d.CPU.Platform, counted(d.CPU.CPUs, "CPU"), counted(d.CPU.Threads, "thread"))
	line("backbones", true, "%s", strings.Join(d.Backbones, ", "))
	_, err := fmt.Fprint(e.stdout, b.String())
	return err
}

// diagnoseRuntime finds the library and starts it.
func diagnoseRuntime(explicit string) runtimeDiagnosis {
	d := runtimeDiagnosis{Minimum: runtime.Minimum}
	var tried []runtime.Attempt
	where, err := runtime.Find(explicit)
	if err == nil {
		tried = where.Tried
		d.Path, d.Version, d.Place = where.Path, where.Version, placeOf(where.Place)
		var l *runtime.Library
		if l, err = runtime.Open(where.Path); err == nil {
			err = l.Close()
		}
	}
	var le *runtime.LibraryError
	if errors.As(err, &le) {
		tried = append(tried, le.Tried...)
	} else if err != nil {
		tried = append(tried, runtime.Attempt{Place: d.Place, Path: d.Path, Version: d.Version, Err: err})
	}
	for _, t := range tried {
		d.Tried = append(d.Tried, attemptReported{Place: placeOf(t.Place), Path: t.Path, Version: t.Version, Reason: t.Err.Error()})
	}
	d.OK = err == nil
	if !d.OK {
		d.Install = runtime.Install()
	}
	return d
}

// placeOf names a place where a library was looked for: the flag, where the
// room that looks for it knows of none.
func placeOf(place string) string {
	if place == runtime.AskedFor {
		return "--runtime"
	}
	return place
}

// diagnoseCache tries what the cache needs of its folder: files that can be
// written and locked. As long as there is no such folder, the nearest one
// above it is tried, in which it will be made.
func diagnoseCache(dir string) cacheDiagnosis {
	d := cacheDiagnosis{Path: dir}
	if abs, err := filepath.Abs(dir); err == nil {
		d.Path = abs
	}
	at := d.Path
	for {
		info, err := os.Stat(at)
		if err == nil && !info.IsDir() {
			d.Reason = at + " is not a folder"
			return d
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || filepath.Dir(at) == at {
			d.Reason = reason(err)
			return d
		}
		at = filepath.Dir(at)
	}
	d.Exists = at == d.Path
	if err := tryLock(at); err != nil {
		d.Reason = reason(err)
		return d
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(at, &st); err != nil {
		d.Reason = "its free space: " + reason(err)
		return d
	}
	d.FreeBytes = uint64(st.Bavail) * uint64(st.Bsize)
	if d.FreeBytes < 16<<20 {
		d.Reason = "only " + bytesOf(d.FreeBytes) + " are free"
		return d
	}
	d.OK = true
	return d
}

// tryLock makes a file in dir and checks that a lock on it keeps another one
// out, which some network file systems pretend only.
func tryLock(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return fmt.Errorf("cannot be written to: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.WriteString("headstart doctor\n"); err != nil {
		return fmt.Errorf("cannot be written to: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("cannot be synced: %w", err)
	}
	other, err := os.Open(f.Name())
	if err != nil {
		return err
	}
	defer other.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("its file system cannot lock: %w", err)
	}
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		return errors.New("its file system does not respect locks")
	}
	return nil
}

// reason is what an error says, without the names of temporary files.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		head, _, _ := strings.Cut(err.Error(), pe.Error())
		return head + pe.Err.Error()
	}
	return err.Error()
}

// bytesOf writes a number of bytes with a unit.
func bytesOf(n uint64) string {
	const units = "KMGTPE"
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	x, i := float64(n)/(1<<10), 0
	for x >= 1000 && i < len(units)-1 {
		x /= 1 << 10
		i++
	}
	return fmt.Sprintf("%.3g %ciB", x, units[i])
}
