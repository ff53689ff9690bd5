package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/headstart-ml/headstart/head/measure"
)

// Against is a head beside another one on the same samples; differences are of
// Head less Other.
type Against struct {
	Head, Other string
	*measure.Paired
}

// AgainstTo writes the differences of two heads with their intervals, and what
// they say.
func AgainstTo(w io.Writer, a *Against, s *Style) error {
	var b strings.Builder
	s.title(&b, fmt.Sprintf("%s less %s: %s samples that neither was fitted on", a.Head, a.Other, Count(a.Rows)))
	t := &Table{Columns: []Column{{}, {Name: "difference", Right: true}, {Name: "95 % interval"}}}
	for _, l := range []metricLine{{name: "accuracy", Estimate: a.Accuracy}, {name: "log-loss", Estimate: a.LogLoss}} {
		t.Rows = append(t.Rows, []string{l.name, signed(l.Value), signed(l.Low) + " – " + signed(l.High)})
	}
	t.print(&b, "  ", s)
	fmt.Fprintf(&b, "\n  right here alone: %s, there alone: %s", Count(a.Gained), Count(a.Lost))
	if a.P != nil {
		fmt.Fprintf(&b, "; McNemar's exact test: p = %.3g", *a.P)
	}
	fmt.Fprintf(&b, "\n  %s\n", a.inWords())
	_, err := io.WriteString(w, b.String())
	return err
}

// inWords says which head is better, if one is.
func (a *Against) inWords() string {
	switch a.Verdict() {
	case "better":
		return a.Head + " is better: the interval of the accuracies' difference lies above 0."
	case "worse":
		return a.Head + " is worse: the interval of the accuracies' difference lies below 0."
	}
	return "These samples can't tell which head is better: the interval of the accuracies' difference includes 0."
}

// signed is a number with three decimals and its sign.
func signed(v float64) string {
	text := fmt.Sprintf("%+.3f", v)
	if text == "+0.000" || text == "-0.000" {
		return "0.000"
	}
	return strings.Replace(text, "-", "−", 1)
}
