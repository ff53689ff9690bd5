package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
)

// printer is the way to a person: what would control a terminal, or turn the
// direction of text, is spelled out, since names in foreign files are printed.
// Line breaks and tabs stay. JSON stays the JSON that it was.
type printer struct {
	mark []byte // around what headstart itself has a terminal do

	mu   sync.Mutex
	to   io.Writer
	rest []byte // the beginning of a character whose end is yet to come
	out  []byte
}

// protect puts printers between the commands and the process's streams: before
// stderr always, before stdout if it is a terminal, since a file or a pipe gets
// the bytes as they are.
func (e *env) protect(stdoutIsTerminal bool) {
	e.mark = "\x00" + rand.Text() // no file can have guessed it
	e.stderr = &printer{mark: []byte(e.mark), to: e.stderr}
	if stdoutIsTerminal {
		e.stdout = &printer{mark: []byte(e.mark), to: e.stdout}
	}
}

// flush writes what is held back because it is no whole character.
func (e *env) flush() {
	for _, w := range []io.Writer{e.stdout, e.stderr} {
		if p, ok := w.(*printer); ok {
			p.flush()
		}
	}
}

// control returns a control sequence that reaches the terminal.
func (e *env) control(sequence string) string { return e.mark + sequence + e.mark }

// paint returns text with an attribute of ECMA-48, SGR: "1" is bold.
func (e *env) paint(attribute, text string) string {
	return e.control("\x1b["+attribute+"m") + text + e.control("\x1b[0m")
}

// redraw puts a line over the one that was redrawn before.
func (e *env) redraw(line string) {
	// Carriage return, the line, clear what is left of the one before
	// (ECMA-48, EL).
	fmt.Fprint(e.stderr, e.control("\r")+report.Cut(line, e.stderrWidth()-1)+e.control("\x1b[K"))
}

// Write prints what b says.
func (p *printer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := append(p.rest, b...)
	whole := len(text) - unfinished(text)
	p.out = p.spell(p.out[:0], text[:whole])
	p.rest = bytes.Clone(text[whole:])
	if _, err := p.to.Write(p.out); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (p *printer) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to.Write(p.spell(nil, p.rest))
	p.rest = nil
}

// unfinished returns how many bytes at the end of b may be the beginning of a
// character.
func unfinished(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n:]; utf8.RuneStart(c[0]) {
			if utf8.FullRune(c) {
				return 0
			}
			return n
		}
	}
	return 0
}

// spell appends text to dst.
func (p *printer) spell(dst, text []byte) []byte {
	for len(text) > 0 {
		if rest, ok := bytes.CutPrefix(text, p.mark); ok {
			own, rest, _ := bytes.Cut(rest, p.mark)
			dst, text = append(dst, own...), rest
			continue
		}
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1:
			dst = fmt.Appendf(dst, `\x%02x`, text[0])
		case r == '\n' || r == '\t' || !report.Controls(r):
			dst = append(dst, text[:n]...)
		case r < ' ':
			dst = fmt.Appendf(dst, `\x%02x`, r)
		default: // these JSON does not spell out itself
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
		text = text[n:]
	}
	return dst
}
