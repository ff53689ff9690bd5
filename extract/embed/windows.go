package embed

import (
	"fmt"

	"github.com/headstart-ml/headstart/extract/text"
	"github.com/headstart-ml/headstart/models"
)

// windows cut texts into sequences of tokens that the backbone takes.
type windows struct {
	tok           *text.Tokenizer // cuts nothing off
	before, after []int32         // special tokens
	prefix        int             // tokens of the prefix, which stand in every window
	room          int             // tokens of the text itself in a window
	overlap       int
}

func newWindows(c *models.TextSpec, tok *text.Tokenizer) (*windows, error) {
	w := &windows{overlap: c.Overlap}
	var err error
	if w.tok, err = tok.With(&text.Options{Truncation: new(text.Truncation), Lowercase: c.Lowercase, Prefix: c.Prefix}); err != nil {
		return nil, err
	}
	w.before, w.after = w.tok.Special()
	ids, err := w.tok.AppendIDs(nil, "")
	if err != nil {
		return nil, err
	}
	special := len(w.before) + len(w.after)
	w.prefix = len(ids) - special
	if w.room = c.MaxLen - special - w.prefix; w.room < 1 {
		return nil, fmt.Errorf("texts of at most %d tokens: %d special ones and %d of the prompt leave no room for the text's own", c.MaxLen, special, w.prefix)
	}
	if w.overlap < 0 || w.overlap >= w.room {
		return nil, fmt.Errorf("windows of %d tokens of the text that overlap by %d", w.room, w.overlap)
	}
	return w, nil
}

// of returns the windows of a text, at least one.
func (w *windows) of(content string) (first []int32, more [][]int32, err error) {
	ids, err := w.tok.AppendIDs(nil, content)
	if err != nil {
		return nil, nil, err
	}
	if len(ids) == 0 {
		return nil, nil, errNoTokens
	}
	own := ids[len(w.before) : len(ids)-len(w.after)]
	prefix := own[:min(w.prefix, len(own))]
	if own = own[len(prefix):]; len(own) <= w.room {
		return ids, nil, nil
	}
	// As few as overlap enough, and evenly: the first begins at the front, the
	// last ends at the end.
	step := w.room - w.overlap
	n := (len(own) - w.overlap + step - 1) / step
	for i := range n {
		at := i * (len(own) - w.room) / (n - 1)
		window := make([]int32, 0, len(w.before)+len(prefix)+w.room+len(w.after))
		window = append(append(window, w.before...), prefix...)
		window = append(append(window, own[at:at+w.room]...), w.after...)
		if i == 0 {
			first = window
		} else {
			more = append(more, window)
		}
	}
	return first, more, nil
}
