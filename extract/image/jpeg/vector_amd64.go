//go:build !purego

package jpeg

import "golang.org/x/sys/cpu"

// vector says whether the routines of vector_amd64.s are used. Tests switch it.
var vector = cpu.X86.HasAVX2

//go:noescape
func idctAVX2(dst *byte, stride int, coefs, quant *[64]int16)

//go:noescape
func yccAVX2(dst, luma, cb, cr *byte, n int)

//go:noescape
func widenAVX2(dst, a *byte, n int)

//go:noescape
func widenBetweenAVX2(dst, a, b *byte, n int)

// idct is idctGo.
func idct(dst []byte, stride int, coefs, quant *[64]int16) {
	if !vector {
		idctGo(dst, stride, coefs, quant)
		return
	}
	_ = dst[7*stride+7]
	idctAVX2(&dst[0], stride, coefs, quant)
}

// ycbcr is yccGo.
func ycbcr(dst, luma, cb, cr []byte) {
	n := len(luma)
	if !vector || n < 32 {
		yccGo(dst, luma, cb, cr)
		return
	}
	_, _, _ = dst[3*n-1], cb[n-1], cr[n-1]
	yccAVX2(&dst[0], &luma[0], &cb[0], &cr[0], n)
}

// widen is widenGo.
func widen(dst, a []byte, lo, hi int) {
	from, to := max(lo, 1), min(hi, len(a)-1) // both neighbours are there
	if !vector || to-from < 16 {
		widenGo(dst, a, lo, hi)
		return
	}
	_, _ = dst[2*(hi-lo)-1], a[to]
	widenGo(dst, a, lo, from)
	widenAVX2(&dst[2*(from-lo)], &a[from], to-from)
	widenGo(dst[2*(to-lo):], a, to, hi)
}

// widenBetween is widenBetweenGo.
func widenBetween(dst, a, b []byte, lo, hi int) {
	from, to := max(lo, 1), min(hi, len(a)-1)
	if !vector || to-from < 16 {
		widenBetweenGo(dst, a, b, lo, hi)
		return
	}
	_, _, _ = dst[2*(hi-lo)-1], a[to], b[to]
	widenBetweenGo(dst, a, b, lo, from)
	widenBetweenAVX2(&dst[2*(from-lo)], &a[from], &b[from], to-from)
	widenBetweenGo(dst[2*(to-lo):], a, b, to, hi)
}
