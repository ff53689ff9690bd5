package report

import (
	"fmt"
	"strings"

	"github.com/headstart-ml/headstart/head/measure"
)

// headline is the accuracy beside that of the majority class, or what takes its
// place for another task, as bars up to 1.
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
	main, name, title, what := m.Accuracy, "accuracy", "Accuracy beside the majority class", "Always answering the most frequent class gives"
	who, base, whisker := "majority class", m.Baseline, true
	switch {
	case m.AnyOf != nil:
		main, name, title, what = m.AnyOf.AP, "mean AP", "Mean average precision beside the labels' shares", "Always answering how frequent each label is gives"
		who, base, whisker = "each label's share", measure.Estimate{Value: m.AnyOf.Baseline.AP}, false
	case m.Number != nil:
		main, name, title, what = m.Number.R2, "R²", "Share of the variance that is predicted", "Always answering the mean gives"
		who, base, whisker = "the mean", measure.Estimate{}, false
	}
	desc := fmt.Sprintf("%s %s, 95 percent interval %s to %s. %s %s", strings.ToUpper(name[:1])+name[1:], decimal(main.Value), decimal(main.Low), decimal(main.High), what, decimal(base.Value))
	if whisker {
		desc += fmt.Sprintf(", interval %s to %s", decimal(base.Low), decimal(base.High))
	}
	v := &headline{
		frame: frame{ID: "headline", Title: title, Desc: desc + ".", Width: 480, Height: 138, Left: 13, Right: 467, Top: 4, Bottom: 116},
		Value: decimal(main.Value), Interval: interval(main), What: h.adjective() + " " + name, How: h.howTested(),
	}
	// R² can be below 0; far below is drawn at the edge.
	x := axis{lo: max(min(0, main.Low), -1), hi: 1, from: float64(v.Left), to: float64(v.Right)}
	v.X = x.ticks(5)
	at := func(v float64) float64 { return x.at(max(v, x.lo)) }
	for i, b := range []struct {
		name string
		measure.Estimate
	}{{"this head", main}, {who, base}} {
		top := float64(v.Top + 4 + 56*i)
		v.Bars = append(v.Bars, bar{
			Name: b.name, Value: decimal(b.Value), TextY: pixels(top + 13), Y: pixels(top + 20), Width: pixels(at(b.Value) - x.from),
			Mid: pixels(top + 30), Head: i == 0,
		})
		if i == 0 || whisker {
			v.Bars[i].Low, v.Bars[i].High = pixels(at(b.Low)), pixels(at(b.High))
		}
	}
	return v
}
