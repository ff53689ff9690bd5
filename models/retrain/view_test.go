package retrain

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/models/tensor"
)

// views are samples of which each has several: view v adds v/4 to every value.
// They remember which views were asked for.
type views struct {
	rows
	train int // the first rows are of the training part
	seen  map[[2]int]int
	plain [2]int // how often views nil was asked for: with training rows alone, and others
}

func (s *views) FillTo(ctx context.Context, inputs []tensor.View, numbers, views []int) error {
	if views != nil && len(views) != len(numbers) {
		return fmt.Errorf("%d views of %d rows", len(views), len(numbers))
	}
	if err := s.rows.FillTo(ctx, inputs, numbers, nil); err != nil {
		return err
	}
	if views == nil {
		s.plain[min(slices.Max(numbers)/s.train, 1)]++
	}
	d := len(inputs[0].F32) / len(numbers)
	for k, v := range views {
		if numbers[k] >= s.train {
			return fmt.Errorf("row %d is not trained with, but view %d is asked for", numbers[k], v)
		}
		s.seen[[2]int{numbers[k], v}]++
		for i := range d {
			inputs[0].F32[k*d+i] += float32(v) / 4
		}
	}
	return nil
}

// viewed are toy data with n views beside each row.
func viewed(count, n int) *Data {
	d := toyData(count, toyInputs)
	d.Views = n
	d.Samples = &views{rows: d.Samples.(rows), train: len(d.Parts[0]), seen: map[[2]int]int{}}
	return d
}

// TestViewsTakeTurns: in three epochs each training row is seen as each of its
// three views, and each epoch has all of them; what is measured is plain.
func TestViewsTakeTurns(t *testing.T) {
	d := viewed(200, 2)
	n := len(d.Parts[0])
	b := newBatches(d, 16)
	seen := map[[2]int]int{}
	for epoch := 1; epoch <= 6; epoch++ {
		var counts [3]int
		for _, batch := range b.epoch(9, epoch) {
			var rows, views []int
			for _, part := range batch.split(5) {
				rows, views = append(rows, part.rows...), append(views, part.views...)
			}
			if !slices.Equal(rows, batch.rows) || !slices.Equal(views, batch.views) {
				t.Fatal("the parts of a batch are not the batch")
			}
			for k, r := range rows {
				seen[[2]int{r, views[k]}]++
				counts[views[k]]++
				if views[k] != d.view(9, r, epoch) {
					t.Fatal("the view does not go by seed, row and epoch")
				}
			}
		}
		for v, c := range counts {
			if c < n/5 || c > n/2 {
				t.Errorf("epoch %d: %d of %d rows are seen as view %d", epoch, c, n, v)
			}
		}
	}
	for _, r := range d.Parts[0] {
		for v := range 3 {
			if c := seen[[2]int{r, v}]; c != 2 {
				t.Fatalf("row %d is seen %d times as view %d in six epochs", r, c, v)
			}
		}
	}
	others := 0
	for _, r := range d.Parts[0] {
		if d.view(9, r, 1) != d.view(10, r, 1) {
			others++
		}
	}
	if others < n/3 {
		t.Errorf("with another seed %d of %d rows begin elsewhere", others, n)
	}

	// A training asks for nothing else.
	d = viewed(100, 2)
	h, s := head(toyClasses, toyHidden), &Settings{Threads: 1, Epochs: 3, Patience: 3, LearningRate: 1e-2}
	r := train(t, toyNetwork(""), d, h, s)
	asked := d.Samples.(*views)
	for _, row := range d.Parts[0] {
		for v := range 3 {
			if asked.seen[[2]int{row, v}] == 0 {
				t.Errorf("row %d was never seen as view %d", row, v)
			}
		}
	}
	if asked.plain[0] == 0 || asked.plain[1] == 0 {
		t.Errorf("%v: what is measured is not plain", asked.plain)
	}
	// Views decide how it goes; that there are none, nothing.
	plain := viewed(100, 0)
	without := train(t, toyNetwork(""), plain, h, s)
	if len(plain.Samples.(*views).seen) > 0 {
		t.Error("views are asked for where there are none")
	}
	if r.Epochs[3].Loss == without.Epochs[3].Loss {
		t.Error("views change nothing")
	}
	if want := train(t, toyNetwork(""), toyData(100, toyInputs), h, s); !reflect.DeepEqual(timeless(without), timeless(want)) {
		t.Error("without views it is another training")
	}
	if net := toyNetwork(""); digest(s, d, h, net) == digest(s, plain, h, net) {
		t.Error("the digest does not tell that there are views")
	}
}
