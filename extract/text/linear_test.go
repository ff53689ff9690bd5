package text

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// byLetters are a small tokenizer.json of each model, with tokens that overlap.
func byLetters(t testing.TB) map[string]*Tokenizer {
	t.Helper()
	const (
		gpt2      = `{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}`
		metaspace = `{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}`
	)
	words := []string{"<unk>", "▁"}
	for n := 1; n <= 32; n *= 2 {
		for _, s := range []string{"a", "<", "|", "<|", "́", ".", "Ġ", "Ì", "ģ", "Ìģ", "▁"} {
			if w := strings.Repeat(s, n); !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
	}
	ids := map[string]int{}
	var scored, merges []string
	for i, w := range words {
		ids[w] = i
		scored = append(scored, fmt.Sprintf("[%q,%d]", w, -i))
		if half := w[:len(w)/2]; half+half == w && ids[half] > 0 {
			merges = append(merges, fmt.Sprintf("[%q,%q]", half, half))
		}
	}
	for _, pair := range [][2]string{{"<", "|"}, {"Ì", "ģ"}} {
		merges = append(merges, fmt.Sprintf("[%q,%q]", pair[0], pair[1]))
	}
	vocab, err := json.Marshal(ids)
	if err != nil {
		t.Fatal(err)
	}
	bpe := `{"type":"BPE","unk_token":"<unk>","fuse_unk":true,"vocab":` + string(vocab) + `,"merges":[` + strings.Join(merges, ",") + `]}`
	unigram := `{"type":"Unigram","unk_id":0,"vocab":[` + strings.Join(scored, ",") + `]}`
	tokens := `[{"id":%d,"content":"<|end|>","single_word":false,"lstrip":true,"rstrip":true,"normalized":false,"special":true},
		{"id":%d,"content":"` + strings.Repeat("a", 1000) + `b","single_word":true,"lstrip":true,"rstrip":true,"normalized":true,"special":false}]`
	all := map[string]*Tokenizer{}
	for name, c := range map[string]struct{ model, pre string }{
		"BPE":               {bpe, gpt2},
		"BPE, one word":     {bpe, `null`},
		"Unigram":           {unigram, metaspace},
		"Unigram, one word": {unigram, `null`},
		"WordPiece": {`{"type":"WordPiece","unk_token":"<unk>","continuing_subword_prefix":"","max_input_chars_per_word":100,"vocab":` + string(vocab) + `}`,
			`{"type":"BertPreTokenizer"}`},
		"WordLevel": {`{"type":"WordLevel","unk_token":"<unk>","vocab":` + string(vocab) + `}`, `{"type":"Whitespace"}`},
	} {
		p := parts()
		p["model"], p["pre_tokenizer"], p["normalizer"], p["decoder"] = c.model, c.pre, `null`, `null`
		p["added_tokens"] = fmt.Sprintf(tokens, len(words), len(words)+1)
		tok, err := New(join(p), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = tok
	}
	return all
}

// made are texts of a mebibyte that a model could take long for.
func made() map[string]string {
	texts := map[string]string{
		"almost a token": strings.Repeat("a", 999), "<|": "<|", "one letter": "a", "combining marks": "\u0301", "spaces": " ", "full stops": ".",
	}
	for name, s := range texts {
		texts[name] = strings.Repeat(s, (1<<20)/len(s))
	}
	return texts
}

// The lookups for a text are at most so many a byte, and the queue of merges
// gets no longer than the word.
func TestWorkIsLinear(t *testing.T) {
	for name, tok := range byLetters(t) {
		for kind, text := range made() {
			if kind == "spaces" || kind == "full stops" {
				continue // like one letter; BenchmarkMade has them
			}
			text = repair(text[:len(text)/4])
			var steps [2]int
			for i, s := range []string{repair(text[:len(text)/16]), text} {
				var r run
				if err := tok.append(&r, s, 1<<30); err != nil {
					t.Fatalf("%s: %s: %v", name, kind, err)
				}
				if steps[i] = r.work.steps; steps[i] > 100*len(s) {
					t.Errorf("%s: %s: %d lookups for %d bytes", name, kind, steps[i], len(s))
				}
			}
			if steps[1] > 20*steps[0]+1000 {
				t.Errorf("%s: %s: %d lookups for a sixteenth, %d for the whole", name, kind, steps[0], steps[1])
			}
		}
	}
}

// The time for texts that are made to be slow, by model.
func BenchmarkMade(b *testing.B) {
	toks := byLetters(b)
	for _, name := range slices.Sorted(maps.Keys(toks)) {
		texts := made()
		for _, kind := range slices.Sorted(maps.Keys(texts)) {
			b.Run(name+"/"+kind, func(b *testing.B) {
				b.SetBytes(int64(len(texts[kind])))
				for b.Loop() {
					if _, err := toks[name].AppendIDs(nil, texts[kind]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
