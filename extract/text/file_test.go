package text

import (
	"strconv"
	"strings"
	"testing"
)

// What is not supported, or wrong, is said by name.
func TestRefused(t *testing.T) {
	if _, err := load(small(join(parts()))); err != nil {
		t.Fatal(err)
	}
	token := func(edit ...string) string {
		return `[` + strings.NewReplacer(edit...).Replace(
			`{"id":3,"content":"x","single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":false}`) + `]`
	}
	template := func(single, special string) string {
		return `{"type":"TemplateProcessing","single":` + single + `,"pair":[],"special_tokens":` + special + `}`
	}
	padding := func(edit ...string) string {
		return strings.NewReplacer(edit...).Replace(`{"strategy":"BatchLongest","direction":"Right","pad_to_multiple_of":null,"pad_id":2,"pad_type_id":0,"pad_token":"x"}`)
	}
	truncation := func(edit ...string) string {
		return strings.NewReplacer(edit...).Replace(`{"direction":"Right","max_length":8,"strategy":"LongestFirst","stride":0}`)
	}
	model := func(edit ...string) string { return strings.NewReplacer(edit...).Replace(parts()["model"]) }
	const one = `{"X":{"id":"X","ids":[1],"tokens":["a"]}}`
	for _, c := range []struct{ part, is, want string }{
		{"version", `"2.0"`, `tokenizer.json: version "2.0" is not supported: 1.0 is`},
		{"normalizer", `{"type":"Precompiled","precompiled_charsmap":""}`, `normalizer Precompiled: precompiled_charsmap: 0 bytes`},
		{"normalizer", `{"type":"Precompiled","precompiled_charsmap":"x"}`, `normalizer Precompiled: precompiled_charsmap: illegal base64`},
		{"normalizer", `{"type":"Precompiled","precompiled_charsmap":"CAAAAAAAAAA="}`, `normalizer Precompiled: precompiled_charsmap: a trie of 2 units in 8 bytes`},
		{"normalizer", `{"type":"Precompiled","precompiled_charsmap":"BAAAAAAAAAD/"}`, `normalizer Precompiled: precompiled_charsmap: the replacements are not valid UTF-8`},
		{"normalizer", `{"type":"Sequence","normalizers":[{"type":"Uppercase"}]}`, `normalizer Sequence: normalizers: 0 Uppercase is not supported`},
		{"normalizer", `{"type":"Replace","pattern":"x","content":""}`, `normalizer Replace: pattern: json: cannot unmarshal string`},
		{"normalizer", `{"type":"Replace","pattern":{"Glob":"x"},"content":""}`, `normalizer Replace: pattern: neither a String nor a Regex`},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"(x"},"content":""}`, `normalizer Replace: pattern: the regex "(x" cannot be run exactly: at byte 2: a ( without its )`},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":"(x)\\1"},"content":""}`, `the regex "(x)\\1" cannot be run exactly: at byte 5: \1`},
		{"normalizer", `{"type":"Strip","strip_left":true}`, `normalizer Strip: strip_right is missing`},
		{"pre_tokenizer", `{"type":"Split","pattern":{"String":"x"},"behavior":"isolated","invert":false}`, `pre_tokenizer Split: behavior "isolated" is not known`},
		{"pre_tokenizer", `{"type":"Split","pattern":{"String":"x"},"behavior":"Isolated"}`, `pre_tokenizer Split: invert is missing`},
		{"pre_tokenizer", `{"type":"Metaspace","replacement":"▁▁"}`, `pre_tokenizer Metaspace: replacement "▁▁" is not one character`},
		{"pre_tokenizer", `{"type":"Metaspace","replacement":"▁","prepend_scheme":"last"}`, `pre_tokenizer Metaspace: prepend_scheme "last" is not known`},
		{"pre_tokenizer", `{"type":"Metaspace","replacement":"▁","add_prefix_space":false}`, `pre_tokenizer Metaspace: add_prefix_space is false, but prepend_scheme is "always"`},
		{"pre_tokenizer", `{"type":"FixedLength","length":0}`, `pre_tokenizer FixedLength: length 0: it must be 1 or more`},
		{"pre_tokenizer", `{"type":"CharDelimiterSplit","delimiter":""}`, `pre_tokenizer CharDelimiterSplit: delimiter "" is not one character`},
		{"normalizer", `{"prepend":"x","strip_left":5,"strip_right":true}`, `tokenizer.json: normalizer Strip: strip_left: json: cannot unmarshal number`},
		{"model", `{"type":null,"vocab":{"a":0},"unk_token":"a"}`, `tokenizer.json: model: type is missing`},
		{"normalizer", `{"clean_text":true}`, `tokenizer.json: normalizer: type is missing`},
		{"normalizer", `{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null}`, `normalizer BertNormalizer: lowercase is missing`},
		{"normalizer", `{"type":"BertNormalizer","clean_text":1,"handle_chinese_chars":true,"lowercase":true}`, `normalizer BertNormalizer: clean_text: json: cannot unmarshal number`},
		{"normalizer", `[]`, `tokenizer.json: normalizer: json: cannot unmarshal array`},
		{"pre_tokenizer", `{"type":"ByteLevel"}`, `pre_tokenizer ByteLevel: add_prefix_space is missing`},
		{"model", `{"type":"Bytes"}`, `tokenizer.json: model Bytes is not supported`},
		{"model", `{"type":"Unigram","unk_id":0,"vocab":[["a",[]],["b",0]]}`, `model Unigram: vocab: token 0 is not a token and its score`},
		{"model", `{"type":"Unigram","unk_id":0,"vocab":[["a",{}],["b",0]]}`, `model Unigram: vocab: token 0 is not a token and its score`},
		{"model", `{"type":"Unigram","unk_id":0,"vocab":[["a",[1]],["b",0]]}`, `model Unigram: vocab: token 0 is not a token and its score`},
		{"model", `{"type":"Unigram","unk_id":0,"vocab":[["a",null],["b",0]]}`, `model Unigram: vocab: token 0 is not a token and its score`},
		{"model", `{"type":"Unigram","unk_id":0,"vocab":[["a",true],["b",0]]}`, `model Unigram: vocab: token 0 is not a token and its score`},
		{"model", `{"type":"Unigram","unk_id":0,"vocab":[["a","5"],["b",0]]}`, `model Unigram: vocab: token 0 is not a token and its score`},
		{"model", `{"type":"BPE","vocab":{"a":0}}`, `model BPE: merges is missing`},
		{"model", `{"type":"BPE","vocab":{"a":0},"merges":[],"dropout":0.1}`, `model BPE: dropout 0.1 makes merges at random`},
		{"model", `{"type":"BPE","vocab":{"a":0},"merges":["a b"]}`, `model BPE: merges: pair 0: "b" is not in the vocabulary`},
		{"model", `{"type":"BPE","vocab":{"a":0},"merges":["a a"]}`, `model BPE: merges: pair 0: "aa" is not in the vocabulary`},
		{"model", `{"type":"BPE","vocab":{"a":0,"aa":1},"merges":["a a",["a","a"]]}`, `model BPE: merges: pair 1 is not two tokens`},
		{"model", `{"type":"BPE","vocab":{"a":0,"aa":1},"merges":["a a a"]}`, `model BPE: merges: pair 0 is not two tokens`},
		{"model", `{"type":"BPE","vocab":{"a":0},"merges":[],"continuing_subword_prefix":1}`, `model BPE: continuing_subword_prefix: json`},
		{"model", `{"type":"Unigram","vocab":{}}`, `model Unigram: vocab is not a list of tokens and scores`},
		{"model", `{"type":"Unigram"}`, `model Unigram: vocab is missing`},
		{"model", `{"type":"Unigram","vocab":[["a",0],["b"]]}`, `model Unigram: vocab: token 1 is not a token and its score`},
		{"model", `{"type":"Unigram","vocab":[["a",0]],"unk_id":1}`, `model Unigram: unk_id: no token has id 1`},
		{"model", `{"type":"WordLevel","vocab":{}}`, `model WordLevel: unk_token is missing`},
		{"model", ``, `tokenizer.json: model is missing`},
		{"model", model(`"vocab"`, `"Vocab"`), `model WordPiece: vocab is missing`},
		{"model", model(`100`, `-1`), `model WordPiece: max_input_chars_per_word: json: cannot unmarshal`},
		{"model", model(`100`, `1025`), `model WordPiece: max_input_chars_per_word 1025: the limit is 1024`},
		{"model", model(`"a":1`, `"a":2097152`), `model WordPiece: vocab: "a" has id 2097152: ids stay below 2097152`},
		{"model", model(`"a":1`, `"a":2`), `model WordPiece: vocab: "##a" and "a" both have id 2`},
		{"model", model(`"a":1`, `"a":1.5`), `model WordPiece: vocab: json: cannot unmarshal number 1.5`},
		{"model", model(`##a`, `\ud83d`), `half a surrogate pair is no character`},
		{"model", model(`##a`, `\udc00\ud83d`), `half a surrogate pair is no character`},
		{"model", model(`##a`, "\xff"), `tokenizer.json: it is not valid UTF-8`},
		{"added_tokens", token(`"lstrip"`, `"left"`), `added_tokens: token 0: lstrip is missing`},
		{"added_tokens", token("x", "\u0301"), "\"\u0301\" normalises to nothing"},
		{"added_tokens", token("x", strings.Repeat("x", maxAdded)), `added_tokens: more than 1048576 bytes`},
		{"added_tokens", strings.TrimSuffix(token(), "]") + "," + strings.TrimPrefix(token(`3`, `4`, `x`, `X`), "["), `"X" normalises to "x", as another one does`},
		{"padding", padding("2", "7"), `padding: pad_id: no token has id 7`},
		{"padding", padding(`"BatchLongest"`, `"Longest"`), `padding: strategy is neither "BatchLongest" nor {"Fixed": LENGTH}`},
		{"padding", padding(`"BatchLongest"`, `{"Fixed":-1}`), `padding: strategy is neither`},
		{"padding", padding(`"BatchLongest"`, `{"Fixed":2147483648}`), `padding: strategy: Fixed 2147483648: the limit is 2147483647`},
		{"padding", padding(`"Right"`, `"right"`), `padding: direction "right" is neither "Left" nor "Right"`},
		{"padding", padding(`"pad_type_id":0,`, ``), `padding: pad_type_id is missing`},
		{"truncation", truncation("LongestFirst", "Longest"), `truncation: strategy "Longest" is not known`},
		{"truncation", truncation(`"stride":0`, `"strides":0`), `truncation: stride is missing`},
		{"truncation", truncation("Right", "Up"), `truncation: direction "Up" is neither "Left" nor "Right"`},
		{"post_processor", `{"type":"RobertaProcessor"}`, `tokenizer.json: post_processor RobertaProcessor is not supported`},
		{"post_processor", `{"type":"BertProcessing","cls":["[UNK]",0]}`, `post_processor BertProcessing: sep is missing`},
		{"post_processor", `{"type":"BertProcessing","cls":["[UNK]",0],"sep":[0,"[UNK]"]}`, `post_processor BertProcessing: sep is not a token and its id`},
		{"post_processor", `{"type":"BertProcessing","cls":["[UNK]",0],"sep":["[UNK]",3]}`, `post_processor: no token has id 3`},
		{"post_processor", template(`[{"Sequence":{"id":"B","type_id":0}}]`, one), `single: piece 0: Sequence B: one text has A alone`},
		{"post_processor", template(`[{"Piece":{}}]`, one), `single: piece 0: neither a SpecialToken nor a Sequence`},
		{"post_processor", template(`[{"SpecialToken":{"id":"Y","type_id":0}}]`, one), `special_tokens: Y is missing`},
		{"post_processor", template(`[{"SpecialToken":{"id":"X","type_id":3000000000}}]`, one), `type_id 3000000000: the limit is 2147483647`},
		{"post_processor", template(`[{"SpecialToken":{"id":"X","type_id":0}}]`, strings.Replace(one, "1", "5", 1)), `post_processor: no token has id 5`},
	} {
		p := parts()
		p[c.part] = c.is
		_, err := load(small(join(p)))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "text: ") {
			t.Errorf("%s %.100s:\n got %v\nwant %s", c.part, c.is, err, c.want)
		}
	}

	good := join(parts())
	for _, c := range []struct {
		spec *contract
		want string
	}{
		{small(nil), `tokenizer.json: it is empty`},
		{small([]byte(`[]`)), `tokenizer.json: json: cannot unmarshal array`},
		{small(good[:len(good)-1]), `tokenizer.json: unexpected end of JSON input`},
		{small(append(good[:len(good):len(good)], '{')), `tokenizer.json: invalid character '{' after top-level value`},
		{small(append([]byte("\ufeff"), good...)), `tokenizer.json: invalid character`},
		{small(make([]byte, maxFile+1)), `tokenizer.json: 67108865 bytes: the limit is 67108864`},
		{&contract{Tokenizer: good, MaxLen: 8, Prefix: "\xff"}, `prefix "\xff" is not valid UTF-8`},
	} {
		if _, err := load(c.spec); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// A vocabulary over the limit is refused.
func TestVocabularyLimit(t *testing.T) {
	vocab := []byte(`{"[UNK]":0`)
	for i := range maxVocab {
		vocab = append(vocab, `,"`...)
		vocab = strconv.AppendInt(vocab, int64(i), 36)
		vocab = append(vocab, `":`...)
		vocab = strconv.AppendInt(vocab, int64(i+1), 10)
	}
	p := parts()
	p["model"] = strings.Replace(p["model"], `{"[UNK]":0,"a":1,"##a":2}`, string(vocab)+"}", 1)
	_, err := load(small(join(p)))
	if err == nil || !strings.Contains(err.Error(), "vocab: 1048577 tokens: the limit is 1048576") {
		t.Errorf("error %v", err)
	}
}

// What fills up rows: the padding's id, else that of [PAD], else 0.
func TestPadID(t *testing.T) {
	pad := `[{"id":3,"content":"[PAD]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]`
	for _, c := range []struct {
		padding, added string
		want           int32
	}{
		{`{"strategy":{"Fixed":128},"direction":"Right","pad_to_multiple_of":null,"pad_id":2,"pad_type_id":0,"pad_token":"x"}`, pad, 2},
		{`null`, pad, 3},
		{`null`, `[]`, 0},
	} {
		p := parts()
		p["padding"], p["added_tokens"] = c.padding, c.added
		if tok := build(t, small(join(p))); tok.PadID() != c.want {
			t.Errorf("padding %s, added %s: %d, want %d", c.padding, c.added, tok.PadID(), c.want)
		}
	}
}

// An escaped backslash before ud83d is no escape of a surrogate.
func TestLoneSurrogate(t *testing.T) {
	for s, want := range map[string]int{
		`"\\ud83d"`: -1, `"\ud83d\ude00"`: -1, `"\uD83D\uDE00\uD83D"`: 13, `"\ud83d\n"`: 1, `"\udE00"`: 1, `"é\n\u00e9"`: -1,
		`"\\\ud83dx"`: 3, `"\ud83d\ud83d\ude00"`: 1, `"\ud83d"`: 1, ``: -1, `"\`: -1, `"\u12`: -1,
	} {
		if got := loneSurrogate([]byte(s)); got != want {
			t.Errorf("%s: %d, want %d", s, got, want)
		}
	}
}
