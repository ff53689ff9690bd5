package text

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// ofType is a component of each type, as a tokenizer.json has it.
var ofType = map[string]string{
	"normalizer BertNormalizer":         parts()["normalizer"],
	"normalizer ByteLevel":              `{"type":"ByteLevel"}`,
	"normalizer Lowercase":              `{"type":"Lowercase"}`,
	"normalizer NFC":                    `{"type":"NFC"}`,
	"normalizer NFD":                    `{"type":"NFD"}`,
	"normalizer NFKC":                   `{"type":"NFKC"}`,
	"normalizer NFKD":                   `{"type":"NFKD"}`,
	"normalizer Nmt":                    `{"type":"Nmt"}`,
	"normalizer Precompiled":            `{"type":"Precompiled","precompiled_charsmap":"BAAAAAAAAAA="}`,
	"normalizer Prepend":                `{"type":"Prepend","prepend":"x"}`,
	"normalizer Replace":                `{"type":"Replace","pattern":{"String":"x"},"content":"y"}`,
	"normalizer Sequence":               `{"type":"Sequence","normalizers":[{"type":"Nmt"}]}`,
	"normalizer Strip":                  `{"type":"Strip","strip_left":true,"strip_right":false}`,
	"normalizer StripAccents":           `{"type":"StripAccents"}`,
	"pre_tokenizer ByteLevel":           `{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}`,
	"pre_tokenizer CharDelimiterSplit":  `{"type":"CharDelimiterSplit","delimiter":"-"}`,
	"pre_tokenizer Digits":              `{"type":"Digits","individual_digits":true}`,
	"pre_tokenizer FixedLength":         `{"type":"FixedLength","length":3}`,
	"pre_tokenizer Metaspace":           `{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":false}`,
	"pre_tokenizer Punctuation":         `{"type":"Punctuation","behavior":"Isolated"}`,
	"pre_tokenizer Sequence":            `{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":false}]}`,
	"pre_tokenizer Split":               `{"type":"Split","pattern":{"Regex":"x"},"behavior":"Removed","invert":false}`,
	"pre_tokenizer UnicodeScripts":      `{"type":"UnicodeScripts"}`,
	"pre_tokenizer Whitespace":          `{"type":"Whitespace"}`,
	"pre_tokenizer WhitespaceSplit":     `{"type":"WhitespaceSplit"}`,
	"pre_tokenizer BertPreTokenizer":    parts()["pre_tokenizer"],
	"model WordPiece":                   parts()["model"],
	"model BPE":                         `{"type":"BPE","vocab":{"[UNK]":0,"a":1,"aa":2},"merges":[["a","a"]]}`,
	"model Unigram":                     `{"type":"Unigram","unk_id":0,"vocab":[["[UNK]",0],["a",-1],["aa",-1.5]]}`,
	"model WordLevel":                   `{"type":"WordLevel","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":1,"aa":2}}`,
	"decoder BPEDecoder":                `{"type":"BPEDecoder","suffix":"</w>"}`,
	"decoder ByteFallback":              `{"type":"ByteFallback"}`,
	"decoder ByteLevel":                 `{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}`,
	"decoder CTC":                       `{"type":"CTC","pad_token":"[PAD]","word_delimiter_token":"|","cleanup":true}`,
	"decoder Fuse":                      `{"type":"Fuse"}`,
	"decoder Metaspace":                 `{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}`,
	"decoder Replace":                   `{"type":"Replace","pattern":{"String":"▁"},"content":" "}`,
	"decoder Sequence":                  `{"type":"Sequence","decoders":[{"type":"Fuse"}]}`,
	"decoder Strip":                     `{"type":"Strip","content":" ","start":1,"stop":0}`,
	"decoder WordPiece":                 `{"type":"WordPiece","prefix":"##","cleanup":true}`,
	"post_processor BertProcessing":     `{"type":"BertProcessing","sep":["a",1],"cls":["[UNK]",0]}`,
	"post_processor RobertaProcessing":  `{"type":"RobertaProcessing","sep":["a",1],"cls":["[UNK]",0],"trim_offsets":true,"add_prefix_space":false}`,
	"post_processor ByteLevel":          `{"type":"ByteLevel","trim_offsets":true,"add_prefix_space":false}`,
	"post_processor Sequence":           `{"type":"Sequence","processors":[{"type":"ByteLevel","trim_offsets":true,"add_prefix_space":false}]}`,
	"post_processor TemplateProcessing": `{"type":"TemplateProcessing","pair":[],"single":[{"SpecialToken":{"id":"X","type_id":1}},{"Sequence":{"id":"A","type_id":2}}],"special_tokens":{"X":{"id":"X","ids":[1,2],"tokens":["a","b"]}}}`,
}

