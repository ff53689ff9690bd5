package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/study"
	"github.com/headstart-ml/headstart/head/transfer"
)

type studyOptions struct {
	common
	study.Settings
	depths   []string // nil: those that the data allow
	root     string
	points   int    // strengths of λ
	replicas int    // that share batches of tails
	format   string // of the report
	report   string
	features []string

	against          []string // feature sets that are compared with them; nil: they are studied
	deals, strengths int      // of that; 0: the defaults
}

// studySummary is what `study --json` prints.
type studySummary struct {
	*study.Result
	Features []string `json:"features"`
	Report   string   `json:"report"`
	Seconds  float64  `json:"seconds"`
	remarked
}

func studyCommand(e *env) *command {
	const what, result = "What is studied", "Result"
	c := &command{
		name: "study",
		args: "NAME.features…",
		does: "says whether more data, more layers, or nothing would make a model better",
		about: "A head is trained on subsets of the training samples, each √2 times the size of the one before it, with several seeds, and so are heads on more taps of the backbone and its last layers, " +
			"as far as --budget goes: what costs least comes first. All of them are measured on the same samples, so that depths are compared in pairs. " +
			"From the curves follows what twice the samples would bring, and what deeper training brings today. Where the data cannot tell, it says so, and what would settle it.\n\n" +
			"The page NAME.study.html has the curves, what is predicted, the differences in pairs and the costs; --format svg|png writes the curves alone. A study that was stopped resumes: the same command goes on from NAME.study.html.notes.\n\n" +
			"A set with a split named test is measured on it and learns from the rest; otherwise a fifth is held out in turn. --at counts training samples. " +
			"Heads need neither the samples nor the runtime; deeper training needs both.\n\n" +
			"With --against, feature sets of the same samples are compared, joined by id: other backbones, taps, prompts, or another modality. Heads on each are tested on the same folds, so that the difference is of what the same sample gives. " +
			"Taken is the cheapest (by the backbone's multiply-adds) that is behind the best by at most one standard error of this difference, and by at most a point. Samples with the split test keep out of it. The page, NAME.study.html, has all sets with their differences, costs and sizes; --format svg|png writes the differences alone.\n\n" +
			"--curve extrapolates a learning curve from elsewhere, with columns n, error and perhaps seed, and says whether more data pay. It prints errors; --json and the page, FILE.study.html, have accuracies, 1 − error.",
		examples: []string{
			"headstart study names.features",
			"headstart study --depths head --at 50,200 names.features    # the head alone: needs neither samples nor runtime",
			"headstart study --depths head --format svg names.features    # the curves alone, in names.study.svg",
			"headstart study names.features --against images.features    # which of them to take, for the same samples",
			"headstart study --format png names.features --against images.features    # their difference as a picture",
			"headstart study --budget 1h --depths head,taps,last:1 --by none names.features",
			"headstart study --curve curve.csv --at 2000,4000",
		},
		exits:   []int{exitCorrupt},
		minArgs: 0, maxArgs: -1,
		wants: []string{"the feature set: a file that extract made"},
		flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "curve", Category: what, Usage: "in place of feature sets, a learning curve to extrapolate: `FILE.csv`, or - for standard input"},
			&cli.StringFlag{Name: "at", Category: what, Usage: "predict what `N,…` training samples would give", DefaultText: "2, 4 and 8 times as many as there are"},
			&cli.StringFlag{Name: "budget", Category: what, Value: "10m", Usage: "about what training may take: `TIME`, as in 10m, by an estimate of the work on one core, so that the same data give the same study anywhere"},
			&cli.IntFlag{Name: "repeat", Category: what, Value: study.DefaultRepeat, Usage: "train on subsets that `K` seeds draw"},
			&cli.StringFlag{Name: "depths", Category: what, Usage: "how deep to train, as in head,taps,last:2,half,all: a head, one on more taps, the last N layers, half of them, all: `DEPTHS`", DefaultText: "those that the data allow"},
			&cli.StringFlag{Name: "metric", Category: what, Value: study.Metrics[0], Usage: choices(study.Metrics...) + "what curves are of"},
			&cli.StringFlag{Name: "by", Category: what, Value: "auto", Usage: choices(byWords...) + "what stays together in subsets and tests; auto: the group where there is one"},
			&cli.IntFlag{Name: "l2-points", Category: what, Value: studyPoints, Usage: "`N` strengths from 10 to 1e-6 of which each head's is chosen, by folds inside its subset"},
			&cli.Uint64Flag{Name: "seed", Category: what, Usage: "`N`: the first seed"},
			replicasFlag(what),
			&cli.StringSliceFlag{Name: "against", Category: what, Usage: "compare the features with those of `OTHER.features`, of the same samples; by default with 8 strengths and 3 seeds, of few samples up to 10"},
			&cli.StringFlag{Name: "root", Category: what, Usage: "the `DIR` where the samples are, for what is deeper than a head", DefaultText: "where extract found them"},
			&cli.StringFlag{Name: "report", Category: result, Usage: "where the page is written: `FILE.html`", DefaultText: "NAME.study.html; of a curve, FILE.study.html"},
			&cli.StringFlag{Name: "format", Category: result, Value: "html", Usage: choices(studyFormats...) + "a page, or the curves alone, with --against the differences"},
		}, commonFlags("cache", "threads", "runtime", "provider", "quiet", "json", "no-color")),
	}
	c.action = func(ctx *cli.Context) error {
		if ctx.IsSet("curve") {
			return studyCurve(ctx, e)
		}
		o, err := newStudyOptions(ctx, e)
		if err != nil {
			return err
		}
		if len(o.features) == 0 {
			return tooFew(c, c.name, nil)
		}
		if o.against != nil {
			return runAgainst(ctx.Context, o, e)
		}
		return runStudy(ctx.Context, o, e)
	}
	return c
}

