package export

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/cache/draft"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
)

// Precision is how the weights of a model are stored; see onnx.StoreAs.
type Precision = onnx.Precision

// The precisions that there are.
const (
	Float32 = onnx.Float32
	Float16 = onnx.Float16
	Int8    = onnx.Int8
)

// Precisions lists them.
var Precisions = onnx.Precisions

// mostMoved is how far answers may be moved in the mean by weights of fewer
// bits: a model that is moved farther is broken by it. Of classes and grades it
// is the probability that changes its class, of labels the mean difference of
// their probabilities, of numbers that difference over the largest of them, of
// embeddings the distance over their length.
var mostMoved = map[Precision]float64{Float16: 0.02, Int8: 0.2}

// QuantisedError says that weights of a model are whole numbers already, which
// no precision is made of again; see onnx.QuantisedBy.
type QuantisedError struct {
	Precision Precision // that was asked for
	Operator  string    // that shows it
}

func (e *QuantisedError) Error() string {
	return fmt.Sprintf("export: the backbone's weights are quantised already (%s); they cannot be stored as %s", e.Operator, e.Precision)
}

// MovedError says that a precision is too coarse for a model.
type MovedError struct {
	Precision    Precision
	Moved, Limit float64 // see Rounded.Moved
	Samples      int
}

func (e *MovedError) Error() string {
	return fmt.Sprintf("export: weights stored as %s move the answers of %d samples by %.2g in the mean, more than %g: the backbone does not bear it; nothing is written", e.Precision, e.Samples, e.Moved, e.Limit)
}

// Rounded is a model whose weights are stored in fewer bits.
type Rounded struct {
	Precision Precision
	Model     *pb.ModelProto
	// Check is what Model is to compute, to the same tolerance as any model:
	// the answers of the model with the weights that are left of its own, in
	// float32.
	Check *Check
	// Moved is how far rounding moves the answers of the check's samples, in
	// the mean, and Max the largest difference of a probability, or of a number
	// over the largest of them.
	Moved, Max float64

	session *running
}

// RoundOptions say which model is rounded.
type RoundOptions struct {
	Precision Precision // Float16 or Int8
	Model     *pb.ModelProto
	External  bool // its weights go into a file of their own
	// Whole names tensors that stay as they are.
	Whole map[string]bool
	Check *Check // of Model
}

// Round stores the weights of a model in fewer bits, see onnx.StoreAs. It runs
// the model as it was and compares it with the samples of the check, a
// DifferentError; then with the weights that rounding leaves of its own, from
// which the Check of what is returned comes. An answer that rounding moves too
// far is a *MovedError. A model of whole numbers is to be refused before, see
// QuantisedError. Close what is returned.
func Round(ctx context.Context, o *RoundOptions) (*Rounded, error) {
	if mostMoved[o.Precision] == 0 {
		return nil, fmt.Errorf("export: weights are not rounded to %.40q", string(o.Precision))
	}
	narrow, err := onnx.StoreAs(o.Model, o.Precision, o.Whole)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	plain, err := onnx.StoreAs(narrow, onnx.Float32, nil)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	before, err := o.Check.start(o.Model, o.External)
	if err != nil {
		return nil, err
	}
	worst, _, err := o.Check.compare(ctx, before)
	before.Close()
	if err != nil {
		return nil, err
	}
	if !(worst.Difference <= worst.Tolerance) {
		return nil, worst
	}
	after, err := o.Check.start(plain, o.External)
	if err != nil {
		return nil, err
	}
	defer after.Close()
	r := &Rounded{Precision: o.Precision, Model: narrow, Check: new(*o.Check)}
	r.Check.Batches, r.Check.Tolerance = nil, 0 // the same preparation, if there is any in the graph
	samples := 0
	for _, b := range o.Check.Batches {
		have, err := o.Check.answers(ctx, after, &b)
		if err != nil {
			return nil, err
		}
		r.Check.Batches = append(r.Check.Batches, have)
		for row := 0; row < len(have.Probabilities); row += o.Check.Classes {
			want := b.Probabilities[row : row+o.Check.Classes]
			size, sum, squares := o.Check.size(want, b.Probabilities), 0.0, 0.0
			for k, w := range want {
				v := have.Probabilities[row+k]
				d := math.Abs(v-w) / size
				if d != d { // not a number
					return nil, &DifferentError{o.Check.outputs()[0].name, samples + row/o.Check.Classes, k, v, w, d, Tolerance}
				}
				r.Max, sum, squares = max(r.Max, d), sum+d, squares+d*d
			}
			if o.Check.Link == Vectors {
				sum = math.Sqrt(squares)
			}
			r.Moved += sum
		}
		samples += len(have.Probabilities) / o.Check.Classes
	}
	r.Moved /= float64(samples)
	switch o.Check.Link {
	case Vectors:
	case layer.Sigmoid, layer.Identity:
		r.Moved /= float64(o.Check.Classes)
	default:
		r.Moved /= 2
	}
	if limit := mostMoved[o.Precision]; r.Moved > limit {
		return nil, &MovedError{o.Precision, r.Moved, limit, samples}
	}
	r.session, err = r.Check.start(narrow, o.External)
	return r, err
}

// Answers runs the rounded model on a batch and sets its Probabilities, of
// which there are as many as the batch has samples, times the classes.
func (r *Rounded) Answers(ctx context.Context, b *Batch) error {
	have, err := r.Check.answers(ctx, r.session, b)
	if err == nil {
		copy(b.Probabilities, have.Probabilities)
	}
	return err
}

// Close frees the model that Answers runs.
func (r *Rounded) Close() error {
	if r.session == nil {
		return nil
	}
	return r.session.Close()
}

// running is a session of a model that is written nowhere, or into a folder of
// its own for as long as it runs.
type running struct {
	*runtime.Session
	dir string // "" if there is none
}

// Close ends the session and removes its folder.
func (r *running) Close() error {
	err := r.Session.Close()
	if r.dir != "" {
		err = errors.Join(err, os.RemoveAll(r.dir))
	}
	return err
}

// start makes a session of a model.
func (c *Check) start(m *pb.ModelProto, external bool) (*running, error) {
	r := new(running)
	var data []byte
	var err error
	o := c.session("the model to be exported")
	if external || proto.Size(m) > largest {
		if r.dir, err = os.MkdirTemp("", "headstart-export-"); err == nil {
			if _, err = save(r.dir, m, external); err == nil {
				data, err = draft.ReadRegular(filepath.Join(r.dir, ModelFile))
			}
		}
		o.Folder = r.dir
	} else {
		data, err = onnx.Encode(m)
	}
	if err == nil {
		r.Session, err = c.Library.NewSession(data, o)
	}
	if err != nil {
		if r.dir != "" {
			err = errors.Join(err, os.RemoveAll(r.dir))
		}
		return nil, fmt.Errorf("export: %w", err)
	}
	return r, nil
}
