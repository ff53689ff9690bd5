package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/models/library"
	"github.com/headstart-ml/headstart/models/runtime"
)

func runtimeCommand(e *env) *command {
	return &command{
		name:        "runtime",
		does:        "gets the ONNX Runtime library, and shows which one is used",
		examples:    []string{"headstart runtime install", "headstart runtime show"},
		subcommands: []*command{runtimeInstallCommand(e), runtimeShowCommand(e)},
	}
}

func runtimeInstallCommand(e *env) *command {
	return &command{
		name: "install", argFlag: "from",
		does: "gets the official ONNX Runtime library and puts it where every program finds it",
		about: "pip, or else npm, downloads it where one of them is there; with --from it is taken out of a wheel, " +
			"an npm package (onnxruntime-node), an archive of a release of ONNX Runtime or the library itself, " +
			"from an address or a file. Which of them it is, is told by content.\n\n" +
			"Its SHA-256 must be one that headstart knows, or the one that --sha256 gives. A download that is " +
			"interrupted is resumed when the same command is run again. The library is there whole or not at all.",
		examples: []string{
			"headstart runtime install",
			"headstart runtime install --dir onnx --from onnxruntime.whl    # a wheel that is here",
		},
		flags: append([]cli.Flag{
			&cli.StringFlag{Name: "dir", Category: "Library",
				Usage: "`DIR` to put it into", DefaultText: "$XDG_DATA_HOME/headstart/lib or ~/.local/share/headstart/lib; on macOS ~/Library/Application Support/headstart/lib"},
			&cli.StringFlag{Name: "from", Category: "Library",
				Usage: "`URL|FILE` of an archive that has it", DefaultText: "pip, or else npm, downloads one"},
			&cli.StringFlag{Name: "sha256", Category: "Library",
				Usage: "take the archive or the library that has the SHA-256 `HEX`, of version " + library.Minimum + " or newer; with --from"},
		}, commonFlags("json", "quiet")...),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			for _, flag := range []string{"dir", "from", "sha256"} {
				// A variable of a shell may have no value, too.
				if ctx.IsSet(flag) && ctx.String(flag) == "" {
					return usagef("--%s has no value", flag)
				}
			}
			if ctx.String("sha256") != "" && ctx.String("from") == "" {
				return usagef("--sha256 vouches for what --from names, which is missing")
			}
			return runRuntimeInstall(ctx.Context, c, &library.Options{
				Dir: ctx.String("dir"), From: ctx.String("from"), SHA256: ctx.String("sha256"),
			}, e)
		},
	}
}

// installation is what `runtime install --json` prints.
type installation struct {
	Path     string `json:"path"`
	Version  string `json:"version"`
	SHA256   string `json:"sha256"`
	From     string `json:"from,omitempty"` // "the wheel NAME"; not where it was there already
	Official bool   `json:"official"`       // its SHA-256 is one that headstart knows
	Already  bool   `json:"already"`
	Used     string `json:"used"` // the library that commands use now; another one if it comes first
}

func runRuntimeInstall(ctx context.Context, c *common, o *library.Options, e *env) error {
	m := &byteMeter{startStepMeter(e, c, "runtime install", ""), -1}
	o.Progress = m.progress
	o.Note = func(text string) {
		m.stop()
		e.note("%s", text)
	}
	installed, err := library.Install(ctx, o)
	m.stop()
	if kept, ok := errors.AsType[*library.KeptError](err); ok && ctx.Err() != nil {
		return &interruptedError{keptDownload(kept), err}
	}
	if err != nil {
		return err
	}
	// Only what can be loaded helps.
	if _, err := runtime.Find(installed.Path); err != nil {
		if l, ok := errors.AsType[*runtime.LibraryError](err); ok && len(l.Tried) == 1 {
			err = l.Tried[0].Err
		}
		return fmt.Errorf("%s is in place, but cannot be loaded here: %w", installed.Path, err)
	}
	i := &installation{
		Path: installed.Path, Version: installed.Version, SHA256: installed.SHA256, From: installed.From,
		Official: installed.Official, Already: installed.Already,
	}
	where, err := runtime.Find("")
	if err == nil {
		i.Used = where.Path
	}
	if c.json {
		return e.printJSON(i)
	}
	if i.Already {
		fmt.Fprintf(e.stdout, "ONNX Runtime %s is there: %s\n", i.Version, i.Path)
	} else {
		fmt.Fprintf(e.stdout, "ONNX Runtime %s, from %s: %s\n", i.Version, i.From, i.Path)
	}
	switch {
	case err != nil || !sameFile(where.Path, i.Path):
		used := "no library is found without --runtime"
		if err == nil {
			used = fmt.Sprintf("commands use %s (%s)", where.Path, placeOf(where.Place))
		}
		e.note("%s; --runtime %s or HEADSTART_RUNTIME takes this one", used, i.Path)
	case !i.Official:
		e.note("headstart does not know its SHA-256, %s; you vouched for it", i.SHA256)
	}
	return nil
}

