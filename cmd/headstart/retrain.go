package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx/grad"
	"github.com/headstart-ml/headstart/models/retrain"
	"github.com/headstart-ml/headstart/models/runtime"
)

// retraining is what train-head --tail does: with each seed it fits a head,
// retrains tails from it, and compares them on validation.
type retraining struct {
	*trainOptions
	env   *env
	out   string
	j     *joined
	set   *features.Set
	space *cache.Space
	store *cache.Cache

	spec    *models.Spec
	tails   *tails
	taps    *joined // with more taps beside the features; nil without
	tried   []*tail // in order
	library *runtime.Library
	feeds   map[string]*extract.Feed // by cut
	closers []func() error
}

// attempt is what one way to train came to with one seed.
type attempt struct {
	name   string
	tail   *tail           // nil: a head alone
	result *head.Result    // measured on validation and test part
	run    *retrain.Result // nil for a head alone
	took   time.Duration
}

// runRetrain is runTrainHead with --tail.
func runRetrain(ctx context.Context, o *trainOptions, out string, store *cache.Cache, j *joined, e *env) error {
	r := &retraining{trainOptions: o, env: e, out: out, j: j, store: store, feeds: map[string]*extract.Feed{}}
	defer r.close()
	if err := r.prepare(ctx); err != nil {
		return err
	}
	start := time.Now()
	var first, chosen []*attempt // with the first seed: all; of each seed: what was chosen
	var all [][]*attempt
	for i := range uint64(max(o.Repeat, 1)) {
		tried, err := r.once(ctx, o.Seed+i)
		if err != nil {
			return err
		}
		all = append(all, tried)
		best, err := r.choose(tried)
		if err != nil {
			return err
		}
		chosen = append(chosen, tried[best])
		if i == 0 {
			first = tried
		}
		if interrupted(tried) {
			break
		}
	}
	return r.finish(ctx, first, all, chosen, time.Since(start))
}

// interrupted tells whether the last of the attempts was.
func interrupted(tried []*attempt) bool {
	last := tried[len(tried)-1]
	return last.run != nil && last.run.Status == "interrupted"
}

func (r *retraining) close() {
	for _, c := range slices.Backward(r.closers) {
		c() // readers and sessions: nothing was written through them
	}
}

// prepare finds out what is retrained, and from what.
func (r *retraining) prepare(ctx context.Context) error {
	if len(r.j.sets) != 1 || len(r.j.sets[0].Meta.Spaces) != 1 {
		return usagef("--tail %s: a tail belongs to one backbone: give one feature set of one tap, the output of the backbone", r.tail)
	}
	r.set = r.j.sets[0]
	var err error
	if r.space, err = cache.ParseSpace(r.set.Meta.Spaces[0]); err != nil {
		return fmt.Errorf("%s: %w", r.features[0], err)
	}
	if r.spec, err = specOf(&r.set.Meta, r.space); err != nil {
		return fmt.Errorf("%s: %w", r.features[0], err)
	}
	if r.augment > 0 && r.spec.Modality != models.Image {
		return usagef("--augment %d: only images have views; %s is of texts", r.augment, r.features[0])
	}
	if r.tails, err = newTails(r.spec); err != nil {
		return err
	}
	if r.tail == "auto" {
		r.tried = r.tails.candidates()
	} else {
		one, err := r.tails.named(r.tail)
		if err != nil {
			return err
		}
		r.tried = []*tail{one}
	}
	if r.Split == nil && !slices.ContainsFunc(r.j.table.Splits, func(s string) bool { return s != "" }) {
		r.Split = &head.Split{Train: 0.6, Validation: 0.2, Test: 0.2}
	}
	r.NoRefit = true // the validation part says when to stop
	location, err := runtime.Find(r.runtime)
	if err != nil {
		return err
	}
	if r.library, err = runtime.Open(location.Path); err != nil {
		return err
	}
	r.closers = append(r.closers, r.library.Close)
	r.sayViews()
	if r.tail == "auto" {
		return r.addTaps(ctx)
	}
	return nil
}

