//go:build cgo && !windows

package folder_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/image"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/folder"
	"github.com/headstart-ml/headstart/models/retrain"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// hub unpacks testdata/hub/hub.tar.gz, which generate.py beside it has made,
// and returns the folder and the names of the backbones in it.
func hub(t *testing.T) (dir string, names []string) {
	t.Helper()
	return unpack(t, "testdata/hub/hub.tar.gz")
}

// unpack unpacks an archive of backbones.
func unpack(t *testing.T, archive string) (dir string, names []string) {
	t.Helper()
	dir = t.TempDir()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(z)
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, h.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err == nil {
			err = os.WriteFile(path, data, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(path) == "meta.json" {
			names = append(names, filepath.Dir(filepath.Dir(h.Name)))
		}
	}
	slices.Sort(names)
	return dir, names
}

// golden is what the reference makes of the probes with a backbone.
type golden struct {
	Pixels [4]int // n×c×h×w
	Dim    int
	Tap    string // what has to be said, "" if nothing

	pixels, embedding []float32
}

func readGolden(t *testing.T, dir string) *golden {
	t.Helper()
	g := new(golden)
	data, err := os.ReadFile(filepath.Join(dir, "golden", "meta.json"))
	if err == nil {
		err = json.Unmarshal(data, g)
	}
	if err != nil {
		t.Fatal(err)
	}
	floats := func(name string) []float32 {
		data, err := os.ReadFile(filepath.Join(dir, "golden", name))
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float32, len(data)/4)
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
		return out
	}
	g.pixels, g.embedding = floats("pixels.f32"), floats("embedding.f32")
	return g
}

func readProbes(t *testing.T, dir string) (contents [][]byte) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "probes", "*.png"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no probes", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, data)
	}
	return contents
}

// Folders of many families, in the layouts in which optimum, transformers,
// transformers.js and timm publish them, are taken as they are: what the graph
// is fed is what the family's own processor makes of an image, and what comes
// out is what the family's own model makes of it.
func TestFoldersOfTheHub(t *testing.T) {
	dir, names := hub(t)
	if len(names) < 24 {
		t.Errorf("%d folders, at least 24 are wanted", len(names))
	}
	probes := readProbes(t, dir)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			g := readGolden(t, filepath.Join(dir, name))
			choice := &contract.Choice{Modality: models.Image}
			if g.Tap != "" {
				choice.Taps = []string{g.Tap}
			}
			spec, err := choice.Resolve(filepath.Join(dir, name), nil)
			if err != nil {
				t.Fatal(err)
			}
			p, err := image.New(spec.Contract.(*models.ImageSpec), nil)
			if err != nil {
				t.Fatal(err)
			}
			n := len(g.pixels) / len(probes)
			got := make([]float32, n)
			for i, content := range probes {
				if w, h := p.Size(); 3*w*h != n {
					t.Fatalf("%d×%d pixels, the reference has %v", w, h, g.Pixels)
				}
				if _, err := p.To(got, content); err != nil {
					t.Fatal(err)
				}
				want := g.pixels[i*n:][:n]
				differ, worst := 0, 0.0
				for k, x := range got {
					// A level is 1/255 before it is divided: what is further
					// apart than a thousandth of one is another level.
					if d := math.Abs(float64(x - want[k])); d > 4e-6*math.Max(1, math.Abs(float64(want[k]))) {
						differ++
						worst = max(worst, d)
					}
				}
				if differ > 0 {
					t.Errorf("probe %d: %d of %d values differ, by up to %v", i, differ, n, worst)
				}
			}

			e, err := predict.OpenBackbone(filepath.Join(dir, name), choice, &predict.Options{Runtime: libraryPath(t)})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			rows, err := e.Embed(t.Context(), probes)
			if err != nil {
				t.Fatal(err)
			}
			if e.Dim() != g.Dim {
				t.Fatalf("%d values, the reference has %d", e.Dim(), g.Dim)
			}
			for i, row := range rows {
				want := g.embedding[i*g.Dim:][:g.Dim]
				var ab, aa, bb float64
				for k, x := range row {
					ab += float64(x) * float64(want[k])
					aa += float64(x) * float64(x)
					bb += float64(want[k]) * float64(want[k])
				}
				if cosine := ab / math.Sqrt(aa*bb); !(cosine >= 0.9999) || math.Abs(math.Sqrt(aa/bb)-1) > 1e-3 {
					t.Errorf("probe %d: cosine %v, length %v of the reference's", i, cosine, math.Sqrt(aa/bb))
				}
			}
		})
	}
}

