package experiment

import (
	"fmt"
	"slices"
	"time"

	"github.com/headstart-ml/headstart/head/fit"
)

// DefaultBudget is the time that "auto" may take unless Settings say otherwise.
const DefaultBudget = 10 * time.Minute

// nominalRate is how many operations a second a budget counts with: what a core
// with AVX2 does in float32 where products are not at their best. No clock
// decides what is compared, so that the same data give the same head anywhere.
const nominalRate = 20e9

// affordable returns the families that are compared: all whose work, as it is
// estimated from the sizes, goes into the budget beside that of the families
// before them. The first is always among them. A note says which are left out.
// Families that are apart are not compared at all.
func (t *trainer) affordable(all []fit.Entry) []*fit.Entry {
	procedures, folds := 1, orDefault(t.Folds, defaultFolds)
	if t.cv > 0 {
		procedures += t.cv
	}
	size := fit.Size{Rows: len(t.used), Features: t.result.Dim, Classes: len(t.classes), Parts: procedures * folds}
	budget := orDefault(t.Budget, DefaultBudget)
	left := budget.Seconds()
	var out []*fit.Entry
	for i := range all {
		e := &all[i]
		if e.Apart {
			continue
		}
		_, candidates := e.Path((&run{trainer: t}).grid())
		size.Candidates = len(candidates)
		seconds := e.Work(&size) / nominalRate * float64(max(t.Repeat, 1))
		if len(out) > 0 && seconds > left {
			t.detail(Warning{Kind: "over-budget", Names: []string{e.Kind}, Message: fmt.Sprintf("%s is not compared: it is estimated to take %v of one core, and of the %v that may be spent %v are left", e.Kind, whole(seconds), whole(budget.Seconds()), whole(left))})
			continue
		}
		left -= seconds
		out = append(out, e)
	}
	return slices.Clip(out)
}

// whole is a time in seconds, rounded as people say it.
func whole(seconds float64) time.Duration {
	d := time.Duration(min(max(seconds, 0), 1e9) * float64(time.Second))
	if d > 10*time.Second {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}
