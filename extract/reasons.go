package extract

import (
	"cmp"
	"slices"
)

// KindEmpty is the kind of the reason why a sample without content is bad. The
// other kinds are those of the packages image and source.
const KindEmpty = "empty"

// Reasons adds up why samples are bad. Its zero value is ready for use.
type Reasons struct {
	bad    int
	all    map[string]*Reason
	others *Reason // those beyond mostReasons
}

// mostReasons bounds the reasons that are told apart.
const mostReasons = 1000

// Reason is why some samples are bad.
type Reason struct {
	Kind  string // see Row.Kind; "": all have the same text
	Text  string // of the first
	Place string // of the first: its path, or its id
	Count int
}

// Add counts a row if its sample is bad. Reasons of one kind are one, and so
// are those of no kind that have one text.
func (r *Reasons) Add(row *Row) {
	if row.Bad == "" {
		return
	}
	r.bad++
	name := row.Kind
	if name == "" {
		name = "\x00" + row.Bad
	}
	one := r.all[name]
	switch {
	case one != nil:
	case len(r.all) < mostReasons:
		if r.all == nil {
			r.all = make(map[string]*Reason)
		}
		one = &Reason{Kind: row.Kind, Text: row.Bad, Place: row.Sample.Place()}
		r.all[name] = one
	case r.others == nil:
		r.others = &Reason{Kind: KindOther, Text: row.Bad, Place: row.Sample.Place()}
		fallthrough
	default:
		one = r.others
	}
	one.Count++
}

// KindOther is the kind of reasons that are too many to tell apart.
const KindOther = "other"

// Bad returns the number of bad samples.
func (r *Reasons) Bad() int { return r.bad }

// List returns the reasons, the most frequent first.
func (r *Reasons) List() []Reason {
	var all []Reason
	for _, one := range r.all {
		all = append(all, *one)
	}
	slices.SortFunc(all, func(a, b Reason) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Text, b.Text))
	})
	if r.others != nil {
		all = append(all, *r.others)
	}
	return all
}
