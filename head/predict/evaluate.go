package predict

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/measure"
)

// Evaluation says how well a head does on labelled rows.
type Evaluation struct {
	Fresh     *measure.Metrics // on rows that it was not fitted on; nil: there are none
	Seen      *measure.Metrics // on rows that it was fitted on; nil: there are none, or they were not asked for
	Answers   *measure.Answers // of the fresh rows, of a head that may be unsure; nil of others
	N         int              // fresh rows
	Fitted    int              // rows that it was fitted on
	Unlabeled int              // rows without a label
	Unknown   map[string]int   // rows of classes that the head does not know; of labels, which are left out alone
	Grouped   bool             // a row has a group

	FreshRows Measured // that Fresh is of
	SeenRows  Measured // that Seen is of
	// Wrong names the measured samples of an Evaluator that were predicted
	// wrongly, by their rows; nil of rows of feature sets.
	Wrong map[int]Named
}

// Measured are rows that were predicted, ascending, and the outcome of each.
// The classes of outcomes are indices of the head's. Rows of an Evaluator are
// the numbers, from 0, of the samples that are not bad.
type Measured struct {
	Rows     []int
	Outcomes []measure.Outcome // nil of labels and numbers
	// Answers are what rows of head.AnyOf and head.Number are answered with, a
	// row after the other, and Targets what is so.
	Answers, Targets []float64
	// Units names what each row is drawn with; nil: each is drawn by itself.
	Units []string
}

// Named says which sample a row is of.
type Named struct {
	ID  string
	Key cache.Key // of its content
}

// EvaluateOptions say what is evaluated. nil means the defaults.
type EvaluateOptions struct {
	Seen bool // rows that the head was fitted on, too
	// Together says that the rows of a group are drawn together for the
	// intervals, if there are groups.
	Together bool
	Seed     uint64
	Threads  int // 0: GOMAXPROCS
}

