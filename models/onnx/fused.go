package onnx

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// fused are operators of ONNX Runtime's own that stand for several standard
// ones: its optimiser, and with it optimum-cli export with --optimize O1 to O4,
// writes them into files. So are two of later operator sets. Each is taken
// apart where a graph is made.
// Definitions:
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
var fused map[string]func(p *parts) error

func init() { // a definition may call fold, which looks into the table
	fused = map[string]func(p *parts) error{
		"com.microsoft:Gelu":      func(p *parts) error { return p.finish(p.gelu(p.in(0))) },
		"com.microsoft:BiasGelu":  func(p *parts) error { return p.finish(p.gelu(p.op("Add", p.in(0), p.in(1)))) },
		"com.microsoft:FastGelu":  fastGelu,
		"com.microsoft:QuickGelu": quickGelu,

		"com.microsoft:SkipLayerNormalization":           skipLayerNormalization,
		"com.microsoft:EmbedLayerNormalization":          embedLayerNormalization,
		"SimplifiedLayerNormalization":                   simplifiedLayerNormalization,
		"com.microsoft:SkipSimplifiedLayerNormalization": skipSimplifiedLayerNormalization,

		"com.microsoft:FusedMatMul":     fusedMatMul,
		"com.microsoft:TransposeMatMul": fusedMatMul,
		"com.microsoft:FusedGemm":       fusedGemm,
		"com.microsoft:FusedConv":       fusedConv,

		"com.microsoft:Attention":          fusedAttention,
		"com.microsoft:MultiHeadAttention": multiHeadAttention,
		"com.microsoft:RotaryEmbedding":    rotary(2, 3, 1),
		"RotaryEmbedding":                  rotary(1, 2, 3),
		"Attention":                        standardAttention,
	}
}

// parts are the standard nodes that a fused one is taken apart into.
type parts struct {
	*call
	nodes []*pb.NodeProto
	n     int
	err   error // the first one of a constant
}

// apart puts standard nodes in the place of a fused one. What they make in
// between cannot be tapped: the file has no such tensors.
func (f *folder) apart(n *pb.NodeProto, define func(p *parts) error, depth int) error {
	p := &parts{call: &call{f, n}}
	if !p.has(0) || len(n.GetOutput()) == 0 || n.Output[0] == "" {
		return fmt.Errorf("its first input or output is missing")
	}
	if err := define(p); err != nil {
		return &formError{err}
	}
	if p.err != nil {
		return p.err
	}
	for _, inner := range p.nodes {
		if err := f.node(inner, depth+1); err != nil {
			return fmt.Errorf("%s in it: %w", inner.GetOpType(), err)
		}
		for _, o := range inner.GetOutput() {
			if !slices.Contains(n.Output, o) {
				f.g.inner[o] = true
			}
		}
	}
	return nil
}

// formError is that of a form that is not taken apart.
type formError struct{ error }

func (e *formError) Unwrap() error { return e.error }

// in returns the name of an input, "" if it is not given.
func (p *parts) in(i int) string {
	if !p.has(i) {
		return ""
	}
	return p.call.n.Input[i]
}

// without is an error if the node has one of some inputs or outputs.
func (p *parts) without(inputs map[int]string, outputs ...int) error {
	for _, i := range slices.Sorted(maps.Keys(inputs)) {
		if p.has(i) {
			return fmt.Errorf("it has %s, which is not supported", inputs[i])
		}
	}
	for _, i := range outputs {
		if i < len(p.call.n.Output) && p.call.n.Output[i] != "" {
			return fmt.Errorf("its output %d is not supported", i)
		}
	}
	return nil
}

// name returns the name of a tensor in between.
func (p *parts) name() string {
	for {
		p.n++
		name := fmt.Sprintf("%s/fused_%d", p.call.n.Output[0], p.n)
		if _, ok := p.f.g.Types[name]; !ok {
			return name
		}
	}
}

// op appends a node with one output.
func (p *parts) op(op string, in ...string) string { return p.with(op, in) }

func (p *parts) with(op string, in []string, attributes ...*pb.AttributeProto) string {
	return p.several(op, 1, in, attributes...)[0]
}

