package main

import (
	"context"

	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/transfer"
)

// compareBaselines notes in a result what simpler features or heads do on the
// rows that were held out, unless --baseline false.
func (o *trainOptions) compareBaselines(ctx context.Context, j *features.Joined, r *experiment.Result, e *env) error {
	if o.noBaseline {
		return nil
	}
	fits := startStepMeter(e, &o.common, "train-head", "fits to compare with")
	defer fits.stop()
	var err error
	r.Baselines, err = transfer.CompareBaselines(ctx, &transfer.BaselineSettings{
		Features: j, Root: o.root, Train: &o.Settings, Result: r, Progress: fits.step,
	})
	return err
}
