package extract

import (
	"fmt"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/image"
	"github.com/headstart-ml/headstart/extract/text"
	"github.com/headstart-ml/headstart/models"
)

// Space returns the identity of the embeddings that spec gives: everything
// that makes two of its vectors comparable, and nothing (batch size, threads,
// paths, times) that does not.
func Space(spec *models.Spec) (*cache.Space, error) {
	model := map[string]any{"sha256": spec.Weights.SHA256}
	if len(spec.Weights.External) > 0 {
		var external []any
		for _, f := range spec.Weights.External {
			external = append(external, []any{f.Path, f.Size, f.SHA256})
		}
		model["external"] = external
	}
	var prep map[string]any
	switch spec.Modality {
	case models.Image:
		prep = spec.Image.Prep()
		prep["impl"] = image.Impl
		prep["decode"] = image.Decode()
	case models.Text:
		prep = spec.Text.Prep()
		prep["impl"] = text.Impl
	default:
		return nil, fmt.Errorf("extract: backbone %s: modality %q is neither image nor text", spec.Name, spec.Modality)
	}
	dtype := spec.Tap.DType
	if dtype == "" {
		dtype = "f32"
	}
	identity := map[string]any{
		"model":    model,
		"output":   spec.Tap.Output,
		"pool":     spec.Tap.Pooling,
		"dim":      spec.Tap.Dim,
		"dtype":    dtype,
		"numerics": "cpu-f32",
		"prep":     prep,
	}
	if spec.Post != "" {
		identity["post"] = spec.Post
	}
	return cache.NewSpace(identity)
}
