package folder

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"google.golang.org/protobuf/proto"
)

// sentenceOutput is what the pooled vector is called, by those who export one
// and where it is put behind the graph.
const sentenceOutput = "sentence_embedding"

// behind is a model behind which steps are put.
type behind struct {
	model *pb.ModelProto
	opset int64
	names []string // of the tensors that were put there
}

// add puts nodes behind the model and returns what a tensor of them is called
// there.
func (g *behind) add(part *pb.GraphProto, tensor string) (string, error) {
	m, names, err := onnx.Append(g.model, part)
	if err != nil {
		return "", err
	}
	g.model = m
	g.names = append(g.names, slices.Sorted(maps.Values(names))...)
	if name := names[tensor]; name != "" {
		return name, nil
	}
	return tensor, nil // nothing was to be done
}

// rows puts a pooling, or a division by the length, behind a tensor.
func (g *behind) rows(r *layer.Rows) (string, error) {
	part, rows, err := r.Graph(g.opset)
	if err != nil {
		return "", err
	}
	return g.add(part, rows)
}

// sentenceTap puts the way from tokens to one vector behind the graph of s, and
// makes its end the tap.
func sentenceTap(s *models.Spec, p *sentence, tokens *onnx.Value) error {
	m, err := onnx.Decode(s.Weights.Data)
	if err != nil {
		return err
	}
	// What is put behind stores tensors that are no inputs.
	const stores = 4 // the first version of the file format that has such
	m.IrVersion = proto.Int64(max(m.GetIrVersion(), stores))
	g := &behind{model: m, opset: onnx.StandardOpset(m)}
	mask := ""
	for _, in := range s.Inputs {
		if in.Role == "mask" {
			mask = in.Name
		}
	}
	x, dim := tokens.Name, int(tokens.Shape[len(tokens.Shape)-1].Size)
	if dim < 1 {
		dim = p.dim
	}
	for _, step := range p.before {
		if x, dim, err = step.build(g, x, dim); err != nil {
			return err
		}
	}
	if p.modes != nil {
		if p.dim != 0 && p.dim != dim {
			return fmt.Errorf("output %q has %d numbers for a token, but the pooling module says %d", tokens.Name, dim, p.dim)
		}
		var parts []string
		for _, mode := range p.modes {
			r := &layer.Rows{Features: x, Pooling: mode, Mask: mask, D: int64(dim)}
			if p.skip {
				r.Skip = int64(p.prompt)
			}
			part, err := g.rows(r)
			if err != nil {
				return err
			}
			parts = append(parts, part)
		}
		if x, dim = parts[0], dim*len(parts); len(parts) > 1 {
			if x, err = g.add(&pb.GraphProto{Node: []*pb.NodeProto{onnx.Node("Concat", parts, []string{"pooled_together"}, onnx.IntAttribute("axis", 1))}}, "pooled_together"); err != nil {
				return err
			}
		}
	}
	for _, step := range p.behind {
		if x, dim, err = step.build(g, x, dim); err != nil {
			return err
		}
	}
	part := &pb.GraphProto{
		Node:   []*pb.NodeProto{onnx.Node("Identity", []string{x}, []string{sentenceOutput})},
		Output: []*pb.ValueInfoProto{onnx.TensorValue(sentenceOutput, pb.TensorProto_FLOAT, onnx.Dim{Size: -1, Name: "batch"}, onnx.Dim{Size: int64(dim)})},
	}
	if x, err = g.add(part, sentenceOutput); err != nil {
		return err
	}
	if s.Weights.Data, err = onnx.Encode(g.model); err != nil {
		return err
	}
	s.Weights.Added, s.Weights.Behind = g.names, p.words()
	if err := s.SetTaps([]string{x + ":none"}); err != nil {
		return err
	}
	s.Taps[0].Post = p.post
	return nil
}

// normalize divides a vector by its length.
type normalize struct{}

func (normalize) word() string { return "normalize" }

func (normalize) build(g *behind, x string, dim int) (string, int, error) {
	y, err := g.rows(&layer.Rows{Features: x, Pooling: "none", Normalize: true})
	return y, dim, err
}

// dense is a linear layer with a function behind it.
type dense struct {
	weight, bias *pb.TensorProto // out×in, out; nil bias: none
	in, out      int
	function     string // "" for none
	sha256       string // of the file of the weights
}

