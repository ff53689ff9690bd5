package predict

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/text"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
)

// exportSamples is how many samples a model is checked on, and batchSizes are
// the sizes of their batches, over and over.
const exportSamples = 32

var batchSizes = []int{1, 2, 7}

// ExportOptions say what is exported, and where to.
type ExportOptions struct {
	Options
	Head string // names the head in errors
	Dir  string // the folder, new or empty
	// Replace lets the folder take the place of an earlier export.
	Replace bool
	Layout  string // of the folder, one of export.Layouts; "": the first one
	Input   string // of the model, one of export.Inputs; "": the first one
	Tool    string // what exports, for the metadata
	// Largest is how many bytes a model may have before its larger weights get
	// a file of their own beside it; 0: as many as a file of a model can have.
	Largest int
	// Samples are contents of samples that the model is checked on. Where they
	// are fewer than 32, others are made up.
	Samples [][]byte
	Papers  *models.Papers // of the backbone; nil: it has none
	Card    export.Card    // what the model card says
	// Licence is that of the backbone's weights, if nothing else says it.
	Licence string
	// Embedder exports the backbone with its pooling as an embedding model,
	// without the head. Of the head file its Spaces count, and its Tail.
	Embedder bool
	// Heads are several heads that are exported with one backbone, of which the
	// first is the one that Export gets, and Labelled is that of each; see
	// Together. nil: there is one.
	Heads []*Another
	// Precision is how weights are stored; "": as the backbone stores them.
	Precision onnx.Precision
	// Labelled are samples on which it is measured what rounding the weights
	// changes; nil: there are none. An error of it ends the export.
	Labelled iter.Seq2[*Labelled, error]
}

// Exported says what Export has written.
type Exported struct {
	*export.Written
	Clients []export.Client
	MadeUp  int    // samples that were made up
	Licence string // of the backbone's weights
	// Rounding is what storing weights in fewer bits changes; nil: they are
	// not.
	Rounding *Rounding
	Dim      int      // of an embedding, 0 if the model has a head
	Heads    []HeadOf // several; nil: there is one
}

// LicenceError says that nothing tells the licence of a backbone's weights, of
// which an export is a derivative.
type LicenceError struct{ Backbone string }

func (e *LicenceError) Error() string {
	return fmt.Sprintf("predict: nothing says under which licence the weights of %s are, and an exported model is a derivative of them", e.Backbone)
}

// OtherLicenceError says that a licence was named and that the backbone's files
// name another one.
type OtherLicenceError struct{ Backbone, Says, Asked string }

func (e *OtherLicenceError) Error() string {
	return fmt.Sprintf("predict: the weights of %s are under the licence %s, not %s", e.Backbone, e.Says, e.Asked)
}

// licence is that of the weights of spec.
func (o *ExportOptions) licence(spec *models.Spec) (string, error) {
	says := spec.Licence
	if says == "" && o.Papers != nil {
		says = o.Papers.Licence
	}
	switch {
	case says == "" && o.Licence == "":
		return "", &LicenceError{spec.Name}
	case says != "" && o.Licence != "" && !strings.EqualFold(says, o.Licence):
		return "", &OtherLicenceError{spec.Name, says, o.Licence}
	}
	return cmp.Or(says, o.Licence), nil
}

