//go:build !purego

package simd

// tilesOf returns the routines for float32 and float64 that are used at the
// moment, nil if gonum's are.
func tilesOf() (*tiles[float32], *tiles[float64]) {
	switch Active() {
	case AVX512:
		return &sgemmAVX512, &dgemmAVX512
	case AVX2:
		return &sgemmAVX2, &dgemmAVX2
	default:
		return nil, nil
	}
}

var sgemmAVX2 = tiles[float32]{rows: 6, lanes: 8, whole: true, transpose: stranspose4AVX2, transpose8: stranspose8AVX2, narrow: snarrowAVX2, spread: spread64AVX2, by: [13][3]tile[float32]{
	1: {1: sgemm1x1AVX2, 2: sgemm1x2AVX2},
	2: {1: sgemm2x1AVX2, 2: sgemm2x2AVX2},
	3: {1: sgemm3x1AVX2, 2: sgemm3x2AVX2},
	4: {1: sgemm4x1AVX2, 2: sgemm4x2AVX2},
	5: {1: sgemm5x1AVX2, 2: sgemm5x2AVX2},
	6: {1: sgemm6x1AVX2, 2: sgemm6x2AVX2},
}, solve: [13]solver[float32]{
	nil, ssolve1AVX2, ssolve2AVX2, ssolve3AVX2, ssolve4AVX2, ssolve5AVX2, ssolve6AVX2,
}}

var sgemmAVX512 = tiles[float32]{rows: 12, lanes: 16, whole: false, transpose: stranspose4AVX2, transpose8: stranspose8AVX2, narrow: snarrowAVX2, spread: spread128AVX2, by: [13][3]tile[float32]{
	1:  {1: sgemm1x1AVX512, 2: sgemm1x2AVX512},
	2:  {1: sgemm2x1AVX512, 2: sgemm2x2AVX512},
	3:  {1: sgemm3x1AVX512, 2: sgemm3x2AVX512},
	4:  {1: sgemm4x1AVX512, 2: sgemm4x2AVX512},
	5:  {1: sgemm5x1AVX512, 2: sgemm5x2AVX512},
	6:  {1: sgemm6x1AVX512, 2: sgemm6x2AVX512},
	7:  {1: sgemm7x1AVX512, 2: sgemm7x2AVX512},
	8:  {1: sgemm8x1AVX512, 2: sgemm8x2AVX512},
	9:  {1: sgemm9x1AVX512, 2: sgemm9x2AVX512},
	10: {1: sgemm10x1AVX512, 2: sgemm10x2AVX512},
	11: {1: sgemm11x1AVX512, 2: sgemm11x2AVX512},
	12: {1: sgemm12x1AVX512, 2: sgemm12x2AVX512},
}, solve: [13]solver[float32]{
	nil, ssolve1AVX512, ssolve2AVX512, ssolve3AVX512, ssolve4AVX512, ssolve5AVX512, ssolve6AVX512, ssolve7AVX512, ssolve8AVX512, ssolve9AVX512, ssolve10AVX512, ssolve11AVX512, ssolve12AVX512,
}}

var dgemmAVX2 = tiles[float64]{rows: 6, lanes: 4, whole: true, transpose: dtranspose4AVX2, narrow: dnarrowAVX2, spread: spread64AVX2, by: [13][3]tile[float64]{
	1: {1: dgemm1x1AVX2, 2: dgemm1x2AVX2},
	2: {1: dgemm2x1AVX2, 2: dgemm2x2AVX2},
	3: {1: dgemm3x1AVX2, 2: dgemm3x2AVX2},
	4: {1: dgemm4x1AVX2, 2: dgemm4x2AVX2},
	5: {1: dgemm5x1AVX2, 2: dgemm5x2AVX2},
	6: {1: dgemm6x1AVX2, 2: dgemm6x2AVX2},
}, solve: [13]solver[float64]{
	nil, dsolve1AVX2, dsolve2AVX2, dsolve3AVX2, dsolve4AVX2, dsolve5AVX2, dsolve6AVX2,
}}

var dgemmAVX512 = tiles[float64]{rows: 12, lanes: 8, whole: false, transpose: dtranspose4AVX2, narrow: dnarrowAVX2, spread: spread128AVX2, by: [13][3]tile[float64]{
	1:  {1: dgemm1x1AVX512, 2: dgemm1x2AVX512},
	2:  {1: dgemm2x1AVX512, 2: dgemm2x2AVX512},
	3:  {1: dgemm3x1AVX512, 2: dgemm3x2AVX512},
	4:  {1: dgemm4x1AVX512, 2: dgemm4x2AVX512},
	5:  {1: dgemm5x1AVX512, 2: dgemm5x2AVX512},
	6:  {1: dgemm6x1AVX512, 2: dgemm6x2AVX512},
	7:  {1: dgemm7x1AVX512, 2: dgemm7x2AVX512},
	8:  {1: dgemm8x1AVX512, 2: dgemm8x2AVX512},
	9:  {1: dgemm9x1AVX512, 2: dgemm9x2AVX512},
	10: {1: dgemm10x1AVX512, 2: dgemm10x2AVX512},
	11: {1: dgemm11x1AVX512, 2: dgemm11x2AVX512},
	12: {1: dgemm12x1AVX512, 2: dgemm12x2AVX512},
}, solve: [13]solver[float64]{
	nil, dsolve1AVX512, dsolve2AVX512, dsolve3AVX512, dsolve4AVX512, dsolve5AVX512, dsolve6AVX512, dsolve7AVX512, dsolve8AVX512, dsolve9AVX512, dsolve10AVX512, dsolve11AVX512, dsolve12AVX512,
}}
