//go:build !purego

package simd

// passes are the kernels of each set of instructions; nil: there are none.
var passes = [...]*kernels{
	AVX2: {
		lanes:  8,
		dots:   dotKernels{1: dot1x4AVX2, 2: dot2x4AVX2, 3: dot3x4AVX2},
		outers: outerKernels{1: outer1AVX2, 2: outer2AVX2, 3: outer3AVX2, 4: outer4AVX2, 5: outer5AVX2, 6: outer6AVX2},
		tails: tailKernels{
			1: outer1TailAVX2, 2: outer2TailAVX2, 3: outer3TailAVX2, 4: outer4TailAVX2, 5: outer5TailAVX2, 6: outer6TailAVX2,
		},
		columns: columnsAVX2, softmax: softmaxAVX2, sum: sumAVX2, flush: flushAVX2, shift: shiftAVX2, scale: scaleAVX2, half: halfAVX2,
		narrow: narrowAVX2, gradient: gradientAVX2, moments: momentsAVX2, finite: finiteAVX2, adam: adamAVX2,
		sparse: sparseAVX2, panel: panelAVX2, rectify: rectifyAVX2, cut: cutAVX2, exp: expAVX2,
	},
	AVX512: {
		lanes: 16,
		dots:  dotKernels{1: dot1x4AVX512, 2: dot2x4AVX512, 3: dot3x4AVX512, 4: dot4x4AVX512, 5: dot5x4AVX512, 6: dot6x4AVX512},
		outers: outerKernels{
			1: outer1AVX512, 2: outer2AVX512, 3: outer3AVX512, 4: outer4AVX512, 5: outer5AVX512, 6: outer6AVX512,
			7: outer7AVX512, 8: outer8AVX512, 9: outer9AVX512, 10: outer10AVX512, 11: outer11AVX512, 12: outer12AVX512,
		},
		tails: tailKernels{
			1: outer1TailAVX512, 2: outer2TailAVX512, 3: outer3TailAVX512, 4: outer4TailAVX512, 5: outer5TailAVX512, 6: outer6TailAVX512,
			7: outer7TailAVX512, 8: outer8TailAVX512, 9: outer9TailAVX512, 10: outer10TailAVX512, 11: outer11TailAVX512, 12: outer12TailAVX512,
		},
		columns: columnsAVX512, softmax: softmaxAVX512, sum: sumAVX512, flush: flushAVX512, shift: shiftAVX512, scale: scaleAVX512, half: halfAVX512,
		narrow: narrowAVX512, gradient: gradientAVX512, moments: momentsAVX512, finite: finiteAVX512, adam: adamAVX512,
		sparse: sparseAVX512, panel: panelAVX512, rectify: rectifyAVX512, cut: cutAVX512, exp: expAVX512,
	},
}
