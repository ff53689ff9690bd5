package report

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

// Page is what the page of a trained head shows.
type Page struct {
	Head
	// Title stands at the top; "" means the head's name.
	Title string
	// Facts adds to what was trained on what: seed, versions, date.
	Facts []Fact
	// Metric is what selection went by: "accuracy" (default ""), "macro-f1" or
	// "log-loss".
	Metric string
	// Before holds the bins of the reliability curve without the temperature;
	// nil: only the curve with it is drawn.
	Before []measure.Bin
	// Mistakes are drawn in the order given, worst first.
	Mistakes []Mistake
	// Settings lists what was set, by flag or by default.
	Settings []Fact
}

// Fact is a line of a list of facts.
type Fact struct{ Name, Value string }

//go:embed page.css
var pageCSS string

//go:embed page.html
var pageHTML string

// startHTML is the beginning of every page, up to its own styles.
//
//go:embed start.html
var startHTML string

var pageTemplate = template.Must(template.Must(template.New("page").Parse(startHTML)).Parse(pageHTML))

// view is what the template reads.
type view struct {
	CSS         template.CSS
	Title       string
	Lead        string
	Facts       []Fact
	Features    []featureView
	Headline    *headline
	Metrics     []metricView
	Interval    string // how intervals were made
	Worth       string // of the features beside simpler ones
	Spread      *spreadView
	Warnings    []experiment.Warning
	Notes       []string
	Compared    *compared
	Selection   *selection
	Metric      string
	Folds       []foldLine
	Families    []familyLine
	Classes     []classLine
	Confusion   *confusion
	Each        *eachView // of labels and numbers
	Reliability *reliability
	Calibration *calibrationView
	Answers     *answersView
	Cards       []card
	Settings    []Fact
	Adjective   string
}

// featureView is a feature set.
type featureView struct{ Name, Backbone, Tap, Dim string }

// metricView is a line of the table of metrics.
type metricView struct{ Name, Value, Interval, Means string }

// classLine is a line of the table of classes. The widths are in percent.
type classLine struct {
	Class                             string
	Precision, Recall, F1             string
	PrecisionWide, RecallWide, F1Wide string
	Support                           string
}

// familyLine is a line of the table of kinds that were compared.
type familyLine struct {
	Head, L2, Score, Behind, SE string
	Chosen                      bool
}

// foldLine is what the selection inside one fold came to.
type foldLine struct{ Fold, Head, L2, Temperature, Fit string }

// spreadView is the table of metrics over seeds.
type spreadView struct {
	Seeds []string
	L2    []string
	Rows  []spreadRow
}

// spreadRow is a metric over seeds.
type spreadRow struct {
	Name     string
	Values   []string
	Mean, SD string
}

// calibrationView is what the temperature changed.
type calibrationView struct {
	How, Measured string
	Rows          [][]string
}

// answersView is what a head that may be unsure answers.
type answersView struct {
	Words, Measured string
	Rows            [][]string
	Columns         []string // of Classes
	Classes         [][]string
}

