package predict

import (
	"context"
	"sync"

	"github.com/headstart-ml/headstart/extract/embed"
)

// queue holds jobs that wait for a worker, in the order in which they came.
type queue struct {
	mu      sync.Mutex
	changed sync.Cond
	waiting []waiter
	closed  bool
}

// waiter is a job with the request that waits for it.
type waiter struct {
	job     *embed.Job
	request *request
}

// request is what one caller waits for.
type request struct {
	ctx  context.Context
	mu   sync.Mutex
	left int           // jobs that are not done
	err  error         // of the first that failed
	done chan struct{} // closed when left is 0
}

// finish marks n jobs as done.
func (r *request) finish(n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
	if r.left -= n; r.left == 0 {
		close(r.done)
	}
}

// add makes a request of jobs, at least one, and lets the workers know. It is
// nil if the queue is closed.
func (q *queue) add(ctx context.Context, jobs []*embed.Job) *request {
	r := &request{ctx: ctx, left: len(jobs), done: make(chan struct{})}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	for _, j := range jobs {
		q.waiting = append(q.waiting, waiter{j, r})
	}
	q.changed.Broadcast()
	return r
}

// drop takes the jobs of a request out that wait.
func (q *queue) drop(r *request) {
	q.mu.Lock()
	kept, dropped := q.waiting[:0], 0
	for _, w := range q.waiting {
		if w.request == r {
			dropped++
		} else {
			kept = append(kept, w)
		}
	}
	clear(q.waiting[len(kept):])
	q.waiting = kept
	q.mu.Unlock()
	if dropped > 0 {
		r.finish(dropped, r.ctx.Err())
	}
}

// take waits for jobs and moves as many of the first as fit says to dst. It
// returns none once the queue is closed and empty.
func (q *queue) take(dst []waiter, fit func(first []waiter) int) []waiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.closed {
		q.changed.Wait()
	}
	if len(q.waiting) == 0 {
		return dst[:0]
	}
	n := fit(q.waiting)
	dst = append(dst[:0], q.waiting[:n]...)
	left := copy(q.waiting, q.waiting[n:])
	clear(q.waiting[left:])
	q.waiting = q.waiting[:left]
	return dst
}

// close lets the workers end once nothing waits any more.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.changed.Broadcast()
}
