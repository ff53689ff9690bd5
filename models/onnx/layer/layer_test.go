//go:build cgo && !windows

package layer_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

func library(t testing.TB) *runtime.Library {
	t.Helper()
	path, err := filepath.Abs("../../../lib/libonnxruntime.so")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		where, err := runtime.Find("")
		if err != nil {
			t.Fatalf("the tests of this package need ONNX Runtime; run: make runtime\n%v", err)
		}
		path = where.Path
	}
	l, err := runtime.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

const d = 4 // channels

// backbone returns a model that gives its input x, and has a mask and a tensor
// called logits.
func backbone(opset, ir int64, dims ...onnx.Dim) *pb.ModelProto {
	g := &pb.GraphProto{
		Name:        proto.String("backbone"),
		Input:       []*pb.ValueInfoProto{onnx.TensorValue("x", pb.TensorProto_FLOAT, dims...), onnx.TensorValue("m", pb.TensorProto_INT64, dims[0], onnx.Dim{Size: -1})},
		Node:        []*pb.NodeProto{onnx.Node("Identity", []string{"x"}, []string{"logits"}), onnx.Node("Identity", []string{"logits"}, []string{"pooled"}), onnx.Node("Neg", []string{"pooled"}, []string{"last"})},
		Output:      []*pb.ValueInfoProto{onnx.TensorValue("last", pb.TensorProto_FLOAT, dims...), onnx.TensorValue("pooled", pb.TensorProto_FLOAT, dims...)},
		Initializer: []*pb.TensorProto{onnx.FloatTensor("weight", []float32{1}, 1)},
	}
	return &pb.ModelProto{IrVersion: proto.Int64(ir), OpsetImport: []*pb.OperatorSetIdProto{{Version: proto.Int64(opset)}}, Graph: g}
}

// rowsOf pools x as the names say; at gives a value of a sample, a position, a
// channel, and counts is the number of positions of each sample.
func rowsOf(pooling string, counts []int, at func(n, p, c int) float64) [][]float64 {
	var rows [][]float64
	for n, count := range counts {
		row := make([]float64, d)
		var second []float64
		for c := range d {
			var sum, cubes, square, weighted float64
			top := math.Inf(-1)
			for p := range count {
				v := at(n, p, c)
				sum += v
				weighted += v * float64(p+1)
				top = max(top, v)
				cubes += math.Pow(max(v, 1e-6), 3)
			}
			mean := sum / float64(count)
			for p := range count {
				square += (at(n, p, c) - mean) * (at(n, p, c) - mean)
			}
			row[c] = map[string]float64{
				"": at(n, 0, c), "none": at(n, 0, c), "cls": at(n, 0, c), "last": at(n, count-1, c), "max": top, "mean": mean, "gap": mean, "meanstd": mean,
				"gem": math.Cbrt(cubes / float64(count)), "mean_sqrt_len": sum / math.Sqrt(float64(count)), "weightedmean": weighted / float64(count*(count+1)/2),
			}[pooling]
			second = append(second, math.Sqrt(square/float64(count)))
		}
		if pooling == "meanstd" {
			row = append(row, second...)
		}
		rows = append(rows, row)
	}
	return rows
}

// normalized divides rows by their length.
func normalized(rows [][]float64) {
	for _, row := range rows {
		sum := 0.0
		for _, v := range row {
			sum += v * v
		}
		for i := range row {
			if sum > 0 {
				row[i] /= math.Sqrt(sum)
			}
		}
	}
}

