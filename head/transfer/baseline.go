package transfer

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
)

// BaselineSettings says what CompareBaselines compares.
type BaselineSettings struct {
	Features *features.Joined     // what the head was fitted on
	Root     string               // where the samples are now, see extract.Reread
	Train    *experiment.Settings // that Result came from
	Result   *experiment.Result
	// Progress, if it is not nil, is called from one goroutine at a time, with
	// the number of fits that are done and the number of all fits.
	Progress func(done, total int)
}

// CompareBaselines compares the head of s.Result with what is simpler, on the
// rows that were held out and with the same training rows: where there are
// texts, a softmax head on their words, and one on the words beside the
// features; else the nearest class mean on the features. Nothing is embedded;
// texts are read again from where they were extracted.
//
// A bag of words is TF-IDF of words and pairs of neighbouring words (text.Bag,
// fit.TFIDF), whose weights are taken from the training rows alone, and so is
// λ, by folds inside them. Of more than 100,000 training rows, or where a pass
// over them would take more than 2²⁸ products, some are drawn.
//
// It returns nil where that tells nothing: if no row was held out. For other
// tasks than one of several classes nothing is compared, which LeftOut says of
// texts.
func CompareBaselines(ctx context.Context, s *BaselineSettings) (*experiment.Baselines, error) {
	if s.Result.Predictions == nil {
		return nil, nil
	}
	texts := len(textSets(s.Features)) > 0
	if kind := head.KindOf(s.Result.Kind); kind != nil && kind.Task != head.OneOf {
		if !texts {
			return nil, nil
		}
		return &experiment.Baselines{LeftOut: "words are compared where a sample is of one of several classes"}, nil
	}
	if !texts {
		return s.nearestMean(ctx)
	}
	c := &contest{BaselineSettings: s, data: DataOf(s.Features), out: new(experiment.Baselines), threads: s.Train.Threads, most: contestRows}
	if c.threads == 0 {
		c.threads = runtime.GOMAXPROCS(0)
	}
	err := c.run(ctx)
	var gone *goneError
	switch {
	case errors.As(err, &gone):
		c.out.LeftOut = gone.why
	case err != nil:
		return nil, err
	}
	return c.out, nil
}

// nearestMean compares the head with the nearest class mean on its features.
func (s *BaselineSettings) nearestMean(ctx context.Context) (*experiment.Baselines, error) {
	const ncm = "ncm"
	if s.Result.Kind == ncm {
		return nil, nil
	}
	t := s.Train
	r, err := experiment.Train(ctx, DataOf(s.Features), &experiment.Settings{
		Kind: ncm, Calibrate: "none", CV: t.CV, Split: t.Split, Shots: t.Shots, By: t.By, Seed: t.Seed, NoRefit: t.NoRefit,
		ClassWeight: t.ClassWeight, ClassWeights: t.ClassWeights, NoStandardize: t.NoStandardize, L2Normalize: t.L2Normalize,
		Threads: t.Threads, Memory: t.Memory,
	})
	if err != nil {
		return nil, err
	}
	p := s.Result.Predictions
	if r.Predictions == nil || !slices.Equal(r.Predictions.Rows, p.Rows) {
		return nil, fmt.Errorf("transfer: other rows were held out than before")
	}
	b, err := s.against(p.Outcomes, r.Predictions.Outcomes, p.Rows)
	if err != nil {
		return nil, err
	}
	return &experiment.Baselines{NearestMean: b}, nil
}

// against measures a baseline on rows beside the head.
func (s *BaselineSettings) against(own, other []measure.Outcome, rows []int) (*experiment.Baseline, error) {
	o := &measure.Settings{Seed: s.Train.Seed, Threads: s.Train.Threads, Folds: len(s.Result.Held), Units: drawn(s.Features, rows, s.Train.By)}
	d, err := measure.Difference(other, own, o)
	if err != nil {
		return nil, err
	}
	if o.Units == nil {
		o.Resamples = 50 // the interval of the accuracy depends on none
	}
	m, err := measure.Evaluate(other, s.Result.Classes, o)
	if err != nil {
		return nil, err
	}
	return &experiment.Baseline{Accuracy: m.Accuracy, Difference: *d}, nil
}
