package grad

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// maxResize bounds the elements of the matrix that resizes a dimension, which
// has a row for each element of the result and a column for each of the input.
const maxResize = 1 << 22

// resize: along each axis y = R x, where R is a matrix that sizes, mode and
// coordinates decide; dX = Rᵀ dY, axis after axis. The axes are independent in
// all modes. https://onnx.ai/onnx/operators/onnx__Resize.html
func resize(b *builder, n *node) ([]string, error) {
	all, err := b.resizing(n)
	if err != nil {
		return nil, err
	}
	xs, ys := b.shapes[n.in[0]], b.shapes[n.out[0]]
	dX := n.dY[0]
	for _, r := range all {
		before, after := product(xs[:r.axis]), product(ys[r.axis+1:])
		dX = b.along(dX, before, after, transposed(r.values, r.out, r.in), r.in, r.out)
	}
	return n.only(b.reshape(dX, xs...)), nil
}

// resized appends a Resize as products with its matrices. With a table that is
// not constant the runtime moves a Transpose in front of the Resize behind it,
// and then refuses a cubic one whose last dimension is none of those that are
// resized.
func (b *builder) resized(n *node) error {
	all, err := b.resizing(n)
	if err != nil {
		return err
	}
	xs, ys := b.shapes[n.in[0]], b.shapes[n.out[0]]
	y := n.in[0]
	for _, r := range all {
		before, after := product(ys[:r.axis]), product(xs[r.axis+1:])
		y = b.along(y, before, after, r.values, r.out, r.in)
	}
	b.emit(&pb.NodeProto{Name: n.Name, OpType: new("Reshape"), Input: []string{y, b.int64s(ys...)}, Output: n.out})
	return nil
}

// along multiplies a matrix, out × in, with the middle one of three dimensions
// of x.
func (b *builder) along(x string, before, after int64, matrix []float32, out, in int64) string {
	if after == 1 {
		x = b.reshape(x, before, in)
		return b.op("MatMul", []int64{before, out}, []string{x, b.floats(transposed(matrix, out, in), in, out)})
	}
	x = b.reshape(x, before, in, after)
	return b.op("MatMul", []int64{before, out, after}, []string{b.floats(matrix, out, in), x})
}

// resizing is the matrix R of an axis.
type resizing struct {
	axis    int
	in, out int64
	values  []float32 // a row for each of out
}

// resizing returns the matrices of a Resize, of the axes that it changes.
func (b *builder) resizing(n *node) ([]resizing, error) {
	s, err := b.scaling(n)
	if err != nil {
		return nil, err
	}
	xs, ys := b.shapes[n.in[0]], b.shapes[n.out[0]]
	if slices.Equal(xs, ys) { // the runtime copies, whatever the scales
		return nil, nil
	}
	var all []resizing
	for a := range xs {
		in, out := xs[a], ys[a]
		if in < 1 || out < 1 {
			return nil, fmt.Errorf("an input of shape %v", xs)
		}
		if s.scales[a] == 1 || s.smooth && in == out {
			continue
		}
		if in > maxResize/out {
			return nil, fmt.Errorf("%d elements are resized to %d", in, out)
		}
		all = append(all, resizing{a, in, out, s.matrix(a, in, out)})
	}
	return all, nil
}

func transposed(m []float32, rows, columns int64) []float32 {
	t := make([]float32, len(m))
	for i := range rows {
		for j := range columns {
			t[j*rows+i] = m[i*columns+j]
		}
	}
	return t
}

// scaling is what the attributes and inputs of a Resize say.
type scaling struct {
	mode, coordinates, nearest string
	cubic                      float32 // the coefficient a
	excludes, smooth           bool    // exclude_outside, antialias
	scales                     []float32
}