// Rows of what a mask counts, wherever it does, and of what is behind the first
// of these positions.
func TestRowsOfPartsOfAMask(t *testing.T) {
	l := library(t)
	mask := []int64{0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1}
	counts := []int{3, 3, 4}
	first := []int{2, 0, 1}
	x := make([]float32, 15*d)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range x {
		x[i] = r.Float32()*2 - 1
	}
	for _, opset := range []int64{11, 13, 17, 18, 21} {
		for _, pooling := range []string{"cls", "last", "mean", "max", "mean_sqrt_len", "weightedmean"} {
			for skip := range 3 {
				m := backbone(opset, 8, onnx.Dim{Size: -1}, onnx.Dim{Size: -1}, onnx.Dim{Size: d})
				part, name, err := (&layer.Rows{Features: "pooled", Pooling: pooling, Mask: "m", Skip: int64(skip)}).Graph(opset)
				if err != nil {
					t.Fatal(err)
				}
				m, names, err := onnx.Append(m, part)
				if err != nil {
					t.Fatal(err)
				}
				m.Graph.Output = []*pb.ValueInfoProto{onnx.TensorValue(names[name], pb.TensorProto_FLOAT, onnx.Dim{Size: -1}, onnx.Dim{Size: d})}
				have := run(t, l, m, map[string]tensor.View{"x": {Shape: []int64{3, 5, d}, F32: x}, "m": {Shape: []int64{3, 5}, I64: mask}}, 3*d)
				left := make([]int, 3)
				for i := range left {
					left[i] = counts[i] - skip
				}
				want := rowsOf(pooling, left, func(n, p, c int) float64 { return float64(x[(n*5+first[n]+skip+p)*d+c]) })
				for i, row := range want {
					if pooling == "weightedmean" && skip > 0 { // a place counts as it did
						sum, all := make([]float64, d), 0.
						for p := skip; p < counts[i]; p++ {
							all += float64(p + 1)
							for c := range d {
								sum[c] += float64(p+1) * float64(x[(i*5+first[i]+p)*d+c])
							}
						}
						for c := range d {
							row[c] = sum[c] / all
						}
					}
					for c := range d {
						if diff := math.Abs(row[c] - float64(have[0][i*d+c])); !(diff < 1e-5) {
							t.Errorf("operator set %d, %s, %d skipped: row %d, value %d differs by %g", opset, pooling, skip, i, c, diff)
						}
					}
				}
			}
		}
	}
	for _, r := range []layer.Rows{{Features: "pooled", Pooling: "mean", Skip: 1}, {Features: "pooled", Pooling: "weightedmean"}} {
		if _, _, err := r.Graph(17); err == nil {
			t.Errorf("%+v is taken", r)
		}
	}
}