// sayViews says what views cost.
func (r *retraining) sayViews() {
	if r.augment == 0 {
		return
	}
	does := "decoded"
	if slices.ContainsFunc(r.tried, func(t *tail) bool { return t.cut != "" }) {
		does = "decoded and run through the layers that are not retrained"
	}
	r.env.note("--augment %d: training images are seen as they are and as %s; views are %s when an epoch needs them, and up to %s of that held in memory", r.augment, counted(r.augment, "view"), does, bytesOf(uint64(r.held())))
}

// once tries everything with one seed; the head alone comes first.
func (r *retraining) once(ctx context.Context, seed uint64) ([]*attempt, error) {
	plain, err := r.fitHead(ctx, "head", r.j, seed)
	if err != nil {
		return nil, err
	}
	if len(plain.result.Parts[1]) == 0 {
		return nil, usagef("--tail %s: there is no validation part, which says when to stop; give one with --split train=0.6,validation=0.2,test=0.2, or in the data's own splits", r.tail)
	}
	all := []*attempt{plain}
	if r.taps != nil {
		more, err := r.fitHead(ctx, "taps", r.taps, seed)
		if err != nil {
			return nil, err
		}
		all = append(all, more)
	}
	for _, t := range r.tried {
		a, err := r.retrain(ctx, t, plain, seed)
		if err != nil {
			return nil, err
		}
		if a == nil {
			continue
		}
		all = append(all, a)
		if a.run.Status == "interrupted" {
			break
		}
	}
	return all, nil
}

// fitHead fits a head on features alone.
func (r *retraining) fitHead(ctx context.Context, name string, j *joined, seed uint64) (*attempt, error) {
	start := time.Now()
	s := r.Settings
	s.Seed, s.Repeat = seed, 1
	meter := startStepMeter(r.env, &r.common, "train-head", "fits")
	s.Progress = meter.step
	result, err := head.Train(ctx, j.data(), &s)
	meter.stop()
	if err != nil {
		return nil, err
	}
	return &attempt{name: name, result: result, took: time.Since(start)}, nil
}

// retrain retrains a tail, starting from the head. With --tail auto a tail that
// cannot be retrained is left out, with a note: the result is then nil.
func (r *retraining) retrain(ctx context.Context, t *tail, plain *attempt, seed uint64) (*attempt, error) {
	start := time.Now()
	feed, err := r.feed(ctx, t)
	if err != nil {
		return nil, t.hint(err)
	}
	d := r.data(feed, plain.result)
	network := r.tails.network(t)
	network.Normalize = network.Normalize || r.L2Normalize
	metric := r.Metric
	truth := plain.result.LabelsOf(r.j.table.Labels, plain.result.Parts[1])
	s := &retrain.Settings{
		BatchSize: r.batch, Epochs: r.epochs, Patience: r.patience, LearningRate: r.rate, WeightDecay: orNone(r.weightDecay), LayerDecay: r.layerDecay,
		Warmup: orNone(r.warmup), Clip: orNone(r.clip), LabelSmoothing: r.smoothing, Threads: r.threads, Memory: r.memory, Seed: seed,
		Score: func(logits []float64) float64 {
			return head.Score(metric, logits, truth, len(plain.result.Model.Classes))
		},
	}
	if s.Fingerprint, err = r.fingerprint(t, plain, s); err != nil {
		return nil, err
	}
	s.Checkpoint = fmt.Sprintf("%s.%.8s.checkpoint", r.out, s.Fingerprint)
	meter := startTailMeter(r.env, &r.common, t.name)
	s.Progress = meter.step
	run, err := retrain.Train(ctx, r.library, network, d, r.start(plain.result.Model), s)
	meter.stop()
	if err != nil {
		if r.tail == "auto" && ctx.Err() == nil && (errors.Is(err, grad.ErrUnsupported) || errors.Is(err, grad.ErrShared) || errors.Is(err, retrain.ErrMemory)) {
			r.env.note("--tail %s is left out: %v", t.name, err)
			return nil, nil
		}
		return nil, t.hint(err)
	}
	if run.Resumed > 0 {
		r.env.note("--tail %s went on at step %d of an earlier run, from %s", t.name, run.Resumed, s.Checkpoint)
	}
	if run.Status == "diverged" {
		r.env.note("--tail %s stopped: %s; a lower --lr may help", t.name, run.Problem)
	}
	a := &attempt{name: t.name, tail: t, run: run, took: time.Since(start)}
	logits := run.Logits
	for k := range logits {
		logits[k] = plain.result.Widen(logits[k])
	}
	settings := r.Settings
	settings.Seed = seed
	a.result, err = head.Measure(r.j.data(), &settings, plain.result.Classes, plain.result.Parts, logits)
	return a, err
}