// studyFormats are what --format can be.
var studyFormats = []string{"html", "svg", "png"}

// studyPoints is the default of --l2-points, fewer than for one head: what is
// between them moves an accuracy less than another subset does.
const studyPoints = 10

func newStudyOptions(ctx *cli.Context, e *env) (*studyOptions, error) {
	c, err := e.common(ctx)
	if err != nil {
		return nil, err
	}
	o := &studyOptions{
		common: *c, root: ctx.String("root"), points: ctx.Int("l2-points"), features: ctx.Args().Slice(),
		report: ctx.String("report"), format: ctx.String("format"),
		Settings: study.Settings{Metric: ctx.String("metric"), Repeat: ctx.Int("repeat"), By: ctx.String("by"), Seed: ctx.Uint64("seed")},
	}
	o.against = ctx.StringSlice("against")
	if len(o.against) == 0 {
		o.against = nil
	}
	if ctx.IsSet("repeat") {
		o.deals = o.Repeat
	}
	if ctx.IsSet("l2-points") {
		o.strengths = o.points
	}
	if err := checkAgainst(ctx); err != nil {
		return nil, err
	}
	if err := oneOf("metric", o.Metric, study.Metrics...); err != nil {
		return nil, err
	}
	if err := oneOf("by", o.By, byWords...); err != nil {
		return nil, err
	}
	if err := oneOf("format", o.format, studyFormats...); err != nil {
		return nil, err
	}
	seeds := 2
	if o.against != nil {
		seeds = 1 // whose folds are enough
	}
	for _, f := range []struct {
		name  string
		least int
	}{{"repeat", seeds}, {"l2-points", 2}} {
		if n := ctx.Int(f.name); n < f.least {
			return nil, usagef("--%s %d: at least %d is needed", f.name, n, f.least)
		}
	}
	if o.Budget, err = time.ParseDuration(ctx.String("budget")); err != nil || o.Budget <= 0 {
		return nil, usagef("--budget %s: it is a time like 90s, 10m or 2h", ctx.String("budget"))
	}
	if text := ctx.String("at"); ctx.IsSet("at") {
		if o.At, err = parseAt(text); err != nil {
			return nil, err
		}
	}
	if o.replicas, err = readReplicas(ctx, transfer.DefaultBatchSize, o.threads); err != nil {
		return nil, err
	}
	if text := ctx.String("depths"); ctx.IsSet("depths") {
		for name := range strings.SplitSeq(text, ",") {
			name = strings.TrimSpace(name)
			if name == "" || slices.Contains(o.depths, name) {
				return nil, usagef("--depths %s: it is like head,taps,last:2,half,all, each once", text)
			}
			o.depths = append(o.depths, name)
		}
	}
	if onCommandLine(ctx, "replicas") && o.depths != nil && !slices.ContainsFunc(o.depths, func(d string) bool { return d != "head" && d != "taps" }) {
		return nil, usagef("--replicas says how layers are retrained, and none are with --depths %s", ctx.String("depths"))
	}
	if o.report == "" {
		var bases []string
		for _, p := range o.features {
			bases = append(bases, strings.TrimSuffix(filepath.Base(p), ".features"))
		}
		o.report = strings.Join(bases, "+") + ".study." + o.format
	}
	for _, p := range o.against {
		if text := noSet("study", p, thingAt(p)); text != "" {
			return nil, fmt.Errorf("--against %s", text)
		}
	}
	for _, p := range slices.Concat(o.features, o.against) {
		if sameFile(p, o.report) {
			return nil, usagef("--report %s: that is a feature set, which a page would replace; name another file", shellWord(o.report))
		}
	}
	return o, nil
}

