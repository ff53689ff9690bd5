package extract

import (
	"fmt"
	"math"

	"github.com/headstart-ml/headstart/models"
)

// poolTo turns one sample's share of the tap's output into its embedding.
// dst has length d. x is
//
//	none:      d
//	mean, cls: tokens×d, of which the first n tokens are the sample's own
//	gap:       d×space
//
// The mean is the one that sentence-transformers takes: tokens weighted by the
// attention mask, which is one for the sample's own tokens and zero for padding.
func poolTo(dst, x []float32, pooling string, n int) error {
	d := len(dst)
	switch pooling {
	case "none", "cls":
		copy(dst, x[:d])
	case "mean":
		sum := make([]float64, d)
		for t := range n {
			for i, v := range x[t*d : (t+1)*d] {
				sum[i] += float64(v)
			}
		}
		for i, v := range sum {
			dst[i] = float32(v / float64(n))
		}
	case "gap":
		space := len(x) / d
		for i := range dst {
			var sum float64
			for _, v := range x[i*space : (i+1)*space] {
				sum += float64(v)
			}
			dst[i] = float32(sum / float64(space))
		}
	default:
		return fmt.Errorf("pooling %q is not known", pooling)
	}
	return nil
}

// finish applies what comes after pooling, in place, and refuses a vector
// that could not be used: one with a value that is not finite, or, where it is
// to be normalised, one of length zero.
func finish(row []float32, post string) error {
	var square float64
	for _, v := range row {
		square += float64(v) * float64(v)
	}
	if math.IsNaN(square) || math.IsInf(square, 0) {
		return fmt.Errorf("the backbone gave a value that is not finite")
	}
	if post != "l2" {
		return nil
	}
	if square == 0 {
		return fmt.Errorf("the backbone gave a vector of length zero, which cannot be normalised")
	}
	scale := 1 / math.Sqrt(square)
	for i, v := range row {
		row[i] = float32(float64(v) * scale)
	}
	return nil
}

// tapShape returns the tap's shape for a batch of n samples of the given
// number of tokens, and the number of values that belong to one sample.
func tapShape(tap models.Tap, n, tokens int) (shape []int64, perSample int, err error) {
	shape = append([]int64(nil), tap.Shape...)
	if len(shape) == 0 || shape[0] > 0 {
		return nil, 0, fmt.Errorf("output %s: its first dimension is fixed, so it takes no batch", tap.Output)
	}
	shape[0] = int64(n)
	perSample = 1
	for i := 1; i < len(shape); i++ {
		if shape[i] < 0 {
			if i != 1 || tokens == 0 {
				return nil, 0, fmt.Errorf("output %s: dimension %d has no fixed size", tap.Output, i)
			}
			shape[i] = int64(tokens)
		}
		perSample *= int(shape[i])
	}
	return shape, perSample, nil
}
