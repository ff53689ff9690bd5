package main

import (
	"fmt"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/head/study"
)

// printRivals prints how features compare.
func printRivals(a *study.Against, o *studyOptions, e *env) error {
	style := e.style(&o.common)
	if err := report.ParagraphTo(e.stdout, a.Advice(), style); err != nil {
		return err
	}
	fmt.Fprintln(e.stdout)
	t := report.RivalsTable(a)
	t.Columns = append([]report.Column{{Name: ""}}, t.Columns...)
	for k, row := range t.Rows {
		mark := ""
		if a.Rivals[k].Pick {
			mark = "*"
		}
		t.Rows[k] = append([]string{mark}, row...)
	}
	if err := report.TableTo(e.stdout, t, style); err != nil {
		return err
	}
	fmt.Fprintln(e.stdout)
	return report.ParagraphTo(e.stdout, whereStudy(o.report, o.format, "differences"), style)
}
