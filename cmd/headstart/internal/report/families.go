package report

import (
	"slices"

	"github.com/headstart-ml/headstart/head/experiment"
)

// familiesTable lists the best head of each kind that was compared.
func familiesTable(families []experiment.Compared) *Table {
	t := &Table{Columns: []Column{
		{Name: "head"}, {Name: "λ", Right: true}, {Name: "score", Right: true}, {Name: "behind", Right: true}, {Name: "± se", Right: true}, {Name: ""},
	}}
	for _, f := range families {
		chosen := ""
		if f.Chosen {
			chosen = "chosen"
		}
		t.Rows = append(t.Rows, []string{f.Kind, strengths(f.L2, f.Params), decimal(f.Score), decimal(f.Behind.Value), decimal(f.Behind.SE), chosen})
	}
	if !slices.ContainsFunc(families, func(f experiment.Compared) bool { return f.L2 > 0 || f.Params != nil }) {
		t.Columns = slices.Delete(t.Columns, 1, 2)
		for i, row := range t.Rows {
			t.Rows[i] = slices.Delete(row, 1, 2)
		}
	}
	return t
}
