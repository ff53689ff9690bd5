package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/measure"
)

type evaluateOptions struct {
	common
	head     string
	features []string
	all      bool
	ignore   bool // rows of classes that the head does not know
	by       string
	seed     uint64
	root     string // where the samples are, for a head with retrained layers
}

// evaluation is what `evaluate --json` prints.
type evaluation struct {
	Head      string           `json:"head"`
	N         int              `json:"n"`      // rows that the head was not fitted on
	Fitted    int              `json:"fitted"` // rows that it was fitted on
	Unlabeled int              `json:"unlabelled"`
	Ignored   int              `json:"ignored"` // rows of classes that the head does not know
	Unmatched int              `json:"unmatched"`
	Metrics   *measure.Metrics `json:"metrics,omitempty"`
	Seen      *measure.Metrics `json:"fitted_metrics,omitempty"` // with --all
}

func evaluateCommand(e *env) *command {
	return &command{
		name: "evaluate",
		args: "HEAD NAME.features…",
		does: "measures a head on labelled features that it was not fitted on",
		about: "Samples whose content the head was fitted on are left out; --all shows them too, apart. " +
			"(A head of train-head --refit false was not fitted on its validation part, but calibrated on it.) " +
			"A head of several feature sets takes as many, in its order. One with retrained layers reads the samples again, and needs the runtime, unless the cache has what they give.",
		examples: []string{
			"headstart evaluate names.head.onnx later.features",
			"headstart evaluate names.head.onnx names.features --all    # the fitted samples too, apart",
		},
		exits:   []int{exitCorrupt},
		minArgs: 2, maxArgs: -1,
		flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Category: "Samples", Usage: "measure the samples that the head was fitted on too, apart"},
			&cli.BoolFlag{Name: "ignore-unknown-classes", Category: "Samples", Usage: "leave out samples of classes that the head does not know"},
			&cli.StringFlag{Name: "by", Category: "Samples", Value: "auto", Usage: "what is drawn together for the intervals: auto (the group where there is one), `group`, none"},
			&cli.Uint64Flag{Name: "seed", Category: "Samples", Usage: "`SEED` of the bootstrap"},
			&cli.StringFlag{Name: "root", Category: "Samples", Usage: "the `DIR` where a head with retrained layers finds the samples", DefaultText: "where extract found them"},
		}, commonFlags("cache", "threads", "runtime", "provider", "quiet", "json", "no-color")...),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			if err := oneOf("by", ctx.String("by"), "auto", "group", "none"); err != nil {
				return err
			}
			return runEvaluate(ctx.Context, &evaluateOptions{
				common: *c, head: ctx.Args().First(), features: ctx.Args().Tail(),
				all: ctx.Bool("all"), ignore: ctx.Bool("ignore-unknown-classes"), by: ctx.String("by"), seed: ctx.Uint64("seed"), root: ctx.String("root"),
			}, e)
		},
	}
}

func runEvaluate(ctx context.Context, o *evaluateOptions, e *env) error {
	f, err := file.Read(o.head)
	if err != nil {
		return err
	}
	if o.root != "" && f.Tail == nil {
		return usagef("--root says where the samples are; %s has no retrained layers, so that none are read", o.head)
	}
	open, model := openCache, f.Head
	if f.Tail != nil {
		open, model = cacheToFill, f.OfLogits()
	}
	store, err := open(&o.common)
	if err != nil {
		return err
	}
	defer store.Close()
	j, err := features.Open(o.features, store)
	if err != nil {
		return err
	}
	defer j.Close()
	if err := checkSpaces(o.head, f, j); err != nil {
		return err
	}
	if j.Table.Labels == nil {
		return fmt.Errorf("%s: no sample has a label", strings.Join(o.features, ", "))
	}
	if f.Tail != nil {
		r := &rereading{"evaluate", o.features[0], o.root, store}
		if j, err = throughTail(ctx, f, r.again(j.Sets[0], &o.common, e)); err != nil {
			return r.advised(err, &o.common)
		}
		defer j.Close()
	}

	out := &evaluation{Head: o.head, Unmatched: j.Table.Unmatched}
	fresh, seen, err := o.sort(f, j, out)
	if err != nil {
		return err
	}
	if len(fresh)+len(seen) == 0 {
		return fmt.Errorf("%s: no sample has a label of a class that %s knows", strings.Join(o.features, ", "), o.head)
	}
	if len(fresh) == 0 && !o.all {
		return fmt.Errorf("%s was fitted on all %d labelled samples of %s; --all measures it on them all the same", o.head, len(seen), strings.Join(o.features, ", "))
	}
	if len(fresh) > 0 {
		if out.Metrics, err = o.measure(ctx, model, j, fresh); err != nil {
			return err
		}
	}
	if o.all && len(seen) > 0 {
		if out.Seen, err = o.measure(ctx, model, j, seen); err != nil {
			return err
		}
	}
	if o.json {
		return e.printJSON(out)
	}
	return out.print(&o.common, e)
}

