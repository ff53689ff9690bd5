package grad

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// ONNX Runtime's fast convolutions work on channels in blocks: of a tensor
// N×C×H×W the values lie in the order [N, C/B, H, W, B]. It brings convolutions
// with constant weights into this layout by itself. Weights that are trained
// are inputs, so the layout is chosen here, by operators of the runtime's own
// domain com.microsoft.nchwc. They are no part of ONNX: whoever uses such a
// program compares it with the plain one first, and never stores it.
//
// A blocked tensor keeps the shape N×C×H×W, with C rounded up to whole blocks.
// Operators that go element by element therefore need no change, and their
// rules neither. What pads the channels is 0, and stays so: filters and biases
// are 0 there, operators that would make something else of 0 are left in the
// plain layout, and so activations and gradients are 0, too, and those of the
// weights.
const nchwc = "com.microsoft.nchwc"

// BlockProbe returns a model that tells which Options.Block a runtime has: fed
// a float32 tensor x of shape 1×8×1×1, it gives four int64, of which the second
// is the number. A runtime that cannot load it has no such layout.
func BlockProbe() *pb.ModelProto {
	reorder := onnx.Node("ReorderInput", []string{"x"}, []string{"blocked"})
	reorder.Domain = new(nchwc)
	return &pb.ModelProto{
		IrVersion:    new(irVersion(oldestOpset)),
		ProducerName: new("headstart"),
		OpsetImport: []*pb.OperatorSetIdProto{
			{Domain: new(""), Version: new(int64(oldestOpset))}, {Domain: new(nchwc), Version: new(int64(1))},
		},
		Graph: &pb.GraphProto{
			Name:   new("probe"),
			Node:   []*pb.NodeProto{reorder, onnx.Node("Shape", []string{"blocked"}, []string{"shape"})},
			Input:  []*pb.ValueInfoProto{value("x", pb.TensorProto_FLOAT, []int64{1, 8, 1, 1})},
			Output: []*pb.ValueInfoProto{value("shape", pb.TensorProto_INT64, []int64{4})},
		},
	}
}

// toBlocks returns a plain tensor in blocks.
func (b *builder) toBlocks(x string) string {
	shape := slices.Clone(b.shapes[x])
	shape[1] = whole(shape[1], b.block)
	y := b.op("ReorderInput", shape, []string{x})
	b.made[y].Domain = new(nchwc)
	b.channels[y] = b.shapes[x][1]
	return y
}

// toPlain returns a blocked tensor of a number of channels in the plain layout.
func (b *builder) toPlain(x string, channels int64) string {
	if y, ok := b.unblocked[x]; ok {
		return y
	}
	shape := slices.Clone(b.shapes[x])
	shape[1] = channels
	y := b.op("ReorderOutput", shape, []string{x}, onnx.IntAttribute("channels", channels))
	b.made[y].Domain = new(nchwc)
	b.unblocked[x] = y
	return y
}

// inBlocks returns a view of a blocked tensor: [N·C/B, H, W, B].
func (b *builder) inBlocks(x string) string {
	s := b.shapes[x]
	return b.reshape(x, s[0]*s[1]/b.block, s[2], s[3], b.block)
}

// blockedConv appends a convolution of a blocked tensor, or of a plain one for
// a stem. Inputs that are not given are "".
func (b *builder) blockedConv(shape []int64, x, w, bias, sum string, group int64, pads, kernel, strides, dilations []int64, more ...*pb.AttributeProto) string {
	in := []string{x, w, bias, sum}
	for in[len(in)-1] == "" {
		in = in[:len(in)-1]
	}
	y := b.op("Conv", shape, in, append([]*pb.AttributeProto{
		onnx.IntAttribute("group", group), onnx.IntsAttribute("pads", pads...), onnx.IntsAttribute("kernel_shape", kernel...),
		onnx.IntsAttribute("strides", strides...), onnx.IntsAttribute("dilations", dilations...),
	}, more...)...)
	b.made[y].Domain = new(nchwc)
	return y
}

// reorderInput, reorderOutput: the gradient goes back into the other layout.
func reorderInput(b *builder, n *node) ([]string, error) {
	return []string{b.toPlain(n.dY[0], b.shapes[n.in[0]][1])}, nil
}

func reorderOutput(b *builder, n *node) ([]string, error) { return []string{b.toBlocks(n.dY[0])}, nil }

