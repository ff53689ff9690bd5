package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestCompletionWords asks for what the last word of a line may become.
func TestCompletionWords(t *testing.T) {
	for line, want := range map[string]string{
		"ext":                           "extract",
		"train-head --cl":               "--class-weight --clip",
		"train-head -cl":                "--class-weight --clip",
		"train-head --clip 1 --cl":      "--class-weight",
		"--clip 1 train-head --cl":      "--class-weight",
		"extract --tap x --ta":          "--tap", // repeatable
		"train-head ":                   ":files .features",
		"train-head a.features --cv 2 ": ":files .features",
		"predict ":                      ":files .head.onnx",
		"predict x.head.onnx ":          ":files",
		"predict --top 3 x.head.onnx ":  ":files",
		"predict -- x.head.onnx ":       ":files",
		"predict -- --":                 ":files .head.onnx",
		"inspect x.head.onnx ":          "all-minilm-l6-v2 efficientnet-lite0 :files",
		"extract --out ":                ":files",
		"extract --out=":                ":files",
		"export x.head.onnx --out ":     ":folders",
		"extract --backbone=all":        "--backbone=all-minilm-l6-v2 :files .onnx",
		"extract --label ":              "",
		"cache ":                        "stat verify gc merge compact export why",
		"cache w":                       "why",
		"cache merge a ":                ":folders",
		"cache nothing ":                "",
		"help ca":                       "cache",
		"help cache w":                  "why",
		"hel":                           "help",
		"--ver":                         "--version",
		"doctor ":                       "",
		"completion z":                  "zsh",
	} {
		code, stdout, stderr := headstart(t, append([]string{"completion", "words", "--"}, strings.Split(line, " ")...)...)
		var words []string
		for l := range strings.Lines(stdout) {
			word, _, _ := strings.Cut(strings.TrimSuffix(l, "\n"), "\t")
			words = append(words, word)
		}
		if got := strings.Join(words, " "); code != 0 || got != want {
			t.Errorf("%s: exit %d, %q, want %q\n%s", line, code, got, want, stderr)
		}
	}
	// An empty line has every command.
	_, stdout, _ := headstart(t, "completion", "words")
	for _, c := range program(new(env)).subcommands {
		if !strings.Contains(stdout, c.name+"\t"+c.does+"\n") {
			t.Errorf("%s is missing:\n%s", c.name, stdout)
		}
	}
}

// TestCompletionOfFixedWords completes what a placeholder names as it is typed.
func TestCompletionOfFixedWords(t *testing.T) {
	root := &command{name: "headstart", subcommands: []*command{{name: "fit", args: "[SET.features…|last]", flags: []cli.Flag{
		&cli.StringFlag{Name: "weight", Usage: "`none|balanced|FILE`: how classes are weighed"},
		&cli.StringFlag{Name: "tail", Usage: "`last:N|half|all|TENSOR`: what is retrained; all: everything"},
	}}}}
	for line, want := range map[string]suggestions{
		"fit --weight b":  {words: []suggestion{{"balanced", ""}}, files: true},
		"fit --weight=b":  {words: []suggestion{{"--weight=balanced", ""}}, files: true},
		"fit --tail ":     {words: []suggestion{{"half", ""}, {"all", ""}}},
		"fit --t":         {words: []suggestion{{"--tail", "what is retrained"}}},
		"fit a.features ": {words: []suggestion{{"last", ""}}, files: true, endings: []string{".features"}},
	} {
		got := complete(root, strings.Split(line, " "))
		if !slices.Equal(got.words, want.words) || got.files != want.files || got.folders != want.folders || !slices.Equal(got.endings, want.endings) {
			t.Errorf("%s: %+v, want %+v", line, *got, want)
		}
	}
}

// completionPlace makes a folder with files to complete, goes there, and puts
// this program as headstart first in PATH.
func completionPlace(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "headstart")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	t.Setenv(asHeadstart, "1")
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("new photos/sub", 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one.features", "two words.features", "two.txt", "x.head.onnx", "new photos/1.jpg"} {
		if err := os.WriteFile(name, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// shell finds a shell; on a machine without it the test is skipped.
func shell(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("there is no ", name, " here")
	}
	return path
}

// TestCompletionInBash calls the function that the script gives to bash, with
// words as bash divides them.
func TestCompletionInBash(t *testing.T) {
	bash := shell(t, "bash")
	completionPlace(t)
	if err := os.WriteFile("headstart.bash", []byte(bashScript), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		words []string
		want  string
	}{
		{[]string{"ext"}, "extract"},
		{[]string{"train-head", "--cl"}, "--class-weight|--clip"},
		{[]string{"cache", ""}, "stat|verify|gc|merge|compact|export|why"},
		{[]string{"train-head", ""}, "new photos|one.features|two words.features"},
		{[]string{"train-head", "two"}, "two words.features"},
		{[]string{"train-head", `two\ w`}, "two words.features"},
		{[]string{"train-head", `"two w`}, "two words.features"},
		{[]string{"predict", "x"}, "x.head.onnx"},
		{[]string{"predict", "x.head.onnx", "tw"}, "two words.features|two.txt"},
		{[]string{"extract", "new photos/"}, "new photos/1.jpg|new photos/sub"},
		{[]string{"extract", "--out", "=", "tw"}, "two words.features|two.txt"},
		{[]string{"extract", "--backbone", "=", "all"}, "all-minilm-l6-v2"},
		{[]string{"extract", "--backbone", "="}, "all-minilm-l6-v2|efficientnet-lite0|new photos|x.head.onnx"},
		{[]string{"export", "x.head.onnx", "--out", ""}, "new photos"},
		{[]string{"no-command", ""}, ""},
	} {
		script := `source ./headstart.bash
COMP_WORDS=(headstart "$@") COMP_CWORD=$#
_headstart
IFS='|'; sorted=$(printf '%s\n' "${COMPREPLY[@]}"); echo "$sorted"`
		out, err := exec.Command(bash, append([]string{"--norc", "-c", script, "bash"}, test.words...)...).CombinedOutput()
		got := strings.Split(strings.TrimSpace(string(out)), "\n")
		want := strings.Split(test.want, "|")
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %q, want %q", test.words, err, got, want)
		}
	}
}

// TestCompletionInFish asks fish for what it would show.
func TestCompletionInFish(t *testing.T) {
	fish := shell(t, "fish")
	completionPlace(t)
	t.Setenv("HOME", t.TempDir()) // fish writes there
	for line, want := range map[string]string{
		"headstart ext":                          "extract",
		"headstart train-head --cl":              "--class-weight|--clip",
		"headstart cache ":                       "compact|export|gc|merge|stat|verify|why",
		"headstart train-head ":                  "new photos/|one.features|two words.features",
		"headstart train-head one.features tw":   "two words.features",
		"headstart predict x.head.onnx tw":       "two words.features|two.txt",
		"headstart extract --out=tw":             "--out=two words.features|--out=two.txt",
		"headstart extract --backbone=all":       "--backbone=all-minilm-l6-v2",
		"headstart export x.head.onnx --out ":    "new photos/",
		"headstart no-command ":                  "",
		"headstart extract --dry-run new\\ phot": "new photos/",
	} {
		cmd := exec.Command(fish, "--no-config", "-c", "source (headstart completion fish | psub); complete -C $argv[1]", line)
		out, err := cmd.CombinedOutput()
		var got []string
		for l := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimSuffix(l, "\n"), "\t")
			got = append(got, word)
		}
		slices.Sort(got)
		if err != nil || strings.Join(got, "|") != want {
			t.Errorf("%s: %v, %q, want %q", line, err, got, want)
		}
	}
}
