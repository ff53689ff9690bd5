package text

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// wordsGolden is testdata/words.json, which testdata/generate_words.py writes.
type wordsGolden struct {
	Letters [][2]rune // ranges of the code points that words are made of
	Texts   []struct {
		Text  string
		Words []string
	}
}

func readWords(t *testing.T) *wordsGolden {
	t.Helper()
	content, err := os.ReadFile("testdata/words.json")
	if err != nil {
		t.Fatal(err)
	}
	g := new(wordsGolden)
	if err := json.Unmarshal(content, g); err != nil {
		t.Fatal(err)
	}
	return g
}

// Texts in many languages have the words that scikit-learn's analyzer finds in
// them.
func TestWordsOfManyLanguages(t *testing.T) {
	g := readWords(t)
	if len(g.Texts) < 50 {
		t.Fatalf("%d texts", len(g.Texts))
	}
	for _, c := range g.Texts {
		if got := AppendWords(nil, c.Text); !slices.Equal(got, c.Words) {
			t.Errorf("%q:\n got %q\nwant %q", c.Text, got, c.Words)
		}
	}
}

// Words are made of the code points that they are made of in Python, but for
// those that its older Unicode does not know.
func TestLettersOfWords(t *testing.T) {
	known := map[rune]bool{}
	for _, r := range readWords(t).Letters {
		for c := r[0]; c <= r[1]; c++ {
			known[c] = true
		}
	}
	table, missing, more := byCategory(), 0, 0
	for c := rune(0); c <= 0x10ffff; c++ {
		ours := ofWords.has(table.at(c)) || c == '_'
		switch {
		case known[c] && !ours:
			missing++
			t.Logf("%U is in words of Python", c)
		case ours && !known[c]:
			more++
		}
	}
	if missing > 0 || more > 20000 {
		t.Errorf("%d code points are missing, %d more are in words", missing, more)
	}
}

// A text that is not UTF-8 has the words around what is not.
func TestWordsOfOtherBytes(t *testing.T) {
	got := AppendWords([]string{"kept"}, "abc\xffdef \xc3 gh\xe4\xb8")
	if want := []string{"kept", "abc", "def", "gh"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The terms of a text are its words and pairs of neighbouring words, each
// column once and ascending, and counted.
func TestBag(t *testing.T) {
	b := Bag{}
	terms := b.AppendTerms([]Term{{7, 7}}, "To be, or not to be")
	if terms[0] != (Term{7, 7}) {
		t.Error("what stood before is not kept")
	}
	terms = terms[1:]
	counts, total := map[int32]float32{}, float32(0)
	for i, term := range terms {
		if i > 0 && terms[i-1].Column >= term.Column || term.Column < 0 || int(term.Column) >= b.D() {
			t.Errorf("column %d stands at place %d", term.Column, i)
		}
		counts[term.Column] = term.Count
		total += term.Count
	}
	if len(terms) != 4+4 || total != 6+5 { // to be or not; to-be be-or or-not not-to
		t.Errorf("%d terms in %d columns", int(total), len(terms))
	}
	for word, want := range map[string]float32{"to": 2, "BE": 2, "or": 1, "to be": 2, "absent": 0} {
		found := Bag{}.AppendTerms(nil, word)
		if strings.Contains(word, " ") {
			found = slices.DeleteFunc(found, func(term Term) bool {
				return slices.Contains(append(b.AppendTerms(nil, "to"), b.AppendTerms(nil, "be")...), term)
			})
		}
		if len(found) != 1 || counts[found[0].Column] != want {
			t.Errorf("%q is counted %v times, want %v", word, counts[found[0].Column], want)
		}
	}
	if words := (Bag{Run: 1}).AppendTerms(nil, "To be, or not to be"); len(words) != 4 {
		t.Errorf("a bag of words alone has %d terms", len(words))
	}
}

// A term is counted in the same column for ever, and terms spread evenly.
func TestColumnsOfBag(t *testing.T) {
	if got := (Bag{}).AppendTerms(nil, "headstart"); len(got) != 1 || got[0].Column != 388939 {
		t.Errorf("headstart is in column %v", got)
	}
	const columns, texts = 64, 64 * 400
	b, hits := Bag{Columns: columns}, make([]int, columns)
	for i := range texts {
		for _, term := range b.AppendTerms(nil, fmt.Sprintf("w%d", i)) {
			hits[term.Column]++
		}
	}
	for c, n := range hits {
		if n < 300 || n > 500 {
			t.Errorf("column %d has %d of %d terms", c, n, texts)
		}
	}
}

// FuzzWords looks for texts whose words are not in lower case, not a part of
// the text in lower case, or cut again.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"To be, or not", "ΟΔΟΣ İ", "中文 text文本", "\xff_\xc3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		rest := inLower(s)
		for _, w := range AppendWords(nil, s) {
			i := strings.Index(rest, w)
			if i < 0 {
				t.Fatalf("%q of %q is not in the rest, %q", w, s, rest)
			}
			rest = rest[i+len(w):]
			if again := AppendWords(nil, w); len(again) != 1 || again[0] != inLower(w) {
				t.Fatalf("%q of %q has the words %q", w, s, again)
			}
		}
		for _, term := range (Bag{Columns: 1000}).AppendTerms(nil, s) {
			if term.Column < 0 || term.Column >= 1000 || term.Count < 1 {
				t.Fatalf("term %v of %q", term, s)
			}
		}
	})
}
