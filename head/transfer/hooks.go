package transfer

import (
	"github.com/headstart-ml/headstart/models/retrain"
)

// Progress is how far the training of a tail is.
type Progress = retrain.Progress

// Epoch is what was measured after an epoch of a tail's training.
type Epoch = retrain.Epoch

// Hooks are functions that are told what happens. Any may be nil. All but Fits
// are called from the goroutine that called Try or Fit, Fits from one at a
// time.
type Hooks struct {
	// Begun and Ended are called before a way's fits or steps, and after them.
	Begun, Ended func(w *Way)
	// Fits is called with how many fits of a head are done, and how many there
	// are.
	Fits func(w *Way, done, total int)
	// Planned is called with what the training of a tail takes, before it is
	// computed.
	Planned func(w *Way, p Plan)
	// Steps is called after each step and each epoch of a tail.
	Steps func(w *Way, p Progress)
	// Tried is called with the result of a way.
	Tried func(a *Attempt)
	// Views is called once, by New, if training images are seen as views, too.
	Views func(v Views)
	// Activations is called before those at cuts are computed.
	Activations func(a Activations)
	// Uncached is called if the activations at a way's cut are not in the
	// cache.
	Uncached func(u Uncached)
	// TapsLeftOut is called if more taps cannot be tried: a tensor that cannot
	// be tapped, or an *extract.UnwritableError.
	TapsLeftOut func(err error)
	// LeftOut is called if a tail cannot be retrained, and others can.
	LeftOut func(w *Way, err error)
	// Resumed is called if a training went on at a step of an earlier one.
	Resumed func(w *Way, step int, checkpoint string)
	// Diverged is called if a training ended with what is not finite.
	Diverged func(w *Way, problem string)
}

// Views is what views of training images cost.
type Views struct {
	// Frozen tells that they are run through layers that are not retrained, and
	// not only decoded.
	Frozen bool
	Held   int64 // bytes of it that are held in memory, at most, for each tail
}

// Activations is what is put into the cache at cuts, in one pass.
type Activations struct {
	Ways     []*Way // whose cuts they are at
	Samples  int    // rows that the cache lacks some of
	RowBytes int64  // of a sample in the cache, at all these cuts
}

// Uncached is a tail whose activations are not in the cache, so that they are
// computed whenever they are needed: Place.Cacheable tells that they have no
// place in any, or that this one cannot be written.
type Uncached struct {
	Way  *Way
	Held int64 // bytes of them that are held in memory, at most
}

// complete makes what is nil do nothing.
func (h *Hooks) complete() {
	if h.Begun == nil {
		h.Begun = func(*Way) {}
	}
	if h.Ended == nil {
		h.Ended = func(*Way) {}
	}
	if h.Fits == nil {
		h.Fits = func(*Way, int, int) {}
	}
	if h.Planned == nil {
		h.Planned = func(*Way, Plan) {}
	}
	if h.Steps == nil {
		h.Steps = func(*Way, Progress) {}
	}
	if h.Tried == nil {
		h.Tried = func(*Attempt) {}
	}
	if h.Views == nil {
		h.Views = func(Views) {}
	}
	if h.Activations == nil {
		h.Activations = func(Activations) {}
	}
	if h.Uncached == nil {
		h.Uncached = func(Uncached) {}
	}
	if h.TapsLeftOut == nil {
		h.TapsLeftOut = func(error) {}
	}
	if h.LeftOut == nil {
		h.LeftOut = func(*Way, error) {}
	}
	if h.Resumed == nil {
		h.Resumed = func(*Way, int, string) {}
	}
	if h.Diverged == nil {
		h.Diverged = func(*Way, string) {}
	}
}