// In every operator set the runtime computes what the formulas say, of every
// pooling, and Split finds the head again.
func TestAppendComputes(t *testing.T) {
	l := library(t)
	type layout struct {
		name    string
		pooling []string
		edit    func(h *layer.Head)
		shape   []int64 // of 3 samples
		counts  []int
	}
	open := []int{5, 1, 3}
	all := []int{5, 5, 5}
	nine := []int{9, 9, 9}
	layouts := []layout{
		{"rows", []string{"", "none"}, func(*layer.Head) {}, []int64{3, d}, []int{1, 1, 1}},
		{"masked", []string{"cls", "last", "mean", "max", "meanstd", "mean_sqrt_len", "weightedmean"}, func(h *layer.Head) { h.Mask = "m" }, []int64{3, 5, d}, open},
		{"tokens", []string{"cls", "last", "mean", "max", "meanstd", "mean_sqrt_len"}, func(*layer.Head) {}, []int64{3, 5, d}, all},
		{"nhwc", []string{"gap", "gem", "max", "meanstd"}, func(h *layer.Head) { h.Space = true }, []int64{3, 3, 3, d}, nine},
		{"nchw", []string{"gap", "gem", "max", "meanstd"}, func(h *layer.Head) { h.ChannelsFirst = true }, []int64{3, d, 3, 3}, nine},
		{"one row of space", []string{"gap"}, func(h *layer.Head) { h.ChannelsFirst = true }, []int64{3, d, 5}, all},
	}
	for _, opset := range []int64{9, 10, 11, 12, 13, 15, 17, 18, 20, 21, 25} {
		ir := map[int64]int64{9: 3, 10: 5, 25: 13}[opset]
		if ir == 0 {
			ir = 8
		}
		for _, lay := range layouts {
			for k, pooling := range lay.pooling {
				name := fmt.Sprintf("operator set %d, %s, %q", opset, lay.name, pooling)
				r := rand.New(rand.NewPCG(uint64(opset), uint64(k)))
				some := func(n int) []float32 {
					v := make([]float32, n)
					for i := range v {
						v[i] = r.Float32()*2 - 1
					}
					return v
				}
				n, c := d, 3
				if pooling == "meanstd" {
					n = 2 * d
				}
				h := &layer.Head{Features: "logits", Pooling: pooling, Weight: some(c * n), Bias: some(c), Temperature: 0.7, BareLogits: k%2 > 0}
				lay.edit(h)
				switch k % 3 {
				case 0:
					h.Post = "l2"
				case 1:
					h.Normalize, h.Center = true, some(n)
				}
				dims := []onnx.Dim{{Size: -1}}
				for range lay.shape[1:] {
					dims = append(dims, onnx.Dim{Size: -1})
				}
				m := backbone(opset, ir, dims...)
				if ir < 4 {
					m.Graph.Initializer = nil
				}
				before := proto.CloneOf(m)
				fused, renamed, err := layer.Append(m, h)
				if opset < 11 && (pooling == "weightedmean" || pooling == "cls" && h.Mask != "") {
					if err == nil || !strings.Contains(err.Error(), "11 is the first") {
						t.Errorf("%s: error %v", name, err)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if !proto.Equal(before, m) {
					t.Errorf("%s: the model itself was changed", name)
				}
				if fused.Graph.Node[0].Output[0] != renamed["logits"] || renamed["logits"] != "logits_1" {
					t.Errorf("%s: renamed %v", name, renamed)
				}
				s, err := onnx.Walk(fused)
				if err != nil {
					t.Fatal(err)
				}
				if len(s.Outputs) != 2 || s.Outputs[0].Name != "logits" || s.Outputs[1].Name != "probabilities" || s.Outputs[1].Shape[1].Size != 3 {
					t.Errorf("%s: outputs %v", name, s.Outputs)
				}
				x := some(int(lay.shape[0]) * int(elements(lay.shape[1:])))
				in := map[string]tensor.View{"x": {Shape: lay.shape, F32: x}}
				if h.Mask != "" {
					mask := make([]int64, 15)
					for i := range mask {
						if i%5 < lay.counts[i/5] {
							mask[i] = 1
						}
					}
					in["m"] = tensor.View{Shape: []int64{3, 5}, I64: mask}
				}
				positions := int(elements(lay.shape[1:])) / d
				at := func(n, p, c int) float64 { return float64(x[(n*positions+p)*d+c]) }
				if h.ChannelsFirst {
					at = func(n, p, c int) float64 { return float64(x[(n*d+c)*positions+p]) }
				}
				rows := rowsOf(pooling, lay.counts, at)
				if h.Post == "l2" {
					normalized(rows)
				}
				if h.Normalize {
					normalized(rows)
				}
				have := run(t, l, fused, in, 3*c)
				for i, row := range rows {
					var z, p [3]float64
					sum := 0.0
					for k := range z {
						z[k] = float64(h.Bias[k])
						for j, v := range row {
							if h.Center != nil {
								v -= float64(h.Center[j])
							}
							z[k] += v * float64(h.Weight[k*n+j])
						}
						p[k] = math.Exp(z[k] / 0.7)
						sum += p[k]
						if !h.BareLogits {
							z[k] /= 0.7 // the softmax of the logits are the probabilities
						}
					}
					for k := range z {
						if a, b := math.Abs(z[k]-float64(have[0][i*c+k])), math.Abs(p[k]/sum-float64(have[1][i*c+k])); !(a < 2e-5 && b < 1e-5) {
							t.Errorf("%s: row %d, class %d: logit differs by %g, probability by %g", name, i, k, a, b)
						}
					}
				}

				like := *h
				like.Features, like.Temperature = "logits_1", 1
				like.Weight, like.Bias = make([]float32, c*n), make([]float32, c)
				if h.Center != nil {
					like.Center = make([]float32, n)
				}
				rest, found, err := layer.Split(fused, &like)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				if !slices.Equal(found.Weight, h.Weight) || !slices.Equal(found.Bias, h.Bias) || !slices.Equal(found.Center, h.Center) || found.Temperature != h.Temperature {
					t.Errorf("%s: Split finds %+v", name, found)
				}
				if len(rest.Graph.Node) != 1 || rest.Graph.Output[0].GetName() != "logits_1" {
					t.Errorf("%s: Split leaves %v", name, rest.Graph)
				}
				for _, other := range []func(h *layer.Head){
					func(h *layer.Head) { h.Normalize = !h.Normalize }, func(h *layer.Head) { h.BareLogits = !h.BareLogits },
				} {
					h := like
					other(&h)
					if _, _, err := layer.Split(fused, &h); err == nil {
						t.Errorf("%s: Split finds another head", name)
					}
				}
			}
		}
	}
}

func elements(dims []int64) int64 {
	n := int64(1)
	for _, v := range dims {
		n *= v
	}
	return n
}

// run returns the two outputs of a model, of n values each.
func run(t *testing.T, l *runtime.Library, m *pb.ModelProto, in map[string]tensor.View, n int) [2][]float32 {
	t.Helper()
	data, err := onnx.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	o := &runtime.Options{}
	for _, v := range m.Graph.Output {
		o.Outputs = append(o.Outputs, v.GetName())
	}
	var tensors []tensor.View
	for name, x := range in {
		o.Inputs, tensors = append(o.Inputs, name), append(tensors, x)
	}
	s, err := l.NewSession(data, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out := [2][]float32{make([]float32, n), make([]float32, n)}
	shape := []int64{3, int64(n / 3)}
	outputs := []tensor.View{{Shape: shape, F32: out[0]}, {Shape: shape, F32: out[1]}}
	if err := s.Run(context.Background(), tensors, outputs[:len(o.Outputs)]); err != nil {
		t.Fatal(err)
	}
	return out
}

// Hidden layers compute what they say, in each operator set, and are taken
// apart again.
func TestHidden(t *testing.T) {
	l := library(t)
	r := rand.New(rand.NewPCG(7, 8))
	some := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = r.Float32()*2 - 1
		}
		return v
	}
	for _, opset := range []int64{9, 13, 17, 25} {
		ir := map[int64]int64{9: 3, 25: 13}[opset]
		if ir == 0 {
			ir = 8
		}
		for _, sizes := range [][]int{{5}, {6, 3}} {
			h := &layer.Head{Features: "pooled", Center: some(d), Temperature: 0.7}
			in := d
			for _, units := range sizes {
				h.Hidden = append(h.Hidden, layer.Hidden{Weight: some(units * in), Bias: some(units)})
				in = units
			}
			h.Weight, h.Bias = some(2*in), some(2)
			m := backbone(opset, ir, onnx.Dim{Size: -1}, onnx.Dim{Size: d})
			if ir < 4 {
				m.Graph.Initializer = nil
			}
			fused, renamed, err := layer.Append(m, h)
			if err != nil {
				t.Fatal(err)
			}
			x := some(3 * d)
			have := run(t, l, fused, map[string]tensor.View{"x": {Shape: []int64{3, d}, F32: x}}, 6)
			for i := range 3 {
				row := make([]float64, d)
				for j := range row {
					row[j] = float64(x[i*d+j]) - float64(h.Center[j])
				}
				for n, of := range append(slices.Clone(h.Hidden), layer.Hidden{Weight: h.Weight, Bias: h.Bias}) {
					var out []float64
					for k, b := range of.Bias {
						z := float64(b)
						for j, v := range row {
							z += v * float64(of.Weight[k*len(row)+j])
						}
						if n < len(sizes) {
							z = max(z, 0)
						}
						out = append(out, z)
					}
					row = out
				}
				p := 1 / (1 + math.Exp((row[1]-row[0])/0.7))
				if a, b := math.Abs(row[1]/0.7-float64(have[0][i*2+1])), math.Abs(p-float64(have[1][i*2])); !(a < 1e-5 && b < 1e-6) {
					t.Errorf("operator set %d, %v: row %d: logit differs by %g, probability by %g", opset, sizes, i, a, b)
				}
			}
			like := &layer.Head{Features: "pooled", Temperature: 1, Center: make([]float32, d), Weight: make([]float32, len(h.Weight)), Bias: make([]float32, 2)}
			if other, ok := renamed["pooled"]; ok {
				like.Features = other
			}
			for _, of := range h.Hidden {
				like.Hidden = append(like.Hidden, layer.Hidden{Weight: make([]float32, len(of.Weight)), Bias: make([]float32, len(of.Bias))})
			}
			_, found, err := layer.Split(fused, like)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(found.Hidden, h.Hidden) || !slices.Equal(found.Weight, h.Weight) || slices.Equal(like.Hidden[0].Weight, found.Hidden[0].Weight) {
				t.Errorf("operator set %d, %v: Split finds %+v", opset, sizes, found)
			}
			if like.Hidden = like.Hidden[1:]; len(sizes) == 2 {
				if _, _, err := layer.Split(fused, like); err == nil {
					t.Error("Split finds a head with a layer less")
				}
			}
		}
	}
}

// A row of zeros is divided by nothing.
func TestNormalizeZeros(t *testing.T) {
	m := backbone(17, 8, onnx.Dim{Size: -1}, onnx.Dim{Size: d})
	fused, _, err := layer.Append(m, &layer.Head{Features: "pooled", Post: "l2", Normalize: true, Weight: make([]float32, 2*d), Bias: []float32{1, 3}, Temperature: 2})
	if err != nil {
		t.Fatal(err)
	}
	have := run(t, library(t), fused, map[string]tensor.View{"x": {Shape: []int64{3, d}, F32: make([]float32, 3*d)}}, 6)
	if have[0][0] != 0.5 || have[0][1] != 1.5 || math.Abs(float64(have[1][1])-1/(1+math.Exp(-1))) > 1e-6 {
		t.Errorf("%v", have)
	}
}

func TestAppendRefuses(t *testing.T) {
	for want, edit := range map[string]func(m *pb.ModelProto, h *layer.Head){
		"no features are named":    func(_ *pb.ModelProto, h *layer.Head) { h.Features = "" },
		`after "nowhere": no node`: func(_ *pb.ModelProto, h *layer.Head) { h.Features = "nowhere" },
		`after "nomask": no node`:  func(_ *pb.ModelProto, h *layer.Head) { h.Mask, h.Pooling = "nomask", "mean" },
		"7 weights for 2 classes":  func(_ *pb.ModelProto, h *layer.Head) { h.Weight = h.Weight[1:] },
		"8 weights for 0 classes":  func(_ *pb.ModelProto, h *layer.Head) { h.Bias = nil },
		"layer 1: 9 weights and 2 bias": func(_ *pb.ModelProto, h *layer.Head) {
			h.Hidden = []layer.Hidden{{Weight: make([]float32, 9), Bias: make([]float32, 2)}}
		},
		"layer 2: 8 weights and 2 bias": func(_ *pb.ModelProto, h *layer.Head) {
			h.Hidden = []layer.Hidden{{Weight: make([]float32, 3*d), Bias: make([]float32, 3)}}
		},
		"a center of 1 values":           func(_ *pb.ModelProto, h *layer.Head) { h.Center = []float32{1} },
		"temperature 0":                  func(_ *pb.ModelProto, h *layer.Head) { h.Temperature = 0 },
		"temperature NaN":                func(_ *pb.ModelProto, h *layer.Head) { h.Temperature = float32(math.NaN()) },
		"temperature +Inf":               func(_ *pb.ModelProto, h *layer.Head) { h.Temperature = float32(math.Inf(1)) },
		`pooling "mode" is not known`:    func(_ *pb.ModelProto, h *layer.Head) { h.Pooling = "mode" },
		`post "l1" is not known`:         func(_ *pb.ModelProto, h *layer.Head) { h.Post = "l1" },
		"a mask for positions in space":  func(_ *pb.ModelProto, h *layer.Head) { h.Mask, h.Space = "m", true },
		"standard deviations of 3":       func(_ *pb.ModelProto, h *layer.Head) { h.Pooling, h.Weight = "meanstd", make([]float32, 6) },
		"operator set 8":                 func(m *pb.ModelProto, _ *layer.Head) { m.OpsetImport[0].Version = proto.Int64(8) },
		"operator set 0":                 func(m *pb.ModelProto, _ *layer.Head) { m.OpsetImport = nil },
		"it has no graph":                func(m *pb.ModelProto, _ *layer.Head) { m.Graph = nil },
		`"logits" is an input of the mo`: func(m *pb.ModelProto, _ *layer.Head) { m.Graph.Input[1].Name = proto.String("logits") },
	} {
		m := backbone(17, 8, onnx.Dim{Size: -1}, onnx.Dim{Size: d})
		h := &layer.Head{Features: "pooled", Weight: make([]float32, 2*d), Bias: make([]float32, 2), Temperature: 1}
		edit(m, h)
		if _, _, err := layer.Append(m, h); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("have %v, want %s", err, want)
		}
	}
}

