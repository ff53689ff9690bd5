package study

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/head/experiment"
)

// draw is what one seed decides.
type draw struct {
	seed uint64
	// order has the rows that can be trained on; a subset of n is the first n
	// of them.
	order []int
	// test has the rows that are measured, ascending, and unit of each what it
	// belongs to.
	test, unit []int
}

// subset returns n training rows, ascending.
func (d *draw) subset(n int) []int {
	rows := slices.Clone(d.order[:n])
	slices.Sort(rows)
	return rows
}

// division is what is trained on and tested.
type division struct {
	classes []string
	shared  bool   // all seeds test the same rows
	folds   int    // into which the data were dealt; 0 where they are shared
	draws   []draw // one for each seed
	all     int    // training rows of the largest subset
	sizes   []int  // of subsets, ascending
	notes   []Remark
}

// divide says which rows are trained on and which are tested.
func divide(d *experiment.Data, s *Settings) (*division, error) {
	if d.LabelLists != nil {
		return nil, &TaskError{}
	}
	v := &division{}
	pool, test, err := v.take(d)
	if err != nil {
		return nil, err
	}
	if v.classes, err = classesOf(d, slices.Concat(pool, test)); err != nil {
		return nil, err
	}
	if v.shared = test != nil; v.shared {
		err = v.onTest(d, s, pool, test)
	} else {
		err = v.byFolds(d, s, pool)
	}
	if err != nil {
		return nil, err
	}
	return v, v.chooseSizes(d, s)
}

// take returns the rows that can be trained on and those of a test split,
// ascending; nil where there is none.
func (v *division) take(d *experiment.Data) (pool, test []int, err error) {
	splits := slices.Contains(d.Splits, "test")
	unlabelled, unassigned := 0, 0
	for i, label := range d.Labels {
		switch {
		case label == "":
			unlabelled++
		case splits && d.Splits[i] == "test":
			test = append(test, i)
		case splits && d.Splits[i] == "":
			unassigned++
		default:
			pool = append(pool, i)
		}
	}
	if unlabelled > 0 {
		v.note("unlabelled", unlabelled, "%s", are(unlabelled, "sample without a label is not used", "samples without a label are not used"))
	}
	if unassigned > 0 {
		v.note("unassigned", unassigned, "%s", are(unassigned, "sample without a split is not used, since others have one", "samples without a split are not used, since others have one"))
	}
	if !splits && slices.ContainsFunc(d.Splits, func(s string) bool { return s != "" }) {
		v.note("splits-unused", 0, "the splits that the data bring along are not used, since none of them is test")
	}
	if len(pool) == 0 && len(test) > 0 {
		return nil, nil, fmt.Errorf("study: no labelled sample is outside of the split test, so there is nothing to train on")
	}
	return pool, test, nil
}

// note notes what a user may want to know.
func (v *division) note(kind string, count int, format string, a ...any) {
	v.notes = append(v.notes, Remark{Kind: kind, Count: count, Message: fmt.Sprintf(format, a...)})
}

