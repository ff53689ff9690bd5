package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
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
	h.BareLogits = f.BareLogits
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
	c := len(f.Head.Classes)
	own.Taps = []models.Tap{{Output: "logits", Pooling: "none", Shape: []int64{-1, int64(c)}, Dim: c}}
	return &own, nil
}

// throughTail returns the feature set of a as logits of a head with a tail. What the
// cache lacks of them is computed from the samples.
func throughTail(ctx context.Context, f *file.File, a *extract.Again) (*features.Joined, error) {
	space, err := cache.ParseSpace(a.Set.Meta.Spaces[0])
	if err != nil {
		return nil, err
	}
	spec, err := specOf(&a.Set.Meta, space)
	if err != nil {
		return nil, err
	}
	own, err := withTail(spec, f)
	if err != nil {
		return nil, err
	}
	return a.Joined(ctx, own)
}
