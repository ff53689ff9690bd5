package main

import (
	"testing"
)

// Messages at a terminal are broken between words, and the commands in them
// are not broken.
func TestMessagesFitTheTerminal(t *testing.T) {
	e, _, stderr := testEnv()
	e.stderrIsTerminal, e.stderrWidth = true, func() int { return 41 }
	e.note("84 of 4,200 texts are longer than the 256 tokens that the backbone takes\n  and 画画画画画画画画 画画画画画画画画 画画画画画画画画; headstart extract --a-long-flag value --and-another")
	want := `headstart: 84 of 4,200 texts are
  longer than the 256 tokens that the
  backbone takes
  and 画画画画画画画画
    画画画画画画画画 画画画画画画画画;
    headstart extract --a-long-flag value --and-another
`
	if got := stderr.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	stderr.Reset()
	e.stderrIsTerminal = false
	e.note("84 of 4,200 texts are longer than the 256 tokens")
	if got := stderr.String(); got != "headstart: 84 of 4,200 texts are longer than the 256 tokens\n" {
		t.Errorf("not at a terminal: %q", got)
	}
}
