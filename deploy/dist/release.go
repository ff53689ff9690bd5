package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/headstart-ml/headstart/cache/draft"
)

// documents and licences are where texts lie in the archive.
const (
	documents = "share/doc/headstart"
	licences  = documents + "/licences"
)

// settings of the compiler, so that those of a person's environment change
// neither which packages there are nor their bytes.
var settings = []string{
	"CGO_ENABLED=1", "GOFLAGS=-buildvcs=true", "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=",
	"CGO_CFLAGS=", "CGO_CPPFLAGS=", "CGO_CXXFLAGS=", "CGO_FFLAGS=", "CGO_LDFLAGS=",
}

// release makes the archive of the checkout root in the folder out, with
// SHA256SUMS beside it, and returns its path.
func release(ctx context.Context, root, out string) (string, error) {
	date, err := draft.Date()
	if err != nil {
		return "", err
	}
	if os.Getenv("SOURCE_DATE_EPOCH") == "" {
		return "", errors.New("SOURCE_DATE_EPOCH is not set; make dist sets it to the date of the commit")
	}
	when, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return "", err
	}
	work, err := os.MkdirTemp("", "headstart-dist-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)

	a := &archive{modified: when}
	program, err := build(ctx, root, work)
	if err != nil {
		return "", err
	}
	if err := a.file("bin/headstart", program); err != nil {
		return "", err
	}
	library, err := a.library(filepath.Join(root, "lib"))
	if err != nil {
		return "", err
	}
	if err := a.madeBy(ctx, program, work); err != nil {
		return "", err
	}
	if err := a.documents(root); err != nil {
		return "", err
	}
	if err := a.licences(ctx, root); err != nil {
		return "", err
	}
	version, err := versionOf(ctx, program)
	if err != nil {
		return "", err
	}
	needs, err := needs(program, library)
	if err != nil {
		return "", err
	}
	a.text(documents+"/INSTALL.md", install(version, needs))

	a.top = fmt.Sprintf("headstart-%s-%s-%s", version, runtime.GOOS, runtime.GOARCH)
	packed, err := a.pack()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return "", err
	}
	name := filepath.Join(out, a.top+".tar.gz")
	if err := draft.Write(name, packed); err != nil {
		return "", err
	}
	sums := fmt.Sprintf("%x  %s.tar.gz\n", sha256.Sum256(packed), a.top)
	return name, draft.Write(filepath.Join(out, "SHA256SUMS"), []byte(sums))
}

// output runs a command in dir and returns what it prints. env is put over the
// process's environment.
func output(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, exit.Stderr)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// build compiles the program, with its commit in it where there is one, and
// without paths and symbol tables, which would make its bytes depend on the
// folder.
func build(ctx context.Context, root, work string) (string, error) {
	program, err := filepath.Abs(filepath.Join(work, "headstart"))
	if err != nil {
		return "", err
	}
	_, err = output(ctx, root, settings, "go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", program, "./cmd/headstart")
	return program, err
}

// versionOf is the version that the program says it is, as a part of a file's
// name.
func versionOf(ctx context.Context, program string) (string, error) {
	out, err := output(ctx, ".", nil, program, "--version", "--json")
	if err != nil {
		return "", err
	}
	var v struct{ Version string }
	if err := json.Unmarshal([]byte(out), &v); err != nil || v.Version == "" {
		return "", fmt.Errorf("%s --version --json says no version: %s", program, out)
	}
	if !strings.HasPrefix(v.Version, "v") {
		return "devel", nil // no commit was recorded
	}
	return strings.TrimPrefix(v.Version, "v"), nil
}

// library puts the runtime library of dir and the name by which it is found
// into the archive, and returns its path.
func (a *archive) library(dir string) (string, error) {
	plain := "libonnxruntime.so"
	if runtime.GOOS == "darwin" {
		plain = "libonnxruntime.dylib"
	}
	target, err := os.Readlink(filepath.Join(dir, plain))
	if err != nil {
		return "", fmt.Errorf("%w; make runtime puts the library there", err)
	}
	if target != filepath.Base(target) {
		return "", fmt.Errorf("%s: it is a link to %s, not to a file beside it; make runtime makes it so", filepath.Join(dir, plain), target)
	}
	a.link("lib/"+plain, target)
	for _, licence := range []string{"LICENSE", "ThirdPartyNotices.txt"} {
		from := filepath.Join(dir, "onnxruntime-"+licence)
		if err := a.file(licences+"/onnxruntime/"+licence, from); err != nil {
			return "", fmt.Errorf("%w; the licences come with the library's wheel, which pip fetches: rm -r lib, and make runtime where there is pip", err)
		}
	}
	library := filepath.Join(dir, target)
	return library, a.file("lib/"+target, library)
}

