package text

import "strings"

// Decode returns the text for which ids stand, as the decoder of the file puts
// it together; the text that was encoded, if the tokenizer keeps all of it.
// Special tokens are left out if skipSpecial says so, and ids that are no
// token's always are.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		token, ok := t.Token(id)
		if ok && !(skipSpecial && t.file.special[token]) {
			tokens = append(tokens, token)
		}
	}
	return t.decode(tokens)
}

func (t *Tokenizer) decode(tokens []string) string {
	if t.file.decoder == nil {
		return strings.Join(tokens, " ")
	}
	return strings.Join(t.file.decoder.decode(tokens), "")
}
