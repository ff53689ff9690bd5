package text

import "errors"

// readSplit is the entry of Split.
func readSplit(o object) (preTokenizer, error) {
	pattern, err := readPattern(o)
	if err != nil {
		return nil, err
	}
	behavior, err := readBehavior(o)
	var invert bool
	if err = errors.Join(err, o.read("invert", &invert)); err != nil {
		return nil, err
	}
	return cutter{pattern, behavior, invert}, nil
}
