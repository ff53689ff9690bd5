package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// kinds are what a placeholder in the help may call the kind of a value.
var kinds = []string{
	"NAME|TEXT", "N", "K", "λ", "N|P%", "DIR", "FILE", "FILE.html", "FILE.md", "FILE.csv", "FILE.onnx", "NAME", "NAME.features", "COL", "CHAR", "TEXT", "R,G,B", "SIZE",
	"TENSOR", "TENSOR[:POOLING]", "last:N", "SHARE", "SHARES", "RATE", "FACTOR", "LENGTH", "GAP", "URL", "HEX", "LOW,…,HIGH", "S", "TIME", "OLD.head.onnx", "OTHER.features", "N[,M]", "ALPHA", "N,…", "DEPTHS",
}

// The value of a flag is called by its kind in the help, or by the words that
// it can be: these are exactly those that the command takes.
func TestValuesInTheHelp(t *testing.T) {
	t.Chdir(t.TempDir())
	word := regexp.MustCompile(`^[a-z0-9][a-z0-9:+-]*$`)
	e, _, _ := testEnv()
	// What else must stand on the line for the flag to be read.
	beside := map[string]string{"train-head --dtype": "--tail all", "cache export --format": "--out x"}
	tried := 0
	everyCommand(program(e), nil, func(c *command, path []string) {
		for _, f := range c.flags {
			if !takesValue(f) {
				continue
			}
			name, value := "--"+f.Names()[0], valueOf(f)
			line := strings.Join(path[1:], " ")
			var fixed []string
			free := slices.Contains(kinds, value)
			for part := range strings.SplitSeq(value, "|") {
				switch {
				case slices.Contains(kinds, part):
					free = true
				case word.MatchString(part):
					fixed = append(fixed, part)
				case !free:
					t.Errorf("%s %s %s: %q is neither a kind of value nor a word", line, name, value, part)
				}
			}
			if d := f.(cli.DocGenerationFlag).GetDefaultText(); len(fixed) == 1 && !free && strings.Trim(d, `"`) != fixed[0] {
				t.Errorf("%s %s %s: one of its values, not their kind", line, name, value)
			}
			if free || len(fixed) == 0 {
				continue
			}
			tried++
			args := append(strings.Fields(line+" "+beside[line+" "+name]), name, "zzzzzzzz")
			code, _, stderr := headstart(t, append(args, slices.Repeat([]string{"x"}, c.minArgs)...)...)
			if code != exitUsage || !strings.Contains(stderr, name+" zzzzzzzz") {
				t.Errorf("%v: exit %d, %s", args, code, stderr)
			}
			if _, list, ok := strings.Cut(stderr, "it is one of "); ok {
				list, _, _ = strings.Cut(list, "\n")
				if got := strings.Split(list, ", "); !slices.Equal(got, fixed) {
					t.Errorf("%v: it takes %v, the help says %v", args, got, fixed)
				}
			} else if len(fixed) > 1 {
				t.Errorf("%v: %s", args, stderr)
			}
		}
	})
	if tried < 15 {
		t.Errorf("%d flags with fixed words", tried)
	}
}
