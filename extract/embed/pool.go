package embed

import (
	"fmt"
	"math"

	"github.com/headstart-ml/headstart/models"
)

// field is one sample's share of a tap's output: a value of each channel at
// each position, tokens or places of a picture.
type field struct {
	x                   []float32
	positions, channels int
	// nextPosition and nextChannel are the steps in x from one to the next.
	nextPosition, nextChannel int
}

// fieldOf returns the field in x, which has the tap's shape without the batch.
// n is the number of a text's own tokens, 0 where positions are none of them;
// those after them are padding, or those before them if left.
func fieldOf(tap *models.Tap, x []float32, n int, left bool) field {
	switch len(tap.Shape) {
	case 3: // positions×channels
		d := int(tap.Shape[2])
		if n == 0 {
			n = len(x) / d
		}
		if left {
			x = x[len(x)-n*d:]
		}
		return field{x, n, d, d, 1}
	case 4:
		if tap.ChannelsLast { // height×width×channels
			d := int(tap.Shape[3])
			return field{x, len(x) / d, d, d, 1}
		}
		d := int(tap.Shape[1]) // channels×height×width
		return field{x, len(x) / d, d, 1, len(x) / d}
	}
	return field{x, 1, len(x), len(x), 1}
}

// values calls f with each value of a channel, by position.
func (g *field) values(channel int, f func(v float64)) {
	for p, at := 0, channel*g.nextChannel; p < g.positions; p++ {
		f(float64(g.x[at]))
		at += g.nextPosition
	}
}

const (
	gemPower = 3    // Radenović et al., arXiv:1711.02512, §3.2: p_k is near 3 where it is learnt
	gemFloor = 1e-6 // timm's GeneralizedMeanPooling takes at least this
)

// poolTo turns a field into an embedding; dst has a value for each channel, and
// two for meanstd, first the means, or, flat, all of the field's. The mean over
// tokens is the one that sentence-transformers takes: weighted by the attention
// mask, which is one for the sample's own tokens and zero for padding.
func poolTo(dst []float32, g field, pooling string) error {
	if pooling == "flat" {
		if len(g.x) != len(dst) {
			return fmt.Errorf("%d values of a sample are no row of %d", len(g.x), len(dst))
		}
		copy(dst, g.x)
		return nil
	}
	n := float64(g.positions)
	for c := range g.channels {
		at := c * g.nextChannel
		switch pooling {
		case "none", "cls":
			dst[c] = g.x[at]
		case "last":
			dst[c] = g.x[at+(g.positions-1)*g.nextPosition]
		case "max":
			most := math.Inf(-1)
			g.values(c, func(v float64) { most = max(most, v) })
			dst[c] = float32(most)
		case "mean", "gap":
			var sum float64
			g.values(c, func(v float64) { sum += v })
			dst[c] = float32(sum / n)
		case "gem":
			var sum float64
			g.values(c, func(v float64) { sum += math.Pow(max(v, gemFloor), gemPower) })
			dst[c] = float32(math.Pow(sum/n, 1.0/gemPower))
		case "mean_sqrt_len":
			var sum float64
			g.values(c, func(v float64) { sum += v })
			dst[c] = float32(sum / math.Sqrt(n))
		case "weightedmean":
			var sum, weight float64
			g.values(c, func(v float64) { weight++; sum += weight * v })
			dst[c] = float32(sum / (weight * (weight + 1) / 2))
		case "meanstd":
			var sum, square float64
			g.values(c, func(v float64) { sum += v })
			mean := sum / n
			g.values(c, func(v float64) { square += (v - mean) * (v - mean) })
			dst[c], dst[g.channels+c] = float32(mean), float32(math.Sqrt(square/n))
		default:
			return fmt.Errorf("pooling %q is not known", pooling)
		}
	}
	return nil
}

// finish applies what comes after pooling, in place, and refuses a vector with
// a value that is not finite. A vector of length zero stays one when it is
// normalised, as it does in a graph (models/onnx/layer).
func finish(row []float32, post string) error {
	var square float64
	for _, v := range row {
		square += float64(v) * float64(v)
	}
	if math.IsNaN(square) || math.IsInf(square, 0) {
		return fmt.Errorf("the backbone gave a value that is not finite")
	}
	if post != "l2" || square == 0 {
		return nil
	}
	scale := 1 / math.Sqrt(square)
	for i, v := range row {
		row[i] = float32(float64(v) * scale)
	}
	return nil
}

// TapShape returns the tap's shape for a batch of n samples of the given
// number of tokens, and the number of values that belong to one sample.
func TapShape(tap models.Tap, n, tokens int) (shape []int64, perSample int, err error) {
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
