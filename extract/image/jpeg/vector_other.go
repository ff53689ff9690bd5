//go:build !amd64 || purego

package jpeg

func idct(dst []byte, stride int, coefs, quant *[64]int16) { idctGo(dst, stride, coefs, quant) }

func ycbcr(dst, luma, cb, cr []byte) { yccGo(dst, luma, cb, cr) }

func widen(dst, a []byte, lo, hi int) { widenGo(dst, a, lo, hi) }

func widenBetween(dst, a, b []byte, lo, hi int) { widenBetweenGo(dst, a, b, lo, hi) }
