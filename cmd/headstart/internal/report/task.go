package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/measure"
)

// metricMeans says what metrics are called and mean, by their names.
var metricMeans = map[string][2]string{
	"accuracy":        {"accuracy", "share of samples whose most probable class is theirs"},
	"macro-f1":        {"macro-F1", "mean of F1 over the classes, rare ones as important as frequent ones"},
	"log-loss":        {"log-loss", "mean of −ln p(true class); lower is better"},
	"ece":             {"ECE", "expected calibration error: how far probabilities are from frequencies; lower is better"},
	"brier":           {"Brier", "mean squared error of the probabilities, 0 to 2; lower is better"},
	"ap":              {"mean AP", "average precision, the area under precision over recall, a label: their mean"},
	"auc":             {"mean AUC", "chance that a sample with a label has a higher probability of it than one without, a label: their mean"},
	"micro-f1":        {"micro-F1", "F1 of all labels taken together, frequent ones count more"},
	"subset-accuracy": {"subset accuracy", "share of samples whose labels are all right, and none too much"},
	"r2":              {"R²", "share of the variance that is predicted; 0 is what the mean does"},
	"rmse":            {"RMSE", "root of the mean squared error, in units of the number; lower is better"},
	"mae":             {"MAE", "mean distance from what is so, in units of the number or in grades; lower is better"},
	"kappa":           {"quadratic kappa", "agreement beyond chance, far grades weigh more; 1 is all"},
}

// metricName is what a metric is called.
func metricName(name string) string {
	if m, ok := metricMeans[name]; ok {
		return m[0]
	}
	return name
}

// linesOf lists the metrics of m in the order in which they are shown.
func linesOf(m *measure.Metrics) []metricLine {
	var all []metricLine
	for _, e := range m.Estimates() {
		means := metricMeans[e.Name][1]
		if m.AnyOf != nil {
			means = strings.Replace(strings.Replace(means, "classes", "labels", 1), "−ln p(true class)", "−ln p of what is so, over samples and labels", 1)
		}
		all = append(all, metricLine{metricName(e.Name), means, e.Estimate})
	}
	return all
}

// constant is what always answering the same comes to, by one metric.
type constant struct {
	below string // the metric that it stands under
	who   string
	what  string // it does
	measure.Estimate
	interval bool
}

// constantsOf lists what always answering the same comes to.
func constantsOf(m *measure.Metrics) []constant {
	value := func(below, who, what string, v float64) constant {
		return constant{below, who, what, measure.Estimate{Value: v}, false}
	}
	switch {
	case m.AnyOf != nil:
		b, who := m.AnyOf.Baseline, "each label's share"
		return []constant{
			value("mean AP", who, "mean AP of always answering how frequent each label is", b.AP),
			value("macro-F1", who, "macro-F1 of always answering the labels of more than half of the samples", b.MacroF1),
			value("micro-F1", who, "micro-F1 of the same", b.MicroF1),
			value("subset accuracy", who, "subset accuracy of the same", b.SubsetAccuracy),
			value("log-loss", who, "log-loss of always answering how frequent each label is", b.LogLoss),
		}
	case m.Number != nil:
		return []constant{
			value("RMSE", "the mean", "RMSE of always answering the mean", m.Number.Baseline.RMSE),
			value("MAE", "the median", "MAE of always answering the median", m.Number.Baseline.MAE),
		}
	}
	all := []constant{{"accuracy", "the majority class", "accuracy of always answering the most frequent class", m.Baseline, true}}
	if m.GradeMetrics != nil {
		all = append(all, value("MAE", "the median grade", "MAE of always answering the median grade", m.BaselineMAE))
	}
	return all
}

// intervalOf is the interval of c, "" if it has none.
func (c *constant) intervalOf() string {
	if !c.interval {
		return ""
	}
	return interval(c.Estimate)
}

// namesFact says what a head answers: how many classes, labels or grades, or
// which numbers.
func (h *Head) namesFact() (name, value string) {
	names := h.Result.Classes
	task := h.task()
	if task == head.Number {
		return "numbers", strings.Join(names[:min(len(names), 8)], ", ")
	}
	return task.Nouns(), Count(len(names))
}

// task is what a head answers.
func (h *Head) task() head.Task {
	task, _ := head.TaskOf(cmp.Or(h.Result.Task, head.OneOf.Word()))
	return task
}

