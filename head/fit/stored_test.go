package fit

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/internal/simd"
)

// stored is rows that lie in another order, the first columns as float32, the
// rest as float16. The values of dense are those of halves.
type stored struct {
	*dense
	order  []int
	halves []uint16 // of the columns from split on, row after row
	split  int
	mu     sync.Mutex
	reads  [][]int
	err    error
	short  bool // the last row is left out
}

func (x *stored) Order() []int { return x.order }

func (x *stored) Each(rows []int, f func(i, column, width int, wide []float32, half []uint16)) error {
	if x.err != nil {
		return x.err
	}
	x.mu.Lock()
	x.reads = append(x.reads, slices.Clone(rows))
	x.mu.Unlock()
	if x.short {
		rows = rows[:len(rows)-1]
	}
	width := x.d - x.split
	for i := 0; i < len(rows); {
		n := 1
		for i+n < len(rows) && rows[i+n] == rows[i]+n {
			n++
		}
		for k := range n {
			if x.split > 0 {
				f(i+k, 0, x.split, x.row(rows[i+k])[:x.split], nil)
			}
		}
		f(i, x.split, width, nil, x.halves[rows[i]*width:(rows[i]+n)*width])
		i += n
	}
	return nil
}

func (x *stored) BlockTo([]float32, int, int) error {
	return errors.New("stored rows are read by Each")
}

// store makes stored rows of x, which it rounds to float16 from column split
// on.
func store(x *dense, split int) *stored {
	s := &stored{dense: x, order: rand.New(rand.NewPCG(3, 4)).Perm(x.N()), split: split}
	for i := range x.N() {
		for j := split; j < x.d; j++ {
			v := x.row(i)[j]
			bits := math.Float32bits(v) // toward zero, of numbers from 2⁻¹⁴ to 65504
			h := uint16(bits >> 16 & 0x8000)
			if e := int(bits>>23&255) - 112; e > 0 {
				h |= uint16(e<<10) | uint16(bits>>13&0x3ff)
			}
			s.halves = append(s.halves, h)
			simd.HalvesTo(x.row(i)[j:j+1], []uint16{h})
		}
	}
	return s
}

// TestStored: rows that are read as they are stored, in the order in which they
// lie, held or not, give the fit that they give as plain ones.
func TestStored(t *testing.T) {
	const n, d, c = 1500, 24, 4
	ctx := context.Background()
	for _, split := range []int{0, 5} {
		for i := range instructions {
			data := blobs(n, d, c, 2, 6)
			x := store(data.dense, split)
			var labels []string
			for _, k := range data.labels {
				labels = append(labels, string(rune('a'+k)))
			}
			fit := func(rows head.Rows, memory int64, threads int) *head.Affine {
				h, err := (&Softmax{L2: 0.01}).Fit(ctx, rows, labels, &Settings{Memory: memory, Threads: threads, Tolerance: 1e-7})
				if err != nil {
					t.Fatal(err)
				}
				return h.Model.(*head.Affine)
			}
			want, held := fit(data.dense, 0, 1), fit(x, 0, 1)
			if !slices.Equal(want.Weight, held.Weight) || !slices.Equal(want.Bias, held.Bias) {
				t.Errorf("%v: rows that are held differ by how they were read", i)
			}
			x.reads = nil
			got := fit(x, 1, 1)
			for k, v := range got.Weight {
				near(t, "weight", v, want.Weight[k], 2e-3)
			}
			if more := fit(x, 1, 3); !slices.Equal(got.Weight, more.Weight) {
				t.Errorf("%v: threads change rows that are not held", i)
			}
			// Passes go through the file.
			rank := make([]int, n)
			for k, r := range x.order {
				rank[r] = k
			}
			orderly := 0
			for _, rows := range x.reads {
				if slices.IsSortedFunc(rows, func(a, b int) int { return cmp.Compare(rank[a], rank[b]) }) {
					orderly++
				}
			}
			if orderly*2 < len(x.reads) {
				t.Errorf("%v: %d of %d blocks in the order of the file", i, orderly, len(x.reads))
			}
		}
	}
}

// TestStoredScores: scores of rows that are not held stand where those of held
// ones do.
func TestStoredScores(t *testing.T) {
	const n, d, c = 700, 9, 3
	ctx := context.Background()
	for range instructions {
		data := blobs(n, d, c, 2, 6)
		x := store(data.dense, 0)
		var want []float64
		for _, memory := range []int64{0, 1} {
			b, err := NewBench(ctx, &Labelled{Rows: x, Labels: data.labels, Classes: c}, &Settings{Memory: memory})
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Deal(ctx, []Deal{{Cell: make([]int, n), Cells: 1}}); err != nil {
				t.Fatal(err)
			}
			p, err := b.problem(&first)
			if err != nil {
				t.Fatal(err)
			}
			s := &solution{w: make([]float64, c*d), b: make([]float64, c)}
			for i := range s.w {
				s.w[i] = math.Sin(float64(i))
			}
			p.load(s.w, s.b)
			rows := span(30, 500)
			scores := make([]float64, len(rows)*c)
			if err := p.logitsTo(ctx, scores, rows, s); err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = scores
			}
			for i, v := range scores {
				near(t, "score", v, want[i], 1e-5)
			}
		}
	}
}

// TestStoredIsBroken: rows that are not read, an order that is none, and errors
// of the source are errors.
func TestStoredIsBroken(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		broken func(x *stored)
		want   string
	}{
		"rows are left out": {func(x *stored) { x.short = true }, "were read"},
		"twice in order":    {func(x *stored) { x.order[3] = x.order[4] }, "the order of 100 rows"},
		"out of range":      {func(x *stored) { x.order[3] = 100 }, "has a row 100"},
		"error":             {func(x *stored) { x.err = errors.New("the disk is gone") }, "the disk is gone"},
	} {
		for _, memory := range []int64{0, 1} {
			data := blobs(100, 5, 2, 2, 1)
			x := store(data.dense, 0)
			c.broken(x)
			b, err := NewBench(ctx, &Labelled{Rows: x, Labels: data.labels, Classes: 2}, &Settings{Memory: memory})
			if err == nil {
				err = b.Deal(ctx, []Deal{{Cell: make([]int, 100), Cells: 1}})
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, memory %d: %v", name, memory, err)
			}
		}
	}
}

// released is rows that count how often their memory is given back.
type released struct {
	*dense
	times int
	err   error
}

func (x *released) Release() error {
	x.times++
	return x.err
}

// The memory of rows is given back while and after they are copied, and kept
// where they are read again in each pass.
func TestHeldRowsAreReleased(t *testing.T) {
	data := blobs(60_000, 80, 2, 2, 6) // 19 MB
	labels := make([]int, data.N())
	for i, k := range data.labels {
		labels[i] = int(k)
	}
	x := &released{dense: data.dense}
	for memory, want := range map[int64]int{0: 2, 1: 0} {
		x.times = 0
		if _, err := NewBench(t.Context(), &Labelled{Rows: x, Labels: labels, Classes: 2}, &Settings{Memory: memory}); err != nil {
			t.Fatal(err)
		}
		if x.times != want {
			t.Errorf("memory of %d bytes: rows are released %d times, want %d", memory, x.times, want)
		}
	}
	x.err = errors.New("no such page")
	if _, err := NewBench(t.Context(), &Labelled{Rows: x, Labels: labels, Classes: 2}, nil); !errors.Is(err, x.err) {
		t.Errorf("what Release returns is lost: %v", err)
	}
}
