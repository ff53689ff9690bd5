package report

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/head/experiment"
)

func TestTableAligns(t *testing.T) {
	var b strings.Builder
	err := TableTo(&b, &Table{
		Columns: []Column{{Name: "class"}, {Name: "n", Right: true}, {Name: "note"}},
		Rows: [][]string{
			{"日本語", "1,000", "three wide characters"},
			{"ab\x1b[2J", "7"},
			{"e\u0301", "", "an accent takes no place"},
			{strings.Repeat("x", 100), "1", ""},
		},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	pad := func(s string, n int) string { return s + strings.Repeat(" ", n-columns(s)) }
	want := pad("class", 60) + "      n  note\n" +
		pad("日本語", 60) + "  1,000  three wide characters\n" +
		pad(`ab\x1b[2J`, 60) + "      7\n" +
		pad("e\u0301", 60) + "         an accent takes no place\n" +
		strings.Repeat("x", 59) + "…      1\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// bold is how a terminal is told to print a heading.
func bold(text string) string { return "\x1b[1m" + text + "\x1b[0m" }

func TestTableWithoutNamesHasNoHeading(t *testing.T) {
	var b strings.Builder
	if err := TableTo(&b, &Table{Columns: make([]Column, 2), Rows: [][]string{{"a", "b"}, {"ccc", "d"}}}, &Style{Heading: bold}); err != nil {
		t.Fatal(err)
	}
	if b.String() != "a    b\nccc  d\n" {
		t.Errorf("%q", b.String())
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"as it is é 日": "as it is é 日", "a\nb\tc\r\nd": "a b c d", "\x1b]0;t\x07": `\x1b]0;t\x07`, "\u009b": `\x9b`, "a\u202eb\u2066": `a\u202eb\u2066`,
		"\xffa": "\ufffda", "\u2028": `\u2028`, "": "",
	} {
		if got := plain(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"ab cd", 4, "ab…"}, {"日本語", 2, "日…"}, {"", 1, ""}} {
		if got := cut(c.in, c.n); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestSummaryGolden(t *testing.T) {
	var b bytes.Buffer
	if err := SummaryTo(&b, &samplePage(threeClasses).Head, 12345*time.Millisecond, nil); err != nil {
		t.Fatal(err)
	}
	golden(t, "summary.txt", b.Bytes())
}

func TestSummaryColoursOnlyIfAsked(t *testing.T) {
	h := &samplePage(hostileClasses).Head
	for _, colour := range []bool{false, true} {
		style := new(Style)
		if colour {
			style.Heading = bold
		}
		var b strings.Builder
		if err := SummaryTo(&b, h, 0, style); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "\x1b[1m") != colour {
			t.Errorf("colour %t:\n%s", colour, b.String())
		}
		if strings.Contains(b.String(), "\x1b[2J") || strings.Contains(b.String(), "\u202e") || strings.Contains(b.String(), "time") {
			t.Errorf("colour %t:\n%s", colour, b.String())
		}
		if colour {
			stripped := strings.NewReplacer("\x1b[1m", "", "\x1b[0m", "").Replace(b.String())
			var bare strings.Builder
			if err := SummaryTo(&bare, h, 0, nil); err != nil || bare.String() != stripped {
				t.Errorf("colour moves text: %v", err)
			}
		}
	}
}

func TestSummaryOfAHeadThatWasNotTested(t *testing.T) {
	var b strings.Builder
	if err := SummaryTo(&b, &Head{Name: "a.head.onnx", Result: &experiment.Result{Kind: "ncm", Classes: threeClasses, Dim: 4}, Features: []Features{{Backbone: "b", Tap: "t", Dim: 4}}}, 0, nil); err != nil {
		t.Fatal(err)
	}
	want := "a.head.onnx\n  head      ncm\n  classes   3\n  features  4\n\n  backbone  tap  features\n  b         t           4\n\nNot tested: no sample was held out.\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestManyClassesAreCutToTheWorst(t *testing.T) {
	m := sampleMetrics(manyClasses(9))
	for i := range m.PerClass {
		m.PerClass[i].F1 = float64((i+4)%9) / 10
	}
	var b strings.Builder
	if err := MetricsTo(&b, "unseen", m, &Style{Classes: 2}); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(b.String(), "The 2 of 9 classes with the lowest F1:\n")
	lines := strings.Split(got, "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[1], "  class 05") || !strings.HasPrefix(lines[2], "  class 06") {
		t.Errorf("%q", got)
	}
	if !strings.HasPrefix(b.String(), "unseen\n") {
		t.Errorf("%q", b.String())
	}
}

func TestComparisonGolden(t *testing.T) {
	a, b := samplePage(threeClasses), samplePage(threeClasses)
	b.Name, b.Groups, b.Result.Kind, b.Result.L2 = "names.head.onnx", false, "ncm", 0
	b.Result.N = experiment.Counts{Train: 3000, Validation: 1000, Test: 1000}
	b.Result.Metrics.Test, b.Result.Metrics.CV = b.Result.Metrics.CV, nil
	none := &Head{Name: "untested.head.onnx", Result: &experiment.Result{Kind: "softmax", L2: 1e-6, Dim: 7}}
	var out bytes.Buffer
	if err := ComparisonTo(&out, []*Head{&a.Head, &b.Head, none}, nil); err != nil {
		t.Fatal(err)
	}
	golden(t, "comparison.txt", out.Bytes())
}

func TestTablesTellWhatTheWriterSays(t *testing.T) {
	h := &samplePage(threeClasses).Head
	for name, err := range map[string]error{
		"summary": SummaryTo(broken{}, h, 0, nil), "metrics": MetricsTo(broken{}, "", h.Result.Metrics.CV, nil), "comparison": ComparisonTo(broken{}, []*Head{h}, nil),
	} {
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
