package experiment

import (
	"cmp"
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

// detail notes what a user need not do anything about.
func (t *trainer) detail(w Warning) {
	w.Names = w.Names[:min(len(w.Names), namedAtMost)]
	t.result.Notes = append(t.result.Notes, w)
}

// list joins names for a message.
func list(names []string) string {
	if len(names) > namedAtMost {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:namedAtMost], ", "), len(names)-namedAtMost)
	}
	return strings.Join(names, ", ")
}

// counted is "1 picture" or "3 pictures"; of other nouns than samples, "1
// group".
func counted(n int, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "s"):
		noun += "es"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// samples is a number of samples as the subject of a sentence that goes on in
// the singular or in the plural.
func (t *trainer) samples(n int, one, several string) string {
	return choose(n, counted(n, cmp.Or(t.data.Noun, "sample")), one, several)
}

// choose puts the end of a sentence in the number of its subject.
func choose(n int, subject, one, several string) string {
	if n == 1 {
		return subject + " " + one
	}
	return subject + " " + several
}

// classes names classes as the subject of a sentence that goes on in the
// singular or in the plural; the names of several stand at its end.
func classesThat(names []string, one, several string) string {
	if len(names) == 1 {
		return "the class " + names[0] + " " + one
	}
	return fmt.Sprintf("%s %s: %s", counted(len(names), "class"), several, list(names))
}

// countWarnings tells how many rows were left out.
func (t *trainer) countWarnings() {
	if n := t.result.N.Unlabelled; n > 0 {
		t.warn(Warning{Kind: "unlabelled", Count: n, Message: t.samples(n, "has no label and is left out", "have no label and are left out")})
	}
	if n := t.result.N.Unassigned; n > 0 {
		t.warn(Warning{Kind: "unassigned", Count: n, Message: t.samples(n, "has no split, which others have, and is left out", "have no split, which others have, and are left out")})
	}
}

// dataWarnings tells what is odd about the data before anything is split or
// fitted.
func (t *trainer) dataWarnings(useSplits bool) {
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
				conflicts = append(conflicts, t.data.id(r)+" and "+t.data.id(t.used[j]))
				break
			}
		}
		if useSplits && slices.ContainsFunc(same, func(j int) bool { return in[j] != in[i] }) {
			leaks = append(leaks, t.data.id(r))
		}
	}
	if n := len(conflicts); n > 0 {
		t.warn(Warning{Kind: "conflict", Count: n, Names: conflicts, Message: t.samples(n, "appears", "appear") +
			" more than once with different labels, which are all kept: " + strings.ReplaceAll(list(conflicts), ", ", "; ")})
	}
	if n := len(leaks); n > 0 {
		t.warn(Warning{Kind: "leak", Count: n, Names: leaks, Message: t.samples(n, "is", "are") +
			" in more than one of the data's splits, so that the figures are too good: " + list(leaks)})
	}
}

// placeWarnings tells what is odd about parts and folds of the first seed: a
// warning a class at most.
func (t *trainer) placeWarnings(o *trial) {
	if t.cv > 0 {
		t.foldWarnings(o)
	} else {
		t.partWarnings(o)
		if o.tested == nil {
			t.warn(Warning{Kind: "no-test", Message: "no sample is left to test on: nothing says how good the head is"})
		}
	}
	if o.whole.folds == nil {
		return
	}
	var names []string
	for k, name := range t.classes {
		if t.missing(k, o.whole.folds...) {
			names = append(names, name)
		}
	}
	if names != nil {
		t.detail(Warning{Kind: "absent", Place: innerFolds, Count: len(names), Names: names,
			Message: fmt.Sprintf("%s, when λ is chosen", classesThat(names, "is not in each fold", "are not in each fold"))})
	}
}

// missing says whether one of several lists of rows has none of class k.
func (t *trainer) missing(k int, all ...[]int) bool {
	return slices.ContainsFunc(all, func(rows []int) bool {
		return !slices.ContainsFunc(rows, func(r int) bool { return t.labels[r] == k })
	})
}

