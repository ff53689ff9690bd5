package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
)

type predictOptions struct {
	common
	sampling
	head          string
	headName      string // of several heads of an exported model
	sources       []string
	texts         []string      // --sample
	format        *resultFormat // of the result; nil: as it suits, see predictOptions.result
	out           string
	top           int
	probabilities bool
	labels        *labelsSeen // of what is predicted
	with          []string    // names of --with in the result; those of the input are in source
	inWords       bool        // the result is for a person
}

// predictSummary is what `predict --json` prints on standard error.
type predictSummary struct {
	Samples      int64   `json:"samples"`
	Bad          int64   `json:"bad"`
	Cached       int64   `json:"cached"`
	Computed     int64   `json:"computed"`
	BackboneRows int64   `json:"backbone_rows"`
	CheckRows    int64   `json:"check_rows"`
	Unmatched    int     `json:"unmatched"`
	Seconds      float64 `json:"seconds"`
	remarked
}

func predictCommand(e *env) *command {
	const result = "Result"
	c := &command{
		name: "predict",
		args: "HEAD SOURCE…|NAME.features…",
		does: "classifies samples with a head",
		about: "Samples are read and preprocessed as for the features that the head was fitted on, and pass through the same cache; one that cannot be written is read, and what it lacks is computed and not kept. " +
			"Rows come in input order, as soon as they are there. Bad samples are rows with an empty label and an error. " +
			"A logistic head's labels are one cell, as a;b, or a JSON list where one has a semicolon, and [] for none of them; a linear head's numbers are value, or value_1, value_2 and so on. " +
			"A few texts or pictures are answered at once, in words at a terminal.\n\n" +
			"--with carries columns of a table along, and text, label, split, group and weight of samples that are in no table; of feature sets label, split, group, weight and key. A column that is called as one of the result, such as label, is input:label there. " +
			"A head of train-head --reject or --thresholds has a column more, unsure: true where the label is its best guess and no answer. " +
			"In a Parquet file probabilities are doubles, unsure is a boolean and all else is strings.\n\n" +
			"A head of several feature sets takes feature sets, as many and in its order; one of several taps of one backbone takes samples too.",
		examples: []string{
			"headstart predict photos.head.onnx new-photos/",
			"headstart predict photos.head.onnx photo.jpg",
			"headstart predict names.head.onnx --sample 'what a nice day'",
			"headstart predict names.head.onnx --text name --top 3 --with name --out new.csv emoji.csv",
			"headstart predict both.head.onnx images.features names.features --to jsonl",
			"headstart predict names.head.onnx --format lines - < texts.txt",
		},
		exits:   []int{exitBadSamples, exitCorrupt},
		minArgs: 1, maxArgs: -1,
		wants: []string{"the head: a file that train-head made", "the source: a folder, a table or a feature set with the samples to classify"},
		flags: slices.Concat([]cli.Flag{
			&cli.StringSliceFlag{Name: "sample", Category: "Samples", Usage: "the `TEXT` to classify, in the place of a source"},
			&cli.StringFlag{Name: "head", Category: "Samples", Usage: "of several heads of an exported model that of this `NAME`", DefaultText: "the first"},
			&cli.StringFlag{Name: "to", Category: result, Usage: choices(resultNames()...) + "how the result is written", DefaultText: "by the name of --out, else csv"},
			&cli.StringFlag{Name: "out", Category: result, Usage: "the result's `FILE`", DefaultText: "standard output"},
			&cli.StringSliceFlag{Name: "with", Category: result, Usage: "a `COL` of the input that the result has too"},
			&cli.IntFlag{Name: "top", Category: result, Value: 1, Usage: "the `K` most probable classes"},
			&cli.BoolFlag{Name: "probabilities", Category: result, Usage: "the probability of every class too"},
		}, samplingFlags(), commonFlags("cache", "no-cache", "threads", "runtime", "provider", "quiet", "json", "no-color")),
	}
	c.action = func(ctx *cli.Context) error {
		o, err := newPredictOptions(ctx, e)
		if err != nil {
			return err
		}
		if len(o.sources)+len(o.texts) == 0 {
			return tooFew(c, c.name, ctx.Args().Slice())
		}
		return runPredict(ctx.Context, o, e)
	}
	return c
}

