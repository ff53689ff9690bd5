package contract

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
)

// Walks the table: the default backbone of each modality, if it has one, takes
// its samples, its spaces tell the modality, no other's do, and they can be
// described.
func TestModalities(t *testing.T) {
	for _, m := range modalities {
		if m.name == models.Numbers {
			continue // TestSpacesOfNumbers
		}
		spec, err := folder.Resolve(DefaultBackbone(m.name), builtin.FS())
		if err != nil || spec.Modality != m.name {
			t.Errorf("%s: the default backbone: %v", m.name, err)
			continue
		}
		spaces, err := SpacesOf(spec)
		if err != nil {
			t.Fatal(err)
		}
		var id struct{ Prep prep }
		if err := json.Unmarshal(spaces[0].JSON(), &id); err != nil {
			t.Fatal(err)
		}
		for _, other := range modalities {
			if other.tells(&id.Prep) != (other == m) {
				t.Errorf("%s says %v of a space of %ss", other.name, other != m, m.name)
			}
		}
		d, err := Describe(spaces[0].JSON())
		if err != nil || d.Modality != m.name || m.describe(d) == "" {
			t.Errorf("%s: %+v, %v", m.name, d, err)
		}
	}
	if got := DefaultBackbone("sound"); got != "" {
		t.Errorf("a backbone for sounds: %s", got)
	}
}

// Spaces of numbers differ by the shape and the type of a sample, tell their
// modality, no other's, and have a description.
func TestSpacesOfNumbers(t *testing.T) {
	space := func(shape []int64, dtype string) string {
		t.Helper()
		s, err := SpaceOf(&models.Spec{Name: "b", Modality: models.Numbers, Contract: &models.NumbersSpec{Shape: shape, DType: dtype}}, models.Tap{Output: "y", Pooling: "none", Dim: 2})
		if err != nil {
			t.Fatal(err)
		}
		return string(s.JSON())
	}
	row := space([]int64{12}, "f32")
	if row == space([]int64{3, 4}, "f32") || row == space([]int64{12}, "i64") {
		t.Error("two contracts have one space")
	}
	d, err := Describe([]byte(space([]int64{3, 4}, "f32")))
	if err != nil || d.Modality != models.Numbers || !strings.Contains(d.String(), "numbers, 3×4 a sample") {
		t.Errorf("%v, %v", d, err)
	}
	var id struct{ Prep prep }
	if err := json.Unmarshal([]byte(row), &id); err != nil {
		t.Fatal(err)
	}
	for _, m := range modalities {
		if m.tells(&id.Prep) != (m.name == models.Numbers) {
			t.Errorf("%s is told of a space of numbers", m.name)
		}
	}
}
