package image

import "golang.org/x/sys/cpu"

// vectors says that the sums of the two passes are computed in vectors. It is a
// variable for tests.
var vectors = cpu.X86.HasAVX2

// sumColumnsAVX2 writes n outputs of a row of pixels to dst: output i is the
// sum of pixels from first[i] on, with the weights k[end[i-1]:end[i]]. It reads
// up to 5 bytes behind the last pixel and 3 elements behind the last weight,
// and writes a byte behind the last output.
//
//go:noescape
func sumColumnsAVX2(dst, row *byte, first, end *int, k *uint64, n int)

// sumRowsAVX2 writes blocks of 32 levels to dst: the sums of n rows that lie
// stride bytes apart. n and blocks are at least 1.
//
//go:noescape
func sumRowsAVX2(dst, rows *byte, stride int, k *uint64, n, blocks int)
