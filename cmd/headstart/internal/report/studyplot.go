package report

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/head/study"
)

// plot is a drawing of lines over numbers of training samples, as figures: it
// is written as SVG and painted as PNG.
type plot struct {
	id, title, desc string
	width, height   int
	figures         []figure
}

// figure is a part of a plot.
type figure struct {
	kind  figureKind
	depth int       // its colour; -1: that of text
	xy    []float64 // x and y in turns
	text  string    // of a label; what is said of a dot
	at    string    // where a label stands: "" begins at the place, "mid", "end"
	dash  bool
	halo  bool // a label that lines pass behind
}

// figureKind is what a figure is.
type figureKind int

const (
	figureBand figureKind = iota
	figureGrid
	figureZero // a line of the grid that others are read from
	figureLine
	figureDot
	figureText
)

// Edges of the plot in its drawing, which is as wide as a telephone's screen
// times 1.3.
const (
	plotWidth, plotHeight = 480, 330
	plotLeft, plotRight   = 60, 470
	plotTop, plotBottom   = 28, 276
	plotLetter            = 8.8 // of the text on a telephone, which is the largest
)

// series is a depth in a plot.
type series struct {
	depth      int
	name       string
	n          []int
	value      []float64
	low, high  []float64 // nil: no band
	ahead      []int     // predicted, dashed
	aheadValue []float64
	aheadLow   []float64 // of 80 %
	aheadHigh  []float64
}

// newPlot draws series.
func newPlot(id, title, desc string, all []series) *plot {
	p := &plot{id: id, title: title, desc: desc, width: plotWidth, height: plotHeight}
	lo, hi := math.Inf(1), math.Inf(-1)
	first, last := math.MaxInt, 0
	for _, s := range all {
		for _, v := range slices.Concat(s.value, s.low, s.high, s.aheadLow, s.aheadHigh) {
			lo, hi = min(lo, v), max(hi, v)
		}
		for _, n := range slices.Concat(s.n, s.ahead) {
			first, last = min(first, n), max(last, n)
		}
	}
	if last == 0 {
		return nil
	}
	margin := max(0.05*(hi-lo), 0.005)
	x := axis{lo: float64(first), hi: float64(max(last, first+1)), from: plotLeft + 8, to: plotRight - 8, log: true}
	y := axis{lo: lo - margin, hi: hi + margin, from: plotBottom, to: plotTop}
	for _, t := range y.values(6) {
		p.add(figure{kind: figureGrid, depth: -1, xy: []float64{plotLeft, y.at(t), plotRight, y.at(t)}})
		p.add(figure{kind: figureText, depth: -1, xy: []float64{plotLeft - 6, y.at(t) + 4}, text: inPercent(t, hi-lo), at: "end"})
	}
	for _, n := range sizesOnAxis(first, last) {
		p.add(figure{kind: figureGrid, depth: -1, xy: []float64{x.at(float64(n)), plotTop, x.at(float64(n)), plotBottom}})
		label := figure{kind: figureText, depth: -1, xy: []float64{x.at(float64(n)), plotBottom + 17}, text: Count(n), at: "mid"}
		if label.xy[0]+plotLetter/2*float64(Width(label.text)) > plotWidth {
			label.xy[0], label.at = plotWidth-2, "end" // not cut off
		}
		p.add(label)
	}
	p.add(figure{kind: figureText, depth: -1, xy: []float64{(plotLeft + plotRight) / 2, plotBottom + 36}, text: "training samples", at: "mid"})
	for _, s := range all {
		if s.low != nil {
			p.add(figure{kind: figureBand, depth: s.depth, xy: around(&x, &y, s.n, s.low, s.high)})
		}
		if s.ahead != nil {
			n := append([]int{s.n[len(s.n)-1]}, s.ahead...)
			end := s.value[len(s.value)-1]
			p.add(figure{kind: figureBand, depth: s.depth, xy: around(&x, &y, n, append([]float64{end}, s.aheadLow...), append([]float64{end}, s.aheadHigh...))})
		}
	}
	for _, s := range all {
		p.add(figure{kind: figureLine, depth: s.depth, xy: placesOf(&x, &y, s.n, s.value)})
		if s.ahead != nil {
			p.add(figure{kind: figureLine, depth: s.depth, dash: true, xy: placesOf(&x, &y, append([]int{s.n[len(s.n)-1]}, s.ahead...), append([]float64{s.value[len(s.value)-1]}, s.aheadValue...))})
		}
		for i, n := range s.n {
			text := fmt.Sprintf("%s, %s training samples: %s", s.name, Count(n), inPercent(s.value[i], 0))
			if s.low != nil {
				text += fmt.Sprintf(" (95 %%: %s to %s)", inPercent(s.low[i], 0), inPercent(s.high[i], 0))
			}
			p.add(figure{kind: figureDot, depth: s.depth, xy: []float64{x.at(float64(n)), y.at(s.value[i])}, text: text})
		}
		for i, n := range s.ahead {
			text := fmt.Sprintf("%s, predicted for %s training samples: %s (80 %%: %s to %s)", s.name, Count(n), inPercent(s.aheadValue[i], 0), inPercent(s.aheadLow[i], 0), inPercent(s.aheadHigh[i], 0))
			p.add(figure{kind: figureDot, depth: s.depth, dash: true, xy: []float64{x.at(float64(n)), y.at(s.aheadValue[i])}, text: text})
		}
	}
	// What is which stands below, in as many lines as it takes.
	at, line := float64(plotLeft), float64(plotBottom+57)
	for _, s := range all {
		wide := 24 + plotLetter*float64(Width(s.name)) + 14
		if at+wide > plotRight && at > plotLeft {
			at, line = plotLeft, line+17
		}
		p.add(figure{kind: figureLine, depth: s.depth, xy: []float64{at, line - 4, at + 18, line - 4}})
		p.add(figure{kind: figureText, depth: -1, xy: []float64{at + 24, line}, text: s.name})
		at += wide
	}
	p.height = max(p.height, int(line)+8)
	return p
}

