//go:build !linux

package simd

import "testing"

// guarded returns room for n elements.
func guarded[T float](_ testing.TB, n int, _ bool) []T { return make([]T, n) }
