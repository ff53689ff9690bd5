package text

import "testing"

// Each decoder puts tokens together as the reference does.
func TestDecoders(t *testing.T) {
	for _, c := range []struct {
		decoder string
		tokens  []string
		want    string
	}{
		{`null`, []string{"a", "b"}, "a b"},
		{`{"type":"Fuse"}`, []string{"a", "b"}, "ab"},
		{`{"type":"BPEDecoder","suffix":"</w>"}`, []string{"lo", "w</w>", "er</w>"}, "low er"},
		{`{"type":"ByteFallback"}`, []string{"<0xE6>", "<0x97>", "<0xA5>", "a", "<0xe6>", "<0x+7>"}, "日a\ufffd\ufffd"},
		{`{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}`, []string{"Ġh", "Ã©", "日Ġ"}, " hé日Ġ"},
		{`{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}`, []string{"Ã", "a"}, "\ufffda"},
		{`{"type":"CTC","pad_token":"_","word_delimiter_token":"|","cleanup":true}`, []string{"a", "a", "_", "a", "|", "b", " .", "_"}, "aa b."},
		{`{"type":"CTC","pad_token":"_","word_delimiter_token":"|","cleanup":false}`, []string{"a", "|", "|", "b"}, "a|b"},
		{`{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}`, []string{"▁a▁", "b", "▁c"}, "ab c"},
		{`{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":true}`, []string{"▁a", "▁c"}, " a c"},
		{`{"type":"Replace","pattern":{"Regex":"[ab]+"},"content":"x"}`, []string{"abc", "c", "ba"}, "xccx"},
		{`{"type":"Strip","content":" ","start":2,"stop":1}`, []string{"   a  ", " "}, " a "},
		{`{"type":"WordPiece","prefix":"##","cleanup":true}`, []string{"##do", "not", "##e", ",", "i", "do", "not"}, "##do note, i do not"},
		{`{"type":"WordPiece","prefix":"##","cleanup":false}`, []string{"a", ".", "##b"}, "a .b"},
		{`{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}`,
			[]string{"▁a", "<0x62>", "▁c"}, "ab c"},
	} {
		p := parts()
		p["decoder"] = c.decoder
		tok := build(t, small(join(p)))
		got := tok.decode(append([]string(nil), c.tokens...))
		if got != c.want {
			t.Errorf("%s: %q: %q, want %q", c.decoder, c.tokens, got, c.want)
		}
		if got := tok.decode(nil); got != "" {
			t.Errorf("%s: no tokens: %q", c.decoder, got)
		}
	}
}

// Special tokens are left out if that is asked for, numbers that are no ids
// always.
func TestDecode(t *testing.T) {
	tok := build(t, spec(t))
	ids := encode(t, tok, "Déjà vu, [SEP] face!")
	ids = append(ids, -1, 1<<30)
	if got, want := tok.Decode(ids, false), "[CLS] deja vu, [SEP] face! [SEP]"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := tok.Decode(ids, true), "deja vu, face!"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
