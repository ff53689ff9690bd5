package text

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// Cutting while reading gives what cutting at the end would.
func TestTruncation(t *testing.T) {
	s := spec(t)
	s.MaxLen = math.MaxInt
	whole := build(t, s)
	var cut []*Tokenizer
	for _, most := range []int{3, 17, 256} {
		s.MaxLen = most
		cut = append(cut, build(t, s))
	}
	for _, g := range golden(t) {
		all := encode(t, whole, g.Text)
		for _, tok := range cut {
			want := encodeAtMost(all, tok.cut.MaxLen)
			if got := encode(t, tok, g.Text); !slices.Equal(got, want) {
				t.Fatalf("at most %d: %.300q\n got %v\nwant %v", tok.cut.MaxLen, g.Text, got, want)
			}
			checkCuts(t, tok, g.Text, len(all) > tok.cut.MaxLen)
		}
	}
}

// A file whose tokens are all taken by special ones keeps none of a text, as
// the reference does, whatever the strategy; fewer are an error, and so are
// options of which no text can come.
func TestNoRoom(t *testing.T) {
	with := func(most string) []byte {
		return patched(t, map[string]json.RawMessage{
			"truncation": json.RawMessage(`{"direction":"Right","max_length":` + most + `,"strategy":"OnlyFirst","stride":0}`),
		}).Tokenizer
	}
	tok, err := New(with("2"), &Options{NoPadding: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tok.AppendIDs(nil, "hello big world"); err != nil || !slices.Equal(got, []int32{101, 102}) {
		t.Errorf("%v, %v", got, err)
	}
	e, err := tok.Encode("hello big world")
	if err != nil || !slices.Equal(e.IDs, []int32{101, 102}) {
		t.Errorf("%v, %v", e.IDs, err)
	}
	// Fewer than the special ones: the reference cuts nothing off.
	if tok, err := New(with("1"), &Options{NoPadding: true}); err != nil || len(encode(t, tok, "hello big world")) != 5 {
		t.Errorf("%v", err)
	}
	for most := 1; most <= 2; most++ {
		if _, err := tok.With(&Options{Truncation: &Truncation{MaxLen: most}}); err == nil || !strings.Contains(err.Error(), "leave no room") {
			t.Errorf("%v", err)
		}
	}
}

// The ids of added tokens are those that tokenizers 0.23.3 gives them, whatever
// the file says.
func TestIDsOfAddedTokens(t *testing.T) {
	for added, want := range map[string]map[string]int32{
		`9 x`:          {"x": 3},
		`3 a`:          {"a": 1},
		`4 y, 3 z`:     {"y": 3, "z": 4},
		`7 x, 7 y`:     {"x": 3, "y": 4},
		`3 x, 3 x`:     {"x": 3},
		`1 x`:          {"x": 3},
		`2 ##a, 8 x`:   {"##a": 2, "x": 3},
		`0 x, 1 [UNK]`: {"x": 3, "[UNK]": 0},
	} {
		var list []string
		for _, one := range strings.Split(added, ", ") {
			id, content, _ := strings.Cut(one, " ")
			list = append(list, `{"id":`+id+`,"content":"`+content+`","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}`)
		}
		p := parts()
		p["added_tokens"] = "[" + strings.Join(list, ",") + "]"
		tok, err := load(small(join(p)))
		if err != nil {
			t.Errorf("%s: %v", added, err)
			continue
		}
		for content, id := range want {
			if got, ok := tok.ID(content); !ok || got != id {
				t.Errorf("%s: %q has id %d, want %d", added, content, got, id)
			}
		}
	}
}

// checkCuts checks whether tok says that it cuts a text.
func checkCuts(t *testing.T, tok *Tokenizer, text string, want bool) {
	t.Helper()
	if _, cut, err := tok.AppendCut(nil, text); err != nil || cut != want {
		t.Errorf("at most %d: %.300q is cut: %v, %v; want %v", tok.cut.MaxLen, text, cut, err, want)
	}
	if cuts := tok.Cuts(text); cuts != want {
		t.Errorf("at most %d: Cuts of %.300q is %v, want %v", tok.cut.MaxLen, text, cuts, want)
	}
	if want && tok.fits(int64(len(text))) {
		t.Errorf("at most %d: %.300q, of which the end is cut off, fits", tok.cut.MaxLen, text)
	}
}

// dst is extended, and what it holds stays.
func TestAppend(t *testing.T) {
	s := spec(t)
	s.MaxLen = math.MaxInt
	tok := build(t, s)
	got, err := tok.AppendIDs([]int32{7}, "hello")
	if err != nil {
		t.Fatal(err)
	}
	got, err = tok.AppendIDs(got, "world")
	if err != nil {
		t.Fatal(err)
	}
	if want := []int32{7, 101, 7592, 102, 101, 2088, 102}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if tok.PadID() != 0 {
		t.Errorf("pad id %d, want 0", tok.PadID())
	}
}

func TestHostile(t *testing.T) {
	for _, patch := range []map[string]json.RawMessage{nil, {"added_tokens": hostileAdded}} {
		s := patched(t, patch)
		s.MaxLen = math.MaxInt // nothing is left unread
		tok := build(t, s)
		for name, text := range hostile() {
			if ids := encode(t, tok, text); len(ids) < 2 {
				t.Errorf("%s: %d ids", name, len(ids))
			}
		}
	}
}

// The ids of a text depend on nothing else that is encoded meanwhile.
func TestConcurrent(t *testing.T) {
	tok := build(t, spec(t))
	texts := golden(t)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			var ids []int32
			for i := range texts {
				g := texts[(i*7+w*1000)%len(texts)]
				var err error
				if ids, err = tok.AppendIDs(ids[:0], g.Text); err != nil || !slices.Equal(ids, g.IDs) {
					t.Errorf("%.300q: %v, %v", g.Text, ids, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// A text of a usual length costs no memory but its ids.
func TestAllocations(t *testing.T) {
	tok := build(t, spec(t))
	ids := make([]int32, 0, 300)
	var r run // AppendIDs has it from a pool, which may always be found empty
	for _, text := range []string{"grinning face with smiling eyes", "Déjà vu: l'été à Nîmes", "猫在椅子上睡觉", "고양이가 의자 위에서", "𝅘𝅥𝅮 x\u302f\u302e [SEP]"} {
		n := testing.AllocsPerRun(100, func() {
			r.ids = ids
			if err := tok.append(&r, repair(text), 256); err != nil {
				t.Fatal(err)
			}
		})
		if n >= 1 {
			t.Errorf("%q: %v allocations", text, n)
		}
	}
}

func TestUnknownMissing(t *testing.T) {
	s := patched(t, map[string]json.RawMessage{
		"model":          json.RawMessage(`{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":4,"vocab":{"a":0,"##b":1}}`),
		"added_tokens":   json.RawMessage(`[]`),
		"post_processor": json.RawMessage(`null`),
	})
	tok := build(t, s)
	if ids := encode(t, tok, "ab A abb"); !slices.Equal(ids, []int32{0, 1, 0, 0, 1, 1}) {
		t.Errorf("ids %v", ids)
	}
	for _, text := range []string{"a c", "ac", "abbbb"} {
		ids, err := tok.AppendIDs([]int32{9}, text)
		if err == nil || !strings.Contains(err.Error(), `unknown token "[UNK]"`) {
			t.Errorf("%q: error %v", text, err)
		}
		if !slices.Equal(ids, []int32{9}) {
			t.Errorf("%q: dst became %v", text, ids)
		}
	}
}

func TestRepair(t *testing.T) {
	for _, c := range []struct{ bad, want string }{
		{"", ""},
		{"\ufeffa\ufffdé", "\ufeffa\ufffdé"},
		{"a\xffb", "a\ufffdb"},
		{"\xe2\x82", "\ufffd"},
		{"\xe2\x82a", "\ufffda"},
		{"\xf0\x9f\x98\xf0\x9f\x98\x80", "\ufffd😀"},
		{"\xed\xa0\x80", "\ufffd\ufffd\ufffd"},                                // a surrogate
		{"\xc0\x80", "\ufffd\ufffd"},                                          // overlong
		{"\xe0\x80\xaf", "\ufffd\ufffd\ufffd"},                                // overlong
		{"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"},                      // above U+10FFFF
		{"\xf0\x80\x80\x41", "\ufffd\ufffd\ufffdA"},                           // overlong
		{"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", "\ufffd\ufffd\ufffd\ufffdA"}, // Unicode Standard, table 3-11
	} {
		if got := repair(c.bad); got != c.want || !utf8.ValidString(got) {
			t.Errorf("%q: got %q, want %q", c.bad, got, c.want)
		}
	}
}

// A file that makes a letter many, again and again, is an error of the text,
// not the end of memory.
func TestGrowthIsBounded(t *testing.T) {
	for _, one := range []string{`{"type":"Replace","pattern":{"String":"a"},"content":"aaaa"}`, `{"type":"ByteLevel"}`, precompiledOf('a', "aaaa")} {
		testGrowth(t, one, 40, "aé", strings.Repeat("aé", 1<<16))
	}
	testGrowth(t, precompiledOf('a', strings.Repeat("a", 1<<20)), 1, "aé", strings.Repeat("aé", 1<<10))
	testGrowth(t, `{"type":"BertNormalizer","clean_text":false,"handle_chinese_chars":true,"lowercase":false}`, 120, strings.Repeat("中", 1<<12))
}

// precompiledOf is a Precompiled that replaces an ASCII letter.
func precompiledOf(letter byte, by string) string {
	const leaf, label = 1 << 8, 1 << 10
	units := make([]uint32, (int(letter)|1)+1)
	units[letter] = uint32(letter) | leaf | label // its value is at letter^1: 0, where by begins
	data := binary.LittleEndian.AppendUint32(nil, uint32(4*len(units)))
	for _, u := range units {
		data = binary.LittleEndian.AppendUint32(data, u)
	}
	return `{"type":"Precompiled","precompiled_charsmap":"` + base64.StdEncoding.EncodeToString(append(data, by...)) + `"}`
}

func testGrowth(t *testing.T, one string, times int, texts ...string) {
	p := parts()
	list := make([]string, times)
	for i := range list {
		list[i] = one
	}
	p["normalizer"] = `{"type":"Sequence","normalizers":[` + strings.Join(list, ",") + `]}`
	tok, err := New(join(p), nil)
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := tok.AppendIDs(nil, "b"); err != nil || len(ids) != 1 {
		t.Errorf("%v, %v", ids, err)
	}
	for _, text := range texts {
		if _, err := tok.AppendIDs(nil, text); err == nil || !strings.Contains(err.Error(), "make more than 64 bytes of a byte") {
			t.Errorf("%.100s: %d bytes: error %v", one, len(text), err)
		}
		if _, err := tok.Encode(text); err == nil || !strings.Contains(err.Error(), "make more than 64 bytes of a byte") {
			t.Errorf("%.100s: %d bytes are encoded: error %v", one, len(text), err)
		}
	}
}

// An unknown token that the vocabulary lacks is an error wherever it stands,
// and a pair around which there are more special tokens than it may have is
// kept whole: what the reference says of each.
func TestEdgesOfTruncation(t *testing.T) {
	p := parts()
	p["normalizer"], p["pre_tokenizer"], p["post_processor"], p["decoder"], p["added_tokens"] = `null`, `{"type":"WhitespaceSplit"}`, `null`, `null`, `[]`
	for model, fails := range map[string]bool{
		`{"type":"Unigram","unk_id":null,"vocab":[["a",0.0],["b",-1.0],["▁",-2.0]]}`:                                                     true,
		`{"type":"WordLevel","vocab":{"a":0,"b":1},"unk_token":"[UNK]"}`:                                                                 true,
		`{"type":"WordPiece","vocab":{"a":0,"b":1},"unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100}`: true,
		`{"type":"BPE","vocab":{"a":0,"b":1},"merges":[],"unk_token":"x"}`:                                                               true,
		`{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]}`:                                                                               false,
		`{"type":"Unigram","unk_id":2,"vocab":[["a",0.0],["b",-1.0],["▁",-2.0]]}`:                                                        false,
	} {
		p["model"] = model
		tok, err := New(join(p), &Options{Truncation: &Truncation{MaxLen: 2}, NoPadding: true})
		if err != nil {
			t.Fatal(err)
		}
		ids, err := tok.AppendIDs(nil, "a b a z")
		if (err != nil) != fails || err == nil && !slices.Equal(ids, []int32{0, 1}) {
			t.Errorf("%s: %v, %v", model, ids, err)
		}
	}
	p["model"] = `{"type":"WordLevel","vocab":{"a":0,"b":1,"[UNK]":2},"unk_token":"[UNK]"}`
	p["post_processor"] = `{"type":"BertProcessing","sep":["a",0],"cls":["b",1]}`
	for most, want := range map[int][2][]int32{
		0: {{1, 0, 1, 0}, {1, 0, 1, 0, 0, 1, 0, 0}}, 1: {{1, 0, 1, 0}, {1, 0, 1, 0, 0, 1, 0, 0}}, 2: {{1, 0}, {1, 0, 1, 0, 0, 1, 0, 0}},
		3: {{1, 0, 0}, {1, 0, 0}}, 4: {{1, 0, 1, 0}, {1, 0, 0, 0}}, 5: {{1, 0, 1, 0}, {1, 0, 0, 0, 0}},
	} {
		p["truncation"] = fmt.Sprintf(`{"direction":"Right","max_length":%d,"strategy":"LongestFirst","stride":0}`, most)
		tok, err := New(join(p), &Options{NoPadding: true})
		if err != nil {
			t.Errorf("at most %d: %v", most, err)
			continue
		}
		one, err := tok.Encode("a b")
		if err != nil {
			t.Fatal(err)
		}
		two, err := tok.EncodePair("a b", "a b a")
		if err != nil {
			t.Fatal(err)
		}
		if ids := encode(t, tok, "a b"); !slices.Equal(one.IDs, want[0]) || !slices.Equal(ids, want[0]) || !slices.Equal(two.IDs, want[1]) {
			t.Errorf("at most %d: %v, %v and %v, want %v", most, ids, one.IDs, two.IDs, want)
		}
	}
}
