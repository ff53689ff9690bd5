package grad

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// A rule appends to b what computes the gradients of a node's inputs from those
// of its outputs, and returns their names, "" for an input without one. It must
// return one for each input that n.need asks for. Its errors are reasons, which
// Build puts the node in front of.
//
// In the formulas of the rules y is the node's output, dY the gradient of the
// loss by y, ∘ the product element by element and Σ the sum over whatever was
// broadcast.
type rule func(b *builder, n *node) ([]string, error)

// rules by operator, with its domain in front if it is not a standard one.
var rules map[string]rule

func init() {
	rules = map[string]rule{
		// conv.go
		"Conv": conv,
		// matmul.go
		"Gemm":   gemm,
		"MatMul": matMul,
		// einsum.go
		"Einsum": einsum,
		// norm.go
		"BatchNormalization":    batchNormalization,
		"GroupNormalization":    groupNormalization,
		"InstanceNormalization": instanceNormalization,
		"LayerNormalization":    layerNormalization,
		"LogSoftmax":            logSoftmax,
		"RMSNormalization":      rmsNormalization,
		"Softmax":               softmax,
		// elementwise.go
		"Abs":         abs,
		"Add":         add,
		"Cast":        identity,
		"Clip":        clip,
		"Cos":         cos,
		"Div":         div,
		"Dropout":     dropout,
		"Elu":         elu,
		"Erf":         erf,
		"Exp":         exp,
		"Gelu":        gelu,
		"HardSigmoid": hardSigmoid,
		"HardSwish":   hardSwish,
		"Identity":    identity,
		"LeakyRelu":   leakyRelu,
		"Log":         log,
		"Max":         extreme,
		"Min":         extreme,
		"Mul":         mul,
		"Neg":         neg,
		"PRelu":       prelu,
		"Pow":         pow,
		"Reciprocal":  reciprocal,
		"Relu":        relu,
		"Sigmoid":     sigmoid,
		"Sin":         sin,
		"Softplus":    softplus,
		"Sqrt":        sqrt,
		"Sub":         sub,
		"Sum":         add,
		"Tanh":        tanh,
		"Where":       where,
		// pool.go
		"AveragePool":       averagePool,
		"GlobalAveragePool": reduceMean,
		"GlobalMaxPool":     reduceExtreme,
		"MaxPool":           maxPool,
		"ReduceL2":          reduceL2,
		"ReduceMax":         reduceExtreme,
		"ReduceMean":        reduceMean,
		"ReduceMin":         reduceExtreme,
		"ReduceSum":         reduceSum,
		"ReduceSumSquare":   reduceSumSquare,
		// shape.go
		"Concat":    concat,
		"Expand":    expand,
		"Flatten":   reshape,
		"Pad":       pad,
		"Reshape":   reshape,
		"Slice":     slice,
		"Split":     split,
		"Squeeze":   reshape,
		"Tile":      tile,
		"Transpose": transpose,
		"Unsqueeze": reshape,
		// gather.go
		"Gather":          gather,
		"GatherElements":  gatherElements,
		"ScatterElements": scatterElements,
		// resize.go
		"Resize": resize,
		// blocked.go
		nchwc + ".Conv":          blockedConvolution,
		nchwc + ".ReorderInput":  reorderInput,
		nchwc + ".ReorderOutput": reorderOutput,
	}
}

// flat are operators whose result does not change with a small change of their
// input: nothing flows back through them.
var flat = []string{"Ceil", "Floor", "Round", "Sign"}

// node is a node of the forward pass, as a rule sees it.
type node struct {
	*pb.NodeProto
	in, out []string
	need    []bool   // which inputs a gradient is wanted for
	dY      []string // gradients of the outputs, "" for none
}

// input returns the name of an input, "" if it is not given.
func (n *node) input(i int) string {
	if i < len(n.in) {
		return n.in[i]
	}
	return ""
}

// wants tells whether a gradient is wanted for an input.
func (n *node) wants(i int) bool { return i < len(n.need) && n.need[i] }

func (n *node) attribute(name string) *pb.AttributeProto {
	i := slices.IndexFunc(n.GetAttribute(), func(a *pb.AttributeProto) bool { return a.GetName() == name })
	if i < 0 {
		return nil
	}
	return n.GetAttribute()[i]
}

// int returns an integer attribute, or otherwise if it is not given.
func (n *node) int(name string, otherwise int64) int64 {
	if a := n.attribute(name); a != nil {
		return a.GetI()
	}
	return otherwise
}

func (n *node) float(name string, otherwise float64) float64 {
	if a := n.attribute(name); a != nil {
		return float64(a.GetF())
	}
	return otherwise
}

func (n *node) string(name, otherwise string) string {
	if a := n.attribute(name); a != nil {
		return string(a.GetS())
	}
	return otherwise
}

// ints returns a list of integers, nil if it is not given.
func (n *node) ints(name string) []int64 { return n.attribute(name).GetInts() }

// axis returns an attribute that is an axis of a tensor of the given rank.
func (n *node) axis(otherwise int64, rank int) (int64, error) {
	return wrap(n.int("axis", otherwise), rank)
}

// wrap returns an axis that may count from the end as one that does not.
func wrap(axis int64, rank int) (int64, error) {
	if axis < 0 {
		axis += int64(rank)
	}
	if axis < 0 || axis >= int64(rank) {
		return 0, fmt.Errorf("axis %d of a tensor of rank %d", axis, rank)
	}
	return axis, nil
}

// integers returns the values of a constant of integers; ok is false if name is
// no such constant.
func (b *builder) integers(name string) (values []int64, ok bool) {
	t := b.graph.Constants[name]
	switch {
	case t == nil:
		values, ok = b.lists[name]
		return values, ok
	case t.Type == pb.TensorProto_INT64:
		return t.I64, true
	case t.Type == pb.TensorProto_INT32:
		for _, v := range t.I32 {
			values = append(values, int64(v))
		}
		return values, true
	}
	return nil, false
}

// numbers returns the values of a constant of floats; ok is false if name is no
// such constant.
func (b *builder) numbers(name string) (values []float32, ok bool) {
	if t := b.graph.Constants[name]; t != nil {
		return t.F32, t.Type == pb.TensorProto_FLOAT
	}
	c := b.consts[name]
	if c == nil || c.GetDataType() != int32(pb.TensorProto_FLOAT) {
		return nil, false
	}
	for raw := c.GetRawData(); len(raw) >= 4; raw = raw[4:] {
		values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	return values, true
}

// value returns the value of a constant with one element.
func (b *builder) value(name string) (v float64, ok bool) {
	t := b.graph.Constants[name]
	if t == nil {
		return 0, false
	}
	switch {
	case len(t.F32) == 1:
		return float64(t.F32[0]), true
	case len(t.I64) == 1:
		return float64(t.I64[0]), true
	case len(t.I32) == 1:
		return float64(t.I32[0]), true
	}
	return 0, false
}

var errNotConstant = errors.New("a shape, an axis or an index is no constant")
