package experiment

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func keyOf(s string) [32]byte { return sha256.Sum256([]byte(s)) }

// TestDraw fixes how a unit's place is drawn: SHA-256 of the seed, 8 bytes
// big-endian, and the name.
func TestDraw(t *testing.T) {
	u := seedUnits([]*unit{{name: []byte("cats")}}, 3)[0]
	want := sha256.Sum256([]byte("\x00\x00\x00\x00\x00\x00\x00\x03cats"))
	if u.hash != want {
		t.Errorf("hash %x, want %x", u.hash, want)
	}
	if v := (&unit{hash: [32]byte{0xc0}}).draw(); v != 0.75 {
		t.Errorf("draw of c000…: %v, want 0.75", v)
	}
}

// linked returns n rows of which some share a content and some a group.
func linked(n int, seed uint64) *Data {
	d := blobs(n, 3, 3, 4, seed)
	rng := rand.New(rand.NewPCG(seed, 5))
	for i := range n {
		k := i
		if i > 0 && rng.IntN(4) == 0 {
			k = rng.IntN(i)
		}
		d.Keys = append(d.Keys, keyOf(fmt.Sprint(k)))
		group := ""
		if rng.IntN(3) > 0 {
			group = fmt.Sprintf("group %d", rng.IntN(n/3))
		}
		d.Groups = append(d.Groups, group)
	}
	return d
}

// TestNothingStraddles: rows of one content or group are in one part, one fold
// and one inner fold.
func TestNothingStraddles(t *testing.T) {
	ctx := context.Background()
	for seed := range uint64(4) {
		d := linked(150, seed)
		for _, s := range []*Settings{{CV: 4, Folds: 3, L2Points: 2}, {Split: &Split{0.5, 0.2, 0.3}, Folds: 2, L2Points: 2}, {CV: 3, Folds: 2, L2Points: 2, By: "none"}} {
			s.Seed = seed
			s.Tolerance = 0.1
			tr := &trainer{Settings: s, data: d, result: &Result{}}
			if err := tr.prepare(ctx); err != nil {
				t.Fatal(err)
			}
			o, err := tr.once(ctx, seed)
			if err != nil {
				t.Fatal(err)
			}
			check := func(what string, parts ...[]int) {
				t.Helper()
				seen := map[string]int{}
				rows := 0
				for p, part := range parts {
					for _, r := range part {
						rows++
						for _, name := range []string{fmt.Sprintf("key %x", d.Keys[r]), d.Groups[r]} {
							if name == "" || s.By == "none" && strings.HasPrefix(name, "group") {
								continue
							}
							if q, ok := seen[name]; ok && q != p {
								t.Errorf("%s: %s is in %d and %d", what, name, q, p)
							}
							seen[name] = p
						}
					}
				}
				if rows == 0 {
					t.Errorf("%s: no rows", what)
				}
			}
			if o.folds != nil {
				check("folds", o.folds...)
				for _, p := range o.tests {
					check("inner folds", p.folds...)
					for _, r := range slices.Concat(p.folds...) {
						if _, ok := slices.BinarySearch(p.train, r); !ok {
							t.Errorf("row %d is in an inner fold and not in the training part", r)
						}
					}
				}
			} else {
				check("parts", o.parts.Train, o.parts.Validation, o.parts.Test)
			}
			check("folds of the choice", o.whole.folds...)
		}
	}
}

// TestSplitIsStable: adding samples moves no old one to another part.
func TestSplitIsStable(t *testing.T) {
	split := Split{Train: 0.6, Validation: 0.2, Test: 0.2}
	parts := func(d *Data) map[string]int {
		units := seedUnits(unitsOf(d, rowsTo(len(d.Labels)), false), 1)
		out := map[string]int{}
		for p, rows := range allOf(hold(units, split)) {
			for _, r := range rows {
				out[d.IDs[r]] = p
			}
		}
		return out
	}
	d := blobs(2000, 2, 2, 1, 1)
	before := parts(&Data{Labels: d.Labels[500:1000], IDs: d.IDs[500:1000]})
	after := parts(d)
	count := [3]int{}
	for id, p := range before {
		count[p]++
		if after[id] != p {
			t.Errorf("%s moved from part %d to %d", id, p, after[id])
		}
	}
	// 500 draws: standard deviations of 11 and 9 rows.
	if count[0] < 255 || count[0] > 345 || count[1] < 64 || count[1] > 136 {
		t.Errorf("parts of %v rows, expected about 300, 100, 100", count)
	}
}

// TestDealIsStratified: folds of single rows differ by at most one row in each
// class.
func TestDealIsStratified(t *testing.T) {
	const n, k = 103, 5
	var units []*unit
	labels := make([]int, n)
	for i := range n {
		units = append(units, &unit{name: fmt.Appendf(nil, "%d", i), rows: []int{i}})
		labels[i] = []int{0, 0, 0, 0, 0, 0, 1, 1, 1, 2}[i%10]
	}
	units = seedUnits(units, 4)
	folds := deal(units, k, labels, 3)
	for c := range 3 {
		var counts []int
		for _, f := range folds {
			n := 0
			for _, r := range f {
				if labels[r] == c {
					n++
				}
			}
			counts = append(counts, n)
		}
		if slices.Max(counts)-slices.Min(counts) > 1 {
			t.Errorf("class %d: %v rows in the folds", c, counts)
		}
	}
	again := slices.Clone(units)
	slices.Reverse(again)
	if other := deal(again, k, labels, 3); fmt.Sprint(other) != fmt.Sprint(folds) {
		t.Error("folds depend on the order of the units")
	}
	// As many folds as units: none is empty.
	for _, f := range deal(units[:k], k, labels, 3) {
		if len(f) != 1 {
			t.Errorf("%d units in %d folds: a fold with %d rows", k, k, len(f))
		}
	}
}

// allOf lists parts.
func allOf(p *Parts) [3][]int { return [3][]int{p.Train, p.Validation, p.Test} }

// rowsTo lists rows from 0 to n−1.
func rowsTo(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}
