package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/head"
)

// resultFormat is a format that predictions are written in.
type resultFormat struct {
	name   string // as --to takes it
	ending string // of files
	begin  func(w io.Writer, l *layout) (rowWriter, error)
}

// resultFormats are what --to takes. A further one is a file and an entry.
var resultFormats = []resultFormat{
	{"csv", ".csv", newCSVRows},
	{"jsonl", ".jsonl", newJSONRows},
	{"parquet", ".parquet", newParquetRows},
}

// answers is the format of a few predictions for a person at a terminal. --to
// does not take it.
var answers = resultFormat{begin: newAnswers}

// resultNames lists what --to takes.
func resultNames() []string {
	var names []string
	for _, f := range resultFormats {
		names = append(names, f.name)
	}
	return names
}

// formatOf returns the format of that name, or of a file by its ending, nil if
// there is none.
func formatOf(name, path string) *resultFormat {
	for i, f := range resultFormats {
		if f.name == name || name == "" && strings.HasSuffix(strings.ToLower(path), f.ending) {
			return &resultFormats[i]
		}
	}
	return nil
}

// layout says what a row of predictions has.
type layout struct {
	task    head.Task
	classes []string
	top     int                                       // classes, from the most probable on
	all     bool                                      // the probability of every class as well
	bad     bool                                      // samples may have errors
	unsure  func(class int, probability float64) bool // nil: every sample is answered
	with    []string                                  // columns of the input, by their names in the result
}

// prediction is a row of a result.
type prediction struct {
	id            string
	probabilities []float64 // of the classes, or numbers; nil: there is no prediction
	order         []int     // of the classes, the most probable first, at least top of them
	unsure        bool      // of the most probable one
	reason        string    // why there is no prediction
	with          []string  // values of layout.with; nil: none of them is known
}

// labels returns the labels that a row of any of several is answered with.
func (l *layout) labels(r *prediction) []string {
	labels := []string{}
	for _, c := range head.Answered(r.probabilities) {
		labels = append(labels, l.classes[c])
	}
	return labels
}

// columns lists the columns between id and the error: those of each of the top
// classes, of labels in one cell, or of numbers.
func (l *layout) columns() []string {
	var all []string
	switch l.task {
	case head.Number:
		return append(all, l.classes...)
	case head.AnyOf:
		all = append(all, "label")
	default:
		all = append(all, "label", "probability")
		if l.unsure != nil {
			all = append(all, "unsure")
		}
		for k := 2; k <= l.top; k++ {
			all = append(all, fmt.Sprintf("label_%d", k), fmt.Sprintf("probability_%d", k))
		}
	}
	if l.all {
		for _, c := range l.classes {
			all = append(all, "p:"+c)
		}
	}
	return all
}

// value returns the value of the k-th column of the input.
func (r *prediction) value(k int) string {
	if k < len(r.with) {
		return r.with[k]
	}
	return ""
}

// rowWriter writes rows of predictions in one format.
type rowWriter interface {
	row(r *prediction) error // r is the writer's until row returns
	flush() error            // sends what was written on its way, as far as the format can
	close() error            // writes what comes after the rows
}

// predictions writes a row a sample, in the order in which it is given them.
// As CSV and JSON lines a row takes no memory of its own.
type predictions struct {
	*layout
	rows rowWriter
	file *draft.File // nil: standard output
	path string

	next prediction // used again
}

// newPredictions begins a table of predictions in the format f at path, or on
// stdout if path is "".
func newPredictions(f *resultFormat, l *layout, path string, stdout io.Writer) (*predictions, error) {
	l.top = min(l.top, len(l.classes))
	p := &predictions{layout: l, path: path, next: prediction{order: make([]int, len(l.classes))}}
	w := stdout
	if path != "" {
		file, err := draft.Create(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		p.file, w = file, file
	}
	var err error
	if p.rows, err = f.begin(w, l); err != nil {
		p.abort()
		return nil, err
	}
	return p, nil
}

// add writes the predictions of samples, whose probabilities are len(ids)×K.
// with is what goes along with each; nil: nothing.
func (p *predictions) add(ids []string, probabilities []float64, with [][]string) error {
	k := len(p.classes)
	for i, id := range ids {
		p.next.id, p.next.probabilities, p.next.reason, p.next.with = id, probabilities[i*k:(i+1)*k], "", nil
		if with != nil {
			p.next.with = with[i]
		}
		p.rank()
		if best := p.next.order[0]; p.unsure != nil {
			p.next.unsure = p.unsure(best, p.next.probabilities[best])
		}
		if err := p.rows.row(&p.next); err != nil {
			return err
		}
	}
	return nil
}

// addBad writes the row of a sample that has no prediction.
func (p *predictions) addBad(id, reason string, with []string) error {
	p.next.id, p.next.probabilities, p.next.reason, p.next.with = id, nil, reason, with
	return p.rows.row(&p.next)
}

// rank puts the most probable classes of the next row first, at least top of
// them.
func (p *predictions) rank() {
	order, probabilities := p.next.order, p.next.probabilities
	for c := range order {
		order[c] = c
	}
	if p.top == 1 {
		best := 0
		for c, v := range probabilities {
			if v > probabilities[best] {
				best = c
			}
		}
		order[0] = best
		return
	}
	slices.SortFunc(order, func(a, b int) int {
		switch pa, pb := probabilities[a], probabilities[b]; {
		case pa > pb:
			return -1
		case pa < pb:
			return 1
		}
		return a - b
	})
}

// flush sends what has been added on its way.
func (p *predictions) flush() error { return p.rows.flush() }

// close finishes the table and puts the file in its place.
func (p *predictions) close() error {
	err := p.rows.close()
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
	with          [][]string
	rows          []float32
	probabilities []float64
}

var _ extract.Sink = (*predictSink)(nil)

// sinkRows is how many rows are predicted at once.
const sinkRows = 256

func (s *predictSink) Take(rows []extract.Row) error {
	for _, row := range rows {
		if row.Bad == "" {
			s.ids, s.rows, s.with = append(s.ids, row.Sample.ID), append(s.rows, row.Embedding...), append(s.with, row.Sample.With)
		}
		if row.Bad != "" || len(s.ids) == sinkRows {
			if err := s.predict(); err != nil {
				return err
			}
		}
		if row.Bad == "" {
			continue
		}
		if err := s.table.addBad(row.Sample.ID, row.Bad, row.Sample.With); err != nil {
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
	if err := s.model.AnswersTo(s.probabilities, s.rows, n); err != nil {
		return fmt.Errorf("samples %s: %w", strings.Join(s.ids, ", "), err)
	}
	err := s.table.add(s.ids, s.probabilities, s.with)
	clear(s.with)
	s.ids, s.rows, s.with = s.ids[:0], s.rows[:0], s.with[:0]
	return err
}
