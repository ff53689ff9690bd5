package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// call is a command line, understood as far as its shape goes.
type call struct {
	root, command *command
	path          []string // the program and the names of the command, "headstart", "cache", "stat"
	flags         []string // each as "--name" or "--name=value"
	args          []string // what is neither a command's name nor a flag nor a flag's value
	help          bool     // -h, --help or the command help
	version       bool
	json          bool // --version --json
}

// line is the command line in the one order that urfave/cli reads completely:
// it takes flags that stand after an argument for arguments.
func (c *call) line() []string {
	line := append([]string(nil), c.path...)
	line = append(line, c.flags...)
	line = append(line, "--")
	return append(line, c.args...)
}

// arrange understands args, the command line after the program's name: flags
// may stand anywhere, before the command too, "--" ends them, a flag given
// twice is an error unless it is repeatable, and what is unknown is answered
// with the nearest name.
func arrange(root *command, args []string) (*call, error) {
	c := &call{root: root, command: root, path: []string{root.name}}
	rest, after := args, []string(nil)
	for i, a := range args {
		if a == "--" {
			rest, after = args[:i], args[i+1:]
			break
		}
	}

	// The command first: its flags are needed to read the line. Before it is
	// known, whether a flag takes a value is asked of all commands.
	isCommand := make([]bool, len(rest))
	for i := 0; i < len(rest); i++ {
		a := rest[i]
		if name, _, hasValue, ok := splitFlag(a); ok {
			if f := lookupAnywhere(c.command, name); f != nil && takesValue(f) && !hasValue {
				i++
			}
			continue
		}
		if c.command == root && a == "help" {
			c.help, isCommand[i] = true, true
			continue
		}
		if c.command.subcommands == nil {
			break
		}
		sub := c.command.find(a)
		if sub == nil {
			return nil, unknownCommand(c, a)
		}
		c.command, isCommand[i] = sub, true
		c.path = append(c.path, sub.name)
	}
	if c.command.subcommands != nil && len(after) > 0 {
		return nil, unknownCommand(c, after[0])
	}

	fail := func(err error) (*call, error) {
		if len(c.path) > 1 {
			err = &commandError{strings.Join(c.path[1:], " "), err}
		}
		return nil, err
	}
	given := make(map[string]bool)
	for i := 0; i < len(rest); i++ {
		a := rest[i]
		name, value, hasValue, ok := splitFlag(a)
		switch {
		case isCommand[i]:
			continue
		case !ok:
			c.args = append(c.args, a)
			continue
		case name == "h" || name == "help":
			c.help = true
			continue
		case name == "version" && c.command == root:
			c.version = true
			continue
		}
		f := lookup(c.command, name)
		if f == nil {
			if name == "json" && !hasValue && c.command == root && slices.Contains(rest, "--version") {
				c.json = true
				continue
			}
			if c.help {
				continue // the help says which flags there are
			}
			return fail(unknownFlag(c, a, name))
		}
		name = f.Names()[0]
		if given[name] && !repeatable(f) {
			return fail(usagef("--%s is given twice", name))
		}
		given[name] = true
		if takesValue(f) && !hasValue {
			i++
			if i == len(rest) || looksLikeFlag(rest[i]) {
				return fail(usagef("--%s needs a value (one that starts with a dash is written --%s=-…)", name, name))
			}
			value, hasValue = rest[i], true
		}
		if hasValue {
			c.flags = append(c.flags, "--"+name+"="+value)
		} else {
			c.flags = append(c.flags, "--"+name)
		}
	}
	c.args = append(c.args, after...)
	return c, nil
}

// splitFlag takes "--name=value", "--name", "-name" apart. "-" alone is an
// argument: standard input.
func splitFlag(a string) (name, value string, hasValue, ok bool) {
	name, ok = strings.CutPrefix(a, "--")
	if !ok {
		name, ok = strings.CutPrefix(a, "-")
	}
	if !ok || name == "" {
		return "", "", false, false
	}
	name, value, hasValue = strings.Cut(name, "=")
	return name, value, hasValue, true
}

// looksLikeFlag reports whether a, in the place of a value, is rather the next
// flag: -1 and - are values.
func looksLikeFlag(a string) bool {
	name, _, _, ok := splitFlag(a)
	return ok && !strings.ContainsAny(name[:min(1, len(name))], "0123456789.")
}

// lookup returns c's flag of that name, or nil.
func lookup(c *command, name string) cli.Flag {
	for _, f := range c.flags {
		for _, n := range f.Names() {
			if n == name {
				return f
			}
		}
	}
	return nil
}

// lookupAnywhere looks in c and in everything under it.
func lookupAnywhere(c *command, name string) cli.Flag {
	if f := lookup(c, name); f != nil {
		return f
	}
	for _, s := range c.subcommands {
		if f := lookupAnywhere(s, name); f != nil {
			return f
		}
	}
	return nil
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

func repeatable(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationSliceFlag)
	return ok && d.IsSliceFlag()
}

func unknownCommand(c *call, name string) error {
	hint := suggestCommand(c.root, c.command, name)
	if hint == "" {
		hint = strings.Join(append([]string{c.root.name, "help"}, c.path[1:]...), " ") + " lists the commands"
	}
	err := usagef("unknown command %q; %s", name, hint)
	if len(c.path) > 1 {
		return &commandError{strings.Join(c.path[1:], " "), err}
	}
	return err
}

func unknownFlag(c *call, given, name string) error {
	given, _, _ = strings.Cut(given, "=")
	if hint := suggestFlag(c, name); hint != "" {
		return usagef("unknown flag %s; %s", given, hint)
	}
	return usagef("unknown flag %s", given)
}

// nearest returns the name that takes the fewest edits to reach from s, or ""
// if that is more than one for every three letters of s.
func nearest(s string, names []string) string {
	best, at := "", max(1, (len(s)+2)/3)+1
	for _, n := range names {
		if d := edits(s, n); d < at {
			best, at = n, d
		}
	}
	return best
}

// edits is the number of insertions, deletions, substitutions and swaps of
// neighbours between a and b: the optimal string alignment distance, see
// L. Boytsov, "Indexing methods for approximate dictionary searching", ACM
// Journal of Experimental Algorithmics 16 (2011), section 2.2.
func edits(a, b string) int {
	s, t := []rune(a), []rune(b)
	d := make([][]int, len(s)+1)
	for i := range d {
		d[i] = make([]int, len(t)+1)
		d[i][0] = i
	}
	for j := range t {
		d[0][j+1] = j + 1
	}
	for i := range s {
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			d[i+1][j+1] = min(d[i][j+1]+1, d[i+1][j]+1, d[i][j]+cost)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				d[i+1][j+1] = min(d[i+1][j+1], d[i-1][j-1]+1)
			}
		}
	}
	return d[len(s)][len(t)]
}
