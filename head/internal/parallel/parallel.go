// Package parallel runs tasks side by side.
package parallel

import (
	"context"
	"sync"
)

// Do calls task for 0 to n−1 from at most threads goroutines, and returns the
// first error in this order: ctx's for tasks that were not begun when it ended.
func Do(ctx context.Context, n, threads int, task func(i int) error) error {
	if n == 1 || threads == 1 {
		for i := range n {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := task(i); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, n)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(threads, n) {
		wg.Go(func() {
			for i := range next {
				if errs[i] = ctx.Err(); errs[i] == nil {
					errs[i] = task(i)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