// scaling reads a Resize.
func (b *builder) scaling(n *node) (*scaling, error) {
	xs, ys := b.shapes[n.in[0]], b.shapes[n.out[0]]
	s := &scaling{
		mode: n.string("mode", "nearest"), coordinates: n.string("coordinate_transformation_mode", "half_pixel"),
		nearest: n.string("nearest_mode", "round_prefer_floor"), cubic: float32(n.float("cubic_coeff_a", -0.75)),
		excludes: n.int("exclude_outside", 0) != 0, smooth: n.int("antialias", 0) != 0,
		scales: slices.Repeat([]float32{1}, len(xs)),
	}
	for _, c := range []struct {
		attribute, value string
		known            []string
	}{
		{"mode", s.mode, []string{"nearest", "linear", "cubic"}},
		{"coordinate_transformation_mode", s.coordinates, []string{"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"}},
		{"nearest_mode", s.nearest, []string{"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}},
	} {
		if !slices.Contains(c.known, c.value) {
			return nil, fmt.Errorf("%s is %s", c.attribute, quote(c.value))
		}
	}
	axes := sequence(0, int64(len(xs)))
	if list := n.ints("axes"); list != nil {
		axes = slices.Clone(list)
	}
	for i := range axes {
		var err error
		if axes[i], err = wrap(axes[i], len(xs)); err != nil {
			return nil, err
		}
	}
	if n.input(3) == "" {
		v, ok := b.numbers(n.input(2))
		if !ok {
			return nil, errNotConstant
		}
		if len(v) != len(axes) {
			return nil, fmt.Errorf("%d scales for %d axes", len(v), len(axes))
		}
		for i, a := range axes {
			if !(v[i] > 0) {
				return nil, fmt.Errorf("a scale of %g", v[i])
			}
			s.scales[a] = v[i]
		}
		return s, nil
	}
	for _, a := range axes {
		if xs[a] < 1 {
			return nil, fmt.Errorf("an input of shape %v", xs)
		}
		s.scales[a] = float32(ys[a]) / float32(xs[a])
	}
	return s, nil
}

// source returns where in the input an element of the result lies along an
// axis, computed in float32 as the runtime does, which matters where it lies
// halfway.
func (s *scaling) source(i int64, scale float32, in, out int64) float32 {
	x := float32(i)
	switch s.coordinates {
	case "align_corners":
		if out == 1 {
			return 0
		}
		return x * float32(in-1) / float32(out-1)
	case "asymmetric":
		return x / scale
	case "pytorch_half_pixel":
		if out == 1 {
			return 0
		}
	case "half_pixel_symmetric":
		offset := float32(in) / 2 * (1 - float32(out)/(scale*float32(in)))
		return float32(float64(offset) + (float64(x)+0.5)/float64(scale) - 0.5)
	}
	return (x+0.5)/scale - 0.5
}

// matrix returns R of an axis: a row for each of out elements, with the weights
// of the in elements that it is made of.
func (s *scaling) matrix(axis int, in, out int64) []float32 {
	r := make([]float32, in*out)
	scale := s.scales[axis]
	for i := range out {
		row := r[i*in : (i+1)*in]
		x := s.source(i, scale, in, out)
		if s.mode == "nearest" {
			row[clamp(s.round(x), in)] = 1
			continue
		}
		s.weigh(row, x, scale)
	}
	return r
}

func clamp(i, n int64) int64 { return min(max(i, 0), n-1) }

// round returns the element that a place is nearest to.
func (s *scaling) round(x float32) int64 {
	v := float64(x)
	switch s.nearest {
	case "floor":
		return int64(math.Floor(v))
	case "ceil":
		return int64(math.Ceil(v))
	case "round_prefer_ceil":
		return int64(math.Floor(v + 0.5))
	}
	return int64(math.Ceil(v - 0.5))
}

// weigh fills in the weights of the elements around x. What lies outside is
// taken for the outermost element, or left out. Where an image shrinks and
// antialias is set, the filter is as much wider.
func (s *scaling) weigh(row []float32, x, scale float32) {
	filter, support := linearFilter, 1.0
	if s.mode == "cubic" {
		a := float64(s.cubic)
		filter, support = func(t float64) float64 { return cubicFilter(a, t) }, 2
	}
	width := 1.0
	if s.smooth && scale < 1 {
		width = 1 / float64(scale)
	}
	n := int64(len(row))
	sum := 0.0
	weights := make([]float64, n)
	first := int64(math.Floor(float64(x) - support*width))
	last := int64(math.Ceil(float64(x) + support*width))
	for k := first; k <= last; k++ {
		w := filter((float64(k) - float64(x)) / width)
		if s.excludes && (k < 0 || k >= n) {
			continue
		}
		weights[clamp(k, n)] += w
		sum += w
	}
	if sum == 0 { // all that counts lies outside
		return
	}
	for k, w := range weights {
		row[k] = float32(w / sum)
	}
}

func linearFilter(t float64) float64 { return max(1-math.Abs(t), 0) }

// cubicFilter is the convolution kernel of Keys, Cubic Convolution
// Interpolation for Digital Image Processing, IEEE TASSP 29 (1981), whose slope
// at 1 is a.
func cubicFilter(a, t float64) float64 {
	t = math.Abs(t)
	switch {
	case t < 1:
		return ((a+2)*t-(a+3))*t*t + 1
	case t < 2:
		return a * (((t-5)*t+8)*t - 4)
	}
	return 0
}

// modernResize gives a Resize or Upsample of operator sets below 11 the form
// that it has had since: coordinates were those of asymmetric, and the nearest
// element was the one below, but above where the tensor shrank.
func (b *builder) modernResize(c *pb.NodeProto, v *node) error {
	scales, ok := b.numbers(v.input(1))
	if !ok {
		return errNotConstant
	}
	grows := slices.ContainsFunc(scales, func(s float32) bool { return s > 1 })
	shrinks := slices.ContainsFunc(scales, func(s float32) bool { return s < 1 })
	mode := v.string("mode", "nearest")
	if mode != "nearest" && mode != "linear" {
		return fmt.Errorf("mode is %s", quote(mode))
	}
	nearest := "floor"
	if shrinks {
		if grows && mode == "nearest" {
			return errors.New("it makes one dimension larger and another one smaller")
		}
		nearest = "ceil"
	}
	c.OpType = new("Resize")
	c.Input = []string{c.Input[0], "", b.floats(scales, int64(len(scales)))}
	c.Attribute = []*pb.AttributeProto{
		stringAttribute("mode", mode), stringAttribute("coordinate_transformation_mode", "asymmetric"), stringAttribute("nearest_mode", nearest),
	}
	return nil
}
