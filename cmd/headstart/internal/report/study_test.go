package report

import (
	"bytes"
	"image/png"
	"regexp"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head/study"
)

// madeStudy is a study of two depths.
func madeStudy() *study.Result {
	r := &study.Result{
		Metric: "accuracy", N: 800, Test: 200, Classes: 4, Seeds: []uint64{0, 1},
		Advice:  study.Advice{Data: study.More, Depth: study.Unclear, Text: "More data pays: a lot. More depth: <b>who</b> knows.", Chances: []study.Chance{{Depth: "head", Near: 0.123}, {Depth: `<script>"&`, Near: 0.6, Better: 0.876}}},
		Skipped: []study.Skipped{{Depth: "half", Kind: "budget", Reason: "too long"}, {Depth: "all", Sizes: []int{400, 800}, Kind: "budget", Reason: "too long"}},
		Costs:   []study.Cost{{Depth: "head", Trained: 8, Seconds: 2, Full: 0.5}},
		Notes:   []study.Remark{{Kind: "unsteady", Message: "a curve <i>dips</i>"}},
	}
	for k, depth := range []string{"head", `<script>"&`} {
		c := study.Curve{Depth: depth}
		for i, n := range []int{100, 200, 400, 800} {
			v := 0.6 + 0.05*float64(i+k)
			p := study.Point{N: n, PerClass: n / 4, Value: v, Low: v - 0.03, High: v + 0.02, Train: v + 0.1, LogLoss: 1 - v}
			if k > 0 {
				p.Against = &study.Difference{Value: 0.05, Low: 0.01, High: 0.09, LogLoss: -0.2, LogLossLow: -0.3, LogLossHigh: -0.1}
			}
			c.Points = append(c.Points, p)
		}
		r.Curves = append(r.Curves, c)
		r.Predictions = append(r.Predictions, study.Prediction{Depth: depth, N: 1600, Value: 0.85, Low80: 0.82, High80: 0.87, Low95: 0.8, High95: 0.89})
	}
	return r
}

// checkStudyPage says what is wrong with the structure of a page: it needs
// nothing else, begins with the advice in at most two sentences, its links lead
// to sections with headings, and what scrolls sideways does so by itself, takes
// the focus and has a name of its own; drawings have one, too.
func checkStudyPage(t *testing.T, html string) {
	t.Helper()
	if err := balanced(html); err != nil {
		t.Error(err)
	}
	if outside := regexp.MustCompile(`(?:src|href)="(?:[^#d]|d[^a])|url\(|@import|<script|<iframe|<form`).FindString(html); outside != "" || !strings.Contains(html, "default-src 'none'") {
		t.Errorf("the page needs %q", outside)
	}
	first := regexp.MustCompile(`(?s)<h1>.*?</h1>\s*<div class="advice" id="advice">(.*?)</div>\s*<nav`).FindStringSubmatch(html)
	if first == nil {
		t.Error("the advice does not follow the title")
	} else if n := strings.Count(first[1], "<p>"); n < 1 || n > 2 {
		t.Errorf("the advice has %d sentences", n)
	}
	links := regexp.MustCompile(`<a href="#([^"]*)">[^<]+</a>`).FindAllStringSubmatch(html, -1)
	sections := strings.Count(html, "<section ")
	if len(links) != sections || sections == 0 {
		t.Errorf("%d links lead to %d sections", len(links), sections)
	}
	for _, m := range links {
		if !strings.Contains(html, `<section id="`+m[1]+`" aria-labelledby="`+m[1]+`-h">`) || !strings.Contains(html, `<h2 id="`+m[1]+`-h">`) {
			t.Errorf("a link leads to %q, which is no section with a heading", m[1])
		}
	}
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`<div class="scroll[^"]*" role="region" aria-label="([^"]*)" tabindex="0">\s*<table>`).FindAllStringSubmatch(html, -1) {
		if m[1] == "" || seen[m[1]] {
			t.Errorf("several tables, or none, are named %q", m[1])
		}
		seen[m[1]] = true
	}
	if tables := strings.Count(html, "<table>"); len(seen) != tables {
		t.Errorf("%d tables, of which %d scroll by themselves", tables, len(seen))
	}
	for _, m := range regexp.MustCompile(`<svg [^>]*>`).FindAllString(html, -1) {
		id := regexp.MustCompile(`role="img" aria-labelledby="(\S+)-t (\S+)-d"`).FindStringSubmatch(m)
		if id == nil || !strings.Contains(html, `<title id="`+id[1]+`-t">`) || !strings.Contains(html, `<desc id="`+id[2]+`-d">`) {
			t.Errorf("a drawing says nothing to who does not see it: %s", m)
		}
	}
	for _, part := range []string{`<html lang="en">`, `content="width=device-width`, `content="light dark"`, "prefers-color-scheme:dark", "@media print"} {
		if !strings.Contains(html, part) {
			t.Errorf("the page has no %s", part)
		}
	}
}