// sameFile tells whether two paths lead to one file.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// keptDownload says how much of a download is there.
func keptDownload(k *library.KeptError) string {
	of := ""
	if k.Total >= 0 {
		of = " of " + bytesOf(uint64(k.Total))
	}
	return fmt.Sprintf("%s%s are kept in %s; the same command resumes there", bytesOf(uint64(k.Done)), of, k.Path)
}

// byteMeter shows how far a download is.
type byteMeter struct {
	*stepMeter
	from int64 // the bytes that were there when it began; -1: not known yet
}

// progress is called when so many of all bytes are there; total is -1 if it is
// not known.
func (m *byteMeter) progress(done, total int64) {
	if m.from < 0 {
		m.from, m.start = done, time.Now()
	}
	parts := []string{m.name + ": " + bytesOf(uint64(done))}
	if total >= 0 {
		parts[0] += " of " + bytesOf(uint64(total))
	}
	if took := time.Since(m.start).Seconds(); took > 0 && done > m.from {
		rate := float64(done-m.from) / took
		parts = append(parts, fmt.Sprintf(", %s/s", bytesOf(uint64(rate))))
		if total > done {
			parts = append(parts, fmt.Sprintf(", %s left", span(float64(total-done)/rate)))
		}
	}
	m.line(parts)
}

func runtimeShowCommand(e *env) *command {
	return &command{
		name:     "show",
		does:     "shows which ONNX Runtime library is used, why, and where else one was looked for",
		examples: []string{"headstart runtime show", "headstart runtime show --json"},
		flags:    commonFlags("runtime", "json", "no-color"),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			return runRuntimeShow(c, e)
		},
	}
}

// runtimeShown is what `runtime show --json` prints.
type runtimeShown struct {
	runtimeDiagnosis
	SHA256   string `json:"sha256,omitempty"`
	Official bool   `json:"official"`         // its SHA-256 is that of an official library
	Folder   string `json:"folder,omitempty"` // that runtime install puts one into
}

func runRuntimeShow(c *common, e *env) error {
	s := &runtimeShown{runtimeDiagnosis: diagnoseRuntime(c.runtime)}
	s.Folder, _ = library.Folder() // without one there is none to show
	if s.OK {
		var err error
		if s.SHA256, err = library.Digest(s.Path); err != nil {
			return err
		}
		_, s.Official = library.Official(s.SHA256)
	}
	if c.json {
		if err := e.printJSON(s); err != nil {
			return err
		}
	} else {
		s.print(c, e)
	}
	if !s.OK {
		return errRuntimeMissing
	}
	return nil
}

func (s *runtimeShown) print(c *common, e *env) {
	line := func(what, format string, a ...any) {
		fmt.Fprintf(e.stdout, "%-11s%s\n", what, fmt.Sprintf(format, a...))
	}
	if s.OK {
		line("library", "%s", s.Path)
		line("version", "%s; %s or newer fits", s.Version, s.Minimum)
		line("found", "%s", s.Place)
		if s.Official {
			line("sha256", "%s, an official library", s.SHA256)
		} else {
			line("sha256", "%s, which headstart does not know", s.SHA256)
		}
	} else {
		line("library", "none; version %s or newer is needed", s.Minimum)
	}
	for _, t := range s.Tried {
		line("looked at", "%s (%s): %s", t.Path, t.Place, t.Reason)
	}
	for i, command := range s.Install {
		if i == 0 {
			line("install", "%s", command)
		} else {
			line("or", "%s", command)
		}
	}
}
