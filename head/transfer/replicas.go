package transfer

import (
	"cmp"
	goruntime "runtime"

	"github.com/headstart-ml/headstart/models/retrain"
)

// These stand here for who need not know package retrain.
type (
	// Plan is what the training of a tail takes.
	Plan = retrain.Plan
	// ReplicasError says that there are more replicas than can share a batch,
	// or than there are threads.
	ReplicasError = retrain.ReplicasError
	// DependentError says that replicas cannot share the batches of a backbone,
	// since what it computes of a sample depends on the others.
	DependentError = retrain.DependentError
)

// DefaultBatchSize is the default of Settings.BatchSize.
const DefaultBatchSize = retrain.DefaultBatchSize

// checkReplicas tells, before anything is fitted, whether the replicas can
// share batches.
func (s *Settings) checkReplicas() error {
	batch, threads := cmp.Or(s.BatchSize, DefaultBatchSize), cmp.Or(s.Threads, goruntime.GOMAXPROCS(0))
	if s.Replicas > min(batch, threads) {
		return &ReplicasError{Replicas: s.Replicas, BatchSize: batch, Threads: threads}
	}
	return nil
}