// upwards names the vertical axis of p, which may be nil.
func upwards(name string, p *plot) *plot {
	if p != nil {
		p.add(figure{kind: figureText, depth: -1, xy: []float64{6, 16}, text: name})
	}
	return p
}

// add adds a figure.
func (p *plot) add(f figure) { p.figures = append(p.figures, f) }

// placesOf are the places of values.
func placesOf(x, y *axis, n []int, value []float64) []float64 {
	var xy []float64
	for i := range n {
		xy = append(xy, x.at(float64(n[i])), y.at(value[i]))
	}
	return xy
}

// around is the outline of a band.
func around(x, y *axis, n []int, low, high []float64) []float64 {
	xy := placesOf(x, y, n, high)
	for i := len(n) - 1; i >= 0; i-- {
		xy = append(xy, x.at(float64(n[i])), y.at(low[i]))
	}
	return xy
}

// values are at most about n round values on the axis.
func (a *axis) values(n int) []float64 {
	step := math.Pow(10, math.Floor(math.Log10((a.hi-a.lo)/float64(n))))
	for _, m := range []float64{1, 2, 5, 10} {
		if (a.hi-a.lo)/float64(m*step) <= float64(n) {
			step = float64(m * step)
			break
		}
	}
	var all []float64
	for k := math.Ceil(a.lo/step - 1e-9); float64(k*step) <= a.hi+float64(1e-9*step); k++ {
		all = append(all, float64(k*step)+0)
	}
	return all
}

// sizesOnAxis are round numbers of samples from first to last, at most six.
func sizesOnAxis(first, last int) []int {
	for _, steps := range [][]int{{1, 2, 5}, {1, 3}, {1}} {
		var all []int
		for power := 1; power <= last; power *= 10 {
			for _, m := range steps {
				if n := m * power; n >= first && n <= last {
					all = append(all, n)
				}
			}
			if power > math.MaxInt/10 {
				break
			}
		}
		if len(all) > 0 && len(all) <= 6 {
			return all
		}
	}
	return []int{first, last}
}

// inPercent writes a share of 1, with as many digits as a range of them needs.
func inPercent(v, span float64) string {
	digits := 1
	if span > 0.1 {
		digits = 0
	}
	return strings.Replace(fmt.Sprintf("%.*f %%", digits, 100*v+0), "-", "−", 1)
}

// palette are the colours of depths, on white and on black.
var palette = [][2]string{{"#2a6fb5", "#5b9fe0"}, {"#b5541c", "#f0a06a"}, {"#2f7d4f", "#6cc28e"}, {"#7a4fa3", "#b79be0"}, {"#a63a4a", "#ee8ea0"}, {"#5f6b1e", "#c0cc6a"}}

// plotStyle are the rules of a plot's classes.
func plotStyle() string {
	var light, dark, rules strings.Builder
	for i, c := range palette {
		fmt.Fprintf(&light, "--d%d:%s;", i, c[0])
		fmt.Fprintf(&dark, "--d%d:%s;", i, c[1])
		fmt.Fprintf(&rules, ".plot .d%d{stroke:var(--d%d)}.plot .band.d%d,.plot .dot.d%d{fill:var(--d%d);stroke:none}.plot .open.d%d{fill:var(--paper);stroke:var(--d%d);stroke-width:1.5}\n", i, i, i, i, i, i, i)
	}
	return fmt.Sprintf(":root{%s}\n@media (prefers-color-scheme:dark){:root{%s}}\n%s", light.String(), dark.String(), rules.String()) +
		".plot .zero{fill:none;stroke:var(--soft);stroke-width:1.5}.plot .band{opacity:.16}.plot .line{fill:none;stroke-width:2}.plot .ahead{stroke-dasharray:5 4}\n"
}

