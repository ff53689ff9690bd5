package text

import (
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// Any bytes are a text.
func FuzzEncode(f *testing.F) {
	for _, s := range []string{
		"", "Déjà vu", "[SEP][CLS]", "\xf0\x9f\x98", "İ\u0307\u302e\u0301\u302f", "中한ไทย\u200d😀", "\x00\r\n\u3000 a",
		"\U0001d160\u0334\U0001d16d\U0001d165", "antidisestablishmentarianism", "\ufeff\ufffd\U0010ffff\u0378",
	} {
		f.Add(s, uint16(256))
	}
	tokenizer, err := os.ReadFile(miniLM)
	if err != nil {
		f.Fatal(err)
	}
	whole := build(f, &contract{Tokenizer: tokenizer, MaxLen: math.MaxInt})
	const vocabulary, cls, sep = 30522, 101, 102
	f.Fuzz(func(t *testing.T, text string, most uint16) {
		cut, err := whole.With(&Options{Truncation: &Truncation{MaxLen: 3 + int(most)}})
		if err != nil {
			t.Fatal(err)
		}
		want := encode(t, whole, text)
		fused := cut.fused
		cut.fused = nil
		if got, all := encode(t, cut, text), encodeAtMost(want, cut.cut.MaxLen); !slices.Equal(got, all) {
			t.Errorf("stage by stage: got %v, want %v", got, all)
		}
		cut.fused = fused
		for _, id := range want {
			if id < 0 || id >= vocabulary {
				t.Fatalf("id %d is not in the vocabulary", id)
			}
		}
		if want[0] != cls || want[len(want)-1] != sep {
			t.Errorf("ids %v", want)
		}
		checkCuts(t, cut, text, len(want) > cut.cut.MaxLen)
		want = encodeAtMost(want, cut.cut.MaxLen)
		if got := encode(t, cut, text); !slices.Equal(got, want) {
			t.Errorf("cut at %d: got %v, want %v", cut.cut.MaxLen, got, want)
		}
		if got := encode(t, cut, repair(text)); !slices.Equal(got, want) {
			t.Errorf("repaired: got %v, want %v", got, want)
		}
	})
}

// Any bytes may claim to be a tokenizer.json.
func FuzzTokenizerJSON(f *testing.F) {
	f.Add(join(parts()), "a aa b [UNK]")
	for part, is := range map[string]string{
		"normalizer":     `null`,
		"added_tokens":   `[{"id":3,"content":" É","single_word":true,"lstrip":true,"rstrip":true,"normalized":true,"special":false}]`,
		"post_processor": `{"type":"BertProcessing","sep":["a",1],"cls":["[UNK]",0]}`,
		"padding":        `{"strategy":"BatchLongest","direction":"Left","pad_id":2,"pad_type_id":0,"pad_token":"a"}`,
		"truncation":     `{"direction":"Left","max_length":3,"strategy":"OnlyFirst","stride":1}`,
	} {
		p := parts()
		p[part] = is
		f.Add(join(p), "É \u0301é aa\xff")
	}
	p := parts()
	p["post_processor"] = `{"type":"TemplateProcessing","pair":[],"single":[{"SpecialToken":{"id":"X","type_id":1}},{"Sequence":{"id":"A","type_id":2}}],"special_tokens":{"X":{"id":"X","ids":[1,2],"tokens":["a","b"]}}}`
	f.Add(join(p), "a")
	for name, is := range ofType {
		p := parts()
		part, _, _ := strings.Cut(name, " ")
		p[part] = is
		f.Add(join(p), "a aa. É \u0301é ▁Ġa\n\n 12 \xff")
	}
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		tok, err := load(small(data))
		if err != nil {
			return
		}
		read, err := readFile(data)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := tok.AppendIDs(nil, text)
		if err != nil {
			return
		}
		if len(ids) > 8 || len(tok.AppendTypeIDs(nil, len(ids))) != len(ids) {
			t.Errorf("%d ids, %d types", len(ids), len(tok.AppendTypeIDs(nil, len(ids))))
		}
		known := slices.Clone(ids)
		if read.size > 0 { // else no text has ids beside which to fill up
			known = append(known, tok.PadID())
		}
		for _, id := range known {
			if id < 0 || int(id) >= read.size {
				t.Errorf("id %d is not in the vocabulary of %d", id, read.size)
			}
		}
		if again, err := tok.AppendIDs(nil, text); err != nil || !slices.Equal(again, ids) {
			t.Errorf("at first %v, then %v, %v", ids, again, err)
		}
		tok.Decode(ids, true)
		for _, codePoints := range []bool{false, true} {
			checkEncoding(t, data, text, codePoints, ids)
		}
	})
}

