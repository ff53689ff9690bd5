package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// sample is a tree of commands with every kind of flag.
func sample() *command {
	return &command{name: "headstart", subcommands: []*command{
		{name: "train", flags: []cli.Flag{
			&cli.IntFlag{Name: "epochs"},
			&cli.Float64Flag{Name: "lr"},
			&cli.StringFlag{Name: "out"},
			&cli.BoolFlag{Name: "quiet"},
			&cli.StringSliceFlag{Name: "tap"},
		}},
		{name: "cache", subcommands: []*command{
			{name: "stat", flags: []cli.Flag{&cli.StringFlag{Name: "cache"}, &cli.BoolFlag{Name: "json"}}},
			{name: "verify"},
		}},
	}}
}

func TestArrange(t *testing.T) {
	for _, test := range []struct {
		line  string
		path  string
		flags string
		args  string
		help  bool
	}{
		{line: "", path: "headstart"},
		{line: "train data", path: "headstart train", args: "data"},
		{line: "train data --epochs 5", path: "headstart train", flags: "--epochs=5", args: "data"},
		{line: "train data --epochs=5 more -quiet", path: "headstart train", flags: "--epochs=5 --quiet", args: "data more"},
		{line: "--epochs 5 train data", path: "headstart train", flags: "--epochs=5", args: "data"},
		{line: "--quiet train data", path: "headstart train", flags: "--quiet", args: "data"},
		{line: "train --quiet data", path: "headstart train", flags: "--quiet", args: "data"},
		{line: "train --quiet=false data", path: "headstart train", flags: "--quiet=false", args: "data"},
		{line: "train -- --epochs 5", path: "headstart train", args: "--epochs 5"},
		{line: "train a -- -h -- b", path: "headstart train", args: "a -h -- b"},
		{line: "train -", path: "headstart train", args: "-"},
		{line: "train --out -", path: "headstart train", flags: "--out=-"},
		{line: "train --lr -1e-3 x", path: "headstart train", flags: "--lr=-1e-3", args: "x"},
		{line: "train --lr -.5 x", path: "headstart train", flags: "--lr=-.5", args: "x"},
		{line: "train --out=--quiet", path: "headstart train", flags: "--out=--quiet"},
		{line: "train --out= x", path: "headstart train", flags: "--out=", args: "x"},
		{line: "train --out=a=b", path: "headstart train", flags: "--out=a=b"},
		{line: "train --tap a x --tap b", path: "headstart train", flags: "--tap=a --tap=b", args: "x"},
		{line: "train train", path: "headstart train", args: "train"},
		{line: "train help", path: "headstart train", args: "help"},
		{line: "cache", path: "headstart cache"},
		{line: "cache stat --json", path: "headstart cache stat", flags: "--json"},
		{line: "cache --json stat", path: "headstart cache stat", flags: "--json"},
		{line: "--cache d cache stat", path: "headstart cache stat", flags: "--cache=d"},
		{line: "--cache cache cache stat x", path: "headstart cache stat", flags: "--cache=cache", args: "x"},
		{line: "cache --cache stat stat", path: "headstart cache stat", flags: "--cache=stat"},
		{line: "help", path: "headstart", help: true},
		{line: "help help", path: "headstart", help: true},
		{line: "help train", path: "headstart train", help: true},
		{line: "help cache stat", path: "headstart cache stat", help: true},
		{line: "--help", path: "headstart", help: true},
		{line: "-h train", path: "headstart train", help: true},
		{line: "train -h --nonsense", path: "headstart train", help: true},
		{line: "train x --help", path: "headstart train", args: "x", help: true},
		{line: "cache --help", path: "headstart cache", help: true},
	} {
		c, err := arrange(sample(), strings.Fields(test.line))
		if err != nil {
			t.Errorf("%s: %v", test.line, err)
			continue
		}
		if got := strings.Join(c.path, " "); got != test.path {
			t.Errorf("%s: path %q, want %q", test.line, got, test.path)
		}
		if got := strings.Join(c.flags, " "); got != test.flags {
			t.Errorf("%s: flags %q, want %q", test.line, got, test.flags)
		}
		if got := strings.Join(c.args, " "); got != test.args {
			t.Errorf("%s: arguments %q, want %q", test.line, got, test.args)
		}
		if c.help != test.help {
			t.Errorf("%s: help %v", test.line, c.help)
		}
		want := append(strings.Fields(test.path+" "+test.flags+" --"), strings.Fields(test.args)...)
		if got := c.line(); !slices.Equal(got, want) {
			t.Errorf("%s: line %q, want %q", test.line, got, want)
		}
	}
}

