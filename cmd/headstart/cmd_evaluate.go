package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/measure"
	"github.com/headstart-ml/headstart/head/predict"
)

type evaluateOptions struct {
	common
	sampling
	head     string
	sources  []string // feature sets, or sources of samples
	all      bool
	ignore   bool // rows of classes that the head does not know
	by       string
	seed     uint64
	mistakes string // the file to list them in
	against  string // another head; "": none
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
	Answers   *measure.Answers `json:"answers,omitempty"`        // of the samples that it was not fitted on, of a head that may be unsure
	Against   *against         `json:"against,omitempty"`
	Mistakes  string           `json:"mistakes,omitempty"`
	Bad       int64            `json:"bad,omitempty"` // samples of a source
	remarked
}

func evaluateCommand(e *env) *command {
	const measured = "What is measured"
	return &command{
		name: "evaluate",
		args: "HEAD SOURCE…|NAME.features…",
		does: "measures a head on labelled samples that it was not fitted on",
		about: "Samples are those of feature sets, or of a source as extract takes it: a folder of images by class, a table with a column of labels. " +
			"Those of a source are read and preprocessed as for the features that the head was fitted on, and pass through the same cache; the figures are those of the extracted set.\n\n" +
			"Samples whose content the head was fitted on are left out; --all shows them too, apart. " +
			"(A head of train-head --refit false was not fitted on its validation part, but calibrated on it.) " +
			"With --against another head is measured on the same samples, and the difference comes with its interval, of the samples that neither was fitted on: " +
			"where it includes 0, they do not tell which head is better.\n\n" +
			"A head of several feature sets takes as many, in its order. One with retrained layers reads the samples again, and needs the runtime, unless the cache has what they give.",
		examples: []string{
			"headstart evaluate photos.head.onnx later-photos/",
			"headstart evaluate names.head.onnx --text name --label label later.csv",
			"headstart evaluate names.head.onnx later.features --mistakes mistakes.csv",
			"headstart evaluate names.head.onnx later.features --against old.head.onnx",
			"headstart evaluate names.head.onnx names.features --all    # the fitted samples too, apart",
		},
		exits:   []int{exitBadSamples, exitCorrupt},
		minArgs: 2, maxArgs: -1,
		wants: []string{"the head: a file that train-head made", "the source: a folder, a table or a feature set with labelled samples"},
		flags: slices.Concat([]cli.Flag{
			&cli.BoolFlag{Name: "all", Category: measured, Usage: "measure the samples that the head was fitted on too, apart"},
			&cli.StringFlag{Name: "against", Category: measured, Usage: "another head's `FILE`: is this one better on the same samples?"},
			&cli.BoolFlag{Name: "ignore-unknown-classes", Category: measured, Usage: "leave out samples of classes that the head does not know"},
			&cli.StringFlag{Name: "by", Category: measured, Value: "auto", Usage: choices(byWords...) + "what is drawn together for the intervals; auto: the group where there is one"},
			&cli.Uint64Flag{Name: "seed", Category: measured, Usage: "`N`: the seed of the bootstrap"},
			&cli.StringFlag{Name: "mistakes", Category: "Result", Usage: "list the samples that were predicted wrongly, the worst first: `FILE.csv`"},
		}, samplingFlags(), commonFlags("cache", "no-cache", "threads", "runtime", "provider", "quiet", "json", "no-color")),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			if err := oneOf("by", ctx.String("by"), byWords...); err != nil {
				return err
			}
			s, err := newSampling(ctx)
			if err != nil {
				return err
			}
			return runEvaluate(ctx.Context, &evaluateOptions{
				common: *c, sampling: *s, head: ctx.Args().First(), sources: ctx.Args().Tail(),
				all: ctx.Bool("all"), ignore: ctx.Bool("ignore-unknown-classes"), by: ctx.String("by"), seed: ctx.Uint64("seed"), mistakes: ctx.String("mistakes"), against: ctx.String("against"),
			}, e)
		},
	}
}

