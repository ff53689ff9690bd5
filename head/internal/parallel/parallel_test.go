package parallel

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
)

// Each task is run once, and of several errors the first in order is returned,
// whatever came first.
func TestDo(t *testing.T) {
	for _, threads := range []int{1, 2, 7} {
		var ran [20]atomic.Int64
		err := Do(t.Context(), len(ran), threads, func(i int) error {
			ran[i].Add(1)
			if threads > 1 && (i == 3 || i == 15) {
				return fmt.Errorf("task %d", i)
			}
			return nil
		})
		if want := threads > 1; want != (err != nil) || want && err.Error() != "task 3" {
			t.Errorf("%d threads: %v", threads, err)
		}
		for i := range ran {
			if n := ran[i].Load(); n != 1 {
				t.Errorf("%d threads: task %d was run %d times", threads, i, n)
			}
		}
	}
}

// Once the context has ended no task is begun.
func TestDoEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, threads := range []int{1, 3} {
		err := Do(ctx, 5, threads, func(int) error { t.Error("a task is begun"); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%d threads: %v", threads, err)
		}
	}
}
