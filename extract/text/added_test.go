package text

import (
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
