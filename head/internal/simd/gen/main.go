// Command gen writes the assembly of head/internal/simd and its declarations in
// Go. It is a module of its own, so that what it needs is no dependency of the
// product.
package main

import (
	. "github.com/mmcloughlin/avo/build"

	"github.com/headstart-ml/headstart/head/internal/simd/gen/file"
)

func main() {
	ConstraintExpr("amd64,!purego")
	tails()
	for _, m := range []machine{avx2, avx512} {
		for _, t := range []element{float32s, float64s} {
			for r := 1; r <= m.rows; r++ {
				for v := 1; v <= 2; v++ {
					gemm(m, t, r, v)
				}
				solve(m, t, r)
			}
		}
	}
	for _, t := range []element{float32s, float64s} {
		transpose(t)
		narrow(t)
	}
	transpose8()
	for _, bytes := range []int{2 * avx2.bytes, 2 * avx512.bytes} {
		spread(bytes)
	}
	file.Write("gemm")
}
