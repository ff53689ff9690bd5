package models_test

import (
	"testing"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
)

// TestLook: what the inside of the built-in backbones is said to be agrees with
// itself, and with the spec.
func TestLook(t *testing.T) {
	for name, layers := range map[string]int{"all-minilm-l6-v2": 6, "efficientnet-lite0": 16} {
		spec, err := folder.Resolve(name, builtin.FS())
		if err != nil {
			t.Fatal(err)
		}
		in, err := models.Look(spec)
		if err != nil || in.Unknown != "" {
			t.Fatalf("%s: %v %s", name, err, in.Unknown)
		}
		if len(in.Inputs) != len(spec.Inputs) || in.Opset < 9 || in.IRVersion < 3 || in.Trainable < 1 || in.Trainable > in.Parameters {
			t.Errorf("%s: %+v", name, in)
		}
		nodes := 0
		for _, n := range in.Operators {
			nodes += n
		}
		tapped := map[string]bool{}
		for _, v := range in.Taps {
			tapped[v.Name] = true
		}
		ends, before := 0, in.Trainable
		for _, c := range in.Cuts {
			if c.Parameters > before || c.Parameters < 0 || !tapped[c.Name] {
				t.Errorf("%s: cut at %s: %d parameters follow, %d a cut before", name, c.Name, c.Parameters, before)
			}
			if before = c.Parameters; c.Ends {
				ends++
			}
		}
		if ends < layers || len(in.Taps) > nodes || len(in.Cuts) > len(in.Taps) {
			t.Errorf("%s: %d ends, %d cuts, %d taps, %d nodes", name, ends, len(in.Cuts), len(in.Taps), nodes)
		}
	}
	if d := (&models.Value{}).Dims(); d != "[?]" {
		t.Error(d)
	}
}
