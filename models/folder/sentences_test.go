//go:build cgo && !windows

package folder_test

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/feed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/extract/text"
	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/folder"
	"github.com/headstart-ml/headstart/models/retrain"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// sentences unpacks testdata/sentences/sentences.tar.gz, which generate.py
// beside it has made, and returns the folder, the names of the backbones in it
// and the texts.
func sentences(t *testing.T) (dir string, names, texts []string) {
	t.Helper()
	dir = t.TempDir()
	f, err := os.Open("testdata/sentences/sentences.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
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
	data, err := os.ReadFile(filepath.Join(dir, "texts.json"))
	if err == nil {
		err = json.Unmarshal(data, &texts)
	}
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return dir, names, texts
}

// A reading is what the library makes of the texts with a folder, and what is
// said to it.
type reading struct {
	Dim      int
	Prompt   *string
	Truncate int

	embedding []float32
}

func readReading(t *testing.T, dir string) *reading {
	t.Helper()
	g := new(reading)
	data, err := os.ReadFile(filepath.Join(dir, "golden", "meta.json"))
	if err == nil {
		err = json.Unmarshal(data, g)
	}
	if err != nil {
		t.Fatal(err)
	}
	if data, err = os.ReadFile(filepath.Join(dir, "golden", "embedding.f32")); err != nil {
		t.Fatal(err)
	}
	g.embedding = make([]float32, len(data)/4)
	for i := range g.embedding {
		g.embedding[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return g
}

// choice is what is said to this program where the same is said to the library.
func (g *reading) choice() *contract.Choice {
	c := &contract.Choice{Modality: models.Text, Dim: g.Truncate}
	if g.Prompt != nil {
		c.Text.Prompt = &folder.Prompt{Name: *g.Prompt}
	}
	return c
}

// difference says how far a row is from the library's of a text, but for its
// length if it was normalised again.
func (g *reading) difference(row []float32, i int) (cosine, length float64) {
	var ab, aa, bb float64
	for k, x := range row {
		y := g.embedding[i*g.Dim+k]
		ab += float64(x) * float64(y)
		aa += float64(x) * float64(x)
		bb += float64(y) * float64(y)
	}
	return ab / math.Sqrt(aa*bb), math.Sqrt(aa / bb)
}

// Folders of sentence-transformers, with every pooling, with modules behind it,
// with prompts, of many families, give the library's embeddings, of texts alone
// and in batches of unequal length.
func TestFoldersOfSentences(t *testing.T) {
	dir, names, texts := sentences(t)
	if len(names) < 32 {
		t.Errorf("%d folders, at least 32 are wanted", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			g := readReading(t, filepath.Join(dir, name))
			e, err := predict.OpenBackbone(filepath.Join(dir, name), g.choice(), &predict.Options{Runtime: libraryPath(t)})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if e.Dim() != g.Dim {
				t.Fatalf("%d values, the library has %d", e.Dim(), g.Dim)
			}
			together, err := e.Embed(t.Context(), predict.Texts(texts...))
			if err != nil {
				t.Fatal(err)
			}
			for i, text := range texts {
				alone, err := e.Embed(t.Context(), predict.Texts(text))
				if err != nil {
					t.Fatal(err)
				}
				for where, row := range map[string][]float32{"alone": alone[0], "in a batch": together[i]} {
					cosine, length := g.difference(row, i)
					if !(cosine >= 0.99999) || g.Truncate == 0 && math.Abs(length-1) > 1e-3 {
						t.Errorf("text %d %s: cosine %.7f, length %.5f of the library's", i, where, cosine, length)
					}
				}
			}
		})
	}
}

// fed are the texts of a feed, embedded up to the cut where there is one.
type fed struct{ *feed.Feed }

func (f fed) FillTo(ctx context.Context, inputs []tensor.View, numbers, _ []int) error {
	return f.Feed.FillTo(ctx, inputs, numbers)
}

// Each backbone with float weights can be retrained from its last layer on: a
// few steps lower the loss of what it is trained on.
func TestRetrainingOfSentences(t *testing.T) {
	dir, names, texts := sentences(t)
	library, err := runtime.Open(libraryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			g := readReading(t, filepath.Join(dir, name))
			spec, err := g.choice().Resolve(filepath.Join(dir, name), nil)
			if err != nil {
				t.Fatal(err)
			}
			places, err := retrain.NewPlaces(spec)
			if err != nil {
				t.Fatal(err)
			}
			place, err := places.Find("last:1")
			if err != nil {
				t.Fatal(err)
			}
			upTo := spec
			o := &feed.Options{Cut: place.Cut, Shape: place.Shape, Threads: 1}
			if place.Cut != "" {
				prefix := *spec
				upTo = &prefix
				if err := prefix.SetTaps([]string{place.Cut + ":" + place.Pooling()}); err != nil {
					t.Fatal(err)
				}
				session := predict.Session(&prefix, &predict.Options{Runtime: libraryPath(t)})
				defer session.Close()
				o.Prefix = session
			}
			var ids []string
			var keys []cache.Key
			for i, text := range texts {
				ids, keys = append(ids, fmt.Sprintf("t#%d", i+1)), append(keys, cache.KeyOf("text", []byte(text)))
			}
			src, err := source.Texts("t", texts, nil)
			if err != nil {
				t.Fatal(err)
			}
			f, err := feed.New(t.Context(), upTo, src, ids, keys, o)
			if err != nil {
				t.Fatal(err)
			}
			data := &retrain.Data{Samples: fed{f}}
			for i := range texts {
				data.Labels = append(data.Labels, i)
				data.Parts[0], data.Parts[1] = append(data.Parts[0], i), append(data.Parts[1], i)
			}
			start := &retrain.Head{Weight: make([]float32, len(texts)*g.Dim), Bias: make([]float32, len(texts))}
			for i := range start.Weight {
				start.Weight[i] = float32(i%7-3) / 30
			}
			r, err := retrain.Train(t.Context(), library, places.Network(place), data, start,
				&retrain.Settings{LearningRate: 0.01, LayerDecay: 1, Epochs: 12, Patience: 12, Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			best := r.Epochs[0].LogLoss
			for _, epoch := range r.Epochs {
				best = min(best, epoch.LogLoss)
			}
			if !(best < 0.99*r.Epochs[0].LogLoss) {
				t.Errorf("the loss %v becomes %v", r.Epochs[0].LogLoss, best)
			}
		})
	}
}

// Where tokenizer_config.json contradicts tokenizer.json, the one counts that
// does so for the tokenizer's class in the library transformers, and what was
// overruled is said.
func TestClassesOfTokenizers(t *testing.T) {
	dir, _, _ := sentences(t)
	var golden struct {
		Text  string
		Cases []struct {
			Folder, Class string
			Config        map[string]any
			Tokenizer     [][3]any
			IDs           []int32
		}
	}
	data, err := os.ReadFile("testdata/sentences/classes.json")
	if err == nil {
		err = json.Unmarshal(data, &golden)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range golden.Cases {
		at := filepath.Join(dir, c.Folder)
		change := func(file string, edit func(o map[string]any)) (restore func()) {
			data, err := os.ReadFile(filepath.Join(at, file))
			if err != nil {
				t.Fatal(err)
			}
			o := make(map[string]any)
			if err := json.Unmarshal(data, &o); err != nil {
				t.Fatal(err)
			}
			edit(o)
			changed, err := json.Marshal(o)
			if err == nil {
				err = os.WriteFile(filepath.Join(at, file), changed, 0o666)
			}
			if err != nil {
				t.Fatal(err)
			}
			return func() { os.WriteFile(filepath.Join(at, file), data, 0o666) }
		}
		config := change("tokenizer_config.json", func(o map[string]any) {
			o["tokenizer_class"] = c.Class
			for key, v := range c.Config {
				if o[key] = v; v == nil {
					delete(o, key)
				}
			}
		})
		tokenizer := change("tokenizer.json", func(o map[string]any) {
			for _, e := range c.Tokenizer {
				o[e[0].(string)].(map[string]any)[e[1].(string)] = e[2]
			}
		})
		spec, err := folder.Resolve(at, nil)
		if err != nil {
			t.Fatal(err)
		}
		own, err := os.ReadFile(filepath.Join(at, "tokenizer.json"))
		if err != nil {
			t.Fatal(err)
		}
		tok, err := text.New(spec.Contract.(*models.TextSpec).Tokenizer, nil)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := tok.AppendIDs(nil, golden.Text)
		if err != nil || !slices.Equal(ids, c.IDs) {
			t.Errorf("case %d, %s in %s, %v %v: %v, %v, the library has %v", i, c.Class, c.Folder, c.Config, c.Tokenizer, ids, err, c.IDs)
		}
		said := slices.ContainsFunc(spec.Overruled, func(s string) bool {
			return strings.HasPrefix(s, "tokenizer.json: normalizer.") || strings.HasPrefix(s, "tokenizer.json: pre_tokenizer.") || strings.HasPrefix(s, "tokenizer.json: post_processor ")
		})
		if changed := !slices.Equal(own, spec.Contract.(*models.TextSpec).Tokenizer); changed != said {
			t.Errorf("case %d, %s in %s, %v: changed is %v, said %v", i, c.Class, c.Folder, c.Config, changed, spec.Overruled)
		}
		config()
		tokenizer()
	}
	if len(golden.Cases) < 40 {
		t.Errorf("%d cases", len(golden.Cases))
	}
}
