package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/feed"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx/grad"
	"github.com/headstart-ml/headstart/models/retrain"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// retraining is what train-head --tail does: with each seed it fits a head,
// retrains tails from it, and compares them on validation.
type retraining struct {
	*trainOptions
	env    *env
	out    string
	j      *features.Joined
	reread *rereading
	again  *extract.Again
	space  *cache.Space

	spec    *models.Spec
	places  *retrain.Places
	taps    *features.Joined // with more taps beside the features; nil without
	asked   []*retrain.Place // to be retrained, from few layers to all
	library *runtime.Library
	feeds   map[string]*feed.Feed // by cut
	closers []func() error

	checkpoints []string // of what was retrained
	stopped     bool     // by the person: not everything was tried to its end
}

// outcome is what was tried with one seed.
type outcome struct {
	seed   uint64
	tried  []*attempt // from the simplest on
	chosen *attempt
}

// attempt is what one way to train came to with one seed.
type attempt struct {
	name   string
	tail   *retrain.Place     // nil: a head alone
	result *experiment.Result // measured on validation and test part
	run    *retrain.Result    // nil for a head alone
	took   time.Duration
}

// runRetrain is runTrainHead with --tail.
func runRetrain(ctx context.Context, o *trainOptions, out string, store *cache.Cache, j *features.Joined, e *env) error {
	r := &retraining{trainOptions: o, env: e, out: out, j: j, feeds: map[string]*feed.Feed{}}
	defer r.close()
	if err := r.prepare(ctx, store); err != nil {
		return err
	}
	start := time.Now()
	var seeds []*outcome
	for i := range uint64(max(o.Repeat, 1)) {
		one, err := r.once(ctx, o.Seed+i)
		if err != nil {
			return err
		}
		// Of a later seed that is not whole, nothing can be compared with the others.
		if i == 0 || !r.stopped {
			seeds = append(seeds, one)
		}
		if r.stopped {
			break
		}
	}
	return r.finish(ctx, seeds, time.Since(start))
}

func (r *retraining) close() {
	for _, c := range slices.Backward(r.closers) {
		c() // readers and sessions: nothing was written through them
	}
}