// Export writes the backbone that spec describes, see Recall, with the head of
// f behind it as one model in a folder that other programs load. Before the
// folder gets its place the model in it is run on samples and compared with the
// backbone, its pooling and the head, each by itself; a model that gives other
// probabilities is not written, and the error is an *export.DifferentError.
// spec must not be used afterwards.
func Export(ctx context.Context, spec *models.Spec, f *file.File, o *ExportOptions) (*Exported, error) {
	licence, err := o.licence(spec)
	if err != nil {
		return nil, err
	}
	if _, err := export.Vacant(o.Dir, o.Replace); err != nil {
		return nil, err
	}
	if o.Input == export.Pixels {
		if err := export.CanInside(spec.Contract); err != nil {
			return nil, fmt.Errorf("predict: %s: %w", o.Head, err)
		}
	}
	if err := takeTail(spec, f); err != nil {
		return nil, fmt.Errorf("predict: %s: %w", o.Head, err)
	}
	backbone, err := wholeModel(spec)
	if err != nil {
		return nil, err
	}
	var several *branches
	var h *export.Head
	var taps []models.Tap
	if len(o.Heads) > 1 {
		if several, err = o.fuseAll(spec, backbone, licence); err != nil {
			return nil, err
		}
		backbone, h, taps = several.base, several.heads[0].Head, several.taps
	} else if h, taps, err = o.fusible(spec, f, &backbone); err != nil {
		return nil, fmt.Errorf("predict: %s: %w", o.Head, err)
	}
	h.Provenance["exported_by"], h.Provenance["backbone_licence"] = o.Tool, licence
	external := len(spec.Weights.External) > 0 || export.Aside(backbone, o.Largest)
	described := &export.Fed{Modality: spec.Modality, Contract: spec.Contract, Inputs: spec.Inputs, Single: spec.Single, Dependent: len(spec.BatchDependent) > 0}
	var served *pb.ModelProto
	var fed *export.Fed
	var pooled *export.Pooled
	switch {
	case several != nil:
		served, fed, err = export.Feed(several.model, described)
	case o.Embedder:
		pooled = pooledAs(spec, h, taps)
		if served, err = export.Embed(backbone, &export.Embedder{Head: *h, Dim: pooled.Dim, Modality: spec.Modality, Tokens: pooled.Tokens}); err == nil {
			served, fed, err = export.Feed(served, described)
		}
		h.Link = export.Vectors
	default:
		if served, err = export.Fuse(backbone, h); err == nil {
			served, fed, err = export.Serve(served, h.Link, described)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("predict: %s: %w", o.Head, err)
	}
	if f.Tail != nil { // the samples are to be compared with the backbone that was trained
		dir, err := os.MkdirTemp("", "headstart-export-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		whole, err := spec.Whole()
		if err != nil {
			return nil, err
		}
		if err := retrained(spec, whole, f.Tail, external, dir); err != nil {
			return nil, err
		}
	}
	if o.Input == export.Pixels {
		if served, fed, err = export.PixelsInside(served, fed); err != nil {
			return nil, fmt.Errorf("predict: %s: %w", o.Head, err)
		}
	}
	folder, err := o.folder(f, fed, h.Link, pooled, licence)
	if err != nil {
		return nil, fmt.Errorf("predict: %s: %w", o.Head, err)
	}
	if err := o.note(served, f, models.NewExported(fed.Contract, taps)); err != nil {
		return nil, fmt.Errorf("predict: %s: %w", o.Head, err)
	}
	w := &work{options: o, file: f, spec: spec, fed: fed, pooled: pooled, link: h.Link, labelled: o.Labelled, reference: Session(spec, &o.Options)}
	defer w.reference.Close()
	all := []*work{w}
	if several != nil {
		all = nil
		for i, one := range o.Heads {
			own := *w
			own.file, own.taps, own.labelled = one.File, one.taps, one.Labelled
			own.link, own.prefix = several.heads[i].Head.Link, several.heads[i].Name+"_"
			all = append(all, &own)
		}
		w = all[0]
		text, err := json.Marshal(several.metadata)
		if err != nil {
			return nil, err
		}
		export.Note(served, "heads", string(text))
	}
	made := 0
	for _, one := range all {
		if made, err = one.newCheck(ctx); err != nil {
			return nil, err
		}
	}
	whole := headTensors(served, backbone)
	plain := served
	var others []*export.Check
	for i, one := range all {
		stored, err := one.store(ctx, plain, whole, external)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			served = stored
		} else {
			others = append(others, one.check)
		}
	}
	rounding := w.rounded
	if err := noteRounding(served, o.Precision, all); err != nil {
		return nil, err
	}
	if rounding != nil {
		folder.Card.Rounding = rounding.Words()
	}
	if several != nil {
		for i, one := range all {
			b := export.BranchCard{Name: several.heads[i].Name, Link: one.link, Classes: one.file.Head.Classes}
			if one.rounded != nil {
				b.Rounding = one.rounded.Words()
			}
			folder.Branches = append(folder.Branches, b)
		}
		folder.Card.Rounding = ""
	}
	written, err := export.Write(ctx, &export.Output{
		Dir: o.Dir, Replace: o.Replace, Layout: o.Layout, Model: served, External: external, Check: w.check, Others: others,
		Files: func(external bool) (map[string][]byte, error) {
			folder.External = external
			return folder.Files()
		},
	})
	if err != nil {
		return nil, err
	}
	if rounding != nil { // by how much the model is off backbone and head, not off what it is to compute
		written.MaxDifference = 0
		for _, one := range all {
			written.MaxDifference = max(written.MaxDifference, one.rounded.Checked)
		}
	}
	out := &Exported{Written: written, Clients: folder.Clients(o.Dir), MadeUp: made, Licence: licence, Rounding: rounding}
	if pooled != nil {
		out.Dim = pooled.Dim
	}
	if several != nil {
		for i, one := range all {
			b := HeadOf{Name: several.heads[i].Name, Head: o.Heads[i].Path, Rounding: one.rounded}
			for _, v := range served.Graph.GetOutput() {
				if strings.HasPrefix(v.GetName(), one.prefix) && slices.Contains(export.OutputsOf(one.link), strings.TrimPrefix(v.GetName(), one.prefix)) {
					b.Outputs = append(b.Outputs, v.GetName())
				}
			}
			out.Heads = append(out.Heads, b)
		}
	}
	return out, nil
}

// folder describes the files beside a model that is fed in a way and answers in
// one; pooled is nil unless it is an embedding model.
func (o *ExportOptions) folder(f *file.File, fed *export.Fed, link layer.Link, pooled *export.Pooled, licence string) (*export.Folder, error) {
	folder := &export.Folder{Layout: o.Layout, Fed: fed, Link: link, Card: o.Card, Pooled: pooled}
	folder.Card.Licence, folder.Card.Precision = licence, string(o.Precision)
	if !o.Embedder {
		folder.Classes, folder.Card.Unsure = f.Head.Classes, f.Head.MayBeUnsure()
	}
	if o.Papers != nil {
		folder.Config, folder.Texts = o.Papers.Config, o.Papers.Texts
	}
	if t, ok := fed.Contract.(*models.TextSpec); ok {
		var err error
		if folder.Pad, err = padToken(t); err != nil {
			return nil, err
		}
		t.PadID = &folder.Pad.ID // the folder's tokenizer says nothing of padding
	}
	return folder, nil
}

// note notes in a model how it is fed, and what is known of its head.
func (o *ExportOptions) note(m *pb.ModelProto, f *file.File, contract *models.Exported) error {
	text, err := json.Marshal(contract)
	if err != nil {
		return err
	}
	export.Note(m, "contract", string(text))
	if o.Embedder {
		return nil
	}
	export.Note(m, "head", f.Head.Kind)
	if o.Input == export.Pixels {
		export.Note(m, "input", o.Input)
	}
	metrics, err := publicMetrics(f.Metrics)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if metrics != nil {
		export.Note(m, "metrics", string(metrics))
	}
	return nil
}

// work is what is known while a model is made, checked and measured.
type work struct {
	options   *ExportOptions
	file      *file.File
	spec      *models.Spec   // of the backbone
	fed       *export.Fed    // how the model is fed
	pooled    *export.Pooled // of an embedding model; nil: it is one with a head
	link      layer.Link
	reference *runtime.Lazy
	labelled  iter.Seq2[*Labelled, error]
	taps      []int  // that the head takes; nil: all
	prefix    string // of its outputs, if it is one of several
	check     *export.Check
	rounded   *Rounding
}

// store stores the weights of a model in the precision that is asked for, and
// measures what rounding changes. whole names tensors that stay as they are.
func (w *work) store(ctx context.Context, m *pb.ModelProto, whole map[string]bool, external bool) (*pb.ModelProto, error) {
	p := w.options.Precision
	if p == "" {
		return m, nil
	}
	if by := onnx.QuantisedBy(m); by != "" {
		return nil, &export.QuantisedError{Precision: p, Operator: by}
	}
	if p == onnx.Float32 {
		return onnx.StoreAs(m, p, nil)
	}
	rounded, err := export.Round(ctx, &export.RoundOptions{Precision: p, Model: m, External: external, Whole: whole, Check: w.check})
	if err != nil {
		return nil, err
	}
	defer rounded.Close()
	if w.rounded, err = w.rounding(ctx, rounded, w.labelled); err != nil {
		return nil, err
	}
	w.rounded.Checked = rounded.Max
	w.check = rounded.Check
	return rounded.Model, nil
}

// noteRounding notes in a model how its weights are stored, and what that
// changes.
func noteRounding(m *pb.ModelProto, p onnx.Precision, heads []*work) error {
	if p == "" {
		return nil
	}
	export.Note(m, "precision", string(p))
	if heads[0].rounded == nil {
		return nil
	}
	text, err := json.Marshal(heads[0].rounded)
	if err == nil {
		export.Note(m, "rounding", string(text))
	}
	if len(heads) > 1 && err == nil {
		all := make(map[string]*Rounding)
		for _, h := range heads {
			all[strings.TrimSuffix(h.prefix, "_")] = h.rounded
		}
		if text, err = json.Marshal(all); err == nil {
			export.Note(m, "rounding_of_heads", string(text))
		}
	}
	return err
}

// publicMetrics are the metrics of a head file for a model that may be
// published: without warnings and notes, which name samples.
func publicMetrics(metrics json.RawMessage) (json.RawMessage, error) {
	if metrics == nil {
		return nil, nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(metrics, &all); err != nil {
		return nil, err
	}
	delete(all, "warnings")
	delete(all, "notes")
	return json.Marshal(all)
}

// padToken is what fills up the rows of texts.
func padToken(t *models.TextSpec) (export.Token, error) {
	tok, err := text.New(t.Tokenizer, nil)
	if err != nil {
		return export.Token{}, err
	}
	id := int(tok.PadID())
	if t.PadID != nil {
		id = *t.PadID
	}
	word, ok := tok.Token(int32(id))
	if !ok {
		return export.Token{}, fmt.Errorf("rows of texts are filled up with the token %d, which the tokenizer does not have", id)
	}
	return export.Token{Text: word, ID: id}, nil
}

// fusible describes the head of f behind the taps of spec, as export.Fuse takes
// it, and returns the taps under the names that the model has for them. What it
// takes to join several taps it puts into the backbone, in which the names of
// outputs are free then.
func (o *ExportOptions) fusible(spec *models.Spec, f *file.File, backbone **pb.ModelProto) (*export.Head, []models.Tap, error) {
	h, err := o.behind(spec, f)
	if err != nil {
		return nil, nil, err
	}
	free := export.Free
	if o.Embedder {
		free = func(m *pb.ModelProto) (*pb.ModelProto, map[string]string, error) {
			return onnx.Rename(m, export.EmbeddingOutputs(spec.Modality)...)
		}
	}
	m, renamed, err := free(*backbone)
	if err != nil {
		return nil, nil, err
	}
	named := func(name string) string { return cmp.Or(renamed[name], name) }
	taps := slices.Clone(spec.Taps)
	for i := range taps {
		taps[i].Output = named(taps[i].Output)
	}
	h.Features, h.Cut, h.Mask = named(h.Features), named(h.Cut), named(h.Mask)
	if h.Weights != nil {
		weights := make(map[string][]float32)
		for name, v := range h.Weights {
			weights[named(name)] = v
		}
		h.Weights = weights
	}
	if len(taps) > 1 || taps[0].Pooling == "flat" {
		var all []layer.Rows
		for i := range taps {
			r, err := rowsOf(spec, &taps[i])
			if err != nil {
				return nil, nil, err
			}
			all = append(all, *r)
		}
		// The model is a backbone again whose taps are of what there is.
		joined, features, err := export.Gather(m, all)
		if err != nil {
			return nil, nil, err
		}
		m = joined
		h.Features, h.Pooling, h.Post, h.Mask, h.ChannelsFirst, h.Space = features, "none", "", "", false, false
	}
	*backbone = m
	return h, taps, nil
}

// newCheck is how the model is checked: what it should give of samples, by way
// of the backbone, its pooling and the head, each by itself, and the inputs
// that it gets of them. It returns how many samples were made up.
func (w *work) newCheck(ctx context.Context) (made int, err error) {
	o, spec, fed := w.options, w.spec, w.fed
	contents := o.Samples[:min(len(o.Samples), exportSamples)]
	made = exportSamples - len(contents)
	if made > 0 {
		more, err := embed.MadeUp(spec, made)
		if err != nil {
			return 0, err
		}
		contents = slices.Concat(contents, more)
	}
	sizes := batchSizes
	if o.Input == export.Pixels {
		sizes = []int{1}
	}
	probes, err := embed.ProbesOf(spec, contents, sizes...)
	if err != nil {
		return 0, err
	}
	given, err := embed.ProbesOf(w.served(), contents, sizes...)
	if err != nil {
		return 0, err
	}
	if len(given) != len(probes) {
		return 0, fmt.Errorf("predict: %s: %d batches for the model and %d for the backbone", o.Head, len(given), len(probes))
	}
	check := &export.Check{Link: w.link, Prefix: w.prefix}
	if o.Input == export.Pixels {
		check.Tolerance = export.PixelsTolerance
	}
	if w.pooled != nil {
		check.Classes, check.Tokens, check.Embeddings = w.pooled.Dim, w.pooled.Tokens, export.EmbeddingOutputs(spec.Modality)
		if spec.Modality == models.Text {
			check.Embeddings = check.Embeddings[1:]
		}
	} else {
		check.Classes = len(w.file.Head.Classes)
	}
	for _, in := range fed.Inputs {
		check.Inputs = append(check.Inputs, in.Name)
	}
	for i, p := range probes {
		rows, err := p.Embed(ctx, spec, w.reference)
		if err != nil {
			return 0, err
		}
		b := export.Batch{Probabilities: make([]float64, p.N()*check.Classes), Inputs: given[i].Inputs}
		if w.pooled == nil {
			err = w.file.Head.AnswersTo(b.Probabilities, w.rows(rows, p.N()), p.N())
		} else {
			for k, v := range rows {
				b.Probabilities[k] = float64(v)
			}
			if check.Tokens {
				b.Tokens, err = w.tokens(ctx, p)
			}
		}
		if err != nil {
			return 0, err
		}
		check.Batches = append(check.Batches, b)
	}
	w.check = check
	check.Library, err = w.reference.Library()
	return made, err
}

// behind describes the head of f behind the first tap of spec.
func (o *ExportOptions) behind(spec *models.Spec, f *file.File) (*export.Head, error) {
	h := new(export.Head)
	if !o.Embedder {
		layers, err := file.Head(f)
		if err != nil {
			return nil, err
		}
		h.Head, h.Classes = *layers, f.Head.Classes
	}
	if text, ok := spec.Contract.(*models.TextSpec); ok && text.Long == models.LongChunks {
		return nil, fmt.Errorf("its features are means over windows of long texts, and a model takes one window; features of truncated texts can be exported")
	}
	if len(spec.Taps) == 1 {
		tap := spec.Taps[0]
		h.Features, h.Pooling, h.Post = tap.Output, tap.Pooling, tap.Post
		r, err := rowsOf(spec, &tap)
		if err != nil {
			return nil, err
		}
		h.Mask, h.ChannelsFirst, h.Space = r.Mask, r.ChannelsFirst, r.Space
	}
	var names []string
	for _, tap := range spec.Taps {
		names = append(names, tap.Tensor()+":"+tap.Pooling)
	}
	h.Provenance = map[string]string{ // the model may be published: names, not where files lie here
		"backbone": filepath.Base(f.Spaces[0].Backbone), "backbone_sha256": spec.Weights.SHA256, "tap": strings.Join(names, " "),
	}
	for name, text := range map[string]string{"backbone_licence": spec.Licence, "backbone_source": spec.Source, "data": f.Data, "created": f.Created} {
		if text != "" && (!o.Embedder || name != "data") {
			h.Provenance[name] = text
		}
	}
	if !o.Embedder && f.Head.Reject > 0 {
		h.Provenance["reject"] = strconv.FormatFloat(f.Head.Reject, 'g', -1, 64)
	}
	if !o.Embedder && f.Head.Thresholds != nil {
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

// rowsOf says how rows are made of a tap of spec.
func rowsOf(spec *models.Spec, tap *models.Tap) (*layer.Rows, error) {
	r := &layer.Rows{Features: tap.Output, Pooling: tap.Pooling, D: int64(tap.Dim), Normalize: tap.Post == "l2"}
	switch {
	case tap.Pooling == "flat":
	case len(tap.Shape) == 4:
		r.ChannelsFirst, r.Space = !tap.ChannelsLast, tap.ChannelsLast
	case spec.Masks(tap):
		for _, in := range spec.Inputs {
			if in.Role == "mask" {
				r.Mask = in.Name
			}
		}
		if r.Mask == "" {
			return nil, fmt.Errorf("the backbone has no input for a mask, so that pooling %q over texts of unequal length cannot be told in a model", tap.Pooling)
		}
	}
	return r, nil
}
