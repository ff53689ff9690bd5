package text

import "errors"

// robertaProcessing is the post-processor RobertaProcessing: <s> A </s>, and
// </s> B </s> behind it, all of type 0.
type robertaProcessing struct {
	cls, sep special
	trim     bool // take white space out of offsets
	prefixed bool // a space was put in front of texts
}

// readRobertaProcessing is the entry of RobertaProcessing.
func readRobertaProcessing(o object) (postProcessor, error) {
	p := &robertaProcessing{}
	var clsErr, sepErr error
	p.cls, clsErr = readSpecial(o, "cls")
	p.sep, sepErr = readSpecial(o, "sep")
	return p, errors.Join(
		clsErr, sepErr,
		o.read("trim_offsets", &p.trim),
		o.read("add_prefix_space", &p.prefixed),
	)
}

func (p *robertaProcessing) added(pair bool) int {
	if pair {
		return 4
	}
	return 2
}

func (p *robertaProcessing) process(list []Encoding, special bool) []Encoding {
	for i, e := range list {
		if p.trim {
			trim(&e, p.prefixed)
		}
		e = e.withType(0)
		switch {
		case !special:
		case i == 0:
			e = e.between(&p.cls, &p.sep, 0)
		default:
			e = e.between(&p.sep, &p.sep, 0)
		}
		list[i] = e
	}
	return list
}
