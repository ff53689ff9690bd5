package export

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// Inputs of a model.
const (
	Auto   = "auto"   // those that clients look for; see Serve
	Pixels = "pixels" // of images, levels of any size; see PixelsInside
)

// Inputs lists them, the default first.
var Inputs = []string{Auto, Pixels}

// PixelsTolerance is Tolerance where the graph prepares images, which comes to
// another level here and there.
const PixelsTolerance = 0.02

// levelsInput is the input of a model with Pixels.
const levelsInput = "pixels"

// resampling has the modes of Resize by the filters that it computes as Pillow
// does, to a level here and there.
var resampling = map[string]string{"bilinear": "linear", "bicubic": "cubic"}

// nearest is a filter that takes one pixel for each.
const nearest = "nearest"

// InsideError says why a graph cannot prepare images itself.
type InsideError struct {
	Modality models.Modality
	Why      string // what it cannot compute, of images
}

func (e *InsideError) Error() string {
	if e.Modality != models.Image {
		return fmt.Sprintf("export: the backbone takes %s: only images have pixels that a graph can prepare", e.Modality.Plural())
	}
	return "export: the graph cannot prepare the images of this backbone: " + e.Why
}

// CanInside returns an *InsideError unless the images of a contract can be
// prepared in a graph.
func CanInside(c models.Contract) error {
	image, ok := c.(*models.ImageSpec)
	if !ok {
		m := models.Text
		if _, numbers := c.(*models.NumbersSpec); numbers {
			m = models.Numbers
		}
		return &InsideError{Modality: m}
	}
	r := &image.Resize
	why := ""
	switch {
	case image.Inside:
		why = "it prepares them already"
	case r.Mode == "none":
	case resampling[r.Filter] == "" && r.Filter != nearest:
		why = fmt.Sprintf("they are resized by the filter %q, and operators compute nearest, bilinear and bicubic alone as Pillow does", r.Filter)
	case r.Order != "hv":
		why = fmt.Sprintf("the passes of the resize are in the order %q, and the operator Resize has the horizontal one first", r.Order)
	}
	if why != "" {
		return &InsideError{models.Image, why}
	}
	return nil
}

// PixelsInside returns a model that Serve made, of images, with their
// preparation before it: its input is pixels, UINT8 and [1,H,W,3], an upright
// image of any size in red, green and blue. It is resized, cropped and
// normalised as the contract of f says, by operators of set 18, to which the
// model is raised if it is in an older one. What is returned second is how it
// is fed now.
//
// The resize is the operator Resize on levels, with antialiasing, whose weights
// and passes are Pillow's; what is computed is Pillow's level but for ties of
// rounding. Where the contract resizes numbers, as PyTorch does, Resize does.
//
// Errors: those of CanInside and onnx.Raise.
func PixelsInside(m *pb.ModelProto, f *Fed) (*pb.ModelProto, *Fed, error) {
	if err := CanInside(f.Contract); err != nil {
		return nil, nil, err
	}
	c := *f.Contract.(*models.ImageSpec)
	m, err := onnx.Raise(m)
	if err != nil {
		return nil, nil, fmt.Errorf("export: the operators that prepare images are of set %d: %w", onnx.Raised, err)
	}
	p := &preparation{c: &c, part: new(pb.GraphProto)}
	p.build()
	storedFor(m, p.part)
	if m, err = onnx.Prepend(m, p.part, map[string]string{pixelsInput: pixelsInput}); err != nil {
		return nil, nil, fmt.Errorf("export: %w", err)
	}
	for i, v := range m.Graph.Output {
		v = proto.CloneOf(v)
		if dims := v.GetType().GetTensorType().GetShape().GetDim(); len(dims) > 0 {
			dims[0].Value = &pb.TensorShapeProto_Dimension_DimValue{DimValue: 1}
		}
		m.Graph.Output[i] = v
	}
	c.Inside = true
	return m, &Fed{
		Modality: models.Image, Contract: &c, Single: true, Dependent: f.Dependent,
		Inputs: []models.Input{{Name: levelsInput, DType: "u8", Role: "pixels"}},
	}, nil
}

// preparation is the part of a graph that prepares images, which have their
// channels first in it.
type preparation struct {
	c    *models.ImageSpec
	part *pb.GraphProto
	n    int // tensors so far
}

// node adds a node with one output and returns that.
func (p *preparation) node(op string, inputs []string, a ...*pb.AttributeProto) string {
	p.n++
	name := fmt.Sprintf("pixels_%s_%d", op, p.n)
	p.part.Node = append(p.part.Node, onnx.Node(op, inputs, []string{name}, a...))
	return name
}

// store stores a tensor and returns its name.
func (p *preparation) store(t *pb.TensorProto) string {
	p.n++
	t.Name = proto.String(fmt.Sprintf("pixels_constant_%d", p.n))
	p.part.Initializer = append(p.part.Initializer, t)
	return t.GetName()
}

