package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/runtime"
)

type extractOptions struct {
	common
	sampling
	out     string
	replace bool // another feature set at out
	dryRun  bool
}

// extractSummary is what `extract --json` prints.
type extractSummary struct {
	Features     string             `json:"features"`
	Samples      int64              `json:"samples"`
	Cached       int64              `json:"cached"`
	Computed     int64              `json:"computed"`
	Duplicates   int64              `json:"duplicates"`
	Bad          int64              `json:"bad"`
	BackboneRows int64              `json:"backbone_rows"`
	CheckRows    int64              `json:"check_rows"`
	Seconds      float64            `json:"seconds"`
	Rate         float64            `json:"rate"`
	Stages       map[string]float64 `json:"stages"`
	Spaces       []spaceSummary     `json:"spaces"`
	Quarantine   *string            `json:"quarantine"`
	remarked
	Skipped []skippedSummary `json:"skipped"`
}

type spaceSummary struct {
	Fingerprint string `json:"fingerprint"`
	Tap         string `json:"tap"`
	Pooling     string `json:"pooling"`
	Dim         int    `json:"dim"`
}

func extractCommand(e *env) *command {
	return &command{
		name: "extract",
		args: "SOURCE…",
		does: "runs the backbone once per sample and keeps the embeddings",
		about: "A source is a folder of images (root/class/file, or root/{train,val,test}/class/file; other files in it are skipped and counted), a folder of nothing but text files in the same layout, a CSV, TSV or JSON table (an object a line) with a column of image paths or of texts, " +
			"a file with a text a line, a tar or ZIP file of such a folder, a WebDataset (also .tar.gz; 'shard-{000..099}.tar' names all shards), an IDX file, or numbers as NumPy saves them (.npy with the labels beside it, X.npy and y.npy; .npz with X and y), whose rows are the samples of a backbone of numbers; - is the standard input. " +
			"What the cache has already is not computed again, whatever the file is called. " +
			"The feature set that is left lists the samples with their labels, splits and groups; the embeddings stay in the cache.\n\n" +
			"A feature set that is there already is replaced by one of the same samples in the same spaces, and by another one with --replace. A run without a single sample that can be read leaves it as it is.\n\n" +
			"Bad samples do not stop a run: they are summed up by reason in the end, and NAME.quarantine.jsonl lists them.\n\n" +
			"Before anything is computed, up to 8 cached samples are embedded again. If the backbone does not give their rows any more, because the runtime or the machine is another one, the run stops. " +
			"A backbone whose rows depend on the samples beside them is run one sample at a time.",
		examples: []string{
			"headstart extract photos/",
			"headstart extract --text name --label label --out names.features emoji.csv",
			"headstart extract --image image --alpha white --out images.features emoji.csv",
			"headstart extract --dry-run photos/    # how much is there to do?",
		},
		exits:   []int{exitBadSamples},
		minArgs: 1, maxArgs: -1,
		wants: []string{"the source: a folder, a table or a text file with the samples"},
		flags: slices.Concat(
			[]cli.Flag{
				&cli.StringFlag{Name: "out", Category: "Result", Usage: "the feature set's `FILE`", DefaultText: "the source's name, with .features"},
				&cli.BoolFlag{Name: "replace", Category: "Result", Usage: "replace a feature set of that name that is from another source or in other spaces"},
				&cli.BoolFlag{Name: "dry-run", Category: "Result", Usage: "say what is cached, what would be computed and how long it would take"},
			},
			samplingFlags(),
			[]cli.Flag{multiLabelFlag()},
			commonFlags("cache", "threads", "runtime", "provider", "quiet", "json", "no-color"),
		),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			s, err := newSampling(ctx)
			if err != nil {
				return err
			}
			o := &extractOptions{common: *c, sampling: *s, out: ctx.String("out"), replace: ctx.Bool("replace"), dryRun: ctx.Bool("dry-run")}
			return runExtract(ctx.Context, o, ctx.Args().Slice(), e)
		},
	}
}