// prepare finds out what is retrained, and from what.
func (r *retraining) prepare(ctx context.Context, store *cache.Cache) error {
	if len(r.j.Sets) != 1 || len(r.j.Sets[0].Meta.Spaces) != 1 {
		return usagef("--tail %s: a tail belongs to one backbone: give one feature set of one tap, the output of the backbone", r.tail)
	}
	set := r.j.Sets[0]
	r.reread = &rereading{"train-head", r.features[0], r.root, store}
	r.again = r.reread.again(set, &r.common, r.env)
	var err error
	if r.space, err = cache.ParseSpace(set.Meta.Spaces[0]); err != nil {
		return fmt.Errorf("%s: %w", r.features[0], err)
	}
	if r.spec, err = specOf(&set.Meta, r.space); err != nil {
		return fmt.Errorf("%s: %w", r.features[0], err)
	}
	if r.augment > 0 && r.spec.Modality != models.Image {
		return usagef("--augment %d: only images have views; %s is of texts", r.augment, r.features[0])
	}
	if r.places, err = retrain.NewPlaces(r.spec); err != nil {
		return ofTail(err)
	}
	if r.tail == "auto" {
		r.asked = r.places.Candidates()
	} else {
		one, err := r.places.Find(r.tail)
		if err != nil {
			return ofTail(err)
		}
		r.asked = []*retrain.Place{one}
	}
	if r.Split == nil && !slices.ContainsFunc(r.j.Table.Splits, func(s string) bool { return s != "" }) {
		r.Split = &experiment.Split{Train: 0.6, Validation: 0.2, Test: 0.2}
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
	if slices.ContainsFunc(r.asked, func(t *retrain.Place) bool { return t.Cut != "" }) {
		does = "decoded and run through the layers that are not retrained"
	}
	r.env.note("--augment %d: training images are seen as they are and as %s; views are %s when an epoch needs them, and up to %s of that held in memory", r.augment, counted(r.augment, "view"), does, bytesOf(uint64(r.held())))
}

// once tries everything with one seed; the head alone comes first. When ctx ends
// after something was tried with the first seed, r is stopped, which is no error:
// what there is counts.
func (r *retraining) once(ctx context.Context, seed uint64) (*outcome, error) {
	first := seed == r.Seed
	plain, err := r.fitHead(ctx, "head", r.j, seed)
	if err != nil && !first && ctx.Err() != nil {
		r.stopped = true
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(plain.result.Parts.Validation) == 0 {
		return nil, usagef("--tail %s: there is no validation part, which says when to stop; give one with --split train=0.6,validation=0.2,test=0.2, or in the data's own splits", r.tail)
	}
	r.env.finishing.Store(true)
	tries := []func() (*attempt, error){}
	if r.taps != nil {
		tries = append(tries, func() (*attempt, error) { return r.fitHead(ctx, "taps", r.taps, seed) })
	}
	for _, t := range r.asked {
		tries = append(tries, func() (*attempt, error) { return r.retrain(ctx, t, plain, seed) })
	}
	o := &outcome{seed: seed, tried: []*attempt{plain}}
	for _, try := range tries {
		a, err := try()
		switch {
		case err != nil && ctx.Err() != nil:
			r.stopped = true
		case err != nil:
			return nil, err
		case a != nil:
			o.tried = append(o.tried, a)
			r.stopped = a.run != nil && a.run.Status == "interrupted"
		}
		if r.stopped {
			break
		}
	}
	o.chosen, err = r.choose(o.tried)
	return o, err
}

// fitHead fits a head on features alone.
func (r *retraining) fitHead(ctx context.Context, name string, j *features.Joined, seed uint64) (*attempt, error) {
	start := time.Now()
	s := r.Settings
	s.Seed, s.Repeat = seed, 1
	meter := startStepMeter(r.env, &r.common, "train-head", "fits")
	s.Progress = meter.step
	result, err := experiment.Train(ctx, dataOf(j), &s)
	meter.stop()
	if err != nil {
		return nil, err
	}
	return &attempt{name: name, result: result, took: time.Since(start)}, nil
}

// retrain retrains a tail, starting from the head. With --tail auto a tail that
// cannot be retrained is left out, with a note: the result is then nil. A training
// that was stopped before anything was measured is ctx's error.
func (r *retraining) retrain(ctx context.Context, t *retrain.Place, plain *attempt, seed uint64) (*attempt, error) {
	began := time.Now()
	feed, err := r.feed(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("--tail %s: %w", t.Name, err)
	}
	if r.Repeat <= 1 {
		defer delete(r.feeds, t.Cut) // and with it what it holds in memory
	}
	d, err := r.data(feed, plain.result)
	if err != nil {
		return nil, err
	}
	network := r.places.Network(t)
	network.Normalize = network.Normalize || r.L2Normalize
	metric := r.Metric
	truth := plain.result.LabelsOf(r.j.Table.Labels, plain.result.Parts.Validation)
	s := &retrain.Settings{
		BatchSize: r.batch, Epochs: r.epochs, Patience: r.patience, LearningRate: r.rate, WeightDecay: orNone(r.weightDecay), LayerDecay: r.layerDecay,
		Warmup: orNone(r.warmup), Clip: orNone(r.clip), LabelSmoothing: r.smoothing, Threads: r.threads, Memory: r.memory, Seed: seed, Keep: true,
		Score: func(logits []float64) float64 {
			return measure.OfLogits(metric, logits, truth, len(plain.result.Head.Classes))
		},
	}
	start := new(retrain.Head)
	start.Weight, start.Bias = affine(plain.result.Head).Steady()
	if s.Fingerprint, err = r.fingerprint(t, d, start, s); err != nil {
		return nil, err
	}
	s.Checkpoint = fmt.Sprintf("%s.%.8s.checkpoint", r.out, s.Fingerprint)
	r.checkpoints = append(r.checkpoints, s.Checkpoint)
	meter := startTailMeter(r.env, &r.common, t.Name)
	s.Progress = meter.step
	run, err := retrain.Train(ctx, r.library, network, d, start, s)
	meter.stop()
	if err != nil {
		if r.tail == "auto" && ctx.Err() == nil && (errors.Is(err, grad.ErrUnsupported) || errors.Is(err, grad.ErrShared) || errors.Is(err, retrain.ErrMemory)) {
			r.env.note("--tail %s is left out: %v", t.Name, err)
			return nil, nil
		}
		return nil, fmt.Errorf("--tail %s: %w", t.Name, err)
	}
	if run.Resumed > 0 {
		r.env.note("--tail %s went on at step %d of an earlier run, from %s", t.Name, run.Resumed, s.Checkpoint)
	}
	switch {
	case run.Status == "diverged":
		r.env.note("--tail %s stopped: %s", t.Name, run.Problem)
	case run.Status == "interrupted" && len(run.Epochs) == 0:
		return nil, ctx.Err()
	}
	a := &attempt{name: t.Name, tail: t, run: run, took: time.Since(began)}
	logits := run.Logits
	for k := range logits {
		logits[k] = plain.result.Widen(logits[k])
	}
	settings := r.Settings
	settings.Seed = seed
	a.result, err = experiment.Measure(dataOf(r.j), &settings, &experiment.Other{
		Kind: plain.result.Kind, Classes: plain.result.Classes, Parts: plain.result.Parts, Train: logits[0], Validation: logits[1], Test: logits[2],
	})
	return a, err
}

// orNone is a setting of which 0 means none.
func orNone(v float64) float64 {
	if v == 0 {
		return -1
	}
	return v
}

// data is what the tail is trained on.
func (r *retraining) data(feed *feed.Feed, plain *experiment.Result) (*retrain.Data, error) {
	all := make([]int, r.j.Table.N())
	for i := range all {
		all[i] = i
	}
	weights, err := experiment.Weigh(dataOf(r.j), &r.Settings, plain)
	return &retrain.Data{
		Samples: fed{feed}, Parts: [3][]int{plain.Parts.Train, plain.Parts.Validation, plain.Parts.Test}, Views: r.augment,
		Labels: plain.LabelsOf(r.j.Table.Labels, all), Weights: weights,
	}, err
}

// fed is a feed as retrain takes it.
type fed struct{ *feed.Feed }

var _ retrain.Samples = fed{}

// FillTo fills inputs with views of rows.
func (f fed) FillTo(ctx context.Context, inputs []tensor.View, rows, views []int) error {
	return f.Feed.FillViewsTo(ctx, inputs, rows, views)
}

// fingerprint is the digest of all that decides how a training goes.
func (r *retraining) fingerprint(t *retrain.Place, d *retrain.Data, start *retrain.Head, s *retrain.Settings) (string, error) {
	digest := sha256.New()
	err := json.NewEncoder(digest).Encode(map[string]any{
		"data": r.j.Digest(), "parts": d.Parts, "space": r.space.Fingerprint(), "cut": t.Cut, "dtype": r.dtype, "normalize": r.L2Normalize,
		"metric": r.Metric, "batch": s.BatchSize, "epochs": s.Epochs, "patience": s.Patience, "rate": s.LearningRate, "weight decay": s.WeightDecay,
		"layer decay": s.LayerDecay, "warm-up": s.Warmup, "clip": s.Clip, "label smoothing": s.LabelSmoothing, "seed": s.Seed, "views": d.Views,
	})
	if err == nil {
		err = binary.Write(digest, binary.LittleEndian, d.Weights)
	}
	if err == nil {
		err = binary.Write(digest, binary.LittleEndian, slices.Concat(start.Weight, start.Bias))
	}
	return hex.EncodeToString(digest.Sum(nil)), err
}

// held is how many bytes the feed of one tail may hold: half of --memory is for
// all of them.
func (r *retraining) held() int64 { return r.memory / 2 / int64(max(len(r.asked), 1)) }

// feed gives what the network behind a cut is fed.
func (r *retraining) feed(ctx context.Context, t *retrain.Place) (*feed.Feed, error) {
	if f := r.feeds[t.Cut]; f != nil {
		return f, nil
	}
	o := &feed.Options{Cut: t.Cut, Shape: t.Shape, Threads: r.threads, Memory: r.held()}
	spec := r.spec
	if t.Cut != "" {
		cut := *r.spec
		spec = &cut
		if err := spec.SetTaps([]string{t.Cut + ":" + t.Pooling()}); err != nil {
			return nil, err
		}
		spec.Taps[0].DType = r.dtype
		backbone, err := newSession(spec, &r.common)
		if err != nil {
			return nil, err
		}
		r.closers = append(r.closers, backbone.Close)
		if t.Cacheable() {
			if o.Cached, err = r.activations(ctx, t, spec); err != nil {
				return nil, err
			}
		}
		if o.Cached == nil || r.augment > 0 {
			o.Prefix = backbone
		}
		if o.Cached == nil {
			r.env.note("--tail %s: the activations at %s %s; they are computed when they are needed, and up to %s of them held in memory", t.Name, t.Cut, r.whyNotCached(t), bytesOf(uint64(o.Memory)))
		}
	}
	src, err := extract.Reread(&r.again.Set.Meta, r.root)
	if err != nil {
		return nil, r.reread.advised(err, &r.common)
	}
	r.closers = append(r.closers, src.Close) // the feed reads samples again and again
	f, err := feed.New(ctx, spec, src, r.j.Table.IDs, r.j.Table.Keys, o)
	if err != nil {
		return nil, err
	}
	r.feeds[t.Cut] = f
	return f, nil
}

func (r *retraining) whyNotCached(t *retrain.Place) string {
	if t.Cacheable() {
		return "cannot be kept, since the cache cannot be written"
	}
	if !t.Fixed() {
		return "have no fixed shape that could be cached"
	}
	return "are more than 1,048,576 numbers a sample, too many for the cache"
}

// activations puts the activations at a cut into the cache, as far as they are
// not there, and returns a reader of them; nil if the cache cannot be written.
func (r *retraining) activations(ctx context.Context, t *retrain.Place, spec *models.Spec) (feed.Rows, error) {
	space, err := contract.SpaceOf(spec, spec.Taps[0])
	if err != nil {
		return nil, err
	}
	reader, n, err := r.complete(space)
	if err != nil {
		return nil, err
	}
	if reader == nil {
		r.env.note("--tail %s: the activations of %s samples at %s are computed, %s a sample in the cache", t.Name, count(int64(n)), t.Cut, bytesOf(rowBytes(space)))
		err := r.again.Embed(ctx, spec)
		if _, ok := errors.AsType[*extract.UnwritableError](err); ok {
			return nil, nil
		}
		if err != nil {
			return nil, r.reread.advised(err, &r.common)
		}
		if reader, n, err = r.complete(space); err != nil {
			return nil, err
		}
	}
	if reader == nil {
		return nil, r.reread.advised(&extract.GoneError{Set: r.again.Name, Gone: n, N: r.again.Set.N()}, &r.common)
	}
	return reader, nil
}

// complete returns a reader of a space that has rows of all samples; nil, and how
// many are missing, if it has not.
func (r *retraining) complete(space *cache.Space) (*cache.Reader, int, error) {
	reader, err := r.again.Cache.Reader(space)
	if err != nil {
		return nil, 0, err
	}
	lacking, err := reader.Missing(r.j.Table.Keys)
	if err != nil || len(lacking) > 0 {
		reader.Close()
		return nil, len(lacking), err
	}
	r.closers = append(r.closers, reader.Close)
	return reader, 0, nil
}

// rowBytes is the size of a row in the cache.
func rowBytes(s *cache.Space) uint64 {
	if s.DType() == "f16" {
		return 2 * uint64(s.Dim())
	}
	return 4 * uint64(s.Dim())
}

// addTaps prepares features of more taps: those of the ends of the last layers
// beside the features themselves. Where that cannot be, taps are left out, with a
// note.
func (r *retraining) addTaps(ctx context.Context) error {
	const layers = 3
	own := r.spec.Taps[0]
	names := []string{own.Output + ":" + own.Pooling}
	ends := r.places.Ends()
	for _, end := range ends[max(len(ends)-layers, 0):] {
		name := end.Cut
		if r.spec.Modality == models.Image && len(end.Shape) == 3 {
			name += ":mean" // over the tokens of an image, for which no pooling goes without saying
		}
		names = append(names, name)
	}
	if len(names) == 1 {
		return nil
	}
	spec := *r.spec
	if err := spec.SetTaps(names); err != nil {
		r.env.note("taps are left out: %v", err)
		return nil
	}
	for i := range spec.Taps {
		spec.Taps[i].DType = own.DType
	}
	j, err := r.again.Joined(ctx, &spec)
	if _, ok := errors.AsType[*extract.UnwritableError](err); ok {
		r.env.note("taps are left out: %v", r.reread.advised(err, &r.common))
		return nil
	}
	if err != nil {
		return r.reread.advised(err, &r.common)
	}
	r.closers = append(r.closers, j.Close)
	r.taps = j
	return nil
}

// choose picks one of the attempts by their validation scores: the simplest that
// is within one standard error of the best. Without --tail auto the tail wins
// if it is better than the head.
func (r *retraining) choose(tried []*attempt) (*attempt, error) {
	if r.tail != "auto" {
		last := tried[len(tried)-1]
		if last.run != nil && last.run.Best == 0 {
			last = tried[0]
		}
		return last, nil
	}
	var all []measure.Score
	for _, a := range tried {
		c, err := a.result.Metrics.Validation.Score(r.Metric)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return tried[max(experiment.Choose(all), 0)], nil
}
