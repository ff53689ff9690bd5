package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// writeMan writes the help of a command as a man page in mdoc(7), which mandoc
// and groff read. Pages are all that there are; day is the page's date.
func writeMan(b *bytes.Buffer, p page, pages []page, day time.Time) {
	fmt.Fprintf(b, ".Dd %s\n.Dt %s 1\n.Os headstart\n", day.UTC().Format("January 2, 2006"), strings.ToUpper(p.file("-")))
	fmt.Fprintf(b, ".Sh NAME\n.Nm %s\n.Nd %s\n", p.file("-"), roff(p.does))

	fmt.Fprintf(b, ".Sh SYNOPSIS\n.Nm %s\n", p.file(" "))
	for _, word := range strings.Fields(usage(p.command, p.path))[len(p.path):] {
		if optional, ok := strings.CutPrefix(word, "["); ok && strings.HasSuffix(word, "]") {
			fmt.Fprintf(b, ".Op Ar %s\n", argumentOf(strings.TrimSuffix(optional, "]")))
		} else {
			fmt.Fprintf(b, ".Ar %s\n", argumentOf(word))
		}
	}

	b.WriteString(".Sh DESCRIPTION\n")
	paragraphs := []string{"It " + p.does + "."}
	if p.about != "" {
		paragraphs = append(paragraphs, strings.Split(p.about, "\n\n")...)
	}
	for i, text := range paragraphs {
		if i > 0 {
			b.WriteString(".Pp\n")
		}
		sentences(b, text)
	}
	if p.subcommands != nil {
		b.WriteString(".Ss Commands\n.Bl -tag -width Ds\n")
		for _, s := range p.subcommands {
			fmt.Fprintf(b, ".It Cm %s\n%s\n", s.name, roff(s.does))
		}
		b.WriteString(".El\n")
	}
	for _, g := range groups(p.flags) {
		fmt.Fprintf(b, ".Ss %s\n.Bl -tag -width Ds\n", roff(g.name))
		for _, f := range g.flags {
			name, value, _ := strings.Cut(strings.TrimPrefix(flagTerm(f), "--"), " ")
			b.WriteString(".It Fl -" + roff(name))
			if value != "" {
				b.WriteString(" Ar " + argumentOf(value))
			}
			fmt.Fprintf(b, "\n%s\n", roff(flagText(f)))
		}
		b.WriteString(".El\n")
	}
	if len(p.path) == 1 {
		b.WriteString(".Ss Flags\n.Bl -tag -width Ds\n")
		for _, f := range rootFlags {
			b.WriteString(".It")
			for i, term := range strings.Split(f.term, ", ") {
				if i > 0 {
					b.WriteString(" ,")
				}
				b.WriteString(" Fl " + roff(term[1:]))
			}
			fmt.Fprintf(b, "\n%s\n", roff(f.does))
		}
		b.WriteString(".El\n")
	}
	if len(p.flags) > 0 {
		b.WriteString(".Pp\n")
		sentences(b, flagsNote(p.flags[0].Names()[0]))
	}

	b.WriteString(".Sh ENVIRONMENT\n")
	switch {
	case len(p.path) == 1:
		b.WriteString(".Bl -tag -width Ds\n")
		for _, s := range surroundings {
			fmt.Fprintf(b, ".It Ev %s\n%s\n", strings.ReplaceAll(s.name, ", ", " , "), roff(s.does))
		}
		b.WriteString(".El\n")
	case len(p.flags) > 0:
		b.WriteString(".Bl -tag -width Ds\n")
		for _, f := range p.flags {
			name := f.Names()[0]
			fmt.Fprintf(b, ".It Ev %s\nas\n.Fl -%s\n", variable(name), roff(name))
		}
		b.WriteString(".El\n")
	default:
		sentences(b, "The page of headstart lists what all commands look at.")
	}

	b.WriteString(".Sh EXIT STATUS\n.Bl -tag -width Ds\n")
	for _, code := range exitCodes(p.command) {
		fmt.Fprintf(b, ".It %d\n%s\n", code, roff(exitMeaning[code]))
	}
	b.WriteString(".El\n.Sh EXAMPLES\n")
	for _, example := range p.examples {
		b.WriteString(".Dl $ " + roff(example) + "\n")
	}

	b.WriteString(".Sh SEE ALSO\n")
	var near []string // the commands above it, and those right under it
	for _, o := range pages {
		above := len(o.path) < len(p.path) && slices.Equal(o.path, p.path[:len(o.path)])
		under := len(o.path) == len(p.path)+1 && slices.Equal(o.path[:len(p.path)], p.path)
		if above || under {
			near = append(near, o.file("-"))
		}
	}
	slices.Sort(near)
	for i, name := range near {
		fmt.Fprintf(b, ".Xr %s 1", name)
		if i < len(near)-1 {
			b.WriteString(" ,")
		}
		b.WriteString("\n")
	}
}

// sentences writes text, a sentence a line, as mdoc asks for.
func sentences(b *bytes.Buffer, text string) {
	for sentence := range strings.SplitAfterSeq(strings.ReplaceAll(text, "\n", " "), ". ") {
		b.WriteString(roff(strings.TrimSpace(sentence)) + "\n")
	}
}

// argumentOf is roff for one argument of a macro. A line may end behind a bar:
// lists of choices are longer than lines.
func argumentOf(s string) string { return `\&` + strings.ReplaceAll(roff(s), "|", `|\:`) }

// roff escapes text: the backslash, hyphens that are typed, what would be a
// request at the beginning, and what is no ASCII.
func roff(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case i == 0 && (r == '.' || r == '\''):
			b.WriteString(`\&` + string(r))
		case r == '"':
			b.WriteString(`\(dq`)
		case r > 0x7e:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
