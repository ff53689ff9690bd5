package retrain

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// decode reads a model file.
func decode(t testing.TB, elem ...string) *pb.ModelProto {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// architecture is a network of package grad's tests.
func architecture(t testing.TB, name string) *Network {
	t.Helper()
	text := name[:4] == "dist"
	return &Network{
		Model: decode(t, "..", "onnx", "grad", "testdata", "architectures", name+".onnx"),
		Shapes: func(n, tokens int) map[string][]int64 {
			if text {
				return map[string][]int64{"input_ids": {int64(n), int64(tokens)}, "attention_mask": {int64(n), int64(tokens)}}
			}
			return map[string][]int64{"pixel_values": {int64(n), 3, 32, 32}}
		},
	}
}

// images are random images of 3×32×32 of three classes, which differ in
// brightness and stripes.
func images(n int) *Data {
	rng := rand.New(rand.NewPCG(7, 8))
	d := &Data{}
	var x rows
	for i := range n {
		c := rng.IntN(3)
		img := normals(rng, 3*32*32, 1)
		for k := range img {
			switch {
			case c == 1:
				img[k] += 0.4
			case c == 2 && k/4%2 == 0:
				img[k]++
			}
		}
		x = append(x, img)
		d.Labels = append(d.Labels, c)
		part := max(i*5/n-2, 0)
		d.Parts[part] = append(d.Parts[part], i)
	}
	d.Samples = x
	return d
}

// sentences are random texts of 1 to most tokens below 50; the class is whether
// a token below 5 is among them.
func sentences(n, most int) *Data {
	rng := rand.New(rand.NewPCG(9, 10))
	d := &Data{}
	s := &texts{}
	for i := range n {
		ids := make([]int64, 1+rng.IntN(most))
		c := 0
		for k := range ids {
			if ids[k] = rng.Int64N(50); ids[k] < 5 {
				c = 1
			}
		}
		s.ids = append(s.ids, ids)
		d.Labels = append(d.Labels, c)
		part := max(i*5/n-2, 0)
		d.Parts[part] = append(d.Parts[part], i)
	}
	d.Samples = s
	return d
}

// TestLayersAreThoseOfTheFirstReader: a weight that two layers read belongs to
// the first, also where something is made of it before.
func TestLayersAreThoseOfTheFirstReader(t *testing.T) {
	m := perceptron(1)
	m.Graph.Node = append([]*pb.NodeProto{onnx.Node("Neg", []string{"net.layer.1.weight"}, []string{"negative"})}, m.Graph.Node...)
	m.Graph.Node[3].Input[1] = "negative"           // h1
	m.Graph.Node[5].Input[1] = "net.layer.1.weight" // features
	*m.Graph.Node[5].Name = "net.layer.2.product"
	g, err := onnx.Infer(m, &onnx.InferOptions{Inputs: onnx.Fixed(map[string][]int64{"x": {2, toyInputs}}), Values: true})
	if err != nil {
		t.Fatal(err)
	}
	layers, err := layersOf(g, "", "features")
	if err != nil {
		t.Fatal(err)
	}
	behind, err := layersOf(g, "h1", "features")
	if err != nil {
		t.Fatal(err)
	}
	if want := (stage{"net.layer.2", 1}); behind["net.layer.1.weight"] != want {
		t.Errorf("behind a cut between its readers: %+v, not %+v", behind["net.layer.1.weight"], want)
	}
	for name, want := range map[string]stage{
		"net.layer.0.weight": {"net.layer.0", 3}, "net.layer.0.bias": {"net.layer.0", 3}, "net.layer.1.weight": {"net.layer.1", 2},
		"net.layer.1.bias": {"net.layer.1", 2}, "net.layer.2.bias": {"net.layer.2", 1},
	} {
		if layers[name] != want {
			t.Errorf("%s: %+v, not %+v", name, layers[name], want)
		}
	}
}
