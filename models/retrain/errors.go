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
}

func (e *MemoryError) Error() string {
	const mib = 1 << 20
	return fmt.Sprintf("retrain: memory: about %d MiB are needed even with one sample at a time (%d MiB with whole batches), %d MiB are allowed; cut later, or allow more",
		(e.Smallest+mib-1)/mib, (e.Estimate+mib-1)/mib, e.Limit/mib)
}

func (e *MemoryError) Unwrap() error { return ErrMemory }

// quote quotes a name for a message; names in a hostile file may be long.
func quote(s string) string {
	const most = 100
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
