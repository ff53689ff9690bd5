package experiment

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
)

// unit is a set of rows that stay together in every part and fold.
type unit struct {
	name []byte            // the group's name, else the content key, else the ID or number of the row
	hash [sha256.Size]byte // SHA-256(seed, name)
	rows []int             // positions among the rows that take part, ascending
}

// draw returns the unit's u in [0, 1).
func (u *unit) draw() float64 {
	return float64(binary.BigEndian.Uint64(u.hash[:])>>11) / (1 << 53)
}

// unitsOf puts rows (ascending numbers) of equal content, and with byGroup rows
// of one group, into units, in the order of their first rows. Groups that share
// a content become one unit under the name of the first of them by bytes.
func unitsOf(d *Data, rows []int, byGroup bool) []*unit {
	parent := make([]int, len(rows)) // positions in rows; a forest of disjoint sets
	for i := range parent {
		parent[i] = i
	}
	find := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	join := func(i, j int) { // the earlier row leads
		i, j = find(i), find(j)
		parent[max(i, j)] = min(i, j)
	}
	if d.Keys != nil {
		first := map[[32]byte]int{}
		for i, r := range rows {
			if j, ok := first[d.Keys[r]]; ok {
				join(i, j)
			} else {
				first[d.Keys[r]] = i
			}
		}
	}
	group := func(r int) string {
		if !byGroup {
			return ""
		}
		return d.Groups[r]
	}
	if byGroup {
		first := map[string]int{}
		for i, r := range rows {
			if g := group(r); g == "" {
				continue
			} else if j, ok := first[g]; ok {
				join(i, j)
			} else {
				first[g] = i
			}
		}
	}
	var units []*unit
	place := map[int]*unit{}
	for i, r := range rows {
		u := place[find(i)]
		if u == nil {
			u = &unit{}
			place[find(i)] = u
			units = append(units, u)
		}
		u.rows = append(u.rows, i)
		if g := []byte(group(r)); len(g) > 0 && (u.name == nil || bytes.Compare(g, u.name) < 0) {
			u.name = g
		}
	}
	for _, u := range units {
		if r := rows[u.rows[0]]; u.name != nil {
			continue
		} else if d.Keys != nil {
			u.name = d.Keys[r][:]
		} else {
			u.name = []byte(d.id(r))
		}
	}
	return units
}

// seedUnits draws the units' hashes.
func seedUnits(units []*unit, seed uint64) []*unit {
	seeded := make([]*unit, len(units))
	for i, u := range units {
		h := sha256.New()
		h.Write(binary.BigEndian.AppendUint64(nil, seed))
		h.Write(u.name)
		seeded[i] = &unit{name: u.name, rows: u.rows}
		h.Sum(seeded[i].hash[:0])
	}
	return seeded
}

// within returns the units cut down to rows for which keep is true; units
// without such rows are left out.
func within(units []*unit, keep []bool) []*unit {
	var out []*unit
	for _, u := range units {
		var rows []int
		for _, r := range u.rows {
			if keep[r] {
				rows = append(rows, r)
			}
		}
		if rows != nil {
			out = append(out, &unit{name: u.name, hash: u.hash, rows: rows})
		}
	}
	return out
}

// deal deals units into k folds, 2 ≤ k ≤ len(units), and returns the rows of
// each, ascending. Units go from the largest to the smallest, those of one size
// in the order of their hashes, each to the fold that lacks it most: that with
// the least Σ_c s_c·f_c/n_c, where s, f and n count the classes of the unit, of
// the fold and of all rows; then to the fold with the fewest rows. An empty
// fold lacks most, so that none stays empty. For units of one row this is
// stratified dealing.
func deal(units []*unit, k int, labels []int, classes int) [][]int {
	strata := make([][]int, len(labels))
	for r := range labels {
		strata[r] = labels[r : r+1 : r+1]
	}
	return dealStrata(units, k, strata, classes)
}

// dealStrata is deal for rows that belong to several strata each: labels, of
// which a row may have any number, stand in the place of its class.
func dealStrata(units []*unit, k int, strata [][]int, layers int) [][]int {
	order := slices.Clone(units)
	slices.SortFunc(order, func(a, b *unit) int {
		return cmp.Or(cmp.Compare(len(b.rows), len(a.rows)), bytes.Compare(a.hash[:], b.hash[:]), bytes.Compare(a.name, b.name))
	})
	total := make([]int, layers)
	for _, u := range units {
		for _, r := range u.rows {
			for _, c := range strata[r] {
				total[c]++
			}
		}
	}
	folds := make([][]int, k)
	counts := make([][]int, k)
	for f := range counts {
		counts[f] = make([]int, layers)
	}
	for _, u := range order {
		best, bestLack := 0, math.Inf(1)
		for f := range folds {
			lack := 0.0
			for _, r := range u.rows {
				for _, c := range strata[r] {
					lack += float64(counts[f][c]) / float64(total[c])
				}
			}
			if lack < bestLack || lack == bestLack && len(folds[f]) < len(folds[best]) {
				best, bestLack = f, lack
			}
		}
		folds[best] = append(folds[best], u.rows...)
		for _, r := range u.rows {
			for _, c := range strata[r] {
				counts[best][c]++
			}
		}
	}
	for _, f := range folds {
		slices.Sort(f)
	}
	return folds
}

// hold puts units into training, validation and test part by their draw.
func hold(units []*unit, s Split) *Parts {
	parts := new(Parts)
	for _, u := range units {
		p, v := trainPart, u.draw()
		if v >= s.Train && s.Validation > 0 {
			p = validationPart
		}
		if v >= s.Train+s.Validation && s.Test > 0 {
			p = testPart
		}
		to := parts.of(p)
		*to = append(*to, u.rows...)
	}
	for p := range testPart + 1 {
		slices.Sort(*parts.of(p))
	}
	return parts
}

// atMost returns, of rows, at most shots of each class, ascending: those of the
// units that come first by their hashes.
func atMost(units []*unit, rows []int, shots int, labels []int, classes int) []int {
	order := slices.Clone(units)
	slices.SortFunc(order, func(a, b *unit) int {
		return cmp.Or(bytes.Compare(a.hash[:], b.hash[:]), bytes.Compare(a.name, b.name))
	})
	inside := make(map[int]bool, len(rows))
	for _, r := range rows {
		inside[r] = true
	}
	have := make([]int, classes)
	var kept []int
	for _, u := range order {
		for _, r := range u.rows {
			if inside[r] && have[labels[r]] < shots {
				have[labels[r]]++
				kept = append(kept, r)
			}
		}
	}
	slices.Sort(kept)
	return kept
}