func runEvaluate(ctx context.Context, o *evaluateOptions, e *env) error {
	f, err := file.Read(o.head)
	if err != nil {
		return err
	}
	sets, err := onlySets(o.sources)
	if err != nil {
		return err
	}
	if o.against != "" && f.Head.Task != head.OneOf {
		return usagef("--against: %s answers %s; two heads of one of several classes are compared", o.head, answersWhat(f.Head.Task))
	}
	out := &evaluation{Head: o.head}
	stats := new(extract.Stats)
	got, list, err := o.evaluate(ctx, sets, f, stats, out, e)
	if err != nil {
		return err
	}
	if got.N == 0 && !o.all {
		return fmt.Errorf("%s was fitted on all of %s (%s), so they do not say how good it is; give samples that it has not seen, or --all, which measures it on these all the same",
			o.head, strings.Join(o.sources, ", "), counted(got.Fitted, "labelled sample"))
	}
	if o.against != "" {
		if out.Against, err = o.compare(ctx, sets, &predict.Evaluated{Evaluation: got, Classes: f.Head.Classes}, e); err != nil {
			return err
		}
	}
	out.N, out.Fitted, out.Unlabeled, out.Metrics, out.Seen, out.Bad = got.N, got.Fitted, got.Unlabeled, got.Fresh, got.Seen, stats.Bad.Load()
	out.Answers = got.Answers
	for _, n := range got.Unknown {
		out.Ignored += n
	}
	e.leftOut("unlabelled", out.Unlabeled, "has no label", "have no label")
	e.leftOut("unknown-class", out.Ignored, "is of a class that the head does not know", "are of classes that the head does not know")
	e.unmatched(out.Unmatched)
	if o.mistakes != "" {
		err := list.write(ctx, e, predictedOf("fresh", &got.FreshRows), predictedOf("fitted", &got.SeenRows))
		if err != nil {
			return err
		}
		out.Mistakes = o.mistakes
	}
	out.remarked = e.remarked()
	if o.json {
		err = e.printJSON(out)
	} else {
		err = out.print(&o.common, e)
	}
	if err != nil {
		return err
	}
	if err := o.judgeBad(out.Bad, stats.Samples.Load(), "headstart extract "+strings.Join(o.sources, " ")); err != nil {
		return err
	}
	e.next(&o.common, afterEvaluating(o.head, f))
	return nil
}

// evaluate measures the head of f on feature sets or on the samples of a
// source.
func (o *evaluateOptions) evaluate(ctx context.Context, sets bool, f *file.File, stats *extract.Stats, out *evaluation, e *env) (*predict.Evaluation, *mistakeList, error) {
	var got *predict.Evaluation
	var list *mistakeList
	var err error
	if sets {
		got, list, err = evaluateFeatures(ctx, o, f, out, e)
	} else {
		got, list, err = evaluateSamples(ctx, o, f, stats, e)
	}
	if err != nil {
		return nil, nil, err
	}
	sources := strings.Join(o.sources, ", ")
	switch {
	case len(got.Unknown) > 0 && !o.ignore:
		var list []string
		for class, n := range got.Unknown {
			list = append(list, fmt.Sprintf("%s (%s)", class, counted(n, "sample")))
		}
		slices.Sort(list)
		return nil, nil, fmt.Errorf("%s does not know %s; --ignore-unknown-classes leaves their samples out", o.head, strings.Join(list, ", "))
	case got.N+got.Fitted+len(got.Unknown) == 0:
		return nil, nil, fmt.Errorf("%s: no sample has a label; labels come from a folder's names or with --label COL", sources)
	case got.N+got.Fitted == 0:
		return nil, nil, fmt.Errorf("%s: no sample has a label of a class that %s knows", sources, o.head)
	case o.by == "group" && !got.Grouped:
		return nil, nil, usagef("--by group: the samples have no groups")
	}
	return got, list, nil
}

// options say what of the samples is evaluated. Without groups they are drawn
// one by one.
func (o *evaluateOptions) options() *predict.EvaluateOptions {
	return &predict.EvaluateOptions{Seen: o.all, Together: o.by != "none", Seed: o.seed, Threads: o.threads}
}

