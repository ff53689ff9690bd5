package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/head/study"
)

// printStudy prints what a study found out.
func printStudy(r *study.Result, c *common, e *env) error {
	style := e.style(c)
	width := 80
	if style != nil && style.Width > 0 {
		width = style.Width
	}
	for _, line := range report.Wrap(r.Advice.Text, width) {
		fmt.Fprintln(e.stdout, line)
	}
	fmt.Fprintln(e.stdout)
	t := &report.Table{Columns: []report.Column{{Name: "training samples", Right: true}, {Name: "a class", Right: true}}}
	var sizes []int
	for _, one := range r.Curves {
		t.Columns = append(t.Columns, report.Column{Name: one.Depth, Right: true}, report.Column{Name: "95 % interval", Right: true})
		for _, p := range one.Points {
			sizes = append(sizes, p.N)
		}
	}
	slices.Sort(sizes)
	for _, n := range slices.Compact(sizes) {
		row := []string{count(int64(n)), count(int64(n / r.Classes))}
		for _, one := range r.Curves {
			at := slices.IndexFunc(one.Points, func(p study.Point) bool { return p.N == n })
			if at < 0 {
				row = append(row, "", "")
				continue
			}
			p := one.Points[at]
			row = append(row, percent(p.Value), percent(p.Low)+" to "+percent(p.High))
		}
		t.Rows = append(t.Rows, row)
	}
	if err := report.TableTo(e.stdout, t, style); err != nil {
		return err
	}
	for _, line := range skippedWords(r) {
		fmt.Fprintln(e.stdout)
		for _, l := range report.Wrap(line, width) {
			fmt.Fprintln(e.stdout, l)
		}
	}
	return nil
}

// percent writes a share of 1.
func percent(v float64) string { return fmt.Sprintf("%.1f", 100*v) }

// skippedWords say what was not trained, a line for each reason.
func skippedWords(r *study.Result) []string {
	var reasons []string
	depths := map[string][]string{}
	for _, s := range r.Skipped {
		name := s.Depth
		if len(s.Sizes) > 0 {
			var sizes []string
			for _, n := range s.Sizes {
				sizes = append(sizes, count(int64(n)))
			}
			name += " at " + strings.Join(sizes, ", ")
		}
		if depths[s.Reason] == nil {
			reasons = append(reasons, s.Reason)
		}
		depths[s.Reason] = append(depths[s.Reason], name)
	}
	var lines []string
	for _, why := range reasons {
		lines = append(lines, "not trained: "+strings.Join(depths[why], "; ")+": "+why)
	}
	return lines
}
