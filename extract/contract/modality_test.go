package contract

import (
	"encoding/json"
	"testing"

	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
)

// Walks the table: the default backbone of each modality takes its samples, its
// spaces tell the modality, no other's do, and they can be described.
func TestModalities(t *testing.T) {
	for _, m := range modalities {
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
