package fit_test

import (
	"context"
	"fmt"
	"log"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/fit"
)

// matrix is rows of two features in memory.
type matrix [][2]float32

func (m matrix) N() int { return len(m) }
func (m matrix) D() int { return 2 }
func (m matrix) BlockTo(dst []float32, lo, hi int) error {
	for i, row := range m[lo:hi] {
		copy(dst[2*i:], row[:])
	}
	return nil
}

// A softmax head on any matrix.
func ExampleSoftmax() {
	x := matrix{{1, 0}, {2, 1}, {1, 1}, {-1, 0}, {-2, 1}, {-1, -1}}
	y := []string{"right", "right", "right", "left", "left", "left"}

	s := fit.Softmax{L2: 1e-2}
	h, err := s.Fit(context.Background(), x, y, nil)
	if err != nil {
		log.Fatal(err)
	}
	p := make([]float64, 2)
	if err := h.ProbabilitiesTo(p, []float32{3, 0}, 1); err != nil {
		log.Fatal(err)
	}
	fmt.Println(h.Classes, h.Fit.Status)
	fmt.Printf("%.2f\n", p)
	// Output:
	// [left right] converged
	// [0.00 1.00]
}

// New samples, of a new class too, without the old ones: what is kept between
// the two is of the same size however many samples there were.
func ExampleLedger() {
	ctx := context.Background()
	ledger, err := fit.NewLedger(2, true, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := ledger.Add(ctx, matrix{{1, 0}, {2, 1}, {-1, 0}, {-2, 1}}, []string{"right", "right", "left", "left"}, nil, nil); err != nil {
		log.Fatal(err)
	}
	if err := ledger.Add(ctx, matrix{{0, 7}, {1, 8}, {-1, 9}}, []string{"up", "up", "up"}, nil, nil); err != nil {
		log.Fatal(err)
	}
	h, err := ledger.Solve(fit.Candidate{Kind: "lda", Params: head.Params{{Name: head.Shrinkage, Value: 0.1}}})
	if err != nil {
		log.Fatal(err)
	}
	p := make([]float64, 3)
	if err := h.ProbabilitiesTo(p, []float32{1, 7}, 1); err != nil {
		log.Fatal(err)
	}
	fmt.Println(h.Classes)
	fmt.Printf("%.2f\n", p)
	// Output:
	// [left right up]
	// [0.00 0.00 1.00]
}

// Two strengths of regularisation, fitted in three folds and to all rows, from
// one pass over the rows that measures all of them.
func ExampleBench() {
	ctx := context.Background()
	x := matrix{{1, 0}, {-2, 1}, {1, 1}, {-1, 0}, {2, 1}, {-1, -1}}
	b, err := fit.NewBench(ctx, &fit.Labelled{Rows: x, Labels: []int{1, 0, 1, 0, 1, 0}, Classes: 2}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fold := fit.Deal{Cell: []int{0, 0, 1, 1, 2, 2}, Cells: 3}
	parts := []fit.Part{
		{Name: "without fold 0", Cells: []int{1, 2}},
		{Name: "without fold 1", Cells: []int{0, 2}},
		{Name: "without fold 2", Cells: []int{0, 1}},
		{Name: "all", Cells: []int{0, 1, 2}},
	}
	if err := b.Deal(ctx, []fit.Deal{fold}); err != nil {
		log.Fatal(err)
	}
	family, candidates := fit.FamilyOf("softmax").Path(fit.Grid{Points: 2})
	path, err := family.Begin(ctx, b, parts)
	if err != nil {
		log.Fatal(err)
	}
	for range candidates {
		c, err := path.Next(ctx, nil)
		if err != nil {
			log.Fatal(err)
		}
		scores := make([]float64, 2*2)
		if err := path.Fitted(0).ScoresTo(ctx, scores, []int{0, 1}); err != nil {
			log.Fatal(err)
		}
		fmt.Println(c.Params, scores[1] > scores[0], scores[3] > scores[2])
	}
	// Output:
	// [λ = 10] true false
	// [λ = 1e-06] true false
}

// A head for counts of words, weighed by how rare they are.
func ExampleSparseSoftmax() {
	vocabulary := []string{"dog", "barks", "cat", "purrs", "loudly"}
	counts := fit.NewSparse(len(vocabulary))
	for _, words := range [][]int32{{0, 1}, {1, 4}, {0}, {2, 3}, {3, 4}, {2}} {
		if err := counts.Append(words, []float32{1, 1}[:len(words)]); err != nil {
			log.Fatal(err)
		}
	}
	x := fit.NewTFIDF(counts, []int{0, 1, 2, 3, 4, 5}).Apply(counts)

	s := fit.SparseSoftmax{L2: 0.1}
	m, err := s.Fit(context.Background(), &fit.SparseRows{X: x, Labels: []int{0, 0, 0, 1, 1, 1}, Classes: 2})
	if err != nil {
		log.Fatal(err)
	}
	scores := make([]float64, 2)
	m.ScoresTo(scores, x, 1)
	fmt.Println(m.Fit.Status, scores[0] > scores[1])
	// Output:
	// converged true
}
