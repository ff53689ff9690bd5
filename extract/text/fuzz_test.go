package text

import (
	"math"
	"os"
	"slices"
	"testing"
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
		"padding":        `{"pad_id":2}`,
	} {
		p := parts()
		p[part] = is
		f.Add(join(p), "É \u0301é aa\xff")
	}
	p := parts()
	p["post_processor"] = `{"type":"TemplateProcessing","pair":[],"single":[{"SpecialToken":{"id":"X","type_id":1}},{"Sequence":{"id":"A","type_id":2}}],"special_tokens":{"X":{"id":"X","ids":[1,2],"tokens":["a","b"]}}}`
	f.Add(join(p), "a")
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
		for _, id := range append(ids, tok.PadID()) {
			if id < 0 || int(id) >= read.size {
				t.Errorf("id %d is not in the vocabulary of %d", id, read.size)
			}
		}
	})
}
