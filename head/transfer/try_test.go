package transfer

import (
	"fmt"
	"math"
	"testing"

	"github.com/headstart-ml/headstart/head/experiment"
)

// TestAutoDecidesByPairedErrors compares two ways whose scores vary by group
// much more than they differ, and differ by as much in every group: the
// standard error of the best score holds the head, that of the difference does
// not. Where one group alone makes the difference, both do.
func TestAutoDecidesByPairedErrors(t *testing.T) {
	const groups, size = 8, 20
	d := &experiment.Data{}
	var parts experiment.Parts
	for i := range 2 * groups * size {
		d.Labels = append(d.Labels, []string{"a", "b"}[i%2])
		d.Groups = append(d.Groups, fmt.Sprint(i/size))
		if i < groups*size {
			parts.Train = append(parts.Train, i)
		} else {
			parts.Validation = append(parts.Validation, i)
		}
	}
	// measured is right in so many rows of each group of the validation part.
	measured := func(right func(group int) int) *experiment.Result {
		o := &experiment.Other{Kind: "softmax", Classes: []string{"a", "b"}, Parts: parts}
		for i := range parts.Validation {
			z := []float64{2, -2}
			if (i%2 == 0) != (i%size < right(i/size)) {
				z[0], z[1] = z[1], z[0]
			}
			o.Validation = append(o.Validation, z...)
		}
		for range parts.Train {
			o.Train = append(o.Train, 1, 0)
		}
		r, err := experiment.Measure(d, &experiment.Settings{By: "group", Calibrate: "none"}, o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	head := func(group int) int { return 1 + 2*group } // from hard groups to easy ones
	for _, c := range []struct {
		name   string
		tail   func(group int) int
		chosen string
	}{
		{"in every group", func(group int) int { return head(group) + 1 }, "last:1"},
		{"in one group", func(group int) int {
			if group == 0 {
				return 9
			}
			return head(group)
		}, "head"},
	} {
		l := &Learner{settings: &Settings{Tail: Auto, Head: experiment.Settings{Metric: "accuracy"}}}
		o := &Outcome{Tried: []*Attempt{
			{Way: &Way{Name: "head"}, Result: measured(head)}, {Way: &Way{Name: "last:1"}, Result: measured(c.tail)},
		}}
		if err := l.choose(o); err != nil {
			t.Fatal(err)
		}
		r, err := l.comparison([]*Outcome{o})
		if err != nil {
			t.Fatal(err)
		}
		first, last := &r.Ways[0], &r.Ways[1]
		if r.Chosen != c.chosen || o.Chosen.Way.Name != c.chosen || r.Rule != "one-standard-error" {
			t.Errorf("%s: %s was chosen of %+v", c.name, r.Chosen, r.Ways)
		}
		if first.Score < last.Score-last.SE {
			t.Errorf("%s: the error of the best score, %v, does not hold the head's", c.name, last.SE)
		}
		if first.Difference == nil || last.Difference == nil || math.Abs(first.Difference.Value-0.05) > 1e-12 || first.Difference.SE > last.SE || last.Difference.Value != 0 {
			t.Errorf("%s: differences %+v and %+v", c.name, first.Difference, last.Difference)
		}
	}
}