// Evaluate predicts the labelled rows of j with h and takes the metrics, apart
// for rows that the head of f was fitted on. Rows without a label, or of a
// class that the head does not know, are counted and left out. Rows with
// several labels each are a *features.SeveralError, and so, of a head for any
// of several labels, are those with one each: a *features.OneError. A label
// that is no number is an error of a head of numbers.
func Evaluate(ctx context.Context, f *file.File, h *head.Head, j *features.Joined, o *EvaluateOptions) (*Evaluation, error) {
	several := h.Task == head.AnyOf
	if err := j.Table.HasLabels(several); err != nil {
		return nil, err
	}
	e := NewEvaluator(f, h, o)
	k := len(h.Classes)
	err := Features(ctx, h, j, func(lo, hi int, p []float64) error {
		for i := lo; i < hi; i++ {
			row := evaluated{id: j.Table.IDs[i], key: j.Table.Keys[i]}
			if j.Table.Labels != nil {
				row.label = j.Table.Labels[i]
			}
			if j.Table.LabelLists != nil {
				row.labels = j.Table.LabelLists[i]
			}
			if j.Table.Groups != nil {
				row.group = j.Table.Groups[i]
			}
			if _, err := e.add(i, &row, p[(i-lo)*k:(i-lo+1)*k]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return e.Evaluation()
}

// Evaluator evaluates a head on labelled samples while they are embedded: it is
// the sink of a run. Of each sample it keeps a few numbers and, where groups
// are drawn together, a name.
type Evaluator struct {
	file    *file.File
	head    *head.Head
	options EvaluateOptions
	e       Evaluation

	measured [2]Measured // fresh, seen
	units    [2][]string
	taken    int // rows

	rows          []float32
	waiting       []evaluated
	probabilities []float64
}

var _ extract.Sink = (*Evaluator)(nil)

// evaluated is what is known of a row beside its features.
type evaluated struct {
	id, label, group string
	labels           []string // of a head for any of several; nil: they are not known
	key              cache.Key
}

// NewEvaluator returns an evaluator of the head h, with which the head of f
// answers. nil options are the defaults.
func NewEvaluator(f *file.File, h *head.Head, o *EvaluateOptions) *Evaluator {
	e := &Evaluator{file: f, head: h, e: Evaluation{Unknown: make(map[string]int)}}
	if o != nil {
		e.options = *o
	}
	return e
}

// Take evaluates embedded samples. Bad ones are left out; one with several
// labels (source.Options.MultiLabel) is an error of a head that learnt one.
func (e *Evaluator) Take(rows []extract.Row) error {
	for i := range rows {
		row := &rows[i]
		if row.Bad != "" {
			continue
		}
		s := row.Sample
		if s.Labels != nil && e.head.Task != head.AnyOf {
			return fmt.Errorf("predict: %s was read with several labels a sample, where one is needed", s.ID)
		}
		e.rows = append(e.rows, row.Embedding...)
		labels := s.Labels
		if labels == nil && s.Label != "" {
			labels = []string{s.Label}
		}
		e.waiting = append(e.waiting, evaluated{id: s.ID, label: s.Label, group: s.Group, labels: labels, key: row.Key})
		if len(e.waiting) == blockRows {
			if err := e.predict(); err != nil {
				return err
			}
		}
	}
	return e.predict()
}

// predict predicts the rows that wait.
func (e *Evaluator) predict() error {
	n, k := len(e.waiting), len(e.head.Classes)
	e.probabilities = slices.Grow(e.probabilities[:0], n*k)[:n*k]
	if err := e.head.AnswersTo(e.probabilities, e.rows, n); err != nil {
		var ids []string
		for _, w := range e.waiting {
			ids = append(ids, w.id)
		}
		return fmt.Errorf("predict: samples %s: %w", strings.Join(ids, ", "), err)
	}
	for i := range e.waiting {
		w := &e.waiting[i]
		wrong, err := e.add(e.taken, w, e.probabilities[i*k:(i+1)*k])
		if err != nil {
			return err
		}
		if wrong {
			if e.e.Wrong == nil {
				e.e.Wrong = make(map[int]Named)
			}
			e.e.Wrong[e.taken] = Named{w.id, w.key}
		}
		e.taken++
	}
	e.rows, e.waiting = e.rows[:0], e.waiting[:0]
	return nil
}

// add counts row i and, if it is to be measured, remembers what became of it.
// It says whether it was predicted wrongly, which any number is.
func (e *Evaluator) add(i int, row *evaluated, p []float64) (wrong bool, err error) {
	e.e.Grouped = e.e.Grouped || row.group != ""
	t, err := e.targetOf(row)
	if t == nil || err != nil {
		return false, err
	}
	part := 0
	if e.file.Fitted != nil && e.file.Fitted.Seen(row.key) {
		e.e.Fitted++
		if part = 1; !e.options.Seen {
			return false, nil
		}
	} else {
		e.e.N++
	}
	m := &e.measured[part]
	m.Rows = append(m.Rows, i)
	if e.options.Together {
		unit := row.group
		if unit == "" {
			unit = "\x00" + row.id
		}
		e.units[part] = append(e.units[part], unit)
	}
	if !e.head.Task.OneLabel() {
		m.Answers, m.Targets = append(m.Answers, p...), append(m.Targets, t...)
		return !right(e.head.Task, p, t), nil
	}
	outcome := measure.NewOutcome(p, int(t[0]))
	m.Outcomes = append(m.Outcomes, outcome)
	return outcome.Predicted != outcome.Label, nil
}

// Evaluation returns the metrics of what was taken.
func (e *Evaluator) Evaluation() (*Evaluation, error) {
	out := e.e
	out.FreshRows, out.SeenRows = e.measured[0], e.measured[1]
	for part, to := range []**measure.Metrics{&out.Fresh, &out.Seen} {
		if len(e.measured[part].Rows) == 0 {
			continue
		}
		s := &measure.Settings{Seed: e.options.Seed, Threads: e.options.Threads}
		if e.e.Grouped {
			s.Units = e.units[part]
			[]*Measured{&out.FreshRows, &out.SeenRows}[part].Units = s.Units
		}
		var err error
		if *to, err = e.measured[part].metrics(e.head, s); err != nil {
			return nil, err
		}
		if part == 0 && e.head.MayBeUnsure() {
			unsure := make([]bool, len(e.measured[part].Outcomes))
			for i, o := range e.measured[part].Outcomes {
				unsure[i] = e.head.Unsure(o.Predicted, o.Confidence)
			}
			out.Answers = measure.AnswersOf(e.measured[part].Outcomes, unsure, e.head.Classes, s)
		}
	}
	return &out, nil
}
