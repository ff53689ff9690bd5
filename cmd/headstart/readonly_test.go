package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// stranger runs headstart in a process that may read the test's folders and
// write to none of them but "out".
type stranger struct {
	program string
	env     []string
	user    *syscall.Credential // nil: this user, for whom the folders are closed
}

// newStranger closes folders to what it returns. Root may write whatever the
// permissions say, so that the process of a test that runs as root is another
// user's.
func newStranger(t *testing.T, folders ...string) *stranger {
	t.Helper()
	// The folders of a test are one folder's, which only its maker may enter;
	// and neither may others enter where the test binary and the library lie.
	shared := t.TempDir()
	if err := os.Chmod(filepath.Dir(shared), 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{program: filepath.Join(shared, "headstart"), env: append(os.Environ(), asHeadstart+"=run")}
	found := os.Getenv("HEADSTART_RUNTIME")
	library := filepath.Join(shared, filepath.Base(found))
	for from, to := range map[string]string{self: s.program, found: library} {
		content, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.env = append(s.env, "HEADSTART_RUNTIME="+library)
	if err := os.Mkdir("out", 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod("out", 0o777); err != nil { // whatever the umask says
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		s.user = &syscall.Credential{Uid: 65534, Gid: 65534}
		return s
	}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				t.Cleanup(func() { os.Chmod(path, 0o755) })
				err = os.Chmod(path, 0o555)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// run runs a command line, split at spaces.
func (s *stranger) run(t *testing.T, line string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(s.program, words(line)...)
	cmd.Env = s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// do runs a command line that must succeed.
func (s *stranger) do(t *testing.T, line string) (stdout, stderr string) {
	t.Helper()
	code, stdout, stderr := s.run(t, line)
	if code != exitDone {
		t.Fatalf("headstart %s: exit %d: %s", line, code, stderr)
	}
	return stdout, stderr
}

// tree lists what lies in a folder, with sizes and times.
func tree(t *testing.T, folder string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			all = append(all, fmt.Sprint(path, info.Mode(), info.Size(), info.ModTime()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestACacheThatCannotBeWrittenServes(t *testing.T) {
	p := newPlace(t)
	classes := []string{"food-and-drink", "symbols"}
	samples, later := p.samples(0, 20, classes...), p.samples(20, 3, classes...)
	p.table("names.csv", "image,name,label,group", samples)
	p.table("later.csv", "image,name,label,group", slices.Concat(later, samples[:5], later[:1]))
	p.small("distilbert")
	p.do(t, "extract --backbone distilbert --text name names.csv")
	p.do(t, "train-head --l2 0.1 --calibrate none --by none names.features")
	const predict = "predict names.head.onnx --text name later.csv"
	store := os.Getenv("HEADSTART_CACHE")
	want := rows(t, p.do(t, predict+" --cache "+filepath.Join(t.TempDir(), "cache")))
	closed := t.TempDir()
	s := newStranger(t, store, closed)
	before := tree(t, store)

	// same compares predictions with those that a cache of its own gives. Which
	// samples share a batch is another matter, so the last digits may differ.
	same := func(t *testing.T, got string) {
		t.Helper()
		table := rows(t, got)
		if len(table) != len(want) {
			t.Fatalf("%d rows, want %d", len(table), len(want))
		}
		for i := range want[1:] {
			a, b := table[i+1], want[i+1]
			x, err := strconv.ParseFloat(a[2], 64)
			y, err2 := strconv.ParseFloat(b[2], 64)
			if err != nil || err2 != nil || a[0] != b[0] || a[1] != b[1] || a[3] != "" || math.Abs(x-y) > 1e-4 {
				t.Errorf("row %d: %q, want %q", i+1, a, b)
			}
		}
	}
	const note = "what it lacks is computed and not kept"

	t.Run("predict", func(t *testing.T) {
		for range 2 { // the second time, no more is there than the first time
			got, stderr := s.do(t, predict)
			same(t, got)
			if strings.Count(stderr, note) != 1 || !strings.Contains(stderr, "headstart: the cache at "+store+" cannot be written (permission denied)") {
				t.Errorf("it says: %s", stderr)
			}
			if strings.Contains(stderr, "will read every file again") {
				t.Errorf("the same is said twice: %s", stderr)
			}
			_, stderr = s.do(t, predict+" --json --quiet")
			objects(t, stderr)[0].wantNumbers(t, map[string]float64{"samples": 12, "cached": 5, "computed": 6, "backbone_rows": 6, "bad": 0})
		}
		if got, stderr := s.do(t, "predict names.head.onnx names.features"); strings.Count(got, "\n") != 41 || strings.Contains(stderr, note) {
			t.Errorf("%s%s", got, stderr)
		}
	})

	t.Run("commands that only read", func(t *testing.T) {
		s.do(t, "train-head --l2 0.1 --calibrate none --by none --out out/names.head.onnx names.features")
		if !bytes.Equal(p.read("out/names.head.onnx"), p.read("names.head.onnx")) {
			t.Error("the head is another one than on a cache that can be written")
		}
		s.do(t, "evaluate --all names.head.onnx names.features")
		got, _ := s.do(t, "cache stat --json")
		objects(t, got)[0].wantNumbers(t, map[string]float64{"rows": 40})
		got, _ = s.do(t, "cache verify --full")
		wantSays(t, got, "OK: 40 rows")
		got, _ = s.do(t, "cache why --backbone distilbert --text name --json later.csv")
		objects(t, got)[0].wantNumbers(t, map[string]float64{"samples": 11, "cached": 5})
		s.do(t, "cache why names.features")
	})

	t.Run("extract", func(t *testing.T) {
		for _, line := range []string{
			"extract --quiet --backbone distilbert --text name --out out/later.features later.csv",
			"extract --quiet --backbone distilbert --text name --out out/names.features names.csv", // all of it is cached
		} {
			code, stdout, stderr := s.run(t, line)
			if code != exitFailed || stdout != "" || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit %d: %s%s", code, stdout, stderr)
			}
			wantSays(t, stderr, "headstart: extract: the cache at "+store+" cannot be written", "let this user write to it", "--cache")
		}
		if left, err := filepath.Glob("out/*.features*"); err != nil || len(left) > 0 {
			t.Errorf("it left %q, %v", left, err)
		}
		got, _ := s.do(t, "extract --dry-run --json --backbone distilbert --text name later.csv")
		objects(t, got)[0].wantNumbers(t, map[string]float64{"cached": 5, "missing": 6})
	})

	t.Run("a cache that cannot be made", func(t *testing.T) {
		nowhere := filepath.Join(closed, "sub", "cache")
		got, stderr := s.do(t, predict+" --cache "+nowhere)
		same(t, got)
		if strings.Count(stderr, note) != 1 || !strings.Contains(stderr, nowhere) {
			t.Errorf("it says: %s", stderr)
		}
		code, _, stderr := s.run(t, "extract --quiet --backbone distilbert --text name --out out/later.features later.csv --cache "+nowhere)
		if code != exitFailed || !strings.Contains(stderr, "the cache at "+nowhere+" cannot be written") {
			t.Errorf("exit %d: %s", code, stderr)
		}
		// What only reads has nothing to read.
		code, _, stderr = s.run(t, "cache stat --cache "+nowhere)
		if code != exitFailed || !strings.Contains(stderr, "there is no cache at") {
			t.Errorf("exit %d: %s", code, stderr)
		}
	})

	if after := tree(t, store); !slices.Equal(after, before) {
		t.Errorf("the cache has changed:\n%s\nbefore:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
}
