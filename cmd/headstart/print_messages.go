package main

import (
	"io"
	"strings"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
)

// messages writes messages to stderr: at a terminal in lines that fit it,
// broken between words, elsewhere as they are. A command that a message ends
// with has a line of its own that is not broken, so that it can be copied.
type messages struct{ env *env }

var _ io.Writer = messages{}

func (m messages) Write(b []byte) (int, error) {
	text := string(b)
	if m.env.stderrIsTerminal {
		text = fitted(text, m.env.stderrWidth()-1)
	}
	if _, err := io.WriteString(m.env.stderr, text); err != nil {
		return 0, err
	}
	return len(b), nil
}

// fitted returns text with lines of at most so many columns. What is continued
// is indented.
func fitted(text string, columns int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if report.Width(line) <= columns {
			b.WriteString(line + "\n")
			continue
		}
		command := ""
		for _, before := range []string{": ", "; "} {
			if at := strings.Index(line, before+"headstart "); at >= 0 && command == "" {
				line, command = line[:at+1], line[at+len(before):]
			}
		}
		words := strings.TrimLeft(line, " ")
		indent := line[:len(line)-len(words)]
		for i, part := range report.Wrap(words, columns-len(indent)-2) {
			if i > 0 {
				b.WriteString("  ")
			}
			b.WriteString(indent + part + "\n")
		}
		if command != "" {
			b.WriteString(indent + "  " + command + "\n")
		}
	}
	return b.String()
}
