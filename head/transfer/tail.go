package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/headstart-ml/headstart/extract/feed"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/measure"
	"github.com/headstart-ml/headstart/models/retrain"
	"github.com/headstart-ml/headstart/models/tensor"
)

// fitTail retrains a tail, starting from the head alone. A training that was
// stopped before anything was measured is ctx's error.
func (l *Learner) fitTail(ctx context.Context, w *Way, on *Lesson) (*Attempt, error) {
	plain := on.Start
	if plain == nil {
		var err error
		if plain, err = l.fitHead(ctx, l.ways[0], l.data.Features, on); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	if err := l.load(); err != nil {
		return nil, err
	}
	f, err := l.feed(ctx, w)
	if err != nil {
		return nil, &TailError{w.Name, err}
	}
	if l.settings.Head.Repeat <= 1 {
		defer delete(l.feeds, w.Place.Cut) // and with it what it holds in memory
	}
	d, err := l.lesson(f, plain.Result)
	if err != nil {
		return nil, err
	}
	network := l.places.Network(w.Place)
	network.Normalize = network.Normalize || l.settings.Head.L2Normalize
	start := new(retrain.Head)
	start.Weight, start.Bias = affine(plain.Head).Steady()
	s, err := l.training(w, plain, d, start)
	if err != nil {
		return nil, err
	}
	l.settings.Hooks.Begun(w)
	run, err := retrain.Train(ctx, l.library, network, d, start, s)
	l.settings.Hooks.Ended(w)
	if err != nil {
		return nil, &TailError{w.Name, err}
	}
	if run.Resumed > 0 {
		l.settings.Hooks.Resumed(w, run.Resumed, s.Checkpoint)
	}
	switch {
	case run.Status == "diverged":
		l.settings.Hooks.Diverged(w, run.Problem)
	case run.Status == "interrupted" && len(run.Epochs) == 0:
		return nil, ctx.Err()
	}
	a := &Attempt{Way: w, Seed: on.Seed, Training: run, Features: l.data.Features, Took: time.Since(began)}
	if a.Result, err = l.measure(plain.Result, on.Seed, run); err != nil {
		return nil, err
	}
	a.keep(plain, network)
	return a, nil
}

// measure reports what a tail gives for the parts of its start.
func (l *Learner) measure(plain *experiment.Result, seed uint64, run *retrain.Result) (*experiment.Result, error) {
	s := l.settings.Head
	s.Seed = seed
	return experiment.Measure(DataOf(l.data.Features), &s, &experiment.Other{
		Kind: plain.Kind, Classes: plain.Classes, Parts: plain.Parts,
		Train: plain.Widen(run.Logits[0]), Validation: plain.Widen(run.Logits[1]), Test: plain.Widen(run.Logits[2]),
	})
}

// keep puts what was trained, from a start, into an attempt.
func (a *Attempt) keep(plain *Attempt, network *retrain.Network) {
	model := head.NewAffine(a.Training.Head.Weight, a.Training.Head.Bias)
	model.Normalize = affine(plain.Head).Normalize || network.Normalize
	own := *plain.Head
	own.Model, own.Temperature = model, 1
	if s := a.Result.Scaling; s != nil {
		own.Temperature = s.Temperature
		if !s.Plain() {
			own.Model = model.Rescaled(known(s.Scale, plain.Result, 1), known(s.Shift, plain.Result, s.Temperature))
		}
	}
	own.Reject, own.Thresholds = 0, nil
	if answers := a.Result.Answers; answers != nil {
		own.Reject, own.Thresholds = answers.Reject, known(answers.ByClass, plain.Result, 1)
	}
	a.Head = &own
	a.Tail = &file.Tail{
		Cut: network.Cut, Features: network.Features, Pooling: network.Pooling, Mask: network.Mask,
		Space: network.Space, ChannelsLast: network.ChannelsLast, Normalize: model.Normalize,
		Weights: a.Training.Weights, Backbone: network.Model,
	}
	a.Parameters = int64(len(a.Training.Head.Weight)+len(a.Training.Head.Bias)) + a.Tail.Parameters()
}

// known returns what belongs to the classes of r that its head knows, times a
// factor.
func known(v []float64, r *experiment.Result, factor float64) []float64 {
	if v == nil {
		return nil
	}
	var out []float64
	for k, name := range r.Classes {
		if _, ok := slices.BinarySearch(r.Head.Classes, name); ok {
			out = append(out, v[k]*factor)
		}
	}
	return out
}

// training is how a tail is trained from a start.
func (l *Learner) training(w *Way, plain *Attempt, d *retrain.Data, start *retrain.Head) (*retrain.Settings, error) {
	metric, classes := l.settings.Head.Metric, len(plain.Head.Classes)
	truth := plain.Result.LabelsOf(l.data.Features.Table.Labels, plain.Result.Parts.Validation)
	c := l.settings
	s := &retrain.Settings{
		BatchSize: c.BatchSize, Replicas: c.Replicas, Epochs: c.Epochs, Patience: c.Patience, LearningRate: c.LearningRate, WeightDecay: c.WeightDecay, LayerDecay: c.LayerDecay,
		Warmup: c.Warmup, Clip: c.Clip, LabelSmoothing: c.LabelSmoothing, Threads: c.Threads, Memory: c.Memory, Seed: plain.Seed, Keep: true,
		Score:    func(logits []float64) float64 { return measure.OfLogits(metric, logits, truth, classes) },
		Planned:  func(p retrain.Plan) { c.Hooks.Planned(w, p) },
		Progress: func(p retrain.Progress) { c.Hooks.Steps(w, p) },
	}
	var err error
	if s.Fingerprint, err = l.fingerprint(w, d, start, s); err != nil {
		return nil, err
	}
	if c.Checkpoint != "" {
		s.Checkpoint = fmt.Sprintf("%s.%.8s.checkpoint", c.Checkpoint, s.Fingerprint)
		if !slices.Contains(l.checkpoints, s.Checkpoint) {
			l.checkpoints = append(l.checkpoints, s.Checkpoint)
		}
	}
	return s, nil
}

// lesson is what a tail is trained on.
func (l *Learner) lesson(f *feed.Feed, plain *experiment.Result) (*retrain.Data, error) {
	j := l.data.Features
	all := make([]int, j.Table.N())
	for i := range all {
		all[i] = i
	}
	weights, err := experiment.Weigh(DataOf(j), &l.settings.Head, plain)
	return &retrain.Data{
		Samples: fed{f}, Parts: [3][]int{plain.Parts.Train, plain.Parts.Validation, plain.Parts.Test}, Views: l.settings.Views,
		Labels: plain.LabelsOf(j.Table.Labels, all), Weights: weights,
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
func (l *Learner) fingerprint(w *Way, d *retrain.Data, start *retrain.Head, s *retrain.Settings) (string, error) {
	digest := sha256.New()
	h := &l.settings.Head
	facts := map[string]any{
		"data": l.data.Features.Digest(), "parts": d.Parts, "space": l.space.Fingerprint(), "cut": w.Place.Cut, "dtype": l.settings.DType, "normalize": h.L2Normalize,
		"metric": h.Metric, "batch": s.BatchSize, "epochs": s.Epochs, "patience": s.Patience, "rate": s.LearningRate, "weight decay": s.WeightDecay,
		"layer decay": s.LayerDecay, "warm-up": s.Warmup, "clip": s.Clip, "label smoothing": s.LabelSmoothing, "seed": s.Seed, "views": d.Views,
	}
	if s.Replicas > 1 {
		facts["replicas"] = s.Replicas
	}
	err := json.NewEncoder(digest).Encode(facts)
	if err == nil {
		err = binary.Write(digest, binary.LittleEndian, d.Weights)
	}
	if err == nil {
		err = binary.Write(digest, binary.LittleEndian, slices.Concat(start.Weight, start.Bias))
	}
	return hex.EncodeToString(digest.Sum(nil)), err
}

// feed gives what the network behind a cut is fed.
func (l *Learner) feed(ctx context.Context, w *Way) (*feed.Feed, error) {
	cut := w.Place.Cut
	if f := l.feeds[cut]; f != nil {
		return f, nil
	}
	spec := l.data.Spec
	o := &feed.Options{Cut: cut, Shape: w.Place.Shape, Threads: l.settings.Threads, Memory: l.held(), Cached: l.cached[cut]}
	if cut != "" && (o.Cached == nil || l.settings.Views > 0) {
		var err error
		if spec, err = l.tap(l.settings.DType, cut+":"+w.Place.Pooling()); err != nil {
			return nil, err
		}
		backbone := l.session(spec)
		l.closers = append(l.closers, backbone.Close)
		o.Prefix = backbone
	}
	if cut != "" && o.Cached == nil {
		l.settings.Hooks.Uncached(Uncached{w, o.Memory})
	}
	if err := l.find(ctx); err != nil {
		return nil, err
	}
	f, err := l.contents.Feed(spec, o)
	if err != nil {
		return nil, err
	}
	l.feeds[cut] = f
	return f, nil
}

// find finds the samples in the source, which stays open, once.
func (l *Learner) find(ctx context.Context) error {
	if l.contents != nil {
		return nil
	}
	src, err := l.reread()
	if err != nil {
		return err
	}
	t := l.data.Features.Table
	l.contents, err = feed.Find(ctx, l.data.Spec, src, &feed.Wanted{IDs: t.IDs, Keys: t.Keys, Threads: l.settings.Threads})
	if err != nil {
		src.Close()
		return err
	}
	l.closers = append(l.closers, src.Close)
	return nil
}
