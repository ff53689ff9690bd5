package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// csvRows writes predictions as CSV: id, label, probability, unsure, label_2,
// probability_2, …, p:CLASS, …, error, the columns of the input.
type csvRows struct {
	*layout
	quoted []string // the classes as cells
	line   []byte   // used again
	buf    *bufio.Writer
}

func newCSVRows(w io.Writer, l *layout) (rowWriter, error) {
	p := &csvRows{layout: l, buf: bufio.NewWriterSize(w, 64<<10)}
	for _, c := range l.classes {
		p.quoted = append(p.quoted, string(appendCell(nil, c)))
	}
	p.line = append(p.line, "id,label,probability"...)
	if l.unsure != nil {
		p.line = append(p.line, ",unsure"...)
	}
	for k := 2; k <= l.top; k++ {
		p.line = fmt.Appendf(p.line, ",label_%d,probability_%d", k, k)
	}
	if l.all {
		for _, c := range l.classes {
			p.line = appendCell(append(p.line, ','), "p:"+c)
		}
	}
	if l.bad {
		p.line = append(p.line, ",error"...)
	}
	for _, name := range l.with {
		p.line = appendCell(append(p.line, ','), name)
	}
	return p, p.write()
}

// write ends the line and writes it.
func (p *csvRows) write() error {
	p.line = append(p.line, '\n')
	_, err := p.buf.Write(p.line)
	p.line = p.line[:0]
	return err
}

func (p *csvRows) row(r *prediction) error {
	p.line = appendCell(p.line, r.id)
	if r.probabilities == nil {
		empty := 2 * p.top
		if p.unsure != nil {
			empty++
		}
		if p.all {
			empty += len(p.classes)
		}
		for range empty {
			p.line = append(p.line, ',')
		}
	} else {
		for k, c := range r.order[:p.top] {
			p.line = append(append(p.line, ','), p.quoted[c]...)
			p.line = appendDecimal(append(p.line, ','), r.probabilities[c])
			if k == 0 && p.unsure != nil {
				p.line = strconv.AppendBool(append(p.line, ','), r.unsure)
			}
		}
		if p.all {
			for _, v := range r.probabilities {
				p.line = appendDecimal(append(p.line, ','), v)
			}
		}
	}
	if p.bad {
		p.line = appendCell(append(p.line, ','), r.reason)
	}
	for k := range p.with {
		p.line = appendCell(append(p.line, ','), r.value(k))
	}
	return p.write()
}

func (p *csvRows) flush() error { return p.buf.Flush() }
func (p *csvRows) close() error { return p.buf.Flush() }

// appendCell appends a cell of CSV to dst as encoding/csv writes it: in quotes
// where it has a quote, a comma, a line end or leading space, or is \.
func appendCell(dst []byte, cell string) []byte {
	first, _ := utf8.DecodeRuneInString(cell)
	if cell == "" || cell != `\.` && !strings.ContainsAny(cell, ",\"\r\n") && !unicode.IsSpace(first) {
		return append(dst, cell...)
	}
	dst = append(dst, '"')
	for {
		i := strings.IndexByte(cell, '"')
		if i < 0 {
			return append(append(dst, cell...), '"')
		}
		dst = append(append(dst, cell[:i]...), `""`...)
		cell = cell[i+1:]
	}
}

// appendDecimal appends a probability with six digits that mean something.
func appendDecimal(dst []byte, v float64) []byte { return strconv.AppendFloat(dst, v, 'g', 6, 64) }
