package text

// sequenceDecoder is the decoder Sequence: one after the other.
type sequenceDecoder []decoder

// readSequenceDecoder is the entry of the decoder Sequence.
func readSequenceDecoder(o object) (decoder, error) {
	list, err := readSequence(o, "decoders", decoderTypes)
	return sequenceDecoder(list), err
}

func (s sequenceDecoder) decode(tokens []string) []string {
	for _, d := range s {
		tokens = d.decode(tokens)
	}
	return tokens
}
