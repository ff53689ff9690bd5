package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/measure"
	"github.com/headstart-ml/headstart/head/transfer"
)

type trainOptions struct {
	common
	experiment.Settings
	out         string
	report      string
	mistakes    string
	root        string
	from        string // an earlier head; "": none
	classWeight string
	prior       string
	noBaseline  bool // nothing simpler is fitted to compare with
	features    []string
	given       struct{ head, calibrate, l2 bool } // on the command line, or by the environment

	tail        string // "" : the head alone
	dtype       string // of activations in the cache
	epochs      int
	batch       int
	replicas    int
	patience    int
	rate        float64
	weightDecay float64
	layerDecay  float64
	warmup      float64
	clip        float64
	smoothing   float64
	augment     int // views of a training image beside itself
	memory      int64
}

// trainSummary is what `train-head --json` prints.
type trainSummary struct {
	Head        string                 `json:"head"`
	Type        string                 `json:"type"`
	Task        string                 `json:"task,omitempty"` // of another head than for one of several classes
	Classes     []string               `json:"classes"`
	N           experiment.Counts      `json:"n"`
	Dim         int                    `json:"dim"`
	L2          float64                `json:"l2"`
	Params      head.Params            `json:"params,omitempty"` // beside λ
	Average     []experiment.Averaged  `json:"average,omitempty"`
	Fit         fitSummary             `json:"fit"`
	Families    []experiment.Compared  `json:"families,omitempty"`
	Selection   []experiment.Candidate `json:"selection"`
	Metrics     experiment.Tests       `json:"metrics"`
	L2Labels    map[string]float64     `json:"l2_labels,omitempty"`
	Baseline    any                    `json:"baseline"`
	PerClass    []measure.ClassMetrics `json:"per_class"`
	Calibration *measure.Calibration   `json:"calibration,omitempty"`
	Prior       *experiment.Prior      `json:"prior,omitempty"`
	Answers     *experiment.Answers    `json:"answers,omitempty"`
	Spread      *experiment.Spread     `json:"spread,omitempty"`
	Notes       []remark               `json:"notes"`
	Warnings    []trainWarning         `json:"warnings"`
	Unmatched   int                    `json:"unmatched"`
	Report      string                 `json:"report,omitempty"`
	Mistakes    string                 `json:"mistakes,omitempty"`
	Tail        *retrainSummary        `json:"tail,omitempty"`
	Alpha       *transfer.Alpha        `json:"alpha,omitempty"`
}

// trainWarning is a warning in --json: its text has the name that it has in all
// summaries, too.
type trainWarning struct {
	experiment.Warning
	Text string `json:"text"`
}

// fitSummary is the last fit, with what the whole command took.
type fitSummary struct {
	head.Fit          // Passes are those of the head's own fit
	AllPasses int     `json:"all_passes"` // of all fits: folds, each λ, seeds
	Seconds   float64 `json:"seconds"`    // wall time of the command, from the features to the head file
}

type baselineSummary struct {
	Accuracy float64 `json:"accuracy"`
	*experiment.Baselines
}

type gradeBaseline struct {
	Accuracy float64 `json:"accuracy"`
	MAE      float64 `json:"mae"`
}

