//go:build cgo && !windows

package grad

import (
	"errors"
	"math/rand/v2"
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
