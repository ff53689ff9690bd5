package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
	"github.com/headstart-ml/headstart/models/runtime"
)

// sampling is how samples are read and embedded: the flags that extract and
// predict share.
type sampling struct {
	backbone string
	source   source.Options
	choice   contract.Choice
	batch    int
	maxBad   string
	samples  int    // of the source, if that is known; 0: the source tells it
	pixels   int    // of an image that is decoded; 0: the default
	listed   string // where bad samples are listed, as "x.jsonl lists them"; "": nowhere
	// other returns the command that reads the same samples with another word
	// of a flag; nil: there is none.
	other func(flag, word string) string
	given []string // flags that stand on the command line or in the environment
}

// samplingFlags are the flags that fill a sampling.
func samplingFlags() []cli.Flag {
	const speed = "Running"
	return append(readingFlags(),
		&cli.IntFlag{Name: "batch-size", Category: speed, Usage: "`N` samples a batch; it changes no embedding", DefaultText: "by modality"},
		&cli.StringFlag{Name: "max-pixels", Category: speed, Usage: "read images of up to `N` pixels, as in 200M; while it is decoded one takes up to 19 bytes a pixel, of a rare TIFF 35", DefaultText: "64M"},
		&cli.StringFlag{Name: "max-bad", Category: speed, Value: "1%", Usage: "`N|P%`: exit with 3 if more samples than this are bad"},
	)
}

// readingFlags are those of the samplingFlags that say what the samples are
// and which space they belong to.
func readingFlags() []cli.Flag {
	const samples, pixels = "Samples", "Images"
	flags := []cli.Flag{
		&cli.StringFlag{Name: "backbone", Category: "Backbone",
			Usage: "`NAME|DIR|FILE.onnx`: a built-in backbone, a folder or an ONNX file in one", DefaultText: "efficientnet-lite0 for images, all-minilm-l6-v2 for texts, none for numbers"},
		&cli.StringSliceFlag{Name: "tap", Category: "Backbone",
			Usage: "take the tensor `TENSOR[:POOLING]` as features, pooled over tokens by mean, cls, last, max, meanstd, mean_sqrt_len or weightedmean, over space by gap, gem, max or meanstd, or flat, which keeps every value (one forward pass gives all taps; headstart inspect BACKBONE lists them)", DefaultText: "the backbone's own"},
		&cli.StringFlag{Name: "precision", Category: "Backbone",
			Usage: "of several files in a backbone's folder that of precision `NAME`: f32 is model.onnx, fp16 model_fp16.onnx, int8 model_quantized.onnx, and so on", DefaultText: "model.onnx, or the only file"},
		&cli.StringFlag{Name: "dtype", Category: "Backbone",
			Usage: choices(contract.DTypes...) + "how embeddings are kept; f16 takes half the room and has three to four digits", DefaultText: "f32"},

		&cli.StringFlag{Name: "format", Category: samples, Value: "auto",
			Usage: choices(source.Formats...) + "what the source is"},
		&cli.StringFlag{Name: "image", Category: samples, Usage: "the `COL` with paths of images", DefaultText: "image, if there is one and no text"},
		&cli.StringFlag{Name: "text", Category: samples, Usage: "the `COL` with texts", DefaultText: "text, if there is one and no image"},
		&cli.StringFlag{Name: "numbers", Category: samples, Usage: "the `COL` whose rows of numbers are the samples: an array of a .npz file", DefaultText: "X, x, features or data, or the only one of several numbers a row"},
		&cli.StringFlag{Name: "label", Category: samples, Usage: "the `COL` with labels", DefaultText: "label, if there is one"},
		&cli.StringFlag{Name: "group", Category: samples, Usage: "the `COL` with groups: what stays together in splits", DefaultText: "group, if there is one"},
		&cli.StringFlag{Name: "split", Category: samples, Usage: "the `COL` with splits: train, validation, test", DefaultText: "split, if there is one"},
		&cli.StringFlag{Name: "id", Category: samples, Usage: "the `COL` with ids", DefaultText: "id, if there is one"},
		&cli.StringFlag{Name: "weight", Category: samples, Usage: "the `COL` with weights", DefaultText: "weight, if there is one"},
		&cli.StringFlag{Name: "delimiter", Category: samples, Usage: "`CHAR|tab`: what stands between the fields of a table", DefaultText: "told by content: comma, semicolon, tab or bar"},
		&cli.BoolFlag{Name: "no-header", Category: samples, Usage: "the table begins with its first record; its columns are 1, 2, …"},
		&cli.StringFlag{Name: "encoding", Category: samples, Usage: "the `NAME` of the encoding of texts and tables: latin1, windows-1252, utf-16, shift_jis, …", DefaultText: "UTF-8, or what a byte order mark says"},
		&cli.StringFlag{Name: "root", Category: samples, Usage: "the `DIR` that paths in a table are relative to and do not leave", DefaultText: "the table's folder"},
	}
	flags = append(append(flags, textFlags()...), factFlags()...)
	for _, p := range (models.Policies{}).List() {
		flags = append(flags, &cli.StringFlag{Name: p.Name, Category: pixels, Usage: policyWords(p) + policyUsage[p.Name], DefaultText: p.Words[0]})
	}
	return flags
}

