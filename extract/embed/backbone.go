// Package embed turns contents in memory into embeddings: it prepares samples
// as a backbone's input contract says, puts them into batches, runs the
// backbone and pools what it gives.
//
// A [Modality] knows how one kind of sample is prepared. An [Embedder] holds
// the memory of one goroutine; any number of them share a modality and a
// backbone. Whatever embeds goes through here: extractions, networks behind a
// cut, rows that are computed again, made-up samples and services.
//
// Errors here begin with the backbone's name; who calls says what it was doing.
package embed

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