// svg writes the plot. With a style it stands by itself.
func (p *plot) svg(style string) string {
	var b strings.Builder
	xmlns := ""
	if style != "" {
		xmlns = ` xmlns="http://www.w3.org/2000/svg" width="` + fmt.Sprint(2*p.width) + `" height="` + fmt.Sprint(2*p.height) + `" font-family="system-ui, sans-serif"`
	}
	fmt.Fprintf(&b, `<svg class="plot"%s viewBox="0 0 %d %d" role="img" aria-labelledby="%s-t %[4]s-d">`+"\n", xmlns, p.width, p.height, p.id)
	fmt.Fprintf(&b, `<title id="%s-t">%s</title><desc id="%[1]s-d">%s</desc>`+"\n", p.id, html.EscapeString(p.title), html.EscapeString(p.desc))
	if style != "" {
		fmt.Fprintf(&b, "<style>%s</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"var(--paper)\"/>\n", style)
	}
	for _, f := range p.figures {
		class := ""
		if f.depth >= 0 {
			class = fmt.Sprintf(" d%d", f.depth%len(palette))
		}
		switch f.kind {
		case figureBand:
			fmt.Fprintf(&b, `<polygon class="band%s" points="%s"/>`, class, path(f.xy...))
		case figureGrid:
			fmt.Fprintf(&b, `<polyline class="grid" points="%s"/>`, path(f.xy...))
		case figureZero:
			fmt.Fprintf(&b, `<polyline class="zero" points="%s"/>`, path(f.xy...))
		case figureLine:
			if f.dash {
				class += " ahead"
			}
			fmt.Fprintf(&b, `<polyline class="line%s" points="%s"/>`, class, path(f.xy...))
		case figureDot:
			kind := "dot"
			if f.dash {
				kind = "open"
			}
			fmt.Fprintf(&b, `<circle class="%s%s" cx="%s" cy="%s" r="3"><title>%s</title></circle>`, kind, class, pixels(f.xy[0]), pixels(f.xy[1]), html.EscapeString(f.text))
		case figureText:
			anchor := map[string]string{"mid": ` text-anchor="middle"`, "end": ` text-anchor="end"`}[f.at]
			if f.halo {
				anchor += ` class="halo"`
			}
			fmt.Fprintf(&b, `<text x="%s" y="%s"%s>%s</text>`, pixels(f.xy[0]), pixels(f.xy[1]), anchor, html.EscapeString(f.text))
		}
		b.WriteByte('\n')
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// standaloneStyle is what a plot that stands by itself needs beside plotStyle.
const standaloneStyle = `:root{--paper:#fff;--soft:#525b6b;--rule:#dde1e7}
@media (prefers-color-scheme:dark){:root{--paper:#12151a;--soft:#a5aebb;--rule:#2d343e}}
text{font-size:12.5px;fill:var(--soft)}.halo{paint-order:stroke;stroke:var(--paper);stroke-width:3.5px}.grid{stroke:var(--rule);fill:none}
`

// curvesOf are the learning curves of a study.
func curvesOf(r *study.Result) *plot {
	var all []series
	for i := range r.Curves {
		c := &r.Curves[i]
		s := series{depth: i, name: plain(c.Depth)}
		for _, p := range c.Points {
			s.n, s.value, s.low, s.high = append(s.n, p.N), append(s.value, p.Value), append(s.low, p.Low), append(s.high, p.High)
		}
		for _, p := range r.Predictions {
			if p.Depth == c.Depth && p.N > s.n[len(s.n)-1] {
				s.ahead, s.aheadValue = append(s.ahead, p.N), append(s.aheadValue, p.Value)
				s.aheadLow, s.aheadHigh = append(s.aheadLow, p.Low80), append(s.aheadHigh, p.High80)
			}
		}
		all = append(all, s)
	}
	metric := metricName(cmp.Or(r.Metric, "accuracy"))
	what := "The %s of each depth"
	if foreign(r) {
		what = "The %s"
	}
	return upwards(metric, newPlot("curves", "Learning curves", fmt.Sprintf(what+" against the number of training samples, on a logarithmic axis, with bands of 95 %%; dashed is what is predicted, with bands of 80 %%. The values are in the tables.", metric), all))
}

// gapsOf are how much better training samples are answered than others.
func gapsOf(r *study.Result) *plot {
	var all []series
	for i := range r.Curves {
		s := series{depth: i, name: plain(r.Curves[i].Depth)}
		for _, p := range r.Curves[i].Points {
			s.n, s.value = append(s.n, p.N), append(s.value, p.Train-p.Value)
		}
		all = append(all, s)
	}
	metric := metricName(cmp.Or(r.Metric, "accuracy"))
	return upwards(metric+": training less tested", newPlot("gap", "Gap", fmt.Sprintf("By how much the %s on the training samples themselves is above that on the tested ones, against the number of training samples.", metric), all))
}
