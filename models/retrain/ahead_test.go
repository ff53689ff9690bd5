package retrain

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/models/tensor"
)

// watched are samples that count the batches of training rows that they are
// asked for, and notice when they are asked twice at a time.
type watched struct {
	Samples
	train int // rows before it are of the training part
	busy  atomic.Bool
	twice atomic.Bool
	asked atomic.Int64
	after func(asked int, inputs []tensor.View) error // nil: nothing
}

func watch(d *Data) *watched {
	w := &watched{Samples: d.Samples, train: len(d.Parts[0])}
	d.Samples = w
	return w
}

func (s *watched) FillTo(ctx context.Context, inputs []tensor.View, rows, views []int) error {
	if s.busy.Swap(true) {
		s.twice.Store(true)
	}
	defer s.busy.Store(false)
	if err := s.Samples.FillTo(ctx, inputs, rows, views); err != nil || rows[0] >= s.train {
		return err
	}
	if asked := int(s.asked.Add(1)); s.after != nil {
		return s.after(asked, inputs)
	}
	return nil
}

// TestTheNextBatchIsFilledInMeanwhile: when a step is done, the rows of the
// next one of the epoch have been asked for, or will be without anything that
// the training still has to do. One thread does one thing at a time.
func TestTheNextBatchIsFilledInMeanwhile(t *testing.T) {
	for _, threads := range []int{1, 2} {
		d := toyData(200, toyInputs) // 8 steps an epoch
		w := watch(d)
		train(t, toyNetwork(""), d, head(toyClasses, toyHidden), &Settings{Epochs: 2, Threads: threads, Progress: func(p Progress) {
			if p.Done != nil {
				return
			}
			want := int64(p.Step)
			if threads > 1 && p.Step%8 > 0 {
				want++
			}
			for end := time.Now().Add(10 * time.Second); w.asked.Load() < want && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			if got := w.asked.Load(); got != want {
				t.Errorf("%d threads: after step %d of 8 an epoch, %d batches were asked for", threads, p.Step, got)
			}
		}})
	}
}

// TestFillingAheadChangesNothing: weights, epochs and logits are those of a
// training that fills a batch in when the step before it is done, for batches
// of one length, of several, in parts, of views, and for one that goes on.
func TestFillingAheadChangesNothing(t *testing.T) {
	pictures := images(60)
	e := needs(t, architecture(t, "resnet-17"), pictures, head(3, 16), &Settings{Threads: 2})
	for name, c := range map[string]struct {
		net    *Network
		data   *Data
		head   *Head
		memory int64
	}{
		"rows":  {toyNetwork(""), toyData(200, toyInputs), head(toyClasses, toyHidden), 0},
		"texts": {attentionNetwork(), sentences(120, 60), head(2, 8), 0},
		"parts": {architecture(t, "resnet-17"), pictures, head(3, 16), (e.Smallest + e.Estimate) / 2},
		"views": {toyNetwork(""), viewed(200, 2), head(toyClasses, toyHidden), 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := watch(c.data)
			s := Settings{Epochs: 3, Patience: 3, Threads: 2, LearningRate: 1e-2, Memory: c.memory}
			have := train(t, c.net, c.data, c.head, &s)
			s.inTurn = true
			want := train(t, c.net, c.data, c.head, &s)
			for _, r := range []*Result{have, want} {
				for i := range r.Epochs {
					r.Epochs[i].Seconds = 0
				}
			}
			if !reflect.DeepEqual(have, want) {
				t.Errorf("filled in ahead it ends with %+v, else with %+v", have.Epochs, want.Epochs)
			}
			if name == "parts" && have.MicroBatch >= have.BatchSize {
				t.Errorf("batches of %d are not divided", have.BatchSize)
			}
			if w.twice.Load() {
				t.Error("rows were asked for twice at a time")
			}
		})
	}
}

// TestSamplesFailAhead: an error of rows that are filled in while a step runs
// is that of the training, once it needs them; of rows that it never needs it
// is none.
func TestSamplesFailAhead(t *testing.T) {
	broken := errors.New("the file is gone")
	learn := func(ctx context.Context, after func(asked int, inputs []tensor.View) error, progress func(Progress)) (*Result, error) {
		d := toyData(200, toyInputs)
		watch(d).after = after
		return Train(ctx, library(t), toyNetwork(""), d, head(toyClasses, toyHidden), &Settings{Threads: 2, Progress: progress})
	}
	sixth := func(asked int, _ []tensor.View) error {
		if asked == 6 {
			return broken
		}
		return nil
	}
	done := 0
	_, err := learn(t.Context(), sixth, func(p Progress) { done = p.Step })
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "retrain: samples: ") || done != 5 {
		t.Errorf("%v after %d steps", err, done)
	}

	r, err := learn(t.Context(), func(asked int, inputs []tensor.View) error {
		if asked == 5 { // the fifth step diverges
			inputs[0].F32[0] = float32(math.NaN())
		}
		return sixth(asked, inputs)
	}, nil)
	if err != nil || r.Status != "diverged" || r.Steps != 4 {
		t.Errorf("a training that ends before it needs them: %+v, %v", r, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err = learn(ctx, nil, func(p Progress) {
		if p.Step == 3 && p.Done == nil {
			cancel()
		}
	})
	if err != nil || r.Status != "interrupted" || r.Steps != 3 {
		t.Errorf("stopped while a batch is filled in: %+v, %v", r, err)
	}
}