// A graph that is another one is not taken apart.
func TestSplitRefuses(t *testing.T) {
	h := &layer.Head{Features: "pooled", Pooling: "", Weight: make([]float32, 2*d), Bias: make([]float32, 2), Temperature: 1}
	for name, edit := range map[string]func(g *pb.GraphProto){
		"no nodes":         func(g *pb.GraphProto) { g.Node = nil },
		"no numbers":       func(g *pb.GraphProto) { g.Initializer = nil },
		"another operator": func(g *pb.GraphProto) { g.Node[len(g.Node)-1].OpType = proto.String("LogSoftmax") },
		"another order":    func(g *pb.GraphProto) { slices.Reverse(g.Node) },
		"one more node":    func(g *pb.GraphProto) { g.Node = append(g.Node, g.Node[0]) },
		"another output":   func(g *pb.GraphProto) { g.Output = g.Output[:1] },
		"fewer weights":    func(g *pb.GraphProto) { g.Initializer[len(g.Initializer)-3].Dims[1] = 1 },
		"integers":         func(g *pb.GraphProto) { g.Initializer[len(g.Initializer)-3].DataType = proto.Int32(6) },
		"what is unneeded": func(g *pb.GraphProto) {
			g.Node = append([]*pb.NodeProto{onnx.Node("Neg", []string{"x"}, []string{"y"})}, g.Node...)
		},
	} {
		m, _, err := layer.Append(backbone(17, 8, onnx.Dim{Size: -1}, onnx.Dim{Size: d}), h)
		if err != nil {
			t.Fatal(err)
		}
		m = proto.CloneOf(m)
		edit(m.Graph)
		if _, _, err := layer.Split(m, h); err == nil {
			t.Errorf("%s: it is taken apart", name)
		}
	}
}

