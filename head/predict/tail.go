package predict

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"

	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// WithTail returns the backbone of a head with a tail as a backbone of its own:
// its features are the logits, which are cached as any embedding is. spec is
// the backbone before the training; see Recall.
func WithTail(spec *models.Spec, f *file.File) (*models.Spec, error) {
	own := *spec
	if err := takeTail(&own, f); err != nil {
		return nil, err
	}
	backbone, err := wholeModel(&own)
	if err != nil {
		return nil, err
	}
	h, err := new(ExportOptions).behind(&own, f)
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

// takeTail gives spec the tap that the tail of a head ends in, if it has one.
func takeTail(spec *models.Spec, f *file.File) error {
	t := f.Tail
	if t == nil {
		return nil
	}
	pooling := t.Pooling
	if pooling == "" {
		pooling = "none"
	}
	if tap := spec.Taps[0]; tap.Output != t.Features || tap.Pooling != pooling {
		if err := spec.SetTaps([]string{t.Features + ":" + pooling}); err != nil {
			return err
		}
	}
	tap := &spec.Taps[0]
	tap.Post = "" // the head's own normalisation
	if tap.Dim != f.Head.D() || len(tap.Shape) == 4 && tap.ChannelsLast != t.ChannelsLast {
		return fmt.Errorf("its tail ends in %s, of which the backbone makes %d values and the head takes %d", t.Features, tap.Dim, f.Head.D())
	}
	return nil
}

// wholeModel reads a backbone's model, with what is in files beside it.
func wholeModel(spec *models.Spec) (*pb.ModelProto, error) {
	m, err := spec.Whole()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Weights.Path, err)
	}
	return m, nil
}

// Logits embeds the samples of a feature set of the features that a head with a
// tail started from once more, through the tail: the rows are its logits, for
// File.OfLogits. What a's cache has of them is not computed. If the backbone is
// another one now, the error is a *contract.DifferenceError.
func Logits(ctx context.Context, f *file.File, a *extract.Again, builtin fs.FS) (*features.Joined, error) {
	meta := &a.Set.Meta
	spec, err := contract.Recall(meta.Backbone, meta.Spaces[:1], builtin)
	if err != nil {
		return nil, err
	}
	spec.MaxPixels = meta.MaxPixels()
	own, err := WithTail(spec, f)
	if err != nil {
		return nil, err
	}
	return a.Joined(ctx, own)
}