// madeBy puts into the archive what the program itself writes: completion
// scripts and man pages.
func (a *archive) madeBy(ctx context.Context, program, work string) error {
	for shell, name := range map[string]string{
		"bash": "share/bash-completion/completions/headstart",
		"zsh":  "share/zsh/site-functions/_headstart",
		"fish": "share/fish/vendor_completions.d/headstart.fish",
	} {
		script, err := output(ctx, work, nil, program, "completion", shell)
		if err != nil {
			return err
		}
		a.text(name, script+"\n")
	}
	pages := filepath.Join(work, "man1")
	if _, err := output(ctx, work, nil, program, "reference", "--man", pages); err != nil {
		return err
	}
	return a.folder("share/man/man1", pages)
}

// documents puts the checkout's texts into the archive.
func (a *archive) documents(root string) error {
	for _, name := range []string{"README.md", "CHANGELOG.md", "LICENSE", "NOTICE"} {
		if err := a.file(documents+"/"+name, filepath.Join(root, name)); err != nil {
			return err
		}
	}
	return a.folder(documents+"/docs", filepath.Join(root, "docs"))
}

// licences puts the licences of everything that is in the program into the
// archive: Go's own, those of the built-in backbones, and those of the packages
// of other modules, which may have one beside their module's.
func (a *archive) licences(ctx context.Context, root string) error {
	goroot, err := output(ctx, root, nil, "go", "env", "GOROOT")
	if err != nil {
		return err
	}
	if err := a.file(licences+"/go/LICENSE", filepath.Join(goroot, "LICENSE")); err != nil {
		return err
	}
	for _, name := range []string{"LICENSE", "NOTICE"} {
		if err := a.file(licences+"/backbones/"+name, filepath.Join(root, "models/builtin", name)); err != nil {
			return err
		}
	}
	const others = "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}"
	list, err := output(ctx, root, settings, "go", "list", "-deps", "-f", others, "./cmd/headstart")
	if err != nil {
		return err
	}
	packages := map[module][]string{}
	for line := range strings.Lines(list) {
		if fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); len(fields) == 3 {
			m := module{fields[0], fields[1]}
			packages[m] = append(packages[m], fields[2])
		}
	}
	for m, dirs := range packages {
		if err := a.licencesOf(m, dirs); err != nil {
			return err
		}
	}
	return nil
}

// module is one that packages of the program come from.
type module struct{ path, dir string }

// licencesOf takes the files that are licences out of the folders of a module's
// packages and of those above them. A module without any is an error: it must
// not be passed on like that.
func (a *archive) licencesOf(m module, packages []string) error {
	n := len(a.entries)
	seen := map[string]bool{}
	for _, dir := range packages {
		for {
			rel, err := filepath.Rel(m.dir, dir)
			if err != nil || strings.HasPrefix(rel, "..") {
				return fmt.Errorf("%s: its package in %s does not lie in %s", m.path, dir, m.dir)
			}
			if seen[rel] {
				break
			}
			seen[rel] = true
			entries, err := draft.ReadDir(dir)
			if err != nil {
				return err
			}
			for _, e := range entries {
				if !e.Type().IsRegular() || !isLicence(e.Name()) {
					continue
				}
				if err := a.file(path.Join(licences, m.path, filepath.ToSlash(rel), e.Name()), filepath.Join(dir, e.Name())); err != nil {
					return err
				}
			}
			if rel == "." {
				break
			}
			dir = filepath.Dir(dir)
		}
	}
	if len(a.entries) == n {
		return fmt.Errorf("%s: no file in it is its licence", m.path)
	}
	return nil
}

// isLicence tells files that a licence asks to pass on by their names.
func isLicence(name string) bool {
	base, _, _ := strings.Cut(strings.ToLower(name), ".")
	base, _, _ = strings.Cut(base, "-")
	return slices.Contains([]string{"license", "licence", "copying", "notice", "patents", "authors", "copyright"}, base)
}

// install says what the archive needs and where it may lie.
func install(version, needs string) string {
	return "# headstart " + version + "\n\n" +
		"It runs from where it is unpacked: `bin/headstart doctor` says whether everything is here. To have it in PATH, " +
		"lay its folders over those of /usr/local, or of ~/.local:\n\n" +
		"```\ntar -xzf headstart-" + version + "-*.tar.gz --strip-components=1 -C /usr/local\n```\n\n" +
		"The library is found in `lib` beside `bin`, and completion and man pages where shells and man look for them.\n\n" +
		needs + "\n\n" +
		"`licences/` has the licences of ONNX Runtime, of the built-in backbones, of Go and of the modules that are linked in; `NOTICE` names the work of others in headstart itself.\n"
}
