package main

import (
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
)

// parquetRows writes predictions as a Parquet file with the columns that CSV
// has: probabilities are doubles, unsure is a boolean, all else is strings, and
// what there is none of is null. A byte that is not UTF-8 becomes U+FFFD, since
// Parquet has no other strings.
type parquetRows struct {
	*layout
	parquet *parquet.GenericWriter[any]
	width   int // columns
	next    parquet.Row
	held    int // bytes in the present row group, about
}

// groupBytes is about how many bytes of rows are in memory until their row
// group is written.
const groupBytes = 32 << 20

// resultColumns are the fields of a schema in the order of the result; those of
// a parquet.Group are sorted by name.
type resultColumns struct {
	parquet.Group
	names []string
}

// Fields returns the columns.
func (c *resultColumns) Fields() []parquet.Field {
	at := make(map[string]int)
	for i, name := range c.names {
		at[name] = i
	}
	fields := make([]parquet.Field, len(c.names))
	for _, f := range c.Group.Fields() {
		fields[at[f.Name()]] = f
	}
	return fields
}

// add puts a column behind the others.
func (c *resultColumns) add(name string, node parquet.Node) {
	c.Group[name] = node
	c.names = append(c.names, name)
}

func newParquetRows(w io.Writer, l *layout) (rowWriter, error) {
	text := parquet.String()
	class := parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
	number := parquet.Leaf(parquet.DoubleType)
	columns := &resultColumns{Group: parquet.Group{}}
	columns.add("id", text)
	for _, name := range l.columns() {
		node := number
		if name == "label" || strings.HasPrefix(name, "label_") {
			node = class
		}
		if name == "unsure" {
			node = parquet.Leaf(parquet.BooleanType)
		}
		if l.task == head.Number || strings.HasPrefix(name, "p:") {
			node = number
		}
		columns.add(name, parquet.Optional(node))
	}
	if l.bad {
		columns.add("error", parquet.Optional(text))
	}
	for _, name := range l.with {
		columns.add(name, parquet.Optional(text))
	}
	return &parquetRows{
		layout: l, width: len(columns.names),
		parquet: parquet.NewGenericWriter[any](w,
			parquet.NewSchema("predictions", columns),
			parquet.Compression(&parquet.Snappy),
			parquet.DictionaryMaxBytes(1<<20),
			parquet.CreatedBy("headstart", "1", "parquet-go"),
		),
	}, nil
}

// put adds a value, null if it is the zero Value, to the next row.
func (p *parquetRows) put(v parquet.Value, optional bool) {
	defined := 0
	if optional && !v.IsNull() {
		defined = 1
	}
	p.next = append(p.next, v.Level(0, defined, len(p.next)))
}

// text adds a string, which is null if it is empty.
func (p *parquetRows) text(s string) {
	if s == "" {
		p.put(parquet.Value{}, true)
		return
	}
	p.held += len(s)
	p.put(parquet.ByteArrayValue([]byte(strings.ToValidUTF8(s, "\ufffd"))), true)
}

func (p *parquetRows) row(r *prediction) error {
	p.next = p.next[:0]
	p.held += len(r.id) + 8*p.width
	p.put(parquet.ByteArrayValue([]byte(strings.ToValidUTF8(r.id, "\ufffd"))), false)
	switch {
	case r.probabilities == nil:
		for range p.columns() {
			p.put(parquet.Value{}, true)
		}
	case p.task == head.Number:
		p.every(r)
	case p.task == head.AnyOf:
		p.put(parquet.ByteArrayValue([]byte(features.JoinLabels(p.labels(r)))), true)
		if p.all {
			p.every(r)
		}
	default:
		for k, c := range r.order[:p.top] {
			p.put(parquet.ByteArrayValue([]byte(p.classes[c])), true)
			p.put(parquet.DoubleValue(r.probabilities[c]), true)
			if k == 0 && p.unsure != nil {
				p.put(parquet.BooleanValue(r.unsure), true)
			}
		}
		if p.all {
			p.every(r)
		}
	}
	if p.bad {
		p.text(r.reason)
	}
	for k := range p.with {
		p.text(r.value(k))
	}
	if _, err := p.parquet.WriteRows([]parquet.Row{p.next}); err != nil {
		return err
	}
	if p.held < groupBytes {
		return nil
	}
	p.held = 0
	return p.parquet.Flush()
}

// every adds the probability of each class, or each number.
func (p *parquetRows) every(r *prediction) {
	for _, v := range r.probabilities {
		p.put(parquet.DoubleValue(v), true)
	}
}

func (p *parquetRows) flush() error { return nil } // a row group at a time
func (p *parquetRows) close() error { return p.parquet.Close() }
