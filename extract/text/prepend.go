package text

// prepend is the normalizer Prepend: it stands before what is not empty.
type prepend string

// readPrepend is the entry of Prepend.
func readPrepend(o object) (normalizer, error) {
	var s string
	err := o.read("prepend", &s)
	return prepend(s), err
}

func (n prepend) normalize(p *passage) {
	if len(p.bytes) == 0 || n == "" {
		return
	}
	p.rewrite()
	p.putString(string(n), 0)
	p.keep(0, len(p.bytes))
	p.rewritten()
}
