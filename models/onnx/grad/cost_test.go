package grad

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// stack is a network of three blocks of one kind.
type stack struct {
	kind              string
	n, channels, side int64
}

func (c stack) String() string {
	return fmt.Sprintf("%s %d×%d×%d×%d", c.kind, c.n, c.channels, c.side, c.side)
}

// stacks are networks as small as tests need them and as large as backbones
// have them, in batches of one to 16.
func stacks() []stack {
	var all []stack
	for _, kind := range []string{"basic", "bottleneck", "inverted", "depthwise", "groups", "strides"} {
		for _, s := range []stack{{"", 16, 16, 16}, {"", 8, 64, 28}, {"", 4, 128, 14}, {"", 16, 256, 7}, {"", 1, 64, 56}, {"", 2, 40, 14}} {
			s.kind = kind
			all = append(all, s)
		}
	}
	return all
}

// graph makes the network.
func (c stack) graph(t testing.TB) *onnx.Graph {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	x := onnx.Dim{Size: -1, Name: "n"}
	g := &pb.GraphProto{
		Name:   new(c.kind),
		Input:  []*pb.ValueInfoProto{onnx.TensorValue("x", pb.TensorProto_FLOAT, x, onnx.Dim{Size: c.channels}, onnx.Dim{Size: c.side}, onnx.Dim{Size: c.side})},
		Output: []*pb.ValueInfoProto{onnx.TensorValue("features", pb.TensorProto_FLOAT, x, onnx.Dim{Size: c.channels}, onnx.Dim{Size: 1}, onnx.Dim{Size: 1})},
	}
	made := 0
	op := func(op string, in []string, attributes ...*pb.AttributeProto) string {
		made++
		out := fmt.Sprintf("%s_%d", op, made)
		g.Node = append(g.Node, onnx.Node(op, in, []string{out}, attributes...))
		return out
	}
	conv := func(x string, in, out, k, group, stride int64) string {
		made++
		f, b := fmt.Sprintf("filter_%d", made), fmt.Sprintf("bias_%d", made)
		w := make([]float32, out*in/group*k*k)
		for i := range w {
			w[i] = float32(rng.NormFloat64() / math.Sqrt(float64(in/group*k*k)))
		}
		bias := make([]float32, out)
		for i := range bias {
			bias[i] = float32(0.1 * rng.NormFloat64())
		}
		g.Initializer = append(g.Initializer, onnx.FloatTensor(f, w, out, in/group, k, k), onnx.FloatTensor(b, bias, out))
		return op("Conv", []string{x, f, b}, onnx.IntAttribute("group", group), onnx.IntsAttribute("strides", stride, stride), onnx.IntsAttribute("pads", k/2, k/2, k/2, k/2))
	}
	relu := func(x string) string { return op("Relu", []string{x}) }
	add := func(x, y string) string { return op("Add", []string{x, y}) }
	C, y := c.channels, "x"
	for range 3 {
		x := y
		switch c.kind {
		case "basic":
			y = relu(add(conv(relu(conv(x, C, C, 3, 1, 1)), C, C, 3, 1, 1), x))
		case "bottleneck":
			y = relu(conv(relu(conv(x, C, C/4, 1, 1, 1)), C/4, C/4, 3, 1, 1))
			y = relu(add(conv(y, C/4, C, 1, 1, 1), x))
		case "inverted":
			y = op("HardSwish", []string{conv(x, C, 4*C, 1, 1, 1)})
			y = op("HardSwish", []string{conv(y, 4*C, 4*C, 5, 4*C, 1)})
			y = add(conv(y, 4*C, C, 1, 1, 1), x)
		case "depthwise":
			y = op("Sigmoid", []string{conv(conv(x, C, C, 7, C, 1), C, 2*C, 1, 1, 1)})
			y = add(conv(y, 2*C, C, 1, 1, 1), x)
		case "groups": // not in blocks, but what lies around them
			y = relu(conv(relu(conv(x, C, C, 1, 1, 1)), C, C, 3, 8, 1))
			y = relu(add(conv(y, C, C, 1, 1, 1), x))
		case "strides":
			y = relu(conv(x, C, C, 3, 1, 2))
		}
	}
	g.Node = append(g.Node, onnx.Node("GlobalAveragePool", []string{y}, []string{"features"}))
	m := &pb.ModelProto{IrVersion: new(int64(8)), Graph: g, OpsetImport: []*pb.OperatorSetIdProto{{Domain: new(""), Version: new(int64(17))}}}
	folded, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(map[string][]int64{"x": {c.n, C, c.side, c.side}}), Values: true})
	if err != nil {
		t.Fatal(err)
	}
	return folded
}

// subject is a network whose layouts are compared.
type subject struct {
	name  string
	graph func() *onnx.Graph
	o     Options
}

