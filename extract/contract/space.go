package contract

import (
	"encoding/json"
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
		return nil, fmt.Errorf("contract: backbone %s: modality %q is none that is known", spec.Name, spec.Modality)
	}
	prep := spec.Contract.Prep()
	for name, version := range m.versions(spec.Contract) {
		prep[name] = version
	}
	dtype := tap.DType
	if dtype == "" {
		dtype = "f32"
	}
	identity := map[string]any{
		"model":    model,
		"output":   tap.Tensor(),
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
			return nil, fmt.Errorf("contract: backbone %s: tap %s: %d values are not all those of a tensor of shape %v", spec.Name, tap.Tensor(), tap.Dim, tap.Shape)
		}
		identity["shape"] = tap.Shape[1:]
	}
	if tap.Post != "" {
		identity["post"] = tap.Post
	}
	if len(tap.Behind) > 0 {
		var steps []any
		for _, word := range tap.Behind {
			steps = append(steps, word)
		}
		identity["behind"] = steps
	}
	return cache.NewSpace(identity)
}

// WithPolicy returns the space that differs from one of images, given as its
// space.json, in a policy alone, as in how transparent parts are read.
func WithPolicy(space json.RawMessage, p models.Policy) (*cache.Space, error) {
	var identity, prep map[string]json.RawMessage
	err := json.Unmarshal(space, &identity)
	if err == nil {
		err = json.Unmarshal(identity["prep"], &prep)
	}
	if err != nil {
		return nil, fmt.Errorf("contract: space: %w", err)
	}
	if _, ok := prep[p.Name]; !ok {
		return nil, fmt.Errorf("contract: space: it has no %s, which is for images", p.Name)
	}
	for _, put := range []struct {
		to   map[string]json.RawMessage
		name string
		v    any
	}{{prep, p.Name, p.Value}, {identity, "prep", prep}} {
		if put.to[put.name], err = json.Marshal(put.v); err != nil {
			return nil, fmt.Errorf("contract: space: %w", err)
		}
	}
	changed, err := json.Marshal(identity)
	if err != nil {
		return nil, fmt.Errorf("contract: space: %w", err)
	}
	return cache.ParseSpace(changed)
}
