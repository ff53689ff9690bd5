package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

// SummaryTo writes all that is known of a head: sizes, choice, metrics with
// their intervals beside the majority class, calibration, a line a class. took
// is how long training took; 0: not said.
func SummaryTo(w io.Writer, h *Head, took time.Duration, s *Style) error {
	var b strings.Builder
	s.title(&b, h.Name)
	var facts []Fact
	fact := func(name, value string) {
		if value != "" {
			facts = append(facts, Fact{name, value})
		}
	}
	r := h.Result
	fact("head", h.kind())
	fact(h.namesFact())
	fact("retrained", h.Retrained)
	if r.Dim > 0 {
		fact("features", Count(r.Dim))
	}
	if r.N.Train > 0 {
		fact("samples", h.sizes())
	}
	if r.Fit.Status != "" {
		fact("fit", h.fit())
	}
	fact("probabilities for", priorWords(r))
	fact("unsure", unsureWords(r.Answers))
	if took > 0 {
		fact("time", fmt.Sprintf("%.3g s", took.Seconds()))
	}
	fact("made", h.Made)
	printFacts(&b, facts, "  ", s)
	if len(h.Features) > 0 {
		b.WriteByte('\n')
		h.featureTable().print(&b, "  ", s)
	}

	if len(r.Families) > 0 {
		b.WriteByte('\n')
		s.title(&b, "compared on the same folds; chosen is the simplest that is behind the best by at most a standard error of the difference")
		familiesTable(r.Families).print(&b, "  ", s)
	}

	m, _ := h.tested()
	if m == nil {
		b.WriteString("\nNot tested: " + h.howTested() + ".\n")
	} else {
		printMetrics(&b, "test: "+h.howTested(), m, r.Baselines, s)
		if said := worth(h); said != "" {
			for _, line := range Wrap(said, s.width()-len(gap)) {
				b.WriteString(gap + line + "\n")
			}
		}
	}
	if c := r.Calibration; c != nil {
		b.WriteByte('\n')
		s.title(&b, "calibration: "+calibrationWords(c))
		calibrationTable(c).print(&b, "  ", s)
		if c.Measured == c.Fitted {
			b.WriteString("  measured on the samples that the temperature was fitted on\n")
		}
	}
	if r.Answers != nil {
		printAnswers(&b, r.Answers, s)
	}
	if m != nil {
		printEach(&b, m, s)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// featureTable lists the feature sets behind the columns of h.
func (h *Head) featureTable() *Table {
	t := &Table{Columns: []Column{{Name: "feature set"}, {Name: "backbone"}, {Name: "tap"}, {Name: "features", Right: true}}}
	for _, f := range h.Features {
		t.Rows = append(t.Rows, []string{f.Name, f.Backbone, f.Tap, Count(f.Dim)})
	}
	if !slices.ContainsFunc(h.Features, func(f Features) bool { return f.Name != "" }) {
		t.Columns = t.Columns[1:]
		for i, row := range t.Rows {
			t.Rows[i] = row[1:]
		}
	}
	return t
}

// MetricsTo writes metrics under a heading, with a line a class.
func MetricsTo(w io.Writer, heading string, m *measure.Metrics, s *Style) error {
	var b strings.Builder
	printMetrics(&b, heading, m, nil, s)
	printEach(&b, m, s)
	_, err := io.WriteString(w, strings.TrimPrefix(b.String(), "\n"))
	return err
}

func printMetrics(b *strings.Builder, heading string, m *measure.Metrics, beside *experiment.Baselines, s *Style) {
	b.WriteByte('\n')
	s.title(b, heading)
	t := &Table{Columns: []Column{{}, {Name: "value", Right: true}, {Name: "95 % interval"}}}
	constants := append(constantsOf(m), simplerOf(beside)...)
	for _, l := range linesOf(m) {
		t.Rows = append(t.Rows, []string{l.name, l.value(), l.interval()})
		if l.name == "accuracy" && m.Expected != 0 {
			t.Rows = append(t.Rows, []string{"  expected of the head of all", l.written(m.Expected), ""})
		}
		for _, c := range constants {
			if c.below == l.name {
				t.Rows = append(t.Rows, []string{"  of " + c.who, l.written(c.Value), c.intervalOf()})
			}
		}
	}
	t.print(b, "  ", s)
}

// metricLine is a metric with its name and what it means.
type metricLine struct {
	name, means string
	measure.Estimate
}

// written writes a value of the metric: shares with three decimals, what is in
// units of a number with four figures.
func (l *metricLine) written(v float64) string {
	if l.name == "RMSE" || l.name == "MAE" {
		return figures(v)
	}
	return decimal(v)
}

func (l *metricLine) value() string { return l.written(l.Value) }

func (l *metricLine) interval() string { return l.written(l.Low) + "–" + l.written(l.High) }

// calibrationTable shows what the temperature changed.
func calibrationTable(c *measure.Calibration) *Table {
	return &Table{
		Columns: []Column{{}, {Name: "before", Right: true}, {Name: "after", Right: true}},
		Rows: [][]string{
			{"log-loss", decimal(c.Before.LogLoss), decimal(c.After.LogLoss)},
			{"ECE", decimal(c.Before.ECE), decimal(c.After.ECE)},
			{"Brier", decimal(c.Before.Brier), decimal(c.After.Brier)},
		},
	}
}

// printClasses writes a line a class, in the order of the classes. Of very many
// it keeps those with the lowest F1.
func printClasses(b *strings.Builder, classes []measure.ClassMetrics, s *Style) {
	if len(classes) == 0 {
		return
	}
	n := min(len(classes), s.classes())
	b.WriteByte('\n')
	if n < len(classes) {
		fmt.Fprintf(b, "The %s of %s classes with the lowest F1:\n", Count(n), Count(len(classes)))
		classes = slices.Clone(classes)
		slices.SortStableFunc(classes, func(x, y measure.ClassMetrics) int { return cmp.Compare(x.F1, y.F1) })
		classes = classes[:n]
	}
	t := &Table{Columns: []Column{
		{Name: "class"}, {Name: "precision", Right: true}, {Name: "recall", Right: true}, {Name: "F1", Right: true}, {Name: "support", Right: true},
	}}
	for _, c := range classes {
		t.Rows = append(t.Rows, []string{c.Class, decimal(c.Precision), decimal(c.Recall), decimal(c.F1), Count(c.Support)})
	}
	t.print(b, "  ", s)
}
