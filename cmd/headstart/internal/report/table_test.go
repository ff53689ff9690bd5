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
	pad := func(s string, n int) string { return s + strings.Repeat(" ", n-Width(s)) }
	want := pad("class", 47) + "      n  note\n" +
		pad("日本語", 47) + "  1,000  three wide characters\n" +
		pad(`ab\x1b[2J`, 47) + "      7\n" +
		pad("e\u0301", 47) + "         an accent takes no place\n" +
		strings.Repeat("x", 46) + "…      1\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// A table takes no more columns than there are: long texts are cut, numbers
// never, and what has no place beside the first column stands below it.
func TestTablesFit(t *testing.T) {
	family := strings.Repeat("👨‍👩‍👧‍👦", 30)
	for _, c := range []struct {
		name   string
		width  int
		table  *Table
		indent string
		want   []string // that must be there
	}{
		{name: "long classes", table: &Table{
			Columns: []Column{{Name: "class"}, {Name: "precision", Right: true}, {Name: "recall", Right: true}, {Name: "F1", Right: true}, {Name: "support", Right: true}},
			Rows:    [][]string{{strings.Repeat("语", 100), "0.123", "0.456", "0.789", "12,345"}, {family, "0.111", "0.222", "0.333", "4"}, {strings.Repeat("e\u0301", 90), "1.000", "1.000", "1.000", "99"}},
		}, indent: "  ", want: []string{"support", "12,345", "99", "语…  ", "👨‍👩‍👧‍👦…", "e\u0301…"}},
		{name: "many columns", table: &Table{
			Columns: []Column{{Name: "head"}, {Name: "type"}, {Name: "accuracy", Right: true}, {Name: "95 % interval"}, {Name: "macro-F1", Right: true}, {Name: "log-loss", Right: true}, {Name: "N", Right: true}, {Name: "measured by"}},
			Rows:    [][]string{{strings.Repeat("name", 12) + ".head.onnx", "softmax", "0.5", "0.123–0.456", "0.777", "0.888", "1,000,000", "cross-validation, by group"}},
		}, want: []string{"0.123–0.456", "0.777", "1,000,000", "measured by", "cross-validation, by group"}},
		{name: "a narrow terminal", width: 10, table: &Table{
			Columns: []Column{{}, {Name: "way"}, {Name: "trained", Right: true}, {Name: "test", Right: true}},
			Rows:    [][]string{{"*", strings.Repeat("w", 70), "1,028,165", "0.420 ± 0.010"}},
		}, want: []string{"1,028,165", "0.420 ± 0.010", "ww…"}},
	} {
		var b strings.Builder
		s := &Style{Width: c.width}
		c.table.print(&b, c.indent, s)
		for line := range strings.Lines(b.String()) {
			if n := Width(strings.TrimSuffix(line, "\n")); n > s.width() {
				t.Errorf("%s: a line of %d columns, %d are there: %s", c.name, n, s.width(), line)
			}
		}
		for _, want := range c.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: %q is lost:\n%s", c.name, want, b.String())
			}
		}
	}
}

// Facts go on in the next line, under their values.
func TestFactsAreWrapped(t *testing.T) {
	var b strings.Builder
	if err := FactsTo(&b, []Fact{{"a", "one two three"}, {"größe", "日本 語 " + strings.Repeat("x", 50)}, {"空", "4"}}, &Style{Width: 40}); err != nil {
		t.Fatal(err)
	}
	want := "a      one two three\ngröße  日本 語\n       " + strings.Repeat("x", 50) + "\n空     4\n"
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
