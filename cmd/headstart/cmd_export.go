package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
)

type fuseOptions struct {
	common
	head     string
	backbone string
	out      string
}

// fuseSummary is what `export --json` prints.
type fuseSummary struct {
	Export        string  `json:"export"`
	Model         string  `json:"model"`
	Samples       int     `json:"samples"`
	MaxDifference float64 `json:"max_difference"`
}

func exportCommand(e *env) *command {
	return &command{
		name: "export",
		args: "HEAD",
		does: "writes backbone and head as one ONNX model",
		about: "DIR, a new folder or an empty one, gets model.onnx, and model.onnx_data beside it where the weights do not fit into one file or the backbone had such a file. " +
			"Its inputs are those of the backbone: pixels or token ids, prepared as the backbone wants them. " +
			"Its outputs are logits and probabilities, one column a class, or value of a head of numbers; the classes, or what takes their place, stand in its metadata, headstart.classes.\n\n" +
			"Before it gets its name, the model is run on made-up samples, in batches and, for texts, of unequal length, and compared with the backbone, then the head: " +
			"if a probability differs by more than 1e-5, nothing is written.\n\n" +
			"A head of several feature sets takes several backbones or taps, and is no one model.",
		examples: []string{
			"headstart export photos.head.onnx --out photos-model",
			"headstart export names.head.onnx --out names-model --backbone all-minilm-l6-v2",
		},
		minArgs: 1, maxArgs: 1,
		wants: []string{"the head: a file that train-head made"},
		flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "out", Category: "Result", Usage: "the `DIR` of the model, new or empty (required)"},
			&cli.StringFlag{Name: "backbone", Category: "Backbone",
				Usage: "`NAME|DIR|FILE.onnx`: where the head's backbone is now", DefaultText: "where it was"},
		}, commonFlags("runtime", "provider", "quiet", "json")),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			o := &fuseOptions{common: *c, head: ctx.Args().First(), backbone: ctx.String("backbone"), out: ctx.String("out")}
			if o.out == "" {
				return usagef("--out DIR is missing: the folder that the model is written into")
			}
			return runExport(ctx.Context, o, e)
		},
	}
}

func runExport(ctx context.Context, o *fuseOptions, e *env) error {
	f, err := file.Read(o.head)
	if err != nil {
		return err
	}
	if len(f.Spaces) > 1 && contract.OneBackbone(spacesOf(f)) {
		return fmt.Errorf("%s takes %d taps of the backbone, and a model can be made only where the features are one tap; predict takes samples all the same", o.head, len(f.Spaces))
	}
	if len(f.Spaces) > 1 {
		return fmt.Errorf("%s takes %d feature sets; only a head on one is a model with its backbone", o.head, len(f.Spaces))
	}
	reading := &sampling{backbone: o.backbone}
	d, err := contract.Describe(f.Spaces[0].JSON)
	if err == nil && d.Modality == "" {
		err = errors.New("the head's space does not tell whether its samples are images or texts")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", o.head, err)
	}
	spec, err := reading.recall(o.head, f, d.Modality)
	if err != nil {
		return err
	}
	w, err := predict.Export(ctx, spec, f, &predict.ExportOptions{
		Options: predict.Options{Runtime: o.runtime}, Head: o.head, Dir: o.out, Tool: "headstart " + version(),
	})
	if err != nil {
		return err
	}
	if o.json {
		return e.printJSON(&fuseSummary{o.out, w.Model, w.Samples, w.MaxDifference})
	}
	size := int64(0)
	for _, path := range []string{w.Model, w.Data} {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		size += info.Size()
	}
	fmt.Fprintf(e.stdout, "%s: %s, %s\n", w.Model, counted(len(f.Head.Classes), f.Head.Task.Noun()), bytesOf(uint64(size)))
	if w.Data != "" {
		fmt.Fprintf(e.stdout, "%s: its weights\n", w.Data)
	}
	gives := "probabilities"
	if f.Head.Task == head.Number {
		gives = "numbers"
	}
	fmt.Fprintf(e.stdout, "run on %s made up for it, it gives the %s of backbone and head, to within %.1g\n", counted(w.Samples, "sample"), gives, w.MaxDifference)
	return nil
}