func (p *parts) several(op string, outputs int, in []string, attributes ...*pb.AttributeProto) []string {
	out := make([]string, outputs)
	for i := range out {
		out[i] = p.name()
	}
	n := Node(op, in, out, attributes...)
	n.Name = proto.String(fmt.Sprintf("%s/%s_%d", title(p.call.n), op, p.n))
	p.nodes = append(p.nodes, n)
	return out
}

// finish makes a tensor the node's first output.
func (p *parts) finish(name string) error { return p.output(0, name) }

// output makes a tensor in between an output of the node.
func (p *parts) output(i int, name string) error {
	for _, n := range p.nodes {
		for k, o := range n.Output {
			if o == name {
				n.Output[k] = p.call.n.Output[i]
			}
		}
		for k, in := range n.Input {
			if in == name {
				n.Input[k] = p.call.n.Output[i]
			}
		}
	}
	return nil
}

// constant makes a tensor that is known.
func (p *parts) constant(a *array) string {
	name := p.name()
	if err := p.f.define(name, a.value); err != nil && p.err == nil {
		p.err = err
	}
	p.f.constants[name] = &constant{array: a}
	p.f.g.inner[name] = true
	return name
}

// number returns a constant of the type of the first input.
func (p *parts) number(v float64) string {
	elem := p.elem(0)
	if !isFloat(elem) {
		elem = pb.TensorProto_FLOAT
	}
	return p.constant(&array{value: value{elem, []int64{}}, f: []float64{roundFloat(elem, v)}})
}

func (p *parts) list(v ...int64) string {
	return p.constant(&array{value: value{pb.TensorProto_INT64, []int64{int64(len(v))}}, i: v})
}

// real returns a float attribute.
func (c *call) real(name string, otherwise float64) float64 {
	if a := c.attribute(name); a != nil && a.F != nil {
		return float64(a.GetF())
	}
	return otherwise
}

func realAttribute(name string, v float64) *pb.AttributeProto {
	return &pb.AttributeProto{Name: proto.String(name), Type: pb.AttributeProto_FLOAT.Enum(), F: proto.Float32(float32(v))}
}

// gelu: x/2 (1 + erf(x/√2)).
func (p *parts) gelu(x string) string {
	e := p.op("Erf", p.op("Mul", x, p.number(math.Sqrt(0.5))))
	return p.op("Mul", p.op("Mul", x, p.number(0.5)), p.op("Add", e, p.number(1)))
}

// fastGelu: x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))).
func fastGelu(p *parts) error {
	x := p.in(0)
	if p.has(1) {
		x = p.op("Add", x, p.in(1))
	}
	cube := p.op("Mul", p.op("Mul", x, x), x)
	t := p.op("Tanh", p.op("Mul", p.op("Add", x, p.op("Mul", cube, p.number(0.044715))), p.number(math.Sqrt(2/math.Pi))))
	return p.finish(p.op("Mul", p.op("Mul", x, p.number(0.5)), p.op("Add", t, p.number(1))))
}

// quickGelu: x sigmoid(αx).
func quickGelu(p *parts) error {
	x := p.in(0)
	return p.finish(p.op("Mul", x, p.op("Sigmoid", p.op("Mul", x, p.number(p.real("alpha", 1.702))))))
}

// normal is LayerNormalization with what scales and shifts.
func (p *parts) normal(x, scale, shift string, epsilon float64) string {
	in := []string{x, scale}
	if shift != "" {
		in = append(in, shift)
	}
	return p.with("LayerNormalization", in, IntAttribute("axis", -1), realAttribute("epsilon", epsilon))
}

// skipped returns the sum of a residual, what goes past it and a bias, which
// may be an output of the node.
func (p *parts) skipped(bias string) (string, error) {
	if !p.has(1) || !p.has(2) {
		return "", fmt.Errorf("input 1 or 2 is missing")
	}
	if err := p.without(nil, 1, 2); err != nil {
		return "", err
	}
	x := p.op("Add", p.in(0), p.in(1))
	if bias != "" {
		x = p.op("Add", x, bias)
	}
	return x, nil
}

// sum gives the sum to the output that has it. It must come last.
func (p *parts) sum(x, y string) error {
	if len(p.call.n.Output) > 3 && p.call.n.Output[3] != "" {
		if err := p.output(3, x); err != nil {
			return err
		}
	}
	return p.finish(y)
}

