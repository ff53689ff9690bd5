package onnx

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Precision is how the weights of a model are stored. In each it computes in
// float32.
type Precision string

// The precisions that there are.
const (
	Float32 Precision = "f32"
	Float16 Precision = "f16"
	Int8    Precision = "int8"
)

// Precisions lists them.
var Precisions = []Precision{Float32, Float16, Int8}

// leastNarrow is how many values a tensor has that is stored in fewer bits:
// smaller ones, such as biases and the parameters of norms, take no room.
const leastNarrow = 4096

// mostMoved is how far, of its Euclidean norm, a tensor may move that is stored
// as float16: what is too large or too small for it stays as it is.
const mostMoved = 1.0 / (1 << 10)

// StoreAs returns m with its weights stored in a precision, and computing in
// float32 as before: behind a tensor of fewer bits is a Cast, of whole numbers
// a Mul by the scales, too. No activation is rounded, so that the rows of a
// batch stay independent.
//
// With Float32 every tensor of float16 or bfloat16 that is cast to float32, and
// what StoreAs has made with Int8, is stored as float32; the values stay. With
// Float16 float32 tensors of 4,096 values or more become float16, unless values
// are too large or too small for it. With Int8 the matrices of MatMul, Gemm,
// Conv, ConvTranspose and Gather of as many values become whole numbers from
// −127 to 127 with a float32 scale for each output channel, or for each row of
// a table that Gather takes rows of; others stay as they are. With Float16 and
// Int8 the tensors that whole names stay, too.
//
// m is not changed, and shared as far as it can be. A tensor in an external
// file is an error: read it into the model first (ReadExternal).
func StoreAs(m *pb.ModelProto, p Precision, whole map[string]bool) (*pb.ModelProto, error) {
	g := m.GetGraph()
	if g == nil {
		return nil, fmt.Errorf("onnx: %w: it has no graph", ErrNotModel)
	}
	if !slices.Contains(Precisions, p) {
		return nil, fmt.Errorf("onnx: precision %.40q is not known", string(p))
	}
	s := &storing{
		model: m, precision: p, whole: whole, stored: storedIn(m), names: make(map[string]bool), titles: make(map[string]bool),
		constants: make(map[string]*pb.NodeProto), readers: make(map[string][]reader), gone: make(map[*pb.NodeProto]bool), dropped: make(map[string]bool),
	}
	taken(g, s.names, s.titles)
	for _, n := range g.GetNode() {
		if constantValue(n) != nil {
			s.constants[n.Output[0]] = n
		}
		for i, in := range n.GetInput() {
			s.readers[in] = append(s.readers[in], reader{n, i})
		}
	}
	for _, w := range s.weights() {
		if err := s.store(&w); err != nil {
			return nil, fmt.Errorf("onnx: tensor %s: %w", quote(w.name), err)
		}
	}
	if len(s.gone) == 0 && len(s.dropped) == 0 {
		return m, nil
	}
	return s.result(), nil
}

// reader is a node that reads a tensor as its input number at.
type reader struct {
	*pb.NodeProto
	at int
}

// weight is a stored tensor that is float32 where it is read.
type weight struct {
	name  string // under which it is read
	t     *pb.TensorProto
	scale *pb.TensorProto // of whole numbers; nil: of floats
	made  []*pb.NodeProto // what makes it of t and scale
}

// storing is what is known while weights are stored in another precision.
type storing struct {
	model     *pb.ModelProto
	precision Precision
	whole     map[string]bool
	stored    map[string]*pb.TensorProto
	constants map[string]*pb.NodeProto // that have stored, by output
	readers   map[string][]reader
	names     map[string]bool // of tensors
	titles    map[string]bool // of nodes

	gone         map[*pb.NodeProto]bool
	dropped      map[string]bool // stored tensors that are stored in another way
	nodes        []*pb.NodeProto
	initializers []*pb.TensorProto
}

// isCast tells whether a node makes a float32 of what it reads.
func isCast(n *pb.NodeProto) bool {
	return operatorKey(n.GetDomain(), n.GetOpType()) == "Cast" && len(n.GetInput()) == 1 && len(n.GetOutput()) == 1 &&
		slices.ContainsFunc(n.GetAttribute(), func(a *pb.AttributeProto) bool { return a.GetName() == "to" && a.GetI() == single })
}

