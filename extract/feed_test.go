package extract_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/feed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

// seen is a backbone that remembers what it is given for each sample, by the
// sample's first output value.
type seen struct {
	fake
	mu  sync.Mutex
	all map[float32][]tensor.View
}

func (s *seen) Run(ctx context.Context, inputs, outputs []tensor.View) error {
	if err := s.fake.Run(ctx, inputs, outputs); err != nil {
		return err
	}
	if outputs[0].Shape[0] != 1 {
		return nil
	}
	var copies []tensor.View
	for _, in := range inputs {
		in.F32, in.I64 = slices.Clone(in.F32), slices.Clone(in.I64)
		copies = append(copies, in)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[float32][]tensor.View)
	}
	s.all[outputs[0].F32[0]] = copies
	return nil
}

// set is what a run leaves of a source.
type set struct {
	ids  []string
	keys []cache.Key
	rows [][]float32
	fed  [][]tensor.View // what the backbone was given, one sample at a time
}

func extracted(t *testing.T, c *cache.Cache, spec *models.Spec, path string) *set {
	t.Helper()
	out, backbone := new(sink), new(seen)
	if spec.Modality == models.Text { // a tap that tells texts apart by one value
		spec = tapped(spec)
		spec.Taps[0] = models.Tap{Output: "all", Pooling: "none", Shape: []int64{-1, fakeDim}, Dim: fakeDim}
	}
	err := extract.Run(t.Context(), spec, backbone, c, open(t, nil, path), out, nil, &extract.Settings{BatchSize: 1, Embeddings: true})
	if err != nil {
		t.Fatal(err)
	}
	s := new(set)
	for i, r := range out.rows {
		if r.Bad != "" {
			t.Fatalf("%s: %s", r.Sample.ID, r.Bad)
		}
		s.ids, s.keys = append(s.ids, r.Sample.ID), append(s.keys, r.Key)
		s.rows = append(s.rows, out.embeddings[i])
		s.fed = append(s.fed, backbone.all[out.embeddings[i][0]])
	}
	return s
}

