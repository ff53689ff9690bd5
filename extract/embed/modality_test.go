package embed

import (
	"testing"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
)

// Walks the table: each modality has a built-in backbone, prepares the samples
// that are made up for it, and has a window.
func TestModalities(t *testing.T) {
	list, err := folder.Builtin(builtin.FS())
	if err != nil {
		t.Fatal(err)
	}
	of := map[models.Modality]string{}
	for _, b := range list {
		of[b.Modality] = b.Name
	}
	for name := range modalities {
		spec, err := folder.Resolve(of[name], builtin.FS())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		probes, err := Probes(spec, 12)
		n := 0
		for _, p := range probes {
			n += p.N()
		}
		if err != nil || n != 12 || Window(name) < 1 {
			t.Errorf("%s: %d made-up samples, window %d, %v", name, n, Window(name), err)
		}
	}
	if _, err := NewModality(&models.Spec{Modality: "sound"}, Batching{}, new(Stats)); err == nil {
		t.Error("sounds are prepared")
	}
}
