#include "go_asm.h"
#include "textflag.h"

// func updateAVX2(w, dW, m, v *float32, n int, k *coefficients)
//
// The operations and their order are those of updateScalar; nothing is fused.
TEXT ·updateAVX2(SB), NOSPLIT, $0-48
	MOVQ w+0(FP), DI
	MOVQ dW+8(FP), SI
	MOVQ m+16(FP), R8
	MOVQ v+24(FP), R9
	MOVQ n+32(FP), CX
	MOVQ k+40(FP), AX

	VBROADCASTSS coefficients_scale(AX), Y15
	VBROADCASTSS coefficients_beta1(AX), Y14
	VBROADCASTSS coefficients_beta2(AX), Y13
	VBROADCASTSS coefficients_rate(AX), Y12
	VBROADCASTSS coefficients_correction(AX), Y11
	VBROADCASTSS coefficients_epsilon(AX), Y10
	VBROADCASTSS coefficients_decay(AX), Y9
	MOVL         $0x3f800000, BX // 1
	VMOVD        BX, X8
	VBROADCASTSS X8, Y8
	VSUBPS       Y14, Y8, Y7     // 1-β1
	VSUBPS       Y13, Y8, Y8     // 1-β2
	XORQ         DX, DX

loop:
	VMULPS  (SI)(DX*4), Y15, Y0 // g
	VMULPS  (R8)(DX*4), Y14, Y1
	VMULPS  Y0, Y7, Y2
	VADDPS  Y2, Y1, Y1          // m
	VMOVUPS Y1, (R8)(DX*4)
	VMULPS  Y0, Y0, Y0
	VMULPS  Y0, Y8, Y0
	VMULPS  (R9)(DX*4), Y13, Y2
	VADDPS  Y0, Y2, Y2          // v
	VMOVUPS Y2, (R9)(DX*4)
	VSQRTPS Y2, Y2
	VMULPS  Y2, Y11, Y2
	VADDPS  Y10, Y2, Y2
	VMULPS  Y1, Y12, Y1
	VDIVPS  Y2, Y1, Y1          // step
	VMOVUPS (DI)(DX*4), Y3
	VMULPS  Y3, Y9, Y4
	VSUBPS  Y1, Y3, Y3
	VSUBPS  Y4, Y3, Y3
	VMOVUPS Y3, (DI)(DX*4)
	ADDQ    $const_lanes, DX
	CMPQ    DX, CX
	JLT     loop

	VZEROUPPER
	RET
