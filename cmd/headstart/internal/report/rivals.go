package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/headstart-ml/headstart/head/measure"
	"github.com/headstart-ml/headstart/head/study"
)

// Rivals is what the page of feature sets beside each other shows.
type Rivals struct {
	Title string
	*study.Against
	// Facts adds to what was compared, Settings lists what was set.
	Facts, Settings []Fact
	Notes           []string
}

//go:embed rivals.html
var rivalsHTML string

var rivalsTemplate = template.Must(template.Must(template.New("rivals").Funcs(template.FuncMap{
	"marked": func(name string, t *Table, rivals []study.Rival) markedTable {
		return markedTable{namedTable{name, t}, rivals}
	},
}).Parse(startHTML + studyPartsHTML)).Parse(rivalsHTML))

// markedTable is a table with a row for each of several rivals, of which the
// pick and the best are marked.
type markedTable struct {
	namedTable
	Rivals []study.Rival
}

// rivalsView is what the template reads.
type rivalsView struct {
	studyTop
	Rivals        []study.Rival
	First, Rule   string
	Differences   template.HTML
	Sets, Metrics *Table
	Facts         []Fact
	Settings      []Fact
	Notes         []string
}

// RivalsTo writes r to w as one HTML file that needs no other.
func RivalsTo(w io.Writer, r *Rivals) error {
	var seeds []string
	for _, seed := range r.Seeds {
		seeds = append(seeds, fmt.Sprint(seed))
	}
	facts := []Fact{{"Samples", Count(r.N)}, {"Folds", fmt.Sprint(r.Folds)}, {"Seeds", strings.Join(seeds, ", ")}}
	v := &rivalsView{
		studyTop: newStudyTop(r.Title, r.Advice()), Rivals: r.Rivals, First: plain(r.Rivals[0].Name), Rule: nearWords(r.Metric) + " " + cheapWords[r.Order],
		Differences: template.HTML(rivalsPlot(r.Against).svg("")), // every text in drawings is escaped
		Sets:        RivalsTable(r.Against), Metrics: rivalsMetrics(r.Against),
		Facts: clean(append(facts, r.Facts...)), Settings: clean(r.Settings),
	}
	for _, n := range r.Notes {
		v.Notes = append(v.Notes, plain(n))
	}
	var b bytes.Buffer
	if err := rivalsTemplate.Execute(&b, v); err != nil {
		return fmt.Errorf("report: rivals: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// RivalsSVGTo writes the differences between feature sets alone.
func RivalsSVGTo(w io.Writer, a *study.Against) error {
	_, err := io.WriteString(w, rivalsPlot(a).svg(standaloneStyle+plotStyle()))
	return err
}

// RivalsPNGTo writes the differences between feature sets alone, as a picture
// on white.
func RivalsPNGTo(w io.Writer, a *study.Against) error { return rivalsPlot(a).png(w) }

// nearWords say which sets are so near to the best that their cost decides.
func nearWords(metric string) string {
	point := ", and by at most a point"
	if metric == "log-loss" {
		point = ""
	}
	return "Picked is the cheapest of the sets that are behind the best by at most one standard error of this difference" + point + "; of equally cheap ones the one with the lower log-loss."
}

// cheapWords say what counts as cheap, by study.Against.Order.
var cheapWords = map[string]string{
	"multiply-adds": "Cheap is few multiply-adds a sample, up to the tap, in millions; a text is taken to have 32 tokens.",
	"parameters":    "Cheap is few parameters, since the multiply-adds of a sample are not known of all sets.",
	"dim":           "Cheap is few dimensions, since what a sample costs is not known of all sets.",
}

// verdictWords are those of study.Rival.
var verdictWords = map[string]string{"better": "better", "worse": "worse", "unclear": "can’t tell"}

// RivalsTable is the table of feature sets beside each other, a row for each.
func RivalsTable(a *study.Against) *Table {
	t := &Table{Columns: []Column{
		{Name: "features"}, {Name: "accuracy", Right: true}, {Name: "difference", Right: true}, {Name: "95 % interval", Right: true}, {Name: "verdict"},
		{Name: "behind ± SE", Right: true}, {Name: "M mul-adds", Right: true}, {Name: "M params", Right: true}, {Name: "dim", Right: true},
	}}
	behind := func(v float64) string { return strings.TrimPrefix(inPoints(v), "+") }
	if a.Metric == "log-loss" {
		behind = decimal
	}
	for k := range a.Rivals {
		r := &a.Rivals[k]
		row := []string{plain(r.Name), inPercent(r.Accuracy.Value, 0), "–", "–", "–"}
		if d := r.Difference; d != nil {
			row[2], row[3], row[4] = inPoints(d.Value), inPoints(d.Low)+" to "+inPoints(d.High), verdictWords[r.Verdict]
		}
		t.Rows = append(t.Rows, append(row, behind(r.Behind.Value)+" ± "+behind(r.Behind.SE), inMillions(r.MultiplyAdds), inMillions(r.Parameters), Count(r.Dim)))
	}
	return t
}

// rivalsMetrics is the table of the metrics with their intervals.
func rivalsMetrics(a *study.Against) *Table {
	t := &Table{Columns: []Column{{Name: "features"}}}
	share := func(v float64) string { return inPercent(v, 0) }
	metrics := []struct {
		name string
		of   func(r *study.Rival) *measure.Estimate
		text func(float64) string
	}{
		{"accuracy", func(r *study.Rival) *measure.Estimate { return &r.Accuracy }, share},
		{"macro-F1", func(r *study.Rival) *measure.Estimate { return &r.MacroF1 }, share},
		{"log-loss", func(r *study.Rival) *measure.Estimate { return &r.LogLoss }, decimal},
	}
	for _, m := range metrics {
		t.Columns = append(t.Columns, Column{Name: m.name, Right: true}, Column{Name: "95 % interval", Right: true})
	}
	for k := range a.Rivals {
		row := []string{plain(a.Rivals[k].Name)}
		for _, m := range metrics {
			v := m.of(&a.Rivals[k])
			row = append(row, m.text(v.Value), m.text(v.Low)+" to "+m.text(v.High))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// inMillions writes a number of multiply-adds or parameters; 0: it is not
// known.
func inMillions(n int64) string {
	switch m := float64(n) / 1e6; {
	case n == 0:
		return "–"
	case m < 10:
		return fmt.Sprintf("%.1f", m)
	default:
		return Count(int64(m + 0.5))
	}
}
