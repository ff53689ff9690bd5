package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/transfer"
)

// retraining is what train-head --tail does.
type retraining struct {
	*trainOptions
	env    *env
	out    string
	j      *features.Joined
	reread *rereading

	fits  *stepMeter // of the head that is fitted
	steps *tailMeter // of the tail that is retrained
	plans plans      // of its replicas
}

// runRetrain is runTrainHead with --tail.
func runRetrain(ctx context.Context, o *trainOptions, out string, store *cache.Cache, j *features.Joined, e *env) error {
	r := &retraining{
		trainOptions: o, env: e, out: out, j: j,
		reread: &rereading{"train-head", o.features[0], o.root, store},
	}
	r.plans = plans{env: e, clear: func() { r.steps.stop() }}
	d, err := r.data()
	if err != nil {
		return r.advised(err)
	}
	l, err := transfer.New(d, r.settings())
	if err != nil {
		return r.advised(err)
	}
	defer l.Close() // readers and sessions: nothing was written through them
	start := time.Now()
	result, err := l.Try(ctx)
	if err != nil {
		return r.advised(err)
	}
	return r.finish(ctx, result, time.Since(start))
}

// data are the samples with their backbone.
func (r *retraining) data() (*transfer.Data, error) {
	if len(r.j.Sets) != 1 || len(r.j.Sets[0].Meta.Spaces) != 1 {
		return nil, transfer.ErrSpaces
	}
	set := r.j.Sets[0]
	space, err := cache.ParseSpace(set.Meta.Spaces[0])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.features[0], err)
	}
	spec, err := specOf(&set.Meta, space)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.features[0], err)
	}
	return &transfer.Data{Features: r.j, Spec: spec, Cache: r.reread.store, Root: r.root}, nil
}

// settings are those of the command line.
func (r *retraining) settings() *transfer.Settings {
	return &transfer.Settings{
		Head: r.Settings, Tail: r.tail, DType: r.dtype, Views: r.augment,
		Epochs: r.epochs, Patience: r.patience, BatchSize: r.batch, Replicas: r.replicas, LearningRate: r.rate, LayerDecay: r.layerDecay,
		Warmup: orNone(r.warmup), WeightDecay: orNone(r.weightDecay), Clip: orNone(r.clip), LabelSmoothing: r.smoothing,
		Memory: r.memory, Threads: r.threads, Runtime: r.runtime, Checkpoint: r.out,
		Extract: r.reread.again(r.j.Sets[0], &r.common, r.env).Run,
		Hooks: transfer.Hooks{
			Begun: r.begun, Ended: r.ended, Tried: r.tried,
			Fits:    func(_ *transfer.Way, done, total int) { r.fits.step(done, total) },
			Planned: r.plans.say,
			Steps:   func(_ *transfer.Way, p transfer.Progress) { r.steps.step(p) },
			Views:   r.sayViews, Activations: r.sayActivations, Uncached: r.sayUncached,
			TapsLeftOut: func(err error) { r.env.note("taps are left out: %v", r.reread.advised(err, &r.common)) },
			LeftOut:     func(w *transfer.Way, err error) { r.env.note("--tail %s is left out: %v", w.Name, err) },
			Resumed: func(w *transfer.Way, step int, checkpoint string) {
				r.env.note("--tail %s went on at step %d of an earlier run, from %s", w.Name, step, checkpoint)
			},
			Diverged: func(w *transfer.Way, problem string) { r.env.note("--tail %s stopped: %s", w.Name, problem) },
		},
	}
}

// orNone is a setting of which 0 means none.
func orNone(v float64) float64 {
	if v == 0 {
		return -1
	}
	return v
}

// begun begins to show how a way is fitted.
func (r *retraining) begun(w *transfer.Way) {
	if w.Place == nil {
		r.fits = startStepMeter(r.env, &r.common, "train-head", "fits")
	} else {
		r.steps = startTailMeter(r.env, &r.common, w.Name)
	}
}

// ended takes what begun shows off the terminal.
func (r *retraining) ended(w *transfer.Way) {
	if w.Place == nil {
		r.fits.stop()
	} else {
		r.steps.stop()
	}
}

// tried notes that from now on there is something to write.
func (r *retraining) tried(*transfer.Attempt) { r.env.finishing.Store(true) }

// sayViews says what views cost.
func (r *retraining) sayViews(v transfer.Views) {
	does := "decoded"
	if v.Frozen {
		does = "decoded and run through the layers that are not retrained"
	}
	r.env.note("--augment %d: training images are seen as they are and as %s; views are %s when an epoch needs them, and up to %s of that held in memory", r.augment, counted(r.augment, "view"), does, bytesOf(uint64(v.Held)))
}

// sayActivations says what is computed behind which layers.
func (r *retraining) sayActivations(a transfer.Activations) {
	var tails, cuts []string
	for _, w := range a.Ways {
		tails, cuts = append(tails, w.Name), append(cuts, w.Place.Cut)
	}
	r.env.note("--tail %s: the activations of %s samples at %s are computed, %s a sample in the cache", strings.Join(tails, ", "), count(int64(a.Samples)), strings.Join(cuts, ", "), bytesOf(uint64(a.RowBytes)))
}

// sayUncached says why activations are not in the cache.
func (r *retraining) sayUncached(u transfer.Uncached) {
	place := u.Way.Place
	why := "are more than 1,048,576 numbers a sample, too many for the cache"
	switch {
	case place.Cacheable():
		why = "cannot be kept, since the cache cannot be written"
	case !place.Fixed():
		why = "have no fixed shape that could be cached"
	}
	r.env.note("--tail %s: the activations at %s %s; they are computed when they are needed, and up to %s of them held in memory", u.Way.Name, place.Cut, why, bytesOf(uint64(u.Held)))
}

// advised says of an error of a retraining what to do about it.
func (r *retraining) advised(err error) error {
	if errors.Is(err, transfer.ErrSpaces) {
		return usagef("--tail %s: a tail belongs to one backbone: give one feature set of one tap, the output of the backbone", r.tail)
	}
	if errors.Is(err, transfer.ErrNoValidation) {
		return usagef("--tail %s: there is no validation part, which says when to stop; give one with --split train=0.6,validation=0.2,test=0.2, or in the data's own splits", r.tail)
	}
	if v, ok := errors.AsType[*transfer.ViewsError](err); ok {
		return usagef("--augment %d: only images have views; %s is of %s", v.Views, r.features[0], v.Modality.Plural())
	}
	if p, ok := errors.AsType[*transfer.PlaceError](err); ok {
		return ofTail(p, "tail")
	}
	if t, ok := errors.AsType[*transfer.TailError](err); ok {
		if err := ofReplicas(t.Err); err != nil {
			return fmt.Errorf("--tail %s: %w", t.Tail, err)
		}
		return fmt.Errorf("--tail %s: %w", t.Tail, r.reread.advised(t.Err, &r.common))
	}
	return r.reread.advised(err, &r.common)
}
