package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// Names of the files in a folder.
const (
	ModelFile = "model.onnx"
	DataFile  = "model.onnx_data" // the larger weights, if they are not in ModelFile
)

const (
	// largest is the size, in bytes, up to which weights stay in the model's
	// file: some below what a protobuf message can hold.
	largest = 1_900_000_000
	// Tolerance is how far a probability may be from the one that it should be,
	// and, times the largest number where that is more than 1, a number; of an
	// embedding a value, over the length of the embedding.
	Tolerance = 1e-5
)

// ErrDifferent is wrapped by Write's error for a model that computes something
// else than it should; DifferentError has the details.
var ErrDifferent = errors.New("the exported model computes something else")

// DifferentError says where what a model computes parts from what it should.
type DifferentError struct {
	Output     string  // of the model
	Sample     int     // the worst, in the order of the batches
	Column     int     // of the output, from 0
	Have, Want float64 // probabilities, or numbers, that the output stands for
	Difference float64 // above Tolerance, or not a number
	Tolerance  float64
}

func (e *DifferentError) Error() string {
	return fmt.Sprintf("export: %v: by the output %s sample %d differs by %.3g in column %d, %g for %g, more than %g; nothing is written", ErrDifferent, e.Output, e.Sample, e.Difference, e.Column, e.Have, e.Want, e.Tolerance)
}

func (e *DifferentError) Unwrap() error { return ErrDifferent }

// Batch is samples with the probabilities, or the numbers, that they have.
type Batch struct {
	Inputs        []tensor.View // in the order of Check.Inputs
	Probabilities []float64     // n×C; of an embedding model the embeddings
	// Tokens are the vectors of tokens that an embedding model of texts gives,
	// if Check.Tokens says that it does.
	Tokens tensor.View
}

// Check says how a model is checked before it gets its place.
type Check struct {
	Library *runtime.Library
	Inputs  []string // of the model, all of them
	Classes int      // C; of an embedding model the length of an embedding
	Link    layer.Link
	// Prefix stands before the names of the outputs, of one of several heads.
	Prefix string
	// Tokens says that the model gives vectors of tokens, too.
	Tokens bool
	// Embeddings names the outputs of an embedding model that are embeddings.
	Embeddings []string
	// Tolerance is how far a probability may be from what it should be; 0: the
	// constant Tolerance.
	Tolerance float64
	Batches   []Batch // at least one
}

// Output is a folder that is to be written.
type Output struct {
	Dir     string
	Replace bool   // what an earlier call has written there may be replaced
	Layout  string // "": Hub
	Model   *pb.ModelProto
	// External puts the larger weights into a file beside the model, as is done
	// in any case where they do not fit into one.
	External bool
	// Files returns the files beside the model, by their paths in the folder;
	// external says whether weights are in a file of their own. nil: there are
	// none.
	Files func(external bool) (map[string][]byte, error)
	Check *Check
	// Others are those of further heads.
	Others []*Check
}

// Written says what Write has written.
type Written struct {
	Model         string   // path of the model
	Data          string   // path of its weights, "" if they are in Model
	Files         []string // all paths in the folder, slash-separated, sorted
	Samples       int      // that were compared
	MaxDifference float64
}

