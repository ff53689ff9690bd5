package text

// sequenceProcessing is the post-processor Sequence: one after the other.
type sequenceProcessing []postProcessor

// readSequenceProcessing is the entry of Sequence.
func readSequenceProcessing(o object) (postProcessor, error) {
	list, err := readSequence(o, "processors", postProcessorTypes)
	return sequenceProcessing(list), err
}

func (s sequenceProcessing) added(pair bool) int {
	n := 0
	for _, p := range s {
		n += p.added(pair)
	}
	return n
}

func (s sequenceProcessing) process(list []Encoding, special bool) []Encoding {
	for _, p := range s {
		list = p.process(list, special)
	}
	return list
}
