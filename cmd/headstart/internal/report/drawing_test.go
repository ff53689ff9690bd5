package report

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

func TestTicksAreRound(t *testing.T) {
	for _, c := range []struct {
		axis axis
		n    int
		want string
	}{
		{axis{lo: 0, hi: 1, from: 0, to: 100}, 5, "[{0 0.0} {20 0.2} {40 0.4} {60 0.6} {80 0.8} {100 1.0}]"},
		{axis{lo: 0.41, hi: 0.633, from: 100, to: 0}, 6, "[{82.1 0.45} {59.6 0.50} {37.2 0.55} {14.8 0.60}]"},
		{axis{lo: -0.3, hi: 0.3, from: 0, to: 60}, 3, "[{10 -0.2} {30 0.0} {50 0.2}]"},
		{axis{lo: 3, hi: 1200, from: 0, to: 1197}, 6, "[{197 200} {397 400} {597 600} {797 800} {997 1000} {1197 1200}]"},
		{axis{lo: 1e-6, hi: 10, from: 0, to: 70, log: true}, 8, "[{0 10⁻⁶} {10 10⁻⁵} {20 10⁻⁴} {30 10⁻³} {40 10⁻²} {50 10⁻¹} {60 1} {70 10}]"},
		{axis{lo: 1e-12, hi: 1e4, from: 0, to: 160, log: true}, 8, "[{0 10⁻¹²} {30 10⁻⁹} {60 10⁻⁶} {90 10⁻³} {120 1} {150 10³}]"},
		{axis{lo: 0.02, hi: 0.05, from: 0, to: 10, log: true}, 8, "[{0 0.02} {10 0.05}]"},
	} {
		if got := fmt.Sprint(c.axis.ticks(c.n)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.axis, got, c.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Count(0), "0"}, {Count(999), "999"}, {Count(1000), "1,000"}, {Count(1234567), "1,234,567"}, {Count(-1234), "-1,234"}, {Count(-123), "-123"},
		{decimal(0.6139), "0.614"}, {decimal(math.NaN()), "–"}, {decimal(math.Inf(1)), "–"},
		{strength(0.0372759), "0.0373"}, {strength(1e-6), "1e-6"}, {strength(10), "10"}, {strength(1.5e-7), "1.5e-7"}, {strength(0.1), "0.1"}, {strength(2e7), "2e7"},
		{pixels(1.26), "1.3"}, {pixels(100), "100"}, {path(1, 2, 3.04, 4), "1,2 3,4"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

func TestConfusionOfManyClassesShowsThoseMostConfused(t *testing.T) {
	m := sampleMetrics(manyClasses(60))
	for i := range m.Confusion { // no mistakes but in the last 40 classes
		for j := range m.Confusion[i] {
			m.Confusion[i][j] = 0
		}
		m.Confusion[i][i] = 5
		if i >= 20 {
			m.Confusion[i][20+(i+1)%40] = 1
		}
	}
	m.Confusion[59][20] = 7
	v := newConfusion(m)
	if v.Shown != 40 || v.Left != 20 || !v.Dense || !reflect.DeepEqual(v.Classes, manyClasses(60)[20:]) {
		t.Errorf("shown %d, left out %d: %q", v.Shown, v.Left, v.Classes)
	}
	if len(v.Rows) != 40 || len(v.Rows[39].Cells) != 40 {
		t.Fatalf("%d rows", len(v.Rows))
	}
	if c := v.Rows[39].Cells[0]; c.Text != "7" || c.Kind != "miss s6" || c.Title != "class 59 predicted as class 20: 7 of 13" {
		t.Errorf("%+v", c)
	}
	if c := v.Rows[0].Cells[0]; c.Text != "5" || c.Kind != "hit s8" {
		t.Errorf("%+v", c)
	}
	if c := v.Rows[0].Cells[7]; c != (confusionCell{}) {
		t.Errorf("%+v", c)
	}
	if v.Pairs[0] != (confusedPair{"class 59", "class 20", "7", decimal(7. / 13)}) || len(v.Pairs) != mostPairs {
		t.Errorf("%+v", v.Pairs)
	}
	html := page(t, samplePage(manyClasses(60)))
	if want := "Shown are the 40 classes with most confusions; 20 are left out."; !strings.Contains(html, want) {
		t.Error("the page does not say that classes are left out")
	}
	if html := page(t, samplePage(manyClasses(40))); strings.Contains(html, "are left out") {
		t.Error("40 classes: some are left out")
	}
}

func TestSelectionWithoutACurve(t *testing.T) {
	p := samplePage(threeClasses)
	for name, c := range map[string]struct {
		candidates []experiment.Candidate
		lines      int // -1: no section
	}{
		"nothing":      {nil, -1},
		"one":          {[]experiment.Candidate{{Kind: "softmax", L2: 1}}, -1},
		"without λ":    {[]experiment.Candidate{{Kind: "ncm"}, {Kind: "knn"}}, 2},
		"one λ":        {[]experiment.Candidate{{Kind: "softmax", L2: 1}, {Kind: "ncm"}}, 2},
		"not a number": {[]experiment.Candidate{{Kind: "softmax", L2: 1, Score: math.NaN()}, {Kind: "softmax", L2: 2}}, 2},
	} {
		p.Result.Selection = c.candidates
		v := newSelection(p)
		if v == nil != (c.lines < 0) || v != nil && (len(v.Lines) != c.lines || v.Curves != nil) {
			t.Errorf("%s: %+v", name, v)
		}
		page(t, p)
	}
	// Equal scores without a spread are still drawn.
	p.Result.Selection = []experiment.Candidate{{Kind: "softmax", L2: 1, Score: 1}, {Kind: "softmax", L2: 2, Score: 1}}
	if v := newSelection(p); len(v.Curves) != 1 || v.Curves[0].Line != "68,136 456,136" || v.Chosen != nil {
		t.Errorf("%+v", v)
	}
	if html := page(t, p); strings.Contains(html, "NaN") {
		t.Error("NaN is drawn")
	}
	// Several curves are named.
	p.Result.Selection = append(p.Result.Selection, experiment.Candidate{Kind: "ridge", L2: 1, Score: 0.9}, experiment.Candidate{Kind: "ridge", L2: 2, Score: 0.8})
	if html := page(t, p); !strings.Contains(html, `dy="-8">softmax</text>`) || !strings.Contains(html, `dy="-8">ridge</text>`) {
		t.Error("curves without a name")
	}
	// A log-loss is better when it is lower.
	p.Metric = "log-loss"
	if html := page(t, p); !strings.Contains(html, "log-loss, lower is better") {
		t.Error("the page does not say that a log-loss is to be low")
	}
}

func TestReliabilitySkipsEmptyBins(t *testing.T) {
	p := samplePage(threeClasses)
	v := newReliability(p)
	if len(v.AfterPoints) != 13 || len(v.BeforePoints) != 13 || len(v.Bars) != 13 || len(v.Bins) != 13 {
		t.Errorf("%d, %d points, %d bars, %d bins; two of 15 are empty", len(v.AfterPoints), len(v.BeforePoints), len(v.Bars), len(v.Bins))
	}
	if b := v.Bins[0]; b != (binLine{"0.13–0.20", "128", "0.167", "0.177", "+0.010"}) {
		t.Errorf("%+v", b)
	}
	p.Result.Metrics.CV.Reliability = make([]measure.Bin, 15)
	if v := newReliability(p); v != nil {
		t.Errorf("a curve without rows: %+v", v)
	}
}
