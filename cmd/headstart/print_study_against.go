package main

import (
	"fmt"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/head/study"
)

// rivalsText says which features to take, and on what evidence.
func rivalsText(a *study.Against) string {
	pick, best := &a.Rivals[a.Pick], &a.Rivals[a.Best]
	if a.Pick == a.Best {
		return fmt.Sprintf("Take %s: it is the best of %d, and none that is cheaper is behind by so little that %s samples cannot tell.", pick.Name, len(a.Rivals), count(int64(a.N)))
	}
	return fmt.Sprintf("Take %s: %s samples cannot tell it from the best, %s (%s ± %s points), and it is the cheapest of which that is so.",
		pick.Name, count(int64(a.N)), best.Name, percent(pick.Behind.Value), percent(pick.Behind.SE))
}

// verdictWords are those of study.Rival.
var verdictWords = map[string]string{"better": "better", "worse": "worse", "unclear": "can't tell"}

// printRivals prints how features compare.
func printRivals(a *study.Against, c *common, e *env) error {
	style := e.style(c)
	width := 80
	if style != nil && style.Width > 0 {
		width = style.Width
	}
	for _, line := range report.Wrap(rivalsText(a), width) {
		fmt.Fprintln(e.stdout, line)
	}
	fmt.Fprintln(e.stdout)
	t := &report.Table{Columns: []report.Column{
		{Name: ""}, {Name: "features"}, {Name: "dim", Right: true}, {Name: "Mmadds", Right: true}, {Name: "accuracy", Right: true}, {Name: "95 % interval", Right: true},
		{Name: "difference", Right: true}, {Name: "95 % interval", Right: true}, {Name: ""}, {Name: "behind ± SE", Right: true},
	}}
	for k := range a.Rivals {
		r := &a.Rivals[k]
		mark, work := "", "–"
		if r.Pick {
			mark = "*"
		}
		if r.MultiplyAdds > 0 {
			work = fmt.Sprintf("%.0f", float64(r.MultiplyAdds)/1e6)
		}
		row := []string{mark, r.Name, fmt.Sprint(r.Dim), work, percent(r.Accuracy.Value), percent(r.Accuracy.Low) + " to " + percent(r.Accuracy.High), "–", "–", ""}
		if d := r.Difference; d != nil {
			row[6], row[7], row[8] = signed(d.Value), signed(d.Low)+" to "+signed(d.High), verdictWords[r.Verdict]
		}
		t.Rows = append(t.Rows, append(row, percent(r.Behind.Value)+" ± "+percent(r.Behind.SE)))
	}
	return report.TableTo(e.stdout, t, style)
}

// signed writes a difference of shares in points.
func signed(v float64) string { return fmt.Sprintf("%+.1f", 100*v) }
