package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// place is a working directory of its own with a cache of its own, where
// commands run in this process.
type place struct {
	t         *testing.T
	emoji     string // the folder of the emoji set
	backbones string // that of small backbones
	archive   string // of folders of sentence-transformers
}

// newPlace changes to an empty folder until the test ends.
func newPlace(t *testing.T) *place {
	t.Helper()
	library, err := filepath.Abs(testRuntime(t))
	if err != nil {
		t.Fatal(err)
	}
	emoji, err := filepath.Abs("../../testdata/emoji")
	if err != nil {
		t.Fatal(err)
	}
	backbones, err := filepath.Abs("testdata/backbones")
	if err != nil {
		t.Fatal(err)
	}
	archive, err := filepath.Abs("../../models/folder/testdata/sentences/sentences.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("HEADSTART_RUNTIME", library)
	t.Setenv("HEADSTART_CACHE", filepath.Join(t.TempDir(), "cache"))
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	t.Setenv("NO_COLOR", "")
	t.Setenv("HEADSTART_LICENCE", "apache-2.0") // of the small backbones, whose files name none
	return &place{t, emoji, backbones, archive}
}

// small copies a backbone of testdata/backbones to a folder of its name.
func (p *place) small(name string) {
	p.t.Helper()
	if err := os.CopyFS(name, os.DirFS(filepath.Join(p.backbones, name))); err != nil {
		p.t.Fatal(err)
	}
}

// put writes a file with its folders.
func (p *place) put(path string, content []byte) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) read(path string) []byte {
	p.t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	return content
}

// samples returns records of the emoji set, columns image, name, label and
// group: so many of each class, after the first skip.
func (p *place) samples(skip, n int, classes ...string) [][]string {
	p.t.Helper()
	all, err := csv.NewReader(bytes.NewReader(p.read(filepath.Join(p.emoji, "emoji.csv")))).ReadAll()
	if err != nil {
		p.t.Fatal(err)
	}
	var out [][]string
	for _, class := range classes {
		left, taken := skip, 0
		for _, r := range all[1:] {
			if r[2] != class || taken == n {
				continue
			}
			if left > 0 {
				left--
				continue
			}
			out = append(out, r)
			taken++
		}
		if taken < n {
			p.t.Fatalf("there are fewer than %d samples of %s", skip+n, class)
		}
	}
	return out
}

// table writes a CSV file.
func (p *place) table(path, header string, records [][]string) {
	p.t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(strings.Split(header, ","))
	w.WriteAll(records)
	if err := w.Error(); err != nil {
		p.t.Fatal(err)
	}
	p.put(path, b.Bytes())
}

// spaced are folders whose paths may have spaces in them, as this checkout's
// and that of temporary files.
var spaced = func() []string {
	root, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return []string{root, strings.TrimSuffix(os.TempDir(), "/")}
}()

// words splits a command line at its spaces, but for those in spaced and
// between quotes.
func words(line string) []string {
	for i, path := range spaced {
		line = strings.ReplaceAll(line, path, fmt.Sprint("\x00", i))
	}
	var all []string
	for i, part := range strings.Split(line, "'") { // what is quoted is a word
		if i%2 == 1 {
			all = append(all, "'"+part+"'")
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	for k := range all {
		for i, path := range spaced {
			all[k] = strings.ReplaceAll(all[k], fmt.Sprint("\x00", i), path)
		}
		if n := len(all[k]); n > 1 && all[k][0] == '\'' && all[k][n-1] == '\'' {
			all[k] = all[k][1 : n-1] // as a command that is printed quotes it
		}
	}
	return all
}

// try runs a command line, split at spaces.
func (p *place) try(t *testing.T, line string) (code int, stdout, stderr string) {
	t.Helper()
	return headstart(t, words(line)...)
}

// do runs a command line that must succeed and returns what it prints.
func (p *place) do(t *testing.T, line string) string {
	t.Helper()
	code, stdout, stderr := p.try(t, line)
	if code != exitDone {
		t.Fatalf("headstart %s: exit %d: %s", line, code, stderr)
	}
	return stdout
}

// fails runs a command line that must end with that exit code and an error of
// at most three lines that has all these parts.
func (p *place) fails(t *testing.T, line string, code int, parts ...string) {
	t.Helper()
	got, stdout, stderr := p.try(t, line+" --quiet")
	if got != code {
		t.Errorf("headstart %s: exit %d, want %d: %s%s", line, got, code, stdout, stderr)
	}
	for _, part := range parts {
		if !strings.Contains(stderr, part) {
			t.Errorf("headstart %s: %q does not say %q", line, stderr, part)
		}
	}
	if n := strings.Count(stderr, "\n"); n < 1 || n > 3 {
		t.Errorf("headstart %s: an error of %d lines: %s", line, n, stderr)
	}
	command := strings.Fields(line)[0]
	if command == "cache" || command == "models" {
		command += " " + strings.Fields(line)[1]
	}
	if !strings.HasPrefix(stderr, "headstart: "+command+": ") {
		t.Errorf("headstart %s: the error does not begin with the command: %s", line, stderr)
	}
}

// object is one line of JSON.
type object map[string]any

// objects reads JSON lines.
func objects(t *testing.T, lines string) []object {
	t.Helper()
	var out []object
	for line := range strings.Lines(lines) {
		var o object
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		out = append(out, o)
	}
	return out
}

// one runs a command line with --json and returns the one object it prints.
func (p *place) one(t *testing.T, line string) object {
	t.Helper()
	all := objects(t, p.do(t, line+" --json"))
	if len(all) != 1 {
		t.Fatalf("headstart %s --json: %d objects", line, len(all))
	}
	return all[0]
}

// at returns the value at a path of keys, "metrics.cv.accuracy". A list is
// entered at its first item.
func (o object) at(path string) (v any, ok bool) {
	v = map[string]any(o)
	for key := range strings.SplitSeq(path, ".") {
		if list, is := v.([]any); is && len(list) > 0 {
			v = list[0]
		}
		m, is := v.(map[string]any)
		if !is {
			return nil, false
		}
		if v, ok = m[key]; !ok {
			return nil, false
		}
	}
	return v, true
}

// number returns the number at a path, and fails the test if there is none.
func (o object) number(t *testing.T, path string) float64 {
	t.Helper()
	v, _ := o.at(path)
	n, ok := v.(float64)
	if !ok {
		t.Fatalf("%s is %v, not a number", path, v)
	}
	return n
}

// wantNumbers compares numbers with what they should be.
func (o object) wantNumbers(t *testing.T, want map[string]float64) {
	t.Helper()
	for path, n := range want {
		if got := o.number(t, path); got != n {
			t.Errorf("%s is %v, want %v", path, got, n)
		}
	}
}

// wantKeys checks that the paths, divided by spaces, are all there, and that
// nothing but the first keys of them is.
func (o object) wantKeys(t *testing.T, paths string) {
	t.Helper()
	var known []string
	for _, path := range strings.Fields(paths) {
		if _, ok := o.at(path); !ok {
			t.Errorf("there is no %s in %v", path, o)
		}
		first, _, _ := strings.Cut(path, ".")
		known = append(known, first)
	}
	for key := range o {
		if !slices.Contains(known, key) {
			t.Errorf("%s is not in the contract", key)
		}
	}
}
