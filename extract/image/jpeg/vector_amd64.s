//go:build !purego

#include "textflag.h"

// TWICE defines 32 bytes: two quadwords, and the same again.
#define TWICE(name, low, high) \
	DATA name<>+0(SB)/8, low; \
	DATA name<>+8(SB)/8, high; \
	DATA name<>+16(SB)/8, low; \
	DATA name<>+24(SB)/8, high; \
	GLOBL name<>(SB), RODATA|NOPTR, $32

// Vector code for processors with AVX2. What each routine computes is written
// in Go: idctGo, yccGo, widenGo, widenBetweenGo, betweenGo. Tests compare both.

// 2¹³ and 2¹³
TWICE(even0, $0x2000200020002000, $0x2000200020002000)

// 2¹³ and −2¹³
TWICE(even1, $0xe0002000e0002000, $0xe0002000e0002000)

// f0541 and f0541−f1847
TWICE(even2, $0xd6301151d6301151, $0xd6301151d6301151)

// f0541+f0765 and f0541
TWICE(even3, $0x115129cf115129cf, $0x115129cf115129cf)

// f1175−f1961 and f1175
TWICE(odd3, $0x25a1e6dc25a1e6dc, $0x25a1e6dc25a1e6dc)

// f1175 and f1175−f0390
TWICE(odd4, $0x192525a1192525a1, $0x192525a1192525a1)

// f0298−f0899 and −f0899
TWICE(odd70, $0xe333ecc1e333ecc1, $0xe333ecc1e333ecc1)

// −f0899 and f1501−f0899
TWICE(odd73, $0x133ee333133ee333, $0x133ee333133ee333)

// f3072−f2562 and −f2562
TWICE(odd32, $0xadfd1051adfd1051, $0xadfd1051adfd1051)

// −f2562 and f2053−f2562
TWICE(odd31, $0xefb0adfdefb0adfd, $0xefb0adfdefb0adfd)

// half of 2¹¹
TWICE(round11, $0x0000040000000400, $0x0000040000000400)

// half of 2¹⁸
TWICE(round18, $0x0002000000020000, $0x0002000000020000)

// 4 by 4 bytes, rows and columns exchanged
TWICE(turn, $0x0d0905010c080400, $0x0f0b07030e0a0602)

// 128 in each byte
TWICE(middle, $0x8080808080808080, $0x8080808080808080)

// 128 in each word
TWICE(centre, $0x0080008000800080, $0x0080008000800080)

// (1.402−1)·2¹⁶
TWICE(redCr, $0x66e966e966e966e9, $0x66e966e966e966e9)

// (1.772−2)·2¹⁶
TWICE(blueCb, $0xc5a2c5a2c5a2c5a2, $0xc5a2c5a2c5a2c5a2)

// −0.344136·2¹⁶ and (1−0.714136)·2¹⁶
TWICE(green, $0x492ea7e6492ea7e6, $0x492ea7e6492ea7e6)

// half of 2¹⁶
TWICE(half16, $0x0000800000008000, $0x0000800000008000)

// 1 in each word
TWICE(one, $0x0001000100010001, $0x0001000100010001)

// 2 in each word
TWICE(two, $0x0002000200020002, $0x0002000200020002)

// 7 in each word
TWICE(seven, $0x0007000700070007, $0x0007000700070007)

// 8 in each word
TWICE(eight, $0x0008000800080008, $0x0008000800080008)

// where bytes of red go in the first 16 bytes of 16 pixels
TWICE(weaveR0, $0x8002808001808000, $0x0580800480800380)

// where bytes of red go in the second 16 bytes of 16 pixels
TWICE(weaveR1, $0x8080078080068080, $0x800a808009808008)

// where bytes of red go in the third 16 bytes of 16 pixels
TWICE(weaveR2, $0x0d80800c80800b80, $0x80800f80800e8080)

// where bytes of green go in the first 16 bytes of 16 pixels
TWICE(weaveG0, $0x0280800180800080, $0x8080048080038080)

// where bytes of green go in the second 16 bytes of 16 pixels
TWICE(weaveG1, $0x8007808006808005, $0x0a80800980800880)

// where bytes of green go in the third 16 bytes of 16 pixels
TWICE(weaveG2, $0x80800c80800b8080, $0x800f80800e80800d)

// where bytes of blue go in the first 16 bytes of 16 pixels
TWICE(weaveB0, $0x8080018080008080, $0x8004808003808002)

// where bytes of blue go in the second 16 bytes of 16 pixels
TWICE(weaveB1, $0x0780800680800580, $0x8080098080088080)

