package transfer

import (
	"errors"
	"fmt"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx/grad"
	"github.com/headstart-ml/headstart/models/retrain"
)

var (
	// ErrSpaces is the error for features that are not of one set in one space:
	// a tail belongs to one backbone and is behind its output.
	ErrSpaces = errors.New("transfer: the features are not one set in one space")
	// ErrNoValidation is the error for data without a validation part, which
	// says when to stop.
	ErrNoValidation = errors.New("transfer: there is no validation part, which says when to stop")
)

// ViewsError is the error for views of samples that are no images.
type ViewsError struct {
	Views    int
	Modality models.Modality // of the samples
}

func (e *ViewsError) Error() string {
	return fmt.Sprintf("transfer: %d views: only images have views, not %s", e.Views, e.Modality.Plural())
}

// TailError says which tail cannot be retrained.
type TailError struct {
	Tail string // its name
	Err  error
}

func (e *TailError) Error() string { return fmt.Sprintf("transfer: tail %s: %v", e.Tail, e.Err) }
func (e *TailError) Unwrap() error { return e.Err }

// dispensable tells whether others may be retrained where a tail has failed
// with err: it is its graph that has no gradient, or needs too much memory.
func dispensable(err error) bool {
	return errors.Is(err, grad.ErrUnsupported) || errors.Is(err, retrain.ErrMemory)
}

// TapsError says why more taps cannot be tried.
type TapsError struct{ Err error }

func (e *TapsError) Error() string { return fmt.Sprintf("transfer: more taps: %v", e.Err) }
func (e *TapsError) Unwrap() error { return e.Err }
