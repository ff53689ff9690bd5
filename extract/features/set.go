package features

import "github.com/headstart-ml/headstart/cache"

// Set is a feature set of n rows. The slices are parallel and of length n; a
// column without a single value is nil.
type Set struct {
	Meta    Meta
	IDs     []string
	Keys    []cache.Key
	Labels  []string  // "" is null
	Splits  []string  // "" is null, else "train", "validation" or "test"
	Groups  []string  // "" is null
	Weights []float64 // NaN is null, else finite and ≥ 0
	Views   []int32   // nil: all 0
}

// N returns the number of rows.
func (s *Set) N() int { return len(s.IDs) }

// Row is one row of a feature set.
type Row struct {
	ID       string
	Key      cache.Key
	Label    string  // "" is null
	Split    string  // "" is null
	Group    string  // "" is null
	Weight   float64 // null unless Weighted
	Weighted bool
	View     int32
}
