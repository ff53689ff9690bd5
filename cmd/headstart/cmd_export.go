package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/folder"
)

type fuseOptions struct {
	common
	head     string
	more     []string // further heads
	backbone string
	out      string
	layout   string
	input    string
	replace  bool
	licence  string
	// precision is how weights are stored, "" if as the backbone stores them.
	precision export.Precision
	embedder  bool
}

// fuseSummary is what `export --json` prints.
type fuseSummary struct {
	Export        string          `json:"export"`
	Model         string          `json:"model"`
	Samples       int             `json:"samples"`
	MaxDifference float64         `json:"max_difference"`
	Out           string          `json:"out"`
	Files         []string        `json:"files"` // in out
	Checked       int             `json:"checked"`
	MadeUp        int             `json:"made_up"` // of checked
	Worst         float64         `json:"worst"`
	Licence       string          `json:"licence"`
	Clients       []export.Client `json:"clients"`
	// Precision is how weights are stored: "" if as the backbone stores them.
	// Rounding is what that changes; nil: nothing.
	Precision export.Precision  `json:"precision,omitempty"`
	Rounding  *predict.Rounding `json:"rounding,omitempty"`
	Heads     []predict.HeadOf  `json:"heads,omitempty"` // several
}

func exportCommand(e *env) *command {
	const result, backbone = "Result", "Backbone"
	return &command{
		name: "export",
		args: "HEAD…",
		does: "writes backbone and head as one ONNX model, in a folder that other programs load, or the head alone",
		about: "DIR gets the model with its labels, its tokenizer or image processor and a model card, as transformers.js, optimum, hugot and the Hugging Face Hub look for them; docs/deploy.md says more. " +
			"The model lies in onnx/model.onnx, or with --layout flat in model.onnx beside the other files, where hugot finds it, with model.onnx_data beside it where the weights do not fit into one file or the backbone had such a file. " +
			"Its outputs are logits, temperature included, and probabilities, one column a class; of a linear head logits are the numbers. Classes, input contract, provenance and figures stand in its metadata as headstart.NAME. " +
			"headstart itself takes DIR as a head (predict DIR SOURCE) and as a backbone (extract --backbone DIR).\n\n" +
			"Before DIR gets its name, the model in it is run on 32 samples of the feature set that the head was trained on, or on made-up ones where they are not there any more, in batches of 1, 2 and 7, of texts of unequal length, and compared with the backbone, then the head: " +
			"if a probability differs by more than 1e-5, nothing is written.\n\n" +
			"With --input pixels, of images, the model takes them as they are decoded, upright, RGB, of any size and one at a time: it resizes, crops and normalises them itself, with ONNX Runtime's Resize, which is Pillow's but for a level here and there, as no other client's is. " +
			"Its operators are of set 18, and others are rewritten. Probabilities are compared up to 0.02 then. Whatever runs ONNX models with that set feeds it; transformers.js, optimum and hugot do not.\n\n" +
			"The model is a derivative of the backbone's weights: their licence, as the backbone's files name it, travels along. Where they name none, --licence says it.\n\n" +
			"The model computes in float32. Its weights are stored as the backbone's file has them, or as --precision says: f32; f16, half the size; int8, a quarter, whole numbers with a scale for each output channel, or row of a table of tokens, of matrices of 4,096 values or more. " +
			"No activation is rounded, so that rows stay independent of each other. What rounding changes is measured before DIR gets its name, on up to 1,000 labelled samples that the head was not fitted on, where they can be read again: by how much probabilities differ, how many answers change, and the accuracy beside that of the unrounded model. " +
			"The rounded model is held to the same 1e-5 as any other, of what its rounded weights give in float32; one that rounding moves by more than 0.02 (f16) or 0.2 (int8) in the mean is refused.\n\n" +
			"--embedder writes an embedding model: the outputs are last_hidden_state and sentence_embedding of texts, with the files of sentence-transformers, image_embeds and pooler_output of images. It is compared with the backbone, to 1e-5 of the length of an embedding, and extract --backbone DIR makes the same embeddings with it. " +
			"HEAD is a head, whose backbone and tap it takes, a feature set or a backbone.\n\n" +
			"Several heads on one backbone become one model, which runs the backbone once. The first one has the outputs logits and probabilities, which clients take, and the labels in config.json; each, the first too, has them as NAME_logits and NAME_probabilities, by the name of its file. Their taps may differ, all else that decides their features may not. " +
			"predict DIR --head NAME asks one of them.\n\n" +
			"A head of several feature sets of several backbones is no one model.\n\n" +
			aboutAlone(),
		examples: []string{
			"headstart export photos.head.onnx --out photos-model",
			"headstart export photos.head.onnx --out photos-pixels --input pixels",
			"headstart export names.head.onnx --out names-model --layout flat --replace",
			"headstart export names.head.onnx --out names-here --backbone all-minilm-l6-v2",
			"headstart export all-minilm-l6-v2 --embedder --out minilm-model",
			"headstart export names.head.onnx --out names --format go    # the head alone",
			"headstart export topic.head.onnx tone.head.onnx --out texts-model",
		},
		minArgs: 1, maxArgs: -1,
		wants: []string{"the head: a file that train-head made"},
		flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "out", Category: result, Usage: "the `DIR` of the model, new or empty, or the file of a head alone (required)"},
			&cli.StringFlag{Name: "format", Category: result, Value: folderFormat, Usage: choices(aloneFormats()...) + "the model in a folder, or the head alone"},
			&cli.StringFlag{Name: "layout", Category: result, Value: export.Hub, Usage: choices(export.Layouts...) + "where the model lies in DIR"},
			&cli.StringFlag{Name: "precision", Category: result, Usage: choices(precisions()...) + "how weights are stored, and what rounding them changes is measured", DefaultText: "as the backbone stores them"},
			&cli.StringFlag{Name: "input", Category: result, Value: export.Auto, Usage: choices(export.Inputs...) + "what the model takes: what clients look for, or of images pixels of any size, which it resizes itself"},
			&cli.BoolFlag{Name: "embedder", Category: result, Usage: "write the backbone with its pooling as an embedding model, without the head; HEAD may be NAME.features or a backbone, too"},
			&cli.BoolFlag{Name: "replace", Category: result, Usage: "replace what an earlier export has written to DIR"},
			&cli.StringFlag{Name: "backbone", Category: backbone,
				Usage: "`NAME|DIR|FILE.onnx`: where the head's backbone is now", DefaultText: "where it was"},
			&cli.StringFlag{Name: "licence", Category: backbone, Usage: "the licence of the backbone's weights, an SPDX `NAME` such as apache-2.0", DefaultText: "as its files say"},
		}, commonFlags("runtime", "provider", "quiet", "json")),
		action: func(ctx *cli.Context) error {
			c, err := e.common(ctx)
			if err != nil {
				return err
			}
			o := &fuseOptions{
				common: *c, head: ctx.Args().First(), more: ctx.Args().Tail(), backbone: ctx.String("backbone"), out: ctx.String("out"),
				layout: ctx.String("layout"), input: ctx.String("input"), replace: ctx.Bool("replace"), licence: strings.TrimSpace(ctx.String("licence")),
				precision: export.Precision(ctx.String("precision")), embedder: ctx.Bool("embedder"),
			}
			if o.precision != "" {
				if err := oneOf("precision", string(o.precision), precisions()...); err != nil {
					return err
				}
			}
			if err := oneOf("format", ctx.String("format"), aloneFormats()...); err != nil {
				return err
			}
			if f := file.FormatOf(ctx.String("format")); f != nil {
				if len(o.more) > 0 {
					return usagef("--format %s writes one head; %s are %d", ctx.String("format"), quotedAll(ctx.Args().Slice()), 1+len(o.more))
				}
				if err := o.settleAlone(ctx, f); err != nil {
					return err
				}
				return runExportAlone(o, f, e)
			}
			if err := oneOf("layout", o.layout, export.Layouts...); err != nil {
				return err
			}
			if err := oneOf("input", o.input, export.Inputs...); err != nil {
				return err
			}
			if o.embedder && o.input == export.Pixels {
				return usagef("--embedder with --input pixels: the clients of an embedding model feed it tensors, and load it by the inputs that they know; leave one of the two out")
			}
			switch {
			case o.embedder && len(o.more) > 0:
				return usagef("--embedder writes one backbone without a head; %s and %s are %d", o.head, strings.Join(o.more, ", "), 1+len(o.more))
			case o.out == "":
				return usagef("--out DIR is missing: the folder that the model is written into")
			case strings.HasSuffix(o.out, ".onnx"):
				dir := strings.TrimSuffix(strings.TrimSuffix(o.out, ".onnx"), ".head")
				return usagef("--out %s: a folder is written, not a file; with --layout flat --out %s the model is %s", o.out, dir, filepath.Join(dir, export.ModelFile))
			}
			err = runExport(ctx.Context, o, e)
			if err != nil && o.embedder && slices.Contains([]thing{aSet, aBackbone}, thingAt(o.head)) {
				return &settledError{err}
			}
			return err
		},
	}
}

