//go:build !purego

package simd

import "golang.org/x/sys/cpu"

// Most returns the largest set that this machine has.
func Most() Instructions {
	x := &cpu.X86
	switch avx2 := x.HasAVX2 && x.HasFMA && x.HasF16C && x.HasBMI1; {
	case avx2 && x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasBMI2:
		return AVX512
	case avx2:
		return AVX2
	default:
		return Portable
	}
}
