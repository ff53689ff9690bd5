package text

import "errors"

// byteLevelProcessing is the post-processor ByteLevel, which takes white space
// out of the offsets of tokens.
type byteLevelProcessing struct {
	trim     bool
	prefixed bool // a space was put in front of texts
}

// readByteLevelProcessing is the entry of ByteLevel.
func readByteLevelProcessing(o object) (postProcessor, error) {
	p := &byteLevelProcessing{}
	regex := true
	return p, errors.Join(
		o.read("trim_offsets", &p.trim),
		o.read("add_prefix_space", &p.prefixed),
		o.readOr("use_regex", &regex),
	)
}

func (p *byteLevelProcessing) added(bool) int { return 0 }

func (p *byteLevelProcessing) process(list []Encoding, special bool) []Encoding {
	if p.trim {
		for i := range list {
			trim(&list[i], p.prefixed)
		}
	}
	return list
}
