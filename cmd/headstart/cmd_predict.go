package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
)

type predictOptions struct {
	common
	sampling
	head          string
	sources       []string
	to            string
	out           string
	top           int
	probabilities bool
	labels        *labelsSeen // of what is predicted
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

// resultFormats are what --to can be.
var resultFormats = []string{"csv", "jsonl"}

func predictCommand(e *env) *command {
	const result = "Result"
	return &command{
		name: "predict",
		args: "HEAD SOURCE…|NAME.features…",
		does: "classifies samples with a head",
		about: "Samples are read and preprocessed as for the features that the head was fitted on, and pass through the same cache; one that cannot be written is read, and what it lacks is computed and not kept. " +
			"Rows come in input order, as soon as they are there. Bad samples are rows with an empty label and an error.\n\n" +
			"A head of several feature sets takes feature sets, as many and in its order; one of several taps of one backbone takes samples too.",
		examples: []string{
			"headstart predict photos.head.onnx new-photos/",
			"headstart predict names.head.onnx --text name --top 3 --out new.csv emoji.csv",
			"headstart predict both.head.onnx images.features names.features --to jsonl",
			"headstart predict names.head.onnx --format lines - < texts.txt",
		},
		exits:   []int{exitBadSamples, exitCorrupt},
		minArgs: 2, maxArgs: -1,
		wants: []string{"the head: a file that train-head made", "the source: a folder, a table or a feature set with the samples to classify"},
		flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "to", Category: result, Usage: choices(resultFormats...) + "how the result is written", DefaultText: "by the name of --out, else csv"},
			&cli.StringFlag{Name: "out", Category: result, Usage: "the result's `FILE`", DefaultText: "standard output"},
			&cli.IntFlag{Name: "top", Category: result, Value: 1, Usage: "the `K` most probable classes"},
			&cli.BoolFlag{Name: "probabilities", Category: result, Usage: "the probability of every class too"},
		}, samplingFlags(), commonFlags("cache", "no-cache", "threads", "runtime", "provider", "quiet", "json", "no-color")),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			s, err := newSampling(ctx)
			if err != nil {
				return err
			}
			o := &predictOptions{
				common: *c, sampling: *s, head: ctx.Args().First(), sources: ctx.Args().Tail(),
				to: ctx.String("to"), out: ctx.String("out"), top: ctx.Int("top"), probabilities: ctx.Bool("probabilities"),
			}
			if o.top < 1 {
				return usagef("--top %d: at least 1 is needed", o.top)
			}
			switch {
			case o.json && o.out == "" && o.to != "" && o.to != "jsonl":
				return usagef("--json prints JSON lines, --to %s something else", o.to)
			case o.to != "":
				if err := oneOf("to", o.to, resultFormats...); err != nil {
					return err
				}
			case strings.HasSuffix(o.out, ".parquet"):
				return usagef("--out %s: Parquet is not written by this version; csv and jsonl are", o.out)
			case strings.HasSuffix(o.out, ".jsonl"), o.json && !strings.HasSuffix(o.out, ".csv"):
				o.to = "jsonl"
			default:
				o.to = "csv"
			}
			return runPredict(ctx.Context, o, e)
		},
	}
}

func runPredict(ctx context.Context, o *predictOptions, e *env) error {
	f, err := file.Read(o.head)
	if err != nil {
		return err
	}
	sets := 0
	for _, path := range o.sources {
		if isFeatureSet(path) {
			sets++
		}
	}
	start := time.Now()
	o.labels = &labelsSeen{file: f}
	var sum *predictSummary
	switch {
	case sets == len(o.sources):
		sum, err = predictFeatures(ctx, o, f, e)
	case sets > 0:
		return usagef("give either feature sets or sources of samples, not both")
	case len(f.Spaces) > 1 && !contract.OneBackbone(spacesOf(f)):
		return fmt.Errorf("%s takes %d feature sets; extract them first:\n%s\nthen: headstart predict %s %s",
			o.head, len(f.Spaces), extractCommands(f), o.head, strings.Join(setNames(f), " "))
	default:
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
	if place == "" {
		place = "the error column"
	}
	if err := o.judgeBad(sum.Bad, sum.Samples, place); err != nil {
		return err
	}
	e.next(&o.common, e.afterPredicting(o, o.labels))
	return nil
}

// isFeatureSet tells feature sets from sources by their content.
func isFeatureSet(path string) bool {
	f, err := draft.OpenRegular(path) // to look into a pipe would be to take from it
	if err != nil {
		return strings.HasSuffix(path, ".features")
	}
	defer f.Close()
	magic := make([]byte, 4)
	_, err = io.ReadFull(f, magic)
	return err == nil && string(magic) == "PAR1"
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
	for _, flag := range o.given {
		if flag != "root" || f.Tail == nil {
			return nil, usagef("--%s says how samples are read; a feature set has been read already", flag)
		}
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
	table, err := newPredictions(model.Classes, o.to, o.out, e.stdout, o.top, o.probabilities, false)
	if err != nil {
		return nil, err
	}
	defer table.abort()
	err = predict.Features(ctx, model, j, func(lo, hi int, p []float64) error { return table.add(j.Table.IDs[lo:hi], p) })
	if err != nil {
		return nil, err
	}
	e.unmatched(j.Table.Unmatched)
	for i, label := range j.Table.Labels {
		o.labels.add(label, j.Table.Keys[i])
	}
	return &predictSummary{Samples: int64(j.Table.N()), Cached: int64(j.Table.N()), Unmatched: j.Table.Unmatched}, table.close()
}

// predictSamples reads, embeds and predicts samples, with the input contract
// that the head's features had.
func predictSamples(ctx context.Context, o *predictOptions, f *file.File, e *env) (*predictSummary, error) {
	src, err := source.Open(o.sources, &o.source)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	spec, err := o.recall(o.head, f, src.Modality())
	if err != nil {
		return nil, err
	}
	model := f.Head
	if f.Tail != nil {
		model = f.OfLogits()
		if spec, err = predict.WithTail(spec, f); err != nil {
			return nil, err
		}
	}
	said := false
	unkept := func(reason error) error {
		if !said {
			e.noteOf("unwritable-cache", 0, "the cache at %s cannot be written (%s); what it lacks is computed and not kept", o.cacheDir, denial(reason))
		}
		said = true
		return nil
	}
	var store *cache.Cache // nil: nothing is held and nothing kept
	if o.cacheDir != "" {
		if store, err = createOrOpen(o.cacheDir, unkept); err != nil {
			return nil, err
		}
	}
	if store != nil {
		defer store.Close()
	}
	backbone := newSession(spec, &o.common)
	defer backbone.Close()
	table, err := newPredictions(model.Classes, o.to, o.out, e.stdout, o.top, o.probabilities, true)
	if err != nil {
		return nil, err
	}
	defer table.abort()
	stats := new(extract.Stats)
	o.labels.sink = &predictSink{table: table, model: model}
	o.listed = "their rows say why"
	if err := o.run(ctx, "predict", &o.common, spec, backbone, store, src, o.labels, stats, true, unkept, e); err != nil {
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
