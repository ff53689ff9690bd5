package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/preprocess"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

type preprocessOptions struct {
	common
	sampling
	out string
}

// preprocessSummary is what `preprocess --json` prints.
type preprocessSummary struct {
	Backbone string             `json:"backbone"`
	Modality string             `json:"modality"`
	Out      *string            `json:"out"` // the folder of the files; null: there are none
	Samples  int64              `json:"samples"`
	Prepared int64              `json:"prepared"`
	Bad      int64              `json:"bad"`
	Cut      int64              `json:"cut"`
	Renamed  int                `json:"renamed"`
	Names    *string            `json:"names"`
	Seconds  float64            `json:"seconds"`
	Stages   map[string]float64 `json:"stages"`

	Quarantine *string `json:"quarantine"`
	remarked
	Skipped []skippedSummary `json:"skipped"`
}

func preprocessCommand(e *env) *command {
	return &command{
		name: "preprocess",
		args: "SOURCE…",
		does: "shows what the backbone gets of each sample",
		about: "What extract would give the backbone, sample by sample, to compare it with a reference and to see why a sample is misread. ONNX Runtime is not needed, and no embedding is computed. Sources and their flags are those of extract.\n\n" +
			"Of an image, DIR/ID.npz holds arrays named as the inputs of the graph, such as pixel_values of 1×3×224×224, and DIR/ID.png the pixels before they are normalised. " +
			"Of numbers there is DIR/ID.npz. " +
			"Of a text, a JSON object a line goes to standard output, in input order: id, ids, and type_ids and attention_mask where the graph has these inputs, without padding; with --long chunks:mean, of a text that is read in several windows those of the first, and windows, a list of the same of each; the summary of --json is on standard error then.\n\n" +
			"An id with slashes is in folders below DIR. Ids that are no names of files everywhere, that lead out of DIR or that are another sample's where case does not matter get other names, which DIR/names.jsonl lists. " +
			"Each file is written whole, and replaces that of an earlier run; where a file lies that preprocess has not written, the sample is bad.\n\n" +
			"Bad samples do not stop a run: they are summed up by reason in the end, and DIR/quarantine.jsonl lists them. The same samples are the same bytes each time.",
		examples: []string{
			"headstart preprocess --out seen photos/",
			"headstart preprocess --alpha white photo.jpg",
			"headstart preprocess --backbone all-minilm-l6-v2 --text name emoji.csv",
		},
		exits:   []int{exitBadSamples},
		minArgs: 1, maxArgs: -1,
		wants: []string{"the source: a folder, a table or a text file with the samples"},
		flags: slices.Concat(
			[]cli.Flag{&cli.StringFlag{Name: "out", Category: "Result", Usage: "the `DIR` of the files", DefaultText: "the source's name, with .preprocessed"}},
			slices.DeleteFunc(samplingFlags(), func(f cli.Flag) bool { return slices.Contains([]string{"dtype", "batch-size"}, f.Names()[0]) }),
			[]cli.Flag{multiLabelFlag()},
			commonFlags("threads", "quiet", "json", "no-color"),
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
			return runPreprocess(ctx.Context, &preprocessOptions{*c, *s, ctx.String("out")}, ctx.Args().Slice(), e)
		},
	}
}

func runPreprocess(ctx context.Context, o *preprocessOptions, paths []string, e *env) error {
	src, err := source.Open(paths, &o.source)
	if err != nil {
		return err
	}
	defer src.Close()
	spec, err := o.resolve(src.Modality())
	if err != nil {
		return err
	}
	out := o.out
	if out == "" {
		out = src.Base() + ".preprocessed"
	}
	lines := bufio.NewWriter(e.stdout)
	stats, start := new(extract.Stats), time.Now()
	meter := startMeter(e, &o.common, "preprocess", o.total(src), func() tally {
		t := tallyOf(stats)
		t.prepared = true
		return t
	})
	r, err := preprocess.Write(ctx, spec, src, stats, &preprocess.Settings{Dir: out, Lines: lines, Threads: o.threads})
	meter.stop()
	if err = errors.Join(err, lines.Flush()); err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return &interruptedError{counted(stats.Computed.Load(), "sample") + " were written; the same command begins anew", err}
		}
		return err
	}
	if skipped := skippedLine(src.Skipped(), spec.Modality); skipped != "" {
		e.noteOf("skipped-files", 0, "%s", skipped)
	}
	bad := &badRun{reasons: &r.Reasons, samples: stats.Samples.Load(), table: tableOf(src), undecoded: src.Undecoded().First, modality: spec.Modality}
	if r.Quarantine != "" {
		bad.listed = r.Quarantine + " lists them"
	}
	e.sayBad(bad)
	o.notes(spec, stats, e)
	if r.Renamed > 0 {
		e.noteOf("renamed", int64(r.Renamed), "%s other names of files than their ids, the first %q for %q; %s lists them", have(r.Renamed), r.First.Name, r.First.ID, r.Names)
	}
	if err := o.reportPrepared(spec, src, r, &preprocessSummary{
		Backbone: spec.Name, Modality: string(spec.Modality),
		Samples: stats.Samples.Load(), Prepared: stats.Computed.Load(), Bad: stats.Bad.Load(), Cut: stats.Cut.Load(),
		Seconds: time.Since(start).Seconds(), Stages: map[string]float64{
			"read": stats.Stages.Read.Seconds(), "decode": stats.Stages.Decode.Seconds(), "write": stats.Stages.Write.Seconds(),
		},
	}, out, e); err != nil {
		return err
	}
	if err := o.judgeBad(stats.Bad.Load(), stats.Samples.Load(), r.Quarantine); err != nil {
		return err
	}
	if !slices.Contains(paths, "-") {
		e.next(&o.common, e.sameLine("extract", paths, "out", "threads", "quiet", "json"))
	}
	return nil
}

// have is "3 samples have", or "1 sample has".
func have(n int) string {
	if n == 1 {
		return "1 sample has"
	}
	return counted(int64(n), "sample") + " have"
}

// reportPrepared prints what was written: as JSON, on standard error where the
// texts are on standard output; of what is files in a line.
func (o *preprocessOptions) reportPrepared(spec *models.Spec, src *source.Source, r *preprocess.Result, sum *preprocessSummary, out string, e *env) error {
	files := spec.Modality != models.Text && sum.Prepared > 0
	if r.Quarantine != "" {
		sum.Quarantine = &r.Quarantine
	}
	if r.Names != "" {
		sum.Names = &r.Names
	}
	if files || r.Quarantine != "" {
		sum.Out = &out
	}
	sum.Renamed = r.Renamed
	sum.Skipped = summarizeSkipped(src.Skipped())
	sum.remarked = e.remarked()
	var to io.Writer = e.stdout
	if spec.Modality == models.Text {
		to = e.stderr
	}
	switch {
	case o.json:
		return json.NewEncoder(to).Encode(sum)
	case files:
		what := "image"
		if spec.Modality != models.Image {
			what = "sample"
		}
		_, err := fmt.Fprintf(e.stdout, "%s: %s as %s gets them%s\n", out, counted(sum.Prepared, what), spec.Name, besides(sum.Bad, "bad sample")+left(sum.Bad))
		return err
	}
	return nil
}
