package layer

import (
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Pooling is a way to make rows of features, and what can be done with it.
type Pooling struct {
	Name string // as models.Tap has it
	// Graph: it can be put into a graph, by this package.
	Graph bool
	// Gradient: what lies before it can be trained through it.
	Gradient bool
	// Masked: it goes by which positions count. "cls" does where the first one
	// may be none of them, as that of a text that is filled up on the left.
	Masked bool
	// Space: it goes over space, never over tokens.
	Space bool
	// Go: extract/embed computes it.
	Go bool
}

// Poolings are all ways to make rows of features. Where rows are divided by
// their length, there is one answer for a row of zeros, in files, in training
// and in Go: it stays a row of zeros. In training its gradient is that of a row
// of length 1.
var Poolings = []Pooling{
	{Name: "none", Graph: true, Gradient: true, Go: true},
	{Name: "cls", Graph: true, Gradient: true, Masked: true, Go: true},
	{Name: "mean", Graph: true, Gradient: true, Masked: true, Go: true},
	{Name: "gap", Graph: true, Gradient: true, Space: true, Go: true},
	{Name: "last", Graph: true, Gradient: true, Masked: true, Go: true},
	{Name: "max", Graph: true, Gradient: true, Masked: true, Go: true},
	{Name: "gem", Graph: true, Gradient: true, Space: true, Go: true},
	{Name: "meanstd", Graph: true, Gradient: true, Masked: true, Go: true},
	{Name: "mean_sqrt_len", Graph: true, Gradient: true, Masked: true, Go: true},
	{Name: "weightedmean", Graph: true, Gradient: true, Masked: true, Go: true},
	{Name: "flat", Go: true},
}

// Find returns the pooling of a name; "" is "none". ok is false if there is
// none.
func Find(name string) (p Pooling, ok bool) {
	if name == "" {
		name = "none"
	}
	i := slices.IndexFunc(Poolings, func(p Pooling) bool { return p.Name == name })
	if i < 0 {
		return Pooling{}, false
	}
	return Poolings[i], true
}

// Rows is what makes rows N×D of features.
type Rows struct {
	Features, Pooling, Mask string // as of Head
	Space, ChannelsFirst    bool   // as of Head
	// Skip is how many positions are left out, from the first one on that Mask
	// counts. It needs a Mask.
	Skip int64
	// D is how many values a row has. 0 leaves it to the runtime, which takes
	// it from the features; Space and "meanstd" need it.
	D int64
	// Normalize divides rows by their length. A row of zeros stays one.
	Normalize bool
}

// Graph returns the nodes that make the rows, for an operator set from 9 on,
// under simple names, and the name of the rows. That is Features
// itself where nothing is to be done. The nodes are those for training: what
// flows back through them is finite, through a row of zeros and a standard
// deviation of 0 too.
func (r *Rows) Graph(opset int64) (part *pb.GraphProto, rows string, err error) {
	if p, ok := Find(r.Pooling); !ok || !p.Graph {
		return nil, "", fmt.Errorf("layer: pooling %.100q is not known", r.Pooling)
	}
	if r.D < 1 && (r.Space || r.Pooling == "meanstd") {
		return nil, "", fmt.Errorf("layer: rows of %d values", r.D)
	}
	if _, err := countable(r, opset); err != nil {
		return nil, "", fmt.Errorf("layer: %w", err)
	}
	b := &builder{GraphProto: &pb.GraphProto{}, opset: opset, ir: 9, training: true}
	rows = b.pool(r)
	if r.Normalize {
		rows = b.divide(rows)
	}
	return b.GraphProto, rows, nil
}

// countable tells whether positions are counted, and why they cannot be.
func countable(r *Rows, opset int64) (counted bool, err error) {
	counted = r.Skip > 0 || r.Pooling == "weightedmean" || r.Pooling == "cls" && r.Mask != ""
	const least = 11 // the first operator set with CumSum
	switch {
	case !counted:
	case r.Mask == "":
		return false, fmt.Errorf("pooling %s, %d positions left out, without a mask", r.Pooling, r.Skip)
	case opset < least:
		return false, fmt.Errorf("pooling %s in operator set %d: %d is the first that has what it needs", r.Pooling, opset, least)
	}
	return counted, nil
}

// rows is what makes rows of the features of a head.
func (h *Head) rows() *Rows {
	return &Rows{Features: h.Features, Pooling: h.Pooling, Mask: h.mask(), Space: h.Space, ChannelsFirst: h.ChannelsFirst, D: h.d()}
}

// smallest is the smallest normal float32. What is shorter counts as zero.
const smallest = 0x1p-126

// normalize adds the division of rows by their length; a row of zeros stays
// one.
func (b *builder) normalize(rows, name string) string {
	length := b.reduce("ReduceL2", name+"_length", rows, 1, true)
	divisor := b.node("Max", name+"_divisor", length, b.floats(name+"_tiny", []float32{smallest}))
	return b.node("Div", name+"_rows", rows, divisor)
}

// divide is normalize for training. The nodes of normalize, which stand in head
// files, would divide what flows back through a row of zeros by the smallest
// number that there is. Here such a row is divided by 1.
func (b *builder) divide(rows string) string {
	length := b.reduce("ReduceL2", "length", rows, 1, true)
	long := b.node("Greater", "long", length, b.floats("tiny", []float32{smallest}))
	b.add(onnx.Node("Cast", []string{b.node("Not", "zero", long)}, []string{"one_for_zero"}, onnx.IntAttribute("to", int64(pb.TensorProto_FLOAT))))
	return b.node("Div", "unit_rows", rows, b.node("Max", "divisor", length, "one_for_zero"))
}

// root is the square root for training, whose slope at 0 is infinite. Here it
// is 0 there.
func (b *builder) root(x string) string {
	tiny := b.floats("least_variance", []float32{smallest})
	b.add(onnx.Node("Cast", []string{b.node("Greater", "varies", x, tiny)}, []string{"one_if_varies"}, onnx.IntAttribute("to", int64(pb.TensorProto_FLOAT))))
	return b.node("Mul", "std", b.node("Sqrt", "root", b.node("Max", "some_variance", x, tiny)), "one_if_varies")
}

// ones adds a one for each value of x that is finite.
func (b *builder) ones(x string, axis int64) string {
	first := b.slice("one_channel", x, 3-axis, 0, 1)
	return b.node("Add", "ones", b.node("Sub", "zeros", first, first), b.floats("unit", []float32{1}))
}

// channels is the number of values at a position, 0 if it is not known.
func (r *Rows) channels() int64 {
	if r.Pooling == "meanstd" {
		return r.D / 2
	}
	return r.D
}

// pool adds what makes rows of the features.
func (b *builder) pool(r *Rows) string {
	x := r.Features
	if r.Pooling == "" || r.Pooling == "none" {
		return x
	}
	axis, d := int64(1), r.channels() // of the positions
	switch {
	case r.ChannelsFirst:
		// A d of 0 leaves the dimension as it is.
		x = b.node("Reshape", "field", x, b.ints("field_shape", 0, d, -1))
		axis = 2
	case r.Space:
		x = b.node("Reshape", "field", x, b.ints("field_shape", 0, -1, d))
	}
	row := func(v string) string {
		to := d
		if to == 0 {
			to = -1 // all that is left
		}
		return b.node("Reshape", "pooled", v, b.ints("pooled_shape", 0, to))
	}
	// product returns the sum of positions weighted with w, N×1×positions.
	product := func(output, w, x string) string { return b.node("MatMul", output, w, x) }
	mask := r.Mask // as numbers, N×1×positions
	if mask != "" && (r.Pooling != "max" || r.Skip > 0) {
		b.add(onnx.Node("Cast", []string{mask}, []string{"counts"}, onnx.IntAttribute("to", int64(pb.TensorProto_FLOAT))))
		mask = b.node("Reshape", "mask", "counts", b.ints("mask_shape", 0, 1, -1))
	}
	number := "" // of each position that the mask counts, from 1 on
	if counted, _ := countable(r, b.opset); counted {
		number = b.node("CumSum", "number", mask, b.store(&pb.TensorProto{
			Name: proto.String("number_axis"), DataType: proto.Int32(int32(pb.TensorProto_INT64)), RawData: []byte{2, 0, 0, 0, 0, 0, 0, 0},
		}))
	}
	if r.Skip > 0 {
		behind := b.node("Greater", "behind", number, b.floats("skipped", []float32{float32(r.Skip)}))
		b.add(onnx.Node("Cast", []string{behind}, []string{"kept"}, onnx.IntAttribute("to", int64(pb.TensorProto_FLOAT))))
		mask = b.node("Mul", "open_mask", mask, "kept")
	}
	// shares are the mask's, N×1×positions, with sum 1.
	shares := func() string {
		n := b.node("Max", "positions", b.reduce("ReduceSum", "counted", mask, 2, true), b.floats("one", []float32{1}))
		return b.node("Div", "shares", mask, n)
	}
	const end = math.MaxInt32 // of every axis
	switch r.Pooling {
	case "cls":
		if mask == "" {
			return row(b.slice("first", x, axis, 0, 1))
		}
		// It is where the number is that of the first one, and the mask open.
		b.add(onnx.Node("Cast", []string{b.node("Less", "not_later", number, b.floats("second", []float32{float32(r.Skip) + 1.5}))}, []string{"first_number"},
			onnx.IntAttribute("to", int64(pb.TensorProto_FLOAT))))
		return row(product("first", b.node("Mul", "chosen", mask, "first_number"), x))
	case "last":
		if mask == "" {
			return row(b.slice("last", x, axis, -1, end))
		}
		// The last one is where the mask is one more than at its right; where
		// it begins it is one less.
		next := b.slice("next", mask, 2, 1, end)
		none := b.node("Sub", "none", b.slice("start", mask, 2, 0, 1), "start")
		b.add(onnx.Node("Concat", []string{next, none}, []string{"moved"}, onnx.IntAttribute("axis", 2)))
		return row(product("last", b.node("Relu", "chosen", b.node("Sub", "steps", mask, "moved")), x))
	case "mean", "gap":
		if mask == "" {
			return b.reduce("ReduceMean", "pooled", x, axis, false)
		}
		return row(product("mean", shares(), x))
	case "mean_sqrt_len":
		if mask == "" {
			n := b.node("Sqrt", "root", b.reduce("ReduceSum", "counted", b.ones(x, axis), axis, true))
			return row(b.node("Div", "over_root", b.reduce("ReduceSum", "sum", x, axis, true), n))
		}
		n := b.node("Max", "positions", b.reduce("ReduceSum", "counted", mask, 2, true), b.floats("one", []float32{1}))
		return row(product("sum", b.node("Div", "shares", mask, b.node("Sqrt", "root", n)), x))
	case "weightedmean":
		weights := b.node("Mul", "weights", mask, number)
		n := b.node("Max", "all_weights", b.reduce("ReduceSum", "weight_sum", weights, 2, true), b.floats("one", []float32{1}))
		return row(product("mean", b.node("Div", "shares", weights, n), x))
	case "max":
		if r.Skip > 0 {
			column := b.node("Reshape", "column", b.node("Greater", "is_open", mask, b.floats("half", []float32{0.5})), b.ints("column_shape", 0, -1, 1))
			x = b.node("Where", "open", column, x, b.floats("least", []float32{-math.MaxFloat32}))
		} else if mask != "" {
			b.add(onnx.Node("Cast", []string{mask}, []string{"is_open"}, onnx.IntAttribute("to", int64(pb.TensorProto_BOOL))))
			column := b.node("Reshape", "column", "is_open", b.ints("column_shape", 0, -1, 1))
			x = b.node("Where", "open", column, x, b.floats("least", []float32{-math.MaxFloat32}))
		}
		return b.reduce("ReduceMax", "pooled", x, axis, false)
	case "gem":
		v := b.node("Max", "raised", x, b.floats("floor", []float32{1e-6}))
		cube := b.node("Mul", "cube", b.node("Mul", "square", v, v), v)
		return b.node("Pow", "pooled", b.reduce("ReduceMean", "cubes", cube, axis, false), b.floats("third", []float32{1. / 3}))
	default: // meanstd
		w := ""
		if mask != "" {
			w = shares()
		}
		over := func(output, x string) string {
			if w == "" {
				return b.reduce("ReduceMean", output, x, axis, true)
			}
			return product(output, w, x)
		}
		mean := over("mean", x)
		apart := b.node("Sub", "apart", x, mean)
		variance := over("variance", b.node("Mul", "squares", apart, apart))
		std := ""
		if b.training {
			std = b.root(variance)
		} else {
			std = b.node("Sqrt", "std", variance)
		}
		b.add(onnx.Node("Concat", []string{mean, std}, []string{"both"}, onnx.IntAttribute("axis", 3-axis)))
		return b.node("Reshape", "pooled", "both", b.ints("pooled_shape", 0, 2*d))
	}
}
