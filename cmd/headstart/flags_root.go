package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
)

// rereading says whose samples are read again, and where they are.
type rereading struct {
	command string
	name    string // of the feature set
	root    string // where the samples are now; "": where they were
	store   *cache.Cache
}

// again returns what embeds the samples of a feature set once more, with
// progress and notes. Its errors want advice.
func (r *rereading) again(set *features.Set, c *common, e *env) *extract.Again {
	return &extract.Again{
		Set: set, Name: r.name, Root: r.root, Cache: r.store,
		Run: func(ctx context.Context, spec *models.Spec, src *source.Source) error {
			backbone := newSession(spec, c)
			defer backbone.Close()
			unwritable := func(reason error) error { return &extract.UnwritableError{Err: reason} }
			// Their number is known: the source is not read once more to count
			// them.
			known := &sampling{samples: set.N() + set.Meta.Counts.Bad}
			return known.run(ctx, r.command, c, spec, backbone, r.store, src, nil, new(extract.Stats), false, unwritable, e)
		},
	}
}

// advised says of an error of embedding the samples of a feature set again what
// to do about it. Other errors are as they are.
func (r *rereading) advised(err error, c *common) error {
	if errors.Is(err, extract.ErrStandardInput) {
		return fmt.Errorf("the samples of %s came from the standard input and cannot be read again; extract them from a file", r.name)
	}
	if moved, ok := errors.AsType[*extract.MovedError](err); ok {
		return fmt.Errorf("the samples of %s cannot be read again: %w%s", r.name, moved.Err, rootHint)
	}
	if gone, ok := errors.AsType[*extract.GoneError](err); ok {
		return fmt.Errorf("%s of %s samples of %s are not where they were extracted from any more, or are bad now%s", count(int64(gone.Gone)), count(int64(gone.N)), r.name, rootHint)
	}
	if u, ok := errors.AsType[*extract.UnwritableError](err); ok {
		return unwritable(c.cacheDir, u.Err)
	}
	return err
}

// throughTail returns the feature set of a as logits of a head with a tail.
func throughTail(ctx context.Context, f *file.File, a *extract.Again) (*features.Joined, error) {
	j, err := predict.Logits(ctx, f, a, builtin.FS())
	return j, another(a.Set.Meta.Backbone, err)
}