func skipLayerNormalization(p *parts) error {
	x, err := p.skipped(p.in(4))
	if err != nil {
		return err
	}
	return p.sum(x, p.normal(x, p.in(2), p.in(3), p.real("epsilon", 1e-12)))
}

func skipSimplifiedLayerNormalization(p *parts) error {
	x, err := p.skipped(p.in(3))
	if err != nil {
		return err
	}
	return p.sum(x, p.rootMeanSquare(x, p.in(2), p.real("epsilon", 1e-12)))
}

func simplifiedLayerNormalization(p *parts) error {
	if !p.has(1) {
		return fmt.Errorf("input 1 is missing")
	}
	if a := p.integer("axis", -1); a != -1 && a != int64(p.rank(0)-1) {
		return fmt.Errorf("its axis is %d, not the last", a)
	}
	if err := p.without(nil, 1, 2); err != nil {
		return err
	}
	return p.finish(p.rootMeanSquare(p.in(0), p.in(1), p.real("epsilon", 1e-5)))
}

// rootMeanSquare: x / √(mean x² + ε) ∘ scale.
func (p *parts) rootMeanSquare(x, scale string, epsilon float64) string {
	square := p.op("Mul", x, x)
	var mean string
	if p.f.g.Opset < 18 {
		mean = p.with("ReduceMean", []string{square}, IntsAttribute("axes", -1))
	} else {
		mean = p.op("ReduceMean", square, p.list(-1))
	}
	return p.op("Mul", p.op("Div", x, p.op("Sqrt", p.op("Add", mean, p.number(epsilon)))), scale)
}

// embedLayerNormalization: rows of words, of positions and of segments, added
// up and normalised.
func embedLayerNormalization(p *parts) error {
	const words, positions, segments, scale, shift, mask, at = 2, 3, 4, 5, 6, 7, 8
	for _, i := range []int{words, positions, scale, shift} {
		if !p.has(i) {
			return fmt.Errorf("input %d is missing", i)
		}
	}
	if p.has(segments) != p.has(1) {
		return fmt.Errorf("it has segments without a table of them, or the reverse")
	}
	if p.rank(0) != 2 || p.rank(positions) != 2 {
		return fmt.Errorf("tokens of shape %v and positions of shape %v", clip(p.shape(0)), clip(p.shape(positions)))
	}
	x := p.op("Gather", p.in(words), p.in(0))
	if p.has(at) {
		x = p.op("Add", x, p.op("Gather", p.in(positions), p.in(at)))
	} else {
		x = p.op("Add", x, p.op("Slice", p.in(positions), p.list(0), p.list(p.shape(0)[1]), p.list(0)))
	}
	if p.has(segments) {
		x = p.op("Add", x, p.op("Gather", p.in(segments), p.in(1)))
	}
	y := p.normal(x, p.in(scale), p.in(shift), p.real("epsilon", 1e-12))
	if len(p.call.n.Output) > 1 && p.call.n.Output[1] != "" { // how many tokens the mask counts
		count := p.constant(newArray(value{pb.TensorProto_INT32, p.shape(0)[:1]}))
		if p.has(mask) && p.f.g.Opset < 13 {
			count = p.with("ReduceSum", []string{p.in(mask)}, IntsAttribute("axes", 1), IntAttribute("keepdims", 0))
		} else if p.has(mask) {
			count = p.with("ReduceSum", []string{p.in(mask), p.list(1)}, IntAttribute("keepdims", 0))
		} else {
			count = p.op("Identity", count)
		}
		if err := p.output(1, count); err != nil {
			return err
		}
	}
	if len(p.call.n.Output) > 2 && p.call.n.Output[2] != "" {
		if err := p.output(2, x); err != nil {
			return err
		}
	}
	return p.finish(y)
}

// turned returns an input with its last two dimensions swapped.
func (p *parts) turned(i int) (string, error) {
	rank := p.rank(i)
	if rank < 2 {
		return p.in(i), nil // the definition leaves vectors as they are
	}
	order := make([]int64, rank)
	for k := range order {
		order[k] = int64(k)
	}
	order[rank-1], order[rank-2] = order[rank-2], order[rank-1]
	return p.with("Transpose", []string{p.in(i)}, IntsAttribute("perm", order...)), nil
}

