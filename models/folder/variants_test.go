//go:build cgo && !windows

package folder_test

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/folder"
	"github.com/headstart-ml/headstart/models/retrain"
	"github.com/headstart-ml/headstart/models/runtime"
)

// variants unpacks testdata/hub/variants.tar.gz, which variants.py has made.
func variants(t *testing.T) string {
	t.Helper()
	dir, _ := unpack(t, "testdata/hub/variants.tar.gz")
	return dir
}

// embedded returns what a backbone makes of the probes, one row each.
func embedded(t *testing.T, name string, choice *contract.Choice, probes [][]byte) [][]float32 {
	t.Helper()
	choice.Modality = models.Image
	e, err := predict.OpenBackbone(name, choice, &predict.Options{Runtime: libraryPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	rows, err := e.Embed(t.Context(), probes)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// alike compares rows with those of a reference.
func alike(t *testing.T, what string, rows [][]float32, reference []float32) {
	t.Helper()
	d := len(reference) / len(rows)
	for i, row := range rows {
		want := reference[i*d:][:d]
		if len(row) != d {
			t.Fatalf("%s: %d values, the reference has %d", what, len(row), d)
		}
		var ab, aa, bb float64
		for k, x := range row {
			ab += float64(x) * float64(want[k])
			aa += float64(x) * float64(x)
			bb += float64(want[k]) * float64(want[k])
		}
		if cosine := ab / math.Sqrt(aa*bb); !(cosine >= 0.9999) {
			t.Errorf("%s: probe %d: cosine %v", what, i, cosine)
		}
	}
}

// The files of one backbone in other precisions, as transformers.js publishes
// them, are chosen by precision or by path; embeddings are those that ONNX
// Runtime gives with that file, of one sample by itself, and each has a space
// of its own.
func TestVariants(t *testing.T) {
	dir := variants(t)
	probes := readProbes(t, dir)
	for _, name := range []string{"vit", "resnet"} {
		spaces := map[string]string{}
		for precision, file := range map[string]string{"": "model", "fp16": "model_fp16", "int8": "model_quantized", "q8": "model_quantized", "quantized": "model_quantized", "uint8": "model_uint8"} {
			data, err := os.ReadFile(filepath.Join(dir, name, "golden", file+".f32"))
			if err != nil {
				t.Fatal(err)
			}
			reference := make([]float32, len(data)/4)
			for i := range reference {
				reference[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
			}
			byPath := filepath.Join(dir, name, "onnx", file+".onnx")
			alike(t, name+" "+precision, embedded(t, filepath.Join(dir, name), &contract.Choice{Precision: precision}, probes), reference)
			alike(t, byPath, embedded(t, byPath, new(contract.Choice), probes), reference)
			s, err := (&contract.Choice{Precision: precision, Modality: models.Image}).Resolve(filepath.Join(dir, name), nil)
			if err != nil {
				t.Fatal(err)
			}
			space, err := contract.SpaceOf(s, s.Taps[0])
			if err != nil {
				t.Fatal(err)
			}
			if other, ok := spaces[space.Fingerprint()]; ok && other != file {
				t.Errorf("%s: %s and %s have one space", name, other, file)
			}
			spaces[space.Fingerprint()] = file
			if (len(s.BatchDependent) > 0) != (file == "model_quantized" || file == "model_uint8") {
				t.Errorf("%s %s: operators over the whole batch: %v", name, file, s.BatchDependent)
			}
		}
		if len(spaces) != 4 {
			t.Errorf("%s: %d spaces of 4 files", name, len(spaces))
		}
	}
}

// A graph that was exported with one sample takes any number where its shapes
// can be written so, and gives the same; it is retrained then. Where they
// cannot, samples go one by one, and retraining is refused before any work.
func TestGraphsOfOneSample(t *testing.T) {
	dir := variants(t)
	probes := readProbes(t, dir)
	library, err := runtime.Open(libraryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, single := range map[string]bool{"vit-one": false, "swin-one": false, "mobilevit-one": true} {
		g := readGolden(t, filepath.Join(dir, name))
		alike(t, name, embedded(t, filepath.Join(dir, name), new(contract.Choice), probes), g.embedding)
		s, err := folder.Resolve(filepath.Join(dir, name), nil)
		if err != nil {
			t.Fatal(err)
		}
		if s.Single != single {
			t.Errorf("%s: one sample at a time: %v", name, s.Single)
		}
		places, err := retrain.NewPlaces(s)
		if single {
			if e, ok := errors.AsType[*retrain.PlaceError](err); !ok || e.Kind != retrain.PlaceSingle {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, tail := range []string{"last:1", "all"} {
			lowersLoss(t, &lowering{library, filepath.Join(dir, name), g, probes, places}, tail)
		}
	}
}

// A graph that draws random numbers is named as such, with what to do.
func TestMaskedBackbone(t *testing.T) {
	dir := variants(t)
	for _, o := range []*folder.Options{nil, {Taps: []string{"last_hidden_state:cls"}}} {
		_, err := folder.ResolveFor(filepath.Join(dir, "vit-mae"), o)
		for _, part := range []string{"vit-mae/model.onnx", "draws random numbers (RandomUniformLike)", "ViTModel.from_pretrained("} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("error %v has no %q", err, part)
			}
		}
	}
	config := filepath.Join(dir, "vit-mae", "config.json")
	data, err := os.ReadFile(config)
	if err == nil {
		err = os.WriteFile(config, []byte(strings.ReplaceAll(string(data), "vit_mae", "vit")), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Resolve(filepath.Join(dir, "vit-mae"), nil); err == nil || !strings.Contains(err.Error(), "export the model for inference") {
		t.Errorf("error %v", err)
	}
}