// orNone is a setting of which 0 means none.
func orNone(v float64) float64 {
	if v == 0 {
		return -1
	}
	return v
}

// start is a fitted head in float32.
func (r *retraining) start(m *head.Model) *retrain.Head {
	w, b := m.Steady()
	h := &retrain.Head{Weight: make([]float32, len(w)), Bias: make([]float32, len(b))}
	for i, v := range w {
		h.Weight[i] = float32(v)
	}
	for i, v := range b {
		h.Bias[i] = float32(v)
	}
	return h
}

// data is what the tail is trained on.
func (r *retraining) data(feed *extract.Feed, plain *head.Result) *retrain.Data {
	all := make([]int, r.j.table.N())
	for i := range all {
		all[i] = i
	}
	return &retrain.Data{
		Samples: fed{feed}, Parts: plain.Parts, Views: r.augment, Labels: plain.LabelsOf(r.j.table.Labels, all), Weights: head.Weigh(r.j.data(), &r.Settings, plain),
	}
}

// fed is a feed as retrain takes it.
type fed struct{ *extract.Feed }

var _ retrain.Samples = fed{}

// FillTo passes on tensors with the same memory.
func (f fed) FillTo(ctx context.Context, inputs []retrain.Tensor, rows, views []int) error {
	same := make([]extract.Tensor, len(inputs))
	for i, t := range inputs {
		same[i] = extract.Tensor{Name: t.Name, Shape: t.Shape, F32: t.F32, I64: t.I64, I32: t.I32}
	}
	return f.Feed.FillViewsTo(ctx, same, rows, views)
}

// fingerprint is the digest of all that decides how a training goes.
func (r *retraining) fingerprint(t *tail, plain *attempt, s *retrain.Settings) (string, error) {
	about, err := json.Marshal(map[string]any{
		"data": r.j.digest(), "space": r.space.Fingerprint(), "cut": t.cut, "parts": plain.result.Parts, "dtype": r.dtype,
		"l2": plain.result.L2, "class weight": r.classWeight, "class weights": r.ClassWeights, "weights": len(r.j.table.Weights),
		"metric": r.Metric, "seed": s.Seed, "standardize": !r.NoStandardize, "l2 normalize": r.L2Normalize,
	})
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(about)
	return hex.EncodeToString(digest[:]), nil
}

// reading opens the source that the feature set was extracted from.
func (r *retraining) reading() (*source.Source, error) {
	paths, read := rereading(&r.set.Meta, r.root)
	if slices.Contains(paths, "-") {
		return nil, fmt.Errorf("the samples of %s came from the standard input and cannot be read again; extract them from a file", r.features[0])
	}
	src, err := source.Open(paths, read)
	if err != nil {
		return nil, fmt.Errorf("the samples of %s cannot be read again: %w%s", r.features[0], err, rootHint(r.spec))
	}
	return src, nil
}

// held is how many bytes a feed may hold.
func (r *retraining) held() int64 { return r.memory / 2 }