func fusedMatMul(p *parts) error {
	if !p.has(1) {
		return fmt.Errorf("input 1 is missing")
	}
	if p.integer("transBatchA", 0) != 0 || p.integer("transBatchB", 0) != 0 {
		return fmt.Errorf("transBatchA and transBatchB are not supported")
	}
	in := []string{p.in(0), p.in(1)}
	for i, name := range []string{"transA", "transB"} {
		if p.integer(name, 0) != 0 {
			var err error
			if in[i], err = p.turned(i); err != nil {
				return err
			}
		}
	}
	y := p.op("MatMul", in...)
	if alpha := p.real("alpha", 1); alpha != 1 {
		y = p.op("Mul", y, p.number(alpha))
	}
	return p.finish(y)
}

// activated appends what the attribute activation names.
func (p *parts) activated(y string, parameters []float32) (string, error) {
	name := p.text("activation", "")
	value := func(i int, otherwise float64) float64 {
		if i < len(parameters) {
			return float64(parameters[i])
		}
		return otherwise
	}
	switch name {
	case "", "Relu", "Tanh", "Sigmoid":
		if name != "" {
			y = p.op(name, y)
		}
		return y, nil
	case "LeakyRelu":
		return p.with(name, []string{y}, realAttribute("alpha", value(0, 0.01))), nil
	case "HardSigmoid":
		return p.with(name, []string{y}, realAttribute("alpha", value(0, 0.2)), realAttribute("beta", value(1, 0.5))), nil
	case "Clip":
		if p.f.g.Opset < 11 {
			return p.with(name, []string{y}, realAttribute("min", value(0, -math.MaxFloat32)), realAttribute("max", value(1, math.MaxFloat32))), nil
		}
		return p.op(name, y, p.number(value(0, -math.MaxFloat32)), p.number(value(1, math.MaxFloat32))), nil
	}
	return "", fmt.Errorf("its activation is %s, which is not supported", quote(name))
}

func (p *parts) kept(names ...string) []*pb.AttributeProto {
	var out []*pb.AttributeProto
	for _, a := range p.call.n.GetAttribute() {
		if slices.Contains(names, a.GetName()) {
			out = append(out, a)
		}
	}
	return out
}

func fusedGemm(p *parts) error {
	in := []string{p.in(0), p.in(1)}
	if p.has(2) {
		in = append(in, p.in(2))
	}
	var parameters []float32
	for _, name := range []string{"activation_alpha", "activation_beta"} {
		if a := p.attribute(name); a != nil {
			parameters = append(parameters, a.GetF())
		}
	}
	y, err := p.activated(p.with("Gemm", in, p.kept("alpha", "beta", "transA", "transB")...), parameters)
	if err != nil {
		return err
	}
	return p.finish(y)
}

func fusedConv(p *parts) error {
	in := []string{p.in(0), p.in(1)}
	if p.has(2) {
		in = append(in, p.in(2))
	}
	y := p.with("Conv", in, p.kept("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")...)
	if p.has(3) {
		y = p.op("Add", y, p.in(3))
	}
	y, err := p.activated(y, p.attribute("activation_params").GetFloats())
	if err != nil {
		return err
	}
	return p.finish(y)
}

// attention is what the two operators of that kind have in common.
type attention struct {
	q, k, v    string // batch × steps × heads·width
	shape      [2]int64
	keys       int64 // steps of k and v
	heads      int64
	width      int64 // of a head of q and k
	mask, bias int   // the inputs, 0 for none
}

