package experiment

import (
	"context"
	"fmt"
	"slices"
	"testing"
)

// TestShots checks that a training part keeps at most so many rows of each
// class, others with another seed, and that the other parts stay.
func TestShots(t *testing.T) {
	const n, d = 120, 3
	data := &Data{}
	x := make([]float32, 0, n*d)
	for i := range n {
		c := i % 3
		x = append(x, float32(c), float32(i%7), float32(i%5))
		data.Labels = append(data.Labels, fmt.Sprint("class ", c))
		data.IDs = append(data.IDs, fmt.Sprint(i))
	}
	data.Rows = &dense{d, x}
	s := &Settings{Split: &Split{Train: 0.5, Validation: 0.25, Test: 0.25}, NoRefit: true, L2: 0.1}
	all, err := Train(context.Background(), data, s)
	if err != nil {
		t.Fatal(err)
	}
	s.Shots = 4
	some, err := Train(context.Background(), data, s)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, row := range some.Parts.Train {
		count[data.Labels[row]]++
		if !slices.Contains(all.Parts.Train, row) {
			t.Errorf("row %d was not in the training part", row)
		}
	}
	for class, n := range count {
		if n != 4 {
			t.Errorf("%s has %d training rows, not 4", class, n)
		}
	}
	if len(count) != 3 || some.N.Train != 12 || len(some.Fitted) != 12 {
		t.Errorf("%d classes, %d training rows, fitted on %d", len(count), some.N.Train, len(some.Fitted))
	}
	if !slices.Equal(all.Parts.Validation, some.Parts.Validation) || !slices.Equal(all.Parts.Test, some.Parts.Test) {
		t.Error("the other parts have changed")
	}
	s.CV, s.Split = 3, nil
	if _, err := Train(context.Background(), data, s); err == nil {
		t.Error("shots with cross-validation are no error")
	}
}
