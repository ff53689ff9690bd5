package experiment

import (
	"fmt"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/head"
)

// namedAtMost is how many classes or rows a warning names.
const namedAtMost = 10

// warn notes a warning, with its names cut to namedAtMost.
func (t *trainer) warn(w Warning) {
	w.Names = w.Names[:min(len(w.Names), namedAtMost)]
	t.result.Warnings = append(t.result.Warnings, w)
}

// list joins names for a message.
func list(names []string) string {
	if len(names) > namedAtMost {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:namedAtMost], ", "), len(names)-namedAtMost)
	}
	return strings.Join(names, ", ")
}

// countWarnings tells how many rows were left out.
func (t *trainer) countWarnings() {
	if n := t.result.N.Unlabelled; n > 0 {
		t.warn(Warning{Kind: "unlabelled", Count: n, Message: fmt.Sprintf("%d rows without a label were skipped", n)})
	}
	if n := t.result.N.Unassigned; n > 0 {
		t.warn(Warning{Kind: "unassigned", Count: n, Message: fmt.Sprintf("%d rows without a split were left out: the others have one", n)})
	}
}

// dataWarnings tells what is odd about the data before anything is split or
// fitted.
func (t *trainer) dataWarnings(useSplits bool) {
	count := make([]int, len(t.classes))
	for _, y := range t.labels {
		count[y]++
	}
	var single []string
	for k, n := range count {
		if n == 1 {
			single = append(single, t.classes[k])
		}
	}
	if single != nil {
		t.warn(Warning{Kind: "one-sample", Count: len(single), Names: single, Message: "classes with one sample, which cannot be both learnt and tested: " + list(single)})
	}
	if t.data.Keys == nil {
		return
	}
	byKey := map[[32]byte][]int{}
	for i, r := range t.used {
		byKey[t.data.Keys[r]] = append(byKey[t.data.Keys[r]], i)
	}
	in := make([]part, len(t.used))
	for p := range testPart + 1 {
		for _, i := range *t.given.of(p) {
			in[i] = p
		}
	}
	var conflicts, leaks []string
	for i, r := range t.used {
		same := byKey[t.data.Keys[r]]
		if same[0] != i {
			continue
		}
		for _, j := range same[1:] {
			if t.labels[j] != t.labels[i] {
				conflicts = append(conflicts, t.data.id(r)+" = "+t.data.id(t.used[j]))
				break
			}
		}
		if useSplits && slices.ContainsFunc(same, func(j int) bool { return in[j] != in[i] }) {
			leaks = append(leaks, t.data.id(r))
		}
	}
	if conflicts != nil {
		t.warn(Warning{Kind: "conflict", Count: len(conflicts), Names: conflicts, Message: fmt.Sprintf("%d contents have rows with different labels, which are all kept: %s", len(conflicts), list(conflicts))})
	}
	if leaks != nil {
		t.warn(Warning{Kind: "leak", Count: len(leaks), Names: leaks, Message: fmt.Sprintf("%d contents are in more than one of the data's splits, so that metrics are too good: %s", len(leaks), list(leaks))})
	}
}

// placeWarnings tells what is odd about parts and folds of the first seed.
func (t *trainer) placeWarnings(o *trial) {
	absent := func(place string, parts ...[]int) {
		var names []string
		for k, name := range t.classes {
			for _, rows := range parts {
				if !slices.ContainsFunc(rows, func(r int) bool { return t.labels[r] == k }) {
					names = append(names, name)
					break
				}
			}
		}
		if names != nil {
			where := "in the " + place
			if len(parts) > 1 {
				where = fmt.Sprintf("in at least one of the %d %s", len(parts), place)
			}
			t.warn(Warning{Kind: "absent", Place: place, Count: len(names), Names: names, Message: "classes without a row " + where + ": " + list(names)})
		}
	}
	if t.cv > 0 {
		absent("folds", o.folds...)
		var trained [][]int
		for _, p := range o.tests {
			trained = append(trained, p.train)
		}
		absent("training parts of the folds", trained...)
	} else {
		for p := range testPart + 1 {
			if rows := *o.parts.of(p); len(rows) > 0 {
				absent(p.String(), rows)
			}
		}
		if o.tested == nil {
			t.warn(Warning{Kind: "no-test", Message: "no row is left to test on"})
		}
	}
	if o.whole.folds != nil {
		absent(innerFolds, o.whole.folds...)
	}
}

// choiceWarnings tells what is odd about what was selected and fitted with the
// first seed.
func (t *trainer) choiceWarnings(o *trial) {
	best := o.whole.best
	switch {
	case best.first:
		t.warn(Warning{Kind: "edge", Message: fmt.Sprintf("the chosen λ = %g is the strongest of the path; a stronger one may be better", best.Params[0].Value)})
	case best.last:
		t.warn(Warning{Kind: "edge", Message: fmt.Sprintf("the chosen λ = %g is the weakest of the path; a weaker one may be better", best.Params[0].Value)})
	}
	for _, c := range o.whole.left {
		t.warn(Warning{Kind: "path-stopped", Message: fmt.Sprintf("the path was left at λ = %.3g: over the last factor of %d neither the log-loss became better, nor the score by more than its standard error", c.Params[0].Value, pathFactor)})
	}
	unfinished := func(f head.Fit) bool { return f.Status == head.Stalled || f.Status == head.PassLimit }
	var bad []string
	if f := o.final.Fit; unfinished(f) {
		bad = append(bad, fmt.Sprintf("the head (%s at an estimated gap of %.1g)", f.Status, f.Gap))
	}
	for i, f := range o.fits {
		if unfinished(f.Fit) {
			bad = append(bad, fmt.Sprintf("fold %d (%s at an estimated gap of %.1g)", i+1, f.Fit.Status, f.Fit.Gap))
		}
	}
	if bad != nil {
		t.warn(Warning{Kind: "not-converged", Count: len(bad), Names: bad, Message: "fits ended before they reached the tolerance: " + list(bad)})
	}
}
