//go:build cgo && !windows

package folder_test

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
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
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/file"
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
	dir, names = unpack(t, "testdata/sentences/sentences.tar.gz")
	data, err := os.ReadFile(filepath.Join(dir, "texts.json"))
	if err == nil {
		err = json.Unmarshal(data, &texts)
	}
	if err != nil {
		t.Fatal(err)
	}
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

// Each backbone can be retrained from its last layer on, from half of them and
// as a whole, and so can what other poolings make of it: a few steps lower the
// loss of what it is trained on; the head file, read again, predicts what the
// training had, and what is exported is equal to that (predict.Export compares
// them).
func TestRetrainingOfSentences(t *testing.T) {
	dir, names, texts := sentences(t)
	library, err := runtime.Open(libraryPath(t))
	if err != nil {
		t.Fatal(err)
	}
	type subject struct{ name, tap string }
	var all []subject
	for _, name := range names {
		all = append(all, subject{name, ""})
	}
	for _, pooling := range []string{"cls", "last", "mean", "max", "meanstd", "mean_sqrt_len", "weightedmean"} {
		all = append(all, subject{"bert-mean", "last_hidden_state:" + pooling}, subject{"qwen3", "last_hidden_state:" + pooling})
	}
	for _, s := range all {
		t.Run(strings.TrimSpace(s.name+" "+s.tap), func(t *testing.T) {
			g := readReading(t, filepath.Join(dir, s.name))
			choice := g.choice()
			if s.tap != "" {
				choice.Taps = []string{s.tap}
			}
			spec, err := choice.Resolve(filepath.Join(dir, s.name), nil)
			if err != nil {
				t.Fatal(err)
			}
			places, err := retrain.NewPlaces(spec)
			if err != nil {
				t.Fatal(err)
			}
			var cuts []string
			for _, tail := range []string{"last:1", "half", "all"} {
				place, err := places.Find(tail)
				if err != nil {
					t.Errorf("%s: %v", tail, err)
					continue
				}
				if slices.Contains(cuts, place.Cut) {
					continue // half is one layer, or all are
				}
				cuts = append(cuts, place.Cut)
				r := &retraining{library, spec, places, place, texts}
				if err := r.run(t); err != nil {
					t.Errorf("%s: %v", tail, err)
				}
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
			return strings.HasPrefix(s, "tokenizer.json: normalizer.") || strings.HasPrefix(s, "tokenizer.json: pre_tokenizer.") || strings.HasPrefix(s, "tokenizer.json: post_processor ") || strings.HasPrefix(s, "tokenizer.json: added_tokens: ")
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

// retraining is a backbone that is retrained behind a place, to tell texts
// apart.
type retraining struct {
	library *runtime.Library
	spec    *models.Spec
	places  *retrain.Places
	place   *retrain.Place
	texts   []string
}

func (s *retraining) run(t *testing.T) error {
	options := &predict.Options{Runtime: libraryPath(t), Backbone: s.spec.Name, Threads: 1}
	n, d, upTo := len(s.texts), s.spec.Taps[0].Dim, s.spec
	o := &feed.Options{Cut: s.place.Cut, Shape: s.place.Shape, Threads: 1}
	if s.place.Cut != "" {
		prefix := *s.spec
		upTo = &prefix
		if err := prefix.SetTaps([]string{s.place.Cut + ":" + s.place.Pooling()}); err != nil {
			return err
		}
		session := predict.Session(&prefix, options)
		defer session.Close()
		o.Prefix = session
	}
	var ids, classes []string
	var keys []cache.Key
	data := new(retrain.Data)
	for i, text := range s.texts {
		ids, keys, classes = append(ids, fmt.Sprintf("t#%d", i+1)), append(keys, cache.KeyOf("text", []byte(text))), append(classes, fmt.Sprintf("%03d", i))
		data.Labels = append(data.Labels, i)
		data.Parts[0], data.Parts[1] = append(data.Parts[0], i), append(data.Parts[1], i)
	}
	src, err := source.Texts("t", s.texts, nil)
	if err != nil {
		return err
	}
	f, err := feed.New(t.Context(), upTo, src, ids, keys, o)
	if err != nil {
		return err
	}
	data.Samples = fed{f}
	start := &retrain.Head{Weight: make([]float32, n*d), Bias: make([]float32, n)}
	for i := range start.Weight {
		start.Weight[i] = float32(i%7-3) / 30
	}
	network := s.places.Network(s.place)
	r, err := retrain.Train(t.Context(), s.library, network, data, start, &retrain.Settings{LearningRate: 0.01, LayerDecay: 1, Epochs: 8, Patience: 8, Threads: 1})
	if err != nil {
		return err
	}
	best := r.Epochs[0].LogLoss
	for _, epoch := range r.Epochs {
		best = min(best, epoch.LogLoss)
	}
	if !(best < 0.99*r.Epochs[0].LogLoss) {
		return fmt.Errorf("the loss %v becomes %v", r.Epochs[0].LogLoss, best)
	}

	model := head.NewAffine(r.Head.Weight, r.Head.Bias)
	model.Normalize = network.Normalize
	own := &file.File{
		Head: &head.Head{Kind: "softmax", Classes: classes, Temperature: 1, Model: model},
		Tail: &file.Tail{
			Cut: network.Cut, Features: network.Features, Pooling: network.Pooling, Mask: network.Mask, Space: network.Space, ChannelsLast: network.ChannelsLast,
			Normalize: network.Normalize, Weights: r.Weights, Backbone: network.Model,
		},
	}
	space, err := contract.SpaceOf(s.spec, s.spec.Taps[0])
	if err != nil {
		return err
	}
	own.Spaces = []file.Space{{JSON: json.RawMessage(space.JSON()), Backbone: s.spec.Name}}
	if own.Fitted, err = file.NewFitted(ids, keys); err != nil {
		return err
	}
	path := filepath.Join(t.TempDir(), "x.head.onnx")
	if err := file.Write(path, own); err != nil {
		return err
	}
	p, err := predict.Open(path, options)
	if err != nil {
		return err
	}
	defer p.Close()
	found, err := p.Predict(t.Context(), predict.Texts(s.texts...))
	if err != nil {
		return err
	}
	for i, x := range found {
		if x.Err != nil {
			return x.Err
		}
		logits := r.Logits[0][i*n:][:n]
		sum := 0.0
		for _, z := range logits {
			sum += math.Exp(z - slices.Max(logits))
		}
		for k, q := range x.Probabilities {
			if want := math.Exp(logits[k]-slices.Max(logits)) / sum; !(math.Abs(q-want) <= 2e-4) {
				return fmt.Errorf("text %d: the probability of class %d is %v, in the training %v", i, k, q, want)
			}
		}
	}
	if own, err = file.Read(path); err != nil {
		return err
	}
	spec, err := predict.Recall(path, own, options)
	if err != nil {
		return err
	}
	_, err = predict.Export(t.Context(), spec, own, &predict.ExportOptions{Options: *options, Head: path, Dir: filepath.Join(t.TempDir(), "model"), Tool: "a test", Licence: "mit"})
	return err
}

// Tokenizers from before tokenizer.json are converted as the library
// transformers does: no id differs.
func TestSlowTokenizers(t *testing.T) {
	dir, _, _ := sentences(t)
	model, err := os.ReadFile(filepath.Join(dir, "bert-mean", "onnx", "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Texts   []string
		Blobs   map[string][]byte // by name
		Folders map[string]struct {
			Files map[string]struct{ Text, Blob string }
			IDs   [][]int32
			Sums  []uint32 // for each 16 of the texts of extract/text
		}
	}
	if err := json.Unmarshal(unzip(t, "testdata/sentences/slow.json.gz"), &golden); err != nil {
		t.Fatal(err)
	}
	var many []string
	if err := json.Unmarshal(unzip(t, "../../extract/text/testdata/texts.json.gz"), &many); err != nil {
		t.Fatal(err)
	}
	if len(golden.Folders) < 40 {
		t.Errorf("%d folders", len(golden.Folders))
	}
	for name, c := range golden.Folders {
		t.Run(name, func(t *testing.T) {
			at := t.TempDir()
			put := func(file string, data []byte) {
				if err := os.WriteFile(filepath.Join(at, file), data, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			put("model.onnx", model)
			put("sentence_bert_config.json", []byte(`{"max_seq_length": 128}`))
			for file, content := range c.Files {
				put(file, append([]byte(content.Text), golden.Blobs[content.Blob]...))
			}
			spec, err := folder.ResolveFor(at, &folder.Options{Taps: []string{"last_hidden_state:mean"}})
			if err != nil {
				t.Fatal(err)
			}
			_, given := c.Files["tokenizer.json"]
			if made := slices.ContainsFunc(spec.Notes, func(n string) bool { return strings.HasPrefix(n, "tokenizer.json is made of ") }); made == given {
				t.Errorf("notes %v", spec.Notes)
			}
			tok, err := text.New(spec.Contract.(*models.TextSpec).Tokenizer, nil)
			if err != nil {
				t.Fatal(err)
			}
			differ := 0
			for i := 0; i < len(many); i += 16 {
				var data []byte
				for _, word := range many[i:min(i+16, len(many))] {
					ids, err := tok.AppendIDs(nil, word)
					if err != nil {
						t.Fatalf("%q: %v", word, err)
					}
					data = binary.LittleEndian.AppendUint32(data, uint32(len(ids)))
					for _, id := range ids {
						data = binary.LittleEndian.AppendUint32(data, uint32(id))
					}
				}
				if crc32.ChecksumIEEE(data) != c.Sums[i/16] {
					if differ++; differ < 4 {
						t.Errorf("some of texts %d to %d differ", i, i+15)
					}
				}
			}
			if differ > 0 {
				t.Errorf("%d of %d blocks of 16 texts differ", differ, len(c.Sums))
			}
			for i, word := range golden.Texts {
				ids, err := tok.AppendIDs(nil, word)
				if err != nil || !slices.Equal(ids, c.IDs[i]) {
					t.Errorf("%q: %v, %v, the library has %v", word, ids, err, c.IDs[i])
				}
			}
		})
	}
}

// unzip returns what a gzip file holds.
func unzip(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