func (p *preparation) ints(v ...int64) string { return p.store(onnx.IntTensor("", v...)) }

// doubles stores a list of numbers.
func (p *preparation) doubles(v ...float64) string {
	return p.store(&pb.TensorProto{Dims: []int64{int64(len(v))}, DataType: proto.Int32(int32(pb.TensorProto_DOUBLE)), DoubleData: v})
}

// channels stores a number for each channel.
func (p *preparation) channels(v [3]float64) string {
	return p.store(onnx.FloatTensor("", []float32{float32(v[0]), float32(v[1]), float32(v[2])}, 1, 3, 1, 1))
}

func (p *preparation) cast(x string, to pb.TensorProto_DataType) string {
	return p.node("Cast", []string{x}, onnx.IntAttribute("to", int64(to)))
}

// build makes the whole part: levels, resized and cropped, become pixel_values.
func (p *preparation) build() {
	p.part.Input = []*pb.ValueInfoProto{onnx.TensorValue(levelsInput, pb.TensorProto_UINT8, onnx.Dim{Size: 1}, onnx.Dim{Size: -1, Name: "height"}, onnx.Dim{Size: -1, Name: "width"}, onnx.Dim{Size: 3})}
	size := p.node("Shape", []string{levelsInput}, onnx.IntAttribute("start", 1), onnx.IntAttribute("end", 3))
	x := p.node("Transpose", []string{levelsInput}, onnx.IntsAttribute("perm", 0, 3, 1, 2))
	if p.resizesNumbers() {
		x = p.numbers(x)
	}
	x, size = p.resize(x, size)
	if x = p.crop(x, size); !p.resizesNumbers() {
		x = p.numbers(x)
	}
	p.normal(x)
}

// resizesNumbers tells whether numbers are resized, not levels.
func (p *preparation) resizesNumbers() bool { return p.c.Resize.Engine == "torch/1" }

// resize brings an image to size and returns that, too: height and width.
func (p *preparation) resize(x, size string) (resized, to string) {
	r := &p.c.Resize
	to = p.resized(size)
	if r.Mode == "none" {
		return x, size
	}
	if r.Filter == nearest {
		return p.nearest(x, size, to), to
	}
	all := p.node("Concat", []string{p.ints(1, 3), to}, onnx.IntAttribute("axis", 0))
	a := []*pb.AttributeProto{
		onnx.TextAttribute("mode", resampling[r.Filter]), onnx.TextAttribute("coordinate_transformation_mode", "half_pixel"),
		onnx.IntAttribute("antialias", 1),
		// At the margins, weights of what lies outside go to those inside.
		onnx.IntAttribute("exclude_outside", 1),
	}
	if r.Filter == "bicubic" {
		a = append(a, onnx.FloatAttribute("cubic_coeff_a", -0.5))
	}
	return p.node("Resize", []string{x, "", "", all}, a...), to
}

// nearest takes one pixel for each. The positions are added up one after the
// other in float64, as Pillow does it, since they often are at the border of
// two pixels.
func (p *preparation) nearest(x, size, to string) string {
	for side := range int64(2) {
		at := p.ints(side)
		in, out := p.node("Gather", []string{size, at}), p.node("Gather", []string{to, at})
		step := p.node("Div", []string{p.cast(in, pb.TensorProto_DOUBLE), p.cast(out, pb.TensorProto_DOUBLE)})
		one := p.ints(1)
		steps := p.node("Expand", []string{step, p.node("Sub", []string{out, one})})
		first := p.node("Mul", []string{step, p.doubles(0.5)})
		axis := onnx.IntTensor("", 0)
		axis.Dims = nil
		places := p.node("CumSum", []string{p.node("Concat", []string{first, steps}, onnx.IntAttribute("axis", 0)), p.store(axis)})
		pixels := p.node("Min", []string{p.cast(places, pb.TensorProto_INT64), p.node("Sub", []string{in, one})})
		x = p.node("Gather", []string{x, pixels}, onnx.IntAttribute("axis", 2+side))
	}
	return x
}

