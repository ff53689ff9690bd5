package head

import (
	"context"
	"errors"
	"runtime"
)

// Train fits, selects, calibrates and tests a head.
//
// Errors: fewer than two classes or no labelled row, features that are not finite (the row is named), slices of another length than the rows,
// settings out of range or against each other, parts and folds that cannot be made; and what Rows.BlockTo or ctx return.
func Train(ctx context.Context, d *Data, s *Settings) (*Result, error) {
	return nil, errors.New("head: train: in the making")
}

// threadsOr returns the number of goroutines that compute.
func threadsOr(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}
