package predict

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/tensor"
)

// exportSamples is how many samples a model is checked on.
const exportSamples = 32

// ExportOptions say what is exported, and where to.
type ExportOptions struct {
	Options
	Head string // names the head in errors
	Dir  string // the folder, new or empty
	Tool string // what exports, for the metadata
}

// Export writes the backbone that spec describes, see Recall, with the head of
// f behind it as one model into the folder o.Dir. Before the model gets its
// place it is run on samples that are made up, and compared with the backbone,
// its pooling and the head, each by itself; a model that gives other
// probabilities is not written, and the error is an *export.DifferentError.
// spec must not be used afterwards.
func Export(ctx context.Context, spec *models.Spec, f *file.File, o *ExportOptions) (*export.Written, error) {
	if err := takeTail(spec, f); err != nil {
		return nil, fmt.Errorf("predict: %s: %w", o.Head, err)
	}
	backbone, err := wholeModel(spec)
	if err != nil {
		return nil, err
	}
	h, err := behind(spec, f)
	if err != nil {
		return nil, fmt.Errorf("predict: %s: %w", o.Head, err)
	}
	h.Provenance["exported_by"] = o.Tool
	external := len(spec.Weights.External) > 0
	fused, err := export.Fuse(backbone, h)
	if err != nil {
		return nil, err
	}
	if f.Tail != nil { // the samples are to be compared with the backbone that was trained
		dir, err := os.MkdirTemp("", "headstart-export-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		if err := retrained(spec, backbone, f.Tail, external, dir); err != nil {
			return nil, err
		}
	}
	check := &export.Check{Classes: len(f.Head.Classes), Link: h.Link}
	for _, in := range fused.GetGraph().GetInput() {
		if slices.ContainsFunc(spec.Inputs, func(x models.Input) bool { return x.Name == in.GetName() }) {
			check.Inputs = append(check.Inputs, in.GetName())
		}
	}
	reference := Session(spec, &o.Options)
	defer reference.Close()
	if check.Batches, err = exportBatches(ctx, spec, reference, f.Head, check.Inputs); err != nil {
		return nil, err
	}
	if check.Library, err = reference.Library(); err != nil {
		return nil, err
	}
	return export.Write(ctx, o.Dir, fused, external, check)
}

// behind describes the head of f behind the first tap of spec.
func behind(spec *models.Spec, f *file.File) (*export.Head, error) {
	layers, err := file.Head(f)
	if err != nil {
		return nil, err
	}
	if text, ok := spec.Contract.(*models.TextSpec); ok && text.Long == models.LongChunks {
		return nil, fmt.Errorf("its features are means over windows of long texts, and a model takes one window; a head on features of truncated texts can be exported")
	}
	h := &export.Head{Head: *layers, Classes: f.Head.Classes}
	tap := spec.Taps[0]
	h.Features, h.Pooling, h.Post = tap.Output, tap.Pooling, tap.Post
	switch {
	case len(tap.Shape) == 4:
		h.ChannelsFirst, h.Space = !tap.ChannelsLast, tap.ChannelsLast
	case spec.Masks(&tap):
		for _, in := range spec.Inputs {
			if in.Role == "mask" {
				h.Mask = in.Name
			}
		}
		if h.Mask == "" {
			return nil, fmt.Errorf("the backbone has no input for a mask, so that pooling %q over texts of unequal length cannot be told in a model", tap.Pooling)
		}
	}
	h.Provenance = map[string]string{
		"backbone": f.Spaces[0].Backbone, "backbone_sha256": spec.Weights.SHA256, "tap": tap.Tensor() + ":" + tap.Pooling,
	}
	for name, text := range map[string]string{"backbone_licence": spec.Licence, "backbone_source": spec.Source, "data": f.Data, "created": f.Created} {
		if text != "" {
			h.Provenance[name] = text
		}
	}
	if f.Head.Reject > 0 {
		h.Provenance["reject"] = strconv.FormatFloat(f.Head.Reject, 'g', -1, 64)
	}
	if f.Head.Thresholds != nil {
		list, err := json.Marshal(f.Head.Thresholds)
		if err != nil {
			return nil, err
		}
		h.Provenance["thresholds"] = string(list)
	}
	if f.Tail != nil {
		h.Weights, h.Cut = f.Tail.Weights, f.Tail.Cut
		h.Provenance["tail"] = f.Tail.Cut
		if f.Tail.Cut == "" {
			h.Provenance["tail"] = "all"
		}
	}
	return h, nil
}

// retrained puts a backbone with the weights of a tail into dir and lets spec
// run that.
func retrained(spec *models.Spec, backbone *pb.ModelProto, t *file.Tail, external bool, dir string) error {
	changed, err := onnx.RewriteBehind(backbone, t.Cut, t.Weights, t.Features)
	if err != nil {
		return err
	}
	if changed, err = onnx.Prune(changed, spec.Taps[0].Output); err != nil {
		return err
	}
	// What the file declares of it may be that of another size of images.
	var dims []onnx.Dim
	for _, n := range spec.Taps[0].Shape {
		dims = append(dims, onnx.Dim{Size: n})
	}
	changed.Graph.Output[0] = onnx.TensorValue(spec.Taps[0].Output, pb.TensorProto_FLOAT, dims...)
	beside, err := export.Save(dir, changed, external)
	if err != nil {
		return err
	}
	spec.Weights.Dir = ""
	if beside {
		spec.Weights.Dir = dir
	}
	if spec.Weights.Data, err = draft.ReadRegular(filepath.Join(dir, export.ModelFile)); err != nil {
		return err
	}
	// What the features do not need is no input any more.
	spec.Weights.Pruned, spec.Weights.Read = spec.Weights.Data, nil
	for _, in := range changed.GetGraph().GetInput() {
		spec.Weights.Read = append(spec.Weights.Read, in.GetName())
	}
	return nil
}

// exportBatches makes samples up and computes their probabilities by way of the
// backbone, its pooling and the head, each by itself.
func exportBatches(ctx context.Context, spec *models.Spec, backbone embed.Backbone, m *head.Head, inputs []string) ([]export.Batch, error) {
	probes, err := embed.Probes(spec, exportSamples)
	if err != nil {
		return nil, err
	}
	var batches []export.Batch
	for _, p := range probes {
		rows, err := p.Embed(ctx, spec, backbone)
		if err != nil {
			return nil, err
		}
		b := export.Batch{Probabilities: make([]float64, p.N()*len(m.Classes))}
		if err := m.AnswersTo(b.Probabilities, rows, p.N()); err != nil {
			return nil, err
		}
		for _, name := range inputs {
			t := p.Inputs[slices.IndexFunc(p.Inputs, func(t tensor.View) bool { return t.Name == name })]
			b.Inputs = append(b.Inputs, t)
		}
		batches = append(batches, b)
	}
	return batches, nil
}
