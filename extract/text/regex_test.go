package text

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// Each lexer finds what the regex finds that it stands for.
func TestLexersAreTheirRegexes(t *testing.T) {
	texts := hardTexts(t)
	for pattern, lexer := range lexers {
		re, err := newRegex(pattern)
		if err != nil {
			t.Error(err)
			continue
		}
		differ := 0
		for _, text := range texts {
			got, want := lexer.matches(nil, text), re.matches(nil, text)
			if !slices.Equal(got, want) {
				if differ++; differ <= 3 {
					t.Errorf("%s\nfinds in %q\n got %v\nwant %v", pattern, text, got, want)
				}
			}
		}
		if differ > 0 {
			t.Errorf("%s: %d of %d texts differ", pattern, differ, len(texts))
		}
	}
}

// hardTexts are the golden texts, and random ones of what lexers tell apart.
func hardTexts(t *testing.T) []string {
	var texts []string
	for _, g := range golden(t) {
		if len(g.Text) < 2000 {
			texts = append(texts, repair(g.Text))
		}
	}
	bits := strings.Split("a|B|é|É|ſ|ʰ|中|ǅ|\u0301|\u093e|\u20dd|1|²|Ⅷ|٣|'|'s|'S|'ſ|'re|'LL|'v|.|,|/|#|(|[|]|…|。|€|+|^| |  |\t|\n|\r|\r\n|\u00a0|\u3000|\u2028|\u0085|\x00|\u200d|\U000e0100|\u0378|😀|あ|カ|<|startoftext|<|endoftext|>", "|")
	bits = append(bits, "|", "<|endoftext|>")
	rng := rand.New(rand.NewPCG(1, 2))
	for range 6000 {
		var b strings.Builder
		for range 1 + rng.IntN(12) {
			b.WriteString(bits[rng.IntN(len(bits))])
		}
		texts = append(texts, b.String())
	}
	return texts
}

// What would make other engines go back for ever takes steps in proportion to
// the text.
func TestRegexesAreLinear(t *testing.T) {
	for _, pattern := range []string{
		`(a*)*b`, `(a|a)*b`, `(a|aa)+$b`, `a*a*a*a*a*b`, `(?=(a|a)*b)a`, `(?>a*)b`, `a++b`, `(?:(?:a?){3})*c`, `(?<=a)(a+)+c`,
		`(?!(a+)+c)a`, `a(?=.*b)|c`, `a.*b|a`, `\s*a*$b`, `(a*?)*?b`, `(?:a(?=a*)){2}b`, gpt2Regex,
	} {
		re, err := newRegex(pattern)
		if err != nil {
			t.Fatal(err)
		}
		steps := func(n int) int {
			var m matcher
			m.reset(re, strings.Repeat("a", n))
			m.matches(nil)
			return m.steps
		}
		const n = 1 << 13
		if small, large := steps(n), steps(4*n); large > 4*small+1000 || small > 8*n*len(re.program) {
			t.Errorf("%s: %d steps for %d bytes, %d for %d", pattern, small, n, large, 4*n)
		}
	}
}

// Patterns that would be read in another way are refused.
func TestRegexesThatAreRefused(t *testing.T) {
	for pattern, want := range map[string]string{
		`(a)\1`:                `\1`,
		`\k<a>`:                `\k`,
		`\X`:                   `\X`,
		`\Ga`:                  `\G`,
		`a\K`:                  `\K`,
		`(?x: a)`:              `a group of a kind`,
		`(?~a)`:                `a group of a kind`,
		`(?(1)a|b)`:            `a group of a kind`,
		`(*FAIL)`:              `a callout`,
		`[a`:                   `a [ without its ]`,
		`[]`:                   `an empty class`,
		`a)`:                   `a ) without its (`,
		`*a`:                   `nothing is repeated`,
		`(?=a)*`:               `what has no length is repeated`,
		`\p{Klingon}`:          `\p{Klingon} is not known`,
		`[b-a]`:                `a range from`,
		`a{2000}`:              `repetitions`,
		`(?i:ß)`:               `where case is ignored`,
		`(?i:ss)`:              `where case is ignored`,
		`\xe9`:                 `no code point`,
		`(?<=a+)b`:             `a look behind of no fixed length`,
		`((a{100}){100}){100}`: `more than 8192 steps`,
		strings.Repeat("(", 200) + strings.Repeat(")", 200): `more than 100 groups`,
	} {
		if _, err := newRegex(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100s: %v, want %s", pattern, err, want)
		}
	}
}

// Whatever compiles finds stretches of the text, one after the other, and the
// same again.
func FuzzRegex(f *testing.F) {
	for pattern := range lexers {
		f.Add(pattern, "It's 12345 O'CLOCK\r\n  in 日本, naïve ſ 😀!")
	}
	f.Add(`(?:(a?)*|b*+)*(?<=c|dd)$|(?i:[^\W_&&[^k]]{2,3}?)++\b`, "aabcdd\nK_k")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(text) > 1<<12 {
			return
		}
		re, err := newRegex(pattern)
		if err != nil {
			return
		}
		text = repair(text)
		found := re.matches(nil, text)
		last := int32(0)
		for _, m := range found {
			if m.start < last || m.end < m.start || int(m.end) > len(text) || !utf8.ValidString(text[m.start:m.end]) {
				t.Fatalf("%q in %q: %v", pattern, text, found)
			}
			last = m.end
		}
		if again := re.matches(nil, text); !slices.Equal(again, found) {
			t.Fatalf("%q in %q: %v, then %v", pattern, text, found, again)
		}
	})
}
