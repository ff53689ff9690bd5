package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
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

// A row of CSV takes no memory of its own.
func TestPredictionsTakeNoMemoryARow(t *testing.T) {
	var classes []string
	for c := range 26 {
		classes = append(classes, fmt.Sprintf("class %d", c))
	}
	table, err := newPredictions(classes, "csv", "", io.Discard, 3, true, true)
	if err != nil {
		t.Fatal(err)
	}
	ids, probabilities := make([]string, 64), make([]float64, 64*26)
	for i := range ids {
		ids[i] = fmt.Sprintf("photos/%d.png", i)
	}
	for i := range probabilities {
		probabilities[i] = float64(i%97) / 97
	}
	if err := table.add(ids, probabilities); err != nil { // memory that is used again
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(20, func() { err = table.add(ids, probabilities) }); n > 0 || err != nil {
		t.Errorf("%v allocations for 64 rows: %v", n, err)
	}
}
