package embed

import (
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/models"
)

// letters is a tokenizer of a token a word, with a special token at each end.
const letters = `{"version":"1.0","added_tokens":[{"id":0,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
{"id":1,"content":"</s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
"pre_tokenizer":{"type":"WhitespaceSplit"},
"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],
"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":0}}],
"special_tokens":{"<s>":{"id":"<s>","ids":[0],"tokens":["<s>"]},"</s>":{"id":"</s>","ids":[1],"tokens":["</s>"]}}},
"model":{"type":"WordLevel","vocab":{"<s>":0,"</s>":1,"<unk>":2,"p":3,"a":4,"b":5,"c":6,"d":7,"e":8,"f":9,"g":10,"h":11,"i":12},"unk_token":"<unk>"}}`

// Windows are as few as overlap enough, have all the special tokens and those
// of the prompt, are full, begin at the front and end at the end.
func TestWindows(t *testing.T) {
	for _, test := range []struct {
		max, overlap int
		prefix, text string
		want         [][]int32
	}{
		{6, 1, "", "", [][]int32{{0, 1}}},
		{6, 1, "", "a b c d", [][]int32{{0, 4, 5, 6, 7, 1}}},
		{6, 1, "", "a b c d e", [][]int32{{0, 4, 5, 6, 7, 1}, {0, 5, 6, 7, 8, 1}}},
		{6, 1, "", "a b c d e f g", [][]int32{{0, 4, 5, 6, 7, 1}, {0, 7, 8, 9, 10, 1}}},
		{6, 2, "", "a b c d e f g h i", [][]int32{{0, 4, 5, 6, 7, 1}, {0, 5, 6, 7, 8, 1}, {0, 7, 8, 9, 10, 1}, {0, 9, 10, 11, 12, 1}}},
		{6, 1, "p ", "a b c d e", [][]int32{{0, 3, 4, 5, 6, 1}, {0, 3, 6, 7, 8, 1}}},
	} {
		c := &models.TextSpec{Tokenizer: []byte(letters), MaxLen: test.max, Truncation: "right", Prefix: test.prefix, Long: models.LongChunks, Overlap: test.overlap}
		tok, err := newTokenizer(c)
		if err != nil {
			t.Fatal(err)
		}
		w, err := newWindows(c, tok)
		if err != nil {
			t.Fatal(err)
		}
		first, more, err := w.of(test.text)
		if err != nil {
			t.Fatal(err)
		}
		if have := append([][]int32{first}, more...); !slices.EqualFunc(have, test.want, slices.Equal) {
			t.Errorf("%d tokens, overlap %d, %q: %v, want %v", test.max, test.overlap, test.prefix+test.text, have, test.want)
		}
	}
	for _, c := range []models.TextSpec{{MaxLen: 3, Prefix: "p "}, {MaxLen: 6, Overlap: 4}, {MaxLen: 6, Overlap: -1}} {
		c.Tokenizer, c.Truncation = []byte(letters), "right"
		tok, err := newTokenizer(&c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newWindows(&c, tok); err == nil {
			t.Errorf("%d tokens, prompt %q, overlap %d are taken", c.MaxLen, c.Prefix, c.Overlap)
		}
	}
}

// Rows are filled up on the side and with the numbers that the contract says,
// and rows that nothing hides are of one length in a batch.
func TestFillingUp(t *testing.T) {
	pad := 9
	spec := func(c models.TextSpec, roles ...string) *models.Spec {
		c.Tokenizer, c.Truncation, c.MaxLen = []byte(letters), "right", 16
		s := &models.Spec{Name: "x", Modality: models.Text, Contract: &c}
		for _, role := range roles {
			s.Inputs = append(s.Inputs, models.Input{Name: role, DType: "i64", Role: role})
		}
		return s
	}
	for _, test := range []struct {
		name string
		spec *models.Spec
		want [][]int64 // of each input of the first batch
		n    int       // batches
	}{
		{"right", spec(models.TextSpec{}, "ids", "mask", "types"), [][]int64{{0, 4, 5, 1, 0, 4, 1, 0}, {1, 1, 1, 1, 1, 1, 1, 0}, {0, 0, 0, 0, 0, 0, 0, 0}}, 1},
		{"left", spec(models.TextSpec{Padding: "left", PadID: &pad, Positions: &models.Positions{Pad: 1}}, "ids", "mask", "positions"),
			[][]int64{{0, 4, 5, 1, 9, 0, 4, 1}, {1, 1, 1, 1, 0, 1, 1, 1}, {0, 1, 2, 3, 1, 0, 1, 2}}, 1},
		{"roberta", spec(models.TextSpec{Positions: &models.Positions{First: 2, Pad: 1}}, "ids", "mask", "positions"),
			[][]int64{{0, 4, 5, 1, 0, 4, 1, 0}, {1, 1, 1, 1, 1, 1, 1, 0}, {2, 3, 4, 5, 2, 3, 4, 1}}, 1},
		{"length", spec(models.TextSpec{Length: 6, PadID: &pad}, "ids"), [][]int64{{0, 4, 5, 1, 9, 9, 0, 4, 1, 9, 9, 9}}, 1},
		{"no mask", spec(models.TextSpec{}, "ids"), [][]int64{{0, 4, 5, 1}}, 2},
		{"causal", spec(models.TextSpec{Causal: true, PadID: &pad}, "ids"), [][]int64{{0, 4, 5, 1, 0, 4, 1, 9}}, 1},
		{"run", spec(models.TextSpec{}, "run", "starts"), [][]int64{{0, 4, 5, 1, 0, 4, 1}, {0, 4}}, 1},
	} {
		m, err := NewModality(test.spec, Batching{}, new(Stats))
		if err != nil {
			t.Fatal(err)
		}
		batches := m.Plan([]*Job{{Content: []byte("a")}, {Content: []byte("a b")}})
		if len(batches) != test.n {
			t.Fatalf("%s: %d batches, want %d", test.name, len(batches), test.n)
		}
		_, inputs, _ := m.NewBatch(new(Stats)).Fill(batches[0])
		for i, in := range inputs {
			if !slices.Equal(in.I64, test.want[i]) {
				t.Errorf("%s: %s is %v, want %v", test.name, in.Name, in.I64, test.want[i])
			}
		}
	}
}

// A text that is too long has no embedding where the contract says so.
func TestTooLong(t *testing.T) {
	s := &models.Spec{Name: "x", Modality: models.Text, Contract: &models.TextSpec{Tokenizer: []byte(letters), Truncation: "right", MaxLen: 4, Long: models.LongError},
		Inputs: []models.Input{{Name: "ids", DType: "i64", Role: "ids"}, {Name: "mask", DType: "i64", Role: "mask"}}}
	m, err := NewModality(s, Batching{}, new(Stats))
	if err != nil {
		t.Fatal(err)
	}
	jobs := []*Job{{Content: []byte("a b")}, {Content: []byte("a b c")}}
	if m.Plan(jobs); jobs[0].Bad != "" || jobs[1].Bad != "the text has more than the 4 tokens that the backbone takes" || jobs[1].Kind != KindLong {
		t.Errorf("%q, %q of kind %q", jobs[0].Bad, jobs[1].Bad, jobs[1].Kind)
	}
}
