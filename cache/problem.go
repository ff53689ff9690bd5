package cache

import "fmt"

// Problem is something wrong with a cache.
type Problem struct {
	Path string // relative to the cache, slash-separated
	Row  int64  // row of the segment, or -1: the whole file
	Key  Key    // the row's key, if Row ≥ 0
	Err  error  // what is wrong
}

// String says where and what, in one line.
func (p Problem) String() string {
	if p.Row < 0 {
		return fmt.Sprintf("%s: %v", p.Path, p.Err)
	}
	return fmt.Sprintf("%s: row %d, key %s: %v", p.Path, p.Row, p.Key, p.Err)
}

// CorruptError is the error for a Problem that ends a call.
type CorruptError struct{ Problem }

func (e *CorruptError) Error() string { return "cache: " + e.Problem.String() }

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Err }
