package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/onnx"
)

// withTail is the backbone of a head with a tail, as a backbone of its own: its
// features are the logits, which are cached as any embedding is.
func withTail(spec *models.Spec, f *file.File) (*models.Spec, error) {
	own := *spec
	if err := takeTail(&own, f); err != nil {
		return nil, err
	}
	backbone, err := wholeModel(&own)
	if err != nil {
		return nil, err
	}
	h, err := exportHead(&own, f)
	if err != nil {
		return nil, err
	}
	h.Provenance = nil // the same weights are the same model
	fused, err := export.Fuse(backbone, h)
	if err != nil {
		return nil, err
	}
	data, err := onnx.Encode(fused)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(data)
	own.Weights = models.Weights{Path: spec.Weights.Path, Data: data, SHA256: hex.EncodeToString(digest[:])}
	c := len(f.Model.Classes)
	own.Taps = []models.Tap{{Output: "logits", Pooling: "none", Shape: []int64{-1, int64(c)}, Dim: c}}
	return &own, nil
}

// throughTail replaces the features of j by the logits of a head with a tail. What
// the cache lacks of them is computed from the samples, which root says where
// they are.
func throughTail(ctx context.Context, c *common, command, root string, f *file.File, j *joined, paths []string, store *cache.Cache, e *env) (*joined, error) {
	if len(j.sets) != 1 {
		return nil, usagef("the head has retrained layers of one backbone; give one feature set, not %d", len(j.sets))
	}
	set := *j.sets[0]
	space, err := cache.ParseSpace(set.Meta.Spaces[0])
	if err != nil {
		return nil, err
	}
	spec, err := specOf(&set.Meta, space)
	if err != nil {
		return nil, err
	}
	own, err := withTail(spec, f)
	if err != nil {
		return nil, err
	}
	logits, err := extract.Space(own, own.Taps[0])
	if err != nil {
		return nil, err
	}
	set.Meta.Spaces = []json.RawMessage{logits.JSON()}
	out, err := joinSets([]*features.Set{&set}, paths, store)
	if len(missingOf(err)) == 0 {
		return out, err
	}
	from, read := rereading(&set.Meta, root)
	if slices.Contains(from, "-") {
		return nil, fmt.Errorf("the samples of %s came from the standard input and cannot be read again", paths[0])
	}
	src, err := source.Open(from, read)
	if err != nil {
		return nil, fmt.Errorf("the samples of %s cannot be read again: %w%s", paths[0], err, rootHint(spec))
	}
	defer src.Close()
	backbone, err := newSession(own, c)
	if err != nil {
		return nil, err
	}
	defer backbone.Close()
	needed := func(reason error) error { return unwritable(c.cacheDir, reason) }
	if err := new(sampling).run(ctx, command, c, own, backbone, store, src, nowhere{}, new(extract.Stats), false, needed, e); err != nil {
		return nil, err
	}
	return joinSets([]*features.Set{&set}, paths, store)
}