func trainHeadCommand(e *env) *command {
	const fit, test, deeper, result = "Fitting", "Testing", "Retraining", "Result"
	return &command{
		name: "train-head",
		args: "NAME.features…",
		does: "fits, selects and tests a head on cached embeddings",
		about: "Several feature sets of the same samples are joined by id and put beside each other. " +
			"The strength of the regularisation is chosen by cross-validation inside the training part; what is reported was measured on samples " +
			"that neither the fit nor the choice has seen. With fewer than 2,000 samples and no splits of their own that is cross-validation of the whole procedure.\n\n" +
			"--head auto compares kinds of heads on the same folds, and takes the simplest that is behind the best by at most one standard error of the paired difference. " +
			"It leaves out mlp, a perceptron, which takes many times as long: --head mlp with --hidden, --epochs and the other flags that name it. One row in ten of each class says when to stop.\n\n" +
			"Labels are classes, also where they are numbers. --head logistic learns several labels a sample (extract --multi-label), each by itself; --head linear learns labels that are numbers, several as 1.5;2; " +
			"--head ordinal learns grades, which have an order. Each has metrics of its own.\n\n" +
			"Beside the result stands what is simpler, on the same samples: the majority class, and for texts a head on TF-IDF of their words and pairs of words, " +
			"which are read again from where extract found them, alone and beside the embedding; for other samples the nearest class mean.\n\n" +
			"With --tail, layers of the backbone are retrained too, from the head that was fitted: the last N, half of them, all, or those behind a tensor. " +
			"The validation part says when to stop, and whether it was of use; --tail auto compares the head alone, more taps, and tails from few layers to all, " +
			"and takes the simplest that is behind the best by at most one standard error of the paired difference. It reads the samples again and needs the runtime. " +
			"After Ctrl-C or a crash the same command resumes from NAME.head.onnx.….checkpoint.",
		examples: []string{
			"headstart train-head names.features",
			"headstart train-head --by group --l2-points 8 --folds 3 images.features names.features",
			"headstart train-head --split train=0.8,test=0.2 --metric macro-f1 names.features",
			"headstart train-head --reject 0.95 names.features    # answers of which 95 % are right, else unsure",
			"headstart train-head --head linear --metric mae prices.features    # labels that are numbers",
			"headstart train-head --report page.html --mistakes mistakes.csv --root photos/ photos.features",
			"headstart train-head --tail last:1 --epochs 2 --by none names.features    # retrain the last layer too",
		},
		exits:   []int{exitCorrupt},
		minArgs: 1, maxArgs: -1,
		wants: []string{"the feature set: a file that extract made"},
		flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "head", Category: fit, Value: head.Kinds[0].Name, Usage: choices(headWords()...) + "the head's type" + kindsAbout(), DefaultText: head.Kinds[0].Name + "; of several labels a sample " + head.KindsOf(head.AnyOf)[0]},
			&cli.StringFlag{Name: "budget", Category: fit, Value: "10m", Usage: "about what --head auto may take: `TIME`, as in 10m; kinds that would not go into it are left out, by an estimate of their work on one core, so that the same data give the same head anywhere"},
			&cli.StringFlag{Name: "l2", Category: fit, Value: "auto", Usage: "`auto|average|labels|λ`: strength λ of λ/2·‖W‖² beside the mean loss; scikit-learn's C is 1/(λN), Ridge's alpha λN. auto chooses one of a path; average averages the heads of all, by how likely they make samples that they have not seen; labels: one of its own for each label of a logistic head"},
			&cli.IntFlag{Name: "l2-points", Category: fit, Value: 30, Usage: "`N` strengths from 10 to 1e-6 (ridge: 1000 to 1e-4) for --l2 auto"},
			&cli.StringFlag{Name: "shrinkage", Category: fit, Value: "auto", Usage: "`auto|S`: share S of the covariance that lda and lda+softmax give up for equal variances, over 0 and at most 1; for auto, lda chooses from 1 to 1e-4 and lda+softmax estimates it"},
			&cli.StringFlag{Name: "hidden", Category: fit, Value: "256", Usage: "`N[,M]`: sizes of the one or two hidden layers of --head mlp"},
			&cli.Float64Flag{Name: "dropout", Category: fit, Usage: "`SHARE` of its hidden units that is left out of each row of a step"},
			&cli.Float64Flag{Name: "mixup", Category: fit, Usage: "`ALPHA`: mix the rows of its batches, and their labels, by a share of the beta distribution of ALPHA; 0: do not"},
			&cli.IntFlag{Name: "folds", Category: fit, Value: 5, Usage: "`K` folds that choose among them"},
			&cli.StringFlag{Name: "metric", Category: fit, Usage: "the metric `NAME` by which the strength is chosen: " + metricWords(), DefaultText: "the first of them"},
			&cli.StringFlag{Name: "grades", Category: fit, Usage: "`LOW,…,HIGH`: the grades of an ordinal head in their order", DefaultText: "labels that are numbers, in theirs"},
			&cli.Float64Flag{Name: "tolerance", Category: fit, Value: 1e-4, Usage: "relative `GAP` to the optimum at which a fit stops"},
			&cli.StringFlag{Name: "from", Category: fit, Usage: "begin at the weights of an earlier softmax head of the same features, `OLD.head.onnx`, with its λ unless --l2 is given; new classes begin at zero"},
			&cli.StringFlag{Name: "class-weight", Category: fit, Value: "none", Usage: "`none|balanced|FILE`: how classes are weighed; the file is a JSON object of weights by class"},
			&cli.StringFlag{Name: "prior", Category: fit, Value: "keep", Usage: "`keep|data|uniform|FILE`: for which frequencies of the classes probabilities are: those of the fit, weights included, those of the data, all alike, or those of a JSON object by class"},
			&cli.StringFlag{Name: "standardize", Category: fit, Value: "true", Usage: choices(boolWords...) + "mean 0 and deviation 1 for each feature"},
			&cli.BoolFlag{Name: "l2-normalize", Category: fit, Usage: "divide each sample's features by their length first"},
			&cli.StringFlag{Name: "calibrate", Category: fit, Value: "temperature", Usage: choices(calibrateWords...) + "how probabilities are calibrated: by a temperature, by a scale and a shift of each class too, or by what is better"},
			&cli.Float64Flag{Name: "reject", Category: fit, Usage: "answer \"unsure\" below the probability from which on a `SHARE` of the answers is right", DefaultText: "never"},
			&cli.StringFlag{Name: "thresholds", Category: fit, Usage: "`SHARES`: the same by class, for a precision or a recall of each, as in precision=0.95 or recall=0.9", DefaultText: "none"},
			&cli.StringFlag{Name: "refit", Category: fit, Value: "true", Usage: choices(boolWords...) + "fit on training and validation part in the end"},
			&cli.Uint64Flag{Name: "seed", Category: fit, Usage: "`N`: the seed of every random choice"},

			&cli.IntFlag{Name: "cv", Category: test, Usage: "test by `K`-fold cross-validation of the whole procedure", DefaultText: "5 for fewer than 2,000 samples without splits"},
			&cli.StringFlag{Name: "split", Category: test, Usage: "`SHARES` of the parts, as in train=0.6,validation=0.2,test=0.2, drawn by a stable hash"},
			&cli.IntFlag{Name: "shots", Category: test, Usage: "fit on at most `N` samples of each class of the training part", DefaultText: "all"},
			&cli.StringFlag{Name: "by", Category: test, Value: "auto", Usage: choices(byWords...) + "what stays together in splits and folds; auto: the group where there is one"},
			&cli.StringFlag{Name: "baseline", Category: test, Value: "true", Usage: choices(boolWords...) + "compare with what is simpler: for texts a bag of words, alone and beside the embedding, else the nearest class mean"},
			&cli.IntFlag{Name: "repeat", Category: test, Value: 1, Usage: "do it all with `K` seeds and report the spread"},

			&cli.StringFlag{Name: "tail", Category: deeper, Usage: "`last:N|half|all|auto|TENSOR`: retrain layers of the backbone: the last N, half, all, those behind a tensor, or as many as are worth it", DefaultText: "none"},
			&cli.IntFlag{Name: "epochs", Category: deeper, Value: 10, Usage: "at most `N` passes over the training part (--head mlp: 50)"},
			&cli.IntFlag{Name: "patience", Category: deeper, Value: 3, Usage: "stop after `N` epochs without a better validation score (--head mlp: 10)"},
			&cli.IntFlag{Name: "batch-size", Category: deeper, Value: 16, Usage: "`N` samples a step (--head mlp: 16 to 256, by the number of samples)"},
			replicasFlag(deeper),
			&cli.Float64Flag{Name: "lr", Category: deeper, Value: 1e-4, Usage: "learning `RATE` of the head after the warm-up; it falls to 0 along a cosine (--head mlp: 0.001)"},
			&cli.Float64Flag{Name: "layer-decay", Category: deeper, Value: 0.9, Usage: "`FACTOR` of the rate from each layer to the one before it"},
			&cli.Float64Flag{Name: "warmup", Category: deeper, Value: 0.05, Usage: "`SHARE` of the steps in which the rate rises"},
			&cli.Float64Flag{Name: "weight-decay", Category: deeper, Value: 0.01, Usage: "`RATE` at which weights shrink beside the steps (AdamW; --head mlp: 0)"},
			&cli.Float64Flag{Name: "clip", Category: deeper, Value: 1, Usage: "longest `LENGTH` of the gradient; 0: any"},
			&cli.Float64Flag{Name: "label-smoothing", Category: deeper, Usage: "`SHARE` of each label that is spread over all classes, of --head mlp too"},
			&cli.IntFlag{Name: "augment", Category: deeper, Usage: "train on `K` random views of each image, too: a part of it, resized, perhaps mirrored", DefaultText: "none"},
			&cli.StringFlag{Name: "memory", Category: deeper, Value: "2GiB", Usage: "`SIZE` that training may take; larger batches are cut and their gradients added up"},
			&cli.StringFlag{Name: "dtype", Category: deeper, Value: "f32", Usage: choices(contract.DTypes...) + "how activations at the cut are cached; f16 takes half the room"},

			&cli.StringFlag{Name: "out", Category: result, Usage: "the head's `FILE`", DefaultText: "A.head.onnx or A+B.head.onnx"},
			&cli.StringFlag{Name: "report", Category: result, Usage: "draw a page: `FILE.html`"},
			&cli.StringFlag{Name: "mistakes", Category: result, Usage: "list the tested samples that were predicted wrongly, the worst first: `FILE.csv`"},
			&cli.StringFlag{Name: "root", Category: result, Usage: "the `DIR` where --report, --mistakes, --tail and --baseline find the samples", DefaultText: "where extract found them"},
		}, commonFlags("cache", "threads", "runtime", "provider", "quiet", "json", "no-color")),
		action: func(ctx *cli.Context) error {
			o, err := newTrainOptions(ctx, e)
			if err != nil {
				return err
			}
			return runTrainHead(ctx.Context, o, e)
		},
	}
}

