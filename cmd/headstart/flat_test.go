package main

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/extract/feed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// near tells whether two slices are equal up to the rounding of another order
// of sums.
func near(a, b []float32, tolerance float64) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool {
		return math.Abs(float64(x-y)) <= tolerance*math.Max(1, math.Abs(float64(y)))
	})
}

// A flat tap has every value of the tensor, and all that works on embeddings
// works on it.
func TestFlatTap(t *testing.T) {
	p := newPlace(t)
	samples := p.samples(0, 6, "symbols", "food-and-drink")
	p.table("emoji.csv", "image,name,label,group", samples[:8])
	const d = 192 * 7 * 7
	images := "extract --image image --root " + p.emoji + " emoji.csv "
	first := p.one(t, images+"--tap Add_6:flat --tap Add_6 --out both.features")
	first.wantNumbers(t, map[string]float64{"samples": 8, "computed": 8, "backbone_rows": 8})
	x, n := rowsOf(t, "both.features")
	if n != d+192 {
		t.Fatalf("%d values a row", n)
	}
	for i := range 8 {
		row := x[i*n : (i+1)*n]
		for c := range 192 {
			var sum float64
			for _, v := range row[c*49 : (c+1)*49] {
				sum += float64(v)
			}
			if !near([]float32{float32(sum / 49)}, row[d+c:d+c+1], 1e-6) {
				t.Fatalf("sample %d, channel %d: the mean of the values is %v, gap gives %v", i, c, sum/49, row[d+c])
			}
		}
	}

	// Samples that come later: the canary looks at the flat rows.
	p.table("emoji.csv", "image,name,label,group", samples)
	p.one(t, images+"--tap Add_6:flat --out flat.features").wantNumbers(t, map[string]float64{"cached": 8, "computed": 4, "check_rows": 8})
	p.one(t, images+"--tap Add_6:flat --dtype f16 --out half.features").wantNumbers(t, map[string]float64{"computed": 12})
	x, _ = rowsOf(t, "flat.features")
	half, _ := rowsOf(t, "half.features")
	if !near(half, x, 1e-3) || slices.Equal(half, x) {
		t.Error("the rows that are kept as f16 are not those of f32, rounded")
	}
	p.one(t, "cache verify --full --recompute 3 flat.features half.features").wantNumbers(t, map[string]float64{"recomputed": 6})

	// Its identity has the tensor's dimensions.
	set, err := features.Read("flat.features")
	if err != nil {
		t.Fatal(err)
	}
	if id := string(set.Meta.Spaces[0]); !strings.Contains(id, `"shape":[192,7,7]`) || !strings.Contains(id, `"pool":"flat"`) {
		t.Errorf("the space is %s", id)
	}
	why := p.do(t, "cache why --image image --root "+p.emoji+" --tap Add_6:max emoji.csv")
	for _, want := range []string{"pool (its pooling): max here, gap there", "holds 8 of the 12 missing"} {
		if !strings.Contains(why, want) {
			t.Errorf("%q is missing in %s", want, why)
		}
	}
	p.do(t, "cache why flat.features")
	for _, format := range []string{"npy", "safetensors", "csv", "parquet"} {
		p.one(t, "cache export --out flat."+format+" flat.features").wantNumbers(t, map[string]float64{"rows": 12, "dim": d})
	}
	p.do(t, images+"--tap features:flat --out small.features")
	p.one(t, "train-head --l2 0.1 --cv 2 --by none --calibrate none small.features").wantNumbers(t, map[string]float64{"dim": 1280})
	if a, b := p.do(t, "predict small.head.onnx --to jsonl --image image --root "+p.emoji+" emoji.csv"), p.do(t, "predict small.head.onnx --to jsonl small.features"); a != b {
		t.Errorf("predicted from images\n%s\nfrom features\n%s", a, b)
	}

	p.table("names.csv", "text", [][]string{{"a cat"}, {"a dog"}})
	p.fails(t, "extract --tap last_hidden_state:flat names.csv", exitFailed, `pooling "flat" does not fit`)
	p.fails(t, images+"--tap Clip_2:flat", exitFailed, "more than 1048576 values")
}