// Write writes the folder o.Dir, which must be new or empty, or hold what an
// earlier call has written if o.Replace. Everything is written under a
// temporary name beside it, the model is run on the batches of o.Check and
// compared; an error, a DifferentError among them, leaves what was there.
func Write(ctx context.Context, o *Output) (w *Written, err error) {
	for _, c := range append([]*Check{o.Check}, o.Others...) {
		if len(c.Batches) == 0 || c.Classes < 1 {
			return nil, fmt.Errorf("export: %s: there are no samples to check the model on", o.Dir)
		}
	}
	if o.Layout != "" && !slices.Contains(Layouts, o.Layout) {
		return nil, fmt.Errorf("export: layout %.80q is none of %s", o.Layout, strings.Join(Layouts, ", "))
	}
	target, err := Vacant(o.Dir, o.Replace)
	if err != nil {
		return nil, err
	}
	folder, err := draft.CreateFolder(target)
	if err != nil {
		return nil, fmt.Errorf("export: %s: %w", o.Dir, err)
	}
	defer func() {
		if derr := folder.Discard(); err == nil && derr != nil {
			err = fmt.Errorf("export: %w", derr)
		}
	}()
	tmp := folder.Name()
	named := func(err error) error { // nobody knows the temporary name
		if err == nil {
			return nil
		}
		return fmt.Errorf("export: %s: %w", o.Dir, err)
	}
	at := (&Folder{Layout: o.Layout}).modelFile()
	sub := filepath.Join(tmp, filepath.FromSlash(path.Dir(at)))
	if err := named(os.MkdirAll(sub, 0o777)); err != nil {
		return nil, err
	}
	data, err := save(sub, o.Model, o.External)
	if err != nil {
		return nil, named(err)
	}
	w = &Written{Model: filepath.Join(o.Dir, filepath.FromSlash(at)), Files: []string{at}}
	if data {
		at := path.Join(path.Dir(at), DataFile)
		w.Data, w.Files = filepath.Join(o.Dir, filepath.FromSlash(at)), append(w.Files, at)
	}
	for _, c := range append(slices.Clone(o.Others), o.Check) { // w tells of the last one
		far := w.MaxDifference
		if err := c.run(ctx, sub, w); err != nil {
			return nil, err
		}
		w.MaxDifference = max(w.MaxDifference, far)
	}
	if o.Files != nil {
		files, err := o.Files(data)
		if err != nil {
			return nil, err
		}
		for _, name := range sorted(files) {
			if err := named(os.MkdirAll(filepath.Join(tmp, filepath.FromSlash(path.Dir(name))), 0o777)); err != nil {
				return nil, err
			}
			if err := draft.Write(filepath.Join(tmp, filepath.FromSlash(name)), files[name]); err != nil {
				return nil, fmt.Errorf("export: %s: %s: %w", o.Dir, name, err)
			}
			w.Files = append(w.Files, name)
		}
	}
	slices.Sort(w.Files)
	place := folder.Place
	if o.Replace {
		place = folder.Replace
	}
	if err := place(); err != nil {
		return nil, fmt.Errorf("export: %s: %w", o.Dir, err)
	}
	return w, nil
}

// ThereError says that a folder is there already and is not replaced.
type ThereError struct {
	Dir string
	// Exported says that an earlier export has written all that is in it.
	Exported bool
	Foreign  string // a file in it that no export writes, "" if there is none
}

func (e *ThereError) Error() string {
	switch {
	case e.Exported:
		return fmt.Sprintf("export: %s is there already and not empty: an earlier export", e.Dir)
	case e.Foreign != "":
		return fmt.Sprintf("export: %s is there already and not empty, and %s in it is no file of an export; name a new folder", e.Dir, e.Foreign)
	}
	return fmt.Sprintf("export: %s is there already and not empty, and no export; name a new folder", e.Dir)
}

// Vacant returns the path of the folder that dir names, if Write may write it:
// a new or an empty one, or with replace one that Write has written before. The
// error for another one is a *ThereError. One that a killed process was
// replacing is mended first.
func Vacant(dir string, replace bool) (string, error) {
	if dir == "" {
		return "", fmt.Errorf("export: no folder is named")
	}
	if err := draft.Mend(filepath.Clean(dir)); err != nil {
		return "", fmt.Errorf("export: %s: %w", dir, err)
	}
	entries, err := draft.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if _, err := os.Lstat(dir); err == nil {
			return "", fmt.Errorf("export: %s is a link to nothing; name a new folder", dir)
		}
		return filepath.Abs(dir)
	case err != nil:
		if info, stat := os.Stat(dir); stat == nil && !info.IsDir() {
			return "", fmt.Errorf("export: %s is a file, not a directory; name a new folder", dir)
		}
		return "", fmt.Errorf("export: %w", err)
	}
	if len(entries) > 0 {
		e, err := occupied(dir)
		if err != nil {
			return "", fmt.Errorf("export: %w", err)
		}
		if !e.Exported || !replace {
			return "", e
		}
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", fmt.Errorf("export: %w", err)
	}
	return filepath.Abs(real)
}

