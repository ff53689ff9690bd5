//go:build !amd64 || purego

package simd

// tilesOf returns the routines for float32 and float64 that are used at the
// moment, nil if gonum's are.
func tilesOf() (*tiles[float32], *tiles[float64]) { return nil, nil }
