package main

import (
	"fmt"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/head/study"
)

// shapeWords say what a learning curve does.
var shapeWords = map[study.Shape]string{
	study.Falling:  "falls",
	study.Flat:     "neither falls nor rises beyond its noise",
	study.Rising:   "rises with more samples",
	study.Dipping:  "falls, and rises in the end",
	study.Peaking:  "rises on the way, and falls again",
	study.Stepping: "falls in one step",
}

// shownSizes is how many measured sizes stand in the table: the largest.
const shownSizes = 12

// printStudyCurve prints an extrapolated curve.
func printStudyCurve(x *study.Extrapolation, o *curveOptions, e *env) error {
	style := e.style(&o.common)
	if err := report.ParagraphTo(e.stdout, x.Advice(ofCurve).Text, style); err != nil {
		return err
	}
	measured := 0
	for _, s := range x.Sizes {
		measured += s.Count
	}
	fmt.Fprintln(e.stdout)
	says := fmt.Sprintf("%s: %s at %s from %s to %s training samples; the error %s", o.name(), counted(measured, "measurement"), counted(len(x.Sizes), "size"), count(int64(x.Sizes[0].N)), count(int64(x.Largest)), shapeWords[x.Shape])
	if err := report.ParagraphTo(e.stdout, says, style); err != nil {
		return err
	}
	t := &report.Table{Columns: []report.Column{{Name: "training samples", Right: true}, {Name: "error, %", Right: true}, {Name: "80 % interval"}, {Name: "95 % interval"}, {Name: ""}}}
	shown := x.Sizes[max(0, len(x.Sizes)-shownSizes):]
	if left := len(x.Sizes) - len(shown); left > 0 {
		t.Rows = append(t.Rows, []string{"…", "", "", "", counted(left, "smaller size")})
	}
	for _, s := range shown {
		t.Rows = append(t.Rows, []string{count(int64(s.N)), percent(s.Error), "", percent(s.Low) + " to " + percent(s.High), "measured, " + counted(s.Count, "seed")})
	}
	for _, f := range x.Forecasts {
		t.Rows = append(t.Rows, []string{count(int64(f.N)), percent(f.Error), percent(f.Low80) + " to " + percent(f.High80), percent(f.Low95) + " to " + percent(f.High95), "extrapolated"})
	}
	if err := report.TableTo(e.stdout, t, style); err != nil {
		return err
	}
	fmt.Fprintln(e.stdout)
	return report.ParagraphTo(e.stdout, whereStudy(o.report, o.format, "curves"), style)
}
