package experiment

import (
	"fmt"
	"slices"
	"time"

	"github.com/headstart-ml/headstart/head"
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

// Estimate says how long about it takes to select, fit and measure one kind of
// head, that of s ("auto": all that are compared), on that many rows in one
// training part, by the sizes alone, on the core that a Budget counts with. No
// clock is read.
func Estimate(s *Settings, size fit.Size) time.Duration {
	if s == nil {
		s = new(Settings)
	}
	size.Parts = max(size.Parts, 1) * orDefault(s.Folds, defaultFolds)
	total := 0.0
	for i := range fit.Families {
		e := &fit.Families[i]
		if kind := orDefault(s.Kind, head.Kinds[0].Name); kind != e.Kind && (kind != "auto" || e.Apart) {
			continue
		}
		_, candidates := e.Path((&run{trainer: &trainer{Settings: s}}).grid())
		size.Candidates = len(candidates)
		total += e.Work(&size)
	}
	return time.Duration(min(total/nominalRate, 1e9) * float64(time.Second))
}
