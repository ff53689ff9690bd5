package contract_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
)

func resolve(t *testing.T, name string) *models.Spec {
	t.Helper()
	spec, err := folder.Resolve(name, builtin.FS())
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// spaces returns space.json of each tap of spec.
func spaces(t *testing.T, spec *models.Spec) []json.RawMessage {
	t.Helper()
	list, err := contract.SpacesOf(spec)
	if err != nil {
		t.Fatal(err)
	}
	var all []json.RawMessage
	for _, s := range list {
		all = append(all, s.JSON())
	}
	return all
}

// What was chosen is recalled from the spaces alone, for each modality and for
// several taps.
func TestRecallIsTheWayBack(t *testing.T) {
	const layer4 = "/m/encoder/layer.4/output/LayerNorm/LayerNormalization_output_0"
	for name, choices := range map[string][]contract.Choice{
		"efficientnet-lite0": {
			{},
			{DType: "f16", Image: models.Policies{Alpha: "white", EXIF: "ignore", Grey16: "scale"}},
			{Taps: []string{"Clip_32:gap", "Clip_8:max"}},
			{Taps: []string{"Add_6:flat"}},
		},
		"all-minilm-l6-v2": {{}, {DType: "f16"}, {Taps: []string{layer4 + ":cls", "last_hidden_state:mean"}}},
	} {
		for _, c := range choices {
			spec := resolve(t, name)
			if err := c.Apply(spec); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			want := spaces(t, spec)
			again, err := contract.Recall(name, want, builtin.FS())
			if err != nil {
				t.Errorf("%s: %+v: %v", name, c, err)
				continue
			}
			if got := spaces(t, again); !slices.EqualFunc(got, want, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
				t.Errorf("%s: %+v: recalled %s, was %s", name, c, got, want)
			}
		}
	}
}

// A backbone that is another one now, or that prepares samples in another way,
// is told from the one that a space is of; the error names the field.
func TestRecallNamesTheDifference(t *testing.T) {
	own := string(spaces(t, resolve(t, "efficientnet-lite0"))[0])
	for _, test := range []struct{ old, new, field string }{
		{`"layout":"nchw"`, `"layout":"nhwc"`, "prep.layout"},
		{`"engine":"pillow/1"`, `"engine":"pillow/0"`, "prep.resize.engine"},
		{`"impl":"image/`, `"impl":"image/0.`, "prep.impl"},
	} {
		changed := strings.Replace(own, test.old, test.new, 1)
		if changed == own {
			t.Fatalf("%s is not in %s", test.old, own)
		}
		_, err := contract.Recall("efficientnet-lite0", []json.RawMessage{json.RawMessage(changed)}, builtin.FS())
		d, ok := errors.AsType[*contract.DifferenceError](err)
		if !ok || d.Field != test.field || d.Was == d.Is || d.Backbone != "efficientnet-lite0" {
			t.Errorf("%s: %v", test.new, err)
		}
	}
	// A space of texts is none of a backbone for images.
	texts := spaces(t, resolve(t, "all-minilm-l6-v2"))
	_, err := contract.Recall("efficientnet-lite0", texts, builtin.FS())
	if m, ok := errors.AsType[*contract.ModalityError](err); !ok || m.Takes != models.Image || m.Have != models.Text {
		t.Errorf("a backbone for images was recalled for a space of texts: %v", err)
	}
	if _, err := contract.Recall("efficientnet-lite0", append(texts, json.RawMessage(own)), builtin.FS()); err == nil {
		t.Error("one backbone was recalled for spaces of two")
	}
	if _, err := contract.Recall("efficientnet-lite0", nil, builtin.FS()); err == nil {
		t.Error("a backbone was recalled for no space")
	}
}

// A choice changes the spec that it is applied to, and no other.
func TestApplyChangesOneSpec(t *testing.T) {
	spec := resolve(t, "efficientnet-lite0")
	before := string(spaces(t, spec)[0])
	changed := *spec
	c := contract.Choice{DType: "f16", Image: models.Policies{Alpha: "white"}}
	if err := c.Apply(&changed); err != nil {
		t.Fatal(err)
	}
	if got := string(spaces(t, spec)[0]); got != before {
		t.Errorf("the spec that was copied is now %s", got)
	}
	if got := string(spaces(t, &changed)[0]); got == before {
		t.Error("the choice changed nothing")
	}
}

// Policies for images are none of texts.
func TestAPolicyThatDoesNotFit(t *testing.T) {
	c := contract.Choice{Image: models.Policies{EXIF: "ignore"}}
	err := c.Apply(resolve(t, "all-minilm-l6-v2"))
	if p, ok := errors.AsType[*contract.PolicyError](err); !ok || p.Policy != "exif" || p.Takes != models.Text {
		t.Errorf("%v", err)
	}
}

// A space tells what its samples are, by whatever of it is there.
func TestDescribeTellsTheModality(t *testing.T) {
	for space, want := range map[string]models.Modality{
		`{"prep":{"tokenizer_sha256":"00"}}`: models.Text,
		`{"prep":{"layout":"nchw"}}`:         models.Image,
		`{"prep":{"impl":"text/1"}}`:         models.Text,
		`{"prep":{"impl":"image/1"}}`:        models.Image,
		`{}`:                                 "",
	} {
		if d, err := contract.Describe(json.RawMessage(space)); err != nil || d.Modality != want {
			t.Errorf("%s: %+v %v", space, d, err)
		}
	}
	if _, err := contract.Describe(json.RawMessage(`{"prep":1}`)); err == nil {
		t.Error("what is no space was described")
	}
}

// A space with another policy is that of a backbone with which the policy was
// chosen.
func TestASpaceWithAnotherPolicy(t *testing.T) {
	plain := resolve(t, "efficientnet-lite0")
	white := resolve(t, "efficientnet-lite0")
	if err := (&contract.Choice{Image: models.Policies{Alpha: "white"}}).Apply(white); err != nil {
		t.Fatal(err)
	}
	to := models.Policy{Name: "alpha", Value: "white"}
	got, err := contract.WithPolicy(spaces(t, plain)[0], to)
	if err != nil || string(got.JSON()) != string(spaces(t, white)[0]) {
		t.Errorf("%s, %v; want %s", got, err, spaces(t, white)[0])
	}
	for _, space := range []json.RawMessage{spaces(t, resolve(t, "all-minilm-l6-v2"))[0], json.RawMessage("{}"), json.RawMessage(`{"prep":3}`), json.RawMessage("x")} {
		if _, err := contract.WithPolicy(space, to); err == nil {
			t.Errorf("%s: no error", space)
		}
	}
}