// blockedConvolution: y = clip(conv(x, w) + b + sum); the gradients are those
// of conv, clip and add, in blocks as far as that is faster.
func blockedConvolution(b *builder, n *node) ([]string, error) {
	x, w, y, dY := n.in[0], n.in[1], n.out[0], n.dY[0]
	xs, ys := b.shapes[x], b.shapes[y]
	c := &blockedFilter{K: b.channels[y], group: 1}
	if c.C = b.channels[x]; c.C == 0 { // not in blocks
		c.C = xs[1]
	}
	if n.int("group", 1) > 1 {
		c.group = c.C
	}
	c.form = formOf(c.C, c.K, c.group, b.block)
	c.fed = b.shapes[w]
	c.dims = slices.Concat([]int64{c.K, c.C / c.group}, c.fed[2:])
	var err error
	if c.window, err = n.window(c.fed[2:], xs, ys); err != nil {
		return nil, err
	}
	switch n.string("activation", "") {
	case "Relu":
		dY = b.masked(dY, b.between(y, b.scalar(0), ""))
	case "Clip":
		p := n.attribute("activation_params").GetFloats()
		dY = b.masked(dY, b.between(y, b.scalar(float64(p[0])), b.scalar(float64(p[1]))))
	}
	d := make([]string, len(n.in))
	if n.need[0] {
		d[0] = b.blockedInput(dY, w, xs, c)
	}
	if n.need[1] {
		if d[1], err = b.blockedGradient(x, dY, c); err != nil {
			return nil, err
		}
	}
	if n.wants(2) {
		rows := b.sum(b.reshape(dY, ys[0]*ys[1]/b.block, ys[2]*ys[3], b.block), false, 1)
		d[2] = b.sum(b.reshape(rows, ys[0], ys[1]), false, 0)
	}
	if n.wants(3) {
		d[3] = dY
	}
	return d, nil
}

// blockedFilter is the filter of a blocked convolution: of C and K channels in
// the backbone, where it has dims, and fed with other dimensions.
type blockedFilter struct {
	*window
	form        form
	C, K, group int64
	dims, fed   []int64
}

// blockedGradient returns dW in the filter's form.
func (b *builder) blockedGradient(x, dY string, c *blockedFilter) (string, error) {
	win := c.window
	if c.form != depthwise {
		if c.form == dense {
			x = b.toPlain(x, c.C)
		}
		dW, err := b.convFilter(x, b.toPlain(dY, c.K), c.dims, 1, win)
		if err != nil {
			return "", err
		}
		return b.packed(dW, c.form), nil
	}
	// Blocked activations are a blocked depthwise filter: every channel of
	// every sample is a group of its own.
	xs := b.shapes[x]
	N, C := xs[0], xs[1]
	used, end := slices.Clone(win.in), win.ends()
	for i, e := range end {
		if e < 0 {
			used[i], end[i] = used[i]+e, 0
		}
		if used[i] < 1 {
			return "", fmt.Errorf("it reads nothing but padding")
		}
	}
	x = b.reshape(b.prefix(b.inBlocks(x), []int64{1, 2}, used), 1, N*C, used[0], used[1])
	p := b.blockedConv([]int64{1, N * C, win.kernel[0], win.kernel[1]}, x, b.reshape(dY, N*C, 1, win.out[0], win.out[1]), "", "",
		N*C, slices.Concat(win.begin, end), win.out, win.dilation, win.stride)
	return b.reshape(b.sum(b.reshape(p, N, C*product(win.kernel)), false, 0), c.fed...), nil
}

// blockedInput returns dX, which is plain for a stem and blocked otherwise.
func (b *builder) blockedInput(dY, w string, xs []int64, c *blockedFilter) string {
	win := c.window
	outside := func() string {
		return b.convInput(b.toPlain(dY, c.K), b.unpacked(w, c.form, c.dims), slices.Concat(xs[:1], []int64{c.C}, xs[2:]), c.group, win)
	}
	if c.form == stem {
		return outside()
	}
	group := int64(1)
	if c.form == depthwise {
		group = xs[1]
	}
	if slices.Equal(win.stride, []int64{1, 1}) {
		pads := make([]int64, 4)
		for i := range 2 {
			far := (win.kernel[i] - 1) * win.dilation[i]
			pads[i], pads[i+2] = far-win.begin[i], far-win.end(i)
		}
		if slices.Min(pads) >= 0 {
			taps := sequence(0, product(win.kernel))
			slices.Reverse(taps)
			return b.blockedConv(xs, dY, b.blockedTurned(w, c.form, taps, win.kernel), "", "", group, pads, win.kernel, win.stride, win.dilation)
		}
	}
	if dX := b.phases(dY, w, xs, c.form, group, win); dX != "" {
		return dX
	}
	return b.toBlocks(outside())
}