// foldWarnings tells of classes that are not in each fold.
func (t *trainer) foldWarnings(o *trial) {
	count := make([]int, len(t.classes))
	for _, y := range t.labels {
		count[y]++
	}
	var trained [][]int
	for _, p := range o.tests {
		trained = append(trained, p.train)
	}
	var single, few, unseen []string
	for k, name := range t.classes {
		switch {
		case count[k] == 1:
			single = append(single, name)
		case t.missing(k, trained...):
			unseen = append(unseen, name)
		case t.missing(k, o.folds...):
			few = append(few, name)
		}
	}
	if single != nil {
		t.warn(Warning{Kind: "one-sample", Count: len(single), Names: single,
			Message: classesThat(single, "has one sample, which cannot be both learnt and tested", "have one sample each, which cannot be both learnt and tested")})
	}
	if unseen != nil {
		t.warn(Warning{Kind: "absent", Place: "training parts of the folds", Count: len(unseen), Names: unseen,
			Message: classesThat(unseen, "is in one fold alone, so it is tested on a head that has never seen it", "are in one fold alone, so they are tested on heads that have never seen them")})
	}
	if few != nil {
		unit := "samples"
		if t.grouped {
			unit = "groups"
		}
		t.warn(Warning{Kind: "absent", Place: "folds", Count: len(few), Names: few,
			Message: classesThat(few, fmt.Sprintf("has too few %s to be in each of the %d folds", unit, len(o.folds)), fmt.Sprintf("have too few %s to be in each of the %d folds", unit, len(o.folds)))})
	}
}

// partWarnings tells of classes that are not in each part, those that are not
// in the same parts together.
func (t *trainer) partWarnings(o *trial) {
	var order []string // of places
	absent := map[string][]string{}
	for k, name := range t.classes {
		var places []string
		for p := range testPart + 1 {
			if rows := *o.parts.of(p); len(rows) > 0 && t.missing(k, rows) {
				places = append(places, p.String())
			}
		}
		if places == nil {
			continue
		}
		where := strings.Join(places, ", ")
		if absent[where] == nil {
			order = append(order, where)
		}
		absent[where] = append(absent[where], name)
	}
	for _, where := range order {
		names := absent[where]
		place, _, _ := strings.Cut(where, ", ")
		verb := "in the " + strings.ReplaceAll(where, ", ", " and in the ")
		message := classesThat(names, "has no sample "+verb, "have no sample "+verb)
		if place == trainPart.String() {
			message += "; the head does not know " + choose(len(names), "", "it", "them")[1:]
		}
		t.warn(Warning{Kind: "absent", Place: place, Count: len(names), Names: names, Message: message})
	}
}

// choiceWarnings tells what is odd about what was selected and fitted with the
// first seed.
func (t *trainer) choiceWarnings(o *trial) {
	if n := o.final.Constant; n > 0 && !t.NoStandardize {
		t.detail(Warning{Kind: "constant-features", Count: n, Message: choose(n, fmt.Sprintf("%d of %s", n, counted(t.result.Dim, "feature")),
			"varies by nothing, or by less than numbers of 32 bits can tell, and counts as constant",
			"vary by nothing, or by less than numbers of 32 bits can tell, and count as constant")})
	}
	t.pathWarnings(o.whole, "log-loss")
	var folds []head.Fit
	for _, f := range o.fits {
		folds = append(folds, f.Fit)
	}
	t.fitWarnings(o.final.Fit, folds)
}

// pathWarnings tells where the choice of a procedure is the end of what was
// tried, and which paths were left by the loss of that name and by the score.
func (t *trainer) pathWarnings(p *procedure, loss string) {
	best := p.best
	for _, end := range []struct {
		at        bool
		most, way string
	}{{best.first, "strongest", "stronger"}, {best.last, "weakest", "weaker"}} {
		if end.at && !(best.Params[0] == head.Param{Name: head.Shrinkage, Value: 1}) { // there is none stronger
			t.warn(Warning{Kind: "edge", Message: fmt.Sprintf("the chosen %s is the %s that was tried; a %s one may be better", best.Params[0], end.most, end.way)})
			break
		}
	}
	for _, c := range p.left {
		name := "λ"
		if c.Params[0].Name != head.L2 {
			name = c.Params[0].Name
		}
		t.detail(Warning{Kind: "path-stopped", Message: fmt.Sprintf("no %s weaker than %.3g was tried: over the last factor of %d neither the %s became better, nor the score by more than its standard error", name, c.Params[0].Value, pathFactor, loss)})
	}
}

// fitWarnings tells which fits ended before they were as exact as asked for:
// that of the head, and those of folds.
func (t *trainer) fitWarnings(final head.Fit, folds []head.Fit) {
	var bad []string
	note := func(what string, f head.Fit) {
		if f.Status == head.Stalled || f.Status == head.PassLimit {
			bad = append(bad, fmt.Sprintf("%s (%s, the loss perhaps %.1g of itself above the least)", what, f.Status, f.Gap))
		}
	}
	note("the head", final)
	for i, f := range folds {
		note(fmt.Sprintf("fold %d", i+1), f)
	}
	if bad != nil {
		t.warn(Warning{Kind: "not-converged", Count: len(bad), Names: bad, Message: choose(len(bad), counted(len(bad), "fit"), "is", "are") + " less exact than asked for: " + list(bad)})
	}
}
