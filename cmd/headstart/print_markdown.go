package main

import (
	"bytes"
	"fmt"
	"strings"
)

// writeMarkdown writes the help of a program and of its commands as one page.
func writeMarkdown(b *bytes.Buffer, root *command) {
	pages := pagesOf(root, nil)
	b.WriteString("# Reference\n\n" +
		"The text of `headstart help`, command by command; `make man` makes this page, and man pages, of the program's own definitions.\n\n" +
		"| command | what it does |\n|---|---|\n")
	for _, p := range pages[1:] {
		fmt.Fprintf(b, "| [`%s`](#%s) | %s |\n", p.file(" "), p.file("-"), cell(p.does))
	}
	for _, p := range pages {
		name := p.file(" ")
		fmt.Fprintf(b, "\n## %s\n\n%s.\n\n```\n%s\n```\n", name, markdown(name+" "+p.does), usage(p.command, p.path))
		if p.about != "" {
			for paragraph := range strings.SplitSeq(p.about, "\n\n") {
				b.WriteString("\n" + markdown(paragraph) + "\n")
			}
		}
		for _, g := range groups(p.flags) {
			fmt.Fprintf(b, "\n| %s | | environment |\n|---|---|---|\n", strings.ToLower(g.name))
			for _, f := range g.flags {
				fmt.Fprintf(b, "| `%s` | %s | `%s` |\n", strings.ReplaceAll(flagTerm(f), "|", `\|`), cell(flagText(f)), variable(f.Names()[0]))
			}
		}
		if len(p.path) == 1 {
			b.WriteString("\n| flag | |\n|---|---|\n")
			for _, f := range rootFlags {
				fmt.Fprintf(b, "| `%s` | %s |\n", f.term, cell(f.does))
			}
			b.WriteString("\n" + flagsNote("out") + "\n\n| environment | |\n|---|---|\n")
			for _, s := range surroundings {
				fmt.Fprintf(b, "| `%s` | %s |\n", strings.ReplaceAll(s.name, ", ", "`, `"), cell(s.does))
			}
		}
		b.WriteString("\n```\n")
		for _, example := range p.examples {
			b.WriteString("$ " + example + "\n")
		}
		b.WriteString("```\n\nExit status: ")
		for i, code := range exitCodes(p.command) {
			if i > 0 {
				b.WriteString(" · ")
			}
			fmt.Fprintf(b, "%d %s", code, markdown(exitMeaning[code]))
		}
		b.WriteString(".\n")
	}
}

// markdown escapes what Markdown would take for a mark.
func markdown(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "<", `\<`, "_", `\_`, "`", "\\`", "~", `\~`).Replace(s)
}

// cell is text in a cell of a table.
func cell(s string) string {
	return strings.ReplaceAll(markdown(s), "|", `\|`)
}
