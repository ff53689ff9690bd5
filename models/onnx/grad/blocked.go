package grad

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// ONNX Runtime's fast convolutions work on channels in blocks: of a tensor
// N×C×H×W the values lie in the order [N, C/B, H, W, B]. It brings convolutions
// with constant weights into this layout by itself. Weights that are trained are
// inputs, so the layout is chosen here, by operators of the runtime's own domain
// com.microsoft.nchwc. They are no part of ONNX: whoever uses such a program
// compares it with the plain one first, and never stores it.
//
// A blocked tensor keeps the shape N×C×H×W, with C rounded up to whole blocks.
// Operators that go element by element therefore need no change, and their rules
// neither. What pads the channels is 0, and stays so: filters and biases are 0
// there, operators that would make something else of 0 are left in the plain
// layout, and so activations and gradients are 0, too, and those of the weights.
const nchwc = "com.microsoft.nchwc"

// BlockProbe returns a model that tells which Options.Block a runtime has: fed a
// float32 tensor x of shape 1×8×1×1, it gives four int64, of which the second is
// the number. A runtime that cannot load it has no such layout.
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

// form is the order in which the values of a weight are kept.
type form int

const (
	plain     form = iota // as in the backbone
	vector                // a bias, padded
	dense                 // a filter [K, C, taps] as [K/B, C/B, taps, B of C, B of K]
	depthwise             // a filter [K, 1, taps] as [K/B, taps, B]
	stem                  // a filter [K, C, taps] as [K/B, C, taps, B], for an input that is not blocked
)

// formOf returns the form of a convolution's filter, plain if it has none of the
// others. The runtime reorders channels in fours.
func formOf(C, K, group, B int64) form {
	switch {
	case K%4 != 0:
		return plain
	case group == C && group == K:
		return depthwise
	case group == 1 && C < B:
		return stem
	case group == 1 && C%4 == 0:
		return dense
	}
	return plain
}

// whole returns n rounded up to whole blocks of B.
func whole(n, B int64) int64 { return (n + B - 1) / B * B }

// padded returns the dimensions in which a weight of the given ones is fed.
func (f form) padded(dims []int64, B int64) []int64 {
	dims = slices.Clone(dims)
	if f != plain {
		dims[0] = whole(dims[0], B)
	}
	if f == dense {
		dims[1] = whole(dims[1], B)
	}
	return dims
}

// split returns the padded dimensions of a filter with the channels in blocks:
// [K/B, B of K, C/B, B of C, taps]. They are kept in the order that order says.
func (f form) split(padded []int64, B int64) []int64 {
	C, in := padded[1], int64(1)
	if f == dense {
		C, in = C/B, B
	}
	return []int64{padded[0] / B, B, C, in, product(padded[2:])}
}

// order is in which order those dimensions are kept.
var order = []int64{0, 2, 4, 3, 1}

// Pack copies a weight's values from the order of the backbone, of length
// product(Shape), to the one in which the program takes them, of product(Dims).
func (w *Weight) Pack(dst, src []float32) {
	clear(dst)
	w.each(func(plain, packed int64) { dst[packed] = src[plain] })
}

// Unpack is the inverse of Pack, for weights and for gradients.
func (w *Weight) Unpack(dst, src []float32) {
	w.each(func(plain, packed int64) { dst[plain] = src[packed] })
}

func (w *Weight) each(f func(plain, packed int64)) {
	if w.form == plain || w.form == vector {
		for i := range product(w.Shape) {
			f(i, i)
		}
		return
	}
	K, C := w.Shape[0], w.Shape[1]
	s := w.form.split(w.Dims, w.block)
	outer, B, blocks, in, taps := s[0], s[1], s[2], s[3], s[4]
	packed := int64(0)
	for ko := range outer {
		for co := range blocks {
			for t := range taps {
				for ci := range in {
					for ki := range B {
						if k, c := ko*B+ki, co*in+ci; k < K && c < C {
							f((k*C+c)*taps+t, packed)
						}
						packed++
					}
				}
			}
		}
	}
}