// rows are samples of which one input is fed.
type rows [][]float32

func (r rows) Tokens(int) int { return 0 }

func (r rows) FillTo(_ context.Context, inputs []tensor.View, numbers, _ []int) error {
	d := len(inputs[0].F32) / len(numbers)
	for k, n := range numbers {
		copy(inputs[0].F32[k*d:(k+1)*d], r[n])
	}
	return nil
}

// libraryPath is the runtime library that make fetches.
func libraryPath(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("../../lib/libonnxruntime.*")
	if err != nil || len(found) == 0 {
		t.Fatal("no ONNX Runtime in lib/; make runtime fetches it")
	}
	return found[0]
}

// Each backbone can be retrained from its last layer on and as a whole: a few
// steps lower the loss of what it is trained on.
func TestRetrainingLowersTheLoss(t *testing.T) {
	dir, names := hub(t)
	probes := readProbes(t, dir)
	library, err := runtime.Open(libraryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			g := readGolden(t, filepath.Join(dir, name))
			choice := &contract.Choice{Modality: models.Image}
			spec, err := choice.Resolve(filepath.Join(dir, name), nil)
			if err != nil {
				t.Fatal(err)
			}
			places, err := retrain.NewPlaces(spec)
			if err != nil {
				t.Fatal(err)
			}
			for _, tail := range []string{"last:1", "all"} {
				lowersLoss(t, &lowering{library, filepath.Join(dir, name), g, probes, places}, tail)
			}
		})
	}
}

// lowering is a backbone that is retrained on the probes.
type lowering struct {
	library *runtime.Library
	dir     string
	g       *golden
	probes  [][]byte
	places  *retrain.Places
}

// lowersLoss checks that a few steps behind tail lower the loss.
func lowersLoss(t *testing.T, c *lowering, tail string) {
	t.Helper()
	place, err := c.places.Find(tail)
	if err != nil {
		t.Errorf("%s: %v", tail, err)
		return
	}
	var samples rows
	if place.Cut == "" {
		n := len(c.g.pixels) / len(c.probes)
		for i := range c.probes {
			samples = append(samples, c.g.pixels[i*n:][:n])
		}
	} else {
		e, err := predict.OpenBackbone(c.dir, &contract.Choice{Modality: models.Image, Taps: []string{place.Cut + ":flat"}}, &predict.Options{Runtime: libraryPath(t)})
		if err != nil {
			t.Fatal(err)
		}
		if samples, err = e.Embed(t.Context(), c.probes); err != nil {
			t.Fatal(err)
		}
		e.Close()
	}
	data := &retrain.Data{Samples: samples}
	for i := range c.probes {
		data.Labels = append(data.Labels, i)
		data.Parts[0], data.Parts[1] = append(data.Parts[0], i), append(data.Parts[1], i)
	}
	start := &retrain.Head{Weight: make([]float32, len(c.probes)*c.g.Dim), Bias: make([]float32, len(c.probes))}
	for i := range start.Weight {
		start.Weight[i] = float32(i%7-3) / 30
	}
	r, err := retrain.Train(t.Context(), c.library, c.places.Network(place), data, start,
		&retrain.Settings{LearningRate: 0.01, LayerDecay: 1, Epochs: 12, Patience: 12, Threads: 1})
	if err != nil {
		t.Errorf("%s: %v", tail, err)
		return
	}
	best := r.Epochs[0].LogLoss
	for _, epoch := range r.Epochs {
		best = min(best, epoch.LogLoss)
	}
	if !(best < 0.99*r.Epochs[0].LogLoss) {
		t.Errorf("%s: the loss %v becomes %v", tail, r.Epochs[0].LogLoss, best)
	}
}