// opened returns the cache and the feature set, and its source, open.
func opened(t *testing.T, name string) (*cache.Cache, *features.Set, *source.Source) {
	t.Helper()
	c, err := cache.Open(os.Getenv("HEADSTART_CACHE"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	set, err := features.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	src, err := extract.Reread(&set.Meta, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return c, set, src
}

// builtinBackbone returns a built-in backbone as change makes it, in the
// runtime.
func builtinBackbone(t *testing.T, name string, change func(*models.Spec) error) (*models.Spec, *runtime.Lazy) {
	t.Helper()
	spec, err := folder.Resolve(name, builtin.FS())
	if err == nil {
		err = change(spec)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(spec, &common{provider: "cpu"})
	t.Cleanup(func() { s.Close() })
	return spec, s
}

// What a network behind a cut is fed is what extract computes at the cut.
func TestFeedIsWhatExtractComputes(t *testing.T) {
	p := newPlace(t)
	samples := p.samples(0, 6, "symbols", "food-and-drink")
	p.table("emoji.csv", "image,name,label,group", samples)
	p.do(t, "extract --image image --root "+p.emoji+" --tap Add_6:flat --out images.features emoji.csv")
	const layer4 = "/m/encoder/layer.4/output/LayerNorm/LayerNormalization_output_0"
	p.do(t, "extract --text name --tap "+layer4+":mean --out names.features emoji.csv")

	rows := []int{5, 0, 11, 7, 0}
	x, d := rowsOf(t, "images.features")
	c, set, src := opened(t, "images.features")
	spec, prefix := builtinBackbone(t, "efficientnet-lite0", func(s *models.Spec) error { return s.SetTaps([]string{"Add_6:flat"}) })
	space, err := cache.ParseSpace(set.Meta.Spaces[0])
	if err != nil {
		t.Fatal(err)
	}
	reader, err := c.Reader(space)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, o := range []*feed.Options{{Prefix: prefix}, {Cached: reader}} {
		o.Cut, o.Shape = "Add_6", spec.Taps[0].Shape
		f, err := feed.New(t.Context(), spec, src, set.IDs, set.Keys, o)
		if err != nil {
			t.Fatal(err)
		}
		in := []tensor.View{{Name: "Add_6", Shape: []int64{5, 192, 7, 7}, F32: make([]float32, 5*d)}}
		if err := f.FillTo(t.Context(), in, rows); err != nil {
			t.Fatal(err)
		}
		for k, row := range rows {
			if !near(in[0].F32[k*d:(k+1)*d], x[row*d:(row+1)*d], 1e-5) {
				t.Errorf("image %d is fed something else than the cache has", row)
			}
		}
		_, _, src = opened(t, "images.features")
	}

	x, d = rowsOf(t, "names.features")
	_, set, src = opened(t, "names.features")
	spec, prefix = builtinBackbone(t, "all-minilm-l6-v2", func(s *models.Spec) error { return s.SetTaps([]string{layer4}) })
	f, err := feed.New(t.Context(), spec, src, set.IDs, set.Keys, &feed.Options{Cut: layer4, Shape: spec.Taps[0].Shape, Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	const tokens = 40
	in := []tensor.View{
		{Name: layer4, Shape: []int64{5, tokens, 384}, F32: make([]float32, 5*tokens*384)},
		{Name: "attention_mask", Shape: []int64{5, tokens}, I64: make([]int64, 5*tokens)},
	}
	if err := f.FillTo(t.Context(), in, rows); err != nil {
		t.Fatal(err)
	}
	for k, row := range rows {
		mean, counted := make([]float64, d), 0.0
		for at := range tokens {
			if in[1].I64[k*tokens+at] == 0 {
				continue
			}
			counted++
			for i := range mean {
				mean[i] += float64(in[0].F32[(k*tokens+at)*d+i])
			}
		}
		got := make([]float32, d)
		for i := range got {
			got[i] = float32(mean[i] / counted)
		}
		if int(counted) != f.Tokens(row) || !near(got, x[row*d:(row+1)*d], 1e-5) {
			t.Errorf("text %d is fed something else than the cache has", row)
		}
	}
}

// logits appends a head to a backbone: three values of each sample, products
// with the features, N×D, that the nodes make.
func logits(s *models.Spec, features string, d int64, nodes ...*pb.NodeProto) error {
	model, err := onnx.Decode(s.Weights.Data)
	if err != nil {
		return err
	}
	w := make([]float32, 3*d)
	for i := range w {
		w[i] = float32(i%3) - 1
	}
	batch := onnx.Dim{Size: -1, Name: "batch"}
	model, names, err := onnx.Append(model, &pb.GraphProto{
		Node: append(nodes, onnx.Node("Gemm", []string{features, "head.weight"}, []string{"logits"}, onnx.IntAttribute("transB", 1))),
		Initializer: []*pb.TensorProto{
			onnx.FloatTensor("head.weight", w, 3, d), {Name: new("first"), DataType: new(int32(pb.TensorProto_INT64)), Int64Data: []int64{0}},
		},
		Output: []*pb.ValueInfoProto{onnx.TensorValue("logits", pb.TensorProto_FLOAT, batch, onnx.Dim{Size: 3})},
	})
	if err != nil {
		return err
	}
	if s.Weights.Data, err = onnx.Encode(model); err != nil {
		return err
	}
	s.Weights.SHA256 = strings.Repeat("5", 64)
	s.Taps = []models.Tap{{Output: names["logits"], Pooling: "none", Shape: []int64{-1, 3}, Dim: 3}}
	return nil
}

// kept is a sink that keeps the embeddings.
type kept [][]float32

func (k *kept) Take(rows []extract.Row) error {
	for _, r := range rows {
		*k = append(*k, slices.Clone(r.Embedding))
	}
	return nil
}

// A backbone with a head behind it gives logits for samples, with and without a
// cache, as any other backbone gives features.
func TestLogitsOfAModifiedBackbone(t *testing.T) {
	p := newPlace(t)
	p.table("emoji.csv", "image,name,label,group", p.samples(0, 6, "symbols", "food-and-drink"))
	for _, tc := range []struct {
		backbone, extract, features string
		nodes                       []*pb.NodeProto
	}{
		{"efficientnet-lite0", "--image image --root " + p.emoji, "features", nil},
		{"all-minilm-l6-v2", "--text name --tap last_hidden_state:cls", "cls",
			[]*pb.NodeProto{onnx.Node("Gather", []string{"last_hidden_state", "first"}, []string{"cls"}, onnx.IntAttribute("axis", 1))}},
	} {
		p.do(t, "extract "+tc.extract+" --out own.features emoji.csv")
		x, d := rowsOf(t, "own.features")
		spec, backbone := builtinBackbone(t, tc.backbone, func(s *models.Spec) error { return logits(s, tc.features, int64(d), tc.nodes...) })
		store, err := cache.Create(t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		for i, c := range []*cache.Cache{nil, store, store} {
			_, _, src := opened(t, "own.features")
			out, stats := new(kept), new(extract.Stats)
			if err := extract.Run(t.Context(), spec, backbone, c, src, out, stats, &extract.Settings{Embeddings: true}); err != nil {
				t.Fatal(err)
			}
			if cached := stats.Cached.Load(); cached != []int64{0, 0, 12}[i] || len(*out) != 12 {
				t.Errorf("%s: run %d: %d rows, %d cached", tc.backbone, i, len(*out), cached)
			}
			for n, got := range *out {
				want := make([]float64, 3)
				for k := range 3 * d {
					want[k/d] += float64(x[n*d+k%d]) * float64(k%3-1)
				}
				if !near(got, []float32{float32(want[0]), float32(want[1]), float32(want[2])}, 1e-4) {
					t.Fatalf("%s: sample %d: logits %v, want %v", tc.backbone, n, got, want)
				}
			}
		}
		os.Remove("own.features")
	}
}
