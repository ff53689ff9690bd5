package experiment

import (
	"fmt"
	"maps"
	"slices"

	"github.com/headstart-ml/headstart/head/fit"
)

// Deal deals some labelled rows of d, ascending, into k folds as Train does:
// rows of equal content stay together, and so do groups as s.By says; classes
// are spread evenly, and s.Seed decides the rest. It returns the rows of each
// fold, ascending.
//
// Errors: a row that is out of range, not ascending or without a label, and
// fewer rows that may be apart than folds (a *FoldsError).
func Deal(d *Data, s *Settings, rows []int, k int) ([][]int, error) {
	dealt, err := united(d, s, rows)
	if err != nil {
		return nil, err
	}
	if k < 2 || k > len(dealt.units) {
		return nil, &FoldsError{Place: "deal", Folds: k, Units: len(dealt.units), Together: dealt.together()}
	}
	folds := deal(dealt.units, k, dealt.labels, len(dealt.classes))
	for _, f := range folds {
		for i, at := range f {
			f[i] = rows[at]
		}
	}
	return folds, nil
}

// united makes the units of some labelled rows of d, ascending, whose labels
// are then those of the rows by their places.
func united(d *Data, s *Settings, rows []int) (*trainer, error) {
	if s == nil {
		s = new(Settings)
	}
	seen := map[string]bool{}
	grouped := false
	for i, r := range rows {
		if r < 0 || r >= len(d.Labels) || i > 0 && rows[i-1] >= r || d.Labels[r] == "" {
			return nil, fmt.Errorf("head: deal: row %d of %d: out of range, not ascending or without a label", r, len(d.Labels))
		}
		seen[d.Labels[r]] = true
		grouped = grouped || d.Groups != nil && d.Groups[r] != "" && s.By != "none"
	}
	t := &trainer{Settings: s, data: d, classes: slices.Sorted(maps.Keys(seen)), labels: make([]int, len(rows)), grouped: grouped}
	for i, r := range rows {
		t.labels[i], _ = slices.BinarySearch(t.classes, d.Labels[r])
	}
	t.units = seedUnits(unitsOf(d, rows, grouped), s.Seed)
	return t, nil
}

// WeightsOf returns the weights of rows of d in a fit to them, with mean 1:
// each row's own times that of its class as s says. classes are those of the
// labels, sorted. Weights that cannot be scaled are an error.
func WeightsOf(d *Data, s *Settings, classes []string, rows []int) ([]float64, error) {
	own, err := d.rowWeights(rows)
	if err != nil {
		return nil, err
	}
	byClass, err := s.classWeights(classes)
	if err != nil {
		return nil, err
	}
	labels, places, out := make([]int, len(rows)), make([]int, len(rows)), make([]float64, len(rows))
	for i, row := range rows {
		places[i] = i
		labels[i], _ = slices.BinarySearch(classes, d.Labels[row])
	}
	w := fit.Weights{Rows: own, Classes: byClass, Balanced: s.ClassWeight == "balanced"}
	w.To(out, places, labels, len(classes))
	return out, nil
}
