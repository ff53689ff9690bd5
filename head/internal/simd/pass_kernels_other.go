//go:build !amd64 || purego

package simd

// passes are the kernels of each set of instructions; nil: there are none.
var passes [AVX512 + 1]*kernels