// evaluateFeatures measures a head on feature sets.
func evaluateFeatures(ctx context.Context, o *evaluateOptions, f *file.File, out *evaluation, e *env) (*predict.Evaluation, *mistakeList, error) {
	if err := o.readAlready(f, o.mistakes != "", e); err != nil {
		return nil, nil, err
	}
	if o.cacheDir == "" {
		return nil, nil, usagef("--no-cache: the rows of a feature set are in the cache; give the source of its samples instead")
	}
	open, model := openCache, f.Head
	if f.Tail != nil {
		open, model = cacheToFill, f.OfLogits()
	}
	store, err := open(&o.common)
	if err != nil {
		return nil, nil, err
	}
	defer store.Close()
	j, err := features.Open(o.sources, store)
	if err != nil {
		return nil, nil, err
	}
	defer j.Close()
	if err := checkSpaces(o.head, f, j); err != nil {
		return nil, nil, err
	}
	if err := j.Table.HasLabels(f.Head.Task == head.AnyOf); err != nil {
		return nil, nil, err
	}
	if j.Table.Labels == nil && j.Table.LabelLists == nil {
		return nil, nil, fmt.Errorf("%s: no sample has a label; extract takes them from a folder's names or with --label COL", strings.Join(o.sources, ", "))
	}
	if f.Tail != nil {
		r := &rereading{"evaluate", o.sources[0], o.source.Root, store}
		if j, err = throughTail(ctx, f, r.again(j.Sets[0], &o.common, e)); err != nil {
			return nil, nil, r.advised(err, &o.common)
		}
		defer j.Close()
	}
	out.Unmatched = j.Table.Unmatched
	got, err := predict.Evaluate(ctx, f, model, j, o.options())
	return got, mistakesOf(o.mistakes, o.source.Root, model, o.sources, j), err
}

// evaluateSamples measures a head on the samples of a source, which pass
// through the cache.
func evaluateSamples(ctx context.Context, o *evaluateOptions, f *file.File, stats *extract.Stats, e *env) (*predict.Evaluation, *mistakeList, error) {
	o.source.MultiLabel = f.Head.Task == head.AnyOf
	src, err := openFor("evaluate", o.head, f, o.sources, &o.sampling)
	if err != nil {
		return nil, nil, err
	}
	defer src.Close()
	var got *predict.Evaluator
	a := &asking{command: "evaluate", head: o.head, file: f, common: &o.common, sampling: &o.sampling, env: e}
	err = a.run(ctx, src, stats, func(model *head.Head) (extract.Sink, error) {
		got = predict.NewEvaluator(f, model, o.options())
		return got, nil
	})
	if err != nil {
		return nil, nil, err
	}
	evaluation, err := got.Evaluation()
	if err != nil {
		return nil, nil, err
	}
	return evaluation, o.mistakesOfSamples(f.Head, evaluation.Wrong), nil
}

// mistakesOfSamples returns the list of mistakes among samples of a source.
func (o *evaluateOptions) mistakesOfSamples(h *head.Head, wrong map[int]predict.Named) *mistakeList {
	return &mistakeList{
		path: o.mistakes, task: h.Task, classes: h.Classes, id: func(row int) string { return wrong[row].ID },
		from: []mistakeSource{{
			name: strings.Join(o.sources, ", "),
			open: func() (*source.Source, error) {
				if slices.Contains(o.sources, "-") {
					return nil, extract.ErrStandardInput
				}
				return source.Open(o.sources, &o.source)
			},
			keys: func(keys map[string]cache.Key) {
				for _, w := range wrong {
					if _, ok := keys[w.ID]; ok {
						keys[w.ID] = w.Key
					}
				}
			},
		}},
	}
}

// print writes the evaluation for a person.
func (v *evaluation) print(c *common, e *env) error {
	if v.Metrics != nil {
		heading := fmt.Sprintf("%s: %s that it was not fitted on", v.Head, counted(v.N, "sample"))
		if err := report.MetricsTo(e.stdout, heading, v.Metrics, e.style(c)); err != nil {
			return err
		}
	}
	if v.Answers != nil {
		fmt.Fprintln(e.stdout)
		if err := report.AnswersTo(e.stdout, v.Answers, e.style(c)); err != nil {
			return err
		}
	}
	if v.Seen != nil {
		heading := fmt.Sprintf("%s: %s that it was fitted on", v.Head, counted(v.Fitted, "sample"))
		if v.Metrics != nil {
			fmt.Fprintln(e.stdout)
		}
		if err := report.MetricsTo(e.stdout, heading, v.Seen, e.style(c)); err != nil {
			return err
		}
	}
	if v.Against != nil {
		fmt.Fprintln(e.stdout)
		return report.AgainstTo(e.stdout, v.Against.drawn(v.Head), e.style(c))
	}
	return nil
}
