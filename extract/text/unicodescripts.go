package text

import "sync"

// unicodeScripts is the pre-tokenizer UnicodeScripts: words are of one script.
// What goes with every script and stands before all others is dropped, as the
// reference does.
type unicodeScripts struct{}

// readUnicodeScripts is the entry of UnicodeScripts.
func readUnicodeScripts(object) (preTokenizer, error) { return unicodeScripts{}, nil }

// byScript is the table of scripts.
var byScript = sync.OnceValue(func() *paged { return newPaged(scripts) })

func (unicodeScripts) preTokenize(p *passage) {
	text := p.text()
	table := byScript()
	for _, w := range p.recut() {
		start, last := int32(-1), uint8(0)
		for i, r := range text[w.start:w.end] {
			script := table.at(r)
			if script == 0 || script == last {
				continue
			}
			at := w.start + int32(i)
			if start >= 0 {
				p.word(start, at)
			}
			start, last = at, script
		}
		if start >= 0 {
			p.word(start, w.end)
		}
	}
}
