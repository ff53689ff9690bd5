//go:build cgo && !windows

package grad

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// resizeCases are all modes and coordinates, of sizes and of scales.
func resizeCases(late bool) map[string]func(p *problem) string {
	cases := make(map[string]func(p *problem) string)
	coordinates := []string{"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"}
	if late { // from operator set 19 on
		coordinates = append(coordinates, "half_pixel_symmetric")
	}
	for _, c := range coordinates {
		for _, mode := range []string{"nearest", "linear", "cubic", "linear, smooth", "cubic, smooth"} {
			name, smooth, _ := strings.Cut(mode, ", ")
			if smooth != "" && !late {
				continue
			}
			cases[mode+", "+c] = func(p *problem) string {
				attributes := []any{stringAttribute("mode", name), stringAttribute("coordinate_transformation_mode", c)}
				switch name {
				case "nearest":
					attributes = append(attributes, stringAttribute("nearest_mode", []string{"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}[p.rng.IntN(4)]))
				case "cubic":
					attributes = append(attributes, intA("exclude_outside", p.between(0, 1)), floatAttribute("cubic_coeff_a", []float64{-0.75, -0.5}[p.rng.IntN(2)]))
				}
				if smooth != "" {
					attributes = append(attributes, intA("antialias", 1))
				}
				shape := []int64{p.between(1, 2), p.between(1, 2), p.between(2, 6), p.between(2, 6)}
				x := p.learned(p.normal, shape...)
				sizes := p.rng.IntN(2) == 0
				if late && name == "nearest" && p.rng.IntN(2) == 0 {
					attributes = append(attributes, intsA("axes", 3, -2))
					if sizes {
						return p.op("Resize", append([]any{x, "", "", p.ints(p.between(1, 9), p.between(1, 9))}, attributes...)...)
					}
					return p.op("Resize", append([]any{x, "", p.constant(func() float64 { return 0.5 + 2*p.rng.Float64() }, 2)}, attributes...)...)
				}
				if sizes {
					return p.op("Resize", append([]any{x, "", "", p.ints(shape[0], shape[1], p.between(1, 9), p.between(1, 9))}, attributes...)...)
				}
				scales := p.constant(func() float64 { return 0.5 + 2*p.rng.Float64() }, 4)
				copy(p.graph.Constants[scales].F32, []float32{1, 1})
				return p.op("Resize", append([]any{x, "", scales}, attributes...)...)
			}
		}
	}
	return cases
}

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

// TestResizeThatHasNoGradientIsNamed checks the reasons, and that sizes from a
// hostile file cost nothing.
func TestResizeThatHasNoGradientIsNamed(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		sizes        []int64
		attributes   []*pb.AttributeProto
	}{
		{"coordinates", `coordinate_transformation_mode is "tf_crop_and_resize"`, []int64{1, 1, 2, 2}, []*pb.AttributeProto{stringAttribute("coordinate_transformation_mode", "tf_crop_and_resize")}},
		{"mode", `mode is "lanczos"`, []int64{1, 1, 2, 2}, []*pb.AttributeProto{stringAttribute("mode", "lanczos")}},
		{"nearest", `nearest_mode is "odd"`, []int64{1, 1, 2, 2}, []*pb.AttributeProto{stringAttribute("nearest_mode", "odd")}},
		{"axes", "axis 4 of a tensor of rank 4", []int64{1}, []*pb.AttributeProto{intsA("axes", 4)}},
		{"huge", "3 elements are resized to 1000000000", []int64{1, 1, 3, 1e9}, nil},
		{"nothing", "an input of shape [1 1 4 3]", []int64{1, 1, 0, 3}, nil},
	} {
		p := newProblem(rand.New(rand.NewPCG(1, 2)), 18)
		var parts []any
		for _, a := range c.attributes {
			parts = append(parts, a)
		}
		x := p.learned(p.normal, 1, 1, 4, 3)
		y := p.op("Resize", append([]any{x, "", "", p.ints(c.sizes...)}, parts...)...)
		z := p.op("ReduceSum", y, p.ints(2, 3), intA("keepdims", 0))
		g := p.graph
		g.Outputs = []string{z}
		g.Shapes[p.graph.Inputs[0]], g.Shapes[x], g.Shapes[z] = []int64{1, 1, 4, 3}, []int64{1, 1, 4, 3}, []int64{1, 1}
		if g.Shapes[y] = c.sizes; len(c.sizes) < 4 {
			g.Shapes[y] = []int64{1, 1, 2, 2}
		}
		g.Types[x], g.Types[y], g.Types[z] = pb.TensorProto_FLOAT, pb.TensorProto_FLOAT, pb.TensorProto_FLOAT
		_, err := Build(g, &Options{Classes: 2})
		var u *UnsupportedError
		if !errors.As(err, &u) || u.Operator != "Resize" || u.Reason != c.reason {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