// feed gives what the network behind a cut is fed.
func (r *retraining) feed(ctx context.Context, t *tail) (*extract.Feed, error) {
	if f := r.feeds[t.cut]; f != nil {
		return f, nil
	}
	o := &extract.FeedOptions{Cut: t.cut, Shape: t.shape, Threads: r.threads, Memory: r.held()}
	spec := r.spec
	if t.cut != "" {
		cut := *r.spec
		spec = &cut
		pooling := "mean"
		if t.cacheable() {
			pooling = "flat"
		}
		if err := spec.SetTaps([]string{t.cut + ":" + pooling}); err != nil {
			return nil, err
		}
		spec.Taps[0].DType = r.dtype
		backbone, err := newSession(spec, &r.common)
		if err != nil {
			return nil, err
		}
		r.closers = append(r.closers, backbone.Close)
		if t.cacheable() {
			if o.Cached, err = r.activations(ctx, t, spec, backbone); err != nil {
				return nil, err
			}
		}
		if o.Cached == nil || r.augment > 0 {
			o.Prefix = backbone
		}
		if o.Cached == nil {
			r.env.note("--tail %s: the activations at %s %s; they are computed when they are needed, and up to %s of them held in memory", t.name, t.cut, r.whyNotCached(t), bytesOf(uint64(o.Memory)))
		}
	}
	src, err := r.reading()
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, src.Close) // the feed reads samples again and again
	f, err := extract.NewFeed(ctx, spec, src, r.j.table.IDs, r.j.table.Keys, o)
	if err != nil {
		return nil, err
	}
	r.feeds[t.cut] = f
	return f, nil
}

func (r *retraining) whyNotCached(t *tail) string {
	if t.cacheable() {
		return "cannot be kept, since the cache cannot be written"
	}
	if slices.Contains(t.shape[1:], -1) {
		return "have no fixed shape that could be cached"
	}
	return "are more than 1,048,576 numbers a sample, too many for the cache"
}

// activations puts the activations at a cut into the cache, as far as they are
// not there, and returns a reader of them; nil if the cache cannot keep them.
func (r *retraining) activations(ctx context.Context, t *tail, spec *models.Spec, backbone *session) (*cache.Reader, error) {
	space, err := extract.Space(spec, spec.Taps[0])
	if err != nil {
		return nil, err
	}
	missing := func() (*cache.Reader, int, error) {
		reader, err := r.store.Reader(space)
		if err != nil {
			return nil, 0, err
		}
		lacking, err := reader.Missing(r.j.table.Keys)
		if err != nil || len(lacking) > 0 {
			reader.Close()
			return nil, len(lacking), err
		}
		r.closers = append(r.closers, reader.Close)
		return reader, 0, nil
	}
	reader, n, err := missing()
	if err != nil || reader != nil {
		return reader, err
	}
	r.env.note("--tail %s: the activations of %s samples at %s go into the cache, %s a sample; later runs find them there", t.name, count(int64(n)), t.cut, bytesOf(rowBytes(space)))
	src, err := r.reading()
	if err != nil {
		return nil, err
	}
	defer src.Close()
	kept := true
	unkept := func(error) error { kept = false; return nil }
	sampling := &sampling{}
	err = sampling.run(ctx, "train-head", &r.common, spec, backbone, r.store, src, nowhere{}, new(extract.Stats), false, unkept, r.env)
	if err != nil || !kept {
		return nil, err
	}
	if reader, n, err = missing(); err == nil && reader == nil {
		err = fmt.Errorf("%s of %s samples of %s are not where they were extracted from any more%s", count(int64(n)), count(int64(len(r.j.table.Keys))), r.features[0], rootHint(r.spec))
	}
	return reader, err
}

// rowBytes is the size of a row in the cache.
func rowBytes(s *cache.Space) uint64 {
	if s.DType() == "f16" {
		return 2 * uint64(s.Dim())
	}
	return 4 * uint64(s.Dim())
}

// nowhere takes what is extracted and keeps nothing: it is in the cache.
type nowhere struct{}

func (nowhere) Take([]extract.Row) error { return nil }

