package text

import "slices"

// normalizers is the normalizer Sequence: one after the other.
type normalizers []normalizer

// readNormalizers is the entry of the normalizer Sequence.
func readNormalizers(o object) (normalizer, error) {
	all, err := readSequence(o, "normalizers", normalizerTypes)
	return normalizers(all), err
}

func (s normalizers) normalize(p *passage) {
	for _, n := range s {
		if n.normalize(p); p.full {
			return // which is an error
		}
	}
}

func (s normalizers) aligns() bool {
	return slices.ContainsFunc(s, func(n normalizer) bool { return aligns(n) })
}

// preTokenizers is the pre-tokenizer Sequence: each cuts the words of the one
// before it.
type preTokenizers []preTokenizer

// readPreTokenizers is the entry of the pre-tokenizer Sequence.
func readPreTokenizers(o object) (preTokenizer, error) {
	all, err := readSequence(o, "pretokenizers", preTokenizerTypes)
	return preTokenizers(all), err
}

func (s preTokenizers) preTokenize(p *passage) {
	for _, t := range s {
		if t.preTokenize(p); p.full {
			return
		}
	}
}

func (s preTokenizers) aligns() bool {
	return slices.ContainsFunc(s, func(t preTokenizer) bool { return aligns(t) })
}
