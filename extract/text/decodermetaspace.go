package text

import "strings"

// metaspaceDecoder is the decoder Metaspace: what stands for a space becomes
// one, but for those of the first token, if they are put in front of texts.
type metaspaceDecoder struct {
	replacement string
	prepends    bool
}

// readMetaspaceDecoder is the entry of the decoder Metaspace.
func readMetaspaceDecoder(o object) (decoder, error) {
	m, err := readMetaspace(o)
	if err != nil {
		return nil, err
	}
	space := m.(metaspace)
	return metaspaceDecoder{space.sign, space.prepend != never}, nil
}

func (m metaspaceDecoder) decode(tokens []string) []string {
	for i := range tokens {
		space := " "
		if i == 0 && m.prepends {
			space = ""
		}
		tokens[i] = strings.ReplaceAll(tokens[i], m.replacement, space)
	}
	return tokens
}
