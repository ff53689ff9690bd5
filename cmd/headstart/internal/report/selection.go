package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

// selection is the drawing of what was compared to choose a head and its λ.
type selection struct {
	frame
	Curves       []curve
	Levels       []level // heads without λ
	Chosen       *point  // nil: it is not on a curve
	ChosenAnchor string  // end of its label that it stands over: start, mid, end
	Lines        []selectionLine
}

// curve is the scores of one kind of head along λ.
type curve struct {
	Head       string // "" if there is one curve
	Line, Band string
	Points     []point
}

// level is the score of a head that has no λ.
type level struct {
	Head, Y, TextY, Low, Height, Text string
}

// selectionLine is a line of the table behind the drawing.
type selectionLine struct {
	Head, L2, Score, SE string
	Chosen              bool
}

// newSelection returns nil if there was nothing to choose.
func newSelection(p *Page) *selection {
	r := p.Result
	if len(r.Selection) < 2 {
		return nil
	}
	metric := cmp.Or(p.Metric, "accuracy")
	v := new(selection)
	lower := measure.LowerIsBetter(metric)
	metric = metricName(metric)
	written := (&metricLine{name: metric}).written
	chosen := func(c experiment.Candidate) bool {
		return c.Kind == r.Kind && c.L2 == r.L2 && slices.Equal(c.Params, r.Params)
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	weak, strong := math.Inf(1), math.Inf(-1)
	var kinds []string // that have a path, in the order in which they were tried
	var names []string // of what goes along the paths
	for _, c := range r.Selection {
		line := selectionLine{Head: plain(c.Kind), L2: strengths(c.L2, c.Params), Score: written(c.Score), SE: written(c.SE), Chosen: chosen(c)}
		lo, hi = min(lo, c.Score-c.SE), max(hi, c.Score+c.SE)
		if p := along(c); p.Value > 0 {
			weak, strong = min(weak, p.Value), max(strong, p.Value)
			if !slices.Contains(kinds, c.Kind) {
				kinds = append(kinds, c.Kind)
			}
			if name := symbol(p); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		v.Lines = append(v.Lines, line)
	}
	if !(weak < strong) || math.IsNaN(lo+hi) || math.IsInf(lo+hi, 0) {
		return v // a table without a drawing
	}
	if margin := 0.06 * (hi - lo); margin > 0 {
		lo, hi = lo-margin, hi+margin
	} else {
		lo, hi = lo-0.05, hi+0.05
	}
	better := "higher is better"
	if lower {
		better = "lower is better"
	}
	v.frame = frame{
		ID: "selection", Title: "Selection curve",
		Desc: fmt.Sprintf("Cross-validated %s with its standard error against %s on a logarithmic axis; the values are in the table below. Chosen: %s.",
			plain(metric), strings.Join(names, " or "), plain(p.kind())),
		Width: 480, Height: 300, Left: 58, Right: 466, Top: 22, Bottom: 250,
		XLabel: strings.Join(names, " or ") + " (weak to strong regularisation)", YLabel: plain(metric) + ", " + better,
	}
	x := axis{lo: weak, hi: strong, from: float64(v.Left + 10), to: float64(v.Right - 10), log: true}
	y := axis{lo: lo, hi: hi, from: float64(v.Bottom), to: float64(v.Top)}
	v.X, v.Y = x.ticks(8), y.ticks(6)
	for _, kind := range kinds {
		var c curve
		var tried []experiment.Candidate
		for _, s := range r.Selection {
			if s.Kind == kind && along(s).Value > 0 {
				tried = append(tried, s)
			}
		}
		slices.SortStableFunc(tried, func(a, b experiment.Candidate) int { return cmp.Compare(along(a).Value, along(b).Value) })
		var line, upper, lower []float64
		for _, s := range tried {
			at := x.at(along(s).Value)
			line = append(line, at, y.at(s.Score))
			upper = append(upper, at, y.at(s.Score+s.SE))
			lower = append(lower, y.at(s.Score-s.SE), at) // turned round below
			pt := point{X: pixels(at), Y: pixels(y.at(s.Score)), Text: fmt.Sprintf("%s: %s ± %s", kindOf(s.Kind, s.L2, s.Params), written(s.Score), written(s.SE))}
			c.Points = append(c.Points, pt)
			if chosen(s) {
				v.Chosen = &pt
				v.ChosenAnchor = "mid"
				if at < float64(v.Left+30) {
					v.ChosenAnchor = "start"
				} else if at > float64(v.Right-30) {
					v.ChosenAnchor = "end"
				}
			}
		}
		slices.Reverse(lower)
		c.Line, c.Band = path(line...), path(append(upper, lower...)...)
		if len(kinds) > 1 {
			c.Head = plain(kind)
		}
		v.Curves = append(v.Curves, c)
	}
	for _, s := range r.Selection {
		if along(s).Value > 0 {
			continue
		}
		top, bottom := y.at(s.Score+s.SE), y.at(s.Score-s.SE)
		v.Levels = append(v.Levels, level{
			Head: plain(s.Kind), Y: pixels(y.at(s.Score)), TextY: pixels(y.at(s.Score) - 5), Low: pixels(top), Height: pixels(bottom - top),
			Text: fmt.Sprintf("%s: %s ± %s", plain(s.Kind), written(s.Score), written(s.SE)),
		})
	}
	return v
}

// along returns what goes along the path that a candidate is on; zero: it is
// the only one of its kind.
func along(c experiment.Candidate) head.Param {
	if c.L2 > 0 {
		return head.Param{Name: head.L2, Value: c.L2}
	}
	return head.Param{Name: head.Shrinkage, Value: c.Params.Value(head.Shrinkage)}
}

// symbol is what a parameter is called along an axis.
func symbol(p head.Param) string {
	if p.Name == head.L2 {
		return "λ"
	}
	return p.Name
}
