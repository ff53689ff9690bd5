package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/head"
)

// predictions writes a row a sample, as CSV or as JSON lines, in the order in
// which it is given them. A row takes no memory of its own.
type predictions struct {
	classes []string
	quoted  []string // the classes as cells of CSV, or as strings of JSON
	top     int      // classes a row, from the most probable on
	all     bool     // a column a class as well
	bad     bool     // there is a column for errors

	json bool   // else CSV
	line []byte // used again
	buf  *bufio.Writer
	file *draft.File // nil: standard output
	path string

	order []int // of classes, used again
}

// newPredictions begins a table of predictions of these classes in the format
// to, "csv" or "jsonl", at path, or on stdout if path is "". bad says that
// samples may have errors.
func newPredictions(classes []string, to, path string, stdout io.Writer, top int, all, bad bool) (*predictions, error) {
	p := &predictions{classes: classes, top: min(top, len(classes)), all: all, bad: bad, path: path, order: make([]int, len(classes))}
	w := stdout
	if path != "" {
		f, err := draft.Create(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		p.file, w = f, f
	}
	p.buf = bufio.NewWriterSize(w, 64<<10)
	if to == "jsonl" {
		p.json = true
		for _, c := range classes {
			p.quoted = append(p.quoted, string(appendString(nil, c)))
		}
		return p, nil
	}
	for _, c := range classes {
		p.quoted = append(p.quoted, string(appendCell(nil, c)))
	}
	p.line = append(p.line, "id,label,probability"...)
	for k := 2; k <= p.top; k++ {
		p.line = fmt.Appendf(p.line, ",label_%d,probability_%d", k, k)
	}
	if all {
		for _, c := range classes {
			p.line = appendCell(append(p.line, ','), "p:"+c)
		}
	}
	if bad {
		p.line = append(p.line, ",error"...)
	}
	return p, p.write()
}

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

// write ends the line and writes it.
func (p *predictions) write() error {
	p.line = append(p.line, '\n')
	_, err := p.buf.Write(p.line)
	p.line = p.line[:0]
	return err
}

// add writes the predictions of samples, whose probabilities are len(ids)×K.
func (p *predictions) add(ids []string, probabilities []float64) error {
	k := len(p.classes)
	for i, id := range ids {
		if err := p.addOne(id, probabilities[i*k:(i+1)*k]); err != nil {
			return err
		}
	}
	return nil
}

// rank puts the most probable classes first in order, at least top of them.
func (p *predictions) rank(probabilities []float64) {
	for c := range p.order {
		p.order[c] = c
	}
	if p.top == 1 {
		best := 0
		for c, v := range probabilities {
			if v > probabilities[best] {
				best = c
			}
		}
		p.order[0] = best
		return
	}
	slices.SortFunc(p.order, func(a, b int) int {
		switch pa, pb := probabilities[a], probabilities[b]; {
		case pa > pb:
			return -1
		case pa < pb:
			return 1
		}
		return a - b
	})
}

func (p *predictions) addOne(id string, probabilities []float64) error {
	p.rank(probabilities)
	if p.json {
		p.object(id, probabilities)
		return p.write()
	}
	p.line = appendCell(p.line, id)
	for _, c := range p.order[:p.top] {
		p.line = append(append(p.line, ','), p.quoted[c]...)
		p.line = appendDecimal(append(p.line, ','), probabilities[c])
	}
	if p.all {
		for _, v := range probabilities {
			p.line = appendDecimal(append(p.line, ','), v)
		}
	}
	if p.bad {
		p.line = append(p.line, ',')
	}
	return p.write()
}

// object makes a line of JSON, byte for byte as encoding/json writes it.
func (p *predictions) object(id string, probabilities []float64) {
	p.line = appendString(append(p.line, `{"id":`...), id)
	p.pair(p.order[0], probabilities)
	if p.top > 1 {
		p.line = append(p.line, `,"top":[{`...)
		for k, c := range p.order[:p.top] {
			if k > 0 {
				p.line = append(p.line, "},{"...)
			}
			p.pair(c, probabilities)
		}
		p.line = append(p.line, "}]"...)
	}
	if p.all {
		p.line = append(p.line, `,"probabilities":{`...)
		for c, v := range probabilities { // the classes are sorted, as the keys are to be
			if c > 0 {
				p.line = append(p.line, ',')
			}
			p.line = appendNumber(append(append(p.line, p.quoted[c]...), ':'), v)
		}
		p.line = append(p.line, '}')
	}
	p.line = append(p.line, '}')
}

// pair appends class c with its probability to an object.
func (p *predictions) pair(c int, probabilities []float64) {
	if p.line[len(p.line)-1] != '{' {
		p.line = append(p.line, ',')
	}
	p.line = append(append(p.line, `"label":`...), p.quoted[c]...)
	p.line = appendNumber(append(p.line, `,"probability":`...), probabilities[c])
}

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

// appendDecimal appends a probability with six digits that mean something.
func appendDecimal(dst []byte, v float64) []byte { return strconv.AppendFloat(dst, v, 'g', 6, 64) }

// addBad writes the row of a sample that has no prediction.
func (p *predictions) addBad(id, reason string) error {
	if p.json {
		p.line = appendString(append(p.line, `{"id":`...), id)
		p.line = append(p.line, `,"label":""`...)
		if reason != "" {
			p.line = appendString(append(p.line, `,"error":`...), reason)
		}
		p.line = append(p.line, '}')
		return p.write()
	}
	p.line = appendCell(p.line, id)
	empty := 2 * p.top
	if p.all {
		empty += len(p.classes)
	}
	for range empty {
		p.line = append(p.line, ',')
	}
	p.line = appendCell(append(p.line, ','), reason)
	return p.write()
}

// flush sends what has been added on its way.
func (p *predictions) flush() error { return p.buf.Flush() }

// close finishes the table and puts the file in its place.
func (p *predictions) close() error {
	err := p.flush()
	if p.file == nil {
		return err
	}
	defer p.abort()
	if err == nil {
		err = p.file.Place()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.path, err)
	}
	return nil
}

// abort gives a file up. After close it does nothing.
func (p *predictions) abort() {
	if p.file != nil {
		p.file.Discard()
	}
}

// predictSink predicts samples as they are embedded.
type predictSink struct {
	table *predictions
	model *head.Head

	ids           []string
	rows          []float32
	probabilities []float64
}

var _ extract.Sink = (*predictSink)(nil)

// sinkRows is how many rows are predicted at once.
const sinkRows = 256

func (s *predictSink) Take(rows []extract.Row) error {
	for _, row := range rows {
		if row.Bad == "" {
			s.ids, s.rows = append(s.ids, row.Sample.ID), append(s.rows, row.Embedding...)
		}
		if row.Bad != "" || len(s.ids) == sinkRows {
			if err := s.predict(); err != nil {
				return err
			}
		}
		if row.Bad == "" {
			continue
		}
		if err := s.table.addBad(row.Sample.ID, row.Bad); err != nil {
			return err
		}
	}
	if err := s.predict(); err != nil {
		return err
	}
	return s.table.flush()
}

// predict predicts the rows that wait.
func (s *predictSink) predict() error {
	n, k := len(s.ids), len(s.model.Classes)
	s.probabilities = slices.Grow(s.probabilities[:0], n*k)[:n*k]
	if err := s.model.ProbabilitiesTo(s.probabilities, s.rows, n); err != nil {
		return fmt.Errorf("samples %s: %w", strings.Join(s.ids, ", "), err)
	}
	err := s.table.add(s.ids, s.probabilities)
	s.ids, s.rows = s.ids[:0], s.rows[:0]
	return err
}
