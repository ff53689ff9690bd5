package text

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

// Tokens are found from the back as they are from the front.
func TestAddedTokensBackward(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	letters := func(most int) string {
		b := make([]byte, 1+r.IntN(most))
		for i := range b {
			b[i] = 'a' + byte(r.IntN(2))
		}
		return string(b)
	}
	for range 2000 {
		set := newAddedSet()
		for i := range 1 + r.IntN(6) {
			set.insert(letters(6), &addedToken{id: int32(i)})
		}
		text := letters(60)
		steps := 1 << 20
		nodes := set.back().all(text)
		for i := range text {
			token, start, end := set.find(text, i, &steps)
			p := splitter{set: set, text: text, pos: i, nodes: nodes}
			back, backStart, backEnd := p.find()
			if token != back || start != backStart || end != backEnd {
				t.Fatalf("%q from %d: %v at %d to %d, want %v at %d to %d", text, i, back, backStart, backEnd, token, start, end)
			}
		}
	}
}

// A text in which long tokens begin everywhere is looked through in time that
// is linear in its length.
func TestAddedTokensAreFoundInLinearTime(t *testing.T) {
	set := newAddedSet()
	set.insert(strings.Repeat("a", 1<<16)+"b", &addedToken{id: 1})
	set.insert("a", &addedToken{id: 2})
	p := splitter{set: set, text: strings.Repeat("a", 1<<18)}
	for n := 0; ; n++ {
		_, token := p.next()
		if token == nil {
			if n != 1<<18 {
				t.Errorf("%d tokens", n)
			}
			return
		}
		if token.id != 2 {
			t.Fatalf("token %d", token.id)
		}
	}
}

// Lists that are written in the usual way are read as any other is.
func TestTokensAreScanned(t *testing.T) {
	usual := `{"id":3,"content":"a\u00e9\"\\","single_word":true,"lstrip":false,"rstrip":true,"normalized":false,"special":true}`
	other := `{ "special" : false , "normalized":true,"rstrip":false,"lstrip":true,"single_word":false, "content":"", "id":0 }`
	for list, usual := range map[string]bool{
		`[]`: true, ` [ ` + usual + `,` + other + ` ] `: true,
		`[` + strings.Replace(usual, `"id":3`, `"id":3,"more":1`, 1) + `]`:          false,
		`[` + strings.Replace(usual, `"id":3`, `"id":3,"special":false`, 1) + `]`:   false,
		`[` + strings.Replace(usual, `"id":3`, `"id":4294967295`, 1) + `]`:          false,
		`[` + strings.Replace(usual, `"id":3`, `"id":-1`, 1) + `]`:                  false,
		`[` + strings.Replace(usual, `"id":3`, `"id":3.0`, 1) + `]`:                 false,
		`[` + strings.Replace(usual, `"id":3,`, ``, 1) + `]`:                        false,
		`[` + strings.Replace(usual, `"lstrip":false`, `"lstrip":null`, 1) + `]`:    false,
		`[` + strings.Replace(usual, `"lstrip":false`, `"lstrip":"false"`, 1) + `]`: false,
		`[null]`: false, `{}`: false, `[[]]`: false,
	} {
		got, ok := scanTokens(list)
		if ok != usual {
			t.Errorf("%s: %v", list, ok)
		}
		if !ok {
			continue
		}
		var all []struct {
			Content    string
			Single     bool `json:"single_word"`
			Left       bool `json:"lstrip"`
			Right      bool `json:"rstrip"`
			Normalized bool
			Special    bool
		}
		if err := json.Unmarshal([]byte(list), &all); err != nil || len(all) != len(got) {
			t.Fatalf("%s: %v, %d tokens", list, err, len(got))
		}
		for i, w := range all {
			g := got[i]
			if g.content != w.Content || g.single != w.Single || g.left != w.Left || g.right != w.Right || g.normalized != w.Normalized || g.special != w.Special {
				t.Errorf("%+v, want %+v", g, w)
			}
		}
	}
}