// functions are those of PyTorch that may stand behind a linear layer, by the
// last word of their names, as nodes that compute y of x.
var functions = map[string]func(x, y string) *pb.GraphProto{
	"Identity":  nil,
	"Tanh":      function("Tanh"),
	"ReLU":      function("Relu"),
	"Sigmoid":   function("Sigmoid"),
	"ELU":       function("Elu"),
	"Softplus":  function("Softplus"),
	"LeakyReLU": function("LeakyRelu"), // 0.01 is the default of both
	"SiLU": func(x, y string) *pb.GraphProto {
		return &pb.GraphProto{Node: []*pb.NodeProto{
			onnx.Node("Sigmoid", []string{x}, []string{"gate"}), onnx.Node("Mul", []string{x, "gate"}, []string{y}),
		}}
	},
	"GELU": func(x, y string) *pb.GraphProto { // x/2·(1 + erf(x/√2))
		return &pb.GraphProto{
			Initializer: []*pb.TensorProto{
				onnx.FloatTensor("root", []float32{math.Sqrt2}), onnx.FloatTensor("one", []float32{1}), onnx.FloatTensor("half", []float32{0.5}),
			},
			Node: []*pb.NodeProto{
				onnx.Node("Div", []string{x, "root"}, []string{"scaled"}), onnx.Node("Erf", []string{"scaled"}, []string{"erf"}),
				onnx.Node("Add", []string{"erf", "one"}, []string{"raised"}), onnx.Node("Mul", []string{x, "raised"}, []string{"double"}),
				onnx.Node("Mul", []string{"double", "half"}, []string{y}),
			},
		}
	},
}

// function is a function that is one operator.
func function(op string) func(x, y string) *pb.GraphProto {
	return func(x, y string) *pb.GraphProto {
		return &pb.GraphProto{Node: []*pb.NodeProto{onnx.Node(op, []string{x}, []string{y})}}
	}
}

// denseModule reads a linear layer.
func (f *layout) denseModule(m *module, p *sentence) error {
	o, err := f.config(m)
	if err != nil {
		return err
	}
	d := new(dense)
	if d.in, err = o.whole("in_features", models.MaxDim); err != nil {
		return err
	}
	if d.out, err = o.whole("out_features", models.MaxDim); err != nil {
		return err
	}
	biased, err := o.flagOr("bias", true)
	if err != nil {
		return err
	}
	name := "torch.nn.modules.activation.Tanh"
	if o.has("activation_function") {
		if name, err = o.text("activation_function"); err != nil {
			return err
		}
	}
	d.function = name[strings.LastIndexByte(name, '.')+1:]
	if _, known := functions[d.function]; !known || !strings.HasPrefix(name, "torch.nn.") {
		return o.errorf("activation_function", "%.100s is not known; there are Identity, Tanh, ReLU, Sigmoid, ELU, Softplus, LeakyReLU, SiLU and GELU of torch.nn", name)
	}
	to := &p.behind
	for _, key := range []string{"module_input_name", "module_output_name"} {
		if !o.has(key) {
			continue
		}
		on, err := o.text(key)
		if err != nil {
			return err
		}
		switch {
		case on == "token_embeddings" && p.modes == nil:
			to = &p.before
		case on != sentenceOutput || to == &p.before:
			return o.errorf(key, "%.80q as module %d: a linear layer is taken on %s behind the pooling, and on token_embeddings before it", on, m.i, sentenceOutput)
		}
	}
	if to == &p.behind && p.modes == nil && p.first == "Transformer" {
		return m.errorf("Dense as module %d stands before the pooling, and takes the pooled vector", m.i)
	}
	weights, err := f.weightsOf(m)
	if err != nil {
		return err
	}
	d.sha256 = weights.sha256
	if d.weight, err = weights.weights("linear.weight", int64(d.out), int64(d.in)); err != nil {
		return err
	}
	if biased {
		if d.bias, err = weights.weights("linear.bias", int64(d.out)); err != nil {
			return err
		}
	}
	*to = append(*to, d)
	return nil
}

func (d *dense) word() string {
	return strings.ToLower(fmt.Sprintf("dense %d %s %s", d.out, d.function, d.sha256))
}

