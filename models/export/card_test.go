//go:build cgo && !windows

package export

import (
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/onnx/layer"
)

// A card speaks of what its head answers, and names each licence of several.
func TestCard(t *testing.T) {
	for link, want := range map[layer.Link]string{
		layer.Softmax: "a sample of none of its classes gets one", layer.Sigmoid: "none of its labels applies", layer.Identity: "gets numbers all the same", layer.Cumulative: "that has no grade",
	} {
		f := &Folder{Fed: &Fed{Modality: models.Numbers, Contract: &models.NumbersSpec{}}, Link: link, Classes: []string{"a"}, Card: Card{Title: "t", Licence: "MIT AND apache-2.0"}}
		text := string(f.readme())
		_, limits, ok := strings.Cut(text, "## Limits\n")
		limits, _, _ = strings.Cut(limits, "##")
		if !ok || !strings.Contains(limits, want) || strings.Contains(limits, "class") != (link == layer.Softmax) {
			t.Errorf("%v: %q", link, limits)
		}
		if !strings.HasPrefix(text, "---\nlicense:\n- mit\n- apache-2.0\n") {
			t.Errorf("%q", text)
		}
	}
}