// newPredictOptions reads the flags and the arguments of predict.
func newPredictOptions(ctx *cli.Context, e *env) (*predictOptions, error) {
	c, err := e.common(ctx)
	if err != nil {
		return nil, err
	}
	s, err := newSampling(ctx)
	if err != nil {
		return nil, err
	}
	o := &predictOptions{
		common: *c, sampling: *s, head: ctx.Args().First(), headName: ctx.String("head"), sources: ctx.Args().Tail(), texts: ctx.StringSlice("sample"),
		out: ctx.String("out"), top: ctx.Int("top"), probabilities: ctx.Bool("probabilities"),
	}
	o.source.With = ctx.StringSlice("with")
	if o.with, err = carried(o.source.With); err != nil {
		return nil, err
	}
	if o.top < 1 {
		return nil, usagef("--top %d: at least 1 is needed", o.top)
	}
	to := ctx.String("to")
	if to != "" {
		if err := oneOf("to", to, resultNames()...); err != nil {
			return nil, err
		}
	}
	o.format = formatOf(to, o.out)
	switch {
	case o.json && o.out == "" && to != "" && to != "jsonl":
		return nil, usagef("--json prints JSON lines, --to %s something else", to)
	case to == "parquet" && o.out == "" && e.stdoutIsTerminal:
		return nil, usagef("--to parquet is no text for a terminal; --out FILE.parquet keeps it")
	case o.json && o.format == nil:
		o.format = formatOf("jsonl", "")
	}
	if len(o.texts) == 0 {
		return o, nil
	}
	if len(o.sources) > 0 {
		return nil, usagef("give either --sample or a source (%s)", o.sources[0])
	}
	for _, flag := range o.given {
		if !e.onLine(flag) || slices.Contains([]string{"backbone", "tap", "dtype", "batch-size", "max-bad", "prompt", "long", "dim"}, flag) {
			continue
		}
		return nil, usagef("--%s says how a source is read; --sample gives the text itself", flag)
	}
	return o, nil
}

// result begins the table of the predictions of samples that may be bad, or of
// features. few says that a person at a terminal is answered in words, unless
// something else is asked for.
func (o *predictOptions) result(h *head.Head, bad, few bool, e *env) (*predictions, error) {
	f := o.format
	switch {
	case f != nil:
	case few && o.out == "" && e.stdoutIsTerminal && len(o.with) == 0:
		f, o.inWords = &answers, true
	default:
		f = formatOf("csv", "")
	}
	l := &layout{task: h.Task, classes: h.Classes, top: o.top, all: o.probabilities, bad: bad, with: o.with}
	if h.MayBeUnsure() {
		l.unsure = h.Unsure
	}
	return newPredictions(f, l, o.out, e.stdout)
}

