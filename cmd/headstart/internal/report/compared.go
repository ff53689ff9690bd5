package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

// compared is what a head alone was compared with. Where the metric is a
// log-loss, it stands as it is: lower is better.
type compared struct {
	Metric, Rule string
	Paired       bool // lines have a difference
	Lines        []comparedLine
}

// comparedLine is a way to train, with the metric of each part as its mean and
// its standard deviation over seeds.
type comparedLine struct {
	Chosen                                                            bool
	Way, Parameters, Train, Validation, SE, Behind, Test, Epochs, Why string
}

// newCompared returns nil if there was nothing to compare.
func newCompared(c *experiment.Comparison) *compared {
	if c == nil {
		return nil
	}
	v := &compared{Metric: plain(c.Metric), Rule: rules[c.Rule]}
	v.Paired = slices.ContainsFunc(c.Ways, func(w experiment.Way) bool { return w.Difference != nil })
	if v.Paired && c.Rule == oneStandardError {
		v.Rule = "the simplest that is behind the best on validation by at most one standard error of the difference"
	}
	sign := 1.0
	if c.Metric == "log-loss" {
		sign = -1
	}
	for _, way := range c.Ways {
		l := comparedLine{
			Chosen: way.Name == c.Chosen, Way: plain(way.Name), Parameters: Count(int(way.Parameters)), SE: decimal(way.SE), Behind: "–", Epochs: "–", Why: plain(way.Status),
			Train: varied(&way.Train, sign), Validation: varied(&way.Validation, sign), Test: varied(&way.Test, sign),
		}
		if d := way.Difference; d != nil {
			l.Behind = fmt.Sprintf("%s ± %s", decimal(d.Value), decimal(d.SE))
		}
		if way.Status != "" {
			l.Epochs = fmt.Sprintf("%d of %d", way.Best, way.Epochs)
		}
		v.Lines = append(v.Lines, l)
	}
	if w := c.Choice; w != nil {
		v.Lines = append(v.Lines, comparedLine{
			Way: "the choice of each seed", Parameters: "–", SE: "–", Behind: "–", Epochs: "–",
			Train: varied(&w.Train, sign), Validation: varied(&w.Validation, sign), Test: varied(&w.Test, sign),
		})
	}
	return v
}

// oneStandardError is the rule by which several ways are compared.
const oneStandardError = "one-standard-error"

// rules say in words how a way is chosen where differences are not known.
var rules = map[string]string{
	oneStandardError: "the simplest within one standard error of the best on validation",
	"better":         "the tail if it beats the head on validation",
}

// varied is a metric, times sign, with its spread over seeds.
func varied(v *measure.Variation, sign float64) string {
	switch len(v.Values) {
	case 0:
		return "–"
	case 1:
		return decimal(sign * v.Mean)
	}
	return fmt.Sprintf("%s ± %s", decimal(sign*v.Mean), decimal(v.SD))
}

// ComparedTo writes what a head alone was compared with: the metric of each
// part for each way to train, as the mean and the standard deviation over
// seeds. costs holds how long each way took; nil: not said.
func ComparedTo(w io.Writer, c *experiment.Comparison, costs []time.Duration, s *Style) error {
	v := newCompared(c)
	if v == nil {
		return nil
	}
	var b strings.Builder
	b.WriteByte('\n')
	s.title(&b, "what was compared: "+v.Metric+", "+v.Rule+" (*)")
	t := &Table{Columns: []Column{
		{Name: ""}, {Name: "way"}, {Name: "trained", Right: true}, {Name: "training part", Right: true}, {Name: "validation", Right: true}, {Name: "± SE", Right: true},
	}}
	if v.Paired {
		t.Columns = append(t.Columns, Column{Name: "behind ± SE", Right: true})
	}
	t.Columns = append(t.Columns, Column{Name: "test", Right: true}, Column{Name: "epochs", Right: true})
	if costs != nil {
		t.Columns = append(t.Columns, Column{Name: "time", Right: true})
	}
	for i, l := range v.Lines {
		mark, cost := "", "–"
		if l.Chosen {
			mark = "*"
		}
		if i < len(costs) {
			cost = fmt.Sprintf("%.3g s", costs[i].Seconds())
		}
		row := []string{mark, l.Way, l.Parameters, l.Train, l.Validation, l.SE}
		if v.Paired {
			row = append(row, l.Behind)
		}
		row = append(row, l.Test, l.Epochs, cost)
		t.Rows = append(t.Rows, row[:len(t.Columns)])
	}
	t.print(&b, "", s)
	_, err := io.WriteString(w, b.String())
	return err
}