// sort divides the labelled rows of j into those that f was not fitted on and
// those that it was, and counts what is left out.
func (o *evaluateOptions) sort(f *file.File, j *features.Joined, out *evaluation) (fresh, seen []int, err error) {
	unknown := map[string]int{}
	for i, label := range j.Table.Labels {
		switch {
		case label == "":
			out.Unlabeled++
		case !slices.Contains(f.Head.Classes, label):
			unknown[label]++
			out.Ignored++
		case f.Fitted != nil && f.Fitted.Seen(j.Table.Keys[i]):
			seen = append(seen, i)
		default:
			fresh = append(fresh, i)
		}
	}
	if len(unknown) > 0 && !o.ignore {
		var list []string
		for class, n := range unknown {
			list = append(list, fmt.Sprintf("%s (%d samples)", class, n))
		}
		slices.Sort(list)
		return nil, nil, fmt.Errorf("%s does not know the classes %s; --ignore-unknown-classes leaves their samples out", o.head, strings.Join(list, ", "))
	}
	out.N, out.Fitted = len(fresh), len(seen)
	return fresh, seen, nil
}

// measure predicts rows, given by number in ascending order, and takes the
// metrics.
func (o *evaluateOptions) measure(ctx context.Context, m *head.Head, j *features.Joined, rows []int) (*measure.Metrics, error) {
	d, c := m.D(), len(m.Classes)
	p := make([]float64, c)
	outcomes := make([]measure.Outcome, 0, len(rows))
	const block = 1024 // rows of the matrix that are gathered at once
	x := make([]float32, block*d)
	for k := 0; k < len(rows); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		lo := rows[k]
		hi := min(lo+block, j.Matrix.N())
		if err := j.Matrix.BlockTo(x[:(hi-lo)*d], lo, hi); err != nil {
			return nil, err
		}
		for ; k < len(rows) && rows[k] < hi; k++ {
			i := rows[k]
			if err := m.ProbabilitiesTo(p, x[(i-lo)*d:(i-lo+1)*d], 1); err != nil {
				return nil, fmt.Errorf("sample %s: %w", j.Table.IDs[i], err)
			}
			label, _ := slices.BinarySearch(m.Classes, j.Table.Labels[i])
			outcomes = append(outcomes, measure.NewOutcome(p, label))
		}
	}
	s := &measure.Settings{Seed: o.seed, Threads: o.threads}
	if o.by != "none" && j.Table.Groups != nil {
		for _, i := range rows {
			unit := j.Table.Groups[i]
			if unit == "" {
				unit = "\x00" + j.Table.IDs[i]
			}
			s.Units = append(s.Units, unit)
		}
	} else if o.by == "group" {
		return nil, usagef("--by group: the samples have no groups")
	}
	return measure.Evaluate(outcomes, m.Classes, s)
}

// print writes the evaluation for a person.
func (v *evaluation) print(c *common, e *env) error {
	for _, left := range []struct {
		n    int
		what string
	}{
		{v.Unlabeled, "have no label"}, {v.Ignored, "are of classes that the head does not know"}, {v.Unmatched, "are not in every feature set"},
	} {
		if left.n > 0 {
			e.note("%d samples %s and were left out", left.n, left.what)
		}
	}
	if v.Metrics != nil {
		heading := fmt.Sprintf("%s: %s samples that it was not fitted on", v.Head, count(int64(v.N)))
		if err := report.MetricsTo(e.stdout, heading, v.Metrics, e.style(c)); err != nil {
			return err
		}
	}
	if v.Seen != nil {
		heading := fmt.Sprintf("\n%s: %s samples that it was fitted on", v.Head, count(int64(v.Fitted)))
		return report.MetricsTo(e.stdout, heading, v.Seen, e.style(c))
	}
	return nil
}
