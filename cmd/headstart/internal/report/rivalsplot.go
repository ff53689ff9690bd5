package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/headstart-ml/headstart/head/study"
)

// Places in the drawing of rivals: of each a line of text, and the interval
// below it.
const (
	rivalsLeft, rivalsRight = 34, 446
	rivalsTop, rivalsEach   = 8, 44
)

// rivalsPlot draws by how much each set is more accurate than the first one.
func rivalsPlot(a *study.Against) *plot {
	bottom := rivalsTop + rivalsEach*len(a.Rivals) + 4
	p := &plot{
		id: "rivals", title: "Differences from the first set", width: plotWidth, height: bottom + 46,
		desc: "A line for each feature set: by how much its accuracy is above that of the first one, in points, with the 95 % interval of this difference. The values are in the table.",
	}
	lo, hi := 0.0, 0.0
	for k := range a.Rivals {
		if d := a.Rivals[k].Difference; d != nil {
			lo, hi = min(lo, d.Low), max(hi, d.High)
		}
	}
	margin := max(0.04*(hi-lo), 0.005)
	x := axis{lo: lo - margin, hi: hi + margin, from: rivalsLeft, to: rivalsRight}
	ticks := x.values(6)
	digits := 0
	if len(ticks) > 1 {
		digits = max(0, -int(math.Floor(math.Log10(100*(ticks[1]-ticks[0]))+1e-9)))
	}
	for _, t := range ticks {
		kind := figureGrid
		if t == 0 {
			kind = figureZero
		}
		p.add(figure{kind: kind, depth: -1, xy: []float64{x.at(t), rivalsTop, x.at(t), float64(bottom)}})
		text := strings.Replace(fmt.Sprintf("%+.*f", digits, 100*t), "-", "−", 1)
		if t == 0 {
			text = "0"
		}
		p.add(figure{kind: figureText, depth: -1, xy: []float64{x.at(t), float64(bottom) + 17}, text: text, at: "mid"})
	}
	p.add(figure{kind: figureText, depth: -1, xy: []float64{(rivalsLeft + rivalsRight) / 2, float64(bottom) + 36}, text: "points of accuracy above the first set", at: "mid"})
	for k := range a.Rivals {
		r := &a.Rivals[k]
		mark := ""
		switch {
		case r.Pick && r.Best:
			mark = ": pick, best"
		case r.Pick:
			mark = ": pick"
		case r.Best:
			mark = ": best"
		}
		colour := 0
		if r.Pick {
			colour = 1
		}
		top := float64(rivalsTop + rivalsEach*k)
		name := cutFront(plain(r.Name), int(math.Floor((plotWidth-12)/plotLetter))-len(mark))
		p.add(figure{kind: figureText, depth: -1, xy: []float64{6, top + 16}, text: name + mark, halo: true})
		value, says, y := 0.0, ": the first set", top+31
		if d := r.Difference; d != nil {
			value, says = d.Value, fmt.Sprintf(": %s points (95 %%: %s to %s), %s", inPoints(d.Value), inPoints(d.Low), inPoints(d.High), verdictWords[r.Verdict])
			low, high := x.at(d.Low), x.at(d.High)
			for _, xy := range [][]float64{{low, y, high, y}, {low, y - 4, low, y + 4}, {high, y - 4, high, y + 4}} {
				p.add(figure{kind: figureLine, depth: colour, xy: xy})
			}
		}
		p.add(figure{kind: figureDot, depth: colour, xy: []float64{x.at(value), y}, text: plain(r.Name) + says})
	}
	return p
}

// cutFront returns s if it takes at most so many columns, or else its end
// behind an ellipsis: paths differ in their ends.
func cutFront(s string, columns int) string {
	over := Width(s) - columns
	if over <= 0 {
		return s
	}
	rest, state, gone := s, -1, 0
	for rest != "" && gone < over+1 {
		var width int
		_, rest, width, state = uniseg.FirstGraphemeClusterInString(rest, state)
		gone += width
	}
	return "…" + rest
}
