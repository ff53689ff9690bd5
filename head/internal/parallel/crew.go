package parallel

import (
	"context"
	"sync"
	"sync/atomic"
)

// Crew is a number of goroutines that tasks inside tasks share: where some
// tasks of an outer Do have ended, those that still run get the goroutines for
// theirs.
type Crew struct{ idle atomic.Int64 }

// NewCrew returns a crew of so many goroutines, the caller's among them.
func NewCrew(threads int) *Crew {
	c := new(Crew)
	c.idle.Store(int64(threads - 1))
	return c
}

// Do calls task for 0 to n−1 from the caller's goroutine, and from others of
// the crew as they become idle, and returns the first error in this order:
// ctx's for tasks that were not begun when it ended. A task may call Do.
func (c *Crew) Do(ctx context.Context, n int, task func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	work := func(join func()) {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			join()
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = task(i)
			}
		}
	}
	help := func() {
		work(func() {})
		c.idle.Add(1)
	}
	work(func() {
		for left := n - int(next.Load()); left > 0 && c.take(); left-- {
			wg.Go(help)
		}
	})
	c.idle.Add(1) // while the caller waits for the others
	wg.Wait()
	c.idle.Add(-1)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// take takes an idle goroutine, if there is one.
func (c *Crew) take() bool {
	for {
		idle := c.idle.Load()
		if idle < 1 {
			return false
		}
		if c.idle.CompareAndSwap(idle, idle-1) {
			return true
		}
	}
}
