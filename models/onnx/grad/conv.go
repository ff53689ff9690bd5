package grad

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// window is how a convolution or a pooling goes over its input: one entry for
// each spatial dimension. Output o reads inputs o·stride - begin + t·dilation
// for taps t < kernel.
type window struct {
	kernel, stride, dilation, begin []int64
	in, out                         []int64 // sizes
}

// window reads the attributes of a node whose input and output have these
// shapes. kernel is what counts if the attribute is not given. Sizes at the end
// of a padding need not be known: the output's size says as much.
func (n *node) window(kernel, in, out []int64) (*window, error) {
	r := len(in) - 2
	w := &window{
		kernel: kernel, in: in[2:], out: out[2:],
		stride: n.ints("strides"), dilation: n.ints("dilations"),
		begin: make([]int64, max(r, 0)),
	}
	if k := n.ints("kernel_shape"); k != nil {
		w.kernel = k
	}
	if w.stride == nil {
		w.stride = slices.Repeat([]int64{1}, r)
	}
	if w.dilation == nil {
		w.dilation = slices.Repeat([]int64{1}, r)
	}
	pads := n.ints("pads")
	if r < 1 || len(w.kernel) != r || len(w.stride) != r || len(w.dilation) != r || pads != nil && len(pads) != 2*r {
		return nil, fmt.Errorf("its attributes do not fit an input of shape %v", in)
	}
	switch auto := n.string("auto_pad", "NOTSET"); auto {
	case "NOTSET", "":
		if pads != nil {
			copy(w.begin, pads)
		}
	case "VALID":
	case "SAME_UPPER", "SAME_LOWER": // out = ⌈in / stride⌉, the odd one at the end or at the beginning
		for i := range w.begin {
			total := max(w.extent(i)-w.in[i], 0)
			if w.begin[i] = total / 2; auto == "SAME_LOWER" {
				w.begin[i] = total - total/2
			}
		}
	default:
		return nil, fmt.Errorf("auto_pad is %s", quote(auto))
	}
	return w, nil
}

// extent returns from the first to the last input that is read, paddings
// included.
func (w *window) extent(i int) int64 {
	return (w.out[i]-1)*w.stride[i] + (w.kernel[i]-1)*w.dilation[i] + 1
}

// end returns how many elements behind the input are read. It is negative if
// the last inputs are not read at all, which strides can do.
func (w *window) end(i int) int64 { return w.extent(i) - w.in[i] - w.begin[i] }

func (w *window) ends() []int64 {
	e := make([]int64, len(w.begin))
	for i := range e {
		e[i] = w.end(i)
	}
	return e
}

// plain tells whether every output reads just the input at its place.
func (w *window) plain() bool {
	for i, k := range w.kernel {
		if k != 1 || w.stride[i] != 1 || w.begin[i] != 0 || w.end(i) != 0 {
			return false
		}
	}
	return true
}

// conv: y[k,o] = b[k] + Σ_c Σ_t w[k,c,t] x[c, o·s + t·d - p]. With the sums
// over what stands in the formula of y,
//
//	dX[c,i]   = Σ dY[k,o] w[k,c,t] over o·s + t·d - p = i   (a transposed convolution)
//	dW[k,c,t] = Σ dY[k,o] x[c, o·s + t·d - p] over n and o  (a convolution of x by dY)
//	dB[k]     = Σ dY over n and o
//
// Dumoulin and Visin, A guide to convolution arithmetic for deep learning,
// arXiv:1603.07285, sections 2 and 4.
func conv(b *builder, n *node) ([]string, error) {
	x, w := n.in[0], n.in[1]
	xs, ws := b.shapes[x], b.shapes[w]
	if len(xs) < 3 || len(ws) != len(xs) {
		return nil, fmt.Errorf("an input of shape %v with a filter of shape %v", xs, ws)
	}
	win, err := n.window(ws[2:], xs, b.shapes[n.out[0]])
	if err != nil {
		return nil, err
	}
	group := n.int("group", 1)
	d := make([]string, len(n.in))
	if n.need[0] {
		d[0] = b.convInput(n.dY[0], w, xs, group, win)
	}
	if n.need[1] {
		if d[1], err = b.convFilter(x, n.dY[0], ws, group, win); err != nil {
			return nil, err
		}
	}
	if n.wants(2) {
		N, K := xs[0], ws[0]
		rows := b.sum(b.reshape(n.dY[0], N, K, product(win.out)), false, 2)
		d[2] = b.sum(rows, false, 0)
	}
	return d, nil
}

// convInput returns dX of a convolution with filter w.
func (b *builder) convInput(dY, w string, xs []int64, group int64, win *window) string {
	ws := b.shapes[w]
	r := len(win.kernel)
	begin, end := make([]int64, r), make([]int64, r)
	direct := true // a convolution does it, faster than a transposed one
	for i := range r {
		far := (win.kernel[i] - 1) * win.dilation[i]
		begin[i], end[i] = far-win.begin[i], far-win.end(i)
		direct = direct && win.stride[i] == 1 && begin[i] >= 0 && end[i] >= 0
	}
	if direct {
		return b.op("Conv", xs, []string{dY, b.turned(w, group)},
			onnx.IntAttribute("group", group),
			onnx.IntsAttribute("kernel_shape", win.kernel...),
			onnx.IntsAttribute("dilations", win.dilation...),
			onnx.IntsAttribute("pads", slices.Concat(begin, end)...))
	}
	return b.convTranspose(dY, w, ws[1]*group, group, win)
}

