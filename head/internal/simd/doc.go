// Package simd multiplies and factorises matrices with vector instructions,
// behind gonum's BLAS interface, and has what else heads compute in vectors.
//
// Which instructions are used is found out when the program starts. Where there
// are none that are known here, gonum's own code does the work.
package simd
