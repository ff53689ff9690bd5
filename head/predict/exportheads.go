package predict

import (
	"encoding/json"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Another is one of several heads that are exported with one backbone.
type Another struct {
	Path string // of the head file, whose name the head gets
	File *file.File
	// Labelled are samples on which it is measured what rounding the weights
	// changes; nil: there are none.
	Labelled iter.Seq2[*Labelled, error]

	taps []int // of the backbone's, see Together
}

// BranchError says why a head cannot share a pass of a backbone with another.
type BranchError struct {
	Head, Other string // their paths
	Why         string
}

func (e *BranchError) Error() string {
	return fmt.Sprintf("predict: %s and %s cannot be one model: %s", e.Head, e.Other, e.Why)
}

// Together returns a head file whose spaces are those of all heads, each once,
// for Recall, and notes in heads which of them each takes. Heads of several
// backbones, of one with another preprocessing, or with retrained layers are a
// *BranchError.
func Together(heads []*Another) (*file.File, error) {
	all := &file.File{Head: heads[0].File.Head}
	for _, h := range heads {
		if h.File.Tail != nil {
			other := heads[0]
			if h == other {
				other = heads[1]
			}
			return nil, &BranchError{h.Path, other.Path, fmt.Sprintf("layers were retrained with %s, so that it needs a pass of its own; export it by itself", h.Path)}
		}
		h.taps = nil
		for _, s := range h.File.Spaces {
			if why := apartBy(heads[0].File.Spaces[0].JSON, s.JSON); why != "" {
				return nil, &BranchError{heads[0].Path, h.Path, why}
			}
			at := slices.IndexFunc(all.Spaces, func(have file.Space) bool { return string(have.JSON) == string(s.JSON) })
			if at < 0 {
				at = len(all.Spaces)
				all.Spaces = append(all.Spaces, s)
			}
			h.taps = append(h.taps, at)
		}
	}
	return all, nil
}

// apartBy says in what two spaces differ that one pass cannot give, "" if in
// nothing.
func apartBy(a, b json.RawMessage) string {
	if contract.OneBackbone([]json.RawMessage{a, b}) {
		return ""
	}
	first, err := cache.ParseSpace(a)
	if err != nil {
		return err.Error()
	}
	other, err := cache.ParseSpace(b)
	if err != nil {
		return err.Error()
	}
	var fields []string
	for _, d := range first.Diff(other) {
		if strings.HasPrefix(d.Field, "model") {
			return "they are of two backbones"
		}
		fields = append(fields, d.Field)
	}
	return "their backbone is fed in two ways (" + strings.Join(fields, ", ") + ")"
}

// HeadOf is one of several heads of an exported model.
type HeadOf struct {
	Name     string    `json:"name"`
	Head     string    `json:"head"`    // the file
	Outputs  []string  `json:"outputs"` // of the model
	Rounding *Rounding `json:"rounding,omitempty"`
}

// branches are the heads of o behind the backbone that spec describes.
type branches struct {
	model    *pb.ModelProto
	base     *pb.ModelProto
	heads    []export.Branch
	taps     []models.Tap // of the first
	metadata []map[string]string
}

// fuseAll makes one model of all heads of o.
func (o *ExportOptions) fuseAll(spec *models.Spec, backbone *pb.ModelProto, licence string) (*branches, error) {
	base, renamed, err := export.Free(backbone)
	if err != nil {
		return nil, err
	}
	var called []string
	for _, h := range o.Heads {
		called = append(called, strings.TrimSuffix(strings.TrimSuffix(filepath.Base(h.Path), ".onnx"), ".head"))
	}
	names := export.Names(called)
	out := &branches{base: base}
	for i, one := range o.Heads {
		own := *spec
		own.Taps = nil
		for _, at := range one.taps {
			tap := spec.Taps[at]
			if other := renamed[tap.Output]; other != "" {
				tap.Output = other
			}
			own.Taps = append(own.Taps, tap)
		}
		m := base
		h, taps, err := o.fusible(&own, one.File, &m)
		if err != nil {
			return nil, fmt.Errorf("predict: %s: %w", one.Path, err)
		}
		h.Provenance["exported_by"], h.Provenance["backbone_licence"] = o.Tool, licence
		if i == 0 {
			out.taps = taps
		}
		out.heads = append(out.heads, export.Branch{Name: names[i], Head: h, Backbone: m})
	}
	out.model, out.metadata, err = export.FuseAll(base, out.heads, spec.Modality)
	if err != nil {
		return nil, err
	}
	for i, one := range o.Heads {
		meta := out.metadata[i]
		meta["name"], meta["head"] = names[i], one.File.Head.Kind
		metrics, err := publicMetrics(one.File.Metrics)
		if err != nil {
			return nil, fmt.Errorf("predict: %s: metrics: %w", one.Path, err)
		}
		if metrics != nil {
			meta["metrics"] = string(metrics)
		}
	}
	return out, nil
}

// rows are the features of the head of w, of n embeddings of all taps.
func (w *work) rows(all []float32, n int) []float32 {
	if w.taps == nil {
		return all
	}
	var from []int // where each tap begins
	width := 0
	for _, t := range w.spec.Taps {
		from = append(from, width)
		width += t.Dim
	}
	var own []float32
	for i := range n {
		for _, at := range w.taps {
			own = append(own, all[i*width+from[at]:][:w.spec.Taps[at].Dim]...)
		}
	}
	return own
}

// HeadNameError says that an exported model has no head of a name, or no names.
type HeadNameError struct {
	Path, Name string
	Names      []string // that there are; nil: it has one head
}

func (e *HeadNameError) Error() string {
	if e.Names == nil {
		return fmt.Sprintf("predict: %s has one head, which has no name; there is no %q", e.Path, e.Name)
	}
	return fmt.Sprintf("predict: %s has no head %q; it has %s", e.Path, e.Name, strings.Join(e.Names, ", "))
}

// HeadNames are the names of the heads of an exported model, by its metadata;
// nil if it has one.
func HeadNames(spec *models.Spec) []string {
	var names []string
	for _, h := range headsIn(spec.Exported) {
		names = append(names, h["name"])
	}
	return names
}

// headsIn reads the metadata of the heads of an exported model, nil if it has
// one.
func headsIn(meta map[string]string) []map[string]string {
	var all []map[string]string
	if text := meta["heads"]; text == "" || json.Unmarshal([]byte(text), &all) != nil {
		return nil
	}
	return all
}