// Of two towers the one that is for the samples is taken; without them it is
// asked for.
func TestTowers(t *testing.T) {
	dir, _ := hub(t)
	for _, name := range []string{"clip", "clip-towers"} {
		for modality, output := range map[models.Modality]string{models.Image: "image_embeds", models.Text: "text_embeds"} {
			s, err := folder.ResolveFor(filepath.Join(dir, name), &folder.Options{Modality: modality})
			if err != nil {
				t.Errorf("%s, %s: %v", name, modality, err)
				continue
			}
			if s.Modality != modality || s.Taps[0].Output != output || s.Taps[0].Dim != 12 {
				t.Errorf("%s, %s: %s, %+v", name, modality, s.Modality, s.Taps)
			}
			// The name in the Spec leads to the same again.
			again, err := folder.ResolveFor(s.Name, &folder.Options{Modality: modality})
			if err != nil || again.Weights.SHA256 != s.Weights.SHA256 {
				t.Errorf("%s, %s: by its name %s: %v", name, modality, s.Name, err)
			}
		}
	}
	_, err := folder.Resolve(filepath.Join(dir, "clip"), nil)
	if both, ok := errors.AsType[*folder.ModalitiesError](err); !ok || len(both.Modalities) != 2 {
		t.Errorf("one graph with both: %v", err)
	}
	_, err = folder.Resolve(filepath.Join(dir, "clip-towers"), nil)
	if files, ok := errors.AsType[*folder.FilesError](err); !ok || len(files.Modalities) != 2 {
		t.Errorf("a graph each: %v", err)
	}
}

// A folder of sentence-transformers has the two towers in a folder of their
// own, which modules.json names, with normalisation or without.
func TestTowersOfSentenceTransformers(t *testing.T) {
	dir, _ := hub(t)
	probes := readProbes(t, dir)
	g := readGolden(t, filepath.Join(dir, "clip"))
	outer := filepath.Join(dir, "clip-ViT")
	inside := filepath.Join(outer, "0_CLIPModel")
	if err := os.CopyFS(inside, os.DirFS(filepath.Join(dir, "clip"))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ modules, post, fails string }{
		{`[{"idx":0,"name":"0","path":"0_CLIPModel","type":"sentence_transformers.models.CLIPModel"}]`, "", ""},
		{`[{"path":"0_CLIPModel","type":"sentence_transformers.models.CLIPModel"},{"path":"1_Normalize","type":"sentence_transformers.models.Normalize"}]`, "l2", ""},
		{`[{"path":"0_CLIPModel","type":"sentence_transformers.models.CLIPModel"},{"path":"1_Dense","type":"sentence_transformers.models.Dense"}]`, "", "Dense as module 1 is not supported"},
		{`[{"path":"../clip","type":"sentence_transformers.models.CLIPModel"}]`, "", "is not a folder inside this one"},
		{`[{"path":"1_CLIPModel","type":"sentence_transformers.models.CLIPModel"}]`, "", "1_CLIPModel: there is neither onnx/model.onnx nor model.onnx"},
	} {
		if err := os.WriteFile(filepath.Join(outer, "modules.json"), []byte(c.modules), 0o666); err != nil {
			t.Fatal(err)
		}
		for modality, output := range map[models.Modality]string{models.Image: "image_embeds", models.Text: "text_embeds"} {
			s, err := folder.ResolveFor(outer, &folder.Options{Modality: modality})
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%s: error %v", c.modules, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if s.Name != outer || s.Taps[0].Output != output || s.Taps[0].Post != c.post {
				t.Errorf("%s: %+v", modality, s.Taps)
			}
			for _, name := range []string{s.Weights.Path, inside} { // the file leads back to all of it
				again, err := folder.ResolveFor(name, &folder.Options{Modality: modality})
				if err != nil || again.Weights.SHA256 != s.Weights.SHA256 || name != inside && again.Taps[0].Post != c.post {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if c.fails != "" {
			continue
		}
		e, err := predict.OpenBackbone(outer, &contract.Choice{Modality: models.Image}, &predict.Options{Runtime: libraryPath(t)})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := e.Embed(t.Context(), probes)
		e.Close()
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			want := g.embedding[i*g.Dim:][:g.Dim]
			length := 1.0
			if c.post == "l2" {
				length = 0
				for _, x := range want {
					length += float64(x) * float64(x)
				}
				length = math.Sqrt(length)
			}
			for k, x := range row {
				if math.Abs(float64(x)-float64(want[k])/length) > 1e-5 {
					t.Errorf("probe %d: value %d is %v, want %v", i, k, x, float64(want[k])/length)
				}
			}
		}
	}
}
