package report

import (
	"fmt"
	"io"
	"time"

	"github.com/headstart-ml/headstart/head"
)

// ComparedTo writes what a head alone was compared with: the metric of each part
// for each way to train, as the mean and the standard deviation over seeds. costs
// holds how long each way took; nil: not said.
func ComparedTo(w io.Writer, c *head.Comparison, costs []time.Duration, s *Style) error {
	if c == nil {
		return nil
	}
	if _, err := fmt.Fprintf(w, "\n%s\n", s.heading("what was compared: "+c.Metric+", "+rules[c.Rule])); err != nil {
		return err
	}
	t := &Table{Columns: []Column{
		{Name: ""}, {Name: "way"}, {Name: "trained", Right: true}, {Name: "training part", Right: true}, {Name: "validation", Right: true}, {Name: "± SE", Right: true}, {Name: "test", Right: true},
		{Name: "epochs", Right: true}, {Name: "time", Right: true},
	}}
	for i, way := range c.Ways {
		mark, epochs, cost := "", "–", "–"
		if way.Name == c.Chosen {
			mark = "*"
		}
		if way.Status != "" {
			epochs = fmt.Sprintf("%d of %d", way.Best, way.Epochs)
		}
		if i < len(costs) {
			cost = fmt.Sprintf("%.3g s", costs[i].Seconds())
		}
		t.Rows = append(t.Rows, []string{mark, way.Name, count(int(way.Parameters)), varied(&way.Train), varied(&way.Validation), decimal(way.SE), varied(&way.Test), epochs, cost})
	}
	if v := c.Choice; v != nil {
		t.Rows = append(t.Rows, []string{"", "the choice of each seed", "–", varied(&v.Train), varied(&v.Validation), "–", varied(&v.Test), "–", "–"})
	}
	return TableTo(w, t, s)
}

// rules say in words how a way is chosen.
var rules = map[string]string{
	"one-standard-error": "the simplest within one standard error of the best on validation (*)",
	"better":             "the tail if it beats the head on validation (*)",
}

// varied is a metric with its spread over seeds.
func varied(v *head.Variation) string {
	switch len(v.Values) {
	case 0:
		return "–"
	case 1:
		return decimal(v.Mean)
	}
	return fmt.Sprintf("%s ± %s", decimal(v.Mean), decimal(v.SD))
}
