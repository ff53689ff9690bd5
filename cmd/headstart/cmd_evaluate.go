package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/measure"
	"github.com/headstart-ml/headstart/head/predict"
)

type evaluateOptions struct {
	common
	head     string
	features []string
	all      bool
	ignore   bool // rows of classes that the head does not know
	by       string
	seed     uint64
	mistakes string // the file to list them in
	root     string // where the samples are, for that and for a head with retrained layers
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
	Mistakes  string           `json:"mistakes,omitempty"`
	remarked
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
			"headstart evaluate names.head.onnx later.features --mistakes mistakes.csv",
			"headstart evaluate names.head.onnx names.features --all    # the fitted samples too, apart",
		},
		exits:   []int{exitCorrupt},
		minArgs: 2, maxArgs: -1,
		wants: []string{"the head: a file that train-head made", "the feature set: labelled samples that extract embedded"},
		flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Category: "Samples", Usage: "measure the samples that the head was fitted on too, apart"},
			&cli.BoolFlag{Name: "ignore-unknown-classes", Category: "Samples", Usage: "leave out samples of classes that the head does not know"},
			&cli.StringFlag{Name: "by", Category: "Samples", Value: "auto", Usage: choices(byWords...) + "what is drawn together for the intervals; auto: the group where there is one"},
			&cli.Uint64Flag{Name: "seed", Category: "Samples", Usage: "`N`: the seed of the bootstrap"},
			&cli.StringFlag{Name: "mistakes", Category: "Result", Usage: "list the samples that were predicted wrongly, the worst first: `FILE.csv`"},
			&cli.StringFlag{Name: "root", Category: "Samples", Usage: "the `DIR` where --mistakes and a head with retrained layers find the samples", DefaultText: "where extract found them"},
		}, commonFlags("cache", "threads", "runtime", "provider", "quiet", "json", "no-color")...),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			if err := oneOf("by", ctx.String("by"), byWords...); err != nil {
				return err
			}
			return runEvaluate(ctx.Context, &evaluateOptions{
				common: *c, head: ctx.Args().First(), features: ctx.Args().Tail(),
				all: ctx.Bool("all"), ignore: ctx.Bool("ignore-unknown-classes"), by: ctx.String("by"), seed: ctx.Uint64("seed"), mistakes: ctx.String("mistakes"), root: ctx.String("root"),
			}, e)
		},
	}
}

func runEvaluate(ctx context.Context, o *evaluateOptions, e *env) error {
	f, err := file.Read(o.head)
	if err != nil {
		return err
	}
	if o.root != "" && f.Tail == nil && o.mistakes == "" {
		return usagef("--root says where the samples are; without --mistakes none are read, as %s has no retrained layers", o.head)
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

	together := o.by == "group" || o.by == "auto" && j.Table.Groups != nil
	if together && j.Table.Groups == nil {
		return usagef("--by group: the samples have no groups")
	}
	got, err := predict.Evaluate(ctx, f, model, j, &predict.EvaluateOptions{Seen: o.all, Together: together, Seed: o.seed, Threads: o.threads})
	if err != nil {
		return err
	}
	if len(got.Unknown) > 0 && !o.ignore {
		var list []string
		for class, n := range got.Unknown {
			list = append(list, fmt.Sprintf("%s (%s)", class, counted(n, "sample")))
		}
		slices.Sort(list)
		return fmt.Errorf("%s does not know %s; --ignore-unknown-classes leaves their samples out", o.head, strings.Join(list, ", "))
	}
	if got.N+got.Fitted == 0 {
		return fmt.Errorf("%s: no sample has a label of a class that %s knows", strings.Join(o.features, ", "), o.head)
	}
	if got.N == 0 && !o.all {
		return fmt.Errorf("%s was fitted on all of %s (%s), so they do not say how good it is; give samples that it has not seen, or --all, which measures it on these all the same", o.head, strings.Join(o.features, ", "), counted(got.Fitted, "labelled sample"))
	}
	out := &evaluation{
		Head: o.head, N: got.N, Fitted: got.Fitted, Unlabeled: got.Unlabeled, Unmatched: j.Table.Unmatched, Metrics: got.Fresh, Seen: got.Seen,
	}
	for _, n := range got.Unknown {
		out.Ignored += n
	}
	e.leftOut("unlabelled", out.Unlabeled, "has no label", "have no label")
	e.leftOut("unknown-class", out.Ignored, "is of a class that the head does not know", "are of classes that the head does not know")
	e.unmatched(out.Unmatched)
	if o.mistakes != "" {
		list := &mistakeList{path: o.mistakes, root: o.root, names: o.features, classes: model.Classes, j: j}
		err := list.write(ctx, e, predicted{"fresh", got.FreshRows.Rows, got.FreshRows.Outcomes}, predicted{"fitted", got.SeenRows.Rows, got.SeenRows.Outcomes})
		if err != nil {
			return err
		}
		out.Mistakes = o.mistakes
	}
	out.remarked = e.remarked()
	if o.json {
		return e.printJSON(out)
	}
	return out.print(&o.common, e)
}

// print writes the evaluation for a person.
func (v *evaluation) print(c *common, e *env) error {
	if v.Metrics != nil {
		heading := fmt.Sprintf("%s: %s that it was not fitted on", v.Head, counted(v.N, "sample"))
		if err := report.MetricsTo(e.stdout, heading, v.Metrics, e.style(c)); err != nil {
			return err
		}
	}
	if v.Seen != nil {
		heading := fmt.Sprintf("%s: %s that it was fitted on", v.Head, counted(v.Fitted, "sample"))
		if v.Metrics != nil {
			fmt.Fprintln(e.stdout)
		}
		return report.MetricsTo(e.stdout, heading, v.Seen, e.style(c))
	}
	return nil
}