// occupied looks at a folder that is not empty.
func occupied(dir string) (*ThereError, error) {
	e := &ThereError{Dir: dir}
	model := ""
	err := fs.WalkDir(draft.FS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == "." || d.IsDir() && slices.Contains([]string{"onnx", "1_Pooling"}, name):
			return nil
		case slices.Contains([]string{ModelFile, "onnx/" + ModelFile}, name):
			model = name
			return nil
		case d.Type().IsRegular() && written(name):
			return nil
		}
		e.Foreign = name
		return fs.SkipAll
	})
	if err != nil || e.Foreign != "" || model == "" {
		return e, err
	}
	data, err := draft.ReadRegular(filepath.Join(dir, filepath.FromSlash(model)))
	if err != nil {
		return nil, err
	}
	e.Exported, _ = made(data)
	return e, nil
}

// made tells whether the bytes are those of a model that Fuse made.
func made(data []byte) (bool, error) {
	m, err := onnx.Decode(data)
	return slices.ContainsFunc(m.GetMetadataProps(), func(p *pb.StringStringEntryProto) bool {
		return p.GetKey() == props+"classes" || p.GetKey() == props+"contract"
	}), err
}

// Exported tells whether the model at path is one that Fuse made, whatever else
// is wrong with it or with what lies around it; path is that of the model, or
// of a folder in one of the Layouts. The error is that of a folder's model that
// is none.
func Exported(path string) (bool, error) {
	if data, err := draft.ReadRegular(path); err == nil {
		ok, _ := made(data)
		return ok, nil
	}
	for _, layout := range Layouts {
		f := Folder{Layout: layout}
		if data, err := draft.ReadRegular(filepath.Join(path, filepath.FromSlash(f.modelFile()))); err == nil {
			return made(data)
		}
	}
	return false, nil
}

// written tells whether a file beside the model is one that Write writes.
func written(name string) bool {
	return slices.Contains([]string{
		DataFile, "onnx/" + DataFile, "README.md", "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "preprocessor_config.json", "backbone.json",
		modulesFile, poolingFile, sentenceFile, promptsFile,
	}, name) || models.Travels(name)
}

// Save writes a model into a folder that is there, and reports whether its
// larger weights are in a file of their own: with external, and where they must
// be. m is not changed.
func Save(dir string, m *pb.ModelProto, external bool) (data bool, err error) {
	if data, err = save(dir, m, external); err != nil {
		return false, fmt.Errorf("export: %s: %w", dir, err)
	}
	return data, nil
}

// Aside tells whether the larger weights of m have to lie in a file beside it,
// since with them it has more bytes than most; 0: than a file of a model can
// have, somewhat less than 2 GiB.
func Aside(m *pb.ModelProto, most int) bool {
	if most <= 0 {
		most = largest
	}
	return proto.Size(m) > most
}

func save(dir string, m *pb.ModelProto, external bool) (data bool, err error) {
	data = external || Aside(m, 0)
	if data {
		if m, err = onnx.Rewrite(m, nil); err != nil { // a copy, as far as it changes
			return false, err
		}
		err := create(dir, DataFile, func(w io.Writer) error { return onnx.WriteExternal(m, DataFile, w) })
		if err != nil {
			return false, err
		}
	}
	model, err := onnx.Encode(m)
	if err != nil {
		return false, err
	}
	err = create(dir, ModelFile, func(w io.Writer) error {
		_, err := w.Write(model)
		return err
	})
	return data, err
}

