package grad

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// builder collects the nodes of the graph that Build makes. It knows the shape
// of every tensor; what its methods make is float32 unless they say otherwise.
type builder struct {
	graph  *onnx.Graph
	opset  int64 // of what is built
	nodes  []*pb.NodeProto
	shapes map[string][]int64
	made   map[string]*pb.NodeProto // by each of its outputs
	consts map[string]*pb.TensorProto
	known  map[string]string  // names in consts by type, shape and bytes
	lists  map[string][]int64 // values in consts that are integers
	taken  map[string]bool    // names of the graph's and of the builder's
	n      int

	block     int64             // how many channels a block has, 0 in the plain layout
	unblocked map[string]string // the plain form of blocked tensors
	channels  map[string]int64  // of blocked tensors, without the padding
}

func newBuilder(g *onnx.Graph) *builder {
	b := &builder{
		graph:  g,
		opset:  max(g.Opset, oldestOpset),
		shapes: make(map[string][]int64, len(g.Shapes)),
		made:   make(map[string]*pb.NodeProto),
		consts: make(map[string]*pb.TensorProto),
		known:  make(map[string]string),
		lists:  make(map[string][]int64),
		taken:  make(map[string]bool),

		unblocked: make(map[string]string),
		channels:  make(map[string]int64),
	}
	for name, dims := range g.Shapes {
		b.shapes[name] = dims
		b.taken[name] = true
	}
	for name, t := range g.Constants {
		b.shapes[name] = t.Dims
		b.taken[name] = true
	}
	for _, n := range g.Nodes {
		for _, name := range n.GetOutput() {
			b.taken[name] = true
		}
	}
	return b
}

// name returns name, with strokes behind it if another tensor has it.
func (b *builder) name(name string) string {
	for b.taken[name] {
		name += "'"
	}
	b.taken[name] = true
	return name
}

// emit appends a node.
func (b *builder) emit(n *pb.NodeProto) {
	b.nodes = append(b.nodes, n)
	for _, name := range n.GetOutput() {
		b.made[name] = n
	}
}

// ops appends a node with a new name for each of shapes, its outputs.
func (b *builder) ops(op string, shapes [][]int64, inputs []string, attributes ...*pb.AttributeProto) []string {
	b.n++
	out := make([]string, len(shapes))
	for i, s := range shapes {
		name := fmt.Sprintf("grad/%s_%d", op, b.n)
		if len(shapes) > 1 {
			name += fmt.Sprintf("_%d", i)
		}
		out[i] = b.name(name)
		b.shapes[out[i]] = s
	}
	b.emit(onnx.Node(op, inputs, out, attributes...))
	return out
}

// op appends a node with one output of the given shape and returns its name.
func (b *builder) op(op string, shape []int64, inputs []string, attributes ...*pb.AttributeProto) string {
	return b.ops(op, [][]int64{shape}, inputs, attributes...)[0]
}

// constant adds a tensor, once for the same contents.
func (b *builder) constant(elem pb.TensorProto_DataType, dims []int64, raw []byte) string {
	id := fmt.Sprint(elem, dims) + string(raw)
	if name, ok := b.known[id]; ok {
		return name
	}
	name := b.name(fmt.Sprintf("grad/constant_%d", len(b.known)))
	b.known[id] = name
	b.shapes[name] = dims
	b.consts[name] = &pb.TensorProto{Name: &name, Dims: dims, DataType: new(int32(elem)), RawData: raw}
	return name
}

// int64s returns a constant of rank 1.
func (b *builder) int64s(v ...int64) string {
	raw := make([]byte, 0, 8*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
	}
	name := b.constant(pb.TensorProto_INT64, []int64{int64(len(v))}, raw)
	b.lists[name] = v
	return name
}

