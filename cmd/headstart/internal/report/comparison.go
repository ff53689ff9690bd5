package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/measure"
)

// ComparisonTo writes one table with a line a head. Where a head was trained
// with several seeds, the mean of its accuracies and their standard deviation
// stand beside the first.
func ComparisonTo(w io.Writer, heads []*Head, s *Style) error {
	t := &Table{Columns: []Column{
		{Name: "head"}, {Name: "type"}, {Name: "accuracy", Right: true}, {Name: "95 % interval"}, {Name: "macro-F1", Right: true},
		{Name: "log-loss", Right: true}, {Name: "ECE", Right: true}, {Name: "majority", Right: true},
		{Name: "λ", Right: true}, {Name: "D", Right: true}, {Name: "N", Right: true}, {Name: "measured by"},
	}}
	for _, h := range heads {
		r := h.Result
		positive := func(n int) string {
			if n > 0 {
				return Count(n)
			}
			return "–"
		}
		row := []string{h.Name, r.Kind, "–", "–", "–", "–", "–", "–", strengths(r.L2, r.Params), positive(r.Dim), positive(r.N.Train + r.N.Validation + r.N.Test), "–"}
		if h.Retrained != "" {
			row[1] += ", retrained"
		}
		if m, rows := h.tested(); m != nil {
			if t := m.Task(); t == head.AnyOf || t == head.Number {
				row[1] += ": " + metricsInWords(m)
			} else {
				copy(row[2:], []string{
					decimal(m.Accuracy.Value), interval(m.Accuracy), decimal(m.MacroF1.Value), decimal(m.LogLoss.Value), decimal(m.ECE.Value), decimal(m.Baseline.Value),
				})
			}
			row[11] = rows
			if h.Groups {
				row[11] += ", by group"
			}
		}
		t.Rows = append(t.Rows, row)
	}
	if slices.ContainsFunc(heads, func(h *Head) bool { return h.Result.Spread != nil }) {
		t.Columns = append(t.Columns, Column{Name: "accuracy over seeds"})
		for i, h := range heads {
			if s := h.Result.Spread; s != nil && s.Metrics == nil {
				t.Rows[i] = append(t.Rows[i], fmt.Sprintf("%s ± %s (%d)", decimal(s.Accuracy.Mean), decimal(s.Accuracy.SD), len(s.Seeds)))
			}
		}
	}
	return TableTo(w, t, s)
}

// metricsInWords lists metrics of labels and of numbers, which have no columns
// of their own.
func metricsInWords(m *measure.Metrics) string {
	var all []string
	for _, l := range linesOf(m)[:3] {
		all = append(all, l.name+" "+l.value())
	}
	return strings.Join(all, ", ")
}
