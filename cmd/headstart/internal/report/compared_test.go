package report

import (
	"strings"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

// sampleComparison is what --tail auto adds, with two seeds.
func sampleComparison(metric string) *experiment.Comparison {
	v := func(a, b float64) measure.Variation {
		return measure.Variation{Values: []float64{a, b}, Mean: (a + b) / 2, SD: 0.01}
	}
	sign := 1.0
	if metric == "log-loss" {
		sign = -1
	}
	return &experiment.Comparison{
		Metric: metric, Rule: "one-standard-error", Chosen: "last:1", Seeds: []uint64{0, 1},
		Ways: []experiment.Way{
			{Name: "head", Parameters: 2565, Score: sign * 0.5, SE: 0.0123, Train: v(sign*0.7, sign*0.7), Validation: v(sign*0.5, sign*0.52), Test: v(sign*0.4, sign*0.44)},
			{Name: "last:1", Cut: "add_7", Parameters: 1028165, Score: sign * 0.6, SE: 0.0111, Validation: measure.Variation{Values: []float64{sign * 0.6}, Mean: sign * 0.6}, Epochs: 7, Best: 4, Status: "patience"},
		},
		Choice: &experiment.Way{Name: "auto", Validation: v(sign*0.6, sign*0.52)},
	}
}

func TestWhatWasCompared(t *testing.T) {
	p := samplePage(threeClasses)
	if html := page(t, p); strings.Contains(html, `id="compared"`) || strings.Contains(html, "<dt>Retrained</dt>") {
		t.Error("the page shows a comparison that there was not")
	}
	for _, metric := range []string{"accuracy", "log-loss"} {
		p.Result.Comparison, p.Retrained = sampleComparison(metric), "behind add_7: 12 weights of the backbone, 1,025,600 parameters"
		html := page(t, p)
		for _, want := range []string{
			`href="#compared"`, "by " + metric + ". Chosen is the simplest within one standard error of the best on validation.",
			`<th scope="row"><bdi>head</bdi></th><td class="n">2,565</td><td class="n">0.700 ± 0.010</td><td class="n">0.510 ± 0.010</td><td class="n">0.012</td><td class="n">0.420 ± 0.010</td><td class="n">–</td><td></td>`,
			`<tr class="chosen"><th scope="row"><bdi>last:1</bdi> <span class="badge">chosen</span></th><td class="n">1,028,165</td><td class="n">–</td><td class="n">0.600</td><td class="n">0.011</td><td class="n">–</td><td class="n">4 of 7</td><td>patience</td>`,
			"the choice of each seed", "<dt>Retrained</dt><dd><bdi>behind add_7",
		} {
			if !strings.Contains(html, want) {
				t.Errorf("%s: the page lacks %s", metric, want)
			}
		}
		var b strings.Builder
		if err := ComparedTo(&b, p.Result.Comparison, []time.Duration{time.Second, 90 * time.Second}, &Style{Width: 120}); err != nil {
			t.Fatal(err)
		}
		want := `
what was compared: ` + metric + `, the simplest within one standard error of the best on validation (*)
   way                        trained  training part     validation   ± SE           test  epochs  time
   head                         2,565  0.700 ± 0.010  0.510 ± 0.010  0.012  0.420 ± 0.010       –   1 s
*  last:1                   1,028,165              –          0.600  0.011              –  4 of 7  90 s
   the choice of each seed          –              –  0.560 ± 0.010      –              –       –     –
`
		if b.String() != want {
			t.Errorf("got\n%s\nwant\n%s", b.String(), want)
		}
	}
	// Where differences are known, they stand there, and the rule is theirs.
	c := sampleComparison("accuracy")
	c.Ways[0].Difference, c.Ways[1].Difference = &measure.Gain{Value: 0.1, SE: 0.0312}, &measure.Gain{}
	p.Result.Comparison = c
	rule := "the simplest that is behind the best on validation by at most one standard error of the difference"
	html := page(t, p)
	for _, want := range []string{
		"Chosen is " + rule + ".", `<th scope="col" class="n">± se</th><th scope="col" class="n">behind ± se</th><th scope="col" class="n">test</th>`,
		`<td class="n">0.012</td><td class="n">0.100 ± 0.031</td><td class="n">0.420 ± 0.010</td>`, `<td class="n">0.011</td><td class="n">0.000 ± 0.000</td>`,
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	var b strings.Builder
	if err := ComparedTo(&b, c, nil, &Style{Width: 140}); err != nil {
		t.Fatal(err)
	}
	want := `
what was compared: accuracy, ` + rule + ` (*)
   way                        trained  training part     validation   ± SE    behind ± SE           test  epochs
   head                         2,565  0.700 ± 0.010  0.510 ± 0.010  0.012  0.100 ± 0.031  0.420 ± 0.010       –
*  last:1                   1,028,165              –          0.600  0.011  0.000 ± 0.000              –  4 of 7
   the choice of each seed          –              –  0.560 ± 0.010      –              –              –       –
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	p.Result.Comparison.Ways[1].Name, p.Retrained = hostileClasses[0], hostileClasses[0]
	if html = page(t, p); strings.Contains(html, "<script") || strings.Contains(html, "\x1b") {
		t.Error("a name gets into the page as it is")
	}
	if err := ComparedTo(broken{}, nil, nil, &Style{Width: 120}); err != nil {
		t.Error(err)
	}
}
