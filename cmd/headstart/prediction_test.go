package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// Cells are those of encoding/csv, byte for byte.
func TestCellsAreThoseOfEncodingCSV(t *testing.T) {
	for _, cell := range []string{
		"", "a", "a b", " a", "a ", "\ta", "a,b", `a"b`, `"`, `""`, "a\nb", "a\r\nb", "\r", `\.`, `\.a`, "\u00a0a", "\u3000", "é", "\xff", "#a",
		"photos/cat,\"1\".png",
	} {
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		if err := w.Write([]string{cell, "x"}); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		if got, want := string(appendCell(nil, cell))+",x\n", b.String(); got != want {
			t.Errorf("%q: %q, want %q", cell, got, want)
		}
	}
}

// asJSON are the lines of JSON as encoding/json writes them.
type asJSON struct {
	ID            string             `json:"id"`
	Label         string             `json:"label"`
	Probability   *float64           `json:"probability,omitempty"`
	Top           []asPair           `json:"top,omitempty"`
	Probabilities map[string]float64 `json:"probabilities,omitempty"`
	Error         string             `json:"error,omitempty"`
}

type asPair struct {
	Label       string  `json:"label"`
	Probability float64 `json:"probability"`
}

// Lines of JSON are those of encoding/json, byte for byte.
func TestLinesAreThoseOfEncodingJSON(t *testing.T) {
	classes := []string{"", "\"quoted\"", "<b>", "a\nb", "back\\slash", "plain", "é", "\u2028"}
	random := rand.New(rand.NewPCG(1, 2))
	for _, o := range []struct {
		top int
		all bool
	}{{1, false}, {3, false}, {1, true}, {8, true}} {
		var got, want bytes.Buffer
		table, err := newPredictions(formatOf("jsonl", ""), &layout{classes: classes, top: o.top, all: o.all, bad: true}, "", &got)
		if err != nil {
			t.Fatal(err)
		}
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		for i, id := range []string{"photos/1.png", "a\x00b", "\xff", "\u2029", "<&>", "\x7f", "日本", `"`, "", "tab\t"} {
			p := make([]float64, len(classes))
			for c := range p {
				p[c] = []float64{0, 1, 1e-6, 9.999e-7, 1e-9, 3e-100, 5e-324, 0.1, 1.0 / 3, random.Float64(), 1e-10, 0.5}[random.IntN(12)]
			}
			if err := table.add([]string{id}, p, nil); err != nil {
				t.Fatal(err)
			}
			line := asJSON{ID: id, Label: classes[table.next.order[0]], Probability: &p[table.next.order[0]]}
			if o.top > 1 {
				for _, c := range table.next.order[:o.top] {
					line.Top = append(line.Top, asPair{classes[c], p[c]})
				}
			}
			if o.all {
				line.Probabilities = make(map[string]float64)
				for c, name := range classes {
					line.Probabilities[name] = p[c]
				}
			}
			reason := []string{"", "no \"image\"\n"}[i%2]
			if err := errors.Join(table.addBad(id, reason, nil), e.Encode(line), e.Encode(asJSON{ID: id, Error: reason})); err != nil {
				t.Fatal(err)
			}
		}
		if err := table.close(); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Errorf("top %d, all %v:\n%s\nwant\n%s", o.top, o.all, &got, &want)
		}
	}
}

// A row takes no memory of its own, in either format.
func TestPredictionsTakeNoMemoryARow(t *testing.T) {
	var classes []string
	for c := range 26 {
		classes = append(classes, fmt.Sprintf("class %d", c))
	}
	ids, probabilities := make([]string, 64), make([]float64, 64*26)
	with := make([][]string, len(ids))
	for i := range ids {
		ids[i] = fmt.Sprintf("photos/%d.png", i)
		with[i] = []string{fmt.Sprintf("a text, number %d", i)}
	}
	for i := range probabilities {
		probabilities[i] = float64(i%97) / 97
	}
	for _, to := range []string{"csv", "jsonl"} {
		table, err := newPredictions(formatOf(to, ""), &layout{classes: classes, top: 3, all: true, bad: true, with: []string{"text"}}, "", io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if err := table.add(ids, probabilities, with); err != nil { // memory that is used again
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(20, func() { err = table.add(ids, probabilities, with) }); n > 0 || err != nil {
			t.Errorf("%s: %v allocations for 64 rows: %v", to, n, err)
		}
	}
}
