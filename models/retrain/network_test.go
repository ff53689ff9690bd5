package retrain

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx"
)

// read decodes a model file.
func read(t testing.TB, elem ...string) *onnx.ModelProto {
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
		Model: read(t, "..", "onnx", "grad", "testdata", "architectures", name+".onnx"),
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

// sentences are random texts of 1 to most tokens below 50; the class is whether a
// token below 5 is among them.
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

func TestArchitecturesLearn(t *testing.T) {
	for _, name := range []string{"resnet-9", "resnet-17", "mobilenetv3-20", "convnext-17", "vit-20", "distilbert-9", "distilbert-17", "distilbert-20"} {
		t.Run(name, func(t *testing.T) {
			d := images(100)
			classes := 3
			if name[:4] == "dist" {
				d, classes = sentences(100, 12), 2
			}
			r := train(t, architecture(t, name), d, head(classes, 16), &Settings{LearningRate: 1e-2, Epochs: 4, Threads: 1})
			t.Logf("%s in %s, %s: log-loss %.3f, was %.3f", r.Status, r.Layout, r.LayoutReason, r.Epochs[r.Best].LogLoss, r.Epochs[0].LogLoss)
			if !(r.Epochs[r.Best].LogLoss < r.Epochs[0].LogLoss) {
				t.Errorf("it did not learn: %+v", r.Epochs)
			}
		})
	}
}