// create makes a file of what fill writes, and brings it to the disk.
func create(dir, name string, fill func(w io.Writer) error) error {
	f, err := draft.Create(filepath.Join(dir, name))
	if err == nil {
		defer f.Discard()
		if err = fill(f); err == nil {
			err = f.Place()
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// run runs the model in a folder on the batches, and notes in w what comes of
// it.
func (c *Check) run(ctx context.Context, dir string, w *Written) error {
	data, err := draft.ReadRegular(filepath.Join(dir, ModelFile))
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	o := c.session(w.Model)
	if w.Data != "" {
		o.Folder = dir
	}
	s, err := c.Library.NewSession(data, o)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer s.Close()
	worst, n, err := c.compare(ctx, s)
	if err != nil {
		return err
	}
	if w.Samples, w.MaxDifference = n, worst.Difference; !(w.MaxDifference <= worst.Tolerance) {
		return worst
	}
	return nil
}

// session is how a session of the model is made, which messages call so.
func (c *Check) session(name string) *runtime.Options {
	o := &runtime.Options{Name: name, Inputs: c.Inputs}
	for _, out := range c.outputs() {
		o.Outputs = append(o.Outputs, out.name)
	}
	if c.Tokens {
		o.Outputs = append(o.Outputs, Tokens)
	}
	return o
}

// runner is a session of the model.
type runner interface {
	Run(ctx context.Context, inputs, outputs []tensor.View) error
}

// forward runs the model on a batch of n samples and returns what each of
// outputs gives, a row a sample.
func (c *Check) forward(ctx context.Context, s runner, b *Batch, stands []stand) (views []tensor.View, n int, err error) {
	n = len(b.Probabilities) / c.Classes
	if n == 0 || n*c.Classes != len(b.Probabilities) {
		return nil, 0, fmt.Errorf("export: %d probabilities for %d classes", len(b.Probabilities), c.Classes)
	}
	views = make([]tensor.View, len(stands))
	for i, out := range stands {
		views[i] = tensor.View{Shape: []int64{int64(n), int64(out.columns)}, F32: make([]float32, n*out.columns)}
	}
	if c.Tokens {
		views = append(views, tensor.View{Shape: b.Tokens.Shape, F32: make([]float32, len(b.Tokens.F32))})
	}
	if err := s.Run(ctx, b.Inputs, views); err != nil {
		return nil, 0, fmt.Errorf("export: %w", err)
	}
	return views, n, nil
}

// size is what differences from a row of probabilities, or numbers, are taken
// of; all are those of the batch.
func (c *Check) size(row, all []float64) float64 {
	size := 1.0
	switch c.Link {
	case layer.Identity:
		for _, v := range all {
			size = max(size, math.Abs(v))
		}
	case Vectors:
		sum := 0.0
		for _, v := range row {
			sum += v * v
		}
		if sum > 0 {
			size = math.Sqrt(sum)
		}
	}
	return size
}

// compare runs the model on the batches and returns the sample that differs
// most, and how many there were.
func (c *Check) compare(ctx context.Context, s runner) (worst *DifferentError, samples int, err error) {
	worst = &DifferentError{Tolerance: cmp.Or(c.Tolerance, Tolerance)}
	stands := c.outputs()
	for _, b := range c.Batches {
		views, n, err := c.forward(ctx, s, &b, stands)
		if err != nil {
			return nil, 0, err
		}
		for i, out := range stands {
			have, row := views[i].F32, make([]float64, c.Classes)
			for k := range n {
				want := b.Probabilities[k*c.Classes : (k+1)*c.Classes]
				out.answers(row, have[k*out.columns:(k+1)*out.columns])
				size := c.size(want, b.Probabilities)
				for j, v := range row {
					if worst.take(&DifferentError{out.name, samples + k, j, v, want[j], math.Abs(v-want[j]) / size, worst.Tolerance}) {
						return worst, samples, nil
					}
				}
			}
		}
		if c.Tokens {
			have, want := views[len(stands)].F32, b.Tokens.F32
			largest, each := 1.0, len(want)/n
			for _, v := range want {
				largest = max(largest, math.Abs(float64(v)))
			}
			for i, v := range want {
				x, y := float64(have[i]), float64(v)
				if worst.take(&DifferentError{Tokens, samples + i/each, i % each, x, y, math.Abs(x-y) / largest, worst.Tolerance}) {
					return worst, samples, nil
				}
			}
		}
		samples += n
	}
	return worst, samples, nil
}

// take makes e the larger one of two differences, and says whether it is not a
// number, of which there is no larger one.
func (e *DifferentError) take(other *DifferentError) bool {
	if other.Difference <= e.Difference {
		return false
	}
	*e = *other
	return math.IsNaN(e.Difference)
}

// answers runs the model on a batch and returns it with what the model answers.
func (c *Check) answers(ctx context.Context, s runner, b *Batch) (Batch, error) {
	stands := c.outputs()
	views, n, err := c.forward(ctx, s, b, stands)
	if err != nil {
		return Batch{}, err
	}
	out, columns := Batch{Inputs: b.Inputs, Probabilities: make([]float64, n*c.Classes)}, stands[0].columns
	for k := range n {
		stands[0].answers(out.Probabilities[k*c.Classes:(k+1)*c.Classes], views[0].F32[k*columns:(k+1)*columns])
	}
	if c.Tokens {
		out.Tokens = views[len(stands)]
	}
	return out, nil
}

// stand is an output of a model, and how a row of it stands for answers.
type stand struct {
	name    string
	columns int
	answers func(dst []float64, row []float32)
}

// outputs are those of the model.
func (c *Check) outputs() []stand {
	all := c.stands()
	for i := range all {
		all[i].name = c.Prefix + all[i].name
	}
	return all
}

// stands are those of a model with one head.
func (c *Check) stands() []stand {
	as := func(dst []float64, row []float32) {
		for i, v := range row {
			dst[i] = float64(v)
		}
	}
	switch c.Link {
	case Vectors:
		var all []stand
		for _, name := range c.Embeddings {
			all = append(all, stand{name, c.Classes, as})
		}
		return all
	case layer.Sigmoid:
		return []stand{{layer.Probabilities, c.Classes, as}, {layer.Logits, c.Classes, sigmoid}}
	case layer.Identity:
		return []stand{{layer.Logits, c.Classes, as}, {layer.Value, c.Classes, as}}
	case layer.Cumulative:
		return []stand{{layer.Probabilities, c.Classes, as}, {layer.Logits, c.Classes, softmax}, {Steps, c.Classes - 1, grades}}
	}
	return []stand{{layer.Probabilities, c.Classes, as}, {layer.Logits, c.Classes, softmax}}
}

// softmax writes that of a row of logits: what clients take who do not take the
// probabilities.
func softmax(dst []float64, row []float32) {
	top, sum := slices.Max(row), 0.0
	for i, v := range row {
		dst[i] = math.Exp(float64(v) - float64(top))
		sum += dst[i]
	}
	for i := range dst {
		dst[i] /= sum
	}
}

// sigmoid writes that of each logit.
func sigmoid(dst []float64, row []float32) {
	for i, v := range row {
		dst[i] = 1 / (1 + math.Exp(-float64(v)))
	}
}

// grades writes what the logits of cumulative probabilities stand for.
func grades(dst []float64, row []float32) {
	before := 0.0
	for i, v := range row {
		upTo := 1 / (1 + math.Exp(-float64(v)))
		dst[i], before = upTo-before, upTo
	}
	dst[len(row)] = 1 - before
}
