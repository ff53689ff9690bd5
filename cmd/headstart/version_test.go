package main

import (
	"encoding/json"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	goruntime "runtime"

	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/file"
)

// TestBuilds: what build information says, however the program was built.
func TestBuilds(t *testing.T) {
	const commit = "0f01d95abcde0f01d95abcde0f01d95abcde0f01"
	settings := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{
			{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: commit},
			{Key: "vcs.time", Value: "2026-11-28T21:02:03Z"}, {Key: "vcs.modified", Value: modified},
		}
	}
	for name, test := range map[string]struct {
		version  string
		settings []debug.BuildSetting
		want     build
		said     string
	}{
		"go install of a release": {version: "v1.2.0", want: build{Version: "v1.2.0"}, said: "v1.2.0"},
		"go install of a commit": {version: "v0.0.0-20261128210203-0f01d95abcde",
			want: build{Version: "v0.0.0-20261128210203-0f01d95abcde", Commit: "0f01d95abcde", Date: "2026-11-28T21:02:03Z"},
			said: "v0.0.0-20261128210203-0f01d95abcde"},
		"go install of a commit after a release": {version: "v1.2.1-0.20261128210203-0f01d95abcde",
			want: build{Version: "v1.2.1-0.20261128210203-0f01d95abcde", Commit: "0f01d95abcde", Date: "2026-11-28T21:02:03Z"},
			said: "v1.2.1-0.20261128210203-0f01d95abcde"},
		"checkout": {version: "v0.0.0-20261128210203-0f01d95abcde", settings: settings("false"),
			want: build{Version: "v0.0.0-20261128210203-0f01d95abcde", Commit: commit, Date: "2026-11-28T21:02:03Z"},
			said: "v0.0.0-20261128210203-0f01d95abcde"},
		"checkout of a release": {version: "v1.2.0", settings: settings("false"),
			want: build{Version: "v1.2.0", Commit: commit, Date: "2026-11-28T21:02:03Z"},
			said: "v1.2.0 (commit 0f01d95abcde of 2026-11-28)"},
		"changed checkout": {version: "v0.0.0-20261128210203-0f01d95abcde+dirty", settings: settings("true"),
			want: build{Version: "v0.0.0-20261128210203-0f01d95abcde+dirty", Commit: commit, Date: "2026-11-28T21:02:03Z", Modified: true},
			said: "v0.0.0-20261128210203-0f01d95abcde+dirty"},
		"older Go, changed checkout": {version: "(devel)", settings: settings("true"),
			want: build{Version: "development version", Commit: commit, Date: "2026-11-28T21:02:03Z", Modified: true},
			said: "development version (commit 0f01d95abcde of 2026-11-28, modified)"},
		"nothing recorded": {want: build{Version: "development version"}, said: "development version"},
	} {
		got := buildOf(&debug.BuildInfo{Main: debug.Module{Version: test.version}, Settings: test.settings})
		test.want.Go, test.want.Platform = goruntime.Version(), goruntime.GOOS+"/"+goruntime.GOARCH
		if *got != test.want || got.String() != test.said {
			t.Errorf("%s: %+v, %q; want %+v, %q", name, *got, got, test.want, test.said)
		}
	}
}

// TestVersion: --version says version, commit, date, Go and which ONNX Runtime
// is found, or that none is.
func TestVersion(t *testing.T) {
	library := runtimeLibrary(t)
	t.Setenv("HEADSTART_RUNTIME", library)
	code, stdout, stderr := headstart(t, "--version")
	if code != 0 || stderr != "" {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	for _, want := range []string{
		"headstart     ", "\ncommit        ", "\nGo            " + strings.TrimPrefix(goruntime.Version(), "go") + ", " + goruntime.GOOS + "/",
		"\nONNX Runtime  1.", "(HEADSTART_RUNTIME); 1.24 or newer is needed\n",
	} {
		if !strings.Contains("\n"+stdout, want) {
			t.Errorf("%q does not say %q", stdout, want)
		}
	}
	r := &versionReport{build: *buildOf(&debug.BuildInfo{Main: debug.Module{Version: "v0.0.0-20261128210203-0f01d95abcde"}})}
	for _, want := range []string{"headstart     v0.0.0-2026", "\ncommit        0f01d95abcde\n", "\ndate          2026-11-28T21:02:03Z\n"} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("%q does not say %q", r, want)
		}
	}
	for _, args := range [][]string{{"--version", "--json"}, {"--json", "--version"}} {
		code, stdout, _ := headstart(t, args...)
		var got map[string]any
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 {
			t.Fatalf("%v: exit %d, %v: %s", args, code, err, stdout)
		}
		runtime, _ := got["runtime"].(map[string]any)
		if got["version"] == "" || got["go"] != goruntime.Version() || runtime["place"] != "HEADSTART_RUNTIME" || runtime["minimum"] != "1.24" || runtime["version"] == nil {
			t.Errorf("%v: %s", args, stdout)
		}
	}
	t.Setenv("HEADSTART_RUNTIME", filepath.Join(t.TempDir(), "none.so"))
	if code, stdout, _ := headstart(t, "--version"); code != 0 || !strings.Contains(stdout, "\nONNX Runtime  none was found; 1.24 or newer is needed: ") {
		t.Errorf("without a library: exit %d, %s", code, stdout)
	}
}

// TestFilesCarryTheVersion: feature sets and heads say what made them, inspect
// shows it, and the same inputs still give the same bytes.
func TestFilesCarryTheVersion(t *testing.T) {
	p := newPlace(t)
	p.table("texts.csv", "image,name,label,group", p.samples(0, 12, "food-and-drink", "symbols"))
	p.do(t, "extract --text name texts.csv")
	p.do(t, "train-head --head ncm --by none --out a.head.onnx texts.features")
	p.do(t, "train-head --head ncm --by none --out b.head.onnx texts.features")
	if string(p.read("a.head.onnx")) != string(p.read("b.head.onnx")) {
		t.Error("the same inputs gave other bytes")
	}
	set, err := features.Read("texts.features")
	if err != nil || set.Meta.Tool != "headstart "+version() {
		t.Errorf("%v, made by %q", err, set.Meta.Tool)
	}
	f, err := file.Read("a.head.onnx")
	if err != nil {
		t.Fatal(err)
	}
	if v := strings.TrimPrefix(goruntime.Version(), "go"); len(f.Versions) != 2 || f.Versions["headstart"] != version() || f.Versions["go"] != v {
		t.Errorf("the head has %v", f.Versions)
	}
	want := "2023-11-14T22:13:20Z by headstart " + version() + ", go "
	if said := p.do(t, "inspect a.head.onnx"); !strings.Contains(said, want) {
		t.Errorf("%s does not say %q", said, want)
	}
}
