package main

import (
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	goruntime "runtime"

	versions "golang.org/x/mod/module"

	"github.com/headstart-ml/headstart/models/runtime"
)

// build says what this program was built from.
type build struct {
	Version  string `json:"version"`            // of the module; "development version": none was recorded
	Commit   string `json:"commit,omitempty"`   // as far as it is known, 12 hexadecimal digits at least
	Date     string `json:"date,omitempty"`     // of the commit, RFC 3339 in UTC
	Modified bool   `json:"modified,omitempty"` // the files were not those of the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// thisBuild reads the build information of the program.
func thisBuild() *build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return buildOf(info)
}

// buildOf reads build information. A build of a checkout records its commit. Of
// `go install module@version` there is the version alone; one between two
// releases has the commit and its date in it.
func buildOf(info *debug.BuildInfo) *build {
	b := &build{Version: info.Main.Version, Go: goruntime.Version(), Platform: goruntime.GOOS + "/" + goruntime.GOARCH}
	plain, _, dirty := strings.Cut(b.Version, "+dirty")
	b.Modified = dirty
	if versions.IsPseudoVersion(plain) {
		// Neither fails for what IsPseudoVersion takes.
		b.Commit, _ = versions.PseudoVersionRev(plain)
		if at, err := versions.PseudoVersionTime(plain); err == nil {
			b.Date = at.UTC().Format(time.RFC3339)
		}
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && s.Value != "":
			b.Commit = s.Value
		case s.Key == "vcs.time" && s.Value != "":
			b.Date = s.Value
		case s.Key == "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "development version"
	}
	return b
}

// String is the version, with the commit and its date unless they stand in it.
func (b *build) String() string {
	short := b.Commit[:min(12, len(b.Commit))]
	if short == "" || strings.Contains(b.Version, short) {
		return b.Version
	}
	s := b.Version + " (commit " + short
	if day, _, ok := strings.Cut(b.Date, "T"); ok {
		s += " of " + day
	}
	if b.Modified {
		s += ", modified"
	}
	return s + ")"
}

// version is what files and pages say of the program that made them. It
// depends on the build alone.
func version() string { return thisBuild().String() }

// versionReport is what --version says.
type versionReport struct {
	build
	Runtime runtimeVersion `json:"runtime"`
}

// runtimeVersion is the ONNX Runtime that commands use.
type runtimeVersion struct {
	Version string `json:"version,omitempty"` // "": none was found
	Path    string `json:"path,omitempty"`
	Place   string `json:"place,omitempty"` // why this file
	Minimum string `json:"minimum"`
}

// writeVersion says what this program was built from, and which ONNX Runtime
// there is.
func writeVersion(e *env, asJSON bool) error {
	r := &versionReport{*thisBuild(), runtimeVersion{Minimum: runtime.Minimum}}
	if where, err := runtime.Find(""); err == nil {
		r.Runtime.Version, r.Runtime.Path, r.Runtime.Place = where.Version, where.Path, placeOf(where.Place)
	}
	if asJSON {
		return e.printJSON(r)
	}
	_, err := fmt.Fprint(e.stdout, r)
	return err
}

// String is the report for a person, a line a fact.
func (r *versionReport) String() string {
	var b strings.Builder
	line := func(what, format string, a ...any) {
		fmt.Fprintf(&b, "%-14s%s\n", what, fmt.Sprintf(format, a...))
	}
	line("headstart", "%s", r.Version)
	switch {
	case r.Commit == "":
		line("commit", "not recorded")
	case r.Modified:
		line("commit", "%s, with files modified since", r.Commit)
	default:
		line("commit", "%s", r.Commit)
	}
	if r.Date != "" {
		line("date", "%s", r.Date)
	}
	line("Go", "%s, %s", strings.TrimPrefix(r.Go, "go"), r.Platform)
	if t := &r.Runtime; t.Version != "" {
		line("ONNX Runtime", "%s, %s (%s); %s or newer is needed", t.Version, t.Path, t.Place, t.Minimum)
	} else {
		line("ONNX Runtime", "none was found; %s or newer is needed: %s", t.Minimum, strings.Join(runtime.Install(), ", or "))
	}
	return b.String()
}
