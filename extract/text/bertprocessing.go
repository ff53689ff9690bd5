package text

import "errors"

// bertProcessing is the post-processor BertProcessing: [CLS] A [SEP], and
// B [SEP] behind it.
type bertProcessing struct{ cls, sep special }

// readBertProcessing is the entry of BertProcessing.
func readBertProcessing(o object) (postProcessor, error) {
	p := &bertProcessing{}
	var clsErr, sepErr error
	p.cls, clsErr = readSpecial(o, "cls")
	p.sep, sepErr = readSpecial(o, "sep")
	return p, errors.Join(clsErr, sepErr)
}

func (p *bertProcessing) added(pair bool) int {
	if pair {
		return 3
	}
	return 2
}

func (p *bertProcessing) process(list []Encoding, special bool) []Encoding {
	if !special {
		return list
	}
	for i, e := range list {
		if i == 0 {
			list[i] = e.between(&p.cls, &p.sep, 0)
		} else {
			list[i] = e.between(nil, &p.sep, 1)
		}
	}
	return list
}
