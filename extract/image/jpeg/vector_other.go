package jpeg

import "encoding/binary"

func idct(dst []byte, stride int, coefs, quant *[64]int16) { idctGo(dst, stride, coefs, quant) }

func between(dst, a, b []byte, bias int)        { betweenGo(dst, a, b, bias) }
func widen(dst, a []byte, lo, hi int)           { widenGo(dst, a, lo, hi) }
func widenBetween(dst, a, b []byte, lo, hi int) { widenBetweenGo(dst, a, b, lo, hi) }
func yccToRGB(dst, luma, cb, cr []byte)         { yccGo(dst, luma, cb, cr) }
func putEight(dst []byte, v uint64)             { binary.LittleEndian.PutUint64(dst, v) }
