package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/runtime"
)

// again reads the samples of a feature set once more, to embed them in other
// spaces than the set's.
type again struct {
	*common
	command string
	set     *features.Set
	name    string // of the set
	root    string // where the samples are now; "": where they were
	store   *cache.Cache
	env     *env
}

// reading opens the source that the feature set was extracted from.
func (a *again) reading() (*source.Source, error) {
	src, err := extract.Reread(&a.set.Meta, a.root)
	if errors.Is(err, extract.ErrStandardInput) {
		return nil, fmt.Errorf("the samples of %s came from the standard input and cannot be read again; extract them from a file", a.name)
	}
	if moved, ok := errors.AsType[*extract.MovedError](err); ok {
		return nil, fmt.Errorf("the samples of %s cannot be read again: %w%s", a.name, moved.Err, rootHint)
	}
	return src, err
}

// embed puts the embeddings at the taps of spec into the cache, as far as they are
// not there. A cache that cannot be written is errUnwritable.
func (a *again) embed(ctx context.Context, spec *models.Spec, backbone *runtime.Lazy) error {
	src, err := a.reading()
	if err != nil {
		return err
	}
	defer src.Close()
	needed := func(reason error) error { return unwritable(a.cacheDir, reason) }
	return new(sampling).run(ctx, a.command, a.common, spec, backbone, a.store, src, nowhere{}, new(extract.Stats), false, needed, a.env)
}

// nowhere takes what is extracted and keeps nothing: it is in the cache.
type nowhere struct{}

func (nowhere) Take([]extract.Row) error { return nil }

// gone is the error for samples that are not what they were, or not there.
func (a *again) gone(missing int) error {
	return fmt.Errorf("%s of %s samples of %s are not where they were extracted from any more, or are bad now%s", count(int64(missing)), count(int64(a.set.N())), a.name, rootHint)
}

// joined returns the set in the spaces of spec's taps. What the cache lacks of them
// is computed; a cache that cannot be written is an error then.
func (a *again) joined(ctx context.Context, spec *models.Spec) (*features.Joined, error) {
	spaces, err := contract.SpacesOf(spec)
	if err != nil {
		return nil, err
	}
	set := *a.set
	set.Meta.Spaces = nil
	for _, s := range spaces {
		set.Meta.Spaces = append(set.Meta.Spaces, json.RawMessage(s.JSON()))
	}
	join := func() (*features.Joined, error) {
		return features.OpenSets([]*features.Set{&set}, []string{a.name}, a.store)
	}
	j, err := join()
	if len(features.Missing(err)) == 0 {
		return j, err
	}
	backbone, err := newSession(spec, a.common)
	if err != nil {
		return nil, err
	}
	defer backbone.Close()
	if err := a.embed(ctx, spec, backbone); err != nil {
		return nil, err
	}
	j, err = join()
	if missing := features.Missing(err); len(missing) > 0 {
		return nil, a.gone(missing[0].Missing)
	}
	return j, err
}
