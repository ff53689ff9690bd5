package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/head"
)

// predictions writes a row a sample, as CSV or as JSON lines, in the order in
// which it is given them.
type predictions struct {
	model *head.Head
	top   int  // classes a row, from the most probable on
	all   bool // a column a class as well
	bad   bool // there is a column for errors

	csv  *csv.Writer
	json *json.Encoder
	buf  *bufio.Writer
	file *draft.File // nil: standard output
	path string

	probabilities []float64
	order         []int
}

// newPredictions begins a table in the format to, "csv" or "jsonl", at path,
// or on stdout if path is "". bad says that samples may have errors.
func newPredictions(m *head.Head, to, path string, stdout io.Writer, top int, all, bad bool) (*predictions, error) {
	p := &predictions{model: m, top: min(top, len(m.Classes)), all: all, bad: bad, path: path, probabilities: make([]float64, len(m.Classes))}
	for i := range m.Classes {
		p.order = append(p.order, i)
	}
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
		p.json = json.NewEncoder(p.buf)
		p.json.SetEscapeHTML(false)
		return p, nil
	}
	p.csv = csv.NewWriter(p.buf)
	header := []string{"id", "label", "probability"}
	for k := 2; k <= p.top; k++ {
		header = append(header, fmt.Sprintf("label_%d", k), fmt.Sprintf("probability_%d", k))
	}
	if all {
		for _, c := range m.Classes {
			header = append(header, "p:"+c)
		}
	}
	if bad {
		header = append(header, "error")
	}
	return p, p.csv.Write(header)
}

// ranked is a class with its probability.
type ranked struct {
	Label       string  `json:"label"`
	Probability float64 `json:"probability"`
}

// prediction is a line of JSON.
type prediction struct {
	ID            string             `json:"id"`
	Label         string             `json:"label"`
	Probability   *float64           `json:"probability,omitempty"`
	Top           []ranked           `json:"top,omitempty"`
	Probabilities map[string]float64 `json:"probabilities,omitempty"`
	Error         string             `json:"error,omitempty"`
}

// add writes the prediction for a sample with features x.
func (p *predictions) add(id string, x []float32) error {
	if err := p.model.ProbabilitiesTo(p.probabilities, x, 1); err != nil {
		return fmt.Errorf("sample %s: %w", id, err)
	}
	slices.SortFunc(p.order, func(a, b int) int {
		switch pa, pb := p.probabilities[a], p.probabilities[b]; {
		case pa > pb:
			return -1
		case pa < pb:
			return 1
		}
		return a - b
	})
	best := p.order[0]
	if p.json != nil {
		out := &prediction{ID: id, Label: p.model.Classes[best], Probability: &p.probabilities[best]}
		if p.top > 1 {
			for _, c := range p.order[:p.top] {
				out.Top = append(out.Top, ranked{p.model.Classes[c], p.probabilities[c]})
			}
		}
		if p.all {
			out.Probabilities = make(map[string]float64, len(p.model.Classes))
			for c, name := range p.model.Classes {
				out.Probabilities[name] = p.probabilities[c]
			}
		}
		return p.json.Encode(out)
	}
	row := []string{id}
	for _, c := range p.order[:p.top] {
		row = append(row, p.model.Classes[c], decimal(p.probabilities[c]))
	}
	if p.all {
		for _, v := range p.probabilities {
			row = append(row, decimal(v))
		}
	}
	if p.bad {
		row = append(row, "")
	}
	return p.csv.Write(row)
}

// decimal writes a probability with six digits that mean something.
func decimal(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// addBad writes the row of a sample that has no prediction.
func (p *predictions) addBad(id, reason string) error {
	if p.json != nil {
		return p.json.Encode(&prediction{ID: id, Error: reason})
	}
	row := make([]string, 1+2*p.top)
	row[0] = id
	if p.all {
		row = append(row, make([]string, len(p.model.Classes))...)
	}
	return p.csv.Write(append(row, reason))
}

// flush sends what has been added on its way.
func (p *predictions) flush() error {
	if p.csv != nil {
		p.csv.Flush()
		if err := p.csv.Error(); err != nil {
			return err
		}
	}
	return p.buf.Flush()
}

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
