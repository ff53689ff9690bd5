package extract_test

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/models"
)

// Probes are the same each time, of unequal lengths, and as the contract says.
func TestProbes(t *testing.T) {
	for _, spec := range []*models.Spec{textSpec(t), imageSpec()} {
		probes, err := embed.Probes(spec, 20)
		if err != nil {
			t.Fatal(err)
		}
		again, err := embed.Probes(spec, 20)
		if err != nil || !reflect.DeepEqual(probes, again) {
			t.Errorf("%s: other samples the second time: %v", spec.Name, err)
		}
		n := 0
		for _, p := range probes {
			n += p.N()
			if len(p.Inputs) != len(spec.Inputs) || p.N() > 8 {
				t.Fatalf("%s: %d inputs, %d samples", spec.Name, len(p.Inputs), p.N())
			}
			for i, in := range p.Inputs {
				if in.Name != spec.Inputs[i].Name || in.Shape[0] != int64(p.N()) {
					t.Errorf("%s: input %s %v", spec.Name, in.Name, in.Shape)
				}
			}
			rows, err := p.Embed(t.Context(), spec, &fake{})
			if err != nil || len(rows) != p.N()*spec.Taps[0].Dim {
				t.Errorf("%s: %d values: %v", spec.Name, len(rows), err)
			}
		}
		if n != 20 {
			t.Errorf("%s: %d samples", spec.Name, n)
		}
		if spec.Modality == models.Text && !slices.Contains(probes[0].Inputs[1].I64, 0) {
			t.Error("no text of the first batch is padded")
		}
		if spec.Modality == models.Image && slices.Equal(probes[0].Inputs[0].F32[:1000], probes[1].Inputs[0].F32[:1000]) {
			t.Error("the images are all the same")
		}
		spec.BatchDependent = []string{"DynamicQuantizeLinear"}
		if probes, err = embed.Probes(spec, 3); err != nil || len(probes) != 3 || probes[0].N() != 1 {
			t.Errorf("%s: %d batches: %v", spec.Name, len(probes), err)
		}
		if _, err := probes[0].Embed(t.Context(), spec, &fake{wreck: func(float32) float32 { return float32(math.NaN()) }}); err == nil || !strings.Contains(err.Error(), "sample 0: the backbone gave a value that is not finite") {
			t.Errorf("%s: %v", spec.Name, err)
		}
		if _, err := embed.Probes(spec, 0); err == nil {
			t.Errorf("%s: no samples are taken", spec.Name)
		}
		spec.Modality = "smell"
		if _, err := embed.Probes(spec, 1); err == nil {
			t.Error("an unknown modality is taken")
		}
		spec.Taps = nil
		if _, err := probes[0].Embed(t.Context(), spec, &fake{}); err == nil {
			t.Error("a backbone without a tap is taken")
		}
	}
}
