package experiment

import (
	"bytes"
	"cmp"
	"slices"
)

// Order returns some labelled rows of d, ascending, in an order of which every
// beginning is a sample of them all: rows of equal content follow each other,
// and so do those of a group as s.By says; the classes are spread evenly, and
// s.Seed decides the rest. The first n rows are thus a subset of the first m >
// n. A unit of rows of several classes counts for the most frequent one of its
// classes.
//
// Errors: a row that is out of range, not ascending or without a label.
func Order(d *Data, s *Settings, rows []int) ([]int, error) {
	dealt, err := united(d, s, rows)
	if err != nil {
		return nil, err
	}
	strata := make([][]*unit, len(dealt.classes))
	counts := make([]int, len(dealt.classes)) // of a unit
	for _, u := range dealt.units {
		best := dealt.labels[u.rows[0]]
		for _, r := range u.rows {
			c := dealt.labels[r]
			if counts[c]++; counts[c] > counts[best] {
				best = c
			}
		}
		for _, r := range u.rows {
			counts[dealt.labels[r]] = 0
		}
		strata[best] = append(strata[best], u)
	}
	type placed struct {
		*unit
		at float64 // the share of its class that lies before its middle
	}
	var all []placed
	for _, units := range strata {
		slices.SortFunc(units, byHash)
		total, before := 0, 0
		for _, u := range units {
			total += len(u.rows)
		}
		for _, u := range units {
			all = append(all, placed{u, (float64(before) + float64(len(u.rows))/2) / float64(total)})
			before += len(u.rows)
		}
	}
	slices.SortFunc(all, func(a, b placed) int { return cmp.Or(cmp.Compare(a.at, b.at), byHash(a.unit, b.unit)) })
	out := make([]int, 0, len(rows))
	for _, u := range all {
		for _, r := range u.rows {
			out = append(out, rows[r])
		}
	}
	return out, nil
}

// Units returns of some labelled rows of d, ascending, the number of the unit
// of each, from 0 on, and how many there are: rows of equal content are one,
// and so are those of a group as s.By says. The errors are those of Order.
func Units(d *Data, s *Settings, rows []int) (of []int, n int, err error) {
	dealt, err := united(d, s, rows)
	if err != nil {
		return nil, 0, err
	}
	of = make([]int, len(rows))
	for i, u := range dealt.units {
		for _, r := range u.rows {
			of[r] = i
		}
	}
	return of, len(dealt.units), nil
}

// byHash orders units by their hashes.
func byHash(a, b *unit) int {
	return cmp.Or(bytes.Compare(a.hash[:], b.hash[:]), bytes.Compare(a.name, b.name))
}
