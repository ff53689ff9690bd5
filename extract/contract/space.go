package contract

import (
	"fmt"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/models"
)

// SpacesOf returns the space of each tap of spec.
func SpacesOf(spec *models.Spec) ([]*cache.Space, error) {
	if len(spec.Taps) == 0 {
		return nil, fmt.Errorf("contract: backbone %s: it has no tap", spec.Name)
	}
	spaces := make([]*cache.Space, len(spec.Taps))
	for i, tap := range spec.Taps {
		s, err := SpaceOf(spec, tap)
		if err != nil {
			return nil, err
		}
		spaces[i] = s
	}
	return spaces, nil
}

// SpaceOf returns the identity of the embeddings that a tap of spec gives:
// everything that makes two of its vectors comparable, and nothing (batch size,
// threads, paths, times) that does not.
func SpaceOf(spec *models.Spec, tap models.Tap) (*cache.Space, error) {
	model := map[string]any{"sha256": spec.Weights.SHA256}
	if len(spec.Weights.External) > 0 {
		var external []any
		for _, f := range spec.Weights.External {
			external = append(external, []any{f.Path, f.Size, f.SHA256})
		}
		model["external"] = external
	}
	m := modalityOf(spec.Modality)
	if m == nil {
		return nil, fmt.Errorf("contract: backbone %s: modality %q is neither image nor text", spec.Name, spec.Modality)
	}
	prep := spec.Contract.Prep()
	for name, version := range m.versions() {
		prep[name] = version
	}
	dtype := tap.DType
	if dtype == "" {
		dtype = "f32"
	}
	identity := map[string]any{
		"model":    model,
		"output":   tap.Output,
		"pool":     tap.Pooling,
		"dim":      tap.Dim,
		"dtype":    dtype,
		"numerics": "cpu-f32",
		"prep":     prep,
	}
	if tap.Pooling == "flat" {
		n := 1
		for _, d := range tap.Shape[min(1, len(tap.Shape)):] {
			n *= int(d)
		}
		if len(tap.Shape) < 2 || n != tap.Dim {
			return nil, fmt.Errorf("contract: backbone %s: tap %s: %d values are not all those of a tensor of shape %v", spec.Name, tap.Output, tap.Dim, tap.Shape)
		}
		identity["shape"] = tap.Shape[1:]
	}
	if tap.Post != "" {
		identity["post"] = tap.Post
	}
	return cache.NewSpace(identity)
}
