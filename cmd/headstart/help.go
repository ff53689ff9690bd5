package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
)

const (
	helpWidth  = 80
	helpColumn = 26 // where explanations begin
)

// writeHelp writes the help of c, which path calls: a sentence, usage,
// commands or flags in their groups, examples, exit status.
func writeHelp(w io.Writer, c *command, path []string) error {
	var b bytes.Buffer
	name := strings.Join(path, " ")
	wrap(&b, name+" "+c.does+".", 0)

	b.WriteString("\nUSAGE\n  " + usage(c, path) + "\n")

	if c.about != "" {
		for p := range strings.SplitSeq(c.about, "\n\n") {
			b.WriteString("\n")
			wrap(&b, p, 0)
		}
	}
	if c.subcommands != nil {
		b.WriteString("\nCOMMANDS\n")
		for _, s := range c.subcommands {
			item(&b, s.name, s.does)
		}
		if len(path) == 1 {
			item(&b, "help COMMAND", "explains a command, as COMMAND --help does")
		}
	}
	for _, g := range groups(c.flags) {
		b.WriteString("\n" + strings.ToUpper(g.name) + "\n")
		for _, f := range g.flags {
			item(&b, flagTerm(f), flagText(f))
		}
	}
	if len(path) == 1 {
		b.WriteString("\nFLAGS\n")
		for _, f := range rootFlags {
			item(&b, f.term, f.does)
		}
	}
	if len(c.flags) > 0 {
		b.WriteString("\n")
		wrap(&b, flagsNote(c.flags[0].Names()[0]), 0)
	}
	b.WriteString("\nEXAMPLES\n")
	for _, e := range c.examples {
		b.WriteString("  $ " + e + "\n")
	}
	b.WriteString("\nEXIT STATUS\n")
	for _, code := range exitCodes(c) {
		fmt.Fprintf(&b, "  %-5d%s\n", code, exitMeaning[code])
	}
	_, err := w.Write(b.Bytes())
	return err
}

// rootFlags are the flags of the program itself.
var rootFlags = []struct{ term, does string }{
	{"--help, -h", "shows help, of a command too"},
	{"--version", "shows version, commit, date, Go and ONNX Runtime; with --json as JSON"},
}

// usage is how a command is typed.
func usage(c *command, path []string) string {
	line := strings.Join(path, " ")
	if len(c.flags) > 0 {
		line += " [FLAGS]"
	}
	switch {
	case c.args != "":
		line += " " + c.args
	case c.subcommands != nil:
		line += " COMMAND"
	}
	return line
}

// flagsNote says where flags may stand; one is the example.
func flagsNote(example string) string {
	return "Flags may stand before or after arguments; -- ends them. Each has an environment variable: --" +
		example + " has " + variable(example) + "."
}

// exitCodes are all exit codes of a command, in order.
func exitCodes(c *command) []int {
	codes := append([]int{exitDone, exitFailed, exitUsage, exitInterrupted}, c.exits...)
	slices.Sort(codes)
	return codes
}

type group struct {
	name  string
	flags []cli.Flag
}

// groups sorts flags by category, in the order in which categories come.
func groups(flags []cli.Flag) []group {
	var gs []group
	for _, f := range flags {
		name := "Flags"
		if c, ok := f.(cli.CategorizableFlag); ok && c.GetCategory() != "" {
			name = c.GetCategory()
		}
		i := slices.IndexFunc(gs, func(g group) bool { return g.name == name })
		if i < 0 {
			i = len(gs)
			gs = append(gs, group{name: name})
		}
		gs[i].flags = append(gs[i].flags, f)
	}
	return gs
}

// flagTerm is a flag with its value's name, which is what the usage has in
// back quotes: "DIR", "apply|ignore".
func flagTerm(f cli.Flag) string {
	term := "--" + f.Names()[0]
	if takesValue(f) {
		term += " " + valueOf(f)
	}
	return term
}

// valueOf names the value of a flag: its kind, or the words that it can be,
// divided by "|", with kinds in capitals among them.
func valueOf(f cli.Flag) string {
	_, value, _ := strings.Cut(f.(cli.DocGenerationFlag).GetUsage(), "`")
	value, _, _ = strings.Cut(value, "`")
	return value
}

// flagText is what a flag does, whether it may be repeated and its default.
func flagText(f cli.Flag) string {
	d := f.(cli.DocGenerationFlag)
	text := d.GetUsage()
	if strings.HasPrefix(text, "`") { // the value's name alone, as choices gives it
		if _, after, ok := strings.Cut(text, "`: "); ok {
			text = after
		}
	}
	text = strings.ReplaceAll(text, "`", "")
	var more []string
	if repeatable(f) {
		more = append(more, "repeatable")
	}
	// Of the values that urfave/cli calls defaults, these mean none.
	if v := strings.Trim(d.GetDefaultText(), `"`); takesValue(f) && v != "" && v != "0" {
		more = append(more, "default: "+v)
	}
	if len(more) > 0 {
		text += " (" + strings.Join(more, "; ") + ")"
	}
	return text
}

// item writes a term and what it means, in two columns.
func item(b *bytes.Buffer, term, text string) {
	b.WriteString("  " + term)
	used := 2 + report.Width(term)
	if used > helpColumn-2 {
		b.WriteString("\n")
		used = 0
	}
	b.WriteString(strings.Repeat(" ", helpColumn-used))
	wrap(b, text, helpColumn)
}

// wrap writes text as lines of at most helpWidth columns; all lines but the
// first are indented.
func wrap(b *bytes.Buffer, text string, indent int) {
	lines := report.Wrap(text, helpWidth-indent)
	b.WriteString(strings.Join(lines, "\n"+strings.Repeat(" ", indent)) + "\n")
}