func runExport(ctx context.Context, o *fuseOptions, e *env) error {
	heads, err := o.subjects()
	if err != nil {
		return err
	}
	f, t, all := heads[0].file, heads[0].training, heads[0].file
	several := others(heads)
	if several != nil {
		if all, err = predict.Together(several); err != nil {
			return err
		}
	}
	reading := &sampling{backbone: o.backbone}
	d, err := contract.Describe(f.Spaces[0].JSON)
	if err == nil && d.Modality == "" {
		err = errors.New("its space does not tell whether its samples are images or texts")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", o.head, err)
	}
	spec, err := reading.recall(o.head, all, d.Modality)
	if err != nil {
		return err
	}
	from := cmp.Or(o.backbone, f.Spaces[0].Backbone)
	papers, err := folder.PapersOf(from, builtin.FS())
	if err != nil {
		return err
	}
	card, err := o.card(f, t, spec)
	if err != nil {
		return err
	}
	for _, h := range heads[1:] {
		if err := o.addHead(card, h, spec); err != nil {
			return err
		}
	}
	on, why := trainingSet(f, t, d.Modality)
	var samples [][]byte
	var labelled iter.Seq2[*predict.Labelled, error]
	switch {
	case on != nil:
		samples, why = on.checked(ctx)
	case o.embedder && len(t.Features) == 0: // a backbone was not made of samples
		why = ""
	}
	for i := range several {
		if o.precision != "" && o.precision != export.Float32 {
			several[i].Labelled = heads[i].labelled(ctx, d.Modality)
		}
	}
	if len(samples) > 0 && !o.embedder && o.precision != "" && o.precision != export.Float32 {
		labelled = on.labelled(ctx, f)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w, err := predict.Export(ctx, spec, f, &predict.ExportOptions{
		Options: predict.Options{Runtime: o.runtime}, Head: o.head, Dir: o.out, Replace: o.replace, Layout: o.layout, Input: o.input, Tool: "headstart " + version(),
		Samples: samples, Papers: papers, Card: *card, Licence: o.licence,
		Precision: o.precision, Labelled: labelled, Embedder: o.embedder, Heads: several,
	})
	if err != nil {
		return err
	}
	if o.json {
		return e.printJSON(&fuseSummary{o.out, w.Model, w.Samples, w.MaxDifference, o.out, w.Files, w.Samples, w.MadeUp, w.MaxDifference, w.Licence, w.Clients, o.precision, w.Rounding, w.Heads})
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
	gives, of := "embeddings", "the backbone"
	has := embeddings(w)
	if !o.embedder {
		gives, of, has = "probabilities", "backbone and head", counted(len(f.Head.Classes), f.Head.Task.Noun())
		if f.Head.Task == head.Number {
			gives = "numbers"
		}
	}
	fmt.Fprintf(e.stdout, "%s: %s, %s, licence %s\n", w.Model, has, bytesOf(uint64(size)), w.Licence)
	if w.Data != "" {
		fmt.Fprintf(e.stdout, "%s: its weights\n", w.Data)
	}
	said := counted(w.MadeUp, "sample") + " made up for it"
	if own := w.Samples - w.MadeUp; own > 0 {
		said = counted(own, "sample") + " of " + t.Features[0].Name
		if w.MadeUp > 0 {
			said += fmt.Sprintf(" and %d made up for it", w.MadeUp)
		}
	} else if why != "" {
		said += " (" + why + ")"
	}
	fmt.Fprintf(e.stdout, "run on %s, it gives the %s of %s, to within %.1g\n", said, gives, of, w.MaxDifference)
	for _, h := range w.Heads {
		line := fmt.Sprintf("%s, of %s: outputs %s", h.Name, h.Head, strings.Join(h.Outputs, ", "))
		if h.Rounding != nil {
			line += "; " + h.Rounding.Words()
		}
		fmt.Fprintln(e.stdout, line)
	}
	if w.Rounding != nil && w.Heads == nil {
		fmt.Fprintln(e.stdout, w.Rounding.Words())
	}
	fmt.Fprintln(e.stdout)
	for _, c := range w.Clients {
		line := cmp.Or(c.Load, "–")
		if c.Note != "" {
			line += "; " + c.Note
		}
		fmt.Fprintf(e.stdout, "%s: %s\n", c.Name, line)
	}
	return nil
}

// trainingOf is what a head file keeps of how its head was trained; it is empty
// if it keeps nothing.
func trainingOf(name string, f *file.File) (*training, error) {
	t := new(training)
	if f.Settings != nil {
		if err := json.Unmarshal(f.Settings, t); err != nil {
			return nil, fmt.Errorf("%s: settings: %w", name, err)
		}
	}
	return t, nil
}

// card is what the model card says of the head. It is published with the model,
// so that files are called by their names alone, wherever they lie here.
func (o *fuseOptions) card(f *file.File, t *training, spec *models.Spec) (*export.Card, error) {
	c := &export.Card{Title: filepath.Base(o.out), Backbone: filepath.Base(spec.Name), Source: spec.Source, Created: f.Created}
	c.Command = "headstart export"
	for _, name := range append([]string{o.head}, o.more...) {
		c.Command += " " + features.Quoted(filepath.Base(name))
	}
	c.Command += " --out " + features.Quoted(c.Title)
	if o.embedder {
		c.Command += " --embedder"
	}
	if o.layout != export.Hub {
		c.Command += " --layout " + o.layout
	}
	if o.precision != "" {
		c.Command += " --precision " + string(o.precision)
	}
	if o.input != export.Auto {
		c.Command += " --input " + o.input
	}
	if o.licence != "" {
		c.Command += " --licence " + features.Quoted(o.licence)
	}
	if o.embedder {
		return o.embeddingCard(c, f, t), nil
	}
	if f.Metrics != nil {
		h, err := reportOf(filepath.Base(o.head), f)
		if err != nil {
			return nil, err
		}
		for i := range h.Features {
			set := &h.Features[i]
			set.Name, set.Backbone = filepath.Base(set.Name), filepath.Base(set.Backbone)
		}
		var b bytes.Buffer
		if err := report.SummaryTo(&b, h, 0, new(report.Style)); err != nil {
			return nil, err
		}
		c.Figures = b.String()
	}
	if len(t.Features) > 0 {
		c.Training = o.trainCommand(t)
	}
	if f.Fitted != nil && f.Fitted.N > 0 {
		c.Data = counted(f.Fitted.N, "sample")
		if len(t.Sources) > 0 {
			c.Data += " of " + sourcesInWords(named(t.Sources))
		}
	}
	return c, nil
}

// named are sources, see sourcesOf, without the folders that they lie in.
func named(sources [][]string) [][]string {
	var all [][]string
	for _, one := range sources {
		var names []string
		for _, s := range one {
			if column, _, ok := strings.Cut(s, "="); !ok || !slices.Contains([]string{"image", "text", "numbers"}, column) {
				s = filepath.Base(s)
			}
			names = append(names, s)
		}
		all = append(all, names)
	}
	return all
}

// trainCommand is the command that trained the head: what was not left to its
// defaults, which metrics have by task.
func (o *fuseOptions) trainCommand(t *training) string {
	defaults := map[string]string{}
	for _, f := range trainHeadCommand(&env{}).flags {
		shown, ok := f.(cli.DocGenerationFlag)
		switch {
		case ok && shown.TakesValue():
			defaults["--"+f.Names()[0]] = shown.GetValue()
		case ok:
			defaults["--"+f.Names()[0]] = "false"
		}
	}
	words := []string{"headstart train-head", "--out", features.Quoted(filepath.Base(o.head))}
	for _, flag := range t.Flags {
		d, known := defaults[flag.Name]
		if !known || sameSetting(d, flag.Value) || slices.Contains([]string{"", "–", "default", "accuracy", "ap", "r2", "mae"}, flag.Value) {
			continue
		}
		switch flag.Name {
		case "--l2-normalize": // a switch
			words = append(words, flag.Name)
			continue
		case "--from", "--class-weight": // files, or words that have no folder
			flag.Value = filepath.Base(flag.Value)
		}
		words = append(words, flag.Name, features.Quoted(flag.Value))
	}
	seen := map[string]bool{}
	for _, set := range t.Features {
		if !seen[set.Name] { // several taps are of one
			words = append(words, features.Quoted(filepath.Base(set.Name)))
		}
		seen[set.Name] = true
	}
	return strings.Join(words, " ")
}

// sameSetting tells whether two values of a flag are written in two ways, as
// 10m and 10m0s.
func sameSetting(a, b string) bool {
	if a == b {
		return true
	}
	x, err := time.ParseDuration(a)
	y, other := time.ParseDuration(b)
	return err == nil && other == nil && x == y
}

// precisions are the words of --precision.
func precisions() []string {
	var all []string
	for _, p := range export.Precisions {
		all = append(all, string(p))
	}
	return all
}