// attend: softmax(Q Kᵀ·scale + bias + mask) V for each head.
func (p *parts) attend(a *attention) error {
	if a.heads < 1 || a.width < 1 || a.heads > maxWindow {
		return fmt.Errorf("%d heads of %d", a.heads, a.width)
	}
	if p.integer("unidirectional", 0) != 0 {
		return fmt.Errorf("unidirectional attention is not supported")
	}
	head := func(x string, steps int64, order ...int64) string {
		y := p.op("Reshape", x, p.list(a.shape[0], steps, a.heads, -1))
		return p.with("Transpose", []string{y}, IntsAttribute("perm", order...))
	}
	scale := p.real("scale", 0)
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(a.width))
	}
	scores := p.op("MatMul", p.op("Mul", head(a.q, a.shape[1], 0, 2, 1, 3), p.number(scale)), head(a.k, a.keys, 0, 2, 3, 1))
	if a.bias > 0 && p.has(a.bias) {
		scores = p.op("Add", scores, p.in(a.bias))
	}
	if p.has(a.mask) {
		mask, err := p.filter(a)
		if err != nil {
			return err
		}
		scores = p.op("Add", scores, mask)
	}
	weights := p.with("Softmax", []string{scores}, IntAttribute("axis", -1))
	if p.f.g.Opset < 13 {
		p.nodes[len(p.nodes)-1].Attribute[0].I = proto.Int64(3)
	}
	y := p.with("Transpose", []string{p.op("MatMul", weights, head(a.v, a.keys, 0, 2, 1, 3))}, IntsAttribute("perm", 0, 2, 1, 3))
	return p.finish(p.op("Reshape", y, p.list(a.shape[0], a.shape[1], -1)))
}

// filter returns what is added to scores: for keys that a mask of 0 and 1
// leaves out a number far below 0, else 0.
func (p *parts) filter(a *attention) (string, error) {
	s := p.shape(a.mask)
	if e := p.elem(a.mask); e != pb.TensorProto_INT32 && e != pb.TensorProto_INT64 {
		return "", fmt.Errorf("a mask of type %v", e)
	}
	low := p.real("mask_filter_value", -10000)
	var shape []int64
	switch {
	case slices.Equal(s, []int64{a.shape[0], a.keys}):
		shape = []int64{a.shape[0], 1, 1, a.keys}
	case slices.Equal(s, []int64{a.shape[0], a.shape[1], a.keys}):
		shape = []int64{a.shape[0], 1, a.shape[1], a.keys}
	case slices.Equal(s, []int64{a.shape[0]}): // how many of the first are kept
		steps := newArray(value{p.elem(a.mask), []int64{a.keys}})
		for i := range steps.i {
			steps.i[i] = int64(i)
		}
		kept := p.op("Less", p.constant(steps), p.op("Reshape", p.in(a.mask), p.list(a.shape[0], 1, 1, 1)))
		keep := p.with("Cast", []string{kept}, IntAttribute("to", int64(p.elem(0))))
		return p.op("Mul", p.op("Sub", p.number(1), keep), p.number(low)), nil
	default:
		return "", fmt.Errorf("a mask of shape %v is not supported: one number for each token is", clip(s))
	}
	keep := p.with("Cast", []string{p.op("Reshape", p.in(a.mask), p.list(shape...))}, IntAttribute("to", int64(p.elem(0))))
	return p.op("Mul", p.op("Sub", p.number(1), keep), p.number(low)), nil
}

// fusedAttention: query, key and value are one product with a matrix that has
// their three side by side.
func fusedAttention(p *parts) error {
	if !p.has(1) {
		return fmt.Errorf("input 1 is missing")
	}
	if err := p.without(map[int]string{4: "keys and values of the past", 6: "the length of the past"}, 1); err != nil {
		return err
	}
	x, w := p.shape(0), p.shape(1)
	if len(x) != 3 || len(w) != 2 {
		return fmt.Errorf("a matrix of shape %v for an input of shape %v", clip(w), clip(x))
	}
	if p.integer("do_rotary", 0) != 0 {
		return fmt.Errorf("rotary positions in it are not supported")
	}
	sizes := p.integers("qkv_hidden_sizes")
	if len(sizes) == 0 {
		sizes = []int64{w[1] / 3, w[1] / 3, w[1] / 3}
	}
	heads := p.integer("num_heads", 0)
	if len(sizes) != 3 || heads < 1 || sizes[0] != sizes[1] || sizes[0]%heads != 0 || sizes[2]%heads != 0 {
		return fmt.Errorf("%d heads for query, key and value of %v", heads, clip(sizes))
	}
	y := p.op("MatMul", p.in(0), p.in(1))
	if p.has(2) {
		y = p.op("Add", y, p.in(2))
	}
	q := p.split(y, sizes)
	return p.attend(&attention{
		q: q[0], k: q[1], v: q[2], shape: [2]int64{x[0], x[1]}, keys: x[1],
		heads: heads, width: sizes[0] / heads, mask: 3, bias: 5,
	})
}

