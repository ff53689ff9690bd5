package image_test

import (
	"fmt"
	"log"
	"os"

	"github.com/headstart-ml/headstart/extract/image"
	"github.com/headstart-ml/headstart/models"
)

// A photograph becomes the tensor that a backbone takes: upright, the shorter
// side resized to 256, the middle 224×224, three channels, ImageNet's mean and
// deviation.
func Example() {
	p, err := image.New(&models.ImageSpec{
		Policies: models.Policies{EXIF: "apply", Alpha: "drop", Grey16: "clip"}, Convert: "rgb",
		Resize:  models.Resize{Engine: "pillow/1", Order: "hv", Mode: "short", Width: 256, Height: 256, Filter: "bicubic"},
		Crop:    models.Crop{Width: 224, Height: 224, Offset: "half-even"},
		Rescale: 1. / 255, Mean: [3]float64{0.485, 0.456, 0.406}, Std: [3]float64{0.229, 0.224, 0.225},
		Layout: "nchw",
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	photo, err := os.ReadFile("testdata/images/turned6.jpg")
	if err != nil {
		log.Fatal(err)
	}
	w, h := p.Size()
	x := make([]float32, 3*h*w) // 3×h×w
	notes, err := p.To(x, photo)
	if err != nil {
		log.Fatal(err) // it is no image that can be read
	}
	fmt.Printf("%d×%d, %d values, turned: %v\n", w, h, len(x), notes.Turned)
	// Output:
	// 224×224, 150528 values, turned: true
}