// Neighbours vote in every operator set that has what they need.
func TestNeighbours(t *testing.T) {
	l := library(t)
	h := &layer.Head{Features: "pooled", Temperature: 0.5, Center: []float32{0, 0, 0, 1}, Neighbours: &layer.Neighbours{
		Scale: []float32{1, 1, 1, 2}, Rows: []float32{1, 0, 0, 0, 0, 1, 0, 0, 0.8, 0.6, 0, 0, 0, 0, 0, 1}, Labels: []int64{0, 1, 1, 2},
		Classes: 3, Weights: []float32{1, 2, 1, 1}, K: 2, T: 0.5, Doubt: 0.01,
	}}
	x := []float32{3, 0, 0, 1, 0, 0, 0, 7, 0, 2, 0, 1} // nearest: 0 and 2, 3 and the first, 1 and 2
	share := func(a, b, wa, wb float64) (float64, float64) {
		p, q := wa*math.Exp(a/0.5), wb*math.Exp(b/0.5)
		return p / (p + q), q / (p + q)
	}
	var want [3][3]float64
	want[0][0], want[0][1] = share(1, 0.8, 1, 1)
	want[1][2], want[1][0] = share(1, 0, 1, 1)
	want[2][1] = 1
	for _, opset := range []int64{11, 12, 13, 17, 18, 21} {
		m := backbone(opset, 8, onnx.Dim{Size: -1}, onnx.Dim{Size: d})
		fused, _, err := layer.Append(m, h)
		if err != nil {
			t.Fatal(err)
		}
		have := run(t, l, fused, map[string]tensor.View{"x": {Shape: []int64{3, d}, F32: x}}, 9)
		for i, row := range want {
			sum := 0.0
			for k, v := range row {
				row[k] = math.Log(0.99*v+0.01/3) / 0.5
				sum += math.Exp(row[k])
			}
			for k, v := range row {
				if a, b := math.Abs(v-float64(have[0][3*i+k])), math.Abs(math.Exp(v)/sum-float64(have[1][3*i+k])); !(a < 1e-5 && b < 1e-6) {
					t.Errorf("operator set %d: row %d, class %d: logit differs by %g, probability by %g", opset, i, k, a, b)
				}
			}
		}
		if _, _, err := layer.Split(fused, h); err == nil {
			t.Error("neighbours are split off")
		}
	}
	if _, _, err := layer.Append(backbone(10, 5, onnx.Dim{Size: -1}, onnx.Dim{Size: d}), h); err == nil || !strings.Contains(err.Error(), "11 is the first") {
		t.Errorf("operator set 10: error %v", err)
	}
	for _, change := range []func(n *layer.Neighbours){
		func(n *layer.Neighbours) { n.K = 5 }, func(n *layer.Neighbours) { n.K = 0 }, func(n *layer.Neighbours) { n.Rows = n.Rows[1:] }, func(n *layer.Neighbours) { n.T = 0 },
		func(n *layer.Neighbours) { n.Weights = n.Weights[1:] }, func(n *layer.Neighbours) { n.Doubt = 0 },
	} {
		bad, own := *h, *h.Neighbours
		change(&own)
		bad.Neighbours = &own
		if _, _, err := layer.Append(backbone(17, 8, onnx.Dim{Size: -1}, onnx.Dim{Size: d}), &bad); err == nil {
			t.Errorf("%+v is taken", own)
		}
	}
}
