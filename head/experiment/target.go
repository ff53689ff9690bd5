package experiment

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/fit"
)

// goal is what the rows of an experiment are to be answered with, for another
// task than OneOf.
type goal struct {
	*fit.Targets // of the rows that take part
	names        []string
	strata       [][]int   // of each row: what its fold should have its share of
	layers       int       // number of strata
	first        []float64 // the first number of each row, of Number, which has no such strata
}

// TargetError says that labels are none that a head for a task can learn.
type TargetError struct {
	Task head.Task
	// Count labels are of that kind, the first that of the row ID.
	Count int
	ID    string
	Label string
	Why   string
}

func (e *TargetError) Error() string {
	if e.Count == 1 {
		return fmt.Sprintf("head: data: sample %s: label %q %s", e.ID, e.Label, e.Why)
	}
	return fmt.Sprintf("head: data: %d labels are of no use, the first that of sample %s: %q %s", e.Count, e.ID, e.Label, e.Why)
}

// ConstantError says that all rows have the same target.
type ConstantError struct {
	Task  head.Task
	Rows  int
	Value string
}

func (e *ConstantError) Error() string {
	return fmt.Sprintf("head: data: all %d labelled samples have the %s %s: there is nothing to learn", e.Rows, e.Task.Noun(), e.Value)
}

// goalOf reads the targets of rows of d.
func (s *Settings) goalOf(task head.Task, d *Data, rows []int) (*goal, error) {
	switch task {
	case head.AnyOf:
		return labelGoal(d, rows)
	case head.Number:
		return numberGoal(d, rows)
	}
	return gradeGoal(d, rows, s.Grades)
}

// labelGoal is that of rows with lists of labels. A stratum is the rows of a
// label, and one those without any.
func labelGoal(d *Data, rows []int) (*goal, error) {
	seen := map[string]bool{}
	lists := make([][]string, len(rows))
	for i, r := range rows {
		lists[i] = d.LabelLists[r]
		for _, label := range lists[i] {
			seen[label] = true
		}
	}
	g := &goal{names: slices.Sorted(maps.Keys(seen))}
	k := len(g.names)
	if k == 0 {
		return nil, &ConstantError{head.AnyOf, len(rows), "(none)"}
	}
	g.Targets = &fit.Targets{Task: head.AnyOf, K: k, Values: fit.LabelValues(lists, g.names)}
	g.layers = k + 1
	count := make([]int, k)
	for i := range rows {
		var in []int
		for c, v := range g.Values[i*k : (i+1)*k] {
			if v > 0 {
				in = append(in, c)
				count[c]++
			}
		}
		if in == nil {
			in = []int{k}
		}
		g.strata = append(g.strata, in)
	}
	if !slices.ContainsFunc(count, func(n int) bool { return n < len(rows) }) {
		return nil, &ConstantError{head.AnyOf, len(rows), strings.Join(g.names, ", ")}
	}
	return g, nil
}

// numberStrata is the number of strata of numbers: rows of similar ones.
const numberStrata = 10

// numberGoal is that of rows whose labels are numbers: one, or several as
// 1.5;2 or [1.5,2].
func numberGoal(d *Data, rows []int) (*goal, error) {
	g := &goal{Targets: &fit.Targets{Task: head.Number}}
	bad := &TargetError{Task: head.Number}
	for _, r := range rows {
		numbers, err := head.Numbers(d.Labels[r])
		why := ""
		switch {
		case err != nil:
			why = err.Error()
		case g.K == 0:
			g.K = len(numbers)
		case len(numbers) != g.K:
			why = fmt.Sprintf("is %s, those before it are %d", counted(len(numbers), "number"), g.K)
		}
		if why != "" {
			if bad.Count++; bad.Count == 1 {
				bad.ID, bad.Label, bad.Why = d.id(r), d.Labels[r], why
			}
			continue
		}
		g.Values = append(g.Values, numbers...)
	}
	if bad.Count > 0 {
		return nil, bad
	}
	g.names = []string{"value"}
	if g.K > 1 {
		g.names = nil
		for k := range g.K {
			g.names = append(g.names, fmt.Sprintf("value_%d", k+1))
		}
	}
	varies := false
	for i, v := range g.Values {
		varies = varies || v != g.Values[i%g.K]
	}
	if !varies {
		return nil, &ConstantError{head.Number, len(rows), d.Labels[rows[0]]}
	}
	for i := range rows {
		g.first = append(g.first, g.Values[i*g.K])
	}
	return g, nil
}

// tenths returns strata of the rows of units: tenths of these, by their
// numbers. No other row decides them.
func tenths(units []*unit, numbers []float64) [][]int {
	var rows []int
	for _, u := range units {
		rows = append(rows, u.rows...)
	}
	slices.Sort(rows)
	slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(numbers[a], numbers[b]) })
	strata := make([][]int, len(numbers))
	for at, r := range rows {
		strata[r] = []int{at * numberStrata / len(rows)}
	}
	return strata
}

// gradeGoal is that of rows with grades, in the order given or, without one, in
// that of the numbers that they are. A stratum is a grade.
func gradeGoal(d *Data, rows []int, order []string) (*goal, error) {
	count := map[string]int{}
	for _, r := range rows {
		count[d.Labels[r]]++
	}
	g := &goal{Targets: &fit.Targets{Task: head.Grade, K: 1}}
	bad := &TargetError{Task: head.Grade}
	fails := func(r int, why string) {
		if bad.Count++; bad.Count == 1 {
			bad.ID, bad.Label, bad.Why = d.id(r), d.Labels[r], why
		}
	}
	if order == nil {
		value := map[string]float64{}
		same := map[float64]string{}
		for _, r := range rows {
			label := d.Labels[r]
			v, err := strconv.ParseFloat(strings.TrimSpace(label), 64)
			switch other, ok := same[v]; {
			case err != nil || v-v != 0:
				fails(r, "is no number, and no order of grades is given")
			case ok && other != label:
				fails(r, fmt.Sprintf("is the same number as %q; one grade is written in one way", other))
			default:
				value[label], same[v] = v, label
			}
		}
		order = slices.SortedFunc(maps.Keys(value), func(a, b string) int { return cmp.Compare(value[a], value[b]) })
	}
	for i, label := range order {
		if slices.Contains(order[:i], label) {
			return nil, fmt.Errorf("head: settings: grade %q is given twice", label)
		}
		if count[label] > 0 {
			g.names = append(g.names, label)
		}
	}
	place := map[string]int{}
	for i, name := range g.names {
		place[name] = i
	}
	for _, r := range rows {
		k, ok := place[d.Labels[r]]
		if !ok && bad.Count == 0 {
			fails(r, "is none of the grades "+list(order))
		}
		g.Values = append(g.Values, float64(k))
		g.strata = append(g.strata, []int{k})
	}
	if bad.Count > 0 {
		return nil, bad
	}
	g.Grades, g.layers = len(g.names), len(g.names)
	if g.Grades < 2 {
		return nil, &ConstantError{head.Grade, len(rows), g.names[0]}
	}
	return g, nil
}