func newTrainOptions(ctx *cli.Context, e *env) (*trainOptions, error) {
	c, err := e.common(ctx)
	if err != nil {
		return nil, err
	}
	o := &trainOptions{
		common: *c, out: ctx.String("out"), report: ctx.String("report"), mistakes: ctx.String("mistakes"), root: ctx.String("root"),
		from: ctx.String("from"), classWeight: ctx.String("class-weight"), noBaseline: ctx.String("baseline") == "false", features: ctx.Args().Slice(),
		Settings: experiment.Settings{
			Kind: ctx.String("head"), L2Points: ctx.Int("l2-points"), Folds: ctx.Int("folds"), Tolerance: ctx.Float64("tolerance"),
			CV: ctx.Int("cv"), By: ctx.String("by"), Shots: ctx.Int("shots"),
			NoStandardize: ctx.String("standardize") == "false", L2Normalize: ctx.Bool("l2-normalize"), NoRefit: ctx.String("refit") == "false",
			Calibrate: ctx.String("calibrate"), Seed: ctx.Uint64("seed"), Repeat: ctx.Int("repeat"), Threads: c.threads,
		},
	}
	for _, f := range []struct {
		name    string
		choices []string
	}{
		{"head", headWords()},
		{"by", byWords},
		{"standardize", boolWords},
		{"refit", boolWords},
		{"calibrate", calibrateWords},
		{"baseline", boolWords},
	} {
		if err := oneOf(f.name, ctx.String(f.name), f.choices...); err != nil {
			return nil, err
		}
	}
	for flag, least := range map[string]int{"l2-points": 2, "folds": 2, "cv": 2, "repeat": 1, "shots": 1} {
		if n := ctx.Int(flag); ctx.IsSet(flag) && n < least {
			return nil, usagef("--%s %d: at least %d is needed", flag, n, least)
		}
	}
	if !(o.Tolerance > 0 && o.Tolerance < 1) {
		return nil, usagef("--tolerance %g: it lies between 0 and 1", o.Tolerance)
	}
	if err := o.readStrength(ctx); err != nil {
		return nil, err
	}
	if ctx.IsSet("shots") && ctx.IsSet("cv") {
		return nil, usagef("--shots takes samples of a training part; --cv has none")
	}
	if s := ctx.String("split"); s != "" {
		if ctx.IsSet("cv") {
			return nil, usagef("--split and --cv are two ways to test; give one of them")
		}
		if o.Split, err = parseSplit(s); err != nil {
			return nil, err
		}
	}
	switch o.classWeight {
	case "none", "balanced":
		o.ClassWeight = o.classWeight
	default:
		o.ClassWeight = "map"
		if o.ClassWeights, err = readWeights("--class-weight", "none, balanced", o.classWeight); err != nil {
			return nil, err
		}
	}
	if err := o.readAnswers(ctx); err != nil {
		return nil, err
	}
	if err := o.readMLP(ctx); err != nil {
		return nil, err
	}
	if err := o.readTail(ctx); err != nil {
		return nil, err
	}
	if err := o.readTask(ctx); err != nil {
		return nil, err
	}
	if o.from != "" && o.tail != "" {
		return nil, usagef("--from and --tail do not go together: layers are retrained from the head that is fitted first")
	}
	if o.root != "" && o.report == "" && o.mistakes == "" && o.tail == "" && o.noBaseline {
		return nil, usagef("--root says where --report, --mistakes, --tail and --baseline find the samples; there is none of them")
	}
	return o, nil
}