// packed and unpacked are Pack and Unpack as nodes; dims are those of the plain
// filter.
func (b *builder) packed(w string, f form) string {
	dims := b.shapes[w]
	fed := f.padded(dims, b.block)
	after := make([]int64, len(dims))
	for i := range dims {
		after[i] = fed[i] - dims[i]
	}
	w = b.reshape(b.pad(w, make([]int64, len(dims)), after), f.split(fed, b.block)...)
	return b.reshape(b.transpose(w, order...), fed...)
}

func (b *builder) unpacked(w string, f form, dims []int64) string {
	fed := b.shapes[w]
	s, moved := f.split(fed, b.block), make([]int64, 5)
	for i, p := range order {
		moved[i] = s[p]
	}
	w = b.reshape(b.transpose(b.reshape(w, moved...), inverse(order)...), fed...)
	return b.prefix(w, []int64{0, 1}, dims[:2])
}

// inverse returns a permutation's inverse.
func inverse(perm []int64) []int64 {
	inv := make([]int64, len(perm))
	for i, p := range perm {
		inv[p] = int64(i)
	}
	return inv
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

// blockedConv appends a convolution of a blocked tensor, or of a plain one for a
// stem. Inputs that are not given are "".
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

// lowering is the forward pass in blocks.
type lowering struct {
	*builder
	tail    *tail
	trained map[string]bool
	blocked map[string]string // by the tensor's name in the backbone
	ready   map[string]bool   // tensors of the backbone that are there in the plain layout
	uses    map[string]int
	reader  map[string]*pb.NodeProto // the last
	done    map[*pb.NodeProto]bool   // as part of one before it
	forms   map[string]form          // of trained filters
}

// lower appends the forward pass of the tail with as much of it in blocks as
// there are convolutions for, and returns the forms of the trained filters and
// biases. An error is a reason, and of the node failed.
func (b *builder) lower(t *tail, cut, features string, train []Weight) (forms map[string]form, failed *pb.NodeProto, err error) {
	l := &lowering{
		builder: b, tail: t, trained: map[string]bool{}, blocked: map[string]string{}, ready: map[string]bool{cut: true},
		uses: map[string]int{features: 1}, reader: map[string]*pb.NodeProto{}, done: map[*pb.NodeProto]bool{}, forms: map[string]form{},
	}
	for _, w := range train {
		l.trained[w.Name] = true
	}
	for _, name := range t.inputs {
		l.ready[name] = true
	}
	for _, n := range t.nodes {
		for _, in := range n.GetInput() {
			l.uses[in]++
			l.reader[in] = n
		}
	}
	for _, p := range t.nodes {
		if l.done[p] {
			continue
		}
		n := &node{NodeProto: p, in: p.GetInput(), out: p.GetOutput()}
		if standard(p) && (l.conv(n) || l.elementwise(n) || l.scaled(n) || l.mean(n)) {
			continue
		}
		for _, in := range n.in {
			l.plain(in)
		}
		if err := b.forward(p); err != nil {
			return nil, p, err
		}
		for _, out := range n.out {
			l.ready[out] = true
		}
	}
	l.plain(features)
	return l.forms, nil, nil
}

// plain makes a tensor of the backbone be there in the plain layout.
func (l *lowering) plain(name string) {
	if x, ok := l.blocked[name]; ok && !l.ready[name] { // made in blocks
		n := onnx.Node("ReorderOutput", []string{x}, []string{name}, onnx.IntAttribute("channels", l.shapes[name][1]))
		n.Domain = new(nchwc)
		l.emit(n)
		l.ready[name], l.unblocked[x] = true, name
	}
}

// blocks returns a tensor of the backbone in blocks.
func (l *lowering) blocks(name string) string {
	if _, ok := l.blocked[name]; !ok {
		l.blocked[name] = l.toBlocks(name)
	}
	return l.blocked[name]
}

// here tells whether a tensor of the backbone has been computed.
func (l *lowering) here(name string) bool { return l.ready[name] || l.blocked[name] != "" }

// only returns the node that reads a tensor if it is a single one, of the given
// operator.
func (l *lowering) only(name string, ops ...string) *pb.NodeProto {
	n := l.reader[name]
	if l.uses[name] != 1 || n == nil || !standard(n) || !slices.Contains(ops, n.GetOpType()) {
		return nil
	}
	return n
}

// conv lowers a convolution, with a sum and a clipping behind it.
func (l *lowering) conv(n *node) bool {
	if n.GetOpType() != "Conv" {
		return false
	}
	x, w := n.in[0], n.in[1]
	xs, ws := l.shapes[x], l.shapes[w]
	c := l.graph.Constants[w]
	if len(xs) != 4 || len(ws) != 4 || c == nil || c.Type != pb.TensorProto_FLOAT || l.uses[w] != 1 {
		return false
	}
	bias := n.input(2)
	if t := l.graph.Constants[bias]; bias != "" && (t == nil || l.uses[bias] != 1) {
		return false
	}
	win, err := n.window(ws[2:], xs, l.shapes[n.out[0]])
	group := n.int("group", 1)
	f := formOf(xs[1], ws[0], group, l.block)
	if err != nil || f == plain {
		return false
	}
	y, sum := n.out[0], ""
	var more []*pb.AttributeProto
	if add := l.only(y, "Add"); add != nil {
		other := add.GetInput()[0]
		if other == y {
			other = add.GetInput()[1]
		}
		if other != y && l.here(other) && slices.Equal(l.shapes[other], l.shapes[y]) {
			sum = l.blocks(other)
			y = add.GetOutput()[0]
			l.done[add] = true
		}
	}
	if act := l.only(y, "Relu", "Clip"); act != nil {
		a := &node{NodeProto: act, in: act.GetInput()}
		lo, okLo := l.value(a.input(1))
		hi, okHi := l.value(a.input(2))
		if act.GetOpType() == "Relu" {
			more = append(more, stringAttribute("activation", "Relu"))
		} else if okLo && okHi && (lo <= 0 && 0 <= hi || ws[0]%l.block == 0) {
			more = append(more, stringAttribute("activation", "Clip"),
				&pb.AttributeProto{Name: new("activation_params"), Type: pb.AttributeProto_FLOATS.Enum(), Floats: []float32{float32(lo), float32(hi)}})
		}
		if more != nil {
			y = act.GetOutput()[0]
			l.done[act] = true
		}
	}
	if f != stem {
		x = l.blocks(x)
	} else {
		l.plain(x)
	}
	w = l.fed(w, f)
	if bias != "" {
		bias = l.fed(bias, vector)
	}
	if f == depthwise {
		group = whole(group, l.block)
	}
	ends := win.ends()
	for i := range ends {
		ends[i] = max(ends[i], 0)
	}
	shape := slices.Clone(l.shapes[y])
	shape[1] = whole(shape[1], l.block)
	z := l.blockedConv(shape, x, w, bias, sum, group, slices.Concat(win.begin, ends), win.kernel, win.stride, win.dilation, more...)
	l.made[z].Name = new(title(n.NodeProto))
	l.blocked[y], l.channels[z] = z, ws[0]
	return true
}

// fed returns a filter or a bias as it is fed, or as a constant if it is not
// trained.
func (l *lowering) fed(name string, f form) string {
	c := l.graph.Constants[name]
	dims := f.padded(c.Dims, l.block)
	if l.trained[name] {
		l.forms[name] = f
		l.shapes[name] = dims
		return name
	}
	w := Weight{Dims: dims, Shape: c.Dims, block: l.block, form: f}
	v := make([]float32, product(dims))
	w.Pack(v, c.F32)
	return l.floats(v, dims...)
}

// pointwise are operators that go element by element.
var pointwise = []string{
	"Abs", "Add", "Clip", "Div", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu",
	"Mul", "Neg", "Pow", "Relu", "Sigmoid", "Softplus", "Sqrt", "Sub", "Tanh",
}

// keepsZero tells whether an operator of pointwise makes 0 of zeros.
func (l *lowering) keepsZero(n *node) bool {
	constant := func(i int) bool { return l.graph.Constants[n.input(i)] != nil }
	switch n.GetOpType() {
	case "Abs", "Elu", "Erf", "Gelu", "HardSwish", "Identity", "LeakyRelu", "Mul", "Neg", "Relu", "Tanh":
		return true
	case "Add", "Sub":
		return !constant(0) && !constant(1)
	case "Div":
		return constant(1)
	case "Clip":
		lo, okLo := l.value(n.input(1))
		hi, okHi := l.value(n.input(2))
		return (n.input(1) == "" || okLo && lo <= 0) && (n.input(2) == "" || okHi && hi >= 0) && l.graph.Opset >= 11
	}
	return false
}

// elementwise lowers an operator whose inputs are of one shape, or single
// numbers, if one of them is there in blocks.
func (l *lowering) elementwise(n *node) bool {
	if !slices.Contains(pointwise, n.GetOpType()) {
		return false
	}
	shape := slices.Clone(l.shapes[n.out[0]])
	any := false
	for _, in := range n.in {
		switch {
		case in == "" || l.graph.Constants[in] != nil && product(l.shapes[in]) == 1:
		case slices.Equal(l.shapes[in], shape) && l.graph.Constants[in] == nil:
			any = any || l.blocked[in] != ""
		default:
			return false
		}
	}
	if !any || shape[1]%l.block != 0 && !l.keepsZero(n) {
		return false
	}
	in := slices.Clone(n.in)
	for i, name := range in {
		if name != "" && l.graph.Constants[name] == nil {
			in[i] = l.blocks(name)
		}
	}
	out := l.name(n.out[0] + "/blocked")
	l.channels[out] = shape[1]
	shape[1] = whole(shape[1], l.block)
	l.shapes[out] = shape
	p := &pb.NodeProto{Name: new(title(n.NodeProto)), OpType: n.OpType, Input: in, Output: []string{out}, Attribute: n.Attribute}
	if l.forward(p) != nil {
		return false
	}
	l.blocked[n.out[0]] = out
	return true
}

// scaled lowers the product of a tensor with a number a channel, N×C×1×1, as in
// squeeze-and-excite.
func (l *lowering) scaled(n *node) bool {
	if n.GetOpType() != "Mul" {
		return false
	}
	x, s := n.in[0], n.in[1]
	if l.blocked[x] == "" {
		x, s = s, x
	}
	xs := l.shapes[x]
	if l.blocked[x] == "" || !slices.Equal(l.shapes[n.out[0]], xs) || !slices.Equal(l.shapes[s], []int64{xs[0], xs[1], 1, 1}) {
		return false
	}
	l.plain(s)
	shape := l.shapes[l.blocked[x]]
	s = l.pad(s, make([]int64, 4), []int64{0, shape[1] - xs[1], 0, 0})
	rows := shape[0] * shape[1] / l.block
	y := l.mul(l.reshape(l.blocked[x], rows, xs[2]*xs[3], l.block), l.reshape(s, rows, 1, l.block))
	y = l.reshape(y, shape...)
	l.blocked[n.out[0]], l.channels[y] = y, xs[1]
	return true
}

// mean lowers the mean over space, whose result is plain.
func (l *lowering) mean(n *node) bool {
	op := n.GetOpType()
	x := l.blocked[n.in[0]]
	if x == "" || op != "GlobalAveragePool" && op != "ReduceMean" {
		return false
	}
	axes, err := l.reducedAxes(n)
	if err != nil || !slices.Equal(axes, []int64{2, 3}) {
		return false
	}
	s := l.shapes[x]
	y := l.builder.mean(l.reshape(x, s[0]*s[1]/l.block, s[2]*s[3], l.block), 1)
	y = l.prefix(l.reshape(y, s[0], s[1]), []int64{1}, []int64{l.channels[x]})
	l.emit(onnx.Node("Reshape", []string{y, l.int64s(l.shapes[n.out[0]]...)}, []string{n.out[0]}))
	l.ready[n.out[0]] = true
	return true
}

// reorderInput, reorderOutput: the gradient goes back into the other layout.
func reorderInput(b *builder, n *node) ([]string, error) {
	return []string{b.toPlain(n.dY[0], b.shapes[n.in[0]][1])}, nil
}

func reorderOutput(b *builder, n *node) ([]string, error) { return []string{b.toBlocks(n.dY[0])}, nil }

// blockedConvolution: y = clip(conv(x, w) + b + sum); the gradients are those of
// conv, clip and add, in blocks as far as that is faster.
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
	// Blocked activations are a blocked depthwise filter: every channel of every
	// sample is a group of its own.
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

// blockedTurned returns some taps of a filter with its input and output channels
// exchanged.
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