// are writes a number with what it is of.
func are(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

// classesOf lists the classes of rows.
func classesOf(d *experiment.Data, rows []int) ([]string, error) {
	seen := map[string]bool{}
	for _, r := range rows {
		seen[d.Labels[r]] = true
	}
	classes := slices.Sorted(maps.Keys(seen))
	switch len(classes) {
	case 0:
		return nil, &ClassesError{Rows: len(d.Labels)}
	case 1:
		return nil, &ClassesError{Rows: len(rows), Class: classes[0]}
	}
	return classes, nil
}

// settings are those that put rows in order for a seed.
func (s *Settings) order(seed uint64) *experiment.Settings {
	return &experiment.Settings{By: s.By, Seed: seed}
}

// onTest divides data with a test split.
func (v *division) onTest(d *experiment.Data, s *Settings, pool, test []int) error {
	unit, _, err := experiment.Units(d, s.order(s.Seed), test)
	if err != nil {
		return err
	}
	v.all = len(pool)
	for i := range uint64(s.Repeat) {
		one := draw{seed: s.Seed + i, test: test, unit: unit}
		if one.order, err = experiment.Order(d, s.order(one.seed), pool); err != nil {
			return err
		}
		v.draws = append(v.draws, one)
	}
	return nil
}

// byFolds divides data without a test split.
func (v *division) byFolds(d *experiment.Data, s *Settings, pool []int) error {
	unit, units, err := experiment.Units(d, s.order(s.Seed), pool)
	if err != nil {
		return err
	}
	v.sayLarge(unit, units)
	if units < 2 {
		e := &OneUnitError{Rows: len(pool)}
		if d.Groups != nil && s.By != "none" {
			for _, r := range pool {
				if e.Group == "" {
					e.Group = d.Groups[r]
				}
			}
		}
		return e
	}
	v.folds = min(testFolds, units)
	v.all = math.MaxInt
	var dealt [][]int
	for i := range s.Repeat {
		one := draw{seed: s.Seed + uint64(i)}
		fold := i % v.folds
		if fold == 0 {
			if dealt, err = experiment.Deal(d, s.order(s.Seed+uint64(i/v.folds)), pool, v.folds); err != nil {
				return err
			}
		}
		one.test = dealt[fold]
		if one.unit, _, err = experiment.Units(d, s.order(s.Seed), one.test); err != nil {
			return err
		}
		var rest []int
		for _, r := range pool {
			if _, in := slices.BinarySearch(one.test, r); !in {
				rest = append(rest, r)
			}
		}
		if one.order, err = experiment.Order(d, s.order(one.seed), rest); err != nil {
			return err
		}
		v.all = min(v.all, len(rest))
		v.draws = append(v.draws, one)
	}
	return nil
}

// sayLarge notes that samples that belong together are more than a fold: what
// they have of luck is that of a whole seed, and does not average out.
func (v *division) sayLarge(unit []int, units int) {
	counts := make([]int, units)
	for _, u := range unit {
		counts[u]++
	}
	if largest := slices.Max(counts); largest*testFolds > len(unit) {
		v.note("large-unit", largest, "%s of %s samples belong together, by their group or because they are equal, which is more than a fifth of all: their luck does not average out, and intervals may be too narrow", thousands(largest), thousands(len(unit)))
	}
}

// chooseSizes says how large subsets are.
func (v *division) chooseSizes(d *experiment.Data, s *Settings) error {
	smallest := s.Smallest
	if smallest == 0 {
		smallest = max(fewest, fewestPerClass*len(v.classes))
	}
	// Where groups are large, a small subset may be of one class.
	for smallest < v.all && !v.learnable(d, smallest) {
		smallest++
	}
	for k := range mostSizes {
		n := int(math.Round(float64(v.all) * math.Pow(2, -float64(k)/2)))
		if n < smallest || len(v.sizes) > 0 && n >= v.sizes[len(v.sizes)-1] {
			break
		}
		v.sizes = append(v.sizes, n)
	}
	if len(v.sizes) < MinSizes {
		e := &TooFewError{Train: v.all, Smallest: smallest, Classes: len(v.classes)}
		e.Needed = int(math.Ceil(float64(smallest) * math.Pow(2, float64(MinSizes-1)/2)))
		if v.folds > 1 {
			e.Labelled = int(math.Ceil(float64(e.Needed) * float64(v.folds) / float64(v.folds-1)))
		}
		return e
	}
	slices.Reverse(v.sizes)
	v.sayRare(d)
	return nil
}

// learnable tells whether every subset of n rows has two samples of at least
// two classes, so that something can be chosen in folds of it.
func (v *division) learnable(d *experiment.Data, n int) bool {
	for i := range v.draws {
		counts := map[string]int{}
		twice := 0
		for _, r := range v.draws[i].order[:min(n, v.all)] {
			if counts[d.Labels[r]]++; counts[d.Labels[r]] == 2 {
				twice++
			}
		}
		if twice < 2 {
			return false
		}
	}
	return true
}

// sayRare notes the classes that are not in every subset.
func (v *division) sayRare(d *experiment.Data) {
	var rare []string
	for _, class := range v.classes {
		missing := false
		for i := range v.draws {
			missing = missing || !slices.ContainsFunc(v.draws[i].order[:v.sizes[0]], func(r int) bool { return d.Labels[r] == class })
		}
		if missing {
			rare = append(rare, class)
		}
	}
	if len(rare) == 0 {
		return
	}
	const named = 10
	r := Remark{Kind: "rare-classes", Count: len(rare), Names: rare[:min(len(rare), named)]}
	r.Message = fmt.Sprintf("%s so few samples that the smallest subsets, of %d, have none of %s; there these samples count as wrong",
		are(len(rare), "class has", "classes have"), v.sizes[0], map[bool]string{true: "it", false: "some of them"}[len(rare) == 1])
	v.notes = append(v.notes, r)
}
