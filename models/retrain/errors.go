package retrain

import (
	"errors"
	"fmt"
)

var (
	// ErrCheckpoint is the error of a checkpoint that cannot be resumed from;
	// *CheckpointError has the details.
	ErrCheckpoint = errors.New("the checkpoint cannot be gone on from")
	// ErrMemory is the error of a training that does not fit its memory;
	// *MemoryError has the details.
	ErrMemory = errors.New("the training does not fit in memory")
)

// CheckpointError says what is wrong with a checkpoint.
type CheckpointError struct {
	Path   string
	Reason string
}

func (e *CheckpointError) Error() string {
	return fmt.Sprintf("retrain: checkpoint %s: %s; delete the file to begin anew", e.Path, e.Reason)
}

func (e *CheckpointError) Unwrap() error { return ErrCheckpoint }

// MemoryError says how much memory a training needs. Its figures are bytes.
type MemoryError struct {
	Estimate int64 // with batches that are not divided
	Limit    int64 // Settings.Memory
	Smallest int64 // with one sample at a time
	Replicas int   // Settings.Replicas: each runs as many at a time
}

func (e *MemoryError) Error() string {
	const mib = 1 << 20
	each, way := "", "cut later"
	if e.Replicas > 1 {
		each, way = fmt.Sprintf(" in each of %d replicas", e.Replicas), "take fewer replicas, cut later"
	}
	return fmt.Sprintf("retrain: memory: about %d MiB are needed even with one sample at a time%s (%d MiB with whole batches), %d MiB are allowed; %s, or allow more",
		(e.Smallest+mib-1)/mib, each, (e.Estimate+mib-1)/mib, e.Limit/mib, way)
}

func (e *MemoryError) Unwrap() error { return ErrMemory }

// ReplicasError says that there are more replicas than can share a batch, or
// than there are threads.
type ReplicasError struct {
	Replicas, BatchSize, Threads int // of Settings
}

func (e *ReplicasError) Error() string {
	if e.Replicas > e.BatchSize {
		return fmt.Sprintf("retrain: settings: %d replicas cannot share batches of %d samples; take at most as many as a batch has samples", e.Replicas, e.BatchSize)
	}
	return fmt.Sprintf("retrain: settings: %d replicas need a thread each, and there are %d; take at most as many as there are threads", e.Replicas, e.Threads)
}

// DependentError says that what a network computes of a sample depends on the
// other samples of its batch: gradients of parts of a batch do not add up to
// those of the whole, so that replicas would train something else.
type DependentError struct {
	Difference float64 // of the logits, relative to the largest of them
}

func (e *DependentError) Error() string {
	return fmt.Sprintf("retrain: backbone: behind the cut, what it computes of a sample depends on the other samples of the batch (logits differ by %.1g of the largest), so that the gradients of parts of a batch are not those of the whole; train without replicas", e.Difference)
}

// quote quotes a name for a message; names in a hostile file may be long.
func quote(s string) string {
	const most = 100
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
