package simd

// Rectify makes zeros of the values that are not above zero. NaN stays.
func Rectify(z []float32) {
	whole := 0
	if k := passes[Active()]; k != nil && len(z) >= 16 {
		whole = len(z) &^ 15
		k.rectify(whole, &z[0])
	}
	for i, v := range z[whole:] {
		z[whole+i] = max(v, 0)
	}
}

// Cut makes zeros of the slopes of units, of the same length, that are zero.
func Cut(slopes, units []float32) {
	units = units[:len(slopes)]
	whole := 0
	if k := passes[Active()]; k != nil && len(slopes) >= 16 {
		whole = len(slopes) &^ 15
		k.cut(whole, &slopes[0], &units[0])
	}
	for i, v := range units[whole:] {
		if v == 0 {
			slopes[whole+i] = 0
		}
	}
}
