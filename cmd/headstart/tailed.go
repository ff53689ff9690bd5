package main

import (
	"context"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/predict"
)

// throughTail returns the feature set of a as logits of a head with a tail.
// What the cache lacks of them is computed from the samples.
func throughTail(ctx context.Context, f *file.File, a *extract.Again) (*features.Joined, error) {
	space, err := cache.ParseSpace(a.Set.Meta.Spaces[0])
	if err != nil {
		return nil, err
	}
	spec, err := specOf(&a.Set.Meta, space)
	if err != nil {
		return nil, err
	}
	own, err := predict.WithTail(spec, f)
	if err != nil {
		return nil, err
	}
	return a.Joined(ctx, own)
}