func TestArrangeErrors(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"trian data", `unknown command "trian"; did you mean train?`},
		{"hlep", `unknown command "hlep"; did you mean help?`},
		{"frobnicate", `unknown command "frobnicate"; headstart help lists the commands`},
		{"-- trian", `unknown command "trian"; did you mean train?`},
		{"cache stats", `cache: unknown command "stats"; did you mean stat?`},
		{"cache everything", `cache: unknown command "everything"; headstart help cache lists the commands`},
		{"help trian", `unknown command "trian"; did you mean train?`},
		{"train --epoch 5", `train: unknown flag --epoch; did you mean --epochs?`},
		{"train x --epohcs=5", `train: unknown flag --epohcs; did you mean --epochs?`},
		{"train --xyzzy", `train: unknown flag --xyzzy`},
		{"train --json", `train: unknown flag --json; --json is a flag of headstart cache stat`},
		{"train -q", `train: unknown flag -q; did you mean --quiet?`},
		{"--verison", `unknown flag --verison; did you mean --version?`},
		{"train --epochs 5 --epochs 5", `train: --epochs is given twice`},
		{"--epochs=1 train x -epochs 2", `train: --epochs is given twice`},
		{"train --quiet --quiet", `train: --quiet is given twice`},
		{"train --out", `train: --out needs a value (one that starts with a dash is written --out=-…)`},
		{"train --out --quiet x", `train: --out needs a value (one that starts with a dash is written --out=-…)`},
		{"train --out -- x", `train: --out needs a value (one that starts with a dash is written --out=-…)`},
		{"cache verify --fast", `cache verify: unknown flag --fast`},
	} {
		_, err := arrange(sample(), strings.Fields(test.line))
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: %v, want %s", test.line, err, test.want)
		}
		var ue *usageError
		if !errors.As(err, &ue) {
			t.Errorf("%s: %T is not a usage error", test.line, err)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"extract", "train-head", "evaluate", "predict", "cache", "doctor"}
	for s, want := range map[string]string{
		"extrakt": "extract", "xetract": "extract", "ext": "", "train": "", "trainhead": "train-head", "tarin-head": "train-head",
		"eval": "", "evalute": "evaluate", "predcit": "predict", "Doctor": "doctor", "cash": "cache", "cold": "", "cahce": "cache", "": "",
	} {
		if got := nearest(s, names); got != want {
			t.Errorf("nearest(%q) = %q, want %q", s, got, want)
		}
	}
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}, {"größe", "grosse", 3}, {"größe", "große", 1}} {
		if got := edits(test.a, test.b); got != test.want {
			t.Errorf("edits(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

// FuzzArrange: whatever is typed, nothing is lost: what is not an error has as
// many words after arranging as before.
func FuzzArrange(f *testing.F) {
	f.Add("train data --epochs 5 -- -x")
	f.Add("--cache d cache stat --json")
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Fields(line)
		c, err := arrange(sample(), words)
		if err != nil || c.help || c.version {
			return
		}
		n := len(c.path) - 1 + len(c.args)
		for _, f := range c.flags {
			n++
			if name, _, hasValue, _ := splitFlag(f); hasValue && !slices.Contains(words, f) && !slices.Contains(words, "-"+name+f[len("--")+len(name):]) {
				n++ // the value was a word of its own
			}
		}
		if slices.Contains(words, "--") {
			n++
		}
		if n != len(words) {
			t.Errorf("%q became %q: %d words of %d", words, c.line(), n, len(words))
		}
	})
}
