package embed

import (
	"math/rand/v2"
	"testing"

	"github.com/headstart-ml/headstart/models"
)

// Images for a graph that resizes them itself are fed as they are decoded, one
// at a time; a random view of one is refused, and a bad one has its reason.
func TestWholeImages(t *testing.T) {
	spec := &models.Spec{Name: "whole", Modality: models.Image, Single: true, Inputs: []models.Input{{Name: "pixels", DType: "u8", Role: "pixels"}}, Contract: &models.ImageSpec{
		Policies: models.DefaultPolicies(), Convert: "rgb", Resize: models.Resize{Engine: "pillow/1", Order: "hv", Mode: "short", Width: 32, Height: 32, Filter: "bicubic"},
		Crop: models.Crop{Width: 32, Height: 32, Offset: "floor"}, Rescale: 1. / 255, Std: [3]float64{1, 1, 1}, Layout: "nchw", Inside: true,
	}}
	content, err := madeImage(nil, rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	stats := new(Stats)
	m, err := NewModality(spec, Batching{Size: 8}, stats)
	if err != nil {
		t.Fatal(err)
	}
	jobs := []*Job{{Content: content, Crop: new(Crop)}, {Content: content}, {Content: content, View: 1}, {Content: content[:40]}}
	if plan := m.Plan(jobs); len(plan) != len(jobs) || m.Fit(jobs) != 1 {
		t.Errorf("%d batches of %d images, %d at once", len(plan), len(jobs), m.Fit(jobs))
	}
	b := m.NewBatch(stats)
	good, inputs, _ := b.Fill(jobs[:2])
	if len(good) != 1 || len(inputs) != 1 || inputs[0].Name != "pixels" || inputs[0].Check() != nil || len(inputs[0].U8) != int(3*inputs[0].Shape[1]*inputs[0].Shape[2]) || inputs[0].Shape[0] != 1 {
		t.Fatalf("%d, %v", len(good), inputs[0].Shape)
	}
	if c := jobs[0].Crop; int64(c.Height) != inputs[0].Shape[1] || len(c.Levels) != len(inputs[0].U8) {
		t.Errorf("%d×%d", c.Width, c.Height)
	}
	if jobs[1].Bad == "" {
		t.Error("two images of any size are in a batch")
	}
	for _, j := range jobs[2:] {
		if good, _, _ := b.Fill([]*Job{j}); len(good) != 0 || j.Bad == "" {
			t.Errorf("%d, %q", len(good), j.Bad)
		}
	}
}
