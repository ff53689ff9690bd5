package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/tensor"
)

// exportSamples is how many samples a model is checked on.
const exportSamples = 32

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
			"Its outputs are logits and probabilities, one column a class; the classes stand in its metadata, headstart.classes.\n\n" +
			"Before it gets its name, the model is run on made-up samples, in batches and, for texts, of unequal length, and compared with the backbone, then the head: " +
			"if a probability differs by more than 1e-5, nothing is written.\n\n" +
			"A head of several feature sets takes several backbones or taps, and is no one model.",
		examples: []string{
			"headstart export photos.head.onnx --out photos-model",
			"headstart export names.head.onnx --out names-model --backbone all-minilm-l6-v2",
		},
		minArgs: 1, maxArgs: 1,
		flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "out", Category: "Result", Usage: "the `DIR` of the model, new or empty (required)"},
			&cli.StringFlag{Name: "backbone", Category: "Backbone",
				Usage: "`NAME` of a built-in backbone, a folder or an ONNX file in one: where the head's backbone is now", DefaultText: "where it was"},
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
	if err := takeTail(spec, f); err != nil {
		return fmt.Errorf("%s: %w", o.head, err)
	}
	backbone, err := wholeModel(spec)
	if err != nil {
		return err
	}
	h, err := exportHead(spec, f)
	if err != nil {
		return fmt.Errorf("%s: %w", o.head, err)
	}
	external := len(spec.Weights.External) > 0
	fused, err := export.Fuse(backbone, h)
	if err != nil {
		return err
	}
	if f.Tail != nil { // the samples are to be compared with the backbone that was trained
		dir, err := os.MkdirTemp("", "headstart-export-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if err := retrained(spec, backbone, f.Tail.Weights, external, dir); err != nil {
			return err
		}
	}
	check := &export.Check{Classes: len(f.Head.Classes)}
	for _, in := range fused.GetGraph().GetInput() {
		if slices.ContainsFunc(spec.Inputs, func(x models.Input) bool { return x.Name == in.GetName() }) {
			check.Inputs = append(check.Inputs, in.GetName())
		}
	}
	reference, err := newSession(spec, &o.common)
	if err != nil {
		return err
	}
	defer reference.Close()
	if check.Batches, err = exportBatches(ctx, spec, reference, f.Head, check.Inputs); err != nil {
		return err
	}
	if check.Library, err = reference.Library(); err != nil {
		return err
	}
	w, err := export.Write(ctx, o.out, fused, external, check)
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
	fmt.Fprintf(e.stdout, "%s: %d classes, %s\n", w.Model, len(f.Head.Classes), bytesOf(uint64(size)))
	if w.Data != "" {
		fmt.Fprintf(e.stdout, "%s: its weights\n", w.Data)
	}
	fmt.Fprintf(e.stdout, "run on %d samples that were made up, it gives the probabilities of backbone and head, to within %.1g\n", w.Samples, w.MaxDifference)
	return nil
}

// takeTail gives spec the tap that the tail of a head ends in, if it has one.
func takeTail(spec *models.Spec, f *file.File) error {
	t := f.Tail
	if t == nil {
		return nil
	}
	pooling := t.Pooling
	if pooling == "" {
		pooling = "none"
	}
	if tap := spec.Taps[0]; tap.Output != t.Features || tap.Pooling != pooling {
		if err := spec.SetTaps([]string{t.Features + ":" + pooling}); err != nil {
			return err
		}
	}
	tap := &spec.Taps[0]
	tap.Post = "" // the head's own normalisation
	if tap.Dim != f.Head.D() || tap.ChannelsLast && pooling == "gap" {
		return fmt.Errorf("its tail ends in %s, of which the backbone makes %d values and the head takes %d", t.Features, tap.Dim, f.Head.D())
	}
	return nil
}

// wholeModel reads a backbone's model, with what is in files beside it.
func wholeModel(spec *models.Spec) (*pb.ModelProto, error) {
	m, err := onnx.Decode(spec.Weights.Data)
	if err == nil && len(spec.Weights.External) > 0 {
		err = onnx.ReadExternal(m, spec.Weights.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Weights.Path, err)
	}
	return m, nil
}

// exportHead describes the head of f behind the first tap of spec.
func exportHead(spec *models.Spec, f *file.File) (*export.Head, error) {
	layers, err := file.Head(f)
	if err != nil {
		return nil, err
	}
	h := &export.Head{Head: *layers, Classes: f.Head.Classes}
	tap := spec.Taps[0]
	h.Features, h.Pooling, h.Post = tap.Output, tap.Pooling, tap.Post
	switch {
	case len(tap.Shape) == 4:
		h.ChannelsFirst, h.Space = !tap.ChannelsLast, tap.ChannelsLast
	case len(tap.Shape) == 3 && tap.Shape[1] < 0:
		for _, in := range spec.Inputs {
			if in.Role == "mask" {
				h.Mask = in.Name
			}
		}
		if h.Mask == "" && tap.Pooling != "cls" {
			return nil, fmt.Errorf("the backbone has no input for a mask, so that pooling %q over texts of unequal length cannot be told in a model", tap.Pooling)
		}
	}
	h.Provenance = map[string]string{
		"backbone": f.Spaces[0].Backbone, "backbone_sha256": spec.Weights.SHA256, "tap": tap.Output + ":" + tap.Pooling, "exported_by": "headstart " + version(),
	}
	for name, text := range map[string]string{"backbone_licence": spec.Licence, "backbone_source": spec.Source, "data": f.Data, "created": f.Created} {
		if text != "" {
			h.Provenance[name] = text
		}
	}
	if f.Tail != nil {
		h.Weights = f.Tail.Weights
		h.Provenance["tail"] = f.Tail.Cut
		if f.Tail.Cut == "" {
			h.Provenance["tail"] = "all"
		}
	}
	return h, nil
}

// retrained puts a backbone with new weights into dir and lets spec run that.
func retrained(spec *models.Spec, backbone *pb.ModelProto, weights map[string][]float32, external bool, dir string) error {
	changed, err := onnx.Rewrite(backbone, weights)
	if err != nil {
		return err
	}
	beside, err := export.Save(dir, changed, external)
	if err != nil {
		return err
	}
	spec.Weights.Pruned, spec.Weights.Dir = nil, ""
	if beside {
		spec.Weights.Dir = dir
	}
	spec.Weights.Data, err = draft.ReadRegular(filepath.Join(dir, export.ModelFile))
	return err
}

// exportBatches makes samples up and computes their probabilities by way of the backbone, its pooling
// and the head, each by itself.
func exportBatches(ctx context.Context, spec *models.Spec, backbone embed.Backbone, m *head.Head, inputs []string) ([]export.Batch, error) {
	probes, err := embed.Probes(spec, exportSamples)
	if err != nil {
		return nil, err
	}
	var batches []export.Batch
	for _, p := range probes {
		rows, err := p.Embed(ctx, spec, backbone)
		if err != nil {
			return nil, err
		}
		b := export.Batch{Probabilities: make([]float64, p.N()*len(m.Classes))}
		if err := m.ProbabilitiesTo(b.Probabilities, rows, p.N()); err != nil {
			return nil, err
		}
		for _, name := range inputs {
			t := p.Inputs[slices.IndexFunc(p.Inputs, func(t tensor.View) bool { return t.Name == name })]
			b.Inputs = append(b.Inputs, t)
		}
		batches = append(batches, b)
	}
	return batches, nil
}
