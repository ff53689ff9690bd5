package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/head"
)

// jsonRows writes predictions as JSON lines, byte for byte as encoding/json
// writes them. What goes along from the input is strings.
type jsonRows struct {
	*layout
	quoted []string // the classes as strings
	keys   []string // of what goes along
	line   []byte   // used again
	buf    *bufio.Writer
}

func newJSONRows(w io.Writer, l *layout) (rowWriter, error) {
	p := &jsonRows{layout: l, buf: bufio.NewWriterSize(w, 64<<10)}
	for _, c := range l.classes {
		p.quoted = append(p.quoted, string(appendString(nil, c)))
	}
	for _, name := range l.with {
		p.keys = append(p.keys, string(appendString(nil, name)))
	}
	return p, nil
}

func (p *jsonRows) row(r *prediction) error {
	p.line = appendString(append(p.line, `{"id":`...), r.id)
	if r.probabilities == nil {
		p.line = append(p.line, p.nothing()...)
		if r.reason != "" {
			p.line = appendString(append(p.line, `,"error":`...), r.reason)
		}
	} else {
		p.predicted(r)
	}
	for k, key := range p.keys {
		p.line = appendString(append(append(append(p.line, ','), key...), ':'), r.value(k))
	}
	p.line = append(p.line, "}\n"...)
	_, err := p.buf.Write(p.line)
	p.line = p.line[:0]
	return err
}

// nothing is what stands where nothing is predicted.
func (p *jsonRows) nothing() string {
	switch p.task {
	case head.AnyOf:
		return `,"label":null`
	case head.Number:
		var b strings.Builder
		for _, name := range p.quoted {
			b.WriteString("," + name + ":null")
		}
		return b.String()
	}
	return `,"label":""`
}

// predicted appends what is predicted.
func (p *jsonRows) predicted(r *prediction) {
	switch p.task {
	case head.Number:
		for c, v := range r.probabilities {
			p.line = appendNumber(append(append(append(p.line, ','), p.quoted[c]...), ':'), v)
		}
		return
	case head.AnyOf:
		p.line = append(p.line, `,"label":[`...)
		for k, c := range head.Answered(r.probabilities) {
			if k > 0 {
				p.line = append(p.line, ',')
			}
			p.line = append(p.line, p.quoted[c]...)
		}
		p.line = append(p.line, ']')
		p.every(r)
		return
	}
	p.pair(r.order[0], r.probabilities)
	if p.unsure != nil {
		p.line = strconv.AppendBool(append(p.line, `,"unsure":`...), r.unsure)
	}
	if p.top > 1 {
		p.line = append(p.line, `,"top":[{`...)
		for k, c := range r.order[:p.top] {
			if k > 0 {
				p.line = append(p.line, "},{"...)
			}
			p.pair(c, r.probabilities)
		}
		p.line = append(p.line, "}]"...)
	}
	p.every(r)
}

// every appends the probabilities of all classes, if they are asked for.
func (p *jsonRows) every(r *prediction) {
	if !p.all {
		return
	}
	p.line = append(p.line, `,"probabilities":{`...)
	for k, v := range r.probabilities { // the classes are sorted, as the keys are to be; grades are in their order
		if k > 0 {
			p.line = append(p.line, ',')
		}
		p.line = appendNumber(append(append(p.line, p.quoted[k]...), ':'), v)
	}
	p.line = append(p.line, '}')
}

// pair appends class c with its probability to an object.
func (p *jsonRows) pair(c int, probabilities []float64) {
	if p.line[len(p.line)-1] != '{' {
		p.line = append(p.line, ',')
	}
	p.line = append(append(p.line, `"label":`...), p.quoted[c]...)
	p.line = appendNumber(append(p.line, `,"probability":`...), probabilities[c])
}

func (p *jsonRows) flush() error { return p.buf.Flush() }
func (p *jsonRows) close() error { return p.buf.Flush() }

// appendString appends s as a string of JSON.
func appendString(dst []byte, s string) []byte {
	plain := utf8.ValidString(s) && !strings.Contains(s, "\u2028") && !strings.Contains(s, "\u2029")
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] != '"' && s[i] != '\\'
	}
	if plain {
		return append(append(append(dst, '"'), s...), '"')
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string is always encoded
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// appendNumber appends a finite number of JSON, with the fewest digits that
// give it back.
func appendNumber(dst []byte, v float64) []byte {
	if size := math.Abs(v); size == 0 || size >= 1e-6 && size < 1e21 {
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, v, 'e', -1, 64)
	if n := len(dst); dst[n-4] == 'e' && dst[n-2] == '0' { // e-09 is written e-9
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}