// floats returns a constant.
func (b *builder) floats(v []float32, dims ...int64) string {
	raw := make([]byte, 0, 4*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return b.constant(pb.TensorProto_FLOAT, dims, raw)
}

// scalar returns a constant of rank 0.
func (b *builder) scalar(v float64) string { return b.floats([]float32{float32(v)}) }

// reshape returns x with another shape of as many elements. A reshape of a
// reshape is one.
func (b *builder) reshape(x string, shape ...int64) string {
	x = b.peel(x)
	if slices.Equal(b.shapes[x], shape) {
		return x
	}
	return b.op("Reshape", slices.Clone(shape), []string{x, b.int64s(shape...)})
}

// peel returns what the builder's own reshapes made x from.
func (b *builder) peel(x string) string {
	for {
		n := b.made[x]
		if n == nil || n.GetOpType() != "Reshape" || b.graph.Shapes[x] != nil {
			return x
		}
		x = n.GetInput()[0]
	}
}

// transpose returns x with its dimensions in another order.
func (b *builder) transpose(x string, perm ...int64) string {
	s, out, moved := b.shapes[x], make([]int64, len(perm)), false
	last := int64(-1) // dimensions of size 1 may go anywhere
	for i, p := range perm {
		out[i] = s[p]
		if s[p] != 1 {
			moved = moved || p < last
			last = p
		}
	}
	if !moved {
		return b.reshape(x, out...)
	}
	return b.op("Transpose", out, []string{x}, onnx.IntsAttribute("perm", perm...))
}

// reduced returns a shape without some axes, or with 1 in their place.
func reduced(shape, axes []int64, keep bool) []int64 {
	out := []int64{}
	for i, d := range shape {
		switch {
		case !slices.Contains(axes, int64(i)):
			out = append(out, d)
		case keep:
			out = append(out, 1)
		}
	}
	return out
}

// sum returns x summed over axes, which are ≥ 0.
func (b *builder) sum(x string, keep bool, axes ...int64) string {
	return b.op("ReduceSum", reduced(b.shapes[x], axes, keep), []string{x, b.int64s(axes...)}, keepDims(keep))
}

// mean returns the mean of x over axes, which are ≥ 0 and stay as 1.
func (b *builder) mean(x string, axes ...int64) string {
	shape := reduced(b.shapes[x], axes, true)
	if b.opset < 18 { // from then on axes are an input
		return b.op("ReduceMean", shape, []string{x}, onnx.IntsAttribute("axes", axes...), keepDims(true))
	}
	return b.op("ReduceMean", shape, []string{x, b.int64s(axes...)}, keepDims(true))
}

func keepDims(keep bool) *pb.AttributeProto {
	if keep {
		return onnx.IntAttribute("keepdims", 1)
	}
	return onnx.IntAttribute("keepdims", 0)
}

// binary appends an elementwise operator of two inputs that broadcast.
func (b *builder) binary(op, x, y string) string {
	return b.op(op, broadcast(b.shapes[x], b.shapes[y]), []string{x, y})
}

func (b *builder) add(x, y string) string { return b.binary("Add", x, y) }
func (b *builder) sub(x, y string) string { return b.binary("Sub", x, y) }
func (b *builder) mul(x, y string) string { return b.binary("Mul", x, y) }
func (b *builder) div(x, y string) string { return b.binary("Div", x, y) }

// scale returns v·x.
func (b *builder) scale(x string, v float64) string {
	if v == 1 {
		return x
	}
	return b.mul(x, b.scalar(v))
}

// unary appends an elementwise operator of one input.
func (b *builder) unary(op, x string, attributes ...*pb.AttributeProto) string {
	return b.op(op, b.shapes[x], []string{x}, attributes...)
}

// number returns a boolean tensor as 0 and 1.
func (b *builder) number(x string) string {
	return b.unary("Cast", x, onnx.IntAttribute("to", int64(pb.TensorProto_FLOAT)))
}

// masked returns x where the boolean tensor keep, which may broadcast, is true,
// and 0 elsewhere. Where with a scalar branch is several times slower.
func (b *builder) masked(x, keep string) string { return b.mul(x, b.number(keep)) }

// expand returns x broadcast to a shape.
func (b *builder) expand(x string, shape []int64) string {
	if slices.Equal(b.shapes[x], shape) {
		return x
	}
	return b.op("Expand", shape, []string{x, b.int64s(shape...)})
}

// zeros returns a tensor of zeros that takes no room in the file.
func (b *builder) zeros(shape []int64) string {
	return b.op("ConstantOfShape", shape, []string{b.int64s(shape...)})
}

// pad returns x with before and after zeros around each dimension; negative
// counts cut.
func (b *builder) pad(x string, before, after []int64) string {
	shape := slices.Clone(b.shapes[x])
	same := true
	for i := range shape {
		shape[i] += before[i] + after[i]
		same = same && before[i] == 0 && after[i] == 0
	}
	if same {
		return x
	}
	return b.op("Pad", shape, []string{x, b.int64s(slices.Concat(before, after)...)})
}

// prefix returns the first n elements of x along each of axes.
func (b *builder) prefix(x string, axes, n []int64) string {
	shape := slices.Clone(b.shapes[x])
	for i, a := range axes {
		shape[a] = n[i]
	}
	if slices.Equal(shape, b.shapes[x]) {
		return x
	}
	return b.op("Slice", shape, []string{x, b.int64s(make([]int64, len(axes))...), b.int64s(n...), b.int64s(axes...)})
}

// take returns x's slices along axis that the indices name.
func (b *builder) take(x string, axis int64, indices []int64) string {
	shape := slices.Clone(b.shapes[x])
	shape[axis] = int64(len(indices))
	return b.op("Gather", shape, []string{x, b.int64s(indices...)}, onnx.IntAttribute("axis", axis))
}

// spread is the gradient of take for indices that are all different: a tensor
// with n slices along axis, dy's at the indices and zeros elsewhere.
func (b *builder) spread(dy string, axis, n int64, indices []int64) string {
	rank := len(b.shapes[dy])
	before, after := make([]int64, rank), make([]int64, rank)
	ascending := true
	for i, v := range indices {
		ascending = ascending && v == indices[0]+int64(i)
	}
	if ascending {
		before[axis], after[axis] = indices[0], n-indices[0]-int64(len(indices))
		return b.pad(dy, before, after)
	}
	after[axis] = 1 // a slice of zeros, which all others take
	inverse := slices.Repeat([]int64{int64(len(indices))}, int(n))
	for i, v := range indices {
		inverse[v] = int64(i)
	}
	return b.take(b.pad(dy, before, after), axis, inverse)
}

// unbroadcast sums g over what was repeated when a tensor of the given shape
// was broadcast to g's.
func (b *builder) unbroadcast(g string, shape []int64) string {
	gs := b.shapes[g]
	if slices.Equal(gs, shape) {
		return g
	}
	lead := len(gs) - len(shape)
	var axes []int64
	for i, d := range gs {
		if i < lead || shape[i-lead] == 1 && d != 1 {
			axes = append(axes, int64(i))
		}
	}
	if len(axes) == 0 {
		return b.reshape(g, shape...)
	}
	if n := len(axes); axes[n-1] == int64(n-1) { // only leading ones: a sum of rows
		g = b.reshape(g, append([]int64{product(gs[:n])}, gs[n:]...)...)
		return b.reshape(b.sum(g, false, 0), shape...)
	}
	return b.reshape(b.sum(g, false, axes...), shape...)
}

// broadcast returns the shape that two shapes have together.
func broadcast(x, y []int64) []int64 {
	if len(x) < len(y) {
		x, y = y, x
	}
	out := slices.Clone(x)
	for i, d := range y {
		if j := len(x) - len(y) + i; d != 1 {
			out[j] = d
		}
	}
	return out
}

func product(dims []int64) int64 {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	return n
}

// sequence returns from, from+1, … up to and without to.
func sequence(from, to int64) []int64 {
	s := make([]int64, 0, max(to-from, 0))
	for i := from; i < to; i++ {
		s = append(s, i)
	}
	return s
}

func floatAttribute(name string, v float64) *pb.AttributeProto {
	return &pb.AttributeProto{Name: &name, Type: pb.AttributeProto_FLOAT.Enum(), F: new(float32(v))}
}

func stringAttribute(name, v string) *pb.AttributeProto {
	return &pb.AttributeProto{Name: &name, Type: pb.AttributeProto_STRING.Enum(), S: []byte(v)}
}
