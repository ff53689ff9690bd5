//go:build cgo && !windows

package grad

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// network is a case of testdata/networks.json, architectures.json,
// families.json or backbones.json.
type network struct {
	Backbone string
	Cut      string
	Shape    []int64 // of the cut, or of the backbone's input
	Loss     float64
	Weights  []struct {
		Name      string
		Norm, Max float64
		Index     []int
		Value     []float64
	}
}

// noise is that of testdata/generate.py: n numbers between -1 and 1.
func noise(n int64, seed uint64) []float64 {
	v := make([]float64, n)
	for i := range v {
		h := uint64(uint32((uint64(i) + seed*1000003) * 2654435761))
		h ^= h >> 15
		h = uint64(uint32(h * 2246822519))
		h ^= h >> 13
		v[i] = float64(float32(float64(h>>8)/(1<<23) - 1))
	}
	return v
}

// scaled returns v times f, each a float32.
func scaled(v []float64, f float64) []float64 {
	out := make([]float64, len(v))
	for i := range v {
		out[i] = float64(float32(v[i]) * float32(f))
	}
	return out
}

// ids puts token ids below a number among values, if they are fed.
func ids(values map[string]*array, below float64) {
	if x := values["input_ids"]; x != nil {
		for i, v := range noise(product(x.dims), 1) {
			x.v[i] = math.Floor((v + 1) / 2 * below)
		}
	}
}

// feed makes the values of the samples, the target and the head that
// testdata/generate.py makes, and takes those of the weights.
func (p *Program) feed() map[string]*array {
	values := map[string]*array{}
	for _, in := range p.Inputs {
		x := newArray(in.Dims...)
		switch in.Name {
		case "input_ids", "token_type_ids":
		case "attention_mask":
			for i := range x.v {
				x.v[i] = bit(int64(i)%in.Dims[1] < in.Dims[1]-3*(int64(i)/in.Dims[1]))
			}
		default:
			x.v = scaled(noise(product(in.Dims), 1), 2)
		}
		values[in.Name] = x
	}
	ids(values, 30000)
	for _, w := range p.Weights {
		x := newArray(w.Shape...)
		for i, v := range w.Values {
			x.v[i] = float64(v)
		}
		values[w.Name] = x
	}
	k := len(p.Weights)
	w, b := p.Weights[k-2], p.Weights[k-1]
	root := float32(math.Sqrt(float64(w.Dims[1])))
	for i, v := range noise(product(w.Dims), 2) {
		values[w.Name].v[i] = float64(float32(v) / root)
	}
	values[b.Name].v = noise(b.Dims[0], 3)
	target := newArray(p.Target.Dims...)
	for i, v := range noise(product(p.Target.Dims), 4) {
		target.v[i] = float64((float32(v) + 1) / float32(8*p.Target.Dims[0]))
	}
	values[p.Target.Name] = target
	return values
}

// measure returns what an error of a weight's gradient is divided by: the
// gradient's largest element. The gradient of a key's bias is 0 but for
// rounding, because softmax does not see it; it is measured by the largest of
// all weights.
func measure(size, largest float64) float64 {
	if size < 1e-6*largest {
		return 1e-2 * largest
	}
	return max(size, 1e-3*largest)
}

// compare compares gradients with PyTorch's, and returns the median and the
// largest of the weights' errors.
func (c *network) compare(t *testing.T, got *step) (median, worst float64, where string) {
	t.Helper()
	if d := math.Abs(got.loss - c.Loss); !(d < 2e-6*c.Loss) {
		t.Errorf("the loss is %.8g, PyTorch's %.8g", got.loss, c.Loss)
	}
	if len(got.dW) != len(c.Weights) {
		t.Errorf("%d weights, PyTorch has gradients of %d", len(got.dW), len(c.Weights))
	}
	largest := 0.0
	for _, w := range c.Weights {
		largest = max(largest, w.Max)
	}
	var errors []float64
	for _, w := range c.Weights {
		dW := got.dW[w.Name]
		if dW == nil {
			t.Fatalf("no gradient of %s", w.Name)
		}
		norm := 0.0
		for _, v := range dW {
			norm += float64(v) * float64(v)
		}
		off := math.Abs(math.Sqrt(norm)-w.Norm) / math.Sqrt(float64(len(dW))) // a norm counts as an element of its size
		for i, k := range w.Index {
			off = max(off, math.Abs(float64(dW[k])-w.Value[i]))
		}
		e := off / measure(w.Max, largest)
		errors = append(errors, e)
		if e > worst {
			worst, where = e, w.Name
		}
	}
	slices.Sort(errors)
	median = errors[len(errors)/2]
	t.Logf("%d weights: median %.1e, largest %.1e (%s), loss %.1e", len(errors), median, worst, where, math.Abs(got.loss-c.Loss))
	return median, worst, where
}

