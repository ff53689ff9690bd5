package main

import (
	"slices"
	"strings"
	"testing"
)

// What other tools call a command or a flag is answered with its name here.
func TestOtherWordsAreAnswered(t *testing.T) {
	for line, want := range map[string]string{
		"train":                   `unknown command "train"; did you mean headstart train-head?`,
		"fit x":                   `unknown command "fit"; did you mean headstart train-head?`,
		"embed photos":            `unknown command "embed"; did you mean headstart extract?`,
		"test":                    `unknown command "test"; did you mean headstart evaluate?`,
		"version":                 `unknown command "version"; did you mean headstart --version?`,
		"help version":            `unknown command "version"; did you mean headstart --version?`,
		"finetune":                `did you mean headstart train-head --tail?`,
		"why x":                   `did you mean headstart cache why?`,
		"list":                    `did you mean headstart models list?`,
		"cache inspect":           `did you mean headstart inspect?`,
		"-v":                      `unknown flag -v; did you mean --version?`,
		"-?":                      `did you mean --help?`,
		"extract -v x":            `extract: unknown flag -v; progress and notes are shown without a flag, and --quiet turns them off`,
		"extract --version":       `headstart --version shows the version`,
		"extract --Help":          `did you mean --help?`,
		"extract --device cpu x":  `extract: unknown flag --device; did you mean --provider?`,
		"extract --gpu x":         `did you mean --provider?`,
		"extract --batch 8 x":     `did you mean --batch-size?`,
		"extract --batch_size=8":  `unknown flag --batch_size; did you mean --batch-size?`,
		"extract --model x":       `did you mean --backbone?`,
		"extract --epochs 3 x":    `--epochs is a flag of headstart train-head`,
		"extract --top 3 x":       `did you mean --tap? (--top is a flag of headstart predict)`,
		"extract -i photos":       `what is read is given without a flag: headstart extract SOURCE…`,
		"extract --keep x":        `unknown flag --keep; --keep is a flag of headstart cache gc`,
		"train-head --C 1 a":      `did you mean --l2?`,
		"train-head -o a":         `did you mean --out?`,
		"evaluate --model a b":    `did you mean --backbone?`,
		"predict names.head.onnx": `predict: the source is missing: a folder, a table or a feature set with the samples to classify; for example: headstart predict photos.head.onnx new-photos/`,
		"predict":                 `predict: the head is missing: a file that train-head made; for example: headstart predict`,
		"extract":                 `extract: the source is missing: a folder, a table or a text file with the samples; for example: headstart extract photos/`,
	} {
		code, _, stderr := headstart(t, strings.Fields(line)...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %q, want %q", line, code, stderr, want)
		}
	}
}

// help after a command asks for its help, unless there is something of that
// name.
func TestHelpAfterACommand(t *testing.T) {
	t.Chdir(t.TempDir())
	if code, stdout, _ := headstart(t, "extract", "help"); code != 0 || !strings.Contains(stdout, "USAGE\n  headstart extract") {
		t.Errorf("exit %d, %s", code, stdout)
	}
}

// Each synonym leads to a command or a flag that is there, and none hides one.
func TestSynonymsLeadSomewhere(t *testing.T) {
	e, _, _ := testEnv()
	root := program(e)
	for word, meant := range commandSynonyms {
		if root.find(word) != nil {
			t.Errorf("%s is a command", word)
		}
		if meant == "help" {
			continue
		}
		at := root
		for _, part := range strings.Fields(meant) {
			if name, _, _, isFlag := splitFlag(part); isFlag {
				if at != root && lookup(at, name) == nil {
					t.Errorf("%s: %s: no such flag", word, meant)
				}
			} else if at = at.find(part); at == nil {
				t.Fatalf("%s: %s: no such command", word, meant)
			}
		}
	}
	for word, meant := range flagSynonyms {
		for _, name := range meant {
			if name != "help" && name != "version" && lookupAnywhere(root, name) == nil {
				t.Errorf("--%s: no command has --%s", word, name)
			}
			if name == word {
				t.Errorf("--%s is its own synonym", word)
			}
		}
		if len(meant) != len(slices.Compact(slices.Sorted(slices.Values(meant)))) {
			t.Errorf("--%s: %v has one twice", word, meant)
		}
	}
}