// The page of a study is whole by itself, has the advice before all else, a
// sentence a paragraph, and everything that was found out; foreign texts are
// escaped.
func TestStudyPage(t *testing.T) {
	write := func() string {
		var b bytes.Buffer
		if err := StudyTo(&b, &Study{Title: "names", Result: madeStudy(), Settings: []Fact{{"--budget", "10m"}}}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	html := write()
	if html != write() {
		t.Error("the same study gives another page")
	}
	advice, nav := strings.Index(html, "<p>More data pays: a lot.</p>"), strings.Index(html, "<nav")
	if advice < 0 || nav < advice || strings.Contains(html[:advice], "<svg") {
		t.Error("the advice does not stand before all else")
	}
	if n := strings.Count(html[advice:nav], "<p>"); n != 2 {
		t.Errorf("the advice has %d sentences", n)
	}
	for _, foreign := range []string{"<b>who</b>", "<script>", "<i>dips</i>"} {
		if strings.Contains(html, foreign) {
			t.Errorf("%s is not escaped", foreign)
		}
	}
	for _, part := range []string{
		`class="line d0"`, `class="line d1 ahead"`, `class="band d1"`, "85.0 %", "82.0 % to 87.0 %", "&#43;5.0", "−0.200", "half; all at 400, 800: too long", "60 %", "88 %",
		"predicted for 1,600 training samples", "prefers-color-scheme:dark", `content="width=device-width`, `tabindex="0"`, "@media print", "0.5 s",
	} {
		if !strings.Contains(html, part) {
			t.Errorf("the page has no %s", part)
		}
	}
	checkStudyPage(t, html)
	if n := strings.Count(html, "<table>"); n != 5 {
		t.Errorf("%d tables", n)
	}
}

// Numbers that are next to nothing are written as such.
func TestSmallNumbersOfAStudy(t *testing.T) {
	for got, want := range map[string]string{
		inTime(0.004): "under 0.1 s", inTime(0.06): "0.1 s", inTime(0): "0.0 s", inTime(90): "2 min", inTime(8000): "2.2 h",
		inLoss(-0.0002): "0.000", inLoss(-0.0205): "−0.021", inPoints(-0.0001): "0.0", inPoints(0.0123): "+1.2",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// The curves alone are a drawing, and a picture in which there is the colour of
// each depth.
func TestStudyDrawings(t *testing.T) {
	var b bytes.Buffer
	if err := StudySVGTo(&b, madeStudy()); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); !strings.HasPrefix(s, "<svg ") || !strings.Contains(s, `xmlns="http://www.w3.org/2000/svg"`) || strings.Contains(s, "<script>") || strings.Count(s, "<polygon") != 4 {
		t.Errorf("%.300s", s)
	}
	if !strings.Contains(b.String(), ">accuracy</text>") {
		t.Error("what goes upwards is not said")
	}
	b.Reset()
	if err := StudyPNGTo(&b, madeStudy()); err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[3]uint32]int{}
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			r, g, bl, _ := m.At(x, y).RGBA()
			seen[[3]uint32{r >> 8, g >> 8, bl >> 8}]++
		}
	}
	for depth := range 2 {
		if k := ink(depth); seen[[3]uint32{uint32(k.R), uint32(k.G), uint32(k.B)}] < 500 {
			t.Errorf("the picture lacks the colour of depth %d: %v", depth, k)
		}
	}
	if err := StudyPNGTo(&b, &study.Result{}); err == nil {
		t.Error("a study without curves is drawn")
	}
}

