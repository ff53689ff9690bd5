package grad

import (
	"math"
	"slices"
)

// resized is Resize by its definition: each element of the result is the sum of
// all elements of x, weighted along each axis by how near they are.
func resized(opset int64, n *node, x *array, in []*array) *array {
	mode, coordinates := n.string("mode", "nearest"), n.string("coordinate_transformation_mode", "half_pixel")
	nearest := n.string("nearest_mode", "round_prefer_floor")
	given := in[len(in)-1].v
	sizes := len(in) == 4
	rank := len(x.dims)
	axes := sequence(0, int64(rank))
	if list := n.ints("axes"); list != nil {
		axes = slices.Clone(list)
	}
	scales := slices.Repeat([]float64{1}, rank)
	dims := slices.Clone(x.dims)
	for i, a := range axes {
		if a < 0 {
			a += int64(rank)
		}
		if sizes {
			dims[a], scales[a] = int64(given[i]), given[i]/float64(x.dims[a])
		} else {
			dims[a], scales[a] = int64(float32(x.dims[a])*float32(given[i])), given[i]
		}
	}
	if opset < 11 {
		coordinates, nearest = "asymmetric", "floor"
		if slices.Min(scales) < 1 {
			nearest = "ceil"
		}
	}
	if slices.Equal(dims, x.dims) {
		return x
	}
	weights := make([][][]float64, rank) // of each axis, element of the result and of x
	for a := range rank {
		in, out, scale := float64(x.dims[a]), float64(dims[a]), scales[a]
		weights[a] = make([][]float64, dims[a])
		for i := range weights[a] {
			w := make([]float64, x.dims[a])
			weights[a][i] = w
			at := (float64(i)+0.5)/scale - 0.5
			switch coordinates {
			case "asymmetric":
				at = float64(i) / scale
			case "align_corners":
				if at = 0; out > 1 {
					at = float64(i) * (in - 1) / (out - 1)
				}
			case "pytorch_half_pixel":
				if out == 1 {
					at = 0
				}
			case "half_pixel_symmetric": // rounded as the runtime does: at -1e-8 another one is below
				offset := float32(in) / 2 * (1 - float32(out)/(float32(scale)*float32(in)))
				at = float64(float32(float64(offset) + (float64(i)+0.5)/float64(float32(scale)) - 0.5))
			}
			if scale == 1 || n.int("antialias", 0) != 0 && in == out {
				at = float64(i)
			}
			if mode == "nearest" {
				var k float64
				switch nearest {
				case "floor":
					k = math.Floor(at)
				case "ceil":
					k = math.Ceil(at)
				case "round_prefer_floor":
					k = math.Ceil(at - 0.5)
				default:
					k = math.Floor(at + 0.5)
				}
				w[int(min(max(k, 0), in-1))] = 1
				continue
			}
			stretch := 1.0
			if n.int("antialias", 0) != 0 {
				stretch = max(1, 1/scale)
			}
			sum := 0.0
			for k := -100; k < 100; k++ {
				t := math.Abs(float64(k)-at) / stretch
				v := max(1-t, 0)
				if mode == "cubic" {
					a := n.float("cubic_coeff_a", -0.75)
					switch {
					case t <= 1:
						v = (a+2)*t*t*t - (a+3)*t*t + 1
					case t < 2:
						v = a*t*t*t - 5*a*t*t + 8*a*t - 4*a
					default:
						v = 0
					}
				}
				outside := k < 0 || k >= int(in)
				if outside && n.int("exclude_outside", 0) != 0 {
					continue
				}
				w[min(max(k, 0), int(in)-1)] += v
				sum += v
			}
			for k := range w {
				w[k] /= sum
			}
		}
	}
	y := newArray(dims...)
	each(dims, func(i int, at []int64) {
		each(x.dims, func(j int, from []int64) {
			v := x.v[j]
			for a := range rank {
				v *= weights[a][at[a]][from[a]]
			}
			y.v[i] += v
		})
	})
	return y
}