func subjects(t testing.TB) []subject {
	var all []subject
	for _, c := range stacks() {
		all = append(all, subject{c.String(), func() *onnx.Graph { return c.graph(t) }, Options{Classes: 9, Pooling: "gap"}})
	}
	for _, c := range []struct {
		backbone, cut string
		n, size       int64
	}{
		{"efficientnet-lite0", "Add_8", 8, 224}, {"efficientnet-lite0", "Add_8", 1, 224}, {"efficientnet-lite0", "Add_6", 16, 224},
		{"efficientnet-lite0", "Add_3", 4, 224}, {"efficientnet-lite0", "", 2, 224}, {"efficientnet-lite0", "", 8, 64},
		{"resnet", "", 16, 32}, {"resnet", "", 2, 32}, {"convnext", "", 16, 32}, {"convnext", "", 2, 32},
	} {
		_, o := backbone(t, c.backbone, c.n, c.size)
		o.Cut = c.cut
		all = append(all, subject{fmt.Sprintf("%s %s %d×%d", c.backbone, c.cut, c.n, c.size), func() *onnx.Graph {
			g, _ := backbone(t, c.backbone, c.n, c.size)
			return g
		}, *o})
	}
	return all
}

// TestCostChooses pins what the rule says of networks, small ones and
// backbones, for both widths of blocks: a change of the rule changes the bits
// that trainings give, and must be meant.
func TestCostChooses(t *testing.T) {
	// Costs in blocks of 8 and of 16, each divided by that of the plain layout.
	want := map[string][2]float64{
		"basic 16×16×16×16":               {0.715, 0.707},
		"basic 8×64×28×28":                {0.726, 0.725},
		"basic 4×128×14×14":               {0.747, 0.764},
		"basic 16×256×7×7":                {0.749, 0.769},
		"basic 1×64×56×56":                {0.722, 0.717},
		"basic 2×40×14×14":                {0.762, 0.949},
		"bottleneck 16×16×16×16":          {1.024, 1.151},
		"bottleneck 8×64×28×28":           {0.751, 0.776},
		"bottleneck 4×128×14×14":          {0.766, 0.804},
		"bottleneck 16×256×7×7":           {0.747, 0.779},
		"bottleneck 1×64×56×56":           {0.745, 0.767},
		"bottleneck 2×40×14×14":           {1.000, 1.054},
		"inverted 16×16×16×16":            {0.451, 0.471},
		"inverted 8×64×28×28":             {0.574, 0.598},
		"inverted 4×128×14×14":            {0.574, 0.559},
		"inverted 16×256×7×7":             {0.500, 0.431},
		"inverted 1×64×56×56":             {0.602, 0.649},
		"inverted 2×40×14×14":             {0.496, 0.526},
		"depthwise 16×16×16×16":           {0.519, 0.566},
		"depthwise 8×64×28×28":            {0.592, 0.622},
		"depthwise 4×128×14×14":           {0.621, 0.633},
		"depthwise 16×256×7×7":            {0.587, 0.553},
		"depthwise 1×64×56×56":            {0.606, 0.649},
		"depthwise 2×40×14×14":            {0.578, 0.666},
		"groups 16×16×16×16":              {0.962, 0.988},
		"groups 8×64×28×28":               {0.902, 0.923},
		"groups 4×128×14×14":              {0.900, 0.919},
		"groups 16×256×7×7":               {0.892, 0.906},
		"groups 1×64×56×56":               {0.901, 0.921},
		"groups 2×40×14×14":               {0.946, 1.040},
		"strides 16×16×16×16":             {0.949, 1.077},
		"strides 8×64×28×28":              {0.782, 0.846},
		"strides 4×128×14×14":             {1.064, 1.275},
		"strides 16×256×7×7":              {0.959, 1.220},
		"strides 1×64×56×56":              {0.797, 0.918},
		"strides 2×40×14×14":              {1.307, 1.881},
		"efficientnet-lite0 Add_8 8×224":  {0.587, 0.535},
		"efficientnet-lite0 Add_8 1×224":  {0.727, 0.754},
		"efficientnet-lite0 Add_6 16×224": {0.511, 0.440},
		"efficientnet-lite0 Add_3 4×224":  {0.552, 0.516},
		"efficientnet-lite0  2×224":       {0.650, 0.691},
		"efficientnet-lite0  8×64":        {0.288, 0.245},
		"resnet  16×32":                   {0.918, 1.111},
		"resnet  2×32":                    {1.305, 1.489},
		"convnext  16×32":                 {0.334, 0.316},
		"convnext  2×32":                  {0.671, 0.690},
	}
	for _, s := range subjects(t) {
		g := s.graph()
		var ratio [2]float64
		for i, block := range []int64{8, 16} {
			var costs []float64
			for _, B := range []int64{0, block} {
				o := s.o
				o.Block = B
				p, err := Build(g, &o)
				if err != nil {
					t.Fatal(s.name, err)
				}
				costs = append(costs, p.Cost(block))
			}
			ratio[i] = costs[1] / costs[0]
		}
		if w := want[s.name]; math.Abs(ratio[0]-w[0]) > 1e-3 || math.Abs(ratio[1]-w[1]) > 1e-3 {
			t.Errorf("%q: {%.3f, %.3f}, not %v", s.name, ratio[0], ratio[1], w)
		}
	}
}
