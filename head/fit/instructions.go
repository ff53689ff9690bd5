package fit

import "github.com/headstart-ml/headstart/head/internal/simd"

// Instructions returns what fits of this program compute with: "AVX-512",
// "AVX2" or "portable". It is the largest set that the processor has; GODEBUG,
// where golang.org/x/sys/cpu reads it when a program starts, leaves some out:
// cpu.avx512f=off leaves AVX2, cpu.avx2=off the portable code.
func Instructions() string { return simd.Active().String() }