// Any components go together, with any text.
func FuzzPipelines(f *testing.F) {
	kinds := []string{"normalizer", "pre_tokenizer", "model", "post_processor", "decoder"}
	choices := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(ofType)) {
		kind, _, _ := strings.Cut(name, " ")
		choices[kind] = append(choices[kind], ofType[name])
	}
	for _, kind := range kinds {
		if kind != "model" {
			choices[kind] = append(choices[kind], `null`)
		}
	}
	token := func(id int, content, flags string) string {
		return fmt.Sprintf(`{"id":%d,"content":%q,"single_word":%t,"lstrip":%t,"rstrip":%t,"normalized":%t,"special":%t}`,
			id, content, flags[0] == 'y', flags[1] == 'y', flags[2] == 'y', flags[3] == 'y', flags[4] == 'y')
	}
	for i := range uint64(60) {
		f.Add(i*0x9E3779B97F4A7C15, "a aa. É \u0301é ▁Ġa\n\n 12 \xff |x|ab", "|x|", " É")
	}
	f.Fuzz(func(t *testing.T, choice uint64, text, raw, normal string) {
		p := parts()
		p["added_tokens"] = `[]`
		pick := func(n int) int {
			i := choice % uint64(n)
			choice /= uint64(n)
			return int(i)
		}
		for _, kind := range kinds {
			p[kind] = choices[kind][pick(len(choices[kind]))]
		}
		bits := strings.Map(func(r rune) rune {
			if r == '1' {
				return 'y'
			}
			return 'n'
		}, fmt.Sprintf("%06b", pick(64)))
		if utf8.ValidString(raw) && utf8.ValidString(normal) && !strings.ContainsAny(raw+normal, "\x00\a\v\x7f") {
			p["added_tokens"] = `[` + token(3, raw, bits[:3]+"ny") + `,` + token(4, normal, bits[3:]+"yn") + `]`
		}
		data := join(p)
		tok, err := New(data, &Options{Truncation: &Truncation{MaxLen: 8}, NoPadding: true})
		if err != nil {
			return
		}
		ids, err := tok.AppendIDs(nil, text)
		if err != nil {
			return
		}
		if again, err := tok.AppendIDs(nil, text); err != nil || !slices.Equal(again, ids) {
			t.Errorf("at first %v, then %v, %v", ids, again, err)
		}
		tok.Decode(ids, true)
		checkEncoding(t, data, text, false, ids)
		checkEncoding(t, data, text, true, ids)
	})
}

// checkEncoding checks that the encoding of a text has these ids, and that its
// offsets lie in the text.
func checkEncoding(t *testing.T, data []byte, text string, codePoints bool, ids []int32) {
	tok, err := New(data, &Options{Truncation: &Truncation{MaxLen: 8}, CodePoints: codePoints, NoPadding: true})
	if err != nil {
		t.Fatal(err)
	}
	e, err := tok.Encode(text)
	if err != nil {
		return // a token beyond those that are kept
	}
	if !slices.Equal(e.IDs, ids) {
		t.Errorf("encoded as %v, ids are %v", e.IDs, ids)
	}
	size := len(text)
	if codePoints {
		size = utf8.RuneCountInString(repair(text))
	}
	if n := len(e.IDs); len(e.TypeIDs) != n || len(e.Mask) != n || len(e.Special) != n || len(e.Tokens) != n || len(e.Offsets) != n || len(e.Words) != n || len(e.Texts) != n {
		t.Errorf("%d ids: %+v", n, e)
	}
	pair, err := tok.EncodePair(text, text)
	if err == nil && pair.Len() > 8 {
		t.Errorf("a pair of %d ids", pair.Len())
	}
	for i, o := range e.Offsets {
		// As in the reference, a BPE that falls back to bytes counts those
		// that it put before and behind a code point, too.
		if m, ok := tok.file.model.(*bpe); ok && m.byteFallback != nil && m.prefix+m.suffix != "" {
			break
		}
		if o.Start < 0 || o.Start > o.End || o.End > size {
			t.Errorf("token %d: %v of %d", i, o, size)
		}
	}
}
