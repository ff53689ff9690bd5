package transfer

import (
	"context"
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/feed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/retrain"
	"github.com/headstart-ml/headstart/models/runtime"
)

// Learner fits heads and tails to the samples of one data set. Its methods are
// for one goroutine at a time.
type Learner struct {
	settings *Settings
	data     *Data
	space    *cache.Space // of the features
	again    *extract.Again
	places   *retrain.Places
	ways     []*Way // from the simplest on
	apart    bool   // some may never be tried, so each has the cache filled by itself

	location *runtime.Location
	library  *runtime.Library
	reread   func() (*source.Source, error) // opens the source once more

	filled   map[*Way]bool    // of which the cache has what it can have
	taps     *features.Joined // with more taps beside the features; nil without
	tapsErr  error            // why there are none
	cached   map[string]feed.Rows
	contents *feed.Contents // of the source; nil before it is needed
	feeds    map[string]*feed.Feed
	closers  []func() error

	checkpoints []string // of what was retrained
}

// New prepares what s asks for: it finds the places at which the backbone can
// be cut, and the runtime library. Nothing is computed yet. Errors: ErrSpaces,
// *features.SeveralError, *ViewsError, *ReplicasError, *PlaceError, and those
// of runtime.Find and runtime.Library. The caller closes the Learner before the
// data.
func New(d *Data, s *Settings) (*Learner, error) {
	l, err := newLearner(d, s)
	if err != nil {
		return nil, err
	}
	if err := l.findWays(); err != nil {
		return nil, err
	}
	if err := l.load(); err != nil {
		return nil, err
	}
	if l.settings.Views > 0 {
		frozen := slices.ContainsFunc(l.ways, func(w *Way) bool { return w.Place != nil && w.Place.Cut != "" })
		l.settings.Hooks.Views(Views{Frozen: frozen, Held: l.held()})
	}
	return l, nil
}

// newLearner is New without ways, and without the library.
func newLearner(d *Data, s *Settings) (*Learner, error) {
	j := d.Features
	if len(j.Sets) != 1 || len(j.Sets[0].Meta.Spaces) != 1 {
		return nil, ErrSpaces
	}
	if err := j.Table.OneLabel(); err != nil {
		return nil, err
	}
	l := &Learner{data: d, filled: map[*Way]bool{}, cached: map[string]feed.Rows{}, feeds: map[string]*feed.Feed{}}
	var err error
	if l.settings, err = s.complete(d); err != nil {
		return nil, err
	}
	set := j.Sets[0]
	l.again = &extract.Again{Set: set, Name: j.Names[0], Root: d.Root, Cache: d.Cache, Run: l.settings.Extract}
	if l.again.Run == nil {
		l.again.Run = l.run
	}
	l.reread = func() (*source.Source, error) { return extract.Reread(&set.Meta, d.Root) }
	if l.space, err = cache.ParseSpace(set.Meta.Spaces[0]); err != nil {
		return nil, fmt.Errorf("transfer: %s: %w", j.Names[0], err)
	}
	if l.settings.Views > 0 && d.Spec.Modality != models.Image {
		return nil, &ViewsError{l.settings.Views, d.Spec.Modality}
	}
	if l.places, err = retrain.NewPlaces(d.Spec); err != nil {
		return nil, err
	}
	return l, nil
}

// load finds the runtime library and opens it, once.
func (l *Learner) load() error {
	if l.library != nil {
		return nil
	}
	location, err := runtime.Find(l.settings.Runtime)
	if err != nil {
		return err
	}
	if l.library, err = runtime.Open(location.Path); err != nil {
		return err
	}
	l.location = location
	l.closers = append(l.closers, l.library.Close)
	return nil
}

// findWays lists the ways that are tried.
func (l *Learner) findWays() error {
	l.ways = []*Way{{Name: "head"}}
	if l.settings.Tail != Auto {
		one, err := l.places.Find(l.settings.Tail)
		if err != nil {
			return err
		}
		l.ways = append(l.ways, &Way{one.Name, one})
		return nil
	}
	if len(l.places.Ends()) > 0 {
		l.ways = append(l.ways, &Way{Name: "taps"})
	}
	for _, one := range l.places.Candidates() {
		l.ways = append(l.ways, &Way{one.Name, one})
	}
	return nil
}

// Ways lists what is tried, from the simplest on: the head alone, more taps if
// Settings.Tail is Auto and the backbone's layers have ends, and tails.
func (l *Learner) Ways() []*Way { return slices.Clone(l.ways) }

// Close closes what was opened: readers, sessions, the source and the library.
func (l *Learner) Close() error {
	var first error
	for _, c := range slices.Backward(l.closers) {
		if err := c(); first == nil {
			first = err
		}
	}
	l.closers = nil
	return first
}

// held is how many bytes the feed of one tail may hold: half of the memory is
// for all of them.
func (l *Learner) held() int64 {
	tails := 0
	for _, w := range l.ways {
		if w.Place != nil {
			tails++
		}
	}
	return l.settings.Memory / 2 / int64(max(tails, 1))
}

// session returns a session of the backbone that spec describes, which is
// loaded by its first run.
func (l *Learner) session(spec *models.Spec) *runtime.Lazy {
	var inputs []string
	for _, in := range spec.Feeds() {
		inputs = append(inputs, in.Name)
	}
	library := l.settings.Runtime
	if l.location != nil {
		library = l.location.Path
	}
	return runtime.NewLazy(library, func() ([]byte, error) { return spec.Model(), nil }, &runtime.Options{
		Name: spec.Name, Inputs: inputs, Outputs: spec.Outputs(), Folder: spec.Weights.Dir, Threads: 1,
	})
}

// run is the default of Settings.Extract.
func (l *Learner) run(ctx context.Context, spec *models.Spec, src *source.Source) error {
	backbone := l.session(spec)
	defer backbone.Close()
	stat := l.data.Cache.StatCache(string(spec.Modality))
	err := extract.Run(ctx, spec, backbone, l.data.Cache, src, nil, nil, &extract.Settings{
		Threads: l.settings.Threads, Provenance: backbone.Provenance, StatCache: stat,
	})
	_ = stat.Save() // a hint: without it the next run reads every file again
	return err
}
