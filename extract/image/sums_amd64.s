#include "textflag.h"

// 0 0 0 2 2 2 2 2: a pair of 64-bit weights, each for the three channels of a
// pixel, and what is in excess.
DATA weights<>+0(SB)/8, $0x0000000000000000
DATA weights<>+8(SB)/8, $0x0000000200000000
DATA weights<>+16(SB)/8, $0x0000000200000002
DATA weights<>+24(SB)/8, $0x0000000200000002
GLOBL weights<>(SB), RODATA|NOPTR, $32

// 3 4 5 …: the second pixel of a pair.
DATA second<>+0(SB)/8, $0x0000000400000003
DATA second<>+8(SB)/8, $0x0000000700000005
DATA second<>+16(SB)/8, $0x0000000700000007
DATA second<>+24(SB)/8, $0x0000000700000007
GLOBL second<>(SB), RODATA|NOPTR, $32

// The first pixel of a pair.
DATA only<>+0(SB)/8, $0xffffffffffffffff
DATA only<>+8(SB)/8, $0x00000000ffffffff
DATA only<>+16(SB)/8, $0
DATA only<>+24(SB)/8, $0
GLOBL only<>(SB), RODATA|NOPTR, $32

// 0 4 1 5 2 6 3 7: what packing of two halves has mixed.
DATA order<>+0(SB)/8, $0x0000000400000000
DATA order<>+8(SB)/8, $0x0000000500000001
DATA order<>+16(SB)/8, $0x0000000600000002
DATA order<>+24(SB)/8, $0x0000000700000003
GLOBL order<>(SB), RODATA|NOPTR, $32

// func sumColumnsAVX2(dst, row *byte, first, end *int, k *uint64, n int)
TEXT ·sumColumnsAVX2(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ row+8(FP), SI
	MOVQ first+16(FP), R8
	MOVQ end+24(FP), R9
	MOVQ k+32(FP), R10
	MOVQ n+40(FP), CX

	VMOVDQU weights<>(SB), Y15
	VMOVDQU only<>(SB), Y14
	VMOVDQU second<>(SB), Y12
	MOVL    $0x200000, BX        // half
	VMOVD   BX, X13
	VPBROADCASTD X13, X13
	XORQ    R11, R11             // weights that are done

output:
	MOVQ (R8), AX
	LEAQ (AX)(AX*2), AX
	ADDQ SI, AX
	MOVQ (R9), DX
	SUBQ R11, DX
	LEAQ (R10)(R11*8), BX
	ADDQ DX, R11
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1

four:
	CMPQ DX, $4
	JLT  two
	VPERMD    (BX), Y15, Y2
	VPMOVZXBD (AX), Y3
	VPMULLD   Y3, Y2, Y2
	VPADDD    Y2, Y0, Y0
	VPERMD    16(BX), Y15, Y4
	VPMOVZXBD 6(AX), Y5
	VPMULLD   Y5, Y4, Y4
	VPADDD    Y4, Y1, Y1
	ADDQ $12, AX
	ADDQ $32, BX
	SUBQ $4, DX
	JMP  four

two:
	CMPQ DX, $2
	JLT  one
	VPERMD    (BX), Y15, Y2
	VPMOVZXBD (AX), Y3
	VPMULLD   Y3, Y2, Y2
	VPADDD    Y2, Y0, Y0
	ADDQ $6, AX
	ADDQ $16, BX
	SUBQ $2, DX

one:
	TESTQ DX, DX
	JZ    sum
	VPERMD    (BX), Y15, Y2
	VPAND     Y14, Y2, Y2
	VPMOVZXBD (AX), Y3
	VPMULLD   Y3, Y2, Y2
	VPADDD    Y2, Y1, Y1

sum:
	VPADDD    Y1, Y0, Y0
	VPERMD    Y0, Y12, Y1
	VPADDD    X1, X0, X0
	VPADDD    X13, X0, X0
	VPSRAD    $22, X0, X0
	VPACKSSDW X0, X0, X0
	VPACKUSWB X0, X0, X0
	VMOVD     X0, (DI)
	ADDQ $3, DI
	ADDQ $8, R8
	ADDQ $8, R9
	DECQ CX
	JNZ  output

	VZEROUPPER
	RET

// func sumRowsAVX2(dst, rows *byte, stride int, k *uint64, n, blocks int)
TEXT ·sumRowsAVX2(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ rows+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ k+24(FP), R9
	MOVQ n+32(FP), R10
	MOVQ blocks+40(FP), CX

	VMOVDQU order<>(SB), Y15
	MOVL    $0x200000, BX        // half
	VMOVD   BX, X14
	VPBROADCASTD X14, Y14

block:
	VMOVDQA Y14, Y0
	VMOVDQA Y14, Y1
	VMOVDQA Y14, Y2
	VMOVDQA Y14, Y3
	MOVQ SI, AX
	MOVQ R9, BX
	MOVQ R10, DX

tap:
	VPBROADCASTD (BX), Y4
	VPMOVZXBD (AX), Y5
	VPMOVZXBD 8(AX), Y6
	VPMOVZXBD 16(AX), Y7
	VPMOVZXBD 24(AX), Y8
	VPMULLD Y4, Y5, Y5
	VPMULLD Y4, Y6, Y6
	VPMULLD Y4, Y7, Y7
	VPMULLD Y4, Y8, Y8
	VPADDD  Y5, Y0, Y0
	VPADDD  Y6, Y1, Y1
	VPADDD  Y7, Y2, Y2
	VPADDD  Y8, Y3, Y3
	ADDQ R8, AX
	ADDQ $8, BX
	DECQ DX
	JNZ  tap

	VPSRAD $22, Y0, Y0
	VPSRAD $22, Y1, Y1
	VPSRAD $22, Y2, Y2
	VPSRAD $22, Y3, Y3
	VPACKSSDW Y1, Y0, Y0
	VPACKSSDW Y3, Y2, Y2
	VPACKUSWB Y2, Y0, Y0
	VPERMD  Y0, Y15, Y0
	VMOVDQU Y0, (DI)
	ADDQ $32, DI
	ADDQ $32, SI
	DECQ CX
	JNZ  block

	VZEROUPPER
	RET
