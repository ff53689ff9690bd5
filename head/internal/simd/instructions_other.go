//go:build !amd64 || purego

package simd

// Most returns the largest set that this machine has.
func Most() Instructions { return Portable }
