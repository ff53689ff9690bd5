package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/headstart-ml/headstart/head/measure"
)

// reliability is the drawing of how often predictions of a probability are
// right.
type reliability struct {
	frame
	After, Before    string // lines; Before "": not known
	AfterPoints      []point
	BeforePoints     []point
	Bars             []countBar
	BarsTop, BarsEnd int    // where the counts are drawn
	Most             string // the greatest count
	Bins             []binLine
	BeforeBins       []binLine
	Diagonal         string
}

// countBar is how many samples a bin has.
type countBar struct{ X, Y, Width, Height, Text string }

// binLine is a line of the table behind the drawing.
type binLine struct{ From, Rows, Confidence, Accuracy, Gap string }

// newReliability returns nil if no bin has rows.
func newReliability(p *Page) *reliability {
	m, _ := p.tested()
	if m == nil || len(binLines(m.Reliability)) == 0 {
		return nil
	}
	v := &reliability{
		frame: frame{
			ID: "reliability", Title: "Reliability curve",
			Desc:  "How often predictions are right against the probability that they state; on the diagonal, probabilities can be taken at their word. The values are in the table below.",
			Width: 480, Height: 456, Left: 58, Right: 466, Top: 10, Bottom: 330,
			TicksY: 412, YLabel: "share that is right", XLabel: "probability of the predicted class",
		},
		BarsTop: 346, BarsEnd: 412,
		Bins: binLines(m.Reliability), BeforeBins: binLines(p.Before),
	}
	x := axis{lo: 0, hi: 1, from: float64(v.Left), to: float64(v.Right)}
	y := axis{lo: 0, hi: 1, from: float64(v.Bottom), to: float64(v.Top)}
	v.X, v.Y = x.ticks(5), y.ticks(5)
	v.Diagonal = path(x.at(0), y.at(0), x.at(1), y.at(1))
	v.After, v.AfterPoints = reliabilityLine(m.Reliability, &x, &y)
	v.Before, v.BeforePoints = reliabilityLine(p.Before, &x, &y)

	most := 0
	for _, b := range m.Reliability {
		most = max(most, b.Rows)
	}
	v.Most = Count(most)
	h := axis{lo: 0, hi: float64(most), from: float64(v.BarsEnd), to: float64(v.BarsTop)}
	for _, b := range m.Reliability {
		if b.Rows == 0 {
			continue
		}
		left, right := x.at(b.Low), x.at(b.High)
		top := min(h.at(float64(b.Rows)), h.from-1) // a bin with rows is seen
		v.Bars = append(v.Bars, countBar{
			X: pixels(left + 1), Y: pixels(top), Width: pixels(right - left - 2), Height: pixels(h.from - top),
			Text: fmt.Sprintf("%s samples with a probability of %.2f to %.2f", Count(b.Rows), b.Low, b.High),
		})
	}
	return v
}

// reliabilityLine returns the curve of bins and their points, whose area goes
// with the number of rows.
func reliabilityLine(bins []measure.Bin, x, y *axis) (string, []point) {
	most := 0
	for _, b := range bins {
		most = max(most, b.Rows)
	}
	var line []float64
	var points []point
	for _, b := range bins {
		if b.Rows == 0 {
			continue
		}
		cx, cy := x.at(b.Confidence), y.at(b.Accuracy)
		line = append(line, cx, cy)
		points = append(points, point{
			X: pixels(cx), Y: pixels(cy), R: pixels(2.5 + float64(5*math.Sqrt(float64(b.Rows)/float64(most)))),
			Text: fmt.Sprintf("%s samples: mean probability %s, %s are right", Count(b.Rows), decimal(b.Confidence), decimal(b.Accuracy)),
		})
	}
	return path(line...), points
}

func binLines(bins []measure.Bin) []binLine {
	var all []binLine
	for _, b := range bins {
		if b.Rows > 0 {
			all = append(all, binLine{
				From: fmt.Sprintf("%.2f–%.2f", b.Low, b.High), Rows: Count(b.Rows), Confidence: decimal(b.Confidence), Accuracy: decimal(b.Accuracy),
				Gap: strings.Replace(fmt.Sprintf("%+.3f", b.Accuracy-b.Confidence), "-", "−", 1),
			})
		}
	}
	return all
}
