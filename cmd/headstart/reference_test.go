package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestManPages writes the man pages twice, looks for everything that the help
// says, and has mandoc and groff look for mistakes where they are.
func TestManPages(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1580702706")
	t.Chdir(t.TempDir())
	for _, dir := range []string{"one", "two/man1"} {
		if code, stdout, stderr := headstart(t, "reference", "--man", dir); code != 0 || stdout != "" {
			t.Fatalf("exit %d: %s%s", code, stdout, stderr)
		}
	}
	e, _, _ := testEnv()
	pages := pagesOf(program(e), nil)
	for _, p := range pages {
		name := p.file("-") + ".1"
		content, err := os.ReadFile(filepath.Join("one", name))
		if err != nil {
			t.Fatal(err)
		}
		again, err := os.ReadFile(filepath.Join("two/man1", name))
		if err != nil {
			t.Fatal(err)
		}
		text := string(content)
		if text != string(again) {
			t.Errorf("%s: other bytes the second time", name)
		}
		wants := []string{".Dd February 3, 2020\n", ".Dt " + strings.ToUpper(p.file("-")) + " 1\n", roff(p.does)}
		for _, f := range p.flags {
			wants = append(wants, ".It Fl -"+roff(f.Names()[0]), roff(flagText(f)), variable(f.Names()[0]))
		}
		for _, s := range p.subcommands {
			wants = append(wants, ".It Cm "+s.name+"\n", ".Xr "+p.file("-")+"-"+s.name+" 1")
		}
		for _, e := range p.examples {
			wants = append(wants, roff(e))
		}
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %q", name, want)
			}
		}
		for _, lint := range [][]string{{"mandoc", "-T", "lint", "-W", "warning"}, {"groff", "-mdoc", "-ww", "-z", "-Tutf8"}} {
			if _, err := exec.LookPath(lint[0]); err != nil {
				t.Logf("%s is not here to look for mistakes", lint[0])
				continue
			}
			out, err := exec.Command(lint[0], append(lint[1:], filepath.Join("one", name))...).CombinedOutput()
			if err != nil || len(out) > 0 {
				t.Errorf("%s: %v\n%s", lint[0], err, out)
			}
		}
	}
	files, err := os.ReadDir("one")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(pages) {
		t.Errorf("%d files for %d commands", len(files), len(pages))
	}
}

// TestReferencePage compares docs/reference.md with what the command writes, so
// that a change of a flag or of a sentence of help stands in both; -update, and
// make man, write it.
func TestReferencePage(t *testing.T) {
	code, stdout, stderr := headstart(t, "reference")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	const page = "../../docs/reference.md"
	if *update {
		if err := os.WriteFile(page, []byte(stdout), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(content) != stdout {
		t.Error("docs/reference.md is not what the commands say of themselves; make man writes it anew")
	}
	e, _, _ := testEnv()
	for _, p := range pagesOf(program(e), nil) {
		for _, f := range p.flags {
			if !strings.Contains(stdout, cell(flagText(f))) || !strings.Contains(stdout, variable(f.Names()[0])) {
				t.Errorf("%s: --%s is not in the page", p.file(" "), f.Names()[0])
			}
		}
		for _, example := range p.examples {
			if !strings.Contains(stdout, "\n$ "+example+"\n") {
				t.Errorf("%s: %q is not in the page", p.file(" "), example)
			}
		}
	}
}

func TestReferenceRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	if code, _, stderr := headstart(t, "reference", "--man", "m", "--out", "r.md"); code != exitUsage || !strings.Contains(stderr, "give one of them") {
		t.Errorf("both: exit %d: %s", code, stderr)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if code, _, stderr := headstart(t, "reference", "--man", "m"); code != exitFailed || !strings.Contains(stderr, "SOURCE_DATE_EPOCH") {
		t.Errorf("a wrong date: exit %d: %s", code, stderr)
	}
	if _, err := os.Stat("m"); err == nil {
		t.Error("a folder was left")
	}
}

func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		`.features`:    `\&.features`,
		`'quoted'`:     `\&'quoted'`,
		`a\b --out "c`: `a\eb \-\-out \(dqc`,
		`λ…`:           `\[u03BB]\[u2026]`,
	} {
		if got := roff(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
