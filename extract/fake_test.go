package extract_test

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

const fakeDim = 8

// fake is a backbone whose row depends on the sample's own input alone, and,
// unless mix is set, in no way on the batch that it travels in.
type fake struct {
	delay time.Duration
	calls atomic.Int64
	rows  atomic.Int64
	fail  func(call int64) error
	wreck func(value float32) float32 // applied to every output value
	mix   float32                     // added to every output value for each neighbour in the batch

	shift string // of this output every value is another one

	largest atomic.Int64 // samples in the largest batch
}

var _ embed.Backbone = (*fake)(nil)

func (f *fake) Run(ctx context.Context, inputs, outputs []tensor.View) error {
	call := f.calls.Add(1)
	n := outputs[0].Shape[0]
	f.rows.Add(n)
	for was := f.largest.Load(); n > was && !f.largest.CompareAndSwap(was, n); was = f.largest.Load() {
	}
	if f.fail != nil {
		if err := f.fail(call); err != nil {
			return err
		}
	}
	select {
	case <-time.After(f.delay):
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, output := range outputs {
		salt := uint64(strings.Count(output.Name, "'")) << 32
		if output.Name == f.shift {
			salt++
		}
		f.fill(salt, inputs, output)
	}
	return nil
}

// fill fills one output; what it gives depends on salt. An output of a text is
// of its tokens, or, samples×values, of all that its mask counts.
func (f *fake) fill(salt uint64, inputs []tensor.View, output tensor.View) {
	input, n := inputs[0], int(output.Shape[0])
	each := max(len(input.F32), len(input.I64)) / n
	switch {
	case input.I64 != nil && len(output.Shape) == 3:
		dim := int(output.Shape[2])
		for i, id := range input.I64 {
			for k := range dim {
				output.F32[i*dim+k] = fakeValue(uint64(id)+salt, k)
			}
		}
	default:
		dim := len(output.F32) / n
		for i := range n {
			h := fnv.New64a()
			for at := i * each; at < (i+1)*each; at++ {
				if input.I64 == nil {
					binary.Write(h, binary.LittleEndian, input.F32[at:(i+1)*each])
					break
				}
				if inputs[1].I64[at] == 1 {
					binary.Write(h, binary.LittleEndian, input.I64[at])
				}
			}
			for k := range dim {
				output.F32[i*dim+k] = fakeValue(h.Sum64()+salt, k)
			}
		}
	}
	for i := range output.F32 {
		output.F32[i] += f.mix * float32(output.Shape[0]-1)
	}
	if f.wreck != nil {
		for i, v := range output.F32 {
			output.F32[i] = f.wreck(v)
		}
	}
}

func fakeValue(x uint64, k int) float32 {
	x = (x + uint64(k) + 1) * 0x9E3779B97F4A7C15
	x ^= x >> 29
	return float32(int64(x%2001)-1000) / 64
}

// textSpec describes a text backbone with the built-in tokenizer, imageSpec
// an image backbone with the built-in contract, both for fake graphs.
func textSpec(t testing.TB) *models.Spec {
	t.Helper()
	tokenizer, err := os.ReadFile("../models/builtin/all-minilm-l6-v2/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	return &models.Spec{
		Name: "fake-text", Modality: models.Text,
		Weights: models.Weights{SHA256: strings.Repeat("1", 64)},
		Inputs: []models.Input{
			{Name: "input_ids", DType: "i64", Role: "ids"},
			{Name: "attention_mask", DType: "i64", Role: "mask"},
			{Name: "token_type_ids", DType: "i64", Role: "types"},
		},
		Taps:     []models.Tap{{Output: "last_hidden_state", Pooling: "mean", Shape: []int64{-1, -1, fakeDim}, Dim: fakeDim}},
		Contract: &models.TextSpec{Tokenizer: tokenizer, TokenizerSHA256: strings.Repeat("2", 64), MaxLen: 256, Truncation: "right"},
	}
}

func imageSpec() *models.Spec {
	return &models.Spec{
		Name: "fake-image", Modality: models.Image,
		Weights: models.Weights{SHA256: strings.Repeat("3", 64)},
		Inputs:  []models.Input{{Name: "pixel_values", DType: "f32", Role: "pixels"}},
		Taps:    []models.Tap{{Output: "features", Pooling: "none", Shape: []int64{-1, fakeDim}, Dim: fakeDim}},
		Contract: &models.ImageSpec{
			Policies: models.Policies{EXIF: "apply", Alpha: "drop", Grey16: "clip"}, Convert: "rgb",
			Resize:  models.Resize{Engine: "pillow/1", Order: "hv", Mode: "short", Width: 40, Height: 40, Filter: "bicubic"},
			Crop:    models.Crop{Width: 32, Height: 32, Offset: "floor"},
			Rescale: 1.0 / 255, Mean: [3]float64{0.5, 0.5, 0.5}, Std: [3]float64{0.5, 0.5, 0.5}, Layout: "nchw",
		},
	}
}

// sink keeps what it is given.
type sink struct {
	rows       []extract.Row
	embeddings [][]float32
}

func (s *sink) Take(rows []extract.Row) error {
	for _, r := range rows {
		s.embeddings = append(s.embeddings, append([]float32(nil), r.Embedding...))
		s.rows = append(s.rows, r)
	}
	return nil
}

// open opens a source, and closes it at the end of the test.
func open(t testing.TB, opts *source.Options, paths ...string) *source.Source {
	t.Helper()
	src, err := source.Open(paths, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

// write puts content into a file of the test's own and returns its path.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// store opens a cache in dir and verifies it at the end of the test.
func store(t testing.TB, dir string) *cache.Cache {
	t.Helper()
	c, err := cache.Create(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := c.Verify(context.Background(), cache.Full, func(p cache.Problem) {
			t.Errorf("cache: %s: row %d: %v", p.Path, p.Row, p.Err)
		})
		if err != nil {
			t.Error(err)
		}
		c.Close()
	})
	return c
}

// withHeaderCRC gives the IHDR chunk of a PNG file its checksum.
func withHeaderCRC(png []byte) []byte {
	return append(png[:29:29], binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(png[12:29]))...)
}
