package embed

import "sync"

// Budget lets goroutines hold shares of a fixed number of bytes. Its zero
// value has no bytes; use NewBudget.
type Budget struct {
	mu   sync.Mutex
	free sync.Cond
	left int64
	size int64
}

// NewBudget returns a budget of size bytes.
func NewBudget(size int64) *Budget {
	b := &Budget{left: size, size: size}
	b.free.L = &b.mu
	return b
}

// Take waits until n bytes are free and returns the number that it took,
// which is less than n only where n is more than there will ever be.
func (b *Budget) Take(n int64) int64 {
	n = min(n, b.size)
	b.mu.Lock()
	for b.left < n {
		b.free.Wait()
	}
	b.left -= n
	b.mu.Unlock()
	return n
}

// Give returns n bytes.
func (b *Budget) Give(n int64) {
	b.mu.Lock()
	b.left += n
	b.mu.Unlock()
	b.free.Broadcast()
}
