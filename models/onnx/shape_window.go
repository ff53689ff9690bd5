package onnx

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// windows are operators that slide a window over the dimensions after the first
// two (convolutions, poolings) or change the size of these.
var windows = map[string]operator{
	"Conv":              {2, inferConv, nil},
	"ConvInteger":       {2, inferConv, nil},
	"QLinearConv":       {8, inferConv, nil},
	"ConvTranspose":     {2, inferConvTranspose, nil},
	"MaxPool":           {1, inferPool, nil},
	"AveragePool":       {1, inferPool, nil},
	"LpPool":            {1, inferPool, nil},
	"GlobalAveragePool": {1, inferGlobalPool, nil},
	"GlobalMaxPool":     {1, inferGlobalPool, nil},
	"GlobalLpPool":      {1, inferGlobalPool, nil},
	"Resize":            {1, inferResize, nil},
	"Upsample":          {2, inferResize, nil},
	"DepthToSpace":      {1, inferDepthToSpace, nil},
	"SpaceToDepth":      {1, inferSpaceToDepth, nil},
}

// maxWindow bounds kernels, strides, dilations and pads: far above what is in
// use, far below what overflows.
const maxWindow = 1 << 31

// window is how a kernel slides over the spatial dimensions.
type window struct {
	kernel, strides, dilations []int64 // one a dimension
	pads                       []int64 // in front of each dimension, then behind each
	auto                       string  // NOTSET: as pads say
}

// slide reads a window's attributes. kernel is what they are for, nil if the
// attribute kernel_shape says it.
func (c *call) slide(rank int, kernel []int64) (*window, error) {
	if rank < 1 {
		return nil, fmt.Errorf("input 0 has %d dimensions, at least 3 are needed", rank+2)
	}
	w := &window{
		kernel: c.integers("kernel_shape"), strides: c.integers("strides"), dilations: c.integers("dilations"),
		pads: c.integers("pads"), auto: c.text("auto_pad", "NOTSET"),
	}
	if kernel != nil {
		if len(w.kernel) > 0 && !slices.Equal(w.kernel, kernel) {
			return nil, fmt.Errorf("kernel_shape is %v, the weight's is %v", clip(w.kernel), clip(kernel))
		}
		w.kernel = kernel
	}
	for _, p := range []struct {
		name  string
		list  *[]int64
		n     int
		least int64
	}{
		{"kernel_shape", &w.kernel, rank, 1}, {"strides", &w.strides, rank, 1}, {"dilations", &w.dilations, rank, 1}, {"pads", &w.pads, 2 * rank, 0},
	} {
		if len(*p.list) == 0 && p.name != "kernel_shape" {
			*p.list = slices.Repeat([]int64{p.least}, p.n)
		}
		if len(*p.list) != p.n {
			return nil, fmt.Errorf("%s has %d numbers, not %d", p.name, len(*p.list), p.n)
		}
		for _, v := range *p.list {
			if v < p.least || v > maxWindow {
				return nil, fmt.Errorf("%s is %v", p.name, clip(*p.list))
			}
		}
	}
	return w, nil
}

// reach returns how many elements a kernel spans in dimension i.
func (w *window) reach(i int) int64 { return (w.kernel[i]-1)*w.dilations[i] + 1 }

// over returns how many places a window has on in elements of dimension i.
func (w *window) over(i int, in int64, ceil bool) (int64, error) {
	stride, reach := w.strides[i], w.reach(i)
	begin, end := w.pads[i], w.pads[i+len(w.kernel)]
	switch w.auto {
	case "NOTSET":
	case "VALID":
		begin, end = 0, 0
	case "SAME_UPPER", "SAME_LOWER":
		return (in + stride - 1) / stride, nil
	default:
		return 0, fmt.Errorf("auto_pad is %s", quote(w.auto))
	}
	room := in + begin + end - reach
	if ceil && room < 0 && -room < stride {
		return 1, nil // the one place, and what lies outside does not count
	}
	if room < 0 {
		return 0, fmt.Errorf("a window of %d does not fit on %d elements and pads of %d and %d", reach, in, begin, end)
	}
	if !ceil {
		return room/stride + 1, nil
	}
	n := (room+stride-1)/stride + 1
	if (n-1)*stride >= in+begin { // a window that would start in the padding behind
		n--
	}
	return n, nil
}

