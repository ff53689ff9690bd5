package contract

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/image"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
)

// Spaces of images that were made with any patch of Go 1.26 are recalled, with
// the decoder that they name; those of decoders that are not here are not.
func TestEarlierDecodersAreRecalled(t *testing.T) {
	spec, err := folder.Resolve("efficientnet-lite0", builtin.FS())
	if err != nil {
		t.Fatal(err)
	}
	now, err := SpaceOf(spec, spec.Taps[0])
	if err != nil {
		t.Fatal(err)
	}
	raw := string(now.JSON())
	if strings.Contains(raw, `"go`) || !strings.Contains(raw, image.Decode()) {
		t.Errorf("the space names a version of Go, or no decoder: %s", raw)
	}
	for decode, recalled := range map[string]bool{image.Decode(): true, "go-jpeg/1.26.8": true, "go-jpeg/1.26.0": true, "go-jpeg/1.27.0": false, "jpeg-islow-fancy/9": false} {
		space := json.RawMessage(strings.Replace(raw, image.Decode(), decode, 1))
		spec, err := Recall("efficientnet-lite0", []json.RawMessage{space}, builtin.FS())
		if (err == nil) != recalled {
			t.Errorf("%s: %v", decode, err)
			continue
		}
		if err != nil {
			if d, ok := err.(*DifferenceError); !ok || d.Field != "prep.decode" {
				t.Errorf("%s: %v", decode, err)
			}
			continue
		}
		again, err := SpacesOf(spec)
		if err != nil || string(again[0].JSON()) != string(space) {
			t.Errorf("%s: its space is %s, %v", decode, again[0].JSON(), err)
		}
	}
}
