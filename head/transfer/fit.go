package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
)

// The names of ways that are no tails.
const (
	wayHead = "head"
	wayTaps = "taps"
)

// Lesson is what one fit learns from.
type Lesson struct {
	// Seed drives every random choice.
	Seed uint64
	// Parts holds the rows of training, validation and test part, ascending.
	// The default nil means the data's own splits or those that
	// Settings.Head.Split draws with the seed.
	Parts *experiment.Parts
	// Start is the head alone, fitted to the same lesson, which a tail starts
	// from. The default nil means that it is fitted first.
	Start *Attempt
}

// Fit fits one of Ways to the rows of a lesson, and measures it on the others.
//
// A training that is stopped by ctx is no error if something was measured: its
// status is "interrupted" then. Errors: ErrNoValidation; a *TailError, which
// may hold those of package retrain; a *TapsError where more taps cannot be
// tried; those of extract.Again.
func (l *Learner) Fit(ctx context.Context, w *Way, on *Lesson) (*Attempt, error) {
	if w.Name == wayHead && w.Place == nil {
		return l.fitHead(ctx, w, l.data.Features, on)
	}
	if err := l.fill(ctx, l.together(w)); err != nil {
		if _, named := errors.AsType[*TailError](err); w.Place != nil && !named {
			err = &TailError{w.Name, err}
		}
		return nil, err
	}
	if w.Place != nil {
		return l.fitTail(ctx, w, on)
	}
	if l.taps == nil {
		if l.tapsErr == nil {
			return nil, fmt.Errorf("transfer: way %s: it is none of those of this learner", w.Name)
		}
		return nil, l.tapsErr
	}
	return l.fitHead(ctx, w, l.taps, on)
}

// together lists the ways whose needs are put into the cache with those of w,
// in one pass: all, unless they are tried one by one.
func (l *Learner) together(w *Way) []*Way {
	if l.apart {
		return []*Way{w}
	}
	return l.ways
}

// fitHead fits a head on features alone.
func (l *Learner) fitHead(ctx context.Context, w *Way, j *features.Joined, on *Lesson) (*Attempt, error) {
	start := time.Now()
	s := l.settings.Head
	s.Seed, s.Repeat = on.Seed, 1
	s.Progress = func(done, total int) { l.settings.Hooks.Fits(w, done, total) }
	d := DataOf(j)
	if on.Parts != nil {
		var err error
		s.Split = nil
		if d.Splits, err = splitsOf(on.Parts, len(d.Labels)); err != nil {
			return nil, err
		}
	}
	l.settings.Hooks.Begun(w)
	result, err := experiment.Train(ctx, d, &s)
	l.settings.Hooks.Ended(w)
	if err != nil {
		return nil, err
	}
	if len(result.Parts.Validation) == 0 {
		return nil, ErrNoValidation
	}
	m := affine(result.Head)
	return &Attempt{
		Way: w, Seed: on.Seed, Result: result, Head: result.Head, Features: j,
		Parameters: int64(len(m.Weight) + len(m.Bias)), Took: time.Since(start),
	}, nil
}

// splitsOf names the part of each of n rows.
func splitsOf(p *experiment.Parts, n int) ([]string, error) {
	splits := make([]string, n)
	for _, part := range []struct {
		name string
		rows []int
	}{{"train", p.Train}, {"validation", p.Validation}, {"test", p.Test}} {
		for _, row := range part.rows {
			switch {
			case row < 0 || row >= n:
				return nil, fmt.Errorf("transfer: %s part: row %d of %d", part.name, row, n)
			case splits[row] != "":
				return nil, fmt.Errorf("transfer: row %d is in the %s part and in the %s part", row, splits[row], part.name)
			}
			splits[row] = part.name
		}
	}
	return splits, nil
}

// affine is the model of a head that layers of a backbone are trained with.
func affine(h *head.Head) *head.Affine { return h.Model.(*head.Affine) }