// addTaps prepares features of more taps: those of the ends of the last layers
// beside the features themselves.
func (r *retraining) addTaps(ctx context.Context) error {
	const layers = 3
	own := r.spec.Taps[0]
	names := []string{own.Output + ":" + own.Pooling}
	for _, i := range r.tails.ends[max(len(r.tails.ends)-layers, 0):] {
		names = append(names, r.tails.cuts[i].Tensor)
	}
	spec := *r.spec
	if err := spec.SetTaps(names); err != nil || len(names) == 1 {
		if err != nil {
			r.env.note("taps are left out: %v", err)
		}
		return nil
	}
	for i := range spec.Taps {
		spec.Taps[i].DType = own.DType
	}
	spaces, err := extract.Spaces(&spec)
	if err != nil {
		return err
	}
	set := *r.set
	set.Meta.Spaces = nil
	for _, s := range spaces {
		set.Meta.Spaces = append(set.Meta.Spaces, s.JSON())
	}
	j, err := joinSets([]*features.Set{&set}, r.features, r.store)
	if missing := missingOf(err); len(missing) > 0 {
		if err := r.extract(ctx, &spec); err != nil {
			return err
		}
		j, err = joinSets([]*features.Set{&set}, r.features, r.store)
	}
	if err != nil {
		return err
	}
	r.closers = append(r.closers, j.matrix.Close)
	r.taps = j
	return nil
}

// extract puts the embeddings of the samples at the taps of spec into the cache.
func (r *retraining) extract(ctx context.Context, spec *models.Spec) error {
	backbone, err := newSession(spec, &r.common)
	if err != nil {
		return err
	}
	defer backbone.Close()
	src, err := r.reading()
	if err != nil {
		return err
	}
	defer src.Close()
	needed := func(reason error) error { return unwritable(r.cacheDir, reason) }
	return new(sampling).run(ctx, "train-head", &r.common, spec, backbone, r.store, src, nowhere{}, new(extract.Stats), false, needed, r.env)
}

// choose picks one of the attempts by their validation scores: the simplest that
// is within one standard error of the best. Without --tail auto the tail wins
// if it is better than the head.
func (r *retraining) choose(tried []*attempt) (int, error) {
	var all []head.Contender
	for _, a := range tried {
		c, err := a.result.Metrics.Validation.Contender(r.Metric)
		if err != nil {
			return 0, err
		}
		all = append(all, c)
	}
	if r.tail == "auto" {
		return head.Choose(all), nil
	}
	if len(tried) == 2 && tried[1].run.Best > 0 {
		return 1, nil
	}
	return 0, nil
}

// finish writes the head, and says what was compared.
func (r *retraining) finish(ctx context.Context, first []*attempt, all [][]*attempt, chosen []*attempt, took time.Duration) error {
	best := chosen[0]
	result := best.result
	var err error
	if result.Comparison, err = r.comparison(all, chosen); err != nil {
		return err
	}
	j := r.j
	if best.name == "taps" {
		j = r.taps
	}
	f, err := newHeadFile(r.trainOptions, j, result)
	if err != nil {
		return err
	}
	if best.tail != nil {
		r.attach(f, best, first[0].result.Model)
	}
	if err := file.Write(r.out, f); err != nil {
		return err
	}
	for _, w := range result.Warnings {
		r.env.note("%s", w.Message)
	}
	if best.tail == nil && r.tail != "auto" {
		r.env.note("retraining did not beat the head on validation: %s is the head alone", r.out)
	}
	drawn, err := reportOf(r.out, f)
	if err != nil {
		return err
	}
	if r.report != "" {
		if err := writeReport(ctx, r.trainOptions, drawn, j, result, r.env); err != nil {
			return err
		}
	}
	if r.json {
		err = r.env.printJSON(r.summary(first, best, j, result, took))
	} else if err = report.SummaryTo(r.env.stdout, drawn, took, r.env.style(&r.common)); err == nil {
		err = report.ComparedTo(r.env.stdout, result.Comparison, costs(first), r.env.style(&r.common))
	}
	if err == nil && interrupted(all[len(all)-1]) {
		r.env.note("stopped: %s has the best so far (%s), not tested; the same command goes on from there", r.out, best.name)
		err = context.Canceled
	}
	return err
}

