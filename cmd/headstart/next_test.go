package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// atTerminal runs a command line, in the words of a shell, as at a terminal,
// and returns what is printed after "next: ".
func atTerminal(t *testing.T, args ...string) (next, stdout, stderr string) {
	t.Helper()
	e, out, errs := testEnv()
	e.stdoutIsTerminal, e.stderrIsTerminal, e.stderrWidth = true, true, func() int { return 80 }
	if code := run(t.Context(), program(e), args, e); code != 0 {
		t.Fatalf("%q: exit %d: %s", args, code, errs)
	}
	for line := range strings.Lines(errs.String()) {
		if _, after, ok := strings.Cut(line, "next: "); ok {
			if next != "" {
				t.Errorf("%q: two lines say what is next: %s", args, errs)
			}
			next = strings.TrimSuffix(after, "\n")
		}
	}
	if next != "" && !strings.HasSuffix(errs.String(), "next: "+next+"\n") {
		t.Errorf("%q: what is next does not stand at the end: %s", args, errs)
	}
	return next, out.String(), errs.String()
}

// shellWords are the words of a line as a shell reads them.
func shellWords(t *testing.T, line string) []string {
	t.Helper()
	out, err := exec.Command("/bin/sh", "-c", "printf '%s\\n' "+line).Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// What each command says to type next works as it is typed, from samples to a
// model, whatever the samples are called.
func TestNextStepsWork(t *testing.T) {
	p := newPlace(t)
	const odd = "my 'new' photos & more"
	for class, names := range map[string][]string{"fruit": {"1f34e", "1f34f", "1f350", "1f351", "1f352", "1f353"}, "animals": {"1f404", "1f405", "1f406", "1f407", "1f408", "1f409"}} {
		for _, name := range names {
			path := filepath.Join(odd, class, name+".png")
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			p.put(path, p.read(filepath.Join(p.emoji, "images", name+".png")))
		}
	}
	var table, more strings.Builder
	table.WriteString("key;words;label\n")
	more.WriteString("text,label\n")
	for i, word := range strings.Fields("apple pear plum cherry peach melon fig grape") {
		class := []string{"fruit", "dog"}[i%2]
		fmt.Fprintf(&table, "%d;a %s of %s;%s\n", i, class, word, class)
		fmt.Fprintf(&more, "the %s of one %s,%s\n", class, word, class)
	}
	p.put("-texts.csv", []byte(table.String()))
	p.put("more.csv", []byte(more.String()))
	both := "id,image,name,label\n"
	for i, name := range []string{"1f34e", "1f34f", "1f350", "1f404", "1f405", "1f406"} {
		both += fmt.Sprintf("%d,images/%s.png,thing %d,%s\n", i, name, i, []string{"fruit", "animal"}[i/3])
	}
	p.put("both.csv", []byte(both))
	p.do(t, "extract --image image --root "+p.emoji+" --out images.features both.csv")
	p.do(t, "extract --text name --out names.features both.csv")
	p.put("plain.txt", []byte("one text\nanother text\n"))
	for _, c := range []struct {
		name, start string
		want        []string // the commands that follow
	}{
		{"photos", "extract '" + strings.ReplaceAll(odd, "'", `'\''`) + "'", []string{"train-head", "predict"}},
		{"a table", "extract --text words --id key ./-texts.csv", []string{"train-head", "predict"}},
		{"no labels", "extract plain.txt", []string{"cache export"}},
		{"labelled samples", "predict -- -texts.head.onnx more.csv", []string{"evaluate", "export"}},
		{"both", "train-head --by none --l2 0.1 --calibrate none --out both.head.onnx images.features names.features", []string{"predict"}},
	} {
		next, _, stderr := atTerminal(t, shellWords(t, c.start)...)
		for _, want := range c.want {
			rest, ok := strings.CutPrefix(next, "headstart "+want+" ")
			if !ok {
				t.Fatalf("%s: after what is said to be next %q, want %s: %s", c.name, next, want, stderr)
			}
			next, _, stderr = atTerminal(t, append(strings.Fields(want), shellWords(t, rest)...)...)
		}
	}

	// A cache and a library that were named on the line are named again; a
	// program that is not found by its name is called as it was.
	e, _, errs := testEnv()
	e.stdoutIsTerminal, e.stderrIsTerminal, e.stderrWidth, e.self = true, true, func() int { return 80 }, "./bin/headstart"
	if code := run(t.Context(), program(e), strings.Fields("extract --cache other --runtime "+os.Getenv("HEADSTART_RUNTIME")+" more.csv"), e); code != 0 || !strings.HasSuffix(errs.String(), "next: ./bin/headstart train-head more.features --cache other\n") {
		t.Errorf("%s", errs)
	}
}

// In a file or a pipe, with --quiet and with --json nothing is said to be next.
func TestNextStepIsForATerminal(t *testing.T) {
	p := newPlace(t)
	p.put("a.csv", []byte("text,label\none apple,fruit\none dog,dog\n"))
	if next, _, _ := atTerminal(t, "extract", "a.csv"); next != "headstart train-head a.features" {
		t.Errorf("%q", next)
	}
	for _, c := range []struct {
		line        string
		out, errors bool // is a terminal
	}{{"extract a.csv", false, true}, {"extract a.csv", true, false}, {"extract --quiet a.csv", true, true}, {"extract --json a.csv", true, true}} {
		e, _, errs := testEnv()
		e.stdoutIsTerminal, e.stderrIsTerminal, e.stderrWidth = c.out, c.errors, func() int { return 80 }
		if code := run(t.Context(), program(e), strings.Fields(c.line), e); code != 0 || strings.Contains(errs.String(), "next:") {
			t.Errorf("%s: exit %d: %s", c.line, code, errs)
		}
	}
}
