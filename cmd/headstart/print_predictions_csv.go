package main

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
)

// csvRows writes predictions as CSV: id, label, probability, unsure, label_2,
// probability_2, …, p:CLASS, …, error, the columns of the input. Labels are one
// cell; numbers are value, or value_1, value_2, ….
type csvRows struct {
	*layout
	quoted  []string // the classes as cells
	columns int      // between id and error
	line    []byte   // used again
	buf     *bufio.Writer
}

func newCSVRows(w io.Writer, l *layout) (rowWriter, error) {
	p := &csvRows{layout: l, buf: bufio.NewWriterSize(w, 64<<10)}
	for _, c := range l.classes {
		p.quoted = append(p.quoted, string(appendCell(nil, c)))
	}
	p.columns = len(l.columns())
	p.line = append(p.line, "id"...)
	for _, name := range l.columns() {
		p.line = appendCell(append(p.line, ','), name)
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
	switch {
	case r.probabilities == nil:
		for range p.columns {
			p.line = append(p.line, ',')
		}
	case p.task == head.Number:
		for _, v := range r.probabilities {
			p.line = strconv.AppendFloat(append(p.line, ','), v, 'g', numberDigits, 64)
		}
	case p.task == head.AnyOf:
		p.line = appendCell(append(p.line, ','), features.JoinLabels(p.labels(r)))
		p.every(r)
	default:
		for k, c := range r.order[:p.top] {
			p.line = append(append(p.line, ','), p.quoted[c]...)
			p.line = appendDecimal(append(p.line, ','), r.probabilities[c])
			if k == 0 && p.unsure != nil {
				p.line = strconv.AppendBool(append(p.line, ','), r.unsure)
			}
		}
		p.every(r)
	}
	if p.bad {
		p.line = appendCell(append(p.line, ','), r.reason)
	}
	for k := range p.with {
		p.line = appendCell(append(p.line, ','), r.value(k))
	}
	return p.write()
}

// numberDigits are the digits of a number that mean something.
const numberDigits = 9

// every appends the probabilities of all classes, if they are asked for.
func (p *csvRows) every(r *prediction) {
	if !p.all {
		return
	}
	for _, v := range r.probabilities {
		p.line = appendDecimal(append(p.line, ','), v)
	}
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