// headWords are what --head can be.
func headWords() []string { return append([]string{"auto"}, head.KindNames()...) }

// kindsAbout says what the names of heads stand for.
func kindsAbout() string {
	text := ""
	for _, k := range head.Kinds {
		if k.About != "" {
			text += "; " + k.Name + ": " + k.About
		}
	}
	return text
}

// What flags of train-head can be.
var (
	calibrateWords = []string{"temperature", "vector", "auto", "none"}
	boolWords      = []string{"true", "false"}
)

// parseSplit reads train=0.6,validation=0.2,test=0.2; a part that is left out
// has no share.
func parseSplit(s string) (*experiment.Split, error) {
	out := new(experiment.Split)
	parts := map[string]*float64{"train": &out.Train, "validation": &out.Validation, "test": &out.Test}
	for item := range strings.SplitSeq(s, ",") {
		name, value, ok := strings.Cut(item, "=")
		share, known := parts[strings.TrimSpace(name)]
		x, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if !ok || !known || err != nil || !(x >= 0 && x <= 1) {
			return nil, usagef("--split %s: %q is not like train=0.6, with train, validation or test and a share from 0 to 1", s, item)
		}
		*share = x
	}
	if sum := out.Train + out.Validation + out.Test; sum < 1-1e-9 || sum > 1+1e-9 {
		return nil, usagef("--split %s: the shares add up to %g, not to 1", s, sum)
	}
	return out, nil
}

