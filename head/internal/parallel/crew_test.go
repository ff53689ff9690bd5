package parallel

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// Each task is run once, and of several errors the first in order is returned,
// whatever came first.
func TestCrew(t *testing.T) {
	for _, threads := range []int{1, 2, 7} {
		crew := NewCrew(threads)
		var ran [20]atomic.Int64
		err := crew.Do(t.Context(), len(ran), func(i int) error {
			ran[i].Add(1)
			if i == 3 || i == 15 {
				return fmt.Errorf("task %d", i)
			}
			return nil
		})
		if err == nil || err.Error() != "task 3" {
			t.Errorf("%d threads: %v", threads, err)
		}
		for i := range ran {
			if n := ran[i].Load(); n != 1 {
				t.Errorf("%d threads: task %d was run %d times", threads, i, n)
			}
		}
		if idle := crew.idle.Load(); idle != int64(threads-1) {
			t.Errorf("%d of %d threads are idle in the end", idle, threads)
		}
	}
}

// A task that runs alone gets the goroutines of those that have ended, the one
// that waits for it included; while all run, a task has one.
func TestCrewHelps(t *testing.T) {
	for _, alone := range []int{0, 1} { // the caller's task, or the other one's
		crew := NewCrew(2)
		var all, both sync.WaitGroup
		all.Add(2)
		both.Add(2)
		err := crew.Do(t.Context(), 2, func(i int) error {
			at, most := 0, 0
			var mu sync.Mutex
			inner := func(n int, meet *sync.WaitGroup) error {
				return crew.Do(t.Context(), n, func(int) error {
					mu.Lock()
					at++
					most = max(most, at)
					mu.Unlock()
					if meet != nil {
						meet.Done()
						meet.Wait() // for the other goroutine
					}
					mu.Lock()
					at--
					mu.Unlock()
					return nil
				})
			}
			all.Done()
			all.Wait()
			if err := inner(5, nil); err != nil || most != 1 {
				return fmt.Errorf("%d goroutines for a task while two run: %v", most, err)
			}
			both.Done()
			both.Wait()
			if i != alone {
				return nil
			}
			for crew.idle.Load() == 0 { // the other one ends
				runtime.Gosched()
			}
			var meet sync.WaitGroup
			meet.Add(2)
			return inner(2, &meet)
		})
		if err != nil {
			t.Error(err)
		}
		if idle := crew.idle.Load(); idle != 1 {
			t.Errorf("%d are idle in the end", idle)
		}
	}
}

// Once the context has ended no task is begun.
func TestCrewEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, threads := range []int{1, 3} {
		err := NewCrew(threads).Do(ctx, 5, func(int) error { t.Error("a task is begun"); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%d threads: %v", threads, err)
		}
	}
}

// A goroutine that becomes idle joins a Do that has begun without it.
func TestCrewJoins(t *testing.T) {
	crew := NewCrew(2)
	var begun, left, meet sync.WaitGroup
	begun.Add(2)
	left.Add(1)
	meet.Add(2)
	err := crew.Do(t.Context(), 2, func(i int) error {
		begun.Done()
		begun.Wait()
		if i == 1 {
			left.Wait()
			return nil
		}
		return crew.Do(t.Context(), 3, func(i int) error {
			if i > 0 { // two goroutines are needed
				meet.Done()
				meet.Wait()
				return nil
			}
			left.Done()
			for crew.idle.Load() == 0 {
				runtime.Gosched()
			}
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
}
