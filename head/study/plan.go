package study

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// item is a size at which a depth is trained with some seeds.
type item struct {
	depth int // its place among the depths
	n     int
	first int // the place of the first seed
	seeds int
	cost  time.Duration
}

// plan lists what is trained, from the cheapest on, and what does not go into
// the budget. What is left of that goes into the other seeds of the largest
// size of depths with layers, so that these are tested on all folds, too.
func (r *run) plan(depths []Depth) (do, left []item) {
	var all, more []item
	for k := range depths {
		cost := func(it item) item {
			it.cost = time.Duration(it.seeds) * r.learner.Cost(&depths[k], it.n, len(r.draws[0].test))
			return it
		}
		for i, n := range r.sizes {
			it := item{depth: k, n: n, seeds: r.Repeat}
			if depths[k].Layers {
				it.seeds = min(it.seeds, TailRepeat)
				if down := len(r.sizes) - 1 - i; down%2 != 0 || down/2 >= TailSizes {
					continue
				}
			}
			all = append(all, cost(it))
		}
		if rest := r.Repeat - TailRepeat; depths[k].Layers && rest > 0 {
			more = append(more, cost(item{depth: k, n: r.all, first: TailRepeat, seeds: rest}))
		}
	}
	// All sizes of a depth come after what costs less than them with what
	// prepares the depth, so that the first of them is the cheapest one.
	whole := func(it item) time.Duration { return depths[it.depth].Once + it.cost }
	cheapest := func(a, b item) int {
		return cmp.Or(cmp.Compare(whole(a), whole(b)), cmp.Compare(a.depth, b.depth), cmp.Compare(a.n, b.n))
	}
	slices.SortStableFunc(all, cheapest)
	slices.SortStableFunc(more, cheapest)
	begun := make([]bool, len(depths))
	for i := range all {
		if k := all[i].depth; !begun[k] {
			all[i].cost, begun[k] = whole(all[i]), true
		}
	}
	spent := time.Duration(0)
	for i, it := range all {
		if i > 0 && spent+it.cost > r.Budget {
			all, left = all[:i:i], all[i:]
			break
		}
		spent += it.cost
	}
	do = all
	for _, it := range more {
		trained := func(other item) bool { return other.depth == it.depth && other.n == it.n }
		if spent+it.cost > r.Budget || !slices.ContainsFunc(all, trained) {
			continue
		}
		spent += it.cost
		do = append(do, it)
	}
	return do, left
}

// Skipped is what was not trained.
type Skipped struct {
	Depth string `json:"depth"`
	// Sizes are those that were left out, ascending; empty: all of the depth.
	Sizes []int `json:"n,omitempty"`
	// Kind is "budget", "unable" or "size".
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
	// Err is the error whose text the Reason is; nil where the budget is it.
	Err error `json:"-"`
	// Budget is what it would take to train it, too, in seconds of the core
	// that estimates count with; 0 where no budget would do.
	Budget float64 `json:"budget,omitempty"`
}

// overBudget says what does not go into the budget.
func (r *run) overBudget(depths []Depth, do, left []item) []Skipped {
	spent := time.Duration(0)
	for _, it := range do {
		spent += it.cost
	}
	var out []Skipped
	for k := range depths {
		s := Skipped{Depth: depths[k].Name, Kind: "budget"}
		for _, it := range left {
			if it.depth == k {
				s.Sizes = append(s.Sizes, it.n)
			}
		}
		if s.Sizes == nil {
			continue
		}
		slices.Sort(s.Sizes)
		needs := needsUntil(left, k, spent)
		s.Budget = needs.Seconds()
		s.Reason = fmt.Sprintf("with all that costs less it is estimated to take %s of one core, and %s may be spent", lasting(needs), lasting(r.Budget))
		out = append(out, s)
	}
	return out
}

// needsUntil is what everything up to the last item of a depth takes.
func needsUntil(left []item, depth int, spent time.Duration) time.Duration {
	total, needs := spent, spent
	for _, it := range left {
		total += it.cost
		if it.depth == depth {
			needs = total
		}
	}
	return needs
}

// lasting writes a time as people say it.
func lasting(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Round(time.Hour).Hours()))
}
