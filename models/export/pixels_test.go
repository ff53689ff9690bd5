//go:build cgo && !windows

package export_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	preprocess "github.com/headstart-ml/headstart/extract/image"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/export"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/tensor"
)

// drawn is a PNG file of spots and noise.
func drawn(t *testing.T, w, h int) []byte {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(w), uint64(h)))
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = uint8(100 + r.IntN(60))
	}
	for range 20 {
		x, y, side := r.IntN(w), r.IntN(h), 1+r.IntN(max(w, h)/3+1)
		c := color.NRGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}
		for dy := range side {
			for dx := range side {
				img.SetNRGBA(x+dx, y+dy, c)
			}
		}
	}
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 255
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// preparing is a model that gives pixel_values of images, behind a head that
// does not matter, with their preparation inside.
func preparing(t *testing.T, c *models.ImageSpec, opset, ir int64) (*pb.ModelProto, *export.Fed) {
	t.Helper()
	m := tiny(opset, ir, []*pb.ValueInfoProto{onnx.TensorValue("pixel_values", pb.TensorProto_FLOAT, c.InputDims()...)},
		onnx.Node("GlobalAveragePool", []string{"pixel_values"}, []string{"pooled"}), onnx.Node("Flatten", []string{"pooled"}, []string{"x"}))
	h := &export.Head{Head: layer.Head{Features: "x", Weight: []float32{1, 2, 3, 4, 5, 6}, Bias: make([]float32, 2), Temperature: 1}, Classes: []string{"a", "b"}}
	fused, err := export.Fuse(m, h)
	if err != nil {
		t.Fatal(err)
	}
	served, fed, err := export.Serve(fused, layer.Softmax, &export.Fed{Modality: models.Image, Contract: c, Inputs: []models.Input{{Name: "pixel_values", DType: "f32", Role: "pixels"}}})
	if err != nil {
		t.Fatal(err)
	}
	whole, now, err := export.PixelsInside(served, fed)
	if err != nil {
		t.Fatal(err)
	}
	if len(served.Graph.Input) != 1 || served.Graph.Input[0].GetName() != "pixel_values" {
		t.Error("the model that was given has changed")
	}
	return whole, now
}

// What a graph makes of images of any size is what Pillow's arithmetic makes of
// them, to a level here and there, in every mode of resizing, with every
// crop, ground and filter that it takes.
func TestPixelsInside(t *testing.T) {

	base := models.ImageSpec{
		Policies: models.DefaultPolicies(), Convert: "rgb", Resize: models.Resize{Engine: "pillow/1", Order: "hv", Mode: "short", Width: 48, Height: 48, Filter: "bicubic"},
		Crop: models.Crop{Width: 42, Height: 40, Offset: "floor"}, Rescale: 1. / 255, Mean: [3]float64{0.485, 0.456, 0.406}, Std: [3]float64{0.229, 0.224, 0.225}, Layout: "nchw",
	}
	with := func(change func(c *models.ImageSpec)) *models.ImageSpec {
		c := base
		change(&c)
		return &c
	}
	resize := func(mode string, w, h int, filter string) func(c *models.ImageSpec) {
		return func(c *models.ImageSpec) {
			c.Resize.Mode, c.Resize.Width, c.Resize.Height, c.Resize.Filter = mode, w, h, filter
		}
	}
	for name, c := range map[string]*models.ImageSpec{
		"short":       with(func(*models.ImageSpec) {}),
		"half even":   with(func(c *models.ImageSpec) { c.Crop.Offset = "half-even" }),
		"bilinear":    with(resize("short", 48, 48, "bilinear")),
		"nearest":     with(resize("short", 48, 48, "nearest")),
		"longest":     with(func(c *models.ImageSpec) { c.Resize.Longest = 60 }),
		"padded":      with(func(c *models.ImageSpec) { c.Crop = models.Crop{Width: 60, Height: 71, Offset: "floor"} }),
		"padded even": with(func(c *models.ImageSpec) { c.Crop = models.Crop{Width: 61, Height: 70, Offset: "half-even"} }),
		"grey ground": with(func(c *models.ImageSpec) {
			c.Crop = models.Crop{Width: 60, Height: 71, Offset: "floor", Fill: [3]uint8{9, 99, 199}}
		}),
		"exact":        with(func(c *models.ImageSpec) { resize("exact", 50, 31, "bilinear")(c); c.Crop = models.Crop{} }),
		"exact nearly": with(func(c *models.ImageSpec) { resize("exact", 50, 31, "nearest")(c); c.Crop = models.Crop{} }),
		"exact crop":   with(resize("exact", 44, 44, "bicubic")),
		"contain":      with(resize("contain", 42, 40, "bicubic")),
		"cover":        with(resize("cover", 43, 41, "bilinear")),
		"max":          with(resize("max", 42, 40, "bicubic")),
		"as it is":     with(func(c *models.ImageSpec) { c.Resize = models.Resize{Mode: "none"} }),
		"other levels": with(func(c *models.ImageSpec) { c.Rescale, c.Offset, c.StdTwice = 1/127.5, -1, true }),
		"numbers": with(func(c *models.ImageSpec) {
			c.Resize.Engine, c.Crop = "torch/1", models.Crop{Width: 60, Height: 71, Offset: "half-even", Fill: [3]uint8{9, 99, 199}}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			m, fed := preparing(t, c, 17, 8)
			if in := fed.Inputs[0]; in.Name != "pixels" || in.DType != "u8" || !fed.Single || !fed.Contract.(*models.ImageSpec).Inside {
				t.Errorf("%+v", fed)
			}
			w, h := c.Size()
			m.Graph.Output = []*pb.ValueInfoProto{onnx.TensorValue("pixel_values", pb.TensorProto_FLOAT)}
			s := session(t, m, []string{"pixels"}, []string{"pixel_values"})
			p, err := preprocess.New(c, nil)
			if err != nil {
				t.Fatal(err)
			}
			level, apart, all := c.Rescale/min(c.Std[0], c.Std[1], c.Std[2]), 0, 0
			if c.StdTwice {
				level /= min(c.Std[0], c.Std[1], c.Std[2])
			}
			for _, size := range [][2]int{{48, 48}, {64, 64}, {28, 28}, {37, 91}, {91, 37}, {200, 151}, {333, 50}, {42, 40}, {57, 300}} {
				content := drawn(t, size[0], size[1])
				want, have := make([]float32, 3*w*h), make([]float32, 3*w*h)
				if _, err := p.To(want, content); err != nil {
					t.Fatal(err)
				}
				whole, _, err := p.Whole(content)
				if err != nil || whole.Width != size[0] || whole.Height != size[1] {
					t.Fatal(whole.Width, whole.Height, err)
				}
				in := tensor.View{Shape: []int64{1, int64(whole.Height), int64(whole.Width), 3}, U8: whole.Levels}
				if err := s.Run(t.Context(), []tensor.View{in}, []tensor.View{{Shape: []int64{1, 3, int64(h), int64(w)}, F32: have}}); err != nil {
					t.Fatal(size, err)
				}
				for i := range want {
					d := math.Abs(float64(have[i] - want[i]))
					if all++; d > 1e-4*level {
						apart++
					}
					if !(d <= 2.001*level) || c.Resize.Filter == nearest && d > 1e-4*level || c.Resize.Engine == "torch/1" && d > 0.01*level {
						t.Fatalf("%v: value %d is %g, not %g: %.3g levels apart", size, i, have[i], want[i], d/level)
					}
				}
			}
			if share := float64(apart) / float64(all); c.Resize.Engine != "torch/1" && share > 0.02 {
				t.Errorf("%.3g of the levels differ", share)
			}
		})
	}
}

