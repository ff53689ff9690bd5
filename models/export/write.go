package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/cache/draft"
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
	// and, times the largest number where that is more than 1, a number.
	Tolerance = 1e-5
)

// ErrDifferent is wrapped by Write's error for a model that computes something
// else than it should; DifferentError has the details.
var ErrDifferent = errors.New("the exported model computes other probabilities")

// DifferentError says how far a model's probabilities are from the ones that
// they should be.
type DifferentError struct {
	Sample     int     // the worst, in the order of the batches
	Difference float64 // above Tolerance, or not a number
}

func (e *DifferentError) Error() string {
	return fmt.Sprintf("export: %v: sample %d differs by %.3g, more than %g; nothing is written", ErrDifferent, e.Sample, e.Difference, Tolerance)
}

func (e *DifferentError) Unwrap() error { return ErrDifferent }

// Batch is samples with the probabilities, or the numbers, that they have.
type Batch struct {
	Inputs        []tensor.View // in the order of Check.Inputs
	Probabilities []float64     // n×C
}

// Check says how a model is checked before it gets its place.
type Check struct {
	Library *runtime.Library
	Inputs  []string // of the model, all of them
	Classes int      // C
	Link    layer.Link
	Batches []Batch // at least one
}

// Written says what Write has written.
type Written struct {
	Model         string // path of the model
	Data          string // path of its weights, "" if they are in Model
	Samples       int    // that were compared
	MaxDifference float64
}

// Write puts a model into the folder dir, which must be new or empty. external
// puts the larger weights into a file beside the model, as is done in any case
// where they do not fit into one. Everything is written under a temporary name
// beside dir, run on the batches of c and compared; an error, a DifferentError
// among them, leaves nothing.
func Write(ctx context.Context, dir string, m *pb.ModelProto, external bool, c *Check) (w *Written, err error) {
	if len(c.Batches) == 0 || c.Classes < 1 {
		return nil, fmt.Errorf("export: %s: there are no samples to check the model on", dir)
	}
	target, err := vacant(dir)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	folder, err := draft.CreateFolder(target)
	if err != nil {
		return nil, fmt.Errorf("export: %s: %w", dir, err)
	}
	defer func() {
		if derr := folder.Discard(); err == nil && derr != nil {
			err = fmt.Errorf("export: %w", derr)
		}
	}()
	tmp := folder.Name()
	data, err := Save(tmp, m, external)
	if err != nil {
		return nil, err
	}
	w = &Written{Model: filepath.Join(dir, ModelFile)}
	if data {
		w.Data = filepath.Join(dir, DataFile)
	}
	if err := c.run(ctx, tmp, w); err != nil {
		return nil, err
	}
	if err := folder.Place(); err != nil {
		return nil, fmt.Errorf("export: %s: %w", dir, err)
	}
	return w, nil
}

// vacant returns the path of the folder that dir names, which is new or empty.
func vacant(dir string) (string, error) {
	if dir == "" {
		return "", fmt.Errorf("no folder is named")
	}
	entries, err := draft.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if _, err := os.Lstat(dir); err == nil {
			return "", fmt.Errorf("%s is a link to nothing; name a new folder", dir)
		}
		return filepath.Abs(dir)
	case err != nil:
		return "", err
	case len(entries) > 0:
		return "", fmt.Errorf("%s is there already and not empty; name a new folder", dir)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	return filepath.Abs(real)
}

// Save writes a model into a folder that is there, and reports whether its
// larger weights are in a file of their own: with external, and where they must
// be. m is not changed.
func Save(dir string, m *pb.ModelProto, external bool) (data bool, err error) {
	data = external || proto.Size(m) > largest
	if data {
		if m, err = onnx.Rewrite(m, nil); err != nil { // a copy, as far as it changes
			return false, fmt.Errorf("export: %w", err)
		}
		err := create(filepath.Join(dir, DataFile), func(w io.Writer) error { return onnx.WriteExternal(m, DataFile, w) })
		if err != nil {
			return false, fmt.Errorf("export: %w", err)
		}
	}
	model, err := onnx.Encode(m)
	if err != nil {
		return false, fmt.Errorf("export: %w", err)
	}
	err = create(filepath.Join(dir, ModelFile), func(w io.Writer) error {
		_, err := w.Write(model)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("export: %w", err)
	}
	return data, nil
}

// create makes a file of what fill writes, and brings it to the disk.
func create(path string, fill func(w io.Writer) error) error {
	f, err := draft.Create(path)
	if err == nil {
		defer f.Discard()
		if err = fill(f); err == nil {
			err = f.Place()
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
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
	outputs := (&layer.Head{Bias: make([]float32, c.scores()), Link: c.Link}).Outputs()
	o := &runtime.Options{Name: w.Model, Inputs: c.Inputs}
	for _, out := range outputs {
		o.Outputs = append(o.Outputs, out.Name)
	}
	if w.Data != "" {
		o.Folder = dir
	}
	s, err := c.Library.NewSession(data, o)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	defer s.Close()
	worst := -1
	for _, b := range c.Batches {
		n := len(b.Probabilities) / c.Classes
		if n == 0 || n*c.Classes != len(b.Probabilities) {
			return fmt.Errorf("export: %d probabilities for %d classes", len(b.Probabilities), c.Classes)
		}
		views := make([]tensor.View, len(outputs))
		for i, out := range outputs {
			views[i] = tensor.View{Shape: []int64{int64(n), out.Size}, F32: make([]float32, int64(n)*out.Size)}
		}
		if err := s.Run(ctx, b.Inputs, views); err != nil {
			return fmt.Errorf("export: %w", err)
		}
		p, soft, size := views[len(views)-1].F32, []float64(nil), 1.0
		switch c.Link {
		case layer.Softmax: // what clients take who do not take the probabilities
			soft = softmax(views[0].F32, c.Classes)
		case layer.Identity:
			for _, v := range b.Probabilities {
				size = max(size, math.Abs(v))
			}
		}
		for i, v := range p {
			d := math.Abs(float64(v)-b.Probabilities[i]) / size
			if soft != nil {
				d = max(d, math.Abs(soft[i]-b.Probabilities[i]))
			}
			if !(d <= w.MaxDifference) {
				w.MaxDifference, worst = d, w.Samples+i/c.Classes
				if math.IsNaN(d) {
					return &DifferentError{worst, d}
				}
			}
		}
		w.Samples += n
	}
	if w.MaxDifference > Tolerance {
		return &DifferentError{worst, w.MaxDifference}
	}
	return nil
}

// scores is the number of scores of a head with that many answers.
func (c *Check) scores() int {
	if c.Link == layer.Cumulative {
		return c.Classes - 1
	}
	return c.Classes
}

// softmax returns that of each row of logits, n×c.
func softmax(logits []float32, c int) []float64 {
	p := make([]float64, len(logits))
	for lo := 0; lo < len(p); lo += c {
		top, sum := slices.Max(logits[lo:lo+c]), 0.0
		for i, v := range logits[lo : lo+c] {
			p[lo+i] = math.Exp(float64(v) - float64(top))
			sum += p[lo+i]
		}
		for i := range c {
			p[lo+i] /= sum
		}
	}
	return p
}