// multiLabelFlag lets a sample have several labels.
func multiLabelFlag() cli.Flag {
	return &cli.BoolFlag{Name: "multi-label", Category: "Samples", Usage: "a sample may have several labels: a;b in a cell, or a list in JSON and Parquet"}
}

// policyUsage is what the help says of each of models.Policies.
var policyUsage = map[string]string{
	"alpha":  "transparency: dropped (hidden colours show, as in Pillow's convert), or laid on white or on a colour",
	"exif":   "what is done with the orientation tag of a photo",
	"grey16": "16-bit grey: levels above 255 are clipped (as Pillow does, which makes most of them white), or all are scaled",
}

// policyWords are the words that one of models.Policies can be.
func policyWords(p models.Policy) string {
	if p.Free {
		return choices(append(slices.Clip(p.Words), "R,G,B")...)
	}
	return choices(p.Words...)
}

// newSampling reads the flags of samplingFlags that the command of ctx has.
func newSampling(ctx *cli.Context) (*sampling, error) {
	s := &sampling{
		backbone: ctx.String("backbone"),
		source: source.Options{
			Format: ctx.String("format"), Image: ctx.String("image"), Text: ctx.String("text"), Numbers: ctx.String("numbers"),
			Label: ctx.String("label"), Group: ctx.String("group"), Split: ctx.String("split"),
			ID: ctx.String("id"), Weight: ctx.String("weight"), Root: ctx.String("root"),
			Delimiter: ctx.String("delimiter"), NoHeader: ctx.Bool("no-header"), Encoding: ctx.String("encoding"),
			MultiLabel: ctx.Bool("multi-label"), Stdin: ctx.App.Reader,
		},
		choice: contract.Choice{Taps: ctx.StringSlice("tap"), DType: ctx.String("dtype"), Precision: ctx.String("precision")},
		batch:  ctx.Int("batch-size"), maxBad: ctx.String("max-bad"),
	}
	if word := ctx.String("max-pixels"); word != "" {
		var err error
		if s.pixels, err = pixelsOf(word); err != nil {
			return nil, err
		}
	}
	if ctx.IsSet("batch-size") && s.batch < 1 {
		return nil, usagef("--batch-size %d: at least 1 is needed", s.batch)
	}
	if err := oneOf("format", s.source.Format, source.Formats...); err != nil {
		return nil, err
	}
	if option, ok := errors.AsType[*source.OptionError](s.source.Check()); ok {
		return nil, usagef("--%s %s: %s", option.Option, option.Value, option.Reason)
	}
	if s.choice.DType != "" {
		if err := oneOf("dtype", s.choice.DType, contract.DTypes...); err != nil {
			return nil, err
		}
	}
	if err := readText(ctx, &s.choice); err != nil {
		return nil, err
	}
	var err error
	if s.choice.Facts, err = readFacts(ctx); err != nil {
		return nil, err
	}
	for _, p := range s.choice.Image.List() {
		word := ctx.String(p.Name)
		s.choice.Image.Set(p.Name, word)
		if word == "" || p.Free {
			continue
		}
		if err := oneOf(p.Name, word, p.Words...); err != nil {
			return nil, err
		}
	}
	for _, f := range samplingFlags() {
		if name := f.Names()[0]; ctx.IsSet(name) {
			s.given = append(s.given, name)
		}
	}
	if !ctx.IsSet("max-bad") {
		return s, nil
	}
	_, err = badLimit(s.maxBad, 0)
	return s, err
}