// readWeights reads a JSON object of weights by class, for a flag that may be
// one of some words, too. A class that stands in it twice is an error: neither
// weight is the one that was meant.
func readWeights(flag, words, path string) (map[string]float64, error) {
	content, err := draft.ReadRegular(path)
	if err != nil {
		return nil, usagef("%s %s: it is %s or a file: %v", flag, path, words, err)
	}
	var weights map[string]float64
	if err := json.Unmarshal(content, &weights); err != nil {
		return nil, fmt.Errorf("%s: weights are a JSON object of numbers by class: %w", path, err)
	}
	seen := map[string]bool{}
	d := json.NewDecoder(bytes.NewReader(content))
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if class, ok := t.(string); ok {
			if seen[class] {
				return nil, fmt.Errorf("%s: class %q has two weights", path, class)
			}
			seen[class] = true
		}
	}
	return weights, nil
}

func runTrainHead(ctx context.Context, o *trainOptions, e *env) error {
	defer spareMemory()()
	out := o.out
	if out == "" {
		var bases []string
		for _, p := range o.features {
			bases = append(bases, strings.TrimSuffix(filepath.Base(p), ".features"))
		}
		out = strings.Join(bases, "+") + ".head.onnx"
	}
	open := openCache
	if o.tail != "" {
		open = cacheToFill
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
	if err := o.kindFor(j.Table); err != nil {
		return err
	}
	if j.Table.Labels == nil && j.Table.LabelLists == nil {
		return fmt.Errorf("%s: no sample has a label; extract takes them from a folder's names or with --label COL", strings.Join(o.features, ", "))
	}
	if err := checkReplace(out, j.Spaces(), sourcesOf(j)); err != nil {
		return err
	}

	if err := o.begin(j, e); err != nil {
		return err
	}
	if o.tail != "" {
		return runRetrain(ctx, o, out, store, j, e)
	}
	start := time.Now()
	fits := startStepMeter(e, &o.common, "train-head", "fits")
	o.Progress = fits.step
	result, err := experiment.Train(ctx, transfer.DataOf(j), &o.Settings)
	fits.stop()
	if err != nil {
		return err
	}
	if err := o.compareBaselines(ctx, j, result, e); err != nil {
		return err
	}
	took := time.Since(start)
	f, err := transfer.NewFile(j, result)
	if err != nil {
		return err
	}
	if err := describeTraining(f, o, j); err != nil {
		return err
	}
	if err := file.Write(out, f); err != nil {
		return err
	}
	alpha, err := o.compareAlpha(ctx, store, j, result, e)
	if err != nil {
		return err
	}
	e.trained(result)
	e.unmatched(j.Table.Unmatched)
	drawn, err := reportOf(out, f)
	if err != nil {
		return err
	}
	if o.report != "" {
		if err := writeReport(ctx, o, drawn, j, result, e); err != nil {
			return err
		}
	}
	if err := o.writeMistakes(ctx, j, result, e); err != nil {
		return err
	}
	if o.json {
		s := newTrainSummary(out, o.report, j, result, took, e)
		s.Mistakes, s.Alpha = o.mistakes, alpha
		return e.printJSON(s)
	}
	if err := report.SummaryTo(e.stdout, drawn, took, e.style(&o.common)); err != nil {
		return err
	}
	e.next(&o.common, e.afterTraining(out, f, o.features, j.Sets))
	return nil
}

// writeMistakes writes what --mistakes asks for.
func (o *trainOptions) writeMistakes(ctx context.Context, j *features.Joined, r *experiment.Result, e *env) error {
	if o.mistakes == "" {
		return nil
	}
	var tested []predicted
	if p := r.Predictions; p != nil {
		tested = append(tested, predicted{p.Part, p.Rows, p.Outcomes, p.Answers, p.Targets})
	}
	list := mistakesOf(o.mistakes, o.root, &head.Head{Task: o.task(), Classes: r.Classes}, o.features, j)
	return list.write(ctx, e, tested...)
}

// tested returns the metrics of the rows that were held out, nil if there are
// none.
func tested(t *experiment.Tests) *measure.Metrics {
	switch {
	case t.CV != nil:
		return t.CV
	case t.Test != nil:
		return t.Test
	}
	return t.Validation
}

func newTrainSummary(out, report string, j *features.Joined, r *experiment.Result, took time.Duration, e *env) *trainSummary {
	s := &trainSummary{
		Head: out, Type: r.Kind, Task: r.Task, L2Labels: r.L2Labels, Classes: r.Classes, N: r.N, Dim: r.Dim, L2: r.L2, Params: r.Params, Average: r.Average,
		Fit: fitSummary{r.Fit, r.Passes, took.Seconds()}, Families: r.Families, Selection: r.Selection, Metrics: r.Metrics,
		Calibration: r.Calibration, Prior: r.Prior, Answers: r.Answers, Spread: r.Spread, Baseline: baselineSummary{}, Notes: e.remarked().Notes, Warnings: []trainWarning{}, Unmatched: j.Table.Unmatched, Report: report,
	}
	for _, w := range r.Warnings {
		s.Warnings = append(s.Warnings, trainWarning{w, w.Message})
	}
	if m := tested(&r.Metrics); m != nil {
		switch {
		case m.AnyOf != nil:
			s.Baseline = m.AnyOf.Baseline
		case m.Number != nil:
			s.Baseline = m.Number.Baseline
		case m.GradeMetrics != nil:
			s.Baseline, s.PerClass = gradeBaseline{m.Baseline.Value, m.BaselineMAE}, m.PerClass
		default:
			s.Baseline, s.PerClass = baselineSummary{m.Baseline.Value, r.Baselines}, m.PerClass
		}
	}
	return s
}
