package report

import (
	"fmt"

	"github.com/headstart-ml/headstart/head/measure"
)

// headline is the accuracy beside that of the majority class, as bars from 0 to
// 1.
type headline struct {
	frame
	Value, Interval, What, How string
	Bars                       []bar
}

// bar is a bar with its interval as a whisker.
type bar struct {
	Name, Value    string
	Y, TextY       string
	Width          string
	Low, High, Mid string // of the whisker
	Head           bool   // the head's, not the baseline's
}

func newHeadline(h *Head) *headline {
	m, _ := h.tested()
	if m == nil {
		return nil
	}
	v := &headline{
		frame: frame{
			ID: "headline", Title: "Accuracy beside the majority class",
			Desc: fmt.Sprintf("Accuracy %s, 95 percent interval %s to %s. Always answering the most frequent class gives %s, interval %s to %s.",
				decimal(m.Accuracy.Value), decimal(m.Accuracy.Low), decimal(m.Accuracy.High),
				decimal(m.Baseline.Value), decimal(m.Baseline.Low), decimal(m.Baseline.High)),
			Width: 480, Height: 138, Left: 13, Right: 467, Top: 4, Bottom: 116,
		},
		Value: decimal(m.Accuracy.Value), Interval: interval(m.Accuracy), What: h.adjective() + " accuracy", How: h.howTested(),
	}
	x := axis{lo: 0, hi: 1, from: float64(v.Left), to: float64(v.Right)}
	v.X = x.ticks(5)
	for i, b := range []struct {
		name string
		measure.Estimate
	}{{"this head", m.Accuracy}, {"majority class", m.Baseline}} {
		top := float64(v.Top + 4 + 56*i)
		v.Bars = append(v.Bars, bar{
			Name: b.name, Value: decimal(b.Value), TextY: pixels(top + 13), Y: pixels(top + 20), Width: pixels(x.at(b.Value) - x.from),
			Low: pixels(x.at(b.Low)), High: pixels(x.at(b.High)), Mid: pixels(top + 30), Head: i == 0,
		})
	}
	return v
}
