package extract

import (
	"context"

	"github.com/headstart-ml/headstart/models/tensor"
)

// Backbone is a frozen graph that runs on one batch at a time. Run may be
// called from several goroutines at once; it returns early with ctx's error
// when ctx ends, and touches no tensor after it has returned. Inputs are in the
// order of Spec.Feeds, outputs in that of Spec.Outputs.
type Backbone interface {
	Run(ctx context.Context, inputs, outputs []tensor.View) error
}
