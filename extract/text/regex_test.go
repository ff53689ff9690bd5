package text

import (
	"math/rand/v2"
	"runtime"
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
			got, _ := lexer.matches(nil, text)
			want, err := re.matches(nil, text)
			if err != nil {
				t.Fatal(err)
			}
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

// A regex that is made to take memory takes no more than it may for a text,
// which is an error then, and finds what it finds in shorter ones.
func TestRegexesTakeLittleMemory(t *testing.T) {
	for name, pattern := range map[string]string{
		"choices of own parts":   `(?=(?:a?){400}b|c)d|a`,
		"attempts on the stack":  `(?:(?:b??){500}a)*c`,
		"what was tried in vain": `(?=(?:(?:b|a)(?:a|c)?){4}.*.*d)e|a`,
	} {
		re, err := newRegex(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := re.matches(nil, strings.Repeat("a", 1<<8)); err != nil {
			t.Errorf("%s: a short text: %v", name, err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = re.matches(nil, strings.Repeat("a", 1<<20))
		runtime.ReadMemStats(&after)
		if err == nil && name != "what was tried in vain" || err != nil && !strings.Contains(err.Error(), "1048576 bytes of text: it may take 256 MiB of memory and") {
			t.Errorf("%s: %v", name, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 2*maxMatch {
			t.Errorf("%s: %d MiB were allocated one after the other", name, took>>20)
		}
	}
	p := parts()
	p["normalizer"] = `{"type":"Replace","pattern":{"Regex":"(?=(?:a?){400}b|c)d|a"},"content":"a"}`
	tok, err := New(join(p), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tok.AppendIDs(nil, strings.Repeat("a", 1<<20)); err == nil || !strings.Contains(err.Error(), "normalizer, pre_tokenizer: the regex") {
		t.Errorf("a normalizer: %v", err)
	}
	p["pre_tokenizer"], p["normalizer"] = `{"type":"Split","pattern":{"Regex":"(?=(?:a?){400}b|c)d|a"},"behavior":"Isolated","invert":false}`, `null`
	if tok, err = New(join(p), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := tok.AppendIDs(nil, strings.Repeat("a", 1<<20)); err == nil || !strings.Contains(err.Error(), "it may take 256 MiB of memory") {
		t.Errorf("a pre-tokenizer: %v", err)
	}
	if _, err := tok.AppendIDs(nil, strings.Repeat("a", 1<<8)); err != nil {
		t.Errorf("a short text behind it: %v", err)
	}
}

// Patterns that would be read in another way are refused.
func TestRegexesThatAreRefused(t *testing.T) {
	for pattern, want := range map[string]string{
		`(a)\1`:                             `\1`,
		`\8`:                                `\8`,
		`(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)\10`: `\1`,
		`\377`:                              `no code point is \377`,
		`[\400]`:                            `no code point is \400`,
		`\o{4199999}`:                       `no code point is \o{4199999}`,
		`\k<a>`:                             `\k`,
		`\X`:                                `\X`,
		`\Ga`:                               `\G`,
		`a\K`:                               `\K`,
		`(?x: a)`:                           `a group of a kind`,
		`(?~a)`:                             `a group of a kind`,
		`(?(1)a|b)`:                         `a group of a kind`,
		`(*FAIL)`:                           `a callout`,
		`[a`:                                `a [ without its ]`,
		`[]`:                                `an empty class`,
		`a)`:                                `a ) without its (`,
		`*a`:                                `nothing is repeated`,
		`(?=a)*`:                            `what has no length is repeated`,
		`\p{Klingon}`:                       `\p{Klingon} is not known`,
		`[b-a]`:                             `a range from`,
		`a{2000}`:                           `repetitions`,
		`(?i:ß)`:                            `where case is ignored`,
		`(?i:ss)`:                           `where case is ignored`,
		`\xe9`:                              `no code point`,
		`(?<=a+)b`:                          `a look behind of no fixed length`,
		`((a{100}){100}){100}`:              `more than 8192 steps`,
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
		found, err := re.matches(nil, text)
		if err != nil {
			t.Fatal(err) // of 4 KiB
		}
		last := int32(0)
		for _, m := range found {
			if m.start < last || m.end < m.start || int(m.end) > len(text) || !utf8.ValidString(text[m.start:m.end]) {
				t.Fatalf("%q in %q: %v", pattern, text, found)
			}
			last = m.end
		}
		if again, err := re.matches(nil, text); err != nil || !slices.Equal(again, found) {
			t.Fatalf("%q in %q: %v, then %v", pattern, text, found, again)
		}
	})
}

// Octal numbers are the code points that they are to Oniguruma: three digits at
// most, and one digit by itself is a group. What each finds is the reference's
// answer.
func TestOctalEscapes(t *testing.T) {
	const text = "zS4\x0124\x0053\x00\b\n1\x7f\u0080\u0800"
	for pattern, want := range map[string]string{
		`\0`: "\x00|\x00", `\00`: "\x00|\x00", `\012`: "\n", `\0123`: "", `\08`: "", `\123`: "S", `\1234`: "S4", `\10`: "\b", `\12`: "\n", `\18`: "", `\177`: "\x7f",
		`[\0]`: "\x00|\x00", `[\1]`: "\x01", `[\12]`: "\n", `[\1234]`: "S|4|4", `[\8]`: "", `[\061-\064]`: "4|2|4|3|1", `[\0011]`: "\x01|1", `\0124`: "",
		`\o{123}`: "S", `[\o{123}]`: "S", `\o{0}`: "\x00|\x00", `\o{200}`: "\u0080", `\o{4000}`: "\u0800", `(z)\123`: "zS",
	} {
		re, err := newRegex(pattern)
		if err != nil {
			t.Error(err)
			continue
		}
		matches, err := re.matches(nil, text)
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, m := range matches {
			found = append(found, text[m.start:m.end])
		}
		if got := strings.Join(found, "|"); got != want {
			t.Errorf("%s finds %q, want %q", pattern, got, want)
		}
	}
}

// A script has its long name and its short one, as Oniguruma knows it.
func TestScriptsHaveShortNames(t *testing.T) {
	if len(regexScriptShort) != len(regexScriptNames) {
		t.Fatalf("%d short names of %d scripts", len(regexScriptShort), len(regexScriptNames))
	}
	all := map[string]string{"Qaac": "Coptic", "Qaai": "Inherited", "Zzzz": "Unknown", "hani": "Han", "LATN": "Latin", "Grek": "Greek", "^Cyrl": "^Cyrillic"}
	for i, short := range regexScriptShort {
		if i > 0 {
			all[short] = regexScriptNames[i]
		}
	}
	for short, long := range all {
		one, negated := strings.CutPrefix(short, "^")
		two, _ := strings.CutPrefix(long, "^")
		if a, b := propertySet(one, negated), propertySet(two, negated); len(a) == 0 || !slices.Equal(a, b) {
			t.Errorf("%s has %d ranges, %s %d", short, len(a), long, len(b))
		}
	}
	re, err := newRegex(`\p{Hani}+|\P{Latn}`)
	if err != nil {
		t.Fatal(err)
	}
	found, err := re.matches(nil, "ab漢字é1")
	if err != nil || !slices.Equal(found, []extent{{2, 8}, {10, 11}}) {
		t.Errorf("%v, %v", found, err)
	}
}
