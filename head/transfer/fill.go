package transfer

import (
	"context"
	"errors"
	"slices"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/models"
)

// tapLayers is how many of the last layers have a tap at their end, beside the
// features themselves.
const tapLayers = 3

// tapped is a tensor of the backbone that is kept in the cache.
type tapped struct {
	way   *Way       // whose cut it is; nil: one of more taps
	tap   models.Tap // as it is kept
	space *cache.Space
	lacks int // rows that the cache has not
}

// name is what models.Spec.SetTaps takes.
func (t *tapped) name() string { return contract.TapName(t.tap) }

// tap gives a copy of the backbone the taps that are named, kept as dtype says.
func (l *Learner) tap(dtype string, names ...string) (*models.Spec, error) {
	spec := *l.data.Spec
	if err := spec.SetTaps(names); err != nil {
		return nil, err
	}
	for i := range spec.Taps {
		spec.Taps[i].DType = dtype
	}
	return &spec, nil
}

// fill puts into the cache what some ways need of it: the activations at cuts
// and the features of more taps, in one pass over the source. What the cache
// cannot have is computed when it is needed, or left out. When ctx ends, it can
// be called once more.
func (l *Learner) fill(ctx context.Context, ways []*Way) error {
	if !slices.ContainsFunc(ways, func(w *Way) bool { return !l.filled[w] }) {
		return nil
	}
	cuts, err := l.cuts(ways)
	if err != nil {
		return err
	}
	more, taps, err := l.moreTaps(ways)
	if err != nil {
		return err
	}
	wanted := slices.Concat(cuts, taps)
	lacking, err := l.open(wanted)
	if err != nil {
		return err
	}
	var unwritable *extract.UnwritableError
	if len(lacking) > 0 {
		err := l.embed(ctx, lacking)
		if err != nil && !errors.As(err, &unwritable) {
			return err
		}
	}
	if more != nil {
		if err := l.openTaps(ctx, more, taps, unwritable); err != nil {
			return err
		}
	}
	for _, w := range ways {
		l.filled[w] = true
	}
	return nil
}

// cuts lists the activations of those of ways that are tails and have a place
// in the cache.
func (l *Learner) cuts(ways []*Way) ([]*tapped, error) {
	var all []*tapped
	for _, w := range ways {
		if w.Place == nil || !w.Place.Cacheable() {
			continue
		}
		spec, err := l.tap(l.settings.DType, w.Place.Cut+":"+w.Place.Pooling())
		if err != nil {
			return nil, &TailError{w.Name, err}
		}
		space, err := contract.SpaceOf(spec, spec.Taps[0])
		if err != nil {
			return nil, &TailError{w.Name, err}
		}
		all = append(all, &tapped{way: w, tap: spec.Taps[0], space: space})
	}
	return all, nil
}

// moreTaps returns the backbone with more taps, and what of them is not the
// features that there are; nil if they are none of ways, or cannot be tried.
func (l *Learner) moreTaps(ways []*Way) (*models.Spec, []*tapped, error) {
	if !slices.ContainsFunc(ways, func(w *Way) bool { return w.Name == wayTaps }) {
		return nil, nil, nil
	}
	own := l.data.Spec.Taps[0]
	names := []string{contract.TapName(own)}
	ends := l.places.Ends()
	for _, end := range ends[max(len(ends)-tapLayers, 0):] {
		name := end.Cut
		if l.data.Spec.Modality == models.Image && len(end.Shape) == 3 {
			name += ":mean" // over the tokens of an image, for which no pooling goes without saying
		}
		names = append(names, name)
	}
	spec, err := l.tap(own.DType, names...)
	if err != nil {
		l.leaveOutTaps(err)
		return nil, nil, nil
	}
	spaces, err := contract.SpacesOf(spec)
	if err != nil {
		return nil, nil, err
	}
	var all []*tapped
	for i, tap := range spec.Taps[1:] {
		all = append(all, &tapped{tap: tap, space: spaces[i+1]})
	}
	return spec, all, nil
}

// leaveOutTaps says that more taps cannot be tried, once.
func (l *Learner) leaveOutTaps(err error) {
	if l.tapsErr == nil {
		l.settings.Hooks.TapsLeftOut(err)
	}
	l.tapsErr = &TapsError{err}
}

// open opens readers of the activations that the cache has of all samples, and
// returns what it lacks some rows of.
func (l *Learner) open(wanted []*tapped) ([]*tapped, error) {
	var lacking []*tapped
	for _, t := range wanted {
		reader, err := l.data.Cache.Reader(t.space)
		if err != nil {
			return nil, err
		}
		missing, err := reader.Missing(l.data.Features.Table.Keys)
		t.lacks = len(missing)
		if err != nil || t.lacks > 0 || t.way == nil {
			reader.Close()
		}
		if err != nil {
			return nil, err
		}
		if t.lacks > 0 {
			lacking = append(lacking, t)
		} else if t.way != nil {
			l.cached[t.way.Place.Cut] = reader
			l.closers = append(l.closers, reader.Close)
		}
	}
	return lacking, nil
}

// embed computes what the cache lacks, in one pass. Samples that are not there
// any more are an *extract.GoneError.
func (l *Learner) embed(ctx context.Context, lacking []*tapped) error {
	var names []string
	var told Activations
	for _, t := range lacking {
		names = append(names, t.name())
		if t.way != nil {
			told.Ways = append(told.Ways, t.way)
			told.Samples = max(told.Samples, t.lacks)
			told.RowBytes += rowBytes(t.space)
		}
	}
	spec, err := l.tap("", names...)
	if err != nil {
		return err
	}
	for i, t := range lacking {
		spec.Taps[i] = t.tap
	}
	if len(told.Ways) > 0 {
		l.settings.Hooks.Activations(told)
	}
	if err := l.again.Embed(ctx, spec); err != nil {
		return err
	}
	if lacking, err = l.open(lacking); err != nil {
		return err
	}
	gone := 0
	for _, t := range lacking {
		gone = max(gone, t.lacks)
	}
	if gone > 0 {
		return &extract.GoneError{Set: l.again.Name, Gone: gone, N: l.again.Set.N()}
	}
	return nil
}

// rowBytes is the size of a row in the cache.
func rowBytes(s *cache.Space) int64 {
	if s.DType() == "f16" {
		return 2 * int64(s.Dim())
	}
	return 4 * int64(s.Dim())
}

// openTaps opens the features of more taps, which are left out if the cache
// lacks some that it cannot be given.
func (l *Learner) openTaps(ctx context.Context, more *models.Spec, taps []*tapped, unwritable *extract.UnwritableError) error {
	if unwritable != nil && slices.ContainsFunc(taps, func(t *tapped) bool { return t.lacks > 0 }) {
		l.leaveOutTaps(unwritable)
		return nil
	}
	j, err := l.again.Joined(ctx, more)
	if err != nil {
		return err
	}
	l.closers = append(l.closers, j.Close)
	l.taps = j
	return nil
}
