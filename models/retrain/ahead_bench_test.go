//go:build cgo && !windows

package retrain

import (
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/feed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// fedViews is a feed as Samples.
type fedViews struct{ *feed.Feed }

func (f fedViews) FillTo(ctx context.Context, inputs []tensor.View, rows, views []int) error {
	return f.FillViewsTo(ctx, inputs, rows, views)
}

// photos writes pictures of two megapixels with something in them, and returns
// their names and keys.
func photos(b *testing.B, dir string, n int) (ids []string, keys []cache.Key) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		m := image.NewYCbCr(image.Rect(0, 0, 1632, 1224), image.YCbCrSubsampleRatio420)
		for y := range 1224 {
			for x := range 1632 {
				m.Y[y*m.YStride+x] = uint8((x*(i+1)/7)^(y/3)) + uint8(rng.IntN(16))
			}
		}
		for k := range m.Cb {
			m.Cb[k], m.Cr[k] = uint8(k/97), 128
		}
		name := fmt.Sprintf("%d.jpg", i)
		f, err := os.Create(filepath.Join(dir, name))
		if err == nil {
			err = jpeg.Encode(f, m, &jpeg.Options{Quality: 90})
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			b.Fatal(err)
		}
		ids, keys = append(ids, name), append(keys, cache.KeyOf("image", data))
	}
	return ids, keys
}

// BenchmarkAhead trains EfficientNet-Lite0 on photos of two megapixels that are
// decoded for each epoch, as where there are more than memory holds, and with
// the frozen layers run for each view. Trainings that fill the next batch in
// while a step runs alternate with ones that do not; "ratio" is the least time
// of the former by the least of the latter.
func BenchmarkAhead(b *testing.B) {
	const n = 68
	dir := b.TempDir()
	ids, keys := photos(b, dir, n)
	for _, tail := range []string{"all", "half", "last:1"} {
		b.Run(tail, func(b *testing.B) {
			spec, err := folder.Resolve("efficientnet-lite0", builtin.FS())
			if err != nil {
				b.Fatal(err)
			}
			places, err := NewPlaces(spec)
			if err != nil {
				b.Fatal(err)
			}
			place, err := places.Find(tail)
			if err != nil {
				b.Fatal(err)
			}
			o := &feed.Options{Cut: place.Cut, Shape: place.Shape, Memory: -1}
			d := &Data{Labels: make([]int, n)}
			if place.Cut != "" {
				own := *spec
				if err := own.SetTaps([]string{place.Cut + ":" + place.Pooling()}); err != nil {
					b.Fatal(err)
				}
				spec = &own
				var inputs []string
				for _, in := range spec.Feeds() {
					inputs = append(inputs, in.Name)
				}
				found, err := filepath.Glob("../../lib/libonnxruntime.*")
				if err != nil || len(found) == 0 {
					b.Fatal("no ONNX Runtime in lib/; make runtime fetches it")
				}
				prefix := runtime.NewLazy(found[0], func() ([]byte, error) { return spec.Model(), nil }, &runtime.Options{
					Name: spec.Name, Inputs: inputs, Outputs: spec.Outputs(), Threads: 1,
				})
				defer prefix.Close()
				o.Prefix = prefix
				d.Views = 8
			}
			src, err := source.Open([]string{dir}, nil)
			if err != nil {
				b.Fatal(err)
			}
			defer src.Close()
			f, err := feed.New(b.Context(), spec, src, ids, keys, o)
			if err != nil {
				b.Fatal(err)
			}
			d.Samples = fedViews{f}
			for i := range n {
				d.Labels[i] = i % 3
				part := i / (n - 4)
				d.Parts[part] = append(d.Parts[part], i)
			}
			h := &Head{Weight: make([]float32, 3*1280), Bias: make([]float32, 3)}
			var took [2][]float64
			for b.Loop() {
				for k, inTurn := range []bool{false, true} {
					var began time.Time
					ctx, cancel := context.WithCancel(b.Context())
					s := &Settings{Epochs: 1, BatchSize: 8, inTurn: inTurn, Progress: func(p Progress) {
						switch {
						case p.Done != nil && p.Epoch == 0:
							began = time.Now()
						case p.Done == nil && p.Step == p.Steps:
							took[k] = append(took[k], time.Since(began).Seconds()/float64(p.Steps))
							cancel() // what follows is not looked at
						}
					}}
					if _, err := Train(ctx, library(b), places.Network(place), d, h, s); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(slices.Min(took[0])/slices.Min(took[1]), "ratio")
			b.ReportMetric(slices.Min(took[1]), "s/step")
		})
	}
}