// weights lists them in the order of the file.
func (s *storing) weights() []weight {
	var all []weight
	g := s.model.GetGraph()
	add := func(name string) {
		if t := s.stored[name]; t.GetDataType() == int32(pb.TensorProto_FLOAT) {
			all = append(all, weight{name: name, t: t})
		}
	}
	for _, t := range g.GetInitializer() {
		add(t.GetName())
	}
	for _, n := range g.GetNode() {
		switch {
		case constantValue(n) != nil:
			add(n.Output[0])
		case isCast(n):
			t := s.stored[n.Input[0]]
			switch {
			case t == nil:
			case isNarrow(t.GetDataType()):
				all = append(all, weight{name: n.Output[0], t: t, made: []*pb.NodeProto{n}})
			case t.GetDataType() == int32(pb.TensorProto_INT8):
				read := s.readers[n.Output[0]]
				if len(read) != 1 || operatorKey(read[0].GetDomain(), read[0].GetOpType()) != "Mul" || read[0].at != 0 {
					continue
				}
				by := read[0].NodeProto
				if len(by.Input) != 2 || len(by.GetOutput()) != 1 {
					continue
				}
				if scale := s.stored[by.Input[1]]; scale.GetDataType() == int32(pb.TensorProto_FLOAT) && areScales(scale.GetDims(), t.GetDims()) {
					all = append(all, weight{by.Output[0], t, scale, []*pb.NodeProto{n, by}})
				}
			}
		}
	}
	return all
}

// areScales tells whether a tensor of one shape has scales for one of another,
// as StoreAs makes them: one for all along a dimension, or one for each.
func areScales(shape, dims []int64) bool {
	return slices.EqualFunc(shape, dims, func(d, of int64) bool { return d == 1 || d == of })
}

// store stores a weight in the precision, if it is one that is.
func (s *storing) store(w *weight) error {
	n, err := elements(w.t.GetDims())
	if err != nil {
		return err
	}
	if s.precision == Float32 {
		if len(w.made) == 0 {
			return nil
		}
		v, err := w.values()
		if err != nil {
			return err
		}
		s.replace(w)
		s.keep(FloatTensor(w.name, v, w.t.GetDims()...))
		return nil
	}
	narrow := isNarrow(w.t.GetDataType())
	if n < leastNarrow || w.scale != nil || s.whole[w.name] || s.precision == Float16 && narrow {
		return nil
	}
	v, err := w.values()
	if err != nil {
		return err
	}
	t := shallow(w.t)
	t.FloatData, t.Int32Data, t.RawData = nil, nil, nil
	made := unique(w.name+"_"+string(s.precision), s.names)
	if s.precision == Float16 {
		elem := pb.TensorProto_FLOAT16
		if moved(v, func(i int) float64 { return roundFloat(elem, float64(v[i])) }) > mostMoved {
			return nil
		}
		t.DataType, t.RawData = proto.Int32(int32(elem)), floatBytes(elem, v)
		s.replace(w)
		s.cast(s.constant(t, made), w.name)
		return nil
	}
	apart := s.apart(w.name, w.t.GetDims(), nil)
	if apart == nil {
		return nil
	}
	whole, scales, dims := eightBits(v, w.t.GetDims(), apart)
	if whole == nil {
		return nil
	}
	t.DataType, t.RawData = proto.Int32(int32(pb.TensorProto_INT8)), whole
	s.replace(w)
	cast := s.cast(s.constant(t, made), unique(made+"_f32", s.names))
	by := s.constant(FloatTensor("", scales, dims...), unique(w.name+"_scale", s.names))
	s.node("Mul", []string{cast, by}, w.name)
	return nil
}

// values are those of a weight, as they are where it is read.
func (w *weight) values() ([]float32, error) {
	if w.scale == nil {
		v, err := readTensor(w.t)
		if err != nil {
			return nil, err
		}
		return v.F32, nil
	}
	for _, t := range []*pb.TensorProto{w.t, w.scale} {
		if t.GetDataLocation() == pb.TensorProto_EXTERNAL {
			return nil, errExternal
		}
		if err := checkValues(t); err != nil {
			return nil, err
		}
	}
	scale, err := readTensor(w.scale)
	if err != nil {
		return nil, err
	}
	v := make([]float32, total(w.t.GetDims()))
	channels(w.t.GetDims(), w.scale.GetDims(), func(i, channel int) {
		q := int8(0)
		if w.t.RawData != nil {
			q = int8(w.t.RawData[i])
		} else {
			q = int8(w.t.Int32Data[i])
		}
		v[i] = float32(q) * scale.F32[channel]
	})
	return v, nil
}

