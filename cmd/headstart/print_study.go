package main

import (
	"fmt"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/head/study"
)

// printStudy prints what a study found out.
func printStudy(r *study.Result, o *studyOptions, e *env) error {
	style := e.style(&o.common)
	width := style.Width
	if width <= 0 {
		width = 80
	}
	paragraph := func(text string) {
		for _, line := range report.Wrap(text, width) {
			fmt.Fprintln(e.stdout, line)
		}
	}
	paragraph(r.Advice.Text)
	for _, t := range []*report.Table{report.StudyPoints(r), report.StudyPredictions(r), report.StudyDifferences(r), report.StudyChances(r)} {
		if t == nil {
			continue
		}
		fmt.Fprintln(e.stdout)
		if err := report.TableTo(e.stdout, t, style); err != nil {
			return err
		}
	}
	fmt.Fprintln(e.stdout)
	for _, line := range report.StudySkipped(r) {
		paragraph("not trained: " + line)
	}
	paragraph(whereStudy(o.report, o.format, "curves"))
	return nil
}

// whereStudy says where the page of a study is, or the drawing of what.
func whereStudy(path, format, what string) string {
	if format == studyFormats[0] {
		return "The page is " + path + "."
	}
	return "The " + what + " are in " + path + "."
}

// percent writes a share of 1.
func percent(v float64) string { return fmt.Sprintf("%.1f", 100*v) }
