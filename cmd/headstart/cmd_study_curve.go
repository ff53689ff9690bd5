package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/head/study"
	"github.com/headstart-ml/headstart/head/study/curvefile"
)

// curveOptions are those of study --curve.
type curveOptions struct {
	common
	file string // "-": standard input
	at   []int  // nil: the default
}

// curveFlags are the flags of study that go with --curve.
var curveFlags = []string{"curve", "at", "quiet", "json", "no-color"}

// studyCurve runs study --curve.
func studyCurve(ctx *cli.Context, e *env) error {
	o := &curveOptions{file: ctx.String("curve")}
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
	name := o.file
	var points []study.Measured
	var err error
	if o.file == "-" {
		name = "standard input"
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
	advice := x.Advice(ofCurve)
	if !o.json {
		return printStudyCurve(x, name, &advice, &o.common, e)
	}
	sum := curveSummary{Curve: o.file, Metric: "accuracy", Advice: advice, Skipped: []string{}, Predictions: []curvePrediction{}}
	curve := curvePoints{Depth: ofCurve, Behaviour: x.Shape}
	for _, s := range x.Sizes {
		curve.Points = append(curve.Points, curvePoint{N: s.N, Value: 1 - s.Error, Low: 1 - s.High, High: 1 - s.Low, Error: s.Error, Seeds: s.Count})
	}
	sum.Curves = []curvePoints{curve}
	for _, f := range x.Forecasts {
		p := study.Prediction{Depth: ofCurve, N: f.N, Value: 1 - f.Error, Low80: 1 - f.High80, High80: 1 - f.Low80, Low95: 1 - f.High95, High95: 1 - f.Low95}
		sum.Predictions = append(sum.Predictions, curvePrediction{p, f.Error})
	}
	sum.Seconds, sum.remarked = time.Since(start).Seconds(), e.remarked()
	return e.printJSON(&sum)
}
