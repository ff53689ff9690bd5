package predict

import (
	"context"
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/measure"
)

// blockRows is how many rows of features are gathered and predicted at once.
const blockRows = 1024

// Features computes the probabilities of h for all rows of j, in blocks: take
// is called with each, in order, for the rows lo ≤ i < hi. probabilities is
// (hi−lo)×K and take's only until it returns; its error ends the call. A row
// with a feature that is not finite is an error.
func Features(ctx context.Context, h *head.Head, j *features.Joined, take func(lo, hi int, probabilities []float64) error) error {
	n, d, k := j.Matrix.N(), j.Matrix.D(), len(h.Classes)
	if d != h.D() {
		return fmt.Errorf("predict: %d features for a head of %d", d, h.D())
	}
	x, p := make([]float32, min(blockRows, n)*d), make([]float64, min(blockRows, n)*k)
	for lo := 0; lo < n; lo += blockRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+blockRows, n)
		block, rows := p[:(hi-lo)*k], x[:(hi-lo)*d]
		if err := j.Matrix.BlockTo(rows, lo, hi); err != nil {
			return err
		}
		if err := h.ProbabilitiesTo(block, rows, hi-lo); err != nil {
			for i := range hi - lo { // which one it is
				if err := h.ProbabilitiesTo(block[:k], rows[i*d:(i+1)*d], 1); err != nil {
					return fmt.Errorf("sample %s: %w", j.Table.IDs[lo+i], err)
				}
			}
			return err
		}
		if err := take(lo, hi, block); err != nil {
			return err
		}
	}
	return nil
}

// Evaluation says how well a head does on labelled rows.
type Evaluation struct {
	Fresh     *measure.Metrics // on rows that it was not fitted on; nil: there are none
	Seen      *measure.Metrics // on rows that it was fitted on; nil: there are none, or they were not asked for
	N         int              // fresh rows
	Fitted    int              // rows that it was fitted on
	Unlabeled int              // rows without a label
	Unknown   map[string]int   // rows of classes that the head does not know

	FreshRows Measured // that Fresh is of
	SeenRows  Measured // that Seen is of
}

// Measured are rows that were predicted, ascending, and the outcome of each.
// The classes of outcomes are indices of the head's.
type Measured struct {
	Rows     []int
	Outcomes []measure.Outcome
}

// EvaluateOptions say what is evaluated. nil means the defaults.
type EvaluateOptions struct {
	Seen bool // rows that the head was fitted on, too
	// Together says that the rows of a group are drawn together for the
	// intervals, which takes groups.
	Together bool
	Seed     uint64
	Threads  int // 0: GOMAXPROCS
}

// Evaluate predicts the labelled rows of j with h and takes the metrics, apart
// for rows that the head of f was fitted on. Rows without a label, or of a
// class that the head does not know, are counted and left out.
func Evaluate(ctx context.Context, f *file.File, h *head.Head, j *features.Joined, o *EvaluateOptions) (*Evaluation, error) {
	if o == nil {
		o = new(EvaluateOptions)
	}
	if o.Together && j.Table.Groups == nil {
		return nil, fmt.Errorf("predict: the samples have no groups")
	}
	e := &Evaluation{Unknown: make(map[string]int)}
	const none, fresh, seen = 0, 1, 2
	kind := make([]byte, j.Table.N())
	for i, label := range j.Table.Labels {
		switch _, known := slices.BinarySearch(h.Classes, label); {
		case label == "":
			e.Unlabeled++
		case !known:
			e.Unknown[label]++
		case f.Fitted != nil && f.Fitted.Seen(j.Table.Keys[i]):
			kind[i] = seen
			e.Fitted++
		default:
			kind[i] = fresh
			e.N++
		}
	}
	measured, units := make([]Measured, 3), make([][]string, 3)
	k := len(h.Classes)
	err := Features(ctx, h, j, func(lo, hi int, p []float64) error {
		for i := lo; i < hi; i++ {
			part := kind[i]
			if part == none || part == seen && !o.Seen {
				continue
			}
			label, _ := slices.BinarySearch(h.Classes, j.Table.Labels[i])
			m := &measured[part]
			m.Rows = append(m.Rows, i)
			m.Outcomes = append(m.Outcomes, measure.NewOutcome(p[(i-lo)*k:(i-lo+1)*k], label))
			if o.Together {
				unit := j.Table.Groups[i]
				if unit == "" {
					unit = "\x00" + j.Table.IDs[i]
				}
				units[part] = append(units[part], unit)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	e.FreshRows, e.SeenRows = measured[fresh], measured[seen]
	for part, to := range map[int]**measure.Metrics{fresh: &e.Fresh, seen: &e.Seen} {
		if len(measured[part].Rows) == 0 {
			continue
		}
		if *to, err = measure.Evaluate(measured[part].Outcomes, h.Classes, &measure.Settings{Seed: o.Seed, Threads: o.Threads, Units: units[part]}); err != nil {
			return nil, err
		}
	}
	return e, nil
}