// moved is how far rounding moves a tensor, of its norm. What it makes infinite
// is infinitely far.
func moved(v []float32, rounded func(i int) float64) float64 {
	far, norm := 0.0, 0.0
	for i, x := range v {
		d := rounded(i) - float64(x)
		far, norm = far+d*d, norm+float64(x)*float64(x)
	}
	if far == 0 {
		return 0
	}
	if d := math.Sqrt(far / norm); d == d {
		return d
	}
	return math.Inf(1)
}

// apart tells along which dimensions of a stored matrix values have scales of
// their own: those that no product sums over. nil: nothing that multiplies by
// it reads it. Transposed matrices are known by what reads them; seen keeps
// from going in a circle.
func (s *storing) apart(name string, dims []int64, seen []string) []bool {
	rank := len(dims)
	only := func(axis int) []bool {
		all := make([]bool, rank)
		all[axis] = true
		return all
	}
	but := func(axis int) []bool {
		all := slices.Repeat([]bool{true}, rank)
		all[axis] = false
		return all
	}
	for _, r := range s.readers[name] {
		flag := func(name string) int64 {
			for _, a := range r.GetAttribute() {
				if a.GetName() == name {
					return a.GetI()
				}
			}
			return 0
		}
		switch op := operatorKey(r.GetDomain(), r.GetOpType()); {
		case op == "MatMul" && rank >= 2 && r.at == 1:
			return but(rank - 2)
		case op == "MatMul" && rank >= 2 && r.at == 0:
			return but(rank - 1)
		case op == "Gemm" && rank == 2 && r.at == 1:
			return only(1 - int(flag("transB")&1))
		case op == "Gemm" && rank == 2 && r.at == 0:
			return only(int(flag("transA") & 1))
		case op == "Conv" && rank >= 3 && r.at == 1:
			return only(0)
		case op == "ConvTranspose" && rank >= 3 && r.at == 1:
			return only(1)
		case op == "Gather" && rank == 2 && r.at == 0 && flag("axis") == 0:
			return only(0)
		case op == "Transpose" && !slices.Contains(seen, name) && len(r.GetOutput()) == 1:
			perm := make([]int, rank)
			for i := range perm {
				perm[i] = rank - 1 - i
			}
			for _, a := range r.GetAttribute() {
				for i, v := range a.GetInts() {
					if len(a.Ints) != rank || v < 0 || int(v) >= rank {
						return nil
					}
					perm[i] = int(v)
				}
			}
			turned, of := make([]int64, rank), make([]bool, rank)
			for i, from := range perm {
				turned[i] = dims[from]
			}
			behind := s.apart(r.Output[0], turned, append(seen, name))
			if behind == nil {
				continue
			}
			for i, from := range perm {
				of[from] = behind[i]
			}
			return of
		}
	}
	return nil
}

// eightBits rounds values to whole multiples of scales, of which those along
// the dimensions apart have one each; nil where that saves nothing, or where
// values are no numbers.
func eightBits(v []float32, dims []int64, apart []bool) (raw []byte, scales []float32, shape []int64) {
	const most, least = 127, 0x1p-100
	shape = slices.Repeat([]int64{1}, len(dims))
	for i, own := range apart {
		if own {
			shape[i] = dims[i]
		}
	}
	n := int(total(shape))
	if n*4 > len(v) { // a scale has the bytes of one value
		return nil, nil, nil
	}
	scales = make([]float32, n)
	good := true
	channels(dims, shape, func(i, channel int) {
		x := float32(math.Abs(float64(v[i])))
		good = good && x-x == 0
		scales[channel] = max(scales[channel], x)
	})
	for c, x := range scales {
		if scales[c] = x / most; x == 0 {
			scales[c] = 1
		} else if x < least {
			good = false
		}
	}
	if !good {
		return nil, nil, nil
	}
	raw = make([]byte, len(v))
	channels(dims, shape, func(i, channel int) {
		q := math.RoundToEven(float64(v[i]) / float64(scales[channel]))
		raw[i] = byte(int8(min(max(q, -most), most)))
	})
	return raw, scales, shape
}

// channels calls f with the place of each value of a tensor, and with that of
// what belongs to it in a tensor whose dimensions are as long or 1.
func channels(dims, shape []int64, f func(i, channel int)) {
	rank := len(dims)
	step, at := make([]int, rank), make([]int64, rank)
	for i, k := rank-1, 1; i >= 0; i-- {
		if shape[i] > 1 {
			step[i] = k
		}
		k *= int(shape[i])
	}
	channel := 0
	for i := range int(total(dims)) {
		f(i, channel)
		for d := rank - 1; d >= 0; d-- {
			at[d]++
			channel += step[d]
			if at[d] < dims[d] {
				break
			}
			channel -= step[d] * int(dims[d])
			at[d] = 0
		}
	}
}

