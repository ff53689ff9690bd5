package report

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("%s differs from line %d on (-update writes it anew):\ngot  %q\nwant %q", path, i+1, g[min(i, len(g)-1)], w[min(i, len(w)-1)])
		}
	}
}

func page(t *testing.T, p *Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := PageTo(&b, p); err != nil {
		t.Fatal(err)
	}
	if err := balanced(b.String()); err != nil {
		t.Error(err)
	}
	return b.String()
}

// tag is a start tag, an end tag or a declaration; attribute values are quoted.
var tag = regexp.MustCompile(`<(/?)([!a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z][a-zA-Z0-9:-]*(?:="[^"<>]*")?)*)\s*(/?)>`)

var idAttribute = regexp.MustCompile(`\sid="([^"]*)"`)

// balanced checks that every element is closed in the right order, that
// attributes are well-formed and that ids are there once.
func balanced(html string) error {
	_, rest, _ := strings.Cut(html, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	html = strings.Replace(html, style, "", 1)
	var open []string
	ids := map[string]bool{}
	at := 0
	for _, m := range tag.FindAllStringSubmatchIndex(html, -1) {
		if text := html[at:m[0]]; strings.ContainsAny(text, "<>") {
			return fmt.Errorf("a stray angle bracket in %.200q", text)
		}
		at = m[1]
		closing, name, attributes, empty := m[2] < m[3], html[m[4]:m[5]], html[m[6]:m[7]], m[8] < m[9]
		if id := idAttribute.FindStringSubmatch(attributes); id != nil {
			if ids[id[1]] {
				return fmt.Errorf("two elements have the id %s", id[1])
			}
			ids[id[1]] = true
		}
		switch name {
		case "!DOCTYPE", "meta", "link", "img", "br":
			continue
		}
		switch {
		case empty:
		case !closing:
			open = append(open, name)
		case len(open) == 0 || open[len(open)-1] != name:
			return fmt.Errorf("</%s> closes %v near %.200q", name, open, html[max(0, m[0]-100):m[1]])
		default:
			open = open[:len(open)-1]
		}
	}
	if text := html[at:]; strings.ContainsAny(text, "<>") {
		return fmt.Errorf("a stray angle bracket in %.200q", text)
	}
	if len(open) > 0 {
		return fmt.Errorf("%v are not closed", open)
	}
	for _, m := range regexp.MustCompile(`(?:href="#|aria-labelledby=")([^"]*)"`).FindAllStringSubmatch(html, -1) {
		for id := range strings.FieldsSeq(m[1]) {
			if !ids[id] {
				return fmt.Errorf("nothing has the id %s", id)
			}
		}
	}
	return nil
}

func TestBalancedFindsWhatIsWrong(t *testing.T) {
	for _, html := range []string{"<p>", "<p></b>", "<b><i></b></i>", "a < b", `<p title="<b>">x</p>`, `<p id="a"></p><p id="a"></p>`, `<a href="#x"></a>`} {
		if balanced("<style></style>"+html) == nil {
			t.Errorf("%s passes", html)
		}
	}
	if err := balanced(`<style>a>b{}</style><p id="x" hidden>1<br>2 <rect width="1"/><a href="#x">y</a></p>`); err != nil {
		t.Error(err)
	}
}

func TestPageGolden(t *testing.T) {
	p := samplePage(threeClasses)
	p.Result.Spread = sampleSpread()
	golden(t, "page.html", []byte(page(t, p)))
}

func TestPageIsDeterministic(t *testing.T) {
	first := page(t, samplePage(manyClasses(45)))
	for range 3 {
		if page(t, samplePage(manyClasses(45))) != first {
			t.Fatal("equal input gives other bytes")
		}
	}
}

func TestPageShowsEachPart(t *testing.T) {
	html := page(t, samplePage(threeClasses))
	for _, want := range []string{
		"<h1><bdi>both.head.onnx</bdi></h1>", "A softmax head on 1,664 features of 159 samples in 3 classes.",
		"<strong>0.614</strong> <span>cross-validated accuracy</span>", "95 % interval 0.580–0.647. 3-fold cross-validation of the whole procedure, 159 samples, whole groups together.",
		"majority class <tspan class=\"strong\">0.203</tspan>", "by the bootstrap over groups", "3 rows have no label",
		"<dt>Head</dt><dd><bdi>softmax, λ = 0.0373</bdi></dd>", "159 · 3 left out, without a label", "temperature 1.313, fitted on out-of-fold samples",
		"<dt>Seed</dt>", "efficientnet-lite0", "1,280", ">chosen</text>", "λ = 0.0373: 0.620 ± 0.011", ">10⁻⁶</text>", "ncm: 0.510 ± 0.012",
		`<th scope="col">precision</th>`, `title="bird predicted as cat: 3 of 15"`, "without it", "Values of the curve without the temperature",
		"person juggling", "a text of two lines", `alt="picture of names#20"`, "data:image/png;base64,", "auto, 8 points, 3 folds",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestPageTakesNothingFromOutside(t *testing.T) {
	p := samplePage(threeClasses)
	p.Mistakes[0].Text = "see http://example.com/a.png"
	html := page(t, p)
	for _, pattern := range []string{`(?i)\s(?:src|href|action|data|poster|srcset)="(?:[^d#]|d[^a])`, `(?i)url\(`, `(?i)@import`, `(?i)<script`, `(?i)<(?:iframe|object|embed|form|base)\b`, `(?i)\son[a-z]+=`} {
		if m := regexp.MustCompile(pattern).FindString(html); m != "" {
			t.Errorf("the page has %q", m)
		}
	}
	for _, m := range regexp.MustCompile(`.{0,20}https?://`).FindAllString(html, -1) {
		if m != "see http://" && !strings.HasSuffix(m, ">see http://") {
			t.Errorf("the page has %q", m)
		}
	}
	if !strings.Contains(html, `content="default-src 'none'; img-src data:;`) {
		t.Error("the page lacks its content security policy")
	}
}

func TestPageEscapesWhatIsForeign(t *testing.T) {
	p := samplePage(hostileClasses)
	p.Mistakes = nil
	for i, s := range hostileClasses {
		p.Mistakes = append(p.Mistakes, Mistake{ID: s, Label: s, Predicted: s, Text: strings.Repeat(s, 40), Image: []byte(s)})
		p.Settings = append(p.Settings, Fact{s, s})
		p.Facts = append(p.Facts, Fact{s, s})
		p.Features = append(p.Features, Features{s, s, s, i})
		p.Result.Warnings = append(p.Result.Warnings, experiment.Warning{Message: s})
		p.Result.Selection = append(p.Result.Selection, experiment.Candidate{Kind: s, L2: 0.01 * float64(i+1)}, experiment.Candidate{Kind: s})
		p.Result.Folds = append(p.Result.Folds, experiment.Choice{Kind: s})
	}
	p.Result.Kind, p.Result.Fit.Status, p.Result.Calibration.Fitted, p.Metric = hostileClasses[0], head.Status(hostileClasses[1]), hostileClasses[0], hostileClasses[1]
	for _, s := range hostileClasses {
		p.Title = s
		html := page(t, p)
		for _, not := range []string{"<script", "<img src=x", "onerror=alert(1)>", "</svg></title>{{", "\x1b", "\u202e", "\x00", "\xff", "<img", "ZgotmplZ"} {
			if strings.Contains(html, not) {
				t.Fatalf("title %q: the page has %q", s, not)
			}
		}
		if !strings.Contains(html, "&lt;script&gt;alert(1)&lt;/script&gt;") || !strings.Contains(html, "日本語") {
			t.Errorf("title %q: a label is missing", s)
		}
		if strings.Contains(html, strings.Repeat(plain(hostileClasses[0]), 40)) || !strings.Contains(html, "oes on and on and does not end where one wou…") {
			t.Errorf("title %q: long texts are not cut", s)
		}
	}
}

func TestPageOfAHeadThatWasNotTested(t *testing.T) {
	html := page(t, &Page{Head: Head{Name: "a", Result: &experiment.Result{Kind: "ncm", Classes: threeClasses, Dim: 4}}})
	for _, not := range []string{`id="result"`, `id="classes"`, `id="confusion"`, `id="calibration"`, `id="mistakes"`, `id="choice"`, `id="warnings"`} {
		if strings.Contains(html, not) {
			t.Errorf("the page has %s", not)
		}
	}
	if !strings.Contains(html, "no sample was held out") {
		t.Error("the page does not say that there was no test")
	}
}

func TestPageOfASplit(t *testing.T) {
	p := samplePage(threeClasses)
	r := p.Result
	r.N = experiment.Counts{Train: 1000, Validation: 300, Test: 200, Unassigned: 7}
	r.Metrics.Test, r.Metrics.CV, r.Metrics.Validation, r.Folds = r.Metrics.CV, nil, &measure.Metrics{}, nil
	r.Metrics.Test.Interval = "wilson"
	p.Groups, p.Unmatched, p.Before, p.Title = false, 2, nil, "My head"
	r.Calibration.Fitted, r.Calibration.Measured = "validation", "validation"
	html := page(t, p)
	for _, want := range []string{
		"<bdi>My head</bdi>", "test accuracy", "159 held-out samples (test part)", "1,000 train · 300 validation · 200 test · 7 left out, without a split · 2 left out, not in every feature set",
		"Wilson&#39;s score interval", "Both are measured on the samples that the temperature was fitted on.", "Bars: the number of samples in each bin.",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(html, "without it") || strings.Contains(html, "inside each test fold") {
		t.Error("the page shows what there is not")
	}
}

func TestPageRefusesMetricsThatDoNotFit(t *testing.T) {
	for name, spoil := range map[string]func(*measure.Metrics){
		"classes": func(m *measure.Metrics) { m.PerClass = m.PerClass[:2] },
		"columns": func(m *measure.Metrics) { m.Confusion[1] = m.Confusion[1][:2] },
	} {
		p := samplePage(threeClasses)
		spoil(p.Result.Metrics.CV)
		if err := PageTo(&bytes.Buffer{}, p); err == nil || !strings.HasPrefix(err.Error(), "report: page: a confusion matrix of ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// broken is a writer that has no room.
type broken struct{}

var errFull = errors.New("full")

func (broken) Write([]byte) (int, error) { return 0, errFull }

func TestPageTellsWhatTheWriterSays(t *testing.T) {
	if err := PageTo(broken{}, samplePage(threeClasses)); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

// TestPageIsReadable checks the contrast of all pairs of colours that text is
// written in (WCAG 2.2, 1.4.3: at least 4.5), light and dark. Shades of a cell
// lie between the panel and the strongest shade.
func TestPageIsReadable(t *testing.T) {
	light, dark, _ := strings.Cut(pageCSS, "prefers-color-scheme:dark")
	for name, css := range map[string]string{"light": light, "dark": dark} {
		colour := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z-]+):#([0-9a-f]{6})`).FindAllStringSubmatch(css, -1) {
			colour[m[1]] = luminance(t, m[2])
		}
		for text, grounds := range map[string][]string{
			"ink": {"paper", "panel", "caution", "hit", "miss", "band"}, "soft": {"paper", "panel"}, "link": {"paper", "panel"}, "wrong": {"paper", "panel"},
		} {
			for _, ground := range grounds {
				a, b := colour[text], colour[ground]
				if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); !(ratio >= 4.5) || ratio == 1 {
					t.Errorf("%s: %s on %s has a contrast of %.2f", name, text, ground, ratio)
				}
			}
		}
		// Graphics need 3 (1.4.11).
		for _, line := range []string{"accent", "muted", "wrong"} {
			a, b := colour[line], colour["paper"]
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); !(ratio >= 3) {
				t.Errorf("%s: %s has a contrast of %.2f", name, line, ratio)
			}
		}
	}
}

// luminance is the relative luminance of an sRGB colour (WCAG 2.2).
func luminance(t *testing.T, hex string) float64 {
	v, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	linear := func(c uint64) float64 {
		s := float64(c&0xff) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(v>>16) + 0.7152*linear(v>>8) + 0.0722*linear(v)
}