func runPredict(ctx context.Context, o *predictOptions, e *env) error {
	name := o.headName
	if !e.onLine("head") { // in the environment it may be the kind that train-head fits
		name = ""
	}
	f, names, err := predict.ReadHead(o.head, name, builtin.FS())
	if err == nil && name == "" && slices.Contains(names, o.headName) {
		name = o.headName
		f, names, err = predict.ReadHead(o.head, name, builtin.FS())
	}
	if err != nil {
		return err
	}
	if names != nil && name == "" {
		e.noteOf("heads", int64(len(names)), "%s has the heads %s; %s answers, --head NAME asks another one", o.head, strings.Join(names, ", "), names[0])
	}
	sets := false
	if len(o.texts) == 0 {
		if sets, err = onlySets(o.sources); err != nil {
			return err
		}
	}
	switch task := f.Head.Task; {
	case !task.OneLabel() && o.top > 1:
		return usagef("--top %d: %s answers %s, of which there is no most probable one; --probabilities gives those of all labels", o.top, o.head, answersWhat(task))
	case task == head.Number && o.probabilities:
		return usagef("--probabilities: %s answers numbers, which have none", o.head)
	}
	start := time.Now()
	o.labels = &labelsSeen{file: f}
	var sum *predictSummary
	if sets {
		sum, err = predictFeatures(ctx, o, f, e)
	} else {
		sum, err = predictSamples(ctx, o, f, e)
	}
	if err != nil {
		return err
	}
	sum.Seconds = time.Since(start).Seconds()
	sum.remarked = e.remarked()
	if o.json {
		if err := json.NewEncoder(e.stderr).Encode(sum); err != nil {
			return err
		}
	}
	place := o.out
	switch {
	case o.inWords:
		place = "its answer"
	case place == "":
		place = "the error column"
	}
	if err := o.judgeBad(sum.Bad, sum.Samples, place); err != nil {
		return err
	}
	e.next(&o.common, e.afterPredicting(o, o.labels))
	return nil
}

// isFeatureSet tells feature sets from sources by their content: other Parquet
// files are tables.
func isFeatureSet(path string) bool {
	f, err := draft.OpenRegular(path) // to look into a pipe would be to take from it
	if err != nil {
		return strings.HasSuffix(path, ".features")
	}
	defer f.Close()
	magic := make([]byte, 4)
	if _, err = io.ReadFull(f, magic); err != nil || string(magic) != "PAR1" {
		return false
	}
	if strings.HasSuffix(path, ".features") {
		return true
	}
	_, err = features.ReadMeta(path)
	return err == nil
}

// setNames are names for the feature sets of a head.
func setNames(f *file.File) []string {
	var names []string
	for i := range f.Spaces {
		names = append(names, fmt.Sprintf("%c.features", 'A'+i))
	}
	return names
}

// extractCommands are the commands that make the feature sets of a head.
func extractCommands(f *file.File) string {
	var lines []string
	for i, name := range setNames(f) {
		lines = append(lines, fmt.Sprintf("  headstart extract --backbone %s --out %s SOURCE", f.Spaces[i].Backbone, name))
	}
	return strings.Join(lines, "\n")
}

// predictFeatures predicts every row of feature sets.
func predictFeatures(ctx context.Context, o *predictOptions, f *file.File, e *env) (*predictSummary, error) {
	if err := o.readAlready(f, false, e); err != nil {
		return nil, err
	}
	if o.cacheDir == "" {
		return nil, usagef("--no-cache: the rows of a feature set are in the cache; give the source of its samples instead")
	}
	open, model := openCache, f.Head
	if f.Tail != nil {
		open, model = cacheToFill, f.OfLogits()
	}
	store, err := open(&o.common)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	j, err := features.Open(o.sources, store)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	if err := checkSpaces(o.head, f, j); err != nil {
		return nil, err
	}
	if f.Tail != nil {
		r := &rereading{"predict", o.sources[0], o.source.Root, store}
		if j, err = throughTail(ctx, f, r.again(j.Sets[0], &o.common, e)); err != nil {
			return nil, r.advised(err, &o.common)
		}
		defer j.Close()
	}
	along, err := carry(j.Table, o.source.With)
	if err != nil {
		return nil, err
	}
	table, err := o.result(model, false, false, e)
	if err != nil {
		return nil, err
	}
	defer table.abort()
	err = predict.Features(ctx, model, j, func(lo, hi int, p []float64) error {
		return table.add(j.Table.IDs[lo:hi], p, along(lo, hi))
	})
	if err != nil {
		return nil, err
	}
	e.unmatched(j.Table.Unmatched)
	for i, key := range j.Table.Keys {
		var labels []string
		if j.Table.LabelLists != nil {
			labels = j.Table.LabelLists[i]
		}
		o.labels.add(at(j.Table.Labels, i), labels, key)
	}
	return &predictSummary{Samples: int64(j.Table.N()), Cached: int64(j.Table.N()), Unmatched: j.Table.Unmatched}, table.close()
}