const nearest = "nearest"

// What a graph cannot prepare is refused by name.
func TestPixelsInsideRefuses(t *testing.T) {
	resize := models.Resize{Engine: "pillow/1", Order: "hv", Mode: "short", Width: 8, Height: 8, Filter: "bicubic"}
	for _, c := range []struct {
		contract models.Contract
		want     string
	}{
		{&models.TextSpec{}, "takes texts"}, {&models.NumbersSpec{}, "takes numbers"},
		{&models.ImageSpec{Resize: with(resize, func(r *models.Resize) { r.Filter = "lanczos" })}, `"lanczos"`},
		{&models.ImageSpec{Resize: with(resize, func(r *models.Resize) { r.Filter = "hamming" })}, `"hamming"`},
		{&models.ImageSpec{Resize: with(resize, func(r *models.Resize) { r.Order = "pillow13" })}, `"pillow13"`},
		{&models.ImageSpec{Resize: resize, Inside: true}, "already"},
	} {
		err := export.CanInside(c.contract)
		if inside, ok := errors.AsType[*export.InsideError](err); !ok || !strings.Contains(inside.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	spec := &models.ImageSpec{Resize: resize, Crop: models.Crop{Width: 8, Height: 8, Offset: "floor"}, Rescale: 1, Std: [3]float64{1, 1, 1}, Layout: "nchw"}
	m := tiny(17, 8, []*pb.ValueInfoProto{input("pixel_values", pb.TensorProto_FLOAT, -1, 3, 8, 8)}, onnx.Node("Flatten", []string{"pixel_values"}, []string{"x"}), onnx.Node("Tomorrow", []string{"x"}, []string{"y"}))
	_, _, err := export.PixelsInside(m, &export.Fed{Modality: models.Image, Contract: spec})
	if err == nil || !strings.Contains(fmt.Sprint(err), "Tomorrow") || !strings.Contains(err.Error(), "set 18") {
		t.Error(err)
	}
}

func with(r models.Resize, change func(r *models.Resize)) models.Resize {
	change(&r)
	return r
}

// Of several heads, who loads the model is told how their outputs are called.
func TestPixelsOfSeveralHeads(t *testing.T) {
	f := &export.Folder{
		Fed:      &export.Fed{Modality: models.Image, Contract: &models.ImageSpec{Inside: true}},
		Branches: []export.BranchCard{{Name: "kind"}, {Name: "colour"}},
	}
	notes := map[string]string{}
	for _, c := range f.Clients("dir") {
		notes[c.Name] = c.Note
	}
	if !strings.Contains(notes["headstart"], "--head colour") || !strings.Contains(notes["onnxruntime"], "colour_logits") {
		t.Errorf("%q", notes)
	}
}