// resized computes the size of an image after the resize, as
// image.Preprocessor does: in integers where that truncates a quotient of
// integers, else in float64.
func (p *preparation) resized(size string) string {
	r := &p.c.Resize
	whole := func(op, x string) string { return p.node(op, []string{x}) } // over both sides, which stay a list
	box := func() string { return p.doubles(float64(r.Height), float64(r.Width)) }
	switch r.Mode {
	case "exact":
		return p.ints(int64(r.Height), int64(r.Width))
	case "short": // the shorter side times short / shorter is short
		short := p.ints(int64(r.Width))
		to := p.node("Div", []string{p.node("Mul", []string{size, short}), whole("ReduceMin", size)})
		if r.Longest == 0 {
			return to
		}
		longest, longer := p.ints(int64(r.Longest)), whole("ReduceMax", to)
		less := p.node("Div", []string{p.node("Mul", []string{to, longest}), longer})
		return p.node("Where", []string{p.node("Greater", []string{longer, longest}), less, to})
	case "contain", "cover":
		sides := p.cast(size, pb.TensorProto_DOUBLE)
		over := "ReduceMax"
		if r.Mode == "cover" {
			over = "ReduceMin"
		}
		ratio := whole(over, p.node("Div", []string{sides, box()}))
		return p.cast(whole("Round", p.node("Div", []string{sides, ratio})), pb.TensorProto_INT64)
	case "max":
		sides := p.cast(size, pb.TensorProto_DOUBLE)
		scale := whole("ReduceMin", p.node("Div", []string{box(), sides}))
		return p.cast(p.node("Mul", []string{sides, scale}), pb.TensorProto_INT64)
	}
	return size
}

// crop cuts the centre out of an image of a size, and lays it on a ground where
// it is smaller.
func (p *preparation) crop(x, size string) string {
	c := &p.c.Crop
	if c.Width == 0 {
		return x
	}
	want, zero, two := p.ints(int64(c.Height), int64(c.Width)), p.ints(0), p.ints(2)
	over := p.node("Max", []string{p.node("Sub", []string{size, want}), zero})
	from := p.node("Div", []string{over, two})
	if c.Offset == "half-even" { // half an odd margin goes to the even one
		odd := p.node("Mul", []string{p.node("Mod", []string{over, two}), p.node("Mod", []string{from, two})})
		from = p.node("Add", []string{from, odd})
	}
	to := p.node("Add", []string{from, want})
	x = p.node("Slice", []string{x, from, to, p.ints(2, 3)})
	if r := &p.c.Resize; r.Mode == "short" && r.Longest == 0 && r.Width >= max(c.Width, c.Height) || r.Mode == "cover" && r.Width >= c.Width && r.Height >= c.Height || r.Mode == "exact" && r.Width >= c.Width && r.Height >= c.Height {
		return x // never smaller
	}
	missing := p.node("Max", []string{p.node("Sub", []string{want, size}), zero})
	at := missing
	if c.Offset != "half-even" { // the larger part is in front
		at = p.node("Add", []string{missing, p.ints(1)})
	}
	at = p.node("Div", []string{at, two})
	rest := p.node("Sub", []string{missing, at})
	before := p.ints(0, 0)
	widths := p.node("Concat", []string{before, at, before, rest}, onnx.IntAttribute("axis", 0))
	padded := p.node("Pad", []string{x, widths})
	if c.Fill == [3]uint8{} {
		return padded
	}
	// Where the image lies, a mask of its size is true.
	ground := p.store(&pb.TensorProto{Dims: []int64{1, 3, 1, 1}, DataType: proto.Int32(int32(pb.TensorProto_UINT8)), RawData: p.c.Crop.Fill[:]})
	if p.resizesNumbers() {
		ground = p.numbers(ground)
	}
	inside := p.node("Concat", []string{p.ints(1, 1), p.node("Min", []string{size, want})}, onnx.IntAttribute("axis", 0))
	one := &pb.TensorProto{Dims: []int64{1}, DataType: proto.Int32(int32(pb.TensorProto_BOOL)), RawData: []byte{1}}
	mask := p.node("ConstantOfShape", []string{inside}, &pb.AttributeProto{Name: proto.String("value"), Type: pb.AttributeProto_TENSOR.Enum(), T: one})
	return p.node("Where", []string{p.node("Pad", []string{mask, widths}), padded, ground})
}

// numbers makes numbers of levels.
func (p *preparation) numbers(x string) string {
	x = p.cast(x, pb.TensorProto_FLOAT)
	// The quotient by a whole number, such as 255, is rounded once.
	if by := float32(1 / p.c.Rescale); !p.resizesNumbers() && float64(by) == math.Round(float64(by)) {
		return p.node("Div", []string{x, p.store(onnx.FloatTensor("", []float32{by}))})
	}
	return p.node("Mul", []string{x, p.store(onnx.FloatTensor("", []float32{float32(p.c.Rescale)}))})
}

// normal makes pixel_values of numbers.
func (p *preparation) normal(x string) {
	if p.c.Offset != 0 {
		x = p.node("Add", []string{x, p.store(onnx.FloatTensor("", []float32{float32(p.c.Offset)}))})
	}
	x = p.node("Sub", []string{x, p.channels(p.c.Mean)})
	std := p.channels(p.c.Std)
	if p.c.StdTwice {
		x = p.node("Div", []string{x, std})
	}
	p.part.Node = append(p.part.Node, onnx.Node("Div", []string{x, std}, []string{pixelsInput}))
}