// blockedTurned returns some taps of a filter with its input and output
// channels exchanged.
func (b *builder) blockedTurned(w string, f form, taps, kernel []int64) string {
	ws := b.shapes[w]
	K, C, all := ws[0], ws[1], product(ws[2:])
	B := b.block
	some := len(taps) > 1 || all > 1
	if f == depthwise {
		t := b.reshape(w, K/B, all, B)
		if some {
			t = b.take(t, 1, taps)
		}
		return b.reshape(t, K, 1, kernel[0], kernel[1])
	}
	t := b.reshape(w, K/B, C/B, all, B, B)
	if some {
		t = b.take(t, 2, taps)
	}
	return b.reshape(b.transpose(t, 1, 0, 2, 4, 3), C, K, kernel[0], kernel[1])
}

// phase returns, for inputs i with i mod s = r, the taps of a kernel that such
// an input was read by, the last one first, and how many outputs before the
// first are needed.
func phase(r, kernel, begin, s int64) (taps []int64, pad int64) {
	first := (r + begin) % s
	for t := first; t < kernel; t += s {
		taps = append(taps, t)
	}
	slices.Reverse(taps)
	return taps, int64(len(taps)) - 1 - (r+begin-first)/s
}

// phases returns dX of a convolution with strides s as s² small convolutions,
// one for each place of an input between the steps, whose results are put
// between each other; "" if the sizes do not allow it. Shi et al., Is the
// deconvolution layer the same as a convolutional layer?, arXiv:1609.07009.
func (b *builder) phases(dY, w string, xs []int64, f form, group int64, win *window) string {
	s := win.stride
	if xs[2]%s[0] != 0 || xs[3]%s[1] != 0 || !slices.Equal(win.dilation, []int64{1, 1}) {
		return ""
	}
	N, C := xs[0], xs[1]
	size := []int64{xs[2] / s[0], xs[3] / s[1]}
	type part struct{ taps, kernel, pads []int64 }
	var parts []part
	for r := range s[0] {
		for c := range s[1] {
			ti, top := phase(r, win.kernel[0], win.begin[0], s[0])
			tj, left := phase(c, win.kernel[1], win.begin[1], s[1])
			p := part{kernel: []int64{int64(len(ti)), int64(len(tj))}}
			if len(ti) > 0 && len(tj) > 0 {
				p.pads = []int64{top, left, size[0] + p.kernel[0] - 1 - win.out[0] - top, size[1] + p.kernel[1] - 1 - win.out[1] - left}
				if slices.Min(p.pads) < 0 {
					return ""
				}
			}
			for _, i := range ti {
				for _, j := range tj {
					p.taps = append(p.taps, i*win.kernel[1]+j)
				}
			}
			parts = append(parts, p)
		}
	}
	rows := N * C / b.block
	var lines []string
	for r := range s[0] {
		var columns []string
		for _, p := range parts[r*s[1] : (r+1)*s[1]] {
			shape := []int64{rows, size[0], size[1], b.block}
			if p.taps == nil { // no output has read these inputs
				columns = append(columns, b.zeros(shape))
				continue
			}
			y := b.blockedConv([]int64{N, C, size[0], size[1]}, dY, b.blockedTurned(w, f, p.taps, p.kernel), "", "",
				group, p.pads, p.kernel, []int64{1, 1}, []int64{1, 1})
			columns = append(columns, b.reshape(y, shape...))
		}
		lines = append(lines, b.reshape(b.joined(columns, 3), rows, size[0], xs[3]*b.block))
	}
	return b.reshape(b.joined(lines, 2), xs...)
}

// joined concatenates tensors of one shape.
func (b *builder) joined(parts []string, axis int64) string {
	if len(parts) == 1 {
		return parts[0]
	}
	shape := slices.Clone(b.shapes[parts[0]])
	shape[axis] *= int64(len(parts))
	return b.op("Concat", shape, parts, onnx.IntAttribute("axis", axis))
}

// accumulated returns the sum of two gradients of a tensor. If the latter was
// just made by a blocked convolution, for this purpose alone, that takes the
// former as its fourth input. made are the nodes of the rule that made it.
func (b *builder) accumulated(d, next string, made []*pb.NodeProto) string {
	n := b.made[next]
	if n == nil || n.GetDomain() != nchwc || n.GetOpType() != "Conv" || len(n.GetInput()) != 2 || !slices.Contains(made, n) ||
		slices.ContainsFunc(made, func(m *pb.NodeProto) bool { return slices.Contains(m.GetInput(), next) }) {
		return b.add(d, next)
	}
	n.Input = append(n.Input, "", d)
	return next
}
