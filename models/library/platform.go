package library

import (
	"path"
	"regexp"
	goruntime "runtime"
	"strconv"
	"strings"
)

const (
	// Version is the version of ONNX Runtime that pip installs.
	Version = "1.32.0"
	// NpmVersion is the version that npm installs: the newest one of
	// onnxruntime-node whose digest is known.
	NpmVersion = "1.30.0"
	// Minimum is the oldest version that fits: the first one that serves the
	// API version (24) that package models/runtime is built for. Every newer
	// one serves it as well.
	Minimum = "1.24"
)

const minimumMajor, minimumMinor = 1, 24

// Fits reports whether a version such as "1.32.0" or "1.25.0-dev" will do. One
// that cannot be read does not.
func Fits(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, err := strconv.Atoi(major)
	if err != nil {
		return false
	}
	b, err := strconv.Atoi(minor)
	if err != nil {
		return false
	}
	return a > minimumMajor || a == minimumMajor && b >= minimumMinor
}

// platform is a kind of machine that ONNX Runtime is published for.
type platform struct {
	name  string // GOOS/GOARCH
	wheel string // in the names of wheels
	npm   string // the folder in the npm package
}

var platforms = []platform{
	{"linux/amd64", "manylinux_2_28_x86_64", "linux/x64"},
	{"linux/arm64", "manylinux_2_28_aarch64", "linux/arm64"},
	// No wheel since 1.23 is for Macs with an Intel CPU.
	{"darwin/arm64", "macosx_14_0_arm64", "darwin/arm64"},
}

// platformOf returns the platform of that name, nil if nothing is published for
// it.
func platformOf(name string) *platform {
	for i := range platforms {
		if platforms[i].name == name {
			return &platforms[i]
		}
	}
	return nil
}

// here is the name of this machine's platform.
const here = goruntime.GOOS + "/" + goruntime.GOARCH

// Published reports whether an official library is published for this machine.
func Published() bool { return platformOf(here) != nil }

// Name is the name of the file that programs look for in folders; "" on systems
// on which headstart does not run.
func Name() string { return nameOn(here) }

func nameOn(platform string) string {
	switch system, _, _ := strings.Cut(platform, "/"); system {
	case "linux":
		return "libonnxruntime.so"
	case "darwin":
		return "libonnxruntime.dylib"
	}
	return ""
}

// versionedOn is the name of the file that holds a version of the library.
func versionedOn(platform, version string) string {
	if strings.HasPrefix(platform, "darwin/") {
		return "libonnxruntime." + version + ".dylib"
	}
	return "libonnxruntime.so." + version
}

var libraryNames = regexp.MustCompile(`^libonnxruntime(?:\.so((?:\.\d+)*)|((?:\.\d+)*)\.dylib)$`)

// isLibrary tells whether a name is that of the library, with a version in it
// or without, and which platform's systems name it so.
func isLibrary(name string) (system string, ok bool) {
	if !libraryNames.MatchString(path.Base(name)) {
		return "", false
	}
	if strings.HasSuffix(name, ".dylib") {
		return "darwin", true
	}
	return "linux", true
}

// versionIn returns the version in the name of a library, "" unless it is
// complete: the name libonnxruntime.so.1 has none.
func versionIn(name string) string {
	m := libraryNames.FindStringSubmatch(path.Base(name))
	if m == nil {
		return ""
	}
	v := strings.TrimPrefix(m[1]+m[2], ".")
	if strings.Count(v, ".") != 2 {
		return ""
	}
	return v
}