// resolve finds the backbone for samples of modality m and applies the flags
// that belong to its input contract.
func (s *sampling) resolve(m models.Modality) (*models.Spec, error) {
	name := s.backbone
	if name == "" {
		name = contract.DefaultBackbone(m)
	}
	if name == "" {
		return nil, usagef("no backbone for %s comes with headstart: --backbone NAME names a folder or an ONNX file", m.Plural())
	}
	choice := s.choice
	choice.Modality = m
	spec, err := choice.Resolve(name, builtin.FS())
	for _, fact := range folder.FactList() {
		if choice.Facts[fact.Key] != "" && err == nil && fact.Modality != spec.Modality {
			return nil, usagef("--%s is for %s; the backbone %s takes %s", factFlag(fact.Key), fact.Modality.Plural(), name, spec.Modality.Plural())
		}
	}
	if policy, ok := errors.AsType[*contract.PolicyError](err); ok {
		// The backbone is for other samples, or the source is.
		if policy.Takes != m {
			return nil, usagef("the backbone %s takes %s, the source holds %s", name, policy.Takes.Plural(), m.Plural())
		}
		return nil, usagef("--%s is for %s; the source holds %s", policy.Policy, policy.Of.Plural(), m.Plural())
	}
	if short := tooShort(err); short != nil {
		return nil, short
	}
	if err != nil {
		return nil, err
	}
	if err := likePrompt(choice.Text.Prompt, spec); err != nil {
		return nil, err
	}
	if spec.Modality != m {
		return nil, usagef("the backbone %s takes %s, the source holds %s", name, spec.Modality.Plural(), m.Plural())
	}
	if s.pixels > 0 && m != models.Image {
		return nil, usagef("--max-pixels is for images; the source holds %s", m.Plural())
	}
	spec.MaxPixels = s.pixels
	return spec, nil
}

// reading says how the samples were read, by flag, so that the same command
// can be given again.
func (s *sampling) reading(src *source.Source) map[string]string {
	out := src.Describe()
	if s.choice.DType != "" {
		out["dtype"] = s.choice.DType
	}
	if s.choice.Precision != "" {
		out["precision"] = s.choice.Precision
	}
	if s.pixels > 0 {
		out["max-pixels"] = strconv.Itoa(s.pixels)
	}
	for _, p := range s.choice.Image.Chosen() {
		out[p.Name] = p.Value
	}
	textReading(&s.choice, out)
	for key, word := range s.choice.Facts {
		out[factFlag(key)] = word
	}
	if len(s.choice.Taps) > 0 {
		out["tap"] = strings.Join(s.choice.Taps, "\n")
	}
	return out
}