// PageTo writes p to w as one HTML file that needs no other. Metrics whose
// parts do not fit each other are an error.
func PageTo(w io.Writer, p *Page) error {
	v, err := newView(p)
	if err != nil {
		return fmt.Errorf("report: page: %w", err)
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, v); err != nil {
		return fmt.Errorf("report: page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

func newView(p *Page) (*view, error) {
	r := p.Result
	m, _ := p.tested()
	if m != nil {
		if n := len(m.Confusion); n > 0 && n != len(m.PerClass) {
			return nil, fmt.Errorf("a confusion matrix of %d classes for %d classes", n, len(m.PerClass))
		}
		for _, row := range m.Confusion {
			if len(row) != len(m.Confusion) {
				return nil, fmt.Errorf("a confusion matrix of %d rows and %d columns", len(m.Confusion), len(row))
			}
		}
	}
	v := &view{
		CSS: template.CSS(pageCSS), Title: Cut(plain(cmp.Or(p.Title, p.Name)), 2*labelColumns), Lead: plain(p.lead()), Facts: clean(append(p.facts(), p.Facts...)), Adjective: p.adjective(),
		Headline: newHeadline(&p.Head), Compared: newCompared(r.Comparison), Selection: newSelection(p), Metric: plain(metricName(cmp.Or(p.Metric, "accuracy"))), Each: newEach(m), Confusion: newConfusion(m), Reliability: newReliability(p),
		Cards: newCards(p.Mistakes), Settings: clean(p.Settings),
	}
	for _, f := range p.Features {
		v.Features = append(v.Features, featureView{plain(f.Name), plain(f.Backbone), plain(f.Tap), Count(f.Dim)})
	}
	for _, w := range r.Warnings {
		w.Message = plain(w.Message)
		v.Warnings = append(v.Warnings, w)
	}
	for _, n := range r.Notes {
		v.Notes = append(v.Notes, plain(n.Message))
	}
	if m != nil {
		v.Interval, v.Worth = intervalWords(m), worth(&p.Head)
		constants := append(constantsOf(m), simplerOf(r.Baselines)...)
		for _, l := range linesOf(m) {
			v.Metrics = append(v.Metrics, metricView{l.name, l.value(), l.interval(), l.means})
			for _, c := range constants {
				if c.below == l.name {
					v.Metrics = append(v.Metrics, metricView{strings.TrimPrefix(strings.TrimPrefix(c.who, "the "), "a "), l.written(c.Value), c.intervalOf(), c.what})
				}
			}
		}
		for _, c := range m.PerClass {
			v.Classes = append(v.Classes, classLine{
				Class: Cut(plain(c.Class), labelColumns), Precision: decimal(c.Precision), Recall: decimal(c.Recall), F1: decimal(c.F1), Support: Count(c.Support),
				PrecisionWide: pixels(100 * c.Precision), RecallWide: pixels(100 * c.Recall), F1Wide: pixels(100 * c.F1),
			})
		}
	}
	for _, f := range r.Families {
		v.Families = append(v.Families, familyLine{plain(f.Kind), strengths(f.L2, f.Params), decimal(f.Score), decimal(f.Behind.Value), decimal(f.Behind.SE), f.Chosen})
	}
	for i, f := range r.Folds {
		v.Folds = append(v.Folds, foldLine{Count(i + 1), plain(f.Kind), strengths(f.L2, f.Params), decimal(f.Temperature), plain(f.Fit.Status.String())})
	}
	if s := r.Spread; s != nil {
		v.Spread = newSpread(s)
	}
	if c := r.Calibration; c != nil {
		v.Calibration = &calibrationView{How: plain(calibrationWords(c)), Rows: calibrationTable(c).Rows}
		v.Calibration.Measured = "Both are measured on samples that the temperature has not seen."
		if c.Measured == c.Fitted {
			v.Calibration.Measured = "Both are measured on the samples that the temperature was fitted on."
		}
	}
	if a := r.Answers; a != nil {
		v.Answers = &answersView{Words: plain(unsureWords(a) + ": answers " + answerWords(&a.Answers)), Rows: answerTable(&a.Answers).Rows}
		classes := answerClasses(&a.Answers, a.ByClass, len(a.PerClass))
		for _, c := range classes.Columns {
			v.Answers.Columns = append(v.Answers.Columns, c.Name)
		}
		for _, row := range classes.Rows {
			row[0] = Cut(plain(row[0]), labelColumns)
			v.Answers.Classes = append(v.Answers.Classes, row)
		}
		v.Answers.Measured = "Measured on samples that the probabilities were not taken from."
		if a.Measured == a.Fitted {
			v.Answers.Measured = "Measured on the samples that the probabilities were taken from."
		}
	}
	return v, nil
}

// lead is the sentence under the title.
func (p *Page) lead() string {
	r := p.Result
	article := "A"
	if r.Kind != "" && strings.Contains("aeio", r.Kind[:1]) {
		article = "An"
	}
	s := fmt.Sprintf("%s %s head", article, r.Kind)
	if r.Dim > 0 {
		s += fmt.Sprintf(" on %s features", Count(r.Dim))
	}
	if n := r.N.Train + r.N.Validation + r.N.Test; n > 0 {
		s += fmt.Sprintf(" of %s samples", Count(n))
	}
	if n := len(r.Classes); n > 0 {
		switch task := p.task(); task {
		case head.Number:
			s += " that predicts " + choose(n, "a number", Count(n)+" numbers")
		case head.AnyOf:
			s += fmt.Sprintf(" with any of %s labels", Count(n))
		default:
			s += fmt.Sprintf(" in %s %s", Count(n), task.Nouns())
		}
	}
	return s + "."
}

// choose returns the words for one or for several.
func choose(n int, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}

// facts is what was trained on what.
func (p *Page) facts() []Fact {
	r := p.Result
	all := []Fact{{"Head", p.kind()}}
	if p.Retrained != "" {
		all = append(all, Fact{"Retrained", p.Retrained})
	}
	if r.N.Train > 0 {
		all = append(all, Fact{"Samples", p.sizes()})
	}
	all = append(all, Fact{"Test", p.howTested()})
	if r.Fit.Status != "" {
		all = append(all, Fact{"Fit", p.fit()})
	}
	if c := r.Calibration; c != nil {
		all = append(all, Fact{"Calibration", calibrationWords(c)})
	}
	if words := priorWords(r); words != "" {
		all = append(all, Fact{"Probabilities for", words})
	}
	if words := unsureWords(r.Answers); words != "" {
		all = append(all, Fact{"Unsure", words})
	}
	return all
}

// clean returns facts without characters that control something.
func clean(facts []Fact) []Fact {
	var all []Fact
	for _, f := range facts {
		all = append(all, Fact{plain(f.Name), plain(f.Value)})
	}
	return all
}

// intervalWords says how the intervals were made.
func intervalWords(m *measure.Metrics) string {
	words := intervalKind(m)
	if m.Expected != 0 {
		words += fmt.Sprintf(" That of the accuracy is of the one to be expected of the head that is fitted to all samples, about %s: the heads of the folds learn from fewer.", decimal(m.Expected))
	}
	return words
}

// intervalKind says what kind of intervals there are.
func intervalKind(m *measure.Metrics) string {
	switch m.Interval {
	case "wilson":
		return "Intervals are 95 %: Wilson's score interval for the accuracies, the bootstrap for the others."
	case "wilson-cv":
		return "Intervals are 95 %: Wilson's score interval for the accuracies, the bootstrap for the others, both wider by what the choice of the training samples adds."
	case "bootstrap-groups":
		return "Intervals are 95 %, by the bootstrap over groups."
	case "bootstrap-cv":
		return "Intervals are 95 %, by the bootstrap over samples, wider by what the choice of the training samples adds."
	case "bootstrap":
		return "Intervals are 95 %, by the bootstrap over samples."
	}
	return "Intervals are 95 %."
}

func newSpread(s *experiment.Spread) *spreadView {
	v := new(spreadView)
	for _, seed := range s.Seeds {
		v.Seeds = append(v.Seeds, fmt.Sprint(seed))
	}
	for _, l2 := range s.L2 {
		v.L2 = append(v.L2, strength(l2))
	}
	all := s.Metrics
	if all == nil {
		all = []experiment.NamedVariation{{Name: "accuracy", Variation: s.Accuracy}, {Name: "macro-f1", Variation: s.MacroF1}, {Name: "log-loss", Variation: s.LogLoss}, {Name: "ece", Variation: s.ECE}, {Name: "brier", Variation: s.Brier}}
	}
	for _, m := range all {
		l := metricLine{name: metricName(m.Name)}
		row := spreadRow{Name: l.name, Mean: l.written(m.Mean), SD: l.written(m.SD)}
		for _, x := range m.Values {
			row.Values = append(row.Values, l.written(x))
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}