// emoji is a folder of n images, the last of which is there twice.
func emoji(t *testing.T, n int) string {
	t.Helper()
	all, err := filepath.Glob("../testdata/emoji/images/1f60*.png")
	if err != nil || len(all) < n {
		t.Fatalf("%d emoji: %v", len(all), err)
	}
	root := filepath.Join(t.TempDir(), "emoji")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range n + 1 {
		content, err := os.ReadFile(all[min(i, n-1)])
		if err == nil {
			err = os.WriteFile(filepath.Join(root, fmt.Sprintf("%02d.png", i)), content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

var pixels = []int64{3, 32, 32}

func pixelInput(n int) []tensor.View {
	return []tensor.View{{Name: "pixel_values", Shape: append([]int64{int64(n)}, pixels...), F32: make([]float32, n*3*32*32)}}
}

// Without a cut the network is fed the very values that the backbone was.
func TestFeedPixels(t *testing.T) {
	for _, c := range []struct {
		layout, engine string
		bytes          int64 // that a value takes where it is held
	}{{"nchw", "pillow/1", 1}, {"nhwc", "pillow/1", 1}, {"nchw", "torch/1", 4}} {
		layout, each := c.layout, c.bytes*3*32*32
		spec := imageSpec()
		spec.Contract.(*models.ImageSpec).Layout = layout
		spec.Contract.(*models.ImageSpec).Resize.Engine = c.engine
		spec.Taps[0].Output = layout
		path := emoji(t, 9)
		s := extracted(t, nil, spec, path)
		for _, tc := range []struct {
			memory  int64
			decoded [2]int64 // after an epoch, after two
			held    int64
		}{{0, [2]int64{9, 9}, 9}, {-1, [2]int64{9, 18}, 0}, {4 * each, [2]int64{9, 14}, 4}} {
			f, err := feed.New(t.Context(), spec, open(t, nil, path), s.ids, s.keys, &feed.Options{Memory: tc.memory, Threads: 3})
			if err != nil {
				t.Fatal(err)
			}
			var decoded [2]int64
			for epoch := range 2 {
				for _, rows := range [][]int{{7, 2, 2, 0}, {9, 8, 1}, {3, 4, 5, 6}} {
					in := pixelInput(len(rows))
					if layout == "nhwc" {
						in[0].Shape = []int64{int64(len(rows)), 32, 32, 3}
					}
					if err := f.FillTo(t.Context(), in, rows); err != nil {
						t.Fatal(err)
					}
					for k, row := range rows {
						if n := 3 * 32 * 32; !slices.Equal(in[0].F32[k*n:(k+1)*n], s.fed[row][0].F32) {
							t.Fatalf("%s: row %d is fed something else", layout, row)
						}
					}
				}
				decoded[epoch] = f.Cost().Decoded
			}
			cost := f.Cost()
			if f.Tokens(3) != 0 || f.N() != 10 || cost.Held != tc.held || cost.Bytes != tc.held*each || cost.Computed != 0 {
				t.Errorf("memory %d: %+v", tc.memory, cost)
			}
			// Rows 8 and 9 have one content, which is decoded once a batch.
			if decoded != tc.decoded {
				t.Errorf("memory %d: %v decoded", tc.memory, decoded)
			}
		}
	}
}

func texts(t *testing.T) string {
	return write(t, "texts.txt", "a cat\nthe quick brown fox jumps over the lazy dog\na dog\nbirds of a feather flock together, they say\na cat\none\n")
}

func textInputs(n, tokens int, small bool) []tensor.View {
	var all []tensor.View
	for _, in := range []string{"input_ids", "attention_mask", "token_type_ids"} {
		t := tensor.View{Name: in, Shape: []int64{int64(n), int64(tokens)}}
		if small {
			t.I32 = slices.Repeat([]int32{7}, n*tokens)
		} else {
			t.I64 = slices.Repeat([]int64{7}, n*tokens)
		}
		all = append(all, t)
	}
	return all
}

func TestFeedTokens(t *testing.T) {
	spec, path := textSpec(t), texts(t)
	s := extracted(t, nil, spec, path)
	f, err := feed.New(t.Context(), spec, open(t, nil, path), s.ids, s.keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := []int{1, 5, 0, 1, 4}
	for _, small := range []bool{false, true} {
		in := textInputs(len(rows), 16, small)
		if err := f.FillTo(t.Context(), in, rows); err != nil {
			t.Fatal(err)
		}
		for i, got := range in {
			for k, row := range rows {
				want := s.fed[row][i].I64
				if f.Tokens(row) != len(want) {
					t.Fatalf("row %d: %d tokens, want %d", row, f.Tokens(row), len(want))
				}
				for at := range 16 {
					v, w := int64(0), int64(0) // [PAD] of this tokenizer is 0, too
					if at < len(want) {
						w = want[at]
					}
					if small {
						v = int64(got.I32[k*16+at])
					} else {
						v = got.I64[k*16+at]
					}
					if v != w {
						t.Fatalf("%s: row %d, token %d: %d, want %d", got.Name, row, at, v, w)
					}
				}
			}
		}
	}
}

const layer = "layer"

func cutInput(n, tokens int) []tensor.View {
	return []tensor.View{{Name: layer, Shape: []int64{int64(n), int64(tokens), fakeDim}, F32: slices.Repeat([]float32{7}, n*tokens*fakeDim)}}
}

// The values of a text at a cut are those of its own tokens, whatever it is
// computed beside, and zeros behind them.
func TestFeedComputesTexts(t *testing.T) {
	path := texts(t)
	rows := []int{3, 0, 1, 4, 2, 5, 1}
	for _, tc := range []struct {
		name             string
		memory           int64
		backbone         *fake
		dependent        []string
		largest          int64
		computed, epochs int64 // after one, after two
	}{
		// 5 contents; 4 of them checked together and alone.
		{"held", 0, &fake{}, nil, 5, 13, 13},
		{"nothing held", -1, &fake{}, nil, 5, 13, 18},
		{"some held", 4 * fakeDim * 5, &fake{}, nil, 5, 13, 17},
		{"depends on the batch, says the graph", 0, &fake{mix: 1}, []string{"BatchNormalization"}, 1, 5, 5},
		{"depends on the batch, as is seen", 0, &fake{mix: 1}, nil, 4, 13, 13},
	} {
		spec := textSpec(t)
		spec.BatchDependent = tc.dependent
		s := extracted(t, nil, spec, path)
		f, err := feed.New(t.Context(), spec, open(t, nil, path), s.ids, s.keys, &feed.Options{
			Cut: layer, Shape: []int64{-1, -1, fakeDim}, Prefix: tc.backbone, Memory: tc.memory, Threads: 2,
		})
		if err != nil {
			t.Fatal(err)
		}
		var computed [2]int64
		for epoch := range 2 {
			in := append(cutInput(len(rows), 20), textInputs(len(rows), 20, false)[1])
			if err := f.FillTo(t.Context(), in, rows); err != nil {
				t.Fatal(err)
			}
			for k, row := range rows {
				ids := s.fed[row][0].I64
				for at := range 20 {
					for i := range fakeDim {
						var want float32
						if at < len(ids) {
							want = fakeValue(uint64(ids[at]), i)
						}
						if got := in[0].F32[(k*20+at)*fakeDim+i]; got != want {
							t.Fatalf("%s: row %d, token %d, value %d: %v, want %v", tc.name, row, at, i, got, want)
						}
					}
					if counted := in[1].I64[k*20+at] == 1; counted != (at < len(ids)) {
						t.Fatalf("%s: row %d: the mask at token %d is wrong", tc.name, row, at)
					}
				}
			}
			computed[epoch] = f.Cost().Computed
		}
		if computed != [2]int64{tc.computed, tc.epochs} || tc.backbone.largest.Load() != tc.largest {
			t.Errorf("%s: %v computed, at most %d at once", tc.name, computed, tc.backbone.largest.Load())
		}
		if c := f.Cost(); tc.memory == 0 && (c.Held != 5 || c.Bytes == 0) || tc.memory < 0 && (c.Held != 0 || c.Bytes != 0) {
			t.Errorf("%s: %+v", tc.name, c)
		}
	}
}

// flatSpec is a spec of images with a flat tap of a tensor 2×3×4.
func flatSpec() *models.Spec {
	spec := imageSpec()
	spec.Taps = []models.Tap{{Output: layer, Pooling: "flat", Shape: []int64{-1, 2, 3, 4}, Dim: 24}}
	return spec
}

// The values of images at a cut come from the cache, or are computed, and are
// the same.
func TestFeedCached(t *testing.T) {
	spec, path, c := flatSpec(), emoji(t, 6), store(t, t.TempDir())
	s := extracted(t, c, spec, path)
	spaces, err := contract.SpacesOf(spec)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := c.Reader(spaces[0])
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	o := &feed.Options{Cut: layer, Shape: spec.Taps[0].Shape, Cached: reader}
	cached, err := feed.New(t.Context(), spec, nil, s.ids, s.keys, o)
	if err != nil {
		t.Fatal(err)
	}
	computed, err := feed.New(t.Context(), spec, open(t, nil, path), s.ids, s.keys, &feed.Options{Cut: layer, Shape: o.Shape, Prefix: new(fake)})
	if err != nil {
		t.Fatal(err)
	}
	rows := []int{5, 6, 0, 0, 3}
	for _, f := range []*feed.Feed{cached, computed} {
		in := []tensor.View{{Name: layer, Shape: []int64{5, 2, 3, 4}, F32: make([]float32, 5*24)}}
		if err := f.FillTo(t.Context(), in, rows); err != nil {
			t.Fatal(err)
		}
		for k, row := range rows {
			if !slices.Equal(in[0].F32[k*24:(k+1)*24], s.rows[row]) {
				t.Fatalf("row %d is fed something else", row)
			}
		}
	}
	if n := cached.Cost(); n.Computed != 0 || n.Decoded != 0 {
		t.Errorf("from the cache: %+v", n)
	}
	if err := cached.FillTo(t.Context(), pixelInput(1), []int{0}); err == nil || !strings.Contains(err.Error(), "no source") {
		t.Errorf("pixels without a source: %v", err)
	}
	s.keys[2][0] ^= 1
	if _, err := feed.New(t.Context(), spec, nil, s.ids, s.keys, o); err == nil || !strings.Contains(err.Error(), "lacks 1 of 6") {
		t.Errorf("a key that the cache does not have: %v", err)
	}
}

// counted counts the samples that are taken from a source.
type counted struct {
	extract.Source
	samples int
}

func (c *counted) Next() (*source.Sample, error) {
	s, err := c.Source.Next()
	if err == nil {
		c.samples++
	}
	return s, err
}

// Several feeds share what one pass over the source found.
func TestFeedsShareWhatWasFound(t *testing.T) {
	spec, path := textSpec(t), texts(t)
	s := extracted(t, nil, spec, path)
	src := &counted{Source: open(t, nil, path)}
	found, err := feed.Find(t.Context(), spec, src, &feed.Wanted{IDs: s.ids, Keys: s.keys, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	own, err := feed.New(t.Context(), spec, open(t, nil, path), s.ids, s.keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	longest := 0
	for i := range s.ids {
		longest = max(longest, own.Tokens(i))
	}
	want := textInputs(3, longest, false)
	rows := []int{2, 0, 2}
	if err := own.FillTo(t.Context(), want, rows); err != nil {
		t.Fatal(err)
	}
	for _, o := range []*feed.Options{nil, {Threads: 1}, {Memory: -1}} {
		f, err := found.Feed(spec, o)
		if err != nil {
			t.Fatal(err)
		}
		got := textInputs(3, longest, false)
		if err := f.FillTo(t.Context(), got, rows); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if !slices.Equal(got[i].I64, want[i].I64) {
				t.Errorf("%s is fed something else", want[i].Name)
			}
		}
		if f.N() != len(s.ids) {
			t.Errorf("%d rows", f.N())
		}
	}
	if src.samples != len(s.ids) {
		t.Errorf("%d samples were read for %d", src.samples, len(s.ids))
	}
	if _, err := found.Feed(spec, &feed.Options{Cut: layer}); err == nil {
		t.Error("a cut without anything that leads to it")
	}
	if _, err := feed.Find(t.Context(), spec, src, &feed.Wanted{IDs: s.ids}); err == nil || !strings.Contains(err.Error(), "0 keys") {
		t.Errorf("rows without keys: %v", err)
	}
	if _, err := feed.Find(t.Context(), spec, src, &feed.Wanted{IDs: s.ids, Keys: s.keys}); err == nil || !strings.Contains(err.Error(), "not in the source any more") {
		t.Errorf("a source that is at its end: %v", err)
	}
}

// A source that is not what it was is refused with names.
func TestFeedStale(t *testing.T) {
	spec, path := textSpec(t), texts(t)
	s := extracted(t, nil, spec, path)
	after := write(t, "texts.txt", "a cat\nanother fox\na dog\nbirds\n")
	_, err := feed.New(t.Context(), spec, open(t, nil, after), s.ids, s.keys, nil)
	stale, ok := errors.AsType[*feed.StaleError](err)
	if !ok || stale.Rows != 6 || !slices.Equal(stale.Gone, []string{"texts#5", "texts#6"}) || !slices.Equal(stale.Changed, []string{"texts#2", "texts#4"}) {
		t.Fatalf("%v", err)
	}
	if want := "of 6 samples of the feature set, 2 are not in the source any more (texts#5, texts#6) and 2 are there with another content (texts#2, texts#4)"; !strings.Contains(err.Error(), want) {
		t.Error(err)
	}

	images := imageSpec()
	folder := emoji(t, 4)
	s = extracted(t, nil, images, folder)
	if err := os.Remove(filepath.Join(folder, "01.png")); err != nil {
		t.Fatal(err)
	}
	_, err = feed.New(t.Context(), images, open(t, nil, folder), s.ids, s.keys, nil)
	if stale, ok := errors.AsType[*feed.StaleError](err); !ok || !slices.Equal(stale.Gone, s.ids[1:2]) {
		t.Errorf("%v", err)
	}
	s.ids, s.keys = slices.Delete(s.ids, 1, 2), slices.Delete(s.keys, 1, 2)
	for _, o := range []*feed.Options{nil, {Cut: layer, Shape: []int64{-1, 24}, Prefix: new(fake)}} {
		f, err := feed.New(t.Context(), images, open(t, nil, folder), s.ids, s.keys, o)
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(filepath.Join(folder, "02.png"))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, "00.png"), content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		in := pixelInput(2)
		if o != nil {
			in = []tensor.View{{Name: layer, Shape: []int64{2, 24}, F32: make([]float32, 48)}}
		}
		if err := f.FillTo(t.Context(), in, []int{2, 0}); err == nil || !strings.Contains(err.Error(), "emoji/00.png: its content has changed") {
			t.Errorf("an image that has changed: %v", err)
		}
	}
}

func TestFeedRefuses(t *testing.T) {
	spec, path := textSpec(t), texts(t)
	s := extracted(t, nil, spec, path)
	tokens := []int64{-1, -1, fakeDim}
	for _, tc := range []struct {
		o    feed.Options
		want string
	}{
		{feed.Options{Shape: tokens}, "there is no cut"},
		{feed.Options{Cut: layer, Shape: tokens}, "either the backbone up to it or cached rows"},
		{feed.Options{Cut: layer, Shape: []int64{-1}, Prefix: new(fake)}, "shape [-1]"},
		{feed.Options{Cut: layer, Shape: []int64{2, 3}, Prefix: new(fake)}, "must be -1"},
		{feed.Options{Cut: layer, Shape: []int64{-1, 3, -1}, Prefix: new(fake)}, "dimension 2 is not fixed"},
		{feed.Options{Cut: layer, Shape: []int64{-1, 1 << 30, 1 << 30}, Prefix: new(fake)}, "too large"},
	} {
		if _, err := feed.New(t.Context(), spec, open(t, nil, path), s.ids, s.keys, &tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want …%s…", err, tc.want)
		}
	}
	if _, err := feed.New(t.Context(), spec, open(t, nil, path), s.ids[1:], s.keys, nil); err == nil {
		t.Error("5 ids and 6 keys are taken")
	}
	if _, err := feed.New(t.Context(), spec, nil, s.ids, s.keys, nil); err == nil || !strings.Contains(err.Error(), "no source") {
		t.Errorf("no source: %v", err)
	}
	twice := slices.Clone(s.ids)
	twice[1] = twice[0]
	if _, err := feed.New(t.Context(), spec, open(t, nil, path), twice, s.keys, nil); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("an id twice: %v", err)
	}

	feeding := func(b *fake) *feed.Feed {
		f, err := feed.New(t.Context(), spec, open(t, nil, path), s.ids, s.keys, &feed.Options{Cut: layer, Shape: tokens, Prefix: b, Memory: -1})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := feeding(new(fake))
	short := cutInput(2, 20)
	short[0].F32 = short[0].F32[1:]
	for _, tc := range []struct {
		in   []tensor.View
		rows []int
		want string
	}{
		{cutInput(2, 4), []int{0, 1}, "does not fit"},
		{cutInput(2, 20), []int{0}, "does not fit"},
		{cutInput(1, 20), []int{6}, "row 6: there are 6"},
		{cutInput(1, 20), []int{-1}, "row -1"},
		{short, []int{0, 1}, "values of the right type"},
		{[]tensor.View{{Name: "no such", Shape: []int64{1}}}, []int{0}, "input no such"},
		{[]tensor.View{{Name: "input_ids", Shape: []int64{1, 9}, F32: make([]float32, 9)}}, []int{0}, "0 values of the right type"},
	} {
		if err := f.FillTo(t.Context(), tc.in, tc.rows); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want …%s…", err, tc.want)
		}
	}

	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		err := feeding(&fake{wreck: func(float32) float32 { return float32(bad) }}).FillTo(t.Context(), cutInput(1, 20), []int{2})
		if err == nil || !strings.Contains(err.Error(), "texts.txt:3: the backbone gave a value that is not finite") {
			t.Errorf("%v: %v", bad, err)
		}
	}
	broken := errors.New("out of memory")
	if err := feeding(&fake{fail: func(int64) error { return broken }}).FillTo(t.Context(), cutInput(2, 20), []int{2, 1}); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := feeding(&fake{fail: func(int64) error { cancel(); return nil }}).FillTo(ctx, cutInput(3, 20), []int{2, 1, 0})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := feed.New(ctx, spec, open(t, nil, path), s.ids, s.keys, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