// where bytes of blue go in the third 16 bytes of 16 pixels
TWICE(weaveB2, $0x800c80800b80800a, $0x0f80800e80800d80)

// PASS is the function pass of idct.go on 8 rows or columns at once: pairs of
// numbers in Y0 (0 and 4), Y1 (2 and 6), Y2 (7 and 1), Y3 (3 and 5) become the
// eight results in Y0 to Y7, rounded. Y4 and Y5 become t0 and t1, Y6 and Y7 t2
// and t3, Y8, Y9, Y5 and Y4 e0 to e3, Y10 and Y11 z4 and z3, Y12, Y15, Y14 and
// Y13 o0 to o3.
#define PASS(round, bits) \
	VPMADDWD even0<>(SB), Y0, Y4 \
	VPMADDWD even1<>(SB), Y0, Y5 \
	VPSLLD $3, Y4, Y4 \
	VPSLLD $3, Y5, Y5 \
	VPSRAD $3, Y4, Y4 \
	VPSRAD $3, Y5, Y5 \
	VPADDD round<>(SB), Y4, Y4 \
	VPADDD round<>(SB), Y5, Y5 \
	VPMADDWD even2<>(SB), Y1, Y6 \
	VPMADDWD even3<>(SB), Y1, Y7 \
	VPADDD Y7, Y4, Y8 \
	VPSUBD Y7, Y4, Y4 \
	VPADDD Y6, Y5, Y9 \
	VPSUBD Y6, Y5, Y5 \
	VPADDW Y3, Y2, Y10 \
	VPMADDWD odd3<>(SB), Y10, Y11 \
	VPMADDWD odd4<>(SB), Y10, Y10 \
	VPMADDWD odd70<>(SB), Y2, Y12 \
	VPMADDWD odd73<>(SB), Y2, Y13 \
	VPMADDWD odd32<>(SB), Y3, Y14 \
	VPMADDWD odd31<>(SB), Y3, Y15 \
	VPADDD Y11, Y12, Y12 \
	VPADDD Y10, Y13, Y13 \
	VPADDD Y11, Y14, Y14 \
	VPADDD Y10, Y15, Y15 \
	VPADDD Y13, Y8, Y0 \
	VPSUBD Y13, Y8, Y7 \
	VPADDD Y14, Y9, Y1 \
	VPSUBD Y14, Y9, Y6 \
	VPADDD Y15, Y5, Y2 \
	VPSUBD Y15, Y5, Y5 \
	VPADDD Y12, Y4, Y3 \
	VPSUBD Y12, Y4, Y4 \
	VPSRAD bits, Y0, Y0 \
	VPSRAD bits, Y1, Y1 \
	VPSRAD bits, Y2, Y2 \
	VPSRAD bits, Y3, Y3 \
	VPSRAD bits, Y4, Y4 \
	VPSRAD bits, Y5, Y5 \
	VPSRAD bits, Y6, Y6 \
	VPSRAD bits, Y7, Y7

// func idctAVX2(dst *byte, stride int, coefs, quant *[64]int16)
TEXT ·idctAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ stride+8(FP), SI
	MOVQ coefs+16(FP), AX
	MOVQ quant+24(FP), BX
	VMOVDQU (AX), Y0
	VMOVDQU 32(AX), Y1
	VMOVDQU 64(AX), Y2
	VMOVDQU 96(AX), Y3

	// Are rows 1 to 7 empty?
	VPSRLD $16, Y0, Y4
	VPOR Y1, Y2, Y5
	VPOR Y3, Y4, Y4
	VPOR Y5, Y4, Y4
	VPMULLW (BX), Y0, Y0
	VPTEST Y4, Y4
	JZ flat

	VPMULLW 32(BX), Y1, Y1
	VPMULLW 64(BX), Y2, Y2
	VPMULLW 96(BX), Y3, Y3
	PASS(round11, $11)

	// Rows k and k+4 side by side, in words: the low lane has columns 0, 4, 2,
	// 6 of both, the high lane 7, 1, 3, 5.
	VPACKSSDW Y4, Y0, Y0
	VPACKSSDW Y5, Y1, Y1
	VPACKSSDW Y6, Y2, Y2
	VPACKSSDW Y7, Y3, Y3

