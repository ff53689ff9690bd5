package text

import "errors"

// A wordLevel is a model whose tokens are words.
type wordLevel struct {
	vocabulary
	unknown string
}

// readWordLevel is the entry of WordLevel.
func readWordLevel(o object) (model, error) {
	w := &wordLevel{}
	var vocabErr error
	w.vocabulary, vocabErr = readVocab(o)
	return w, errors.Join(o.read("unk_token", &w.unknown), vocabErr)
}

func (w *wordLevel) fails() bool {
	_, ok := w.ids[w.unknown]
	return !ok
}

func (w *wordLevel) appendTo(dst *tokens, word []byte) error {
	id, ok := w.ids[string(word)]
	if !ok {
		if id, ok = w.ids[w.unknown]; !ok {
			return unknownMissing(w.unknown)
		}
	}
	dst.add(id, 0, len(word))
	return nil
}
