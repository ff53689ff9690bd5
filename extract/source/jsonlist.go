package source

import (
	"bytes"
	"fmt"
	"io"
)

// spot is a place in a text.
type spot struct{ line, column int } // from 1; columns in characters

// pass goes on behind b.
func (p *spot) pass(b []byte) {
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		p.line += bytes.Count(b[:i+1], []byte{'\n'})
		p.column, b = 1, b[i+1:]
	}
	for _, c := range b {
		if c&0xc0 != 0x80 { // a character goes on with those of UTF-8
			p.column++
		}
	}
}

// jsonList cuts a list into its elements, by commas and brackets alone: what is
// wrong inside an element is for the scanner to say.
type jsonList struct {
	begun, done bool
	n           int // elements so far
}

// read returns the next element, as jsonRecords.read does.
func (l *jsonList) read(r *jsonRecords) (b []byte, length int, err error) {
	if !l.begun {
		r.at = spot{1, 1}
	}
	c, err := r.skipSpace()
	if !l.begun && err == nil { // what is not empty begins with a bracket
		l.begun = true
		r.discard(1)
		if c, err = r.skipSpace(); err == nil && c == ']' {
			r.discard(1)
			l.done = true
			c, err = r.skipSpace()
		}
	}
	switch {
	case l.done && err == io.EOF:
		return nil, 0, io.EOF
	case l.done && err == nil:
		return nil, 0, fmt.Errorf("line %d: %q after the end of the list", r.at.line, c)
	case err == io.EOF:
		return nil, 0, fmt.Errorf("line %d: the file ends inside its list; is it cut off?", r.at.line)
	case err != nil:
		return nil, 0, err
	}
	r.from = r.at
	l.n++
	r.buf = r.buf[:0]
	for cut := (cutter{}); ; {
		chunk, err := r.chunk()
		if err == io.EOF {
			return nil, 0, fmt.Errorf("record %d (line %d): the file ends inside it; is it cut off, or a quote or bracket missing?", l.n, r.from.line)
		}
		if err != nil {
			return nil, 0, err
		}
		n, ended := cut.cut(chunk)
		if length += n; length <= maxJSON {
			r.buf = append(r.buf, chunk[:n]...)
		}
		if length > maxSkipped {
			return nil, 0, fmt.Errorf("record %d (line %d): %w", l.n, r.from.line, errEndless)
		}
		if ended {
			l.done = chunk[n] == ']'
			n++
		}
		r.discard(n)
		if ended {
			return r.buf, length, nil
		}
	}
}

// chunk returns the bytes that are read already, at least one.
func (r *jsonRecords) chunk() ([]byte, error) {
	if _, err := r.in.Peek(1); err != nil {
		return nil, err
	}
	return r.in.Peek(r.in.Buffered())
}

// discard goes on behind n bytes of a chunk.
func (r *jsonRecords) discard(n int) {
	b, _ := r.in.Peek(n)
	r.at.pass(b)
	r.in.Discard(n)
}

// skipSpace goes to the next byte that is no white space, and returns it.
func (r *jsonRecords) skipSpace() (byte, error) {
	for {
		chunk, err := r.chunk()
		if err != nil {
			return 0, err
		}
		rest := bytes.TrimLeft(chunk, " \t\r\n")
		r.discard(len(chunk) - len(rest))
		if len(rest) > 0 {
			return rest[0], nil
		}
	}
}

// cutter finds the end of an element, chunk by chunk.
type cutter struct {
	depth            int
	quoted, escaping bool
}

// cut returns the number of bytes that belong to the element, and whether a
// comma or bracket behind them ends it.
func (c *cutter) cut(b []byte) (n int, ended bool) {
	for i, x := range b {
		switch {
		case c.escaping:
			c.escaping = false
		case c.quoted:
			if x == '"' {
				c.quoted = false
			} else if x == '\\' {
				c.escaping = true
			}
		case x == '"':
			c.quoted = true
		case x == '{' || x == '[':
			c.depth++
		case c.depth == 0 && (x == ',' || x == ']'):
			return i, true
		case (x == '}' || x == ']') && c.depth > 0:
			c.depth--
		}
	}
	return len(b), false
}