// Labels of the axes stay inside of the drawing with letters as wide as on a
// telephone, wherever the curve ends.
func TestStudyLabelsStayInside(t *testing.T) {
	for _, last := range []int{1_000, 20_000, 1_000_000, 10_000_000} {
		p := newPlot("p", "", "", []series{{name: "head", n: []int{last / 50, last}, value: []float64{-0.105, 0.95}}})
		labels := 0
		for _, f := range p.figures {
			if f.kind != figureText {
				continue
			}
			labels++
			wide := plotLetter * float64(Width(f.text))
			from := f.xy[0]
			switch f.at {
			case "mid":
				from -= wide / 2
			case "end":
				from -= wide
			}
			if from < 0 || from+wide > plotWidth {
				t.Errorf("up to %d: %q reaches from %.0f to %.0f", last, f.text, from, from+wide)
			}
		}
		if labels < 6 {
			t.Errorf("up to %d: %d labels", last, labels)
		}
	}
}

// A curve from elsewhere has a page without what it does not tell: no empty
// sections, columns or facts. On a phone no table makes the page wider.
func TestStudyPageOfACurve(t *testing.T) {
	r := &study.Result{Metric: "accuracy", N: 800, Advice: study.Advice{Data: study.Unclear, Text: "Whether more data pays cannot be told: a little. More <b>seeds</b> would tell more."}}
	c := study.Curve{Depth: "curve"}
	for i, n := range []int{100, 200, 400, 800} {
		v := 0.6 + 0.05*float64(i)
		c.Points = append(c.Points, study.Point{N: n, Value: v, Low: v - 0.03, High: v + 0.02})
	}
	r.Curves = []study.Curve{c}
	r.Predictions = []study.Prediction{{Depth: "curve", N: 1600, Value: 0.785, Low80: 0.76, High80: 0.8, Low95: 0.74, High95: 0.82}}
	var b bytes.Buffer
	if err := StudyTo(&b, &Study{Title: "curve", Result: r, Facts: []Fact{{"Curve", "a<b.csv"}}}); err != nil {
		t.Fatal(err)
	}
	html := b.String()
	advice, nav := strings.Index(html, "<p>Whether more data pays cannot be told: a little.</p>"), strings.Index(html, "<nav")
	if advice < 0 || nav < advice || strings.Count(html[advice:nav], "<p>") != 2 {
		t.Error("the advice does not stand before all else, in two sentences")
	}
	for _, part := range []string{`class="band d0"`, `class="line d0 ahead"`, "78.5 %", "76.0 % to 80.0 %", "57.0 % to 62.0 %", "a&lt;b.csv", `content="width=device-width`, "prefers-color-scheme:dark", "@media print"} {
		if !strings.Contains(html, part) {
			t.Errorf("no %q", part)
		}
	}
	checkStudyPage(t, html)
	if n := strings.Count(html, "<table>"); n != 2 {
		t.Errorf("%d tables", n)
	}
	if strings.Count(html, "<svg") != 1 {
		t.Error("there is another drawing than that of the curve")
	}
	for _, absent := range []string{`id="gap`, `id="costs"`, `id="depth"`, "a class", "log-loss", "Classes", "Tested", "Seeds", "each depth", "<b>", "NaN"} {
		if strings.Contains(html, absent) {
			t.Errorf("there is %q", absent)
		}
	}
}