// fileLike is the name of a file of samples of a modality, for an example.
func fileLike(m models.Modality) string {
	if m == models.Numbers {
		return "rows.npy"
	}
	return "photo.jpg"
}

// open opens the samples to predict.
func (o *predictOptions) open(f *file.File) (*source.Source, error) {
	d, err := contract.Describe(f.Spaces[0].JSON)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.head, err)
	}
	if len(o.texts) > 0 {
		if d.Modality != models.Text {
			return nil, usagef("--sample gives a text, and %s takes %s: headstart predict %s %s", o.head, d.Modality.Plural(), o.head, fileLike(d.Modality))
		}
		with := o.source.With
		if len(with) == 0 {
			with = []string{"text"} // for who is answered in words
		}
		return source.Texts("sample", o.texts, with)
	}
	o.source.OptionalLabels = true
	src, err := openFor("predict", o.head, f, o.sources, &o.sampling)
	if d.Modality == models.Text && errors.Is(err, fs.ErrNotExist) {
		for _, path := range o.sources {
			if _, there := os.Lstat(path); errors.Is(there, fs.ErrNotExist) && strings.ContainsAny(path, " \t\n") {
				return nil, fmt.Errorf("%w\nif that is the text itself: headstart predict %s --sample %s", err, o.head, features.Quoted(path))
			}
		}
	}
	return src, err
}

// fewSamples is how many samples are answered without showing progress.
const fewSamples = 16

// predictSamples reads, embeds and predicts samples, with the input contract
// that the head's features had.
func predictSamples(ctx context.Context, o *predictOptions, f *file.File, e *env) (*predictSummary, error) {
	src, err := o.open(f)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	few, shown := src.Singles(), o.common
	if n, exact := src.Total(ctx); few && exact && n <= fewSamples {
		shown.quiet = true
	}
	var table *predictions
	stats := new(extract.Stats)
	a := &asking{command: "predict", head: o.head, file: f, common: &shown, sampling: &o.sampling, env: e}
	err = a.run(ctx, src, stats, func(model *head.Head) (extract.Sink, error) {
		if table, err = o.result(model, true, few, e); err != nil {
			return nil, err
		}
		if !o.inWords {
			o.listed = "their rows say why"
		}
		o.labels.sink = &predictSink{table: table, model: model}
		return o.labels, nil
	})
	if table != nil {
		defer table.abort()
	}
	if err != nil {
		return nil, err
	}
	return &predictSummary{
		Samples: stats.Samples.Load(), Bad: stats.Bad.Load(), Cached: stats.Cached.Load(),
		Computed: stats.Computed.Load(), BackboneRows: stats.BackboneRows.Load(), CheckRows: stats.CheckRows.Load(),
	}, table.close()
}

// checkSpaces compares the spaces of features with those that a head was fitted
// on. If the head takes more taps of the same backbone than they have, the
// error says how to extract those.
func checkSpaces(headFile string, f *file.File, j *features.Joined) error {
	err := features.CheckSpaces(spacesOf(f), j.Sets...)
	if s, ok := errors.AsType[*features.SpaceError](err); ok {
		err = otherSpace(headFile, s)
	}
	if err == nil || len(j.Sets) != 1 || len(f.Spaces) < 2 || !contract.OneBackbone(slices.Concat(spacesOf(f), j.Spaces())) {
		return err
	}
	meta := j.Sets[0].Meta
	meta.Reading = maps.Clone(meta.Reading)
	taps, terr := tapsOf(f)
	if terr != nil {
		return terr
	}
	meta.Reading["tap"] = strings.Join(taps, "\n")
	name := strings.TrimSuffix(filepath.Base(headFile), ".head.onnx") + "+taps.features"
	return fmt.Errorf("%s takes %d taps of the backbone; extract them:\n  %s\nand give it %s", headFile, len(f.Spaces), meta.Command(name), name)
}