// labelTable is a line a label; of very many it has those with the lowest AP.
func labelTable(m *measure.AnyOfMetrics, most int) (*Table, string) {
	labels, said := m.PerLabel, ""
	if most < len(labels) {
		said = fmt.Sprintf("The %s of %s labels with the lowest AP:", Count(most), Count(len(labels)))
		labels = slices.Clone(labels)
		slices.SortStableFunc(labels, func(a, b measure.LabelMetrics) int { return cmp.Compare(a.AP, b.AP) })
		labels = labels[:most]
	}
	t := &Table{Columns: []Column{
		{Name: "label"}, {Name: "precision", Right: true}, {Name: "recall", Right: true}, {Name: "F1", Right: true}, {Name: "AP", Right: true}, {Name: "AUC", Right: true},
		{Name: "best F1", Right: true}, {Name: "from", Right: true}, {Name: "support", Right: true},
	}}
	for _, l := range labels {
		t.Rows = append(t.Rows, []string{l.Label, decimal(l.Precision), decimal(l.Recall), decimal(l.F1), decimal(l.AP), decimal(l.AUC), decimal(l.BestF1), decimal(l.BestThreshold), Count(l.Support)})
	}
	return t, said
}

// numberTable is a line a number.
func numberTable(m *measure.NumberMetrics) *Table {
	t := &Table{Columns: []Column{{Name: "number"}, {Name: "R²", Right: true}, {Name: "RMSE", Right: true}, {Name: "MAE", Right: true}, {Name: "mean", Right: true}, {Name: "deviation", Right: true}}}
	for _, n := range m.PerNumber {
		t.Rows = append(t.Rows, []string{n.Name, decimal(n.R2), figures(n.RMSE), figures(n.MAE), figures(n.Mean), figures(n.SD)})
	}
	return t
}

// printEach writes a line a class, label or number.
func printEach(b *strings.Builder, m *measure.Metrics, s *Style) {
	switch {
	case m.AnyOf != nil:
		t, said := labelTable(m.AnyOf, s.classes())
		b.WriteByte('\n')
		if said != "" {
			b.WriteString(said + "\n")
		}
		t.print(b, "  ", s)
	case m.Number != nil:
		b.WriteByte('\n')
		numberTable(m.Number).print(b, "  ", s)
	default:
		printClasses(b, m.PerClass, s)
	}
}

// eachView is a table of labels or numbers on a page.
type eachView struct {
	Title, Says string
	Columns     []Column
	Rows        [][]string
	Scatter     *scatter
}

// newEach returns nil for classes, which have a table of their own.
func newEach(m *measure.Metrics) *eachView {
	if m == nil || m.AnyOf == nil && m.Number == nil {
		return nil
	}
	var t *Table
	v := new(eachView)
	if m.AnyOf != nil {
		t, _ = labelTable(m.AnyOf, math.MaxInt)
		v.Title = "Labels"
		v.Says = "A label is answered from a probability of 0.5 on: precision, recall and F1 are of that. AP and AUC look at all thresholds; best F1 is the largest that a threshold would have on these samples, from that probability on. Labels that all samples have, or none, have neither."
	} else {
		t = numberTable(m.Number)
		v.Title, v.Says, v.Scatter = "Numbers", "Mean and deviation are those of what is so.", newScatter(m.Number)
	}
	v.Columns = t.Columns
	for _, row := range t.Rows {
		row[0] = Cut(plain(row[0]), labelColumns)
		v.Rows = append(v.Rows, row)
	}
	return v
}

// scatter is the drawing of predictions over what is so.
type scatter struct {
	frame
	Points   []point
	Diagonal string
}

// newScatter returns nil if there is nothing to draw.
func newScatter(m *measure.NumberMetrics) *scatter {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, p := range m.Points {
		lo, hi = min(lo, p.Is, p.Predicted), max(hi, p.Is, p.Predicted)
	}
	if !(lo < hi) || math.IsInf(hi-lo, 0) {
		return nil
	}
	v := &scatter{frame: frame{
		ID: "scatter", Title: "Predictions over what is so",
		Desc:  fmt.Sprintf("Predictions of %s for %d samples over what is so; on the diagonal they are right.", plain(m.PerNumber[0].Name), len(m.Points)),
		Width: 480, Height: 420, Left: 66, Right: 466, Top: 10, Bottom: 370, XLabel: "what is so", YLabel: "predicted",
	}}
	x := axis{lo: lo, hi: hi, from: float64(v.Left + 6), to: float64(v.Right - 6)}
	y := axis{lo: lo, hi: hi, from: float64(v.Bottom - 6), to: float64(v.Top + 6)}
	v.X, v.Y = x.ticks(6), y.ticks(6)
	v.Diagonal = path(x.at(lo), y.at(lo), x.at(hi), y.at(hi))
	for _, p := range m.Points {
		v.Points = append(v.Points, point{X: pixels(x.at(p.Is)), Y: pixels(y.at(p.Predicted)), Text: figures(p.Is) + " predicted as " + figures(p.Predicted)})
	}
	return v
}