func (d *dense) build(g *behind, x string, dim int) (string, int, error) {
	if dim != d.in {
		return "", 0, fmt.Errorf("a vector of %d numbers goes into a Dense module that takes %d", dim, d.in)
	}
	const weight, bias, product, y = "dense.weight", "dense.bias", "dense_product", "dense"
	const size = 4 // bytes of a value
	turned := make([]byte, 0, len(d.weight.RawData))
	for i := range d.in {
		for o := range d.out {
			at := size * (o*d.in + i)
			turned = append(turned, d.weight.RawData[at:at+size]...)
		}
	}
	w := &pb.TensorProto{Name: proto.String(weight), Dims: []int64{int64(d.in), int64(d.out)}, DataType: d.weight.DataType, RawData: turned}
	part := &pb.GraphProto{
		Initializer: []*pb.TensorProto{w},
		Node:        []*pb.NodeProto{onnx.Node("MatMul", []string{x, weight}, []string{product})},
	}
	last := product
	if d.bias != nil {
		b := proto.CloneOf(d.bias)
		b.Name = proto.String(bias)
		part.Initializer = append(part.Initializer, b)
		part.Node = append(part.Node, onnx.Node("Add", []string{product, bias}, []string{"dense_sum"}))
		last = "dense_sum"
	}
	if nodes := functions[d.function]; nodes != nil {
		more := nodes(last, y)
		part.Initializer, part.Node = append(part.Initializer, more.Initializer...), append(part.Node, more.Node...)
		last = y
	}
	out, err := g.add(part, last)
	return out, d.out, err
}

// layerNorm is a normalisation of a vector's values, with a scale and a shift
// for each.
type layerNorm struct {
	weight, bias *pb.TensorProto
	dim          int
	sha256       string // of the file of the weights
}

// layerNormModule reads a normalisation of values.
func (f *layout) layerNormModule(m *module, p *sentence) error {
	if p.modes == nil && p.first == "Transformer" {
		return m.errorf("LayerNorm as module %d stands before the pooling, and takes the pooled vector", m.i)
	}
	o, err := f.config(m)
	if err != nil {
		return err
	}
	n := new(layerNorm)
	if n.dim, err = o.whole("dimension", models.MaxDim); err != nil {
		return err
	}
	weights, err := f.weightsOf(m)
	if err != nil {
		return err
	}
	n.sha256 = weights.sha256
	if n.weight, err = weights.weights("norm.weight", int64(n.dim)); err != nil {
		return err
	}
	if n.bias, err = weights.weights("norm.bias", int64(n.dim)); err != nil {
		return err
	}
	p.behind = append(p.behind, n)
	return nil
}

func (n *layerNorm) word() string { return "layernorm " + n.sha256 }

// build computes (x − mean)/√(variance + 1e-5)·weight + bias, PyTorch's
// default.
func (n *layerNorm) build(g *behind, x string, dim int) (string, int, error) {
	if dim != n.dim {
		return "", 0, fmt.Errorf("a vector of %d numbers goes into a LayerNorm module that takes %d", dim, n.dim)
	}
	mean := func(x, y string) *pb.NodeProto {
		node := onnx.Node("ReduceMean", []string{x}, []string{y}, onnx.IntAttribute("keepdims", 1))
		if g.opset < 18 {
			node.Attribute = append(node.Attribute, onnx.IntsAttribute("axes", 1))
		} else {
			node.Input = append(node.Input, "norm_axes")
		}
		return node
	}
	w, b := proto.CloneOf(n.weight), proto.CloneOf(n.bias)
	w.Name, b.Name = proto.String("norm.weight"), proto.String("norm.bias")
	part := &pb.GraphProto{
		Initializer: []*pb.TensorProto{w, b, onnx.FloatTensor("norm_epsilon", []float32{1e-5})},
		Node: []*pb.NodeProto{
			mean(x, "norm_mean"), onnx.Node("Sub", []string{x, "norm_mean"}, []string{"norm_centered"}),
			onnx.Node("Mul", []string{"norm_centered", "norm_centered"}, []string{"norm_squares"}), mean("norm_squares", "norm_variance"),
			onnx.Node("Add", []string{"norm_variance", "norm_epsilon"}, []string{"norm_raised"}), onnx.Node("Sqrt", []string{"norm_raised"}, []string{"norm_std"}),
			onnx.Node("Div", []string{"norm_centered", "norm_std"}, []string{"norm_standard"}),
			onnx.Node("Mul", []string{"norm_standard", "norm.weight"}, []string{"norm_scaled"}), onnx.Node("Add", []string{"norm_scaled", "norm.bias"}, []string{"norm"}),
		},
	}
	if g.opset >= 18 {
		part.Initializer = append(part.Initializer, onnx.IntTensor("norm_axes", 1))
	}
	y, err := g.add(part, "norm")
	return y, n.dim, err
}
