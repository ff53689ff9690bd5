package retrain

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
)

// backbone resolves a built-in backbone, or one of the small ones that cmd's
// tests have.
func backbone(t *testing.T, name string) *models.Spec {
	t.Helper()
	if name != "efficientnet-lite0" {
		name = filepath.Join("../../cmd/headstart/testdata/backbones", name)
	}
	spec, err := folder.Resolve(name, builtin.FS())
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// TestEachPlaceCanBeTapped checks that the graph up to any cut can be run, also
// where its activations have no place in the cache.
func TestEachPlaceCanBeTapped(t *testing.T) {
	for _, name := range []string{"efficientnet-lite0", "vit", "resnet", "convnext", "distilbert"} {
		spec := backbone(t, name)
		places, err := NewPlaces(spec)
		if err != nil {
			t.Fatal(err)
		}
		large := 0
		for i, one := range places.Cuts() {
			if !one.Cacheable() {
				large++
			} else if name == "efficientnet-lite0" && i%8 > 0 {
				continue // a large file to read again and again
			}
			own := *spec
			if err := own.SetTaps([]string{one.Cut + ":" + one.Pooling()}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if found, err := places.Find(one.Cut); one.Parameters > 0 && (err != nil || found.Cut != one.Cut || !slices.Equal(found.Shape, one.Shape)) {
				t.Errorf("%s: %s is found as %+v, %v", name, one.Cut, found, err)
			}
		}
		if name == "efficientnet-lite0" && large == 0 {
			t.Errorf("%s has no activations that are too large for the cache", name)
		}
	}
}

// TestCandidatesGoFromFewLayersToAll checks the order of what is compared.
func TestCandidatesGoFromFewLayersToAll(t *testing.T) {
	for _, name := range []string{"efficientnet-lite0", "vit", "resnet", "convnext", "distilbert"} {
		places, err := NewPlaces(backbone(t, name))
		if err != nil {
			t.Fatal(err)
		}
		all := places.Candidates()
		last := all[len(all)-1]
		if last.Name != "all" || last.Cut != "" || last.Shape != nil || last.Cacheable() || last.Fixed() {
			t.Errorf("%s: the last candidate is %+v", name, last)
		}
		for i, one := range all {
			if i > 0 && one.Parameters <= all[i-1].Parameters {
				t.Errorf("%s: %s has no more parameters than %s", name, one.Name, all[i-1].Name)
			}
		}
		if n := places.Layers(); n != len(places.Ends()) && n != len(places.Ends())+1 {
			t.Errorf("%s: %d layers with %d ends", name, n, len(places.Ends()))
		}
	}
}

// TestPlacesThatWillNotDo checks the facts of the errors.
func TestPlacesThatWillNotDo(t *testing.T) {
	spec := backbone(t, "vit")
	places, err := NewPlaces(spec)
	if err != nil {
		t.Fatal(err)
	}
	layers := places.Layers()
	for name, want := range map[string]PlaceError{
		"last:0":        {Kind: PlaceNoCount},
		"last:x":        {Kind: PlaceNoCount},
		"last:99":       {Kind: PlaceTooDeep},
		"haf":           {Kind: PlaceUnknown},
		"pixel_values":  {Kind: PlaceInput},
		"pooler_output": {Kind: PlaceFeatures},
		"/layers.1/attention/q_proj/Add_output_0": {Kind: PlaceBypassed, Nearest: "/layers.1/Add_output_0"},
		"/pooler/dense/Gemm_output_0":             {Kind: PlaceUntrainable},
	} {
		_, err := places.Find(name)
		e, ok := errors.AsType[*PlaceError](err)
		if !ok || e.Kind != want.Kind || e.Place != name || e.Backbone != spec.Name || e.Layers != layers || e.Nearest != want.Nearest || e.Features != "pooler_output" {
			t.Errorf("%s: %#v", name, err)
		}
	}
	pooled := *spec
	if err := pooled.SetTaps([]string{"/layers.1/Add_1_output_0:flat"}); err != nil {
		t.Fatal(err)
	}
	if _, err := NewPlaces(&pooled); err == nil || err.(*PlaceError).Kind != PlaceNoGradient || err.(*PlaceError).Pooling != "flat" {
		t.Errorf("features that are all values: %v", err)
	}
	text := *backbone(t, "distilbert")
	text.Inputs = slices.Clone(text.Inputs)
	for i := range text.Inputs {
		text.Inputs[i].Role = "ids"
	}
	text.Taps = slices.Clone(text.Taps)
	text.Taps[0].Pooling = "mean"
	if _, err := NewPlaces(&text); err == nil || err.(*PlaceError).Kind != PlaceNoMask {
		t.Errorf("a mean without a mask: %v", err)
	}
	text.Weights.Data = []byte("no model")
	if _, err := NewPlaces(&text); err == nil || err.(*PlaceError).Kind != PlaceUnknowable || errors.Unwrap(err) == nil {
		t.Errorf("what is no model: %v", err)
	}
}
