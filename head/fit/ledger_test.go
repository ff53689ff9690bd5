package fit

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// ledgerCandidates are what is solved from sums.
var ledgerCandidates = []Candidate{
	{Kind: "ncm"},
	{Kind: "ridge", Params: head.Params{{Name: head.L2, Value: 0.01}}},
	{Kind: "lda", Params: head.Params{{Name: head.Shrinkage, Value: 0.1}}},
}

// New samples, and a new class, give the head of all rows at once, though the
// old ones are not read again: to 1e-6, and much less.
func TestIncrementalIsBatch(t *testing.T) {
	ctx := context.Background()
	x := blobs(2000, 30, 6, 2, 8)
	for j := range 30 { // features far from zero, and of other sizes
		for i := range 2000 {
			x.row(i)[j] = float32(math.Ldexp(float64(x.row(i)[j]), j%7)) + float32(50*j)
		}
	}
	var labels []string
	var weights []float64
	for i, l := range x.labels {
		labels, weights = append(labels, string(rune('a'+(l+5)%6))), append(weights, float64(i%4))
	}
	// The first class by bytes is in the last rows alone.
	first := &dense{d: 30}
	var firstLabels []string
	var firstWeights []float64
	rest := []*dense{{d: 30}, {d: 30}}
	restLabels, restWeights := make([][]string, 2), make([][]float64, 2)
	for i := range 2000 {
		switch k := i % 2; {
		case i < 1200 && labels[i] != "a":
			first.values, firstLabels, firstWeights = append(first.values, x.row(i)...), append(firstLabels, labels[i]), append(firstWeights, weights[i])
		default:
			rest[k].values, restLabels[k], restWeights[k] = append(rest[k].values, x.row(i)...), append(restLabels[k], labels[i]), append(restWeights[k], weights[i])
		}
	}
	for _, o := range []*Settings{{}, {NoStandardize: true}, {Normalize: true}} {
		for _, weighted := range []bool{false, true} {
			weightsOf := func(w []float64) []float64 {
				if weighted {
					return w
				}
				return nil
			}
			own := *o
			own.Weights.Rows = weightsOf(weights)
			ledger, err := NewLedger(30, true, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := ledger.Add(ctx, first, firstLabels, weightsOf(firstWeights), o); err != nil {
				t.Fatal(err)
			}
			if _, err := ledger.Solve(ledgerCandidates[1]); err != nil {
				t.Fatal(err)
			}
			// Kept in a file in between.
			data, err := ledger.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			ledger = new(Ledger)
			if err := ledger.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
			read := first.read.Load()
			for k, x := range rest {
				if err := ledger.Add(ctx, x, restLabels[k], weightsOf(restWeights[k]), nil); err != nil {
					t.Fatal(err)
				}
			}
			if first.read.Load() != read {
				t.Error("the old rows are read again")
			}
			for _, c := range ledgerCandidates {
				have, err := ledger.Solve(c)
				if err != nil {
					t.Fatal(err)
				}
				want, err := alone(ctx, c.Kind, FamilyOf(c.Kind).One(c), x.dense, labels, &own)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(have.Classes, want.Classes) || have.Kind != want.Kind || have.Fit != want.Fit || !reflect.DeepEqual(have.Params, want.Params) {
					t.Errorf("%s: %v %+v, of all rows %v %+v", c.Kind, have.Classes, have.Fit, want.Classes, want.Fit)
				}
				a, b := x.scores(have.Model), x.scores(want.Model)
				size := 0.0
				for _, v := range b {
					size = max(size, math.Abs(v))
				}
				tolerance := 1e-6
				if c.Kind == "ncm" { // its batch fit sums up shifted rows in float32
					tolerance = 1e-5
				}
				if d := largest(a, b) / size; !(d < tolerance) {
					t.Errorf("%s, %+v, weighted %v: scores differ by %g of the largest", c.Kind, o, weighted, d)
				}
			}
		}
	}
}

func TestLedgerErrors(t *testing.T) {
	ctx := context.Background()
	ledger, err := NewLedger(2, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	x := &dense{d: 2, values: []float32{1, 2, 3, 4}}
	if err := ledger.Add(ctx, x, []string{"a", "b"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	before, _ := ledger.MarshalBinary()
	other, _ := NewLedger(3, false, nil)
	nan := &dense{d: 2, values: []float32{1, float32(math.NaN())}}
	for name, call := range map[string]func() error{
		"labels":   func() error { return ledger.Add(ctx, x, []string{"a"}, nil, nil) },
		"weights":  func() error { return ledger.Add(ctx, x, []string{"a", "b"}, []float64{1, -1}, nil) },
		"features": func() error { return ledger.Add(ctx, &dense{d: 3}, nil, nil, nil) },
		"nan":      func() error { return ledger.Add(ctx, nan, []string{"a"}, nil, nil) },
		"merge":    func() error { return ledger.Merge(other) },
		"scatter":  func() error { _, err := ledger.Solve(ledgerCandidates[1]); return err },
		"kind":     func() error { _, err := ledger.Solve(Candidate{Kind: "softmax"}); return err },
		"one":      func() error { _, err := other.Solve(Candidate{Kind: "ncm"}); return err },
		"wide":     func() error { _, err := NewLedger(MaxFeatures+1, true, nil); return err },
		"narrow":   func() error { _, err := NewLedger(0, true, nil); return err },
		"disk":     func() error { return ledger.Add(ctx, &failing{dense: x, now: true}, []string{"a", "b"}, nil, nil) },
	} {
		if err := call(); err == nil || name == "nan" && !errors.Is(err, head.ErrNotFinite) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if after, _ := ledger.MarshalBinary(); !bytes.Equal(before, after) {
		t.Error("an error has changed the ledger")
	}
}

// Bytes that are no ledger are an error, whatever they claim.
func TestLedgerOfOtherBytes(t *testing.T) {
	ledger, _ := NewLedger(3, true, &Settings{Normalize: true})
	x := blobs(9, 3, 3, 1, 1)
	if err := ledger.Add(context.Background(), x.dense, []string{"a", "b", "c", "a", "b", "c", "a", "b", "c"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	good, err := ledger.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	again := new(Ledger)
	if err := again.UnmarshalBinary(good); err != nil || !again.Normalize {
		t.Fatalf("%+v, %v", again, err)
	}
	if written, _ := again.MarshalBinary(); !bytes.Equal(written, good) {
		t.Error("written again it is another one")
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range len(good) {
		if err := again.UnmarshalBinary(good[:i]); err == nil {
			t.Fatalf("%d of %d bytes are taken", i, len(good))
		}
		bad := bytes.Clone(good)
		bad[i] ^= byte(1 + rng.IntN(255))
		again.UnmarshalBinary(bad) // no panic, no memory that it does not have
	}
	if err := again.UnmarshalBinary(append(bytes.Clone(good), 0)); err == nil {
		t.Error("a byte more is taken")
	}
}
