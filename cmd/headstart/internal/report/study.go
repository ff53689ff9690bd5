package report

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/headstart-ml/headstart/head/study"
)

// Study is what the page of a study shows.
type Study struct {
	Title string
	*study.Result
	// Facts adds to what was studied, Settings lists what was set.
	Facts, Settings []Fact
}

//go:embed study.html
var studyHTML string

// studyPartsHTML has what the pages of studies have in common.
//
//go:embed studyparts.html
var studyPartsHTML string

var studyTemplate = template.Must(template.Must(template.New("study").Funcs(template.FuncMap{
	"named": func(name string, t *Table) namedTable { return namedTable{name, t} },
}).Parse(startHTML + studyPartsHTML)).Parse(studyHTML))

// namedTable is a table with the name by which a screen reader tells it from
// others.
type namedTable struct {
	Name string
	*Table
}

// studyTop is the beginning of a page of a study.
type studyTop struct {
	CSS, PlotCSS template.CSS
	Title        string
	Advice       []string // sentences
}

// newStudyTop is that of a page with a title and sentences of advice.
func newStudyTop(title string, advice ...string) studyTop {
	top := studyTop{CSS: template.CSS(pageCSS), PlotCSS: template.CSS(plotStyle()), Title: Cut(plain(title), labelColumns)}
	for _, sentence := range advice {
		top.Advice = append(top.Advice, plain(strings.TrimSpace(sentence)))
	}
	return top
}

// studyView is what the template reads.
type studyView struct {
	studyTop
	Metric                        string
	Curves, Gaps                  template.HTML
	Points, Ahead, Against, Costs *Table
	Chances                       *Table
	Foreign                       bool // a curve from elsewhere
	Skipped                       []string
	Facts, Settings               []Fact
	Notes                         []string
}