// Walks the tables: each component that has an entry is read from its JSON.
func TestComponentTables(t *testing.T) {
	var known []string
	for kind, types := range map[string][]string{
		"normalizer":     slices.Collect(maps.Keys(normalizerTypes)),
		"pre_tokenizer":  slices.Collect(maps.Keys(preTokenizerTypes)),
		"model":          slices.Collect(maps.Keys(modelTypes)),
		"post_processor": slices.Collect(maps.Keys(postProcessorTypes)),
		"decoder":        slices.Collect(maps.Keys(decoderTypes)),
	} {
		for _, typ := range types {
			name := kind + " " + typ
			known = append(known, name)
			p := parts()
			if p[kind] = ofType[name]; p[kind] == "" {
				t.Errorf("%s: the test has none", name)
				continue
			}
			if _, err := load(small(join(p))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			p[kind] = strings.Replace(p[kind], `"`+typ+`"`, `"`+typ+`s"`, 1)
			if _, err := load(small(join(p))); err == nil || !strings.Contains(err.Error(), name+"s is not supported") {
				t.Errorf("%ss: %v", name, err)
			}
		}
	}
	if len(known) != len(ofType) {
		t.Errorf("the tables have %q", known)
	}
}

// Components for the test: what a new one has to be.
type (
	reversed struct{}
	atCommas struct{}
	letters  struct{}
	end      struct{}
)

func (reversed) normalize(p *passage) {
	p.rewrite()
	for i := len(p.bytes) - 1; i >= 0; i-- {
		p.keep(i, i+1)
	}
	p.rewritten()
}

func (atCommas) preTokenize(p *passage) {
	text := p.text()
	for _, w := range p.recut() {
		at := w.start
		for word := range strings.SplitSeq(text[w.start:w.end], ",") {
			p.word(at, at+int32(len(word)))
			at += int32(len(word)) + 1
		}
	}
}

func (letters) appendTo(dst *tokens, word []byte) error {
	for i, c := range bytes.ToLower(word) {
		dst.add(int32(c-'a'), i, i+1)
	}
	dst.add(26, len(word), len(word))
	return nil
}

func (end) added(bool) int { return 1 }

func (end) process(list []Encoding, special bool) []Encoding {
	return append(list, Encoding{
		IDs: []int32{28}, TypeIDs: []int32{5}, Mask: []int32{1}, Special: []int32{1},
		Tokens: []string{"=-"}, Offsets: make([]Offset, 1), Words: []int32{-1}, Texts: []int32{-1},
	})
}

func (letters) id(token string) (int32, bool) { return 26, token == "." }
func (letters) token(int32) (string, bool)    { return "", false }
func (letters) fails() bool                   { return false }
func (letters) size() int                     { return 27 }
func (letters) bound() int32                  { return 27 }

// A component with an entry is used, with the others' work around it: added
// tokens, truncation, lower case, the template.
func TestANewComponentIsOneEntry(t *testing.T) {
	normalizerTypes["Reversed"] = func(object) (normalizer, error) { return reversed{}, nil }
	preTokenizerTypes["AtCommas"] = func(object) (preTokenizer, error) { return atCommas{}, nil }
	modelTypes["Letters"] = func(object) (model, error) { return letters{}, nil }
	postProcessorTypes["End"] = func(object) (postProcessor, error) { return end{}, nil }
	defer delete(normalizerTypes, "Reversed")
	defer delete(preTokenizerTypes, "AtCommas")
	defer delete(modelTypes, "Letters")
	defer delete(postProcessorTypes, "End")
	p := parts()
	p["normalizer"], p["pre_tokenizer"], p["model"], p["post_processor"] = `{"type":"Reversed"}`, `{"type":"AtCommas"}`, `{"type":"Letters"}`, `{"type":"End"}`
	p["added_tokens"] = `[{"id":27,"content":"|","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
		{"id":28,"content":"=-","single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":false}]`
	s := small(join(p))
	tok := build(t, s)
	if tok.fused != nil {
		t.Fatal("these are not Bert's stages")
	}
	for text, want := range map[string][]int32{
		"ab,c":       {2, 26, 1, 0, 26, 28},
		"ab|c":       {1, 0, 26, 27, 2, 26, 28},
		"b=-a":       {0, 26, 28, 1, 26, 28},
		"abcdefghij": {9, 8, 7, 6, 5, 4, 3, 28},
	} {
		ids := encode(t, tok, text)
		if !slices.Equal(ids, want) {
			t.Errorf("%q: %v, want %v", text, ids, want)
		}
		if types := tok.AppendTypeIDs(nil, len(ids)); types[len(ids)-1] != 5 {
			t.Errorf("%q: types %v", text, types)
		}
	}
	s.Lowercase = true
	if got := normal(build(t, s), "AbÉ"); got != "\xa9\xc3ba" {
		t.Errorf("lower-cased first: %q", got)
	}
}

// A normalizer rewrites an aligned passage as one that is not.
func TestAligned(t *testing.T) {
	n := build(t, spec(t)).normalizer
	var plain, aligned passage
	for _, g := range golden(t) {
		text := repair(g.Text)
		plain.begin(text, 0, false)
		n.normalize(&plain)
		aligned.begin(text, 0, true)
		n.normalize(&aligned)
		if aligned.text() != plain.text() || len(aligned.spans) != len(aligned.bytes) {
			t.Fatalf("%.300q: %.300q, %d spans, want %.300q", text, aligned.bytes, len(aligned.spans), plain.bytes)
		}
		for _, s := range aligned.spans {
			if s.start > s.end || int(s.end) > len(text) {
				t.Fatalf("%.300q: %v", text, s)
			}
		}
	}
}

// Bert's stages one after the other give what they give in one pass.
func TestStagedIsFused(t *testing.T) {
	staged := build(t, spec(t))
	if staged.fused == nil {
		t.Fatal("Bert's stages are not one pass")
	}
	staged.fused = nil
	for _, g := range golden(t) {
		ids, err := staged.AppendIDs(nil, g.Text)
		if err != nil || !slices.Equal(ids, g.IDs) {
			t.Fatalf("%.300q: %v, %v, want %v", g.Text, ids, err, g.IDs)
		}
	}
}

// A component that does not say its type is what its fields say, and a
// pre-tokenizer is refused, as the reference has it.
func TestUntypedComponents(t *testing.T) {
	const text = "a aa. É \u0301é ▁Ġa\n\n 12 b##  a"
	untyped := map[string]bool{
		"normalizer BertNormalizer": true, "normalizer Strip": true, "normalizer Sequence": true, "normalizer Replace": true, "normalizer Prepend": true,
		"post_processor RobertaProcessing": true, "post_processor BertProcessing": true, "post_processor TemplateProcessing": true,
		"decoder BPEDecoder": true, "decoder WordPiece": true, "decoder CTC": true, "decoder Replace": true, "decoder Strip": true,
	}
	found := 0
	for name, is := range ofType {
		kind, typ, _ := strings.Cut(name, " ")
		if kind == "model" {
			continue
		}
		var o map[string]json.RawMessage
		if err := json.Unmarshal([]byte(is), &o); err != nil {
			t.Fatal(err)
		}
		delete(o, "type")
		for _, null := range []bool{false, true} {
			if null {
				o["type"] = json.RawMessage(`null`)
			}
			bare, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			p := parts()
			p[kind] = string(bare)
			tok, err := New(join(p), nil)
			if !untyped[name] {
				if err == nil || !strings.Contains(err.Error(), kind+": type is missing") {
					t.Errorf("%s without its type: %v", name, err)
				}
				continue
			}
			if found++; err != nil {
				t.Errorf("%s without its type: %v", name, err)
				continue
			}
			p[kind] = is
			want, err := New(join(p), nil)
			if err != nil {
				t.Fatal(err)
			}
			ids, all := encode(t, tok, text), encode(t, want, text)
			if !slices.Equal(ids, all) || tok.Decode(ids, false) != want.Decode(ids, false) {
				t.Errorf("%s: %v and %q without its type, %v and %q with it", typ, ids, tok.Decode(ids, false), all, want.Decode(ids, false))
			}
		}
	}
	if found != 2*len(untyped) {
		t.Errorf("%d of %d", found, 2*len(untyped))
	}
}