// pixelsOf reads --max-pixels: 64000000, 64M, 1G.
func pixelsOf(word string) (int, error) {
	const most = 1 << 30 // of images whose sides are not too long
	digits, factor := word, 1
	for _, unit := range []struct {
		letter string
		factor int
	}{{"k", 1e3}, {"M", 1e6}, {"G", 1e9}} {
		if d, ok := strings.CutSuffix(word, unit.letter); ok {
			digits, factor = d, unit.factor
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if n *= float64(factor); err != nil || !(n >= 1 && n <= most) {
		return 0, usagef("--max-pixels %s: it is a number of pixels from 1 to %s, such as 200M", word, count(most))
	}
	return int(n), nil
}

// badLimit turns --max-bad into the greatest number of bad samples among n
// that is no failure.
func badLimit(flag string, n int64) (int64, error) {
	if percent, ok := strings.CutSuffix(flag, "%"); ok {
		p, err := strconv.ParseFloat(percent, 64)
		if err != nil || !(p >= 0 && p <= 100) {
			return 0, usagef("--max-bad %s: not a percentage from 0%% to 100%%", flag)
		}
		return int64(math.Floor(p * float64(n) / 100)), nil
	}
	limit, err := strconv.ParseInt(flag, 10, 64)
	if err != nil || limit < 0 {
		return 0, usagef("--max-bad %s: neither a number nor a percentage", flag)
	}
	return limit, nil
}

// total returns what tells how many samples a source has.
func (s *sampling) total(src *source.Source) func(context.Context) total {
	if s.samples > 0 {
		return func(context.Context) total { return total{s.samples, true} }
	}
	return func(ctx context.Context) total {
		n, exact := src.Total(ctx)
		return total{n, exact}
	}
}

// run sends the source through the backbone, with progress on standard error
// and the notes that a run gives once. A nil store holds nothing and keeps
// nothing; unwritable is asked whether to go on if the store cannot be written.
func (s *sampling) run(ctx context.Context, command string, c *common, spec *models.Spec, backbone *runtime.Lazy, store *cache.Cache, src *source.Source, sink extract.Sink, stats *extract.Stats, embeddings bool, unwritable func(error) error, env *env) error {
	var stat *cache.StatCache
	if store != nil {
		stat = store.StatCache(string(spec.Modality))
	}
	var kept atomic.Bool // what is computed
	kept.Store(store != nil)
	whole := s.total(src)
	meter := startMeter(env, c, command, whole, func() tally { return tallyOf(stats) })
	env.resumes(func() string { return inCache(stats, kept.Load(), total{n: -1}) })
	defer env.resumes(nil)
	reasons := &reasonSink{sink: sink}
	err := extract.Run(ctx, spec, backbone, store, src, reasons, stats, &extract.Settings{
		Threads: c.threads, BatchSize: s.batch, Embeddings: embeddings,
		Provenance: backbone.Provenance, StatCache: stat,
		Unwritable: func(reason error) error {
			kept.Store(false)
			return unwritable(reason)
		},
		Damaged: func(rows []cache.Problem) {
			env.warn("damaged-cache", int64(len(rows)), "%s in the cache damaged, the first in %s (%v); what was needed is computed again", counted(len(rows), "place"), rows[0].Path, rows[0].Err)
		},
		OneByOne: func(operators []string) {
			if len(operators) > 0 {
				env.noteOf("one-by-one", 0, "%s: %s computes over the whole batch, so samples are run one at a time, which takes longer; a float32 export of the model has no need of it", spec.Name, strings.Join(operators, ", "))
			} else {
				env.noteOf("one-by-one", 0, "%s: an embedding differs with the samples that are run beside it, so they are run one at a time, which takes longer", spec.Name)
			}
		},
		Recovered: env.recovered,
	})
	meter.stop()
	if kept.Load() {
		if serr := stat.Save(); serr != nil {
			// It is a hint: the next run reads the files again.
			env.note("%v; the next run will read every file again", serr)
		}
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return &interruptedError{inCache(stats, kept.Load(), whole(ctx)), err}
	}
	if err != nil {
		return err
	}
	if skipped := skippedLine(src.Skipped(), spec.Modality); skipped != "" {
		env.noteOf("skipped-files", 0, "%s", skipped)
	}
	env.sayBad(&badRun{reasons: &reasons.Reasons, samples: stats.Samples.Load(), listed: s.listed, table: tableOf(src), undecoded: src.Undecoded().First, modality: spec.Modality})
	s.notes(spec, stats, env)
	return nil
}

// reasonSink adds up why samples are bad, and passes rows on.
type reasonSink struct {
	extract.Reasons
	sink extract.Sink // nil: nobody wants them
}

func (r *reasonSink) Take(rows []extract.Row) error {
	for i := range rows {
		r.Add(&rows[i])
	}
	if r.sink == nil {
		return nil
	}
	return r.sink.Take(rows)
}

// tableOf returns the path of a source that is one table of paths of images,
// "" if it is none.
func tableOf(src *source.Source) string {
	if src.Describe()["image"] == "" || src.Describe()["root"] != "" || len(src.Paths()) != 1 || src.Paths()[0] == "-" {
		return ""
	}
	return src.Paths()[0]
}

// tallyOf says how far a run has come.
func tallyOf(stats *extract.Stats) tally {
	p, t := &stats.Progress, &stats.Stages
	return tally{
		samples: p.Done.Load(), cached: p.Cached.Load(), computed: stats.Computed.Load(), bad: p.Bad.Load(),
		read: t.Read.Seconds(), decode: t.Decode.Seconds(), infer: t.Infer.Seconds(), write: t.Write.Seconds(),
		seen: p.Read.Load(), planned: p.Planned.Load(), done: p.Computed.Load(),
	}
}

// inCache says what is left of a run that was interrupted, and what the same
// command will do. kept says that what was computed is in the cache.
func inCache(stats *extract.Stats, kept bool, whole total) string {
	held := stats.Progress.Done.Load() - stats.Progress.Bad.Load()
	of := ""
	if w := whole.String(); w != "" {
		of = " of " + w
	}
	switch {
	case !kept:
		return "nothing is kept, as the cache cannot be written; the same command begins anew"
	case held == 0:
		return "nothing was computed yet; the same command begins anew"
	}
	return fmt.Sprintf("%s%s samples are in the cache; the same command resumes there", count(held), of)
}

// notes says what happened to the samples that a person may not expect.
func (s *sampling) notes(spec *models.Spec, stats *extract.Stats, env *env) {
	if text, ok := spec.Contract.(*models.TextSpec); ok {
		if n := stats.Cut.Load(); n > 0 {
			verb := "texts are"
			if n == 1 {
				verb = "text is"
			}
			what := "what is beyond was not read"
			switch {
			case text.Long == models.LongChunks:
				what = fmt.Sprintf("they were read in windows that overlap by %s, and the embedding is the mean of theirs", count(int64(text.Overlap)))
			case text.Truncation == "left":
				what = "what stands before was not read"
			}
			env.noteOf("cut-texts", n, "%s of %s %s longer than the %s tokens that the backbone takes; %s", count(n), count(stats.Samples.Load()), verb, count(int64(text.MaxLen)), what)
		}
	}
	image, ok := spec.Contract.(*models.ImageSpec)
	if !ok {
		return
	}
	if n := stats.Transparent.Load(); n > 0 && image.Alpha == "drop" {
		env.noteOf("transparent", n, "%d of the images that were decoded now have transparent parts; their hidden colours were used, as Pillow's convert(\"RGB\") does. --alpha white lays them on white%s", n, s.advised("alpha", "white"))
	}
	if n := stats.Grey16.Load(); n > 0 && image.Grey16 == "clip" {
		env.noteOf("grey16", n, "%d of the images that were decoded now are 16-bit grey; values above 255 were clipped, as Pillow does, which makes most of them white. --grey16 scale keeps the picture%s", n, s.advised("grey16", "scale"))
	}
}

// advised returns ": " with the command that sets a flag, where there is one.
func (s *sampling) advised(flag, word string) string {
	if s.other == nil {
		return ""
	}
	return ": " + s.other(flag, word)
}

// judgeBad is nil if no more samples are bad than --max-bad allows.
func (s *sampling) judgeBad(bad, samples int64, quarantine string) error {
	limit, err := badLimit(s.maxBad, samples)
	if err != nil {
		return err
	}
	if bad <= limit {
		return nil
	}
	return &badSamplesError{bad: bad, samples: samples, limit: s.maxBad, quarantine: quarantine}
}