transpose:
	VPUNPCKLDQ Y1, Y0, Y4 // rows 0 and 1
	VPUNPCKLDQ Y3, Y2, Y5 // 2 and 3
	VPUNPCKHDQ Y1, Y0, Y6 // 4 and 5
	VPUNPCKHDQ Y3, Y2, Y7 // 6 and 7
	VPUNPCKLQDQ Y5, Y4, Y8 // rows 0 to 3 of the first pair
	VPUNPCKHQDQ Y5, Y4, Y9 // of the second
	VPUNPCKLQDQ Y7, Y6, Y10 // rows 4 to 7
	VPUNPCKHQDQ Y7, Y6, Y11
	VPERM2I128 $0x20, Y10, Y8, Y0 // columns 0 and 4
	VPERM2I128 $0x31, Y10, Y8, Y2 // 7 and 1
	VPERM2I128 $0x20, Y11, Y9, Y1 // 2 and 6
	VPERM2I128 $0x31, Y11, Y9, Y3 // 3 and 5
	PASS(round18, $18)

	// Y0 to Y7 are columns. They become bytes, then rows.
	VPACKSSDW Y1, Y0, Y0
	VPACKSSDW Y3, Y2, Y2
	VPACKSSDW Y5, Y4, Y4
	VPACKSSDW Y7, Y6, Y6
	VPACKSSWB Y2, Y0, Y0
	VPACKSSWB Y6, Y4, Y4
	VPSHUFB turn<>(SB), Y0, Y0
	VPSHUFB turn<>(SB), Y4, Y4
	VPUNPCKLDQ Y4, Y0, Y1 // rows 0, 1 and 4, 5
	VPUNPCKHDQ Y4, Y0, Y2 // rows 2, 3 and 6, 7
	VPXOR middle<>(SB), Y1, Y1
	VPXOR middle<>(SB), Y2, Y2
	LEAQ (SI)(SI*2), DX
	VMOVQ X1, (DI)
	VMOVHPS X1, (DI)(SI*1)
	VMOVQ X2, (DI)(SI*2)
	VMOVHPS X2, (DI)(DX*1)
	LEAQ (DI)(SI*4), DI
	VEXTRACTI128 $1, Y1, X1
	VEXTRACTI128 $1, Y2, X2
	VMOVQ X1, (DI)
	VMOVHPS X1, (DI)(SI*1)
	VMOVQ X2, (DI)(SI*2)
	VMOVHPS X2, (DI)(DX*1)
	VZEROUPPER
	RET

flat:
	// All rows after the first pass are four times row 0.
	VPSLLD $18, Y0, Y0
	VPSRAD $16, Y0, Y0
	VPACKSSDW Y0, Y0, Y0
	VMOVDQA Y0, Y1
	VMOVDQA Y0, Y2
	VMOVDQA Y0, Y3
	JMP transpose

// HALF converts half of 32 pixels, those which the instruction unpack takes.
// Results are words in r, g, b. Y0 and Y1 are Cb and Cr less 128, Y2 is luma.
#define HALF(unpack, r, g, b) \
	VMOVDQU (BX)(AX*1), Y0 \
	VMOVDQU (CX)(AX*1), Y1 \
	VMOVDQU (SI)(AX*1), Y2 \
	unpack Y15, Y0, Y0 \
	unpack Y15, Y1, Y1 \
	unpack Y15, Y2, Y2 \
	VPSUBW Y14, Y0, Y0 \
	VPSUBW Y14, Y1, Y1 \
	VPUNPCKLWD Y1, Y0, Y3 \
	VPUNPCKHWD Y1, Y0, Y4 \
	VPMADDWD Y11, Y3, Y3 \
	VPMADDWD Y11, Y4, Y4 \
	VPADDD Y10, Y3, Y3 \
	VPADDD Y10, Y4, Y4 \
	VPSRAD $16, Y3, Y3 \
	VPSRAD $16, Y4, Y4 \
	VPACKSSDW Y4, Y3, Y4 \
	VPSUBW Y1, Y4, Y4 \
	VPADDW Y2, Y4, g \
	VPADDW Y1, Y1, Y3 \
	VPMULHW Y13, Y3, Y3 \
	VPADDW Y9, Y3, Y3 \
	VPSRAW $1, Y3, Y3 \
	VPADDW Y1, Y3, Y3 \
	VPADDW Y2, Y3, r \
	VPADDW Y0, Y0, Y0 \
	VPMULHW Y12, Y0, Y5 \
	VPADDW Y9, Y5, Y5 \
	VPSRAW $1, Y5, Y5 \
	VPADDW Y0, Y5, Y5 \
	VPADDW Y2, Y5, b

// WEAVE writes 32 pixels of the bytes Y0 (red), Y1 (green), Y2 (blue) to DI.
#define WEAVE(red, green, blue, lo, hi) \
	VPSHUFB red<>(SB), Y0, Y3 \
	VPSHUFB green<>(SB), Y1, Y4 \
	VPSHUFB blue<>(SB), Y2, Y5 \
	VPOR Y4, Y3, Y3 \
	VPOR Y5, Y3, Y3 \
	VMOVDQU X3, lo(DI) \
	VEXTRACTI128 $1, Y3, hi(DI)

