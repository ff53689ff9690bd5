package report

import (
	"bytes"
	"image/png"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/head/measure"
	"github.com/headstart-ml/headstart/head/study"
)

// madeRivals are three feature sets beside each other, of which the second is
// picked and the third is the best.
func madeRivals() *study.Against {
	a := &study.Against{Metric: "accuracy", N: 1200, Folds: 5, Seeds: []uint64{0, 1}, Order: "multiply-adds", Pick: 1, Best: 2}
	for k, name := range []string{"images/first.features", "<script>\"&.features", "a/very/long/path/to/the/features/of/a/large/backbone-base.features"} {
		v := 0.7 + 0.05*float64(k)
		r := study.Rival{
			Name: name, Dim: 384 * (k + 1), MultiplyAdds: 1_500_000 * int64(40*k+1), Parameters: 23_000_000, Pick: k == 1, Best: k == 2,
			Accuracy: measure.Estimate{Value: v, Low: v - 0.02, High: v + 0.02}, MacroF1: measure.Estimate{Value: v - 0.1, Low: v - 0.14, High: v - 0.06},
			LogLoss: measure.Estimate{Value: 1 - v, Low: 0.9 - v, High: 1.1 - v}, Behind: measure.Gain{Value: 0.8 - v, SE: 0.062 * (0.8 - v) / 0.05},
		}
		if k > 0 {
			r.Difference, r.Verdict = &measure.Estimate{Value: v - 0.7, Low: v - 0.76, High: v - 0.64}, "unclear"
		}
		a.Rivals = append(a.Rivals, r)
	}
	return a
}

// The page of feature sets beside each other is whole by itself, says first
// which to take, has all that was found out, and the same bytes each time;
// foreign texts are escaped.
func TestRivalsPage(t *testing.T) {
	write := func() string {
		var b bytes.Buffer
		if err := RivalsTo(&b, &Rivals{Title: "images", Against: madeRivals(), Settings: []Fact{{"--by", "auto"}}, Notes: []string{"3 samples are <b>not</b> there"}}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	html := write()
	if html != write() {
		t.Error("the same comparison gives another page")
	}
	advice, nav := strings.Index(html, `<div class="advice" id="advice">`+"\n<p>Take "), strings.Index(html, "<nav")
	if advice < 0 || nav < advice || strings.Contains(html[:advice], "<svg") {
		t.Fatal("the advice does not stand before all else")
	}
	if n := strings.Count(html[advice:nav], "<p>"); n != 1 {
		t.Errorf("the advice has %d sentences", n)
	}
	for _, foreign := range []string{"<script>", "<b>not</b>", "NaN"} {
		if strings.Contains(html, foreign) {
			t.Errorf("there is %s", foreign)
		}
	}
	for _, part := range []string{
		`<tr class="chosen"><th scope="row"><bdi>&lt;script&gt;&#34;&amp;.features</bdi> <span class="badge">pick</span></th>`, `<span class="badge">best</span>`,
		"75.0 %", "&#43;5.0", "−1.0 to &#43;11.0", "can’t tell", "5.0 ± 6.2", ">1.5<", ">62<", ">122<", ">23<", ">1,152<", "61.0 % to 69.0 %", "at most one standard error of this difference, and by at most a point; of equally cheap ones the one with the lower log-loss.", "multiply-adds a sample",
		"prefers-color-scheme:dark", `content="width=device-width`, "@media print", `role="img"`, `class="zero"`,
	} {
		if !strings.Contains(html, part) {
			t.Errorf("the page has no %s", part)
		}
	}
	checkStudyPage(t, html)
	if n := strings.Count(html, "<table>"); n != 2 {
		t.Errorf("%d tables", n)
	}

	// Where the cost is not known, it is said by what cheap goes.
	a := madeRivals()
	a.Order = "dim"
	a.Rivals[1].MultiplyAdds = 0
	var b bytes.Buffer
	if err := RivalsTo(&b, &Rivals{Title: "images", Against: a}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "Cheap is few dimensions") || !strings.Contains(b.String(), `<td class="n">–</td>`) {
		t.Error("what a sample costs is not known, and the page does not say so")
	}
}

// The drawing stands by itself; its labels stay inside also where names are
// long, with letters as wide as on a telephone, and no two are on one place.
func TestRivalsDrawing(t *testing.T) {
	var b bytes.Buffer
	if err := RivalsSVGTo(&b, madeRivals()); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); !strings.HasPrefix(s, "<svg ") || !strings.Contains(s, `xmlns="http://www.w3.org/2000/svg"`) || strings.Contains(s, "<script>") || strings.Count(s, "<circle") != 3 || strings.Count(s, `class="line`) != 6 {
		t.Errorf("%.300s", s)
	}
	for _, part := range []string{": pick</text>", "…", "large/backbone-base.features: best</text>", ">0</text>", "points of accuracy"} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("the drawing has no %s", part)
		}
	}
	p := rivalsPlot(madeRivals())
	type box struct{ from, to, y float64 }
	var boxes []box
	for _, f := range p.figures {
		if f.kind != figureText {
			continue
		}
		wide := plotLetter * float64(Width(f.text))
		from := f.xy[0]
		if f.at == "mid" {
			from -= wide / 2
		}
		one := box{from, from + wide, f.xy[1]}
		if one.from < 0 || one.to > plotWidth || one.y > float64(p.height) {
			t.Errorf("%q reaches from %.0f to %.0f at %.0f", f.text, one.from, one.to, one.y)
		}
		for _, other := range boxes {
			if one.from < other.to && other.from < one.to && one.y-other.y < 15 && other.y-one.y < 15 {
				t.Errorf("%q lies on another label", f.text)
			}
		}
		boxes = append(boxes, one)
	}
	b.Reset()
	if err := RivalsPNGTo(&b, madeRivals()); err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(&b)
	if err != nil || m.Bounds().Dx() != pngScale*p.width || m.Bounds().Dy() != pngScale*p.height {
		t.Fatalf("%v, %v", m, err)
	}
	seen := map[[3]uint32]int{}
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			r, g, bl, _ := m.At(x, y).RGBA()
			seen[[3]uint32{r >> 8, g >> 8, bl >> 8}]++
		}
	}
	for colour := range 2 { // of the pick, and of others
		if k := ink(colour); seen[[3]uint32{uint32(k.R), uint32(k.G), uint32(k.B)}] < 200 {
			t.Errorf("the picture lacks the colour %v", k)
		}
	}
}

// The letters of the pictures have the signs that the drawings write.
func TestLettersOfPictures(t *testing.T) {
	face, err := newLetters()
	if err != nil {
		t.Fatal(err)
	}
	box, _, _ := face.GlyphBounds('\u4e00') // which the font lacks
	for _, r := range "−…±%äλд" {
		if b, _, ok := face.GlyphBounds(r); !ok || b == box {
			t.Errorf("the font lacks %q", r)
		}
	}
}
