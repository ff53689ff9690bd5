package report

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWidth(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "abc": 3, "größe": 5, "日本語": 6, "ﾊﾝｶｸ": 4, "ＡＢ": 4, "한국어": 6, "e\u0301": 1, "นี่": 1, "😀": 2, "👍🏽": 2,
		"👨‍👩‍👧‍👦": 2, "🇨🇭": 2, "🇨🇭🇩🇪": 4, "❤️": 2, "☺️": 2, "a\u200db": 2, "–…λ·±": 5,
	} {
		if got := Width(s); got != want {
			t.Errorf("%q takes %d columns, want %d", s, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"ab cd", 4, "ab…"}, {"", 1, ""}, {"ab", 1, "…"}, {"ab", 0, ""},
		{"日本語", 6, "日本語"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"日本語", 2, "…"},
		{"a👨‍👩‍👧‍👦b", 4, "a👨‍👩‍👧‍👦b"}, {"a👨‍👩‍👧‍👦bc", 4, "a👨‍👩‍👧‍👦…"}, {"a👨‍👩‍👧‍👦bc", 3, "a…"}, {"🇨🇭🇩🇪🇫🇷", 5, "🇨🇭🇩🇪…"}, {"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
	} {
		got := Cut(c.in, c.n)
		if got != c.want {
			t.Errorf("%q in %d columns: %q, want %q", c.in, c.n, got, c.want)
		}
		if Width(got) > c.n {
			t.Errorf("%q in %d columns: %q takes %d", c.in, c.n, got, Width(got))
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want []string
	}{
		{"", 5, []string{""}}, {"a b c", 3, []string{"a b", "c"}}, {"abcdef gh", 3, []string{"abcdef", "gh"}}, {"日本 語 x", 6, []string{"日本", "語 x"}},
	} {
		if got := Wrap(c.in, c.n); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

// FuzzCut: what is cut is a beginning of what there was, whole and no wider
// than wanted.
func FuzzCut(f *testing.F) {
	for _, s := range []string{"abc", "日本語", "👨‍👩‍👧‍👦🇨🇭", "e\u0301\u0302", "\xff\xfe", "\u200d\u200d", "กำ"} {
		f.Add(s, 2)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = min(max(n, 0), 200)
		got := Cut(s, n)
		if w := Width(got); w > n {
			t.Errorf("%q in %d columns: %q takes %d", s, n, got, w)
		}
		if got == s {
			return
		}
		begin, ok := strings.CutSuffix(got, "…")
		if n > 0 && (!ok || !strings.HasPrefix(s, begin)) {
			t.Errorf("%q in %d columns: %q", s, n, got)
		}
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("%q in %d columns: %q is not whole", s, n, got)
		}
	})
}