// attach puts the retrained weights into a head file.
func (r *retraining) attach(f *file.File, a *attempt, start *head.Model) {
	m := *start
	m.Weight, m.Bias = make([]float64, len(start.Weight)), make([]float64, len(start.Bias))
	for i, v := range a.run.Head.Weight {
		m.Weight[i] = float64(v)
	}
	for i, v := range a.run.Head.Bias {
		m.Bias[i] = float64(v)
	}
	m.Mean, m.Scale = make([]float64, m.D), make([]float64, m.D)
	for i := range m.Scale {
		m.Scale[i] = 1
	}
	m.Temperature = 1
	if c := a.result.Calibration; c != nil {
		m.Temperature = c.Temperature
	}
	network := r.tails.network(a.tail)
	m.L2Normalize = m.L2Normalize || network.Normalize
	f.Model = &m
	f.Tail = &file.Tail{
		Cut: network.Cut, Features: network.Features, Pooling: network.Pooling, Mask: network.Mask, Normalize: m.L2Normalize,
		Weights: a.run.Weights, Backbone: network.Model,
	}
}

// comparison lists the ways that were tried, over all seeds.
func (r *retraining) comparison(all [][]*attempt, chosen []*attempt) (*head.Comparison, error) {
	c := &head.Comparison{Metric: r.Metric, Rule: "better", Chosen: chosen[0].name}
	if r.tail == "auto" {
		c.Rule = "one-standard-error"
	}
	for i, a := range all[0] {
		way, err := r.way(a)
		if err != nil {
			return nil, err
		}
		for _, tried := range all {
			if i < len(tried) && tried[i].name == a.name {
				if err := way.Add(r.Metric, &tried[i].result.Metrics); err != nil {
					return nil, err
				}
			}
		}
		c.Ways = append(c.Ways, *way)
	}
	for i := range all {
		c.Seeds = append(c.Seeds, r.Seed+uint64(i))
	}
	if len(all) > 1 {
		c.Choice = &head.Way{Name: r.tail}
		for _, a := range chosen {
			if err := c.Choice.Add(r.Metric, &a.result.Metrics); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// way is what an attempt came to, without the metrics of its parts.
func (r *retraining) way(a *attempt) (*head.Way, error) {
	c, err := a.result.Metrics.Validation.Contender(r.Metric)
	if err != nil {
		return nil, err
	}
	w := &head.Way{Name: a.name, Score: c.Score, SE: c.SE, Parameters: a.parameters()}
	if a.tail != nil {
		w.Cut, w.Best, w.Epochs, w.Status = a.tail.cut, a.run.Best, len(a.run.Epochs)-1, a.run.Status
	}
	return w, nil
}

// parameters is how many were trained.
func (a *attempt) parameters() int64 {
	if a.tail == nil {
		return int64(len(a.result.Model.Weight) + len(a.result.Model.Bias))
	}
	n := int64(len(a.run.Head.Weight) + len(a.run.Head.Bias))
	for _, v := range a.run.Weights {
		n += int64(len(v))
	}
	return n
}

// costs are the times that attempts took.
func costs(tried []*attempt) []time.Duration {
	var all []time.Duration
	for _, a := range tried {
		all = append(all, a.took)
	}
	return all
}

// retrainSummary is what train-head --json adds with --tail.
type retrainSummary struct {
	head.Comparison
	Cut        string          `json:"cut"`
	Weights    int             `json:"weights"` // tensors of the backbone that were changed
	Parameters int64           `json:"parameters"`
	Layout     string          `json:"layout,omitempty"`
	MicroBatch int             `json:"micro_batch,omitempty"`
	Memory     int64           `json:"memory,omitempty"` // bytes, estimated
	History    []retrain.Epoch `json:"history,omitempty"`
	Seconds    []float64       `json:"seconds"` // of each way, with the first seed
}

func (r *retraining) summary(first []*attempt, best *attempt, j *joined, result *head.Result, took time.Duration) *trainSummary {
	s := newTrainSummary(r.out, r.report, j, result, took)
	t := &retrainSummary{Comparison: *result.Comparison}
	for _, d := range costs(first) {
		t.Seconds = append(t.Seconds, d.Seconds())
	}
	if best.tail != nil {
		t.Cut, t.Weights, t.Parameters = best.tail.cut, len(best.run.Weights), best.parameters()
		t.Layout, t.MicroBatch, t.Memory, t.History = best.run.Layout, best.run.MicroBatch, best.run.Memory, best.run.Epochs
	}
	s.Tail = t
	return s
}