// headAlone tells whether nothing but heads on the features is asked for.
func (o *studyOptions) headAlone() bool { return slices.Equal(o.depths, []string{"head"}) }

// parseAt reads numbers of training samples.
func parseAt(text string) ([]int, error) {
	var all []int
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 || n > 1e9 {
			return nil, usagef("--at %s: it is like 1000,5000, numbers of training samples", text)
		}
		all = append(all, n)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func runStudy(ctx context.Context, o *studyOptions, e *env) error {
	open := cacheToFill
	if o.headAlone() {
		open = openCache
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
	start := time.Now()
	said := &plans{env: e}
	student, err := o.student(j, store, said)
	if err != nil {
		return err
	}
	defer student.Close() // readers and sessions: nothing was written through them
	o.Absent = student.Absent()
	book, err := o.notebook(student, e)
	if err != nil {
		return err
	}
	m := startStepMeter(e, &o.common, "study", "trainings")
	said.clear = m.stop
	o.Progress = func(p study.Progress) { m.step(p.Done, p.Total) }
	r, err := study.Run(ctx, student.Data(), student, &o.Settings)
	m.stop()
	if err != nil {
		if other := ofReplicas(err); other != nil {
			err = other
		}
	}
	if failed := book.Close(); failed != nil && err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	for i := range r.Skipped {
		r.Skipped[i].Reason = o.rereading(store).skippedReason(&r.Skipped[i], &o.common)
	}
	if err := o.write(r); err != nil {
		return err
	}
	if err := book.Remove(); err != nil {
		return err
	}
	e.unmatched(j.Table.Unmatched)
	for _, n := range r.Notes {
		e.noteOf(n.Kind, int64(n.Count), "%s", n.Message)
	}
	if o.json {
		return e.printJSON(&studySummary{Result: r, Features: o.features, Report: o.report, Seconds: time.Since(start).Seconds(), remarked: e.remarked()})
	}
	return printStudy(r, o, e)
}

// notebook opens what a study that was stopped resumes from.
func (o *studyOptions) notebook(t *transfer.Student, e *env) (*transfer.Notebook, error) {
	fingerprint, err := t.Fingerprint()
	if err != nil {
		return nil, err
	}
	path := o.report + ".notes"
	book, err := transfer.OpenNotebook(path, fingerprint)
	if err != nil {
		return nil, err
	}
	if u := book.Unused(); u != nil && u.Program != u.This {
		e.noteOf("notes-of-another-version", int64(u.Notes), "%s in %s are by another version of headstart (%s; this is %s), and are not used: they begin anew", counted(u.Notes, "training"), path, cmp.Or(u.Program, "one that does not say which"), u.This)
	} else if u != nil {
		e.noteOf("notes-of-another-study", int64(u.Notes), "%s in %s are of other data or settings, and are not used: they begin anew", counted(u.Notes, "training"), path)
	}
	if n := book.Resumed(); n > 0 {
		e.note("%s of an earlier run are taken from %s", counted(n, "training"), path)
	}
	o.Notebook = book
	e.resumes(func() string { return "the same command resumes from " + path })
	return book, nil
}

// write writes the page, or the curves alone.
func (o *studyOptions) write(r *study.Result) error {
	return writeStudy(o.report, o.format, &report.Study{
		Result:   r,
		Facts:    []report.Fact{{Name: "Feature sets", Value: strings.Join(o.features, ", ")}},
		Settings: o.facts(),
	})
}

// writeStudy writes the page of a study, or the curves alone.
func writeStudy(path, format string, s *report.Study) error {
	return writeDrawn(path, format, outputs{
		"svg": func(w io.Writer) error { return report.StudySVGTo(w, s.Result) },
		"png": func(w io.Writer) error { return report.StudyPNGTo(w, s.Result) },
		"html": func(w io.Writer) error {
			s.Title, s.Facts = studyTitle(path), append(s.Facts, madeByFact())
			return report.StudyTo(w, s)
		},
	})
}

// outputs write what a study found out in each of studyFormats.
type outputs map[string]func(w io.Writer) error

// writeDrawn writes a page, or a drawing, whole or not at all.
func writeDrawn(path, format string, d outputs) error {
	var b bytes.Buffer
	err := d[format](&b)
	if err == nil {
		err = draft.Write(path, b.Bytes())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// studyTitle is what a page is titled by: its name.
func studyTitle(path string) string {
	return strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".html"), ".study")
}

// madeByFact says on a page which program made it.
func madeByFact() report.Fact { return report.Fact{Name: "Made by", Value: "headstart " + version()} }

// budgetText writes a budget as --budget takes it: 10m, not 10m0s.
func budgetText(budget time.Duration) string {
	text := budget.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// facts lists the settings of a study.
func (o *studyOptions) facts() []report.Fact {
	depths, at := "those that the data allow", "2, 4 and 8 times as many as there are"
	if o.depths != nil {
		depths = strings.Join(o.depths, ",")
	}
	if o.At != nil {
		at = strings.Trim(strings.ReplaceAll(fmt.Sprint(o.At), " ", ","), "[]")
	}
	facts := []report.Fact{
		{Name: "--at", Value: at}, {Name: "--budget", Value: budgetText(o.Budget)}, {Name: "--repeat", Value: fmt.Sprint(o.Repeat)}, {Name: "--depths", Value: depths},
		{Name: "--metric", Value: o.Metric}, {Name: "--by", Value: o.By}, {Name: "--l2-points", Value: fmt.Sprint(o.points)}, {Name: "--seed", Value: fmt.Sprint(o.Seed)},
	}
	if o.replicas > 1 {
		facts = append(facts, report.Fact{Name: "--replicas", Value: fmt.Sprint(o.replicas)})
	}
	return facts
}

// rereading is how the samples are read again.
func (o *studyOptions) rereading(store *cache.Cache) *rereading {
	return &rereading{"study", o.features[0], o.root, store}
}

// student is what trains.
func (o *studyOptions) student(j *features.Joined, store *cache.Cache, p *plans) (*transfer.Student, error) {
	e := p.env
	d := &transfer.Data{Features: j, Cache: store, Root: o.root}
	reread := o.rereading(store)
	s := &transfer.Settings{
		Head:    experiment.Settings{L2Points: o.points, By: o.By, Metric: o.Metric, Seed: o.Seed},
		Threads: o.threads, Replicas: o.replicas, Runtime: o.runtime,
		Hooks:   transfer.Hooks{Planned: p.say},
		Extract: reread.again(j.Sets[0], &o.common, e).Run,
	}
	if len(j.Sets) == 1 && len(j.Sets[0].Meta.Spaces) == 1 && !o.headAlone() {
		space, err := cache.ParseSpace(j.Sets[0].Meta.Spaces[0])
		if err != nil {
			return nil, err
		}
		if d.Spec, err = specOf(&j.Sets[0].Meta, space); err != nil {
			if o.depths != nil {
				return nil, err
			}
			e.note("heads alone are studied, since the backbone cannot be opened: %s", withoutRooms(err))
		}
	}
	t, err := transfer.NewStudent(d, s, o.depths)
	if p, ok := errors.AsType[*transfer.PlaceError](err); ok {
		return nil, ofTail(p, "depths")
	}
	return t, err
}
