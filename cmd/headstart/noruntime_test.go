package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the cache has needs no ONNX Runtime. What it lacks does: then the error
// says how to get it, and nothing is left behind.
func TestWhatIsCachedNeedsNoRuntime(t *testing.T) {
	p := newPlace(t)
	samples := p.samples(0, 12, "animals-and-nature", "food-and-drink")
	p.table("old.csv", "image,name,label,group", samples[:20])
	p.table("new.csv", "image,name,label,group", samples[:21])
	p.do(t, "extract --text name --out old.features old.csv")
	p.do(t, "train-head old.features --by none --l2 0.1 --split train=0.5,validation=0.2,test=0.3 --refit false")
	p.small("vit")
	p.photos(6)
	p.do(t, "extract --backbone vit --out photos.features photos")
	features := p.read("old.features")
	predictions := p.do(t, "predict --text name old.head.onnx old.csv")

	gone := filepath.Join(t.TempDir(), "no-such-library.so")
	t.Setenv("HEADSTART_RUNTIME", gone)
	p.one(t, "extract --text name --out old.features old.csv").wantNumbers(t, map[string]float64{"samples": 20, "cached": 20, "backbone_rows": 0, "check_rows": 0})
	if string(p.read("old.features")) != string(features) {
		t.Error("the feature set is another one without the runtime")
	}
	p.one(t, "extract --backbone vit --out photos.features photos").wantNumbers(t, map[string]float64{"cached": 6})
	p.one(t, "extract --dry-run --text name old.csv").wantNumbers(t, map[string]float64{"cached": 20, "missing": 0, "seconds": 0})
	if got := p.do(t, "predict --text name old.head.onnx old.csv"); got != predictions {
		t.Errorf("predicted without the runtime:\n%s", got)
	}
	p.do(t, "predict old.head.onnx old.features")
	p.do(t, "evaluate old.head.onnx old.features --all")

	for _, line := range []string{
		"extract --text name --out new.features new.csv",
		"extract --dry-run --text name new.csv",
		"predict --text name --out new-predictions.csv old.head.onnx new.csv",
	} {
		code, _, stderr := p.try(t, line+" --quiet")
		if code != exitFailed || !strings.Contains(stderr, gone+" (HEADSTART_RUNTIME): not there") || !strings.Contains(stderr, "\nto install one: ") {
			t.Errorf("headstart %s: exit %d: %s", line, code, stderr)
		}
	}
	for _, left := range []string{"new.features", "new.quarantine.jsonl", "new-predictions.csv"} {
		if _, err := os.Lstat(left); err == nil {
			t.Errorf("%s was left behind", left)
		}
	}
	p.do(t, "cache verify --full")
}

