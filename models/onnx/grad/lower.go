package grad

import (
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

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