func runExtract(ctx context.Context, o *extractOptions, paths []string, env *env) error {
	src, err := source.Open(paths, &o.source)
	if err != nil {
		return err
	}
	defer src.Close()
	spec, err := o.resolve(src.Modality())
	if err != nil {
		return err
	}
	spaces, err := contract.SpacesOf(spec)
	if err != nil {
		return err
	}
	out := o.out
	if out == "" {
		out = src.Base() + ".features"
	}
	meta := &features.Meta{
		Backbone: spec.Name, Modality: string(spec.Modality),
		Source: paths, Reading: o.reading(src), MultiLabel: o.source.MultiLabel, Tool: "headstart " + version(),
	}
	dim := 0
	for _, s := range spaces {
		meta.Spaces = append(meta.Spaces, s.JSON())
		dim += s.Dim()
	}
	err = features.CheckReplace(out, meta)
	if other, ok := errors.AsType[*features.OtherError](err); ok && other.What != "" && o.replace {
		err = nil // it is a feature set
	}
	if err != nil {
		return err
	}
	o.other = func(flag, word string) string { return anew(meta, out, flag, word, o, env) }
	needed := func(reason error) error { return unwritable(o.cacheDir, reason) }
	var store *cache.Cache
	if o.dryRun {
		// Without a cache everything is missing.
		if store, err = cache.Open(o.cacheDir, nil); errors.Is(err, fs.ErrNotExist) {
			store, err = nil, nil
		}
	} else {
		store, err = createOrOpen(o.cacheDir, needed)
	}
	if err != nil {
		return err
	}
	if store != nil {
		defer store.Close()
	}
	backbone := newSession(spec, &o.common)
	defer backbone.Close()
	if o.dryRun {
		return dryRun(ctx, o, spec, backbone, store, src, env)
	}
	record, err := extract.NewRecord(out, meta)
	if err != nil {
		return err
	}
	defer record.Abort()

	start := time.Now()
	stats := new(extract.Stats)
	o.listed = extract.QuarantineOf(out) + " lists them"
	err = o.run(ctx, "extract", &o.common, spec, backbone, store, src, record, stats, false, needed, env)
	if err != nil {
		return err
	}
	quarantine, err := record.Close()
	empty, none := errors.AsType[*extract.NoneError](err)
	if err != nil && !none {
		return err
	}
	sum := summarize(stats, time.Since(start))
	if sum.Features = out; none {
		sum.Features = ""
	}
	sum.Skipped = summarizeSkipped(src.Skipped())
	for i, tap := range spec.Taps {
		sum.Spaces = append(sum.Spaces, spaceSummary{spaces[i].Fingerprint(), tap.Tensor(), tap.Pooling, tap.Dim})
	}
	if quarantine != "" {
		sum.Quarantine = &quarantine
	}
	sum.remarked = env.remarked()
	err = nil
	switch {
	case o.json:
		err = env.printJSON(sum)
	case !none:
		_, err = fmt.Fprintf(env.stdout, "%s: %s × %s features: %s cached, %s computed%s%s\n", out, counted(sum.Samples-sum.Bad, "sample"), count(int64(dim)),
			count(sum.Cached), count(sum.Computed), besides(sum.Duplicates, "duplicate"), besides(sum.Bad, "bad sample")+left(sum.Bad))
	}
	if err != nil {
		return err
	}
	if err = o.judgeBad(sum.Bad, sum.Samples, quarantine); none && err == nil {
		return fmt.Errorf("%w; %s says why", empty, quarantine)
	}
	if bad, ok := errors.AsType[*badSamplesError](err); ok && none {
		bad.none = empty
	}
	if err == nil && env.leads(&o.common) {
		env.next(&o.common, env.afterExtract(out, record))
	}
	return err
}

// anew returns the command that makes the feature set of meta anew, at out,
// with another word of a flag.
func anew(meta *features.Meta, out, flag, word string, o *extractOptions, env *env) string {
	m := *meta
	m.Reading = maps.Clone(meta.Reading)
	m.Reading[flag] = word
	if o.out == "" {
		out = "" // the default is the same
	}
	line := m.Command(out) + " --replace"
	if env.onLine("cache") {
		line += " --cache " + features.Quoted(o.cacheDir)
	}
	return line
}

// besides is ", 3 duplicates", and nothing of none.
func besides(n int64, noun string) string {
	if n == 0 {
		return ""
	}
	return ", " + counted(n, noun)
}

// left says that bad samples are in no feature set.
func left(bad int64) string {
	if bad == 0 {
		return ""
	}
	return " left out"
}

func summarize(stats *extract.Stats, took time.Duration) *extractSummary {
	return &extractSummary{
		Samples: stats.Samples.Load(), Cached: stats.Cached.Load(), Computed: stats.Computed.Load(),
		Duplicates: stats.Duplicates.Load(), Bad: stats.Bad.Load(),
		BackboneRows: stats.BackboneRows.Load(), CheckRows: stats.CheckRows.Load(),
		Seconds: took.Seconds(), Rate: float64(stats.Samples.Load()) / took.Seconds(),
		Stages: map[string]float64{
			"read": stats.Stages.Read.Seconds(), "decode": stats.Stages.Decode.Seconds(),
			"infer": stats.Stages.Infer.Seconds(), "write": stats.Stages.Write.Seconds(),
		},
	}
}

// plan is what `extract --dry-run --json` prints.
type plan struct {
	Samples    int64   `json:"samples"`
	Cached     int64   `json:"cached"`
	Missing    int64   `json:"missing"`
	Duplicates int64   `json:"duplicates"`
	Bad        int64   `json:"bad"`
	CheckRows  int64   `json:"check_rows"`
	Seconds    float64 `json:"seconds"`
}

// dryRun says what runExtract would do, and leaves nothing behind.
func dryRun(ctx context.Context, o *extractOptions, spec *models.Spec, backbone *runtime.Lazy, store *cache.Cache, src *source.Source, env *env) error {
	stats := new(extract.Stats)
	p, err := extract.Survey(ctx, spec, backbone, store, src, stats, &extract.Settings{Threads: o.threads, BatchSize: o.batch, Provenance: backbone.Provenance})
	if err != nil {
		return err
	}
	if o.json {
		return env.printJSON(&plan{p.Samples, p.Cached, p.Missing, p.Duplicates, p.Bad, stats.CheckRows.Load(), p.Seconds})
	}
	_, err = fmt.Fprintf(env.stdout, "%s: %s cached, %s to compute%s%s; about %s\n",
		counted(p.Samples, "sample"), count(p.Cached), count(p.Missing), besides(p.Duplicates, "duplicate"), besides(p.Bad, "bad sample"), span(p.Seconds))
	return err
}