// Rows say which runtime computed them, though it is looked for only then.
func TestRowsSayWhatComputedThem(t *testing.T) {
	p := newPlace(t)
	p.put("texts.txt", []byte("a nice day\nanother one\n"))
	p.do(t, "extract --format lines texts.txt")
	segments, err := filepath.Glob(filepath.Join(os.Getenv("HEADSTART_CACHE"), "spaces", "*", "seg", "*"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	if !strings.Contains(string(p.read(segments[0])), `"runtime":"onnxruntime `) {
		t.Errorf("%s does not say what computed its rows", segments[0])
	}
}

// Without a home folder the cache is this user's own folder in the system's
// temporary one, and one note says so.
func TestWithoutHomeTheCacheIsTemporary(t *testing.T) {
	p := newPlace(t)
	temporary := t.TempDir()
	for name, value := range map[string]string{"HOME": "", "XDG_CACHE_HOME": "", "HEADSTART_CACHE": "", "TMPDIR": temporary} {
		t.Setenv(name, value)
	}
	os.Unsetenv("HEADSTART_CACHE")
	p.put("texts.txt", []byte("a nice day\nanother one\n"))
	code, _, stderr := p.try(t, "extract --format lines texts.txt")
	if code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	dirs, err := filepath.Glob(filepath.Join(temporary, "headstart-*"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("in the temporary folder: %v, %v", dirs, err)
	}
	if strings.Count(stderr, dirs[0]) != 1 || strings.Count(stderr, "--cache DIR") != 1 {
		t.Errorf("the note: %s", stderr)
	}
	if info, err := os.Lstat(dirs[0]); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if code, _, stderr := p.try(t, "extract --quiet --format lines texts.txt"); code != exitDone || stderr != "" {
		t.Errorf("quiet, exit %d: %s", code, stderr)
	}
	p.one(t, "extract --format lines texts.txt").wantNumbers(t, map[string]float64{"cached": 2})
	p.do(t, "cache stat")

	if err := os.Chmod(dirs[0], 0o750); err != nil {
		t.Fatal(err)
	}
	p.fails(t, "cache stat", exitFailed, dirs[0]+" is open to other users", "chmod 700", "--cache DIR")
	if err := os.Rename(dirs[0], filepath.Join(temporary, "moved")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("moved", dirs[0]); err != nil {
		t.Fatal(err)
	}
	p.fails(t, "extract --format lines texts.txt", exitFailed, dirs[0]+" is no folder of its own", "--cache DIR")
	if os.Getuid() == 0 {
		os.Remove(dirs[0])
		if err := os.Mkdir(dirs[0], 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dirs[0], 4711, -1); err != nil {
			t.Fatal(err)
		}
		p.fails(t, "extract --format lines texts.txt", exitFailed, dirs[0]+" is another user's", "--cache DIR")
	}
}

// --no-cache predicts and keeps nothing.
func TestPredictWithoutCache(t *testing.T) {
	p := newPlace(t)
	samples := p.samples(0, 6, "animals-and-nature", "food-and-drink")
	p.table("old.csv", "image,name,label,group", samples)
	p.do(t, "extract --text name --out old.features old.csv")
	p.do(t, "train-head old.features --by none --l2 0.1 --calibrate none --split train=1")
	want := p.do(t, "predict --text name old.head.onnx old.csv")

	cacheDir := os.Getenv("HEADSTART_CACHE")
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	t.Setenv("HEADSTART_CACHE", elsewhere)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	code, stdout, stderr := p.try(t, "predict --no-cache --text name old.head.onnx old.csv --json")
	if code != exitDone || strings.Count(stdout, "\n") != 12 || !strings.Contains(stderr, `"cached":0,"computed":12`) {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	if got := p.do(t, "predict --no-cache --text name old.head.onnx old.csv"); got != want {
		t.Errorf("without a cache:\n%s\nwith one:\n%s", got, want)
	}
	if _, err := os.Lstat(elsewhere); err == nil {
		t.Error("--no-cache made a cache")
	}
	os.Unsetenv("HEADSTART_CACHE")
	for _, name := range []string{"HOME", "XDG_CACHE_HOME"} {
		t.Setenv(name, "")
	}
	if code, _, stderr := p.try(t, "predict --no-cache --text name old.head.onnx old.csv"); code != exitDone || strings.Contains(stderr, "--cache") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("--no-cache left %v in the temporary folder, %v", left, err)
	}
	p.fails(t, "predict --no-cache --cache "+cacheDir+" --text name old.head.onnx old.csv", exitUsage, "--cache", "--no-cache", "contradict")
	p.fails(t, "predict --no-cache old.head.onnx old.features", exitUsage, "--no-cache", "the rows of a feature set are in the cache")
	// The command line wins over the environment, in both directions.
	t.Setenv("HEADSTART_NO_CACHE", "1")
	if code, _, stderr := p.try(t, "predict --json --cache "+cacheDir+" --text name old.head.onnx old.csv"); code != exitDone || !strings.Contains(stderr, `"cached":12`) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	t.Setenv("HEADSTART_CACHE", cacheDir)
	p.fails(t, "predict --text name old.head.onnx old.csv", exitUsage, "contradict")
	t.Setenv("HEADSTART_NO_CACHE", "")
}