// goldens reads a file of testdata.
func goldens(t *testing.T, name string) []network {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []network }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.Cases
}

// TestNetworksAgreeWithPyTorch compares the gradients of every weight of whole
// backbones with those of PyTorch. Where float32 rounds the input of a ReLU6 to
// the other side of a kink, a filter's gradient changes for a reason that is no
// error; with the many inputs of the last image case that happens, and the
// median counts.
func TestNetworksAgreeWithPyTorch(t *testing.T) {
	for _, c := range goldens(t, "networks.json") {
		name := c.Backbone + " " + c.Cut
		t.Run(name, func(t *testing.T) {
			size := c.Shape[1] // of a text
			if c.Backbone == "efficientnet-lite0" {
				if size = 224; c.Cut == "" {
					size = c.Shape[2]
				}
			}
			g, o := backbone(t, c.Backbone, c.Shape[0], size)
			o.Cut = c.Cut
			p, err := Build(g, o)
			if err != nil {
				t.Fatal(err)
			}
			median, worst, where := c.compare(t, run(t, p, p.feed()))
			if flips := c.Cut == "" && size == 224; flips && !(median <= 1e-6) || !flips && !(worst <= 1e-5) {
				t.Errorf("median error %.1e, largest %.1e (%s)", median, worst, where)
			}
		})
	}
}

// TestArchitecturesAgreeWithPyTorch compares the gradients of small networks,
// as PyTorch's exporters and ONNX Runtime's optimiser write them in old and new
// operator sets, with those of the modules that were exported, in both layouts.
func TestArchitecturesAgreeWithPyTorch(t *testing.T) {
	B := blockSize(t)
	for _, c := range append(goldens(t, "architectures.json"), goldens(t, "families.json")...) {
		t.Run(c.Backbone, func(t *testing.T) {
			shapes := map[string][]int64{"pixel_values": c.Shape}
			if len(c.Shape) == 2 {
				shapes = map[string][]int64{"input_ids": c.Shape, "attention_mask": c.Shape}
			}
			g := folded(t, filepath.Join("testdata", "architectures", c.Backbone+".onnx"), shapes)
			p, err := Build(g, &Options{Classes: 9})
			if err != nil {
				t.Fatal(err)
			}
			values := p.feed()
			ids(values, 50)
			if _, worst, where := c.compare(t, run(t, p, values)); !(worst <= 1e-5) {
				t.Errorf("largest error %.1e (%s)", worst, where)
			}
			if B == 0 || len(c.Shape) == 2 {
				return
			}
			e, _ := inBlocks(t, g, Options{Classes: 9}, B, (*Program).feed)
			t.Logf("in blocks: largest difference %.1e", e)
			if !(e <= 1e-5) {
				t.Errorf("in blocks: off by %.1e", e)
			}
		})
	}
}

// TestBackbonesAgreeWithPyTorch compares the gradients behind several cuts of
// small backbones, as the library transformers makes them and both of PyTorch's
// exporters write them, in both layouts.
func TestBackbonesAgreeWithPyTorch(t *testing.T) {
	B := blockSize(t)
	sizes := map[string]int64{"convnext": 64, "resnet": 64, "vit": 32, "distilbert": 8}
	for _, c := range goldens(t, "backbones.json") {
		t.Run(c.Backbone+" "+c.Cut, func(t *testing.T) {
			g, o := backbone(t, c.Backbone, c.Shape[0], sizes[c.Backbone])
			o.Cut = c.Cut
			p, err := Build(g, o)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(p.Inputs[0].Dims, c.Shape) {
				t.Fatalf("input %v, not %v", p.Inputs[0].Dims, c.Shape)
			}
			values := p.feed()
			ids(values, 600)
			if _, worst, where := c.compare(t, run(t, p, values)); !(worst <= 1e-5) {
				t.Errorf("largest error %.1e (%s)", worst, where)
			}
			if B == 0 || c.Backbone == "distilbert" {
				return
			}
			e, _ := inBlocks(t, g, *o, B, (*Program).feed)
			t.Logf("in blocks: largest difference %.1e", e)
			if !(e <= 1e-5) {
				t.Errorf("in blocks: off by %.1e", e)
			}
		})
	}
}
