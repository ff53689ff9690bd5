package experiment

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/head"
)

// targetWarnings tells what is odd about parts, folds and the choice of the
// first seed.
func (g *targetTrainer) targetWarnings(o *targetTrial) {
	t := g.trainer
	switch {
	case g.Task == head.Grade && t.cv > 0:
		t.foldWarnings(o.trial)
	case g.Task == head.Grade:
		t.partWarnings(o.trial)
	case g.Task == head.AnyOf:
		g.labelWarnings(o)
	case g.Task == head.Number:
		g.numberWarnings()
	}
	if t.cv == 0 && o.tested == nil {
		t.warn(Warning{Kind: "no-test", Message: "no sample is left to test on: nothing says how good the head is"})
	}
	if missing := g.without(); len(missing) > 0 {
		t.warn(Warning{Kind: "absent", Count: len(missing), Names: missing, Message: gradesThat(missing)})
	}
	if o.final.Columns == nil {
		t.pathWarnings(o.whole, "loss")
	}
	var folds []head.Fit
	for _, f := range o.fits {
		folds = append(folds, f.how)
	}
	t.fitWarnings(o.final.how, folds)
}

// without lists grades of the order that was given that no sample has.
func (g *targetTrainer) without() []string {
	var missing []string
	if g.Task != head.Grade {
		return nil
	}
	for _, name := range g.Settings.Grades {
		if !slices.Contains(g.names, name) {
			missing = append(missing, name)
		}
	}
	return missing
}

// gradesThat says that no sample has some grades.
func gradesThat(names []string) string {
	if len(names) == 1 {
		return "no sample has the grade " + names[0] + "; the head does not know it"
	}
	return "no sample has the grades " + list(names) + "; the head does not know them"
}

// labelWarnings tells of labels that all training rows have, or none, and of
// those that no tested row has.
func (g *targetTrainer) labelWarnings(o *targetTrial) {
	count := func(rows []int, k int) (n int) {
		for _, r := range rows {
			n += int(g.Values[r*g.K+k])
		}
		return n
	}
	var always, never, untested, single []string
	for k, name := range g.names {
		switch n := count(o.parts.Train, k); {
		case n == len(o.parts.Train):
			always = append(always, name)
		case n == 0:
			never = append(never, name)
		case n == 1 && g.cv > 0:
			single = append(single, name)
		}
		if g.cv == 0 && len(o.parts.Test) > 0 && count(o.parts.Test, k) == 0 {
			untested = append(untested, name)
		}
	}
	for _, w := range []struct {
		kind, place  string
		names        []string
		one, several string
	}{
		{"always", "", always, "is one that every sample has: there is nothing to learn of it, and it is always answered", "are ones that every sample has: there is nothing to learn of them, and they are always answered"},
		{"absent", trainPart.String(), never, "is of no sample of the training part, and never answered", "are of no sample of the training part, and never answered"},
		{"absent", testPart.String(), untested, "is of no sample of the test part", "are of no sample of the test part"},
		{"one-sample", "", single, "is of one sample, which cannot be both learnt and tested", "are of one sample each, which cannot be both learnt and tested"},
	} {
		if w.names == nil {
			continue
		}
		message := "the label " + w.names[0] + " " + w.one
		if len(w.names) > 1 {
			message = fmt.Sprintf("%s %s: %s", counted(len(w.names), "label"), w.several, list(w.names))
		}
		g.warn(Warning{Kind: w.kind, Place: w.place, Count: len(w.names), Names: w.names, Message: message})
	}
}

// numberWarnings tells of numbers that do not vary, of several.
func (g *targetTrainer) numberWarnings() {
	for k, name := range g.names {
		varies := false
		for i := k; i < len(g.Values); i += g.K {
			varies = varies || g.Values[i] != g.Values[k]
		}
		if !varies {
			g.warn(Warning{Kind: "constant", Count: 1, Names: []string{name}, Message: fmt.Sprintf("%s is %v in every sample: there is nothing to learn of it", name, g.Values[k])})
		}
	}
}

// manyNumbers is the number of classes from which on labels that are numbers
// are taken for ones that were not meant as classes.
const manyNumbers = 20

// numberLabels warns of classes that are numbers, very many for as many rows.
func (t *trainer) numberLabels() {
	if len(t.classes) <= manyNumbers || 4*len(t.classes) < len(t.used) {
		return
	}
	for _, c := range t.classes {
		if _, err := strconv.ParseFloat(strings.TrimSpace(c), 64); err != nil {
			return
		}
	}
	t.warn(Warning{Kind: "numbers", Count: len(t.classes), Message: fmt.Sprintf("the labels are numbers, %d different ones of %s, and each is a class of its own; a head of numbers (linear) predicts numbers", len(t.classes), counted(len(t.used), "sample"))})
}