// StudyTo writes s to w as one HTML file that needs no other. Of a curve from
// elsewhere, which has no classes, it leaves out what such a curve does not
// tell: the gap, the log-loss and the costs. A study without curves is an
// error.
func StudyTo(w io.Writer, s *Study) error {
	curves := curvesOf(s.Result)
	if curves == nil {
		return errNoCurves
	}
	metric := metricName(cmp.Or(s.Metric, "accuracy"))
	v := &studyView{
		studyTop: newStudyTop(s.Title, strings.SplitAfter(s.Advice.Text, ". ")...),
		Metric:   strings.ToUpper(metric[:1]) + metric[1:],
		Curves:   template.HTML(curves.svg("")), Foreign: foreign(s.Result), // every text in drawings is escaped
		Points: StudyPoints(s.Result), Ahead: StudyPredictions(s.Result), Against: StudyDifferences(s.Result), Chances: StudyChances(s.Result), Costs: studyCosts(s.Result),
		Facts: clean(append(s.facts(), s.Facts...)), Settings: clean(s.Settings),
	}
	if !v.Foreign {
		v.Gaps = template.HTML(gapsOf(s.Result).svg(""))
	}
	for _, line := range StudySkipped(s.Result) {
		v.Skipped = append(v.Skipped, plain(line))
	}
	for _, n := range s.Notes {
		v.Notes = append(v.Notes, plain(n.Message))
	}
	var b bytes.Buffer
	if err := studyTemplate.Execute(&b, v); err != nil {
		return fmt.Errorf("report: study: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

var errNoCurves = errors.New("report: study: there are no curves to draw")

// StudySVGTo writes the curves of a study alone.
func StudySVGTo(w io.Writer, r *study.Result) error {
	p := curvesOf(r)
	if p == nil {
		return errNoCurves
	}
	_, err := io.WriteString(w, p.svg(standaloneStyle+plotStyle()))
	return err
}

// foreign tells whether r is a curve from elsewhere, of which nothing but the
// error at each size is known.
func foreign(r *study.Result) bool { return r.Classes == 0 }

// facts is what was studied.
func (s *Study) facts() []Fact {
	if foreign(s.Result) {
		return []Fact{{"Training samples", Count(s.N)}}
	}
	tested := fmt.Sprintf("%s samples of the test split", Count(s.Test))
	if !s.Shared {
		tested = fmt.Sprintf("%s samples with each seed, of folds", Count(s.Test))
	}
	var seeds []string
	for _, seed := range s.Seeds {
		seeds = append(seeds, fmt.Sprint(seed))
	}
	return []Fact{
		{"Training samples", Count(s.N)}, {"Classes", Count(s.Classes)}, {"Tested", tested}, {"Seeds", strings.Join(seeds, ", ")},
	}
}

// sizesOf are the numbers of training samples of curves, ascending.
func sizesOf(r *study.Result) []int {
	var all []int
	for _, c := range r.Curves {
		for _, p := range c.Points {
			all = append(all, p.N)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// pointAt is the point of a curve at a size; nil if there is none.
func pointAt(c *study.Curve, n int) *study.Point {
	for i := range c.Points {
		if c.Points[i].N == n {
			return &c.Points[i]
		}
	}
	return nil
}

// StudyPoints is the table of what was measured.
func StudyPoints(r *study.Result) *Table {
	if foreign(r) {
		t := &Table{Columns: []Column{{Name: "samples", Right: true}, {Name: "measured", Right: true}, {Name: "95 %", Right: true}}}
		for _, p := range r.Curves[0].Points {
			t.Rows = append(t.Rows, []string{Count(p.N), inPercent(p.Value, 0), inPercent(p.Low, 0) + " to " + inPercent(p.High, 0)})
		}
		return t
	}
	t := &Table{Columns: []Column{{Name: "samples", Right: true}, {Name: "a class", Right: true}}}
	for _, c := range r.Curves {
		t.Columns = append(t.Columns, Column{Name: plain(c.Depth), Right: true}, Column{Name: "95 %", Right: true}, Column{Name: "training", Right: true}, Column{Name: "log-loss", Right: true})
	}
	for _, n := range sizesOf(r) {
		row := []string{Count(n), Count(n / r.Classes)}
		for i := range r.Curves {
			if p := pointAt(&r.Curves[i], n); p != nil {
				row = append(row, inPercent(p.Value, 0), inPercent(p.Low, 0)+" to "+inPercent(p.High, 0), inPercent(p.Train, 0), decimal(p.LogLoss))
			} else {
				row = append(row, "", "", "", "")
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// StudyPredictions is the table of what is predicted; nil: nothing is.
func StudyPredictions(r *study.Result) *Table {
	if len(r.Predictions) == 0 {
		return nil
	}
	t := &Table{Columns: []Column{{Name: "depth"}, {Name: "samples", Right: true}, {Name: "predicted", Right: true}, {Name: "80 % interval", Right: true}, {Name: "95 % interval", Right: true}}}
	for _, p := range r.Predictions {
		t.Rows = append(t.Rows, []string{plain(p.Depth), Count(p.N), inPercent(p.Value, 0), inPercent(p.Low80, 0) + " to " + inPercent(p.High80, 0), inPercent(p.Low95, 0) + " to " + inPercent(p.High95, 0)})
	}
	if foreign(r) { // there is one curve, and what it is of is not known
		t.Columns = t.Columns[1:]
		for i := range t.Rows {
			t.Rows[i] = t.Rows[i][1:]
		}
	}
	return t
}

// StudyDifferences is the table of depths in pairs with the simplest one; nil:
// there is one depth.
func StudyDifferences(r *study.Result) *Table {
	t := &Table{Columns: []Column{{Name: "depth"}, {Name: "samples", Right: true}, {Name: "points", Right: true}, {Name: "95 % interval", Right: true}, {Name: "log-loss", Right: true}, {Name: "95 % interval", Right: true}}}
	for _, c := range r.Curves {
		for _, p := range c.Points {
			if d := p.Against; d != nil {
				t.Rows = append(t.Rows, []string{plain(c.Depth), Count(p.N), inPoints(d.Value), inPoints(d.Low) + " to " + inPoints(d.High), inLoss(d.LogLoss), inLoss(d.LogLossLow) + " to " + inLoss(d.LogLossHigh)})
			}
		}
	}
	if t.Rows == nil {
		return nil
	}
	return t
}

// StudyChances is the table of how probably each depth is a good choice; nil:
// there is one depth.
func StudyChances(r *study.Result) *Table {
	if len(r.Advice.Chances) < 2 {
		return nil
	}
	t := &Table{Columns: []Column{{Name: "depth"}, {Name: "within a point of the best", Right: true}, {Name: "more accurate", Right: true}, {Name: "lower log-loss", Right: true}}}
	for i, c := range r.Advice.Chances {
		row := []string{plain(c.Depth), inPercent(c.Near, 1), "–", "–"}
		if i > 0 {
			row[2], row[3] = inPercent(c.Better, 1), inPercent(c.BetterLoss, 1)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// inPoints writes a difference of shares in hundredths, with its sign.
func inPoints(v float64) string {
	return strings.Replace(strings.Replace(fmt.Sprintf("%+.1f", 100*v), "-", "−", 1), "−0.0", "0.0", 1)
}

// inLoss writes a difference of log-losses, with its sign.
func inLoss(v float64) string {
	return strings.Replace(strings.Replace(fmt.Sprintf("%+.3f", v), "-", "−", 1), "−0.000", "0.000", 1)
}

// studyCosts is the table of costs; nil: they are not known.
func studyCosts(r *study.Result) *Table {
	if foreign(r) {
		return nil
	}
	t := &Table{Columns: []Column{{Name: "depth"}, {Name: "trainings", Right: true}, {Name: "estimate", Right: true}, {Name: "one on all samples", Right: true}}}
	for _, c := range r.Costs {
		t.Rows = append(t.Rows, []string{plain(c.Depth), Count(c.Trained), inTime(c.Seconds), inTime(c.Full)})
	}
	return t
}

// inTime writes seconds.
func inTime(seconds float64) string {
	switch d := time.Duration(seconds * float64(time.Second)); {
	case seconds > 0 && seconds < 0.05:
		return "under 0.1 s"
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", seconds)
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	default:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
}

// StudySkipped says what was not trained, a line for each reason.
func StudySkipped(r *study.Result) []string {
	var reasons []string
	depths := map[string][]string{}
	for _, s := range r.Skipped {
		name := s.Depth
		if len(s.Sizes) > 0 {
			var sizes []string
			for _, n := range s.Sizes {
				sizes = append(sizes, Count(n))
			}
			name += " at " + strings.Join(sizes, ", ")
		}
		if depths[s.Reason] == nil {
			reasons = append(reasons, s.Reason)
		}
		depths[s.Reason] = append(depths[s.Reason], name)
	}
	var lines []string
	for _, why := range reasons {
		lines = append(lines, strings.Join(depths[why], "; ")+": "+why)
	}
	return lines
}
