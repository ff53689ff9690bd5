package embed

import (
	"testing"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
)

// Walks the table: each modality prepares the samples that are made up for it,
// for a built-in backbone or for each type that one of numbers takes, and has a
// window.
func TestModalities(t *testing.T) {
	list, err := folder.Builtin(builtin.FS())
	if err != nil {
		t.Fatal(err)
	}
	of := map[models.Modality]string{}
	for _, b := range list {
		of[b.Modality] = b.Name
	}
	var specs []*models.Spec
	for name := range modalities {
		if name == models.Numbers {
			for _, dtype := range []string{"f32", "i64", "i32", "u8"} {
				in := models.Input{Name: "x", DType: dtype, Role: "numbers"}
				if dtype == "u8" {
					in.DType = "f32"
				}
				specs = append(specs, &models.Spec{Modality: name, Inputs: []models.Input{in}, Contract: &models.NumbersSpec{Shape: []int64{2, 5}, DType: dtype}})
			}
			continue
		}
		spec, err := folder.Resolve(of[name], builtin.FS())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		specs = append(specs, spec)
	}
	for _, spec := range specs {
		name := spec.Modality
		probes, err := Probes(spec, 12)
		n := 0
		for _, p := range probes {
			n += p.N()
			for i := range p.Inputs {
				if err := p.Inputs[i].Check(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if err != nil || n != 12 || Window(name) < 1 {
			t.Errorf("%s: %d made-up samples, window %d, %v", name, n, Window(name), err)
		}
	}
	if _, err := NewModality(&models.Spec{Modality: "sound"}, Batching{}, new(Stats)); err == nil {
		t.Error("sounds are prepared")
	}
}
