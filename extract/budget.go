package extract

import "sync"

// budget lets goroutines hold shares of a fixed number of bytes. Its zero
// value has no bytes; use newBudget.
type budget struct {
	mu   sync.Mutex
	free sync.Cond
	left int64
	size int64
}

func newBudget(size int64) *budget {
	b := &budget{left: size, size: size}
	b.free.L = &b.mu
	return b
}

// take waits until n bytes are free and returns the number that it took,
// which is less than n only where n is more than there will ever be.
func (b *budget) take(n int64) int64 {
	n = min(n, b.size)
	b.mu.Lock()
	for b.left < n {
		b.free.Wait()
	}
	b.left -= n
	b.mu.Unlock()
	return n
}

// give returns n bytes.
func (b *budget) give(n int64) {
	b.mu.Lock()
	b.left += n
	b.mu.Unlock()
	b.free.Broadcast()
}
