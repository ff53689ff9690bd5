package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
)

type exportOptions struct {
	common
	features string
	format   string // one of features.ExportFormats
	out      string
	dryRun   bool
}

// exportSummary is what `cache export --json` prints.
type exportSummary struct {
	Out    string  `json:"out"`
	Labels *string `json:"labels"` // the file beside it, null if the format needs none
	Format string  `json:"format"`
	Rows   int     `json:"rows"`
	Dim    int     `json:"dim"`
	Bytes  int64   `json:"bytes"` // of out
	DryRun bool    `json:"dry_run"`
}

func cacheExportCommand(e *env) *command {
	return &command{
		name: "export",
		args: "NAME.features",
		does: "writes the embeddings of a feature set for other programs",
		about: "Rows come in the order of the feature set; several spaces stand beside each other. " +
			"Beside an .npy or .safetensors file, NAME.labels.csv has the ids and what else the feature set knows of the samples; CSV and Parquet have it in columns, and an .npz file has arrays X, ids, y, split, group, weight and view. " +
			"An exported Parquet file is a feature set as well.\n\n" +
			"A file appears when it is complete, and replaces one of that name only then. Rows that the cache lacks or that are damaged are an error, and nothing is written.",
		examples: []string{
			"headstart cache export --out names.npy names.features",
			"headstart cache export --out names.parquet names.features",
			"headstart cache export --dry-run --out images.safetensors images.features    # how large would it be?",
		},
		exits:   []int{exitCorrupt},
		minArgs: 1, maxArgs: 1,
		flags: append([]cli.Flag{
			&cli.StringFlag{Name: "out", Category: "Result", Usage: "the `FILE` to write"},
			&cli.StringFlag{Name: "format", Category: "Result", Usage: choices(features.ExportFormats...) + "what the file is", DefaultText: "the ending of --out"},
			&cli.BoolFlag{Name: "dry-run", Category: "Result", Usage: "read and check every row, say what would be written, and write nothing"},
		}, commonFlags("cache", "quiet", "json", "no-color")...),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			o := &exportOptions{
				common: *c, features: ctx.Args().First(),
				format: ctx.String("format"), out: ctx.String("out"), dryRun: ctx.Bool("dry-run"),
			}
			if err := o.settleFormat(); err != nil {
				return err
			}
			return runCacheExport(ctx.Context, o, e)
		},
	}
}

// settleFormat finds the format by the ending of --out where --format does not
// say it. An ending that is another format's is an error.
func (o *exportOptions) settleFormat() error {
	endings := "." + strings.Join(features.ExportFormats, ", .")
	if o.out == "" {
		return usagef("--out is missing: it names the file to write; the endings %s give the format", endings)
	}
	if o.format != "" {
		if err := oneOf("format", o.format, features.ExportFormats...); err != nil {
			return err
		}
	}
	ending := strings.ToLower(strings.TrimPrefix(filepath.Ext(o.out), "."))
	switch known := slices.Contains(features.ExportFormats, ending); {
	case o.format == "" && !known:
		return usagef("--out %s: its ending gives no format: --format does, or one of %s", o.out, endings)
	case o.format == "":
		o.format = ending
	case known && o.format != ending:
		return usagef("--format %s contradicts the ending of --out %s", o.format, o.out)
	}
	return nil
}

func runCacheExport(ctx context.Context, o *exportOptions, e *env) error {
	store, err := openCache(&o.common)
	if err != nil {
		return err
	}
	defer store.Close()
	set, err := features.Read(o.features)
	if err != nil {
		return err
	}
	x, err := features.NewExport(set, o.features, store)
	if err != nil {
		return err
	}
	defer x.Close()
	do := x.Write
	if o.dryRun {
		do = x.Plan
	}
	rows := startStepMeter(e, &o.common, "cache export", "rows")
	x.Progress = rows.step
	written, err := do(ctx, o.out, o.format)
	rows.stop()
	if _, ok := errors.AsType[*cache.CorruptError](err); ok {
		return fmt.Errorf("%w\nnothing was written; extract computes again what is damaged", err)
	}
	if err != nil {
		return err
	}
	if o.json {
		sum := &exportSummary{Out: o.out, Format: o.format, Rows: x.N(), Dim: x.D(), Bytes: written.Bytes, DryRun: o.dryRun}
		if written.Labels != "" {
			sum.Labels = &written.Labels
		}
		return e.printJSON(sum)
	}
	line := fmt.Sprintf("%s: %s rows × %d, %s", o.out, count(int64(x.N())), x.D(), bytesOf(uint64(written.Bytes)))
	if written.Labels != "" {
		line += "; labels in " + written.Labels
	}
	if o.dryRun {
		line += "; a dry run, so nothing was written"
	}
	_, err = fmt.Fprintln(e.stdout, line)
	return err
}