// convTranspose returns what dY gives back to an input of a given number of
// channels through filter w.
func (b *builder) convTranspose(dY, w string, channels, group int64, win *window) string {
	ends := win.ends()
	extra := make([]int64, len(ends)) // inputs that no output has read
	for i, e := range ends {
		if e < 0 {
			ends[i], extra[i] = 0, -e
		}
	}
	shape := slices.Concat(b.shapes[dY][:1], []int64{channels}, win.in)
	return b.op("ConvTranspose", shape, []string{dY, w},
		onnx.IntAttribute("group", group),
		onnx.IntsAttribute("kernel_shape", win.kernel...),
		onnx.IntsAttribute("strides", win.stride...),
		onnx.IntsAttribute("dilations", win.dilation...),
		onnx.IntsAttribute("pads", slices.Concat(win.begin, ends)...),
		onnx.IntsAttribute("output_padding", extra...))
}

// turned returns a filter [K, C/G, taps] with input and output channels
// exchanged inside each group, [C, K/G, taps], and its taps in reversed order.
func (b *builder) turned(w string, group int64) string {
	ws := b.shapes[w]
	K, C, taps := ws[0], ws[1], product(ws[2:])
	t := b.transpose(b.reshape(w, group, K/group, C, taps), 0, 2, 1, 3)
	t = b.reshape(t, group*C, K/group, taps)
	if taps > 1 {
		reversed := sequence(0, taps)
		slices.Reverse(reversed)
		t = b.take(t, 2, reversed)
	}
	return b.reshape(t, slices.Concat([]int64{group * C, K / group}, ws[2:])...)
}

// largeMap is from how many outputs a channel on the filter gradient of a 1×1
// convolution is a product a sample and a sum over them, instead of one product
// over all samples, which needs both operands transposed.
const largeMap = 400

// convFilter returns dW.
func (b *builder) convFilter(x, dY string, ws []int64, group int64, win *window) (string, error) {
	xs := b.shapes[x]
	N, C, K := xs[0], xs[1], ws[0]
	in, out := product(win.in), product(win.out)
	if group == 1 && win.plain() {
		if out >= largeMap {
			xt := b.transpose(b.reshape(x, N, C, in), 0, 2, 1)
			p := b.op("MatMul", []int64{N, K, C}, []string{b.reshape(dY, N, K, out), xt})
			return b.reshape(b.sum(p, false, 0), ws...), nil
		}
		x2 := b.reshape(b.transpose(b.reshape(x, N, C, in), 1, 0, 2), C, N*in)
		y2 := b.reshape(b.transpose(b.reshape(dY, N, K, out), 1, 0, 2), K, N*out)
		return b.reshape(b.op("Gemm", []int64{K, C}, []string{y2, x2}, onnx.IntAttribute("transB", 1)), ws...), nil
	}

	// x is convolved by dY: steps of the output become dilations and the other
	// way round. Inputs that no output has read are left out first.
	r := len(win.kernel)
	used, end := slices.Clone(win.in), win.ends()
	for i, e := range end {
		if e < 0 {
			used[i], end[i] = used[i]+e, 0
		}
		if used[i] < 1 {
			return "", fmt.Errorf("it reads nothing but padding")
		}
	}
	x = b.prefix(x, sequence(2, int64(2+r)), used)
	attributes := []*pb.AttributeProto{
		onnx.IntsAttribute("kernel_shape", win.out...),
		onnx.IntsAttribute("strides", win.dilation...),
		onnx.IntsAttribute("dilations", win.stride...),
		onnx.IntsAttribute("pads", slices.Concat(win.begin, end)...),
	}
	if group == C && group == K { // every channel of every sample is a group of its own
		p := b.op("Conv", slices.Concat([]int64{1, N * C}, win.kernel),
			[]string{b.reshape(x, slices.Concat([]int64{1, N * C}, used)...), b.reshape(dY, slices.Concat([]int64{N * C, 1}, win.out)...)},
			append(attributes, onnx.IntAttribute("group", N*C))...)
		return b.reshape(b.sum(b.reshape(p, N, C*product(win.kernel)), false, 0), ws...), nil
	}
	// Samples are the channels that are summed over, channels of a group the
	// samples: [C/G, G·N, …] by [K, N, …] gives [C/G, K, …].
	per := C / group
	xt := b.transpose(b.reshape(x, N, group, per, product(used)), 2, 1, 0, 3)
	xt = b.reshape(xt, slices.Concat([]int64{per, group * N}, used)...)
	yt := b.transpose(b.reshape(dY, N, K, out), 1, 0, 2)
	yt = b.reshape(yt, slices.Concat([]int64{K, N}, win.out)...)
	p := b.op("Conv", slices.Concat([]int64{per, K}, win.kernel), []string{xt, yt},
		append(attributes, onnx.IntAttribute("group", group))...)
	return b.transpose(p, slices.Concat([]int64{1, 0}, sequence(2, int64(2+r)))...), nil
}
