//go:build cgo && !windows

package retrain

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
	"github.com/headstart-ml/headstart/models/tensor"
)

// madeUp are samples that are made up: images, or texts of some tokens.
type madeUp struct {
	tokens int
	pixels []float32
}

func (s *madeUp) Tokens(int) int { return s.tokens }

func (s *madeUp) FillTo(ctx context.Context, inputs []tensor.View, rows, _ []int) error {
	for _, in := range inputs {
		size := (len(in.F32) + len(in.I64)) / len(rows)
		for k, row := range rows {
			for i := range size {
				switch {
				case in.F32 != nil:
					in.F32[k*size+i] = s.pixels[(row*7919+i)%len(s.pixels)]
				case in.Name == "input_ids":
					in.I64[k*size+i] = int64(1000 + (row*131+i*17)%20000)
				case in.Name == "attention_mask":
					in.I64[k*size+i] = 1
				}
			}
		}
	}
	return ctx.Err()
}

// BenchmarkReplicas makes steps of whole backbones with batches of 16 on two
// threads: by one session, and by two replicas. They alternate, each going
// first in every second pair; "ratio" is the median time of a step of two
// replicas by that of one session, optimiser and the sum of the gradients
// included. On a machine that does other things, all wait for each other's
// threads.
func BenchmarkReplicas(b *testing.B) {
	const n, threads, classes = 16, 2, 10
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		backbone string
		dims     int
		tokens   int
		tail     string
	}{
		{"efficientnet-lite0", 1280, 0, "all"}, {"efficientnet-lite0", 1280, 0, "half"},
		{"all-minilm-l6-v2", 384, 32, "all"}, {"all-minilm-l6-v2", 384, 32, "last:2"},
	} {
		b.Run(c.backbone+"/"+c.tail, func(b *testing.B) {
			spec, err := folder.Resolve(c.backbone, builtin.FS())
			if err != nil {
				b.Fatal(err)
			}
			places, err := NewPlaces(spec)
			if err != nil {
				b.Fatal(err)
			}
			place, err := places.Find(c.tail)
			if err != nil {
				b.Fatal(err)
			}
			d := &Data{Samples: &madeUp{c.tokens, normals(rng, 1<<20, 1)}, Labels: make([]int, 5*n), Parts: [3][]int{numbers(4 * n), numbers(5 * n)[4*n:]}}
			for i := range d.Labels {
				d.Labels[i] = i % classes
			}
			var trainings [2]*training
			for k := range trainings {
				t, err := newTraining(b.Context(), library(b), places.Network(place), d, head(classes, c.dims), &Settings{
					BatchSize: n, Threads: threads, Replicas: k + 1, LearningRate: 1e-6, Memory: 8 << 30,
				})
				if err != nil {
					b.Fatal(err)
				}
				defer t.programs.Close()
				t.position.epoch = 1
				trainings[k] = t
			}
			var took [2][]float64
			step := func(k int) {
				t := trainings[k]
				t.position.step %= t.batches.count
				began := time.Now()
				if err := t.step(b.Context()); err != nil || t.result.Status != "" {
					b.Fatal(t.result.Problem, err)
				}
				took[k] = append(took[k], time.Since(began).Seconds())
			}
			for range 3 { // the first runs pay for memory
				step(0)
				step(1)
			}
			took = [2][]float64{}
			b.ResetTimer()
			for b.Loop() {
				for i := range 8 {
					step(i % 2)
					step(1 - i%2)
				}
			}
			median := func(v []float64) float64 {
				slices.Sort(v)
				return v[len(v)/2]
			}
			one, two := median(took[0]), median(took[1])
			b.ReportMetric(two/one, "ratio")
			b.ReportMetric(slices.Min(took[1])/slices.Min(took[0]), "least-ratio")
			b.ReportMetric(1000*one, "ms/step")
		})
	}
}