func inferConv(c *call) ([]value, error) {
	weight, elem := 1, c.elem(0)
	switch c.n.GetOpType() {
	case "ConvInteger":
		elem = pb.TensorProto_INT32
	case "QLinearConv":
		weight, elem = 3, c.elem(7)
	}
	x, w := c.shape(0), c.shape(weight)
	if len(x) < 3 || len(x) != len(w) {
		return nil, fmt.Errorf("a weight of shape %v on a tensor of shape %v", clip(w), clip(x))
	}
	group := c.integer("group", 1)
	if group < 1 || w[0]%group != 0 || x[1]%group != 0 || w[1] != x[1]/group {
		return nil, fmt.Errorf("a weight of shape %v on a tensor of shape %v in %d groups", clip(w), clip(x), group)
	}
	if bias := len(c.n.Input) - 1; c.n.GetOpType() == "Conv" && bias == 2 && c.has(2) && !slices.Equal(c.shape(2), w[:1]) {
		return nil, fmt.Errorf("a bias of shape %v for %d channels", clip(c.shape(2)), w[0])
	}
	s, err := c.slide(len(x)-2, w[2:])
	if err != nil {
		return nil, err
	}
	out := []int64{x[0], w[0]}
	for i, d := range x[2:] {
		n, err := s.over(i, d, false)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return one(elem, out)
}

func inferConvTranspose(c *call) ([]value, error) {
	x, w := c.shape(0), c.shape(1)
	group := c.integer("group", 1)
	if len(x) < 3 || len(x) != len(w) || group < 1 || group > maxWindow || x[1] != w[0] || x[1]%group != 0 {
		return nil, fmt.Errorf("a weight of shape %v on a tensor of shape %v in %d groups", clip(w), clip(x), group)
	}
	s, err := c.slide(len(x)-2, w[2:])
	if err != nil {
		return nil, err
	}
	if w[1] > maxWindow {
		return nil, fmt.Errorf("a weight of shape %v", clip(w))
	}
	rank := len(s.kernel)
	out := []int64{x[0], w[1] * group}
	size, extra := c.integers("output_shape"), c.integers("output_padding")
	if len(size) != 0 && len(size) < rank || len(extra) != 0 && len(extra) != rank {
		return nil, fmt.Errorf("output_shape is %v, output_padding %v for %d dimensions", clip(size), clip(extra), rank)
	}
	for i, d := range x[2:] {
		if d > maxWindow {
			return nil, fmt.Errorf("input 0 has shape %v", clip(x))
		}
		n := (d-1)*s.strides[i] + s.reach(i)
		if len(extra) > 0 {
			if extra[i] < 0 || extra[i] > maxWindow {
				return nil, fmt.Errorf("output_padding is %v", clip(extra))
			}
			n += extra[i]
		}
		switch {
		case len(size) > 0:
			n = size[len(size)-rank+i]
		case s.auto == "NOTSET":
			n -= s.pads[i] + s.pads[i+rank]
		case s.auto == "SAME_UPPER" || s.auto == "SAME_LOWER":
			n = d * s.strides[i]
		}
		out = append(out, n)
	}
	return one(c.elem(0), out)
}

func inferPool(c *call) ([]value, error) {
	x := c.shape(0)
	s, err := c.slide(len(x)-2, nil)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(x[:2])
	for i, d := range x[2:] {
		n, err := s.over(i, d, c.integer("ceil_mode", 0) != 0)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	if c.n.GetOpType() == "MaxPool" {
		return []value{{c.elem(0), out}, {pb.TensorProto_INT64, out}}, nil
	}
	return one(c.elem(0), out)
}

func inferGlobalPool(c *call) ([]value, error) {
	out := slices.Clone(c.shape(0))
	if len(out) < 2 {
		return nil, fmt.Errorf("input 0 has %d dimensions, at least 2 are needed", len(out))
	}
	for i := range out[2:] {
		out[2+i] = 1
	}
	return one(c.elem(0), out)
}

func inferResize(c *call) ([]value, error) {
	x := c.shape(0)
	at := make([]int, len(x))
	for i := range at {
		at[i] = i
	}
	if list := c.integers("axes"); list != nil {
		var err error
		if at, err = axes(list, len(x)); err != nil {
			return nil, err
		}
	}
	scales := 2
	if c.n.GetOpType() == "Upsample" || c.f.g.Opset < 11 {
		scales = 1
	}
	out := slices.Clone(x)
	if scales == 2 && c.has(3) {
		sizes, err := c.list(3)
		if err != nil {
			return nil, err
		}
		if len(sizes) != len(at) {
			return nil, fmt.Errorf("%d sizes for %d dimensions", len(sizes), len(at))
		}
		policy := c.text("keep_aspect_ratio_policy", "stretch")
		if policy != "stretch" {
			return nil, fmt.Errorf("keep_aspect_ratio_policy %s is not supported", quote(policy))
		}
		for i, a := range at {
			out[a] = sizes[i]
		}
		return one(c.elem(0), out)
	}
	if !c.has(scales) {
		return nil, fmt.Errorf("it has neither scales nor sizes")
	}
	s, err := c.array(scales)
	if err != nil {
		return nil, err
	}
	if len(s.f) != len(at) {
		return nil, fmt.Errorf("%d scales for %d dimensions", len(s.f), len(at))
	}
	for i, a := range at {
		v := float64(float32(x[a]) * float32(s.f[i])) // the runtime computes it so
		if !(v >= 0 && v < maxElements) {
			return nil, fmt.Errorf("scale %g of a dimension of %d", s.f[i], x[a])
		}
		out[a] = int64(v)
	}
	return one(c.elem(0), out)
}

func inferDepthToSpace(c *call) ([]value, error) {
	x, b := c.shape(0), c.integer("blocksize", 0)
	if len(x) != 4 || b < 1 || b > maxWindow/2 || x[1]%(b*b) != 0 || x[2] > maxWindow || x[3] > maxWindow {
		return nil, fmt.Errorf("blocks of %d in a tensor of shape %v", b, clip(x))
	}
	return one(c.elem(0), []int64{x[0], x[1] / (b * b), x[2] * b, x[3] * b})
}

func inferSpaceToDepth(c *call) ([]value, error) {
	x, b := c.shape(0), c.integer("blocksize", 0)
	if len(x) != 4 || b < 1 || x[2]%b != 0 || x[3]%b != 0 {
		return nil, fmt.Errorf("blocks of %d in a tensor of shape %v", b, clip(x))
	}
	depth, err := elements([]int64{x[1], b, b})
	if err != nil {
		return nil, err
	}
	return one(c.elem(0), []int64{x[0], depth, x[2] / b, x[3] / b})
}
