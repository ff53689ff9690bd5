package predict

import (
	"context"
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/tensor"
)

// EmbedderError says that a folder has an embedding model, where a head is
// needed.
type EmbedderError struct{ Path string }

func (e *EmbedderError) Error() string {
	return fmt.Sprintf("predict: %s is an exported embedding model, which has no head", e.Path)
}

// pooledAs says how clients pool what the embedding model of spec gives, of
// which h is what is pooled. Where they get the vectors of tokens, the tap is
// called as these are.
func pooledAs(spec *models.Spec, h *export.Head, taps []models.Tap) *export.Pooled {
	p := &export.Pooled{Pooling: taps[0].Pooling, Normalize: true}
	for i := range taps {
		p.Dim += taps[i].Dim
		p.Normalize = p.Normalize && taps[i].Post == "l2" && len(taps) == 1
	}
	run := slices.ContainsFunc(spec.Inputs, func(in models.Input) bool { return in.Role == "run" })
	if len(taps) == 1 && spec.Modality == models.Text && !run && spec.PerToken(&taps[0]) && h.Pooling == taps[0].Pooling {
		p.Tokens = true
		taps[0].Output = export.Tokens
	}
	if len(taps) > 1 {
		p.Pooling = "of several tensors side by side"
	}
	return p
}

// tokens are the vectors of tokens that the backbone gives of a batch.
func (w *work) tokens(ctx context.Context, p *embed.Probe) (tensor.View, error) {
	var inputs []tensor.View
	for _, in := range w.spec.Feeds() {
		i := slices.IndexFunc(p.Inputs, func(v tensor.View) bool { return v.Name == in.Name })
		inputs = append(inputs, p.Inputs[i])
	}
	shape := []int64{inputs[0].Shape[0], inputs[0].Shape[1], int64(w.pooled.Dim)}
	out := tensor.View{Shape: shape, F32: make([]float32, shape[0]*shape[1]*shape[2])}
	return out, w.reference.Run(ctx, inputs, []tensor.View{out})
}
