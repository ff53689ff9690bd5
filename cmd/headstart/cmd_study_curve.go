package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/head/study"
	"github.com/headstart-ml/headstart/head/study/curvefile"
)

// curveOptions are those of study --curve.
type curveOptions struct {
	common
	file   string // "-": standard input
	at     []int  // nil: the default
	report string
	format string // of the report
}

// name is what the curve is called where it is spoken of.
func (o *curveOptions) name() string {
	if o.file == "-" {
		return "standard input"
	}
	return o.file
}

// curveFlags are the flags of study that go with --curve.
var curveFlags = []string{"curve", "at", "report", "format", "quiet", "json", "no-color"}

// studyCurve runs study --curve.
func studyCurve(ctx *cli.Context, e *env) error {
	o := &curveOptions{file: ctx.String("curve"), report: ctx.String("report"), format: ctx.String("format")}
	if ctx.Args().Present() {
		return usagef("--curve %s %s: a curve from elsewhere is extrapolated, or feature sets are studied, and not both", shellWord(o.file), shellWord(ctx.Args().First()))
	}
	for _, f := range ctx.Command.Flags {
		name := f.Names()[0]
		if e.onLine(name) && !slices.Contains(curveFlags, name) {
			return usagef("--%s does nothing with --curve, which learns nothing; it is for feature sets", name)
		}
	}
	c, err := e.common(ctx)
	if err != nil {
		return err
	}
	o.common = *c
	if ctx.IsSet("at") {
		if o.at, err = parseAt(ctx.String("at")); err != nil {
			return err
		}
	}
	if err := oneOf("format", o.format, studyFormats...); err != nil {
		return err
	}
	if o.report == "" {
		base := "curve"
		if o.file != "-" {
			base = strings.TrimSuffix(filepath.Base(o.file), filepath.Ext(o.file))
		}
		o.report = base + ".study." + o.format
	}
	if o.file != "-" && sameFile(o.file, o.report) {
		return usagef("--report %s: that is the curve itself, which a page would replace; name another file", shellWord(o.report))
	}
	return runStudyCurve(o, e)
}

// curveSummary is what study --curve --json prints: what study does, of one
// curve. Values are accuracies, 1 − error, as they are there.
type curveSummary struct {
	Curve       string            `json:"curve"`
	Metric      string            `json:"metric"`
	Curves      []curvePoints     `json:"curves"`
	Predictions []curvePrediction `json:"predictions"`
	Advice      study.Advice      `json:"advice"`
	Skipped     []string          `json:"skipped"`
	Report      string            `json:"report"`
	Seconds     float64           `json:"seconds"`
	remarked
}

type curvePoints struct {
	Depth     string       `json:"depth"`
	Points    []curvePoint `json:"points"`
	Behaviour study.Shape  `json:"behaviour"`
}

type curvePoint struct {
	N        int      `json:"n"`
	PerClass *int     `json:"per_class"` // null: a file does not say
	Value    float64  `json:"value"`
	Low      float64  `json:"low"`
	High     float64  `json:"high"`
	Train    *float64 `json:"train"` // null
	Error    float64  `json:"error"`
	Seeds    int      `json:"seeds"`
}

type curvePrediction struct {
	study.Prediction
	Error float64 `json:"error"`
}

// ofCurve is the depth of a curve from elsewhere.
const ofCurve = "curve"

func runStudyCurve(o *curveOptions, e *env) error {
	start := time.Now()
	name := o.name()
	var points []study.Measured
	var err error
	if o.file == "-" {
		points, err = curvefile.Read(e.stdin)
	} else {
		f, failed := draft.OpenRegular(o.file)
		if failed != nil {
			return failed
		}
		defer f.Close()
		points, err = curvefile.Read(io.Reader(f))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	at := o.at
	if at == nil {
		largest := 0
		for _, p := range points {
			largest = max(largest, p.N)
		}
		at = []int{2 * largest, 4 * largest, 8 * largest}
	}
	x, err := study.Extrapolate(points, at)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if x.Shape.Ill() {
		e.warn("ill-behaved-curve", 0, "the curve %s, which the families of curves that are fitted do not; what is extrapolated is to be doubted, also where its interval is narrow", shapeWords[x.Shape])
	}
	r := x.Result(ofCurve)
	if err := writeStudy(o.report, o.format, o.page(x, r)); err != nil {
		return err
	}
	if !o.json {
		return printStudyCurve(x, o, e)
	}
	sum := curveSummary{Curve: o.file, Metric: r.Metric, Advice: r.Advice, Skipped: []string{}, Predictions: []curvePrediction{}, Report: o.report}
	curve := curvePoints{Depth: ofCurve, Behaviour: x.Shape}
	for i, s := range x.Sizes {
		p := &r.Curves[0].Points[i]
		curve.Points = append(curve.Points, curvePoint{N: p.N, Value: p.Value, Low: p.Low, High: p.High, Error: s.Error, Seeds: s.Count})
	}
	sum.Curves = []curvePoints{curve}
	for i, f := range x.Forecasts {
		sum.Predictions = append(sum.Predictions, curvePrediction{r.Predictions[i], f.Error})
	}
	sum.Seconds, sum.remarked = time.Since(start).Seconds(), e.remarked()
	return e.printJSON(&sum)
}

// page is what the page of a curve shows.
func (o *curveOptions) page(x *study.Extrapolation, r *study.Result) *report.Study {
	measured := 0
	for _, s := range x.Sizes {
		measured += s.Count
	}
	at := make([]string, len(x.Forecasts))
	for i, f := range x.Forecasts {
		at[i] = fmt.Sprint(f.N)
	}
	return &report.Study{
		Result: r,
		Facts: []report.Fact{
			{Name: "Curve", Value: o.name()}, {Name: "Measured", Value: counted(measured, "error") + " at " + counted(len(x.Sizes), "size")}, {Name: "Accuracy", Value: "1 − error"},
		},
		Settings: []report.Fact{{Name: "--at", Value: strings.Join(at, ",")}},
	}
}