// func yccAVX2(dst, luma, cb, cr *byte, n int)
// n is at least 32.
TEXT ·yccAVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), R8
	MOVQ luma+8(FP), SI
	MOVQ cb+16(FP), BX
	MOVQ cr+24(FP), CX
	MOVQ n+32(FP), DX
	VPXOR Y15, Y15, Y15
	VMOVDQU centre<>(SB), Y14
	VMOVDQU redCr<>(SB), Y13
	VMOVDQU blueCb<>(SB), Y12
	VMOVDQU green<>(SB), Y11
	VMOVDQU half16<>(SB), Y10
	VMOVDQU one<>(SB), Y9
	SUBQ $32, DX // the last pixels are converted together with some before
	XORQ AX, AX

convert:
	LEAQ (AX)(AX*2), DI
	ADDQ R8, DI
	HALF(VPUNPCKLBW, Y6, Y7, Y8)
	HALF(VPUNPCKHBW, Y3, Y4, Y5)
	VPACKUSWB Y3, Y6, Y0
	VPACKUSWB Y4, Y7, Y1
	VPACKUSWB Y5, Y8, Y2
	WEAVE(weaveR0, weaveG0, weaveB0, 0, 48)
	WEAVE(weaveR1, weaveG1, weaveB1, 16, 64)
	WEAVE(weaveR2, weaveG2, weaveB2, 32, 80)
	CMPQ AX, DX
	JGE converted
	ADDQ $32, AX
	CMPQ AX, DX
	CMOVQGT DX, AX
	JMP convert

converted:
	VZEROUPPER
	RET

// func widenAVX2(dst, a *byte, n int)
// It reads a[-1] and a[n]. n is at least 16.
TEXT ·widenAVX2(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ n+16(FP), DX
	VMOVDQU one<>(SB), Y8
	VMOVDQU two<>(SB), Y9
	SUBQ $16, DX
	XORQ AX, AX

widen:
	VPMOVZXBW (SI)(AX*1), Y0
	VPMOVZXBW -1(SI)(AX*1), Y1
	VPMOVZXBW 1(SI)(AX*1), Y2
	VPADDW Y0, Y0, Y3
	VPADDW Y0, Y3, Y0
	VPADDW Y0, Y1, Y1
	VPADDW Y0, Y2, Y2
	VPADDW Y8, Y1, Y1
	VPADDW Y9, Y2, Y2
	VPSRLW $2, Y1, Y1
	VPSRLW $2, Y2, Y2
	VPSLLW $8, Y2, Y2
	VPOR Y2, Y1, Y1
	VMOVDQU Y1, (DI)(AX*2)
	CMPQ AX, DX
	JGE widened
	ADDQ $16, AX
	CMPQ AX, DX
	CMOVQGT DX, AX
	JMP widen

widened:
	VZEROUPPER
	RET

// SUM makes 3a+b of 16 samples at an offset.
#define SUM(offset, y) \
	VPMOVZXBW offset(SI)(AX*1), Y3 \
	VPMOVZXBW offset(BX)(AX*1), y \
	VPADDW Y3, y, y \
	VPADDW Y3, Y3, Y3 \
	VPADDW Y3, y, y

// func widenBetweenAVX2(dst, a, b *byte, n int)
// It reads a[-1], a[n], b[-1] and b[n]. n is at least 16.
TEXT ·widenBetweenAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), BX
	MOVQ n+24(FP), DX
	VMOVDQU eight<>(SB), Y8
	VMOVDQU seven<>(SB), Y9
	SUBQ $16, DX
	XORQ AX, AX

widen:
	SUM(0, Y0)
	SUM(-1, Y1)
	SUM(1, Y2)
	VPADDW Y0, Y0, Y3
	VPADDW Y0, Y3, Y0
	VPADDW Y0, Y1, Y1
	VPADDW Y0, Y2, Y2
	VPADDW Y8, Y1, Y1
	VPADDW Y9, Y2, Y2
	VPSRLW $4, Y1, Y1
	VPSRLW $4, Y2, Y2
	VPSLLW $8, Y2, Y2
	VPOR Y2, Y1, Y1
	VMOVDQU Y1, (DI)(AX*2)
	CMPQ AX, DX
	JGE widened
	ADDQ $16, AX
	CMPQ AX, DX
	CMOVQGT DX, AX
	JMP widen

widened:
	VZEROUPPER
	RET