// replace takes away what makes a weight.
func (s *storing) replace(w *weight) {
	s.dropped[w.name] = true
	for _, n := range w.made {
		s.gone[n] = true
	}
	if n := s.constants[w.name]; n != nil {
		s.gone[n] = true
	}
}

// keep stores a tensor under its name. Where the version of the format would
// have it be an input as well, it is a constant.
func (s *storing) keep(t *pb.TensorProto) {
	if s.model.GetIrVersion() >= 4 {
		s.initializers = append(s.initializers, t)
		return
	}
	value := shallow(t)
	value.Name = nil
	n := Node("Constant", nil, []string{t.GetName()}, &pb.AttributeProto{Name: proto.String("value"), Type: pb.AttributeProto_TENSOR.Enum(), T: value})
	n.Name = proto.String(unique(n.GetName(), s.titles))
	s.nodes = append(s.nodes, n)
}

// constant stores a tensor under another name.
func (s *storing) constant(t *pb.TensorProto, name string) string {
	t.Name = proto.String(name)
	s.keep(t)
	return name
}

func (s *storing) node(op string, inputs []string, output string, a ...*pb.AttributeProto) string {
	n := Node(op, inputs, []string{output}, a...)
	n.Name = proto.String(unique(n.GetName(), s.titles))
	s.nodes = append(s.nodes, n)
	return output
}

func (s *storing) cast(x, output string) string {
	return s.node("Cast", []string{x}, output, IntAttribute("to", single))
}

// result is the model with what was replaced.
func (s *storing) result() *pb.ModelProto {
	m := s.model
	g := m.GetGraph()
	out := shallow(m)
	out.Graph = shallow(g)
	out.Graph.Node = slices.Clone(s.nodes) // of stored tensors alone, and before what reads them
	for _, n := range g.GetNode() {
		if !s.gone[n] {
			out.Graph.Node = append(out.Graph.Node, n)
		}
	}
	read := make(map[string]bool)
	for _, n := range out.Graph.Node {
		for _, in := range reads(n) {
			read[in] = true
		}
	}
	for _, v := range g.GetOutput() {
		read[v.GetName()] = true
	}
	made := make(map[string]bool) // what was read by the nodes that are gone alone
	for n := range s.gone {
		for _, in := range n.GetInput() {
			made[in] = !read[in]
		}
	}
	away := func(name string) bool { return s.dropped[name] || made[name] }
	out.Graph.Initializer = slices.DeleteFunc(slices.Clone(g.GetInitializer()), func(t *pb.TensorProto) bool { return away(t.GetName()) })
	out.Graph.Initializer = append(out.Graph.Initializer, s.initializers...)
	out.Graph.Input = slices.DeleteFunc(slices.Clone(g.GetInput()), func(v *pb.ValueInfoProto) bool { return away(v.GetName()) && s.stored[v.GetName()] != nil })
	out.Graph.Node = slices.DeleteFunc(out.Graph.Node, func(n *pb.NodeProto) bool {
		return constantValue(n) != nil && !s.dropped[n.Output[0]] && made[n.Output[0]]
	})
	out.Graph.QuantizationAnnotation = slices.DeleteFunc(slices.Clone(g.GetQuantizationAnnotation()), func(a *pb.TensorAnnotation) bool { return s.dropped[a.GetTensorName()] })
	return out
}

// QuantisedBy returns what shows that weights or activations of a model are
// whole numbers that stand for others, the operator: "" if nothing does.
func QuantisedBy(m *pb.ModelProto) string {
	stored := storedIn(m)
	for _, n := range m.GetGraph().GetNode() {
		op := n.GetOpType()
		if strings.Contains(op, "Quantize") || strings.HasPrefix(op, "QLinear") || strings.HasPrefix(op, "QAttention") ||
			slices.Contains([]string{"MatMulInteger", "ConvInteger", "MatMulNBits", "GatherBlockQuantized"}, op) {
			return op
		}
		if isCast(n) && len(n.Input) == 1 {
			t := stored[n.Input[0]]
			size, err := elements(t.GetDims())
			small := slices.Contains([]pb.TensorProto_DataType{pb.TensorProto_INT8, pb.TensorProto_UINT8, pb.TensorProto_INT4, pb.TensorProto_UINT4}, pb.TensorProto_DataType(t.GetDataType()))
			if t != nil && err == nil && small && size >= leastNarrow {
				return op + " of " + pb.TensorProto_DataType(t.GetDataType()).String()
			}
		}
	}
	return ""
}
