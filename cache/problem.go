package cache

import (
	"fmt"
	"strconv"
)

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
		return fmt.Sprintf("%s: %v", p.Place(), p.Err)
	}
	return fmt.Sprintf("%s: row %d, key %s: %v", p.Place(), p.Row, p.Key, p.Err)
}

// Place is Path as it can be shown: in quotes if there is anything in it, such
// as a line end, that a terminal would not show.
func (p Problem) Place() string { return shown(p.Path) }

// shown returns s, in quotes if a terminal would not show it as it is.
func shown(s string) string {
	if q := strconv.Quote(s); q[1:len(q)-1] != s {
		return q
	}
	return s
}

// CorruptError is the error for a Problem that ends a call.
type CorruptError struct{ Problem }

func (e *CorruptError) Error() string { return "cache: " + e.Problem.String() }

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Err }
