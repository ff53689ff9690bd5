package fit

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/head/internal/simd"
)

// instructions are the sets that this machine has, each while it is the limit.
func instructions(yield func(simd.Instructions) bool) {
	for i := simd.Portable; i <= simd.Most(); i++ {
		restore := simd.Limit(i)
		more := yield(i)
		restore()
		if !more {
			return
		}
	}
}

// passCase is a part of rows to go over.
type passCase struct {
	n, d, c               int
	weighted, far, unheld bool
}

// measured is the objective, its gradient and the probabilities of the rows,
// over all of them and over a batch. The rows outside the part are what outside
// makes of them.
func (s *passCase) measured(t *testing.T, threads int, outside func(row []float32, rng *rand.Rand)) []float64 {
	ctx := context.Background()
	data := blobs(s.n, s.d, s.c, 3, 5)
	rng := rand.New(rand.NewPCG(uint64(s.n), 1))
	cell := make([]int, s.n)
	for i := range s.n {
		if s.weighted {
			data.weights = append(data.weights, 0.25+rng.Float64())
		}
		row := data.row(i)
		if s.far {
			row[0] += 1000
			row[1] = row[1]*1e-25 + 1e-30
		}
		if rng.IntN(4) == 0 && i > 2*s.c {
			cell[i] = 1
			outside(row, rand.New(rand.NewPCG(uint64(i), 2)))
		}
	}
	o := &Settings{Threads: threads}
	if o.Weights.Rows = data.weights; s.unheld {
		o.Memory = 1
	}
	b, err := NewBench(ctx, &Labelled{Rows: data.dense, Labels: data.labels, Classes: s.c}, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Deal(ctx, []Deal{{Cell: cell, Cells: 2}}); err != nil {
		t.Fatal(err)
	}
	p, err := b.problem(&Part{Cells: []int{0}})
	if err != nil {
		t.Fatal(err)
	}
	if p.classes != s.c || p.shift.none == s.far || (b.x.held == nil) != s.unheld {
		t.Fatalf("%d classes, shift %v, held %v", p.classes, !p.shift.none, b.x.held != nil)
	}
	w, bias := make([]float64, s.c*s.d), make([]float64, s.c)
	for i := range w {
		w[i] = rng.NormFloat64() / math.Sqrt(float64(s.d))
	}
	for i := range bias {
		bias[i] = rng.NormFloat64()
	}
	p.lambda, p.threads = 0.01, threads
	var all []float64
	for _, batch := range [][]int{nil, rng.Perm(len(p.rows))[:len(p.rows)*2/3]} {
		p.probs = make([]float32, s.c*len(p.rows))
		g := make([]float64, len(w)+len(bias))
		f := 0.0
		if batch == nil {
			f, err = p.evaluate(ctx, w, bias, g[:len(w)], g[len(w):])
		} else {
			f, err = p.evaluateBatch(ctx, batch, w, bias, g[:len(w)], g[len(w):])
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(append(all, f, p.curvature), g...)
		for _, v := range p.probs {
			all = append(all, float64(v))
		}
	}
	return all
}

// TestFusedPass compares passes with vector instructions with the portable one:
// shapes with and without rests, parts with gaps, weights, features that are
// far from zero, rows that are not held, batches, probabilities. Rows outside
// the part, which are not finite or huge, change no bit, nor do threads.
func TestFusedPass(t *testing.T) {
	bad := func(row []float32, rng *rand.Rand) {
		row[rng.IntN(len(row))] = []float32{float32(math.NaN()), float32(math.Inf(-1)), 1e30}[rng.IntN(3)]
	}
	for k, s := range []passCase{
		{n: 40, d: 3, c: 2}, {n: 300, d: 17, c: 3}, {n: 1500, d: 64, c: 5}, {n: 700, d: 100, c: 26}, {n: 900, d: 385, c: 10},
		{n: 300, d: 1300, c: 7}, {n: 400, d: 33, c: 100}, {n: 800, d: 20, c: 300}, {n: 4000, d: 16, c: 4},
	} {
		for variant := range 4 {
			s.weighted, s.far, s.unheld = (k+variant)&1 == 1, variant >= 2, variant&1 == 1
			t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
				var want []float64
				for i := range instructions {
					got := s.measured(t, 1, bad)
					if want == nil {
						want = got
					}
					for at, v := range got {
						if !(math.Abs(v-want[at]) <= 2e-6*max(1, math.Abs(want[at]))) {
							t.Fatalf("%v: at %d %v, portable %v", i, at, v, want[at])
						}
					}
					if !slices.Equal(got, s.measured(t, 3, func([]float32, *rand.Rand) {})) {
						t.Fatalf("%v: other rows and threads change the sums", i)
					}
				}
			})
		}
	}
}