// split parts the last dimension.
func (p *parts) split(x string, sizes []int64) []string {
	if p.f.g.Opset < 13 {
		return p.several("Split", len(sizes), []string{x}, IntAttribute("axis", -1), IntsAttribute("split", sizes...))
	}
	return p.several("Split", len(sizes), []string{x, p.list(sizes...)}, IntAttribute("axis", -1))
}

func multiHeadAttention(p *parts) error {
	if !p.has(1) || !p.has(2) {
		return fmt.Errorf("keys and values that are packed into the queries are not supported")
	}
	if err := p.without(map[int]string{6: "keys of the past", 7: "values of the past", 8: "the length of the past"}, 1, 2, 3); err != nil {
		return err
	}
	q, k, v := p.shape(0), p.shape(1), p.shape(2)
	heads := p.integer("num_heads", 0)
	if len(q) != 3 || len(k) != 3 || len(v) != 3 || heads < 1 || q[2]%heads != 0 || v[2]%heads != 0 || k[2] != q[2] || k[1] != v[1] {
		return fmt.Errorf("%d heads for shapes %v, %v and %v", heads, clip(q), clip(k), clip(v))
	}
	in := []string{p.in(0), p.in(1), p.in(2)}
	if p.has(3) {
		for i, b := range p.split(p.in(3), []int64{q[2], k[2], v[2]}) {
			in[i] = p.op("Add", in[i], b)
		}
	}
	return p.attend(&attention{
		q: in[0], k: in[1], v: in[2], shape: [2]int64{q[0], q[1]}, keys: k[1],
		heads: heads, width: q[2] / heads, mask: 4, bias: 5,
	})
}

// parted returns m with the node that makes a tensor in two, if it makes
// something else that can stand without the rest: what normalises a sum that is
// given as well, or counts the tokens of a mask.
func parted(m *pb.ModelProto, tensor string) *pb.ModelProto {
	g := m.GetGraph()
	i := slices.IndexFunc(g.GetNode(), func(n *pb.NodeProto) bool {
		return slices.Contains(n.GetOutput(), tensor) && standard(n.GetDomain()) == "com.microsoft"
	})
	if tensor == "" || i < 0 {
		return m
	}
	n := g.Node[i]
	names := make(map[string]bool)
	taken(g, names, make(map[string]bool))
	c := &call{n: n}
	first := shallow(n)
	first.Output = slices.Clone(n.Output)
	has := func(k int) bool { return k < len(n.Output) && n.Output[k] != "" }
	var second *pb.NodeProto
	var axes *pb.TensorProto
	switch op := n.GetOpType(); {
	case (op == "SkipLayerNormalization" || op == "SkipSimplifiedLayerNormalization") && has(3) && n.Output[3] == tensor && has(0) && c.has(2):
		in := []string{tensor, n.Input[2]}
		if op == "SkipLayerNormalization" && c.has(3) {
			in = append(in, n.Input[3])
		}
		second = Node(strings.TrimPrefix(op, "Skip"), in, []string{n.Output[0]}, IntAttribute("axis", -1), realAttribute("epsilon", c.real("epsilon", 1e-12)))
		first.Output[0] = unique(n.Output[0], names)
	case op == "EmbedLayerNormalization" && has(0) && n.Output[0] == tensor && has(1) && c.has(7):
		in, attributes := []string{n.Input[7]}, []*pb.AttributeProto{IntAttribute("keepdims", 0)}
		sets, err := opsets(m.GetOpsetImport())
		if err != nil {
			return m
		}
		old := slices.ContainsFunc(sets, func(s Opset) bool { return s.Domain == "" && s.Version < 13 })
		if old {
			attributes = append(attributes, IntsAttribute("axes", 1))
		} else {
			axes = IntTensor(unique("axes", names), 1)
			in = append(in, axes.GetName())
		}
		second = Node("ReduceSum", in, []string{n.Output[1]}, attributes...)
		first.Output[1] = unique(n.Output[1], names)
	default:
		return m
	}
	out := shallow(m)
	out.Graph = shallow(g)
	out.Graph.Node = slices.Concat(g.Node[:i], []*pb.NodeProto{first, second}, g.Node[i+1:])
	if axes != nil {
		out.Graph.Initializer = append(slices.Clone(g.Initializer), axes)
	}
	return out
}
