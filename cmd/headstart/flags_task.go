package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/measure"
)

// metricNames are what --metric can be, those of every task.
func metricNames() []string {
	var all []string
	for _, task := range []head.Task{head.OneOf, head.AnyOf, head.Number, head.Grade} {
		for _, name := range measure.ScoreNamesOf(task) {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// metricWords lists what --metric can be for each task.
func metricWords() string {
	text := orList(measure.ScoreNamesOf(head.OneOf))
	for _, k := range head.Kinds {
		if k.Task != head.OneOf {
			text += "; " + k.Name + ": " + orList(measure.ScoreNamesOf(k.Task))
		}
	}
	return text
}

// readTask reads the flags that depend on what a head answers.
func (o *trainOptions) readTask(ctx *cli.Context) error {
	o.given.head, o.given.calibrate = ctx.IsSet("head"), ctx.IsSet("calibrate")
	if ctx.IsSet("metric") {
		if err := oneOf("metric", ctx.String("metric"), metricNames()...); err != nil {
			return err
		}
		o.Metric = ctx.String("metric")
	}
	if text := ctx.String("grades"); ctx.IsSet("grades") {
		for grade := range strings.SplitSeq(text, ",") {
			grade = strings.TrimSpace(grade)
			if grade == "" || slices.Contains(o.Grades, grade) {
				return usagef("--grades %s: it is like low,middle,high, each grade once, from the lowest to the highest", text)
			}
			o.Grades = append(o.Grades, grade)
		}
		if len(o.Grades) < 2 {
			return usagef("--grades %s: at least 2 are needed", text)
		}
	}
	if o.given.head && o.Kind != "auto" {
		return o.checkTask()
	}
	return nil
}

// kindFor takes the kind of head for the labels of a table, if none was asked
// for, and checks the flags that depend on it.
func (o *trainOptions) kindFor(t *features.Table) error {
	if t.LabelLists != nil && (!o.given.head || o.Kind == "auto") {
		o.Kind = head.KindsOf(head.AnyOf)[0]
	}
	if err := o.checkTask(); err != nil {
		return err
	}
	return t.HasLabels(o.task() == head.AnyOf)
}

// task is what the head is to answer.
func (o *trainOptions) task() head.Task {
	if k := head.KindOf(o.Kind); k != nil {
		return k.Task
	}
	return head.OneOf
}

// checkTask says which flags are none of the task, and fills in its metric.
func (o *trainOptions) checkTask() error {
	task := o.task()
	names := measure.ScoreNamesOf(task)
	switch {
	case o.Metric == "":
		o.Metric = names[0]
	case !slices.Contains(names, o.Metric):
		return usagef("--metric %s: %s head answers %s and is chosen by %s", o.Metric, articled(o.Kind), answersWhat(task), orList(names))
	}
	for _, c := range []struct {
		wrong bool
		flag  string
		why   string
	}{
		{task != head.Grade && o.Grades != nil, "grades", "those are of --head ordinal"},
		{task != head.AnyOf && o.L2PerLabel, "l2 labels", "a λ for each label is of --head logistic"},
		{task != head.OneOf && o.given.calibrate && o.Calibrate != "none", "calibrate " + o.Calibrate, "probabilities are calibrated for heads of one of several classes"},
		{task != head.OneOf && o.Reject != 0, "reject", "it is for heads of one of several classes"},
		{task != head.OneOf && o.L2Average, "l2 average", "it is for heads of one of several classes"},
		{task != head.OneOf && o.Thresholds != nil, "thresholds", "they are for heads of one of several classes"},
		{task != head.OneOf && o.prior != "keep", "prior " + o.prior, "frequencies of classes are those of one of several"},
		{task != head.OneOf && o.classWeight != "none", "class-weight " + o.classWeight, "classes are weighed for heads of one of several classes; a column of weights weighs samples (extract --weight COL)"},
		{!task.OneLabel() && o.Shots > 0, "shots", "its samples have no class of which to take some"},
		{task != head.OneOf && o.from != "", "from " + o.from, "fits begin at earlier heads of one of several classes"},
		{task != head.OneOf && o.tail != "", "tail " + o.tail, "layers are retrained for heads of one of several classes"},
	} {
		if c.wrong {
			return usagef("--%s: %s head answers %s; %s", c.flag, articled(o.Kind), answersWhat(task), c.why)
		}
	}
	return nil
}

// articled is a kind of head with its article.
func articled(kind string) string {
	if strings.ContainsAny(kind[:1], "aeio") {
		return "an " + kind
	}
	return "a " + kind
}

// answersWhat is what a head for a task answers.
func answersWhat(t head.Task) string {
	switch t {
	case head.AnyOf:
		return "any of several labels"
	case head.Number:
		return "numbers"
	case head.Grade:
		return "one of several grades"
	}
	return "one of several classes"
}
