package fit

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// Sums of cells, added up, are those of all rows: compared with two passes in
// float64, with weights, a feature far from zero and a constant one.
func TestSumsAddUp(t *testing.T) {
	const n, d, cells = 400, 4, 7
	rng := rand.New(rand.NewPCG(1, 7))
	rows, weights := make([][]float64, n), make([]float64, n)
	for i := range rows {
		rows[i] = []float64{rng.NormFloat64(), 1e6 + rng.NormFloat64(), 7.3, 1e-18 * rng.NormFloat64()}
		weights[i] = float64(i % 3)
	}
	all := NewSums(d)
	for c := range cells {
		s := NewSums(d)
		for i := c; i < n; i += cells {
			s.AddRow(rows[i], weights[i])
		}
		all.Add(s)
	}
	all.Add(NewSums(d)) // nothing
	count, sum := 0, 0.0
	mean, square := make([]float64, d), make([]float64, d)
	for i, row := range rows {
		if weights[i] > 0 {
			count++
		}
		sum += weights[i]
		for j, v := range row {
			mean[j] += weights[i] * v
		}
	}
	for j := range mean {
		mean[j] /= sum
	}
	for i, row := range rows {
		for j, v := range row {
			square[j] += weights[i] * (v - mean[j]) * (v - mean[j])
		}
	}
	if all.N != count || all.Weight != sum {
		t.Errorf("%d rows of weight %v, not %d of %v", all.N, all.Weight, count, sum)
	}
	scale := make([]float64, d)
	all.scaleTo(scale)
	for j := range d {
		near(t, "mean", all.Mean[j]/mean[j], 1, 1e-12)
		if j != 2 {
			near(t, "squared deviations", all.Square[j]/square[j], 1, 1e-9)
			near(t, "scale", scale[j]/math.Sqrt(square[j]/sum), 1, 1e-9)
		}
	}
	if scale[2] != 1 {
		t.Errorf("scale of a constant: %v", scale[2])
	}
}

// fiveByFive deals n rows as cross-validation in five folds does whose training
// parts are dealt into five folds each, and so is the whole: 6 deals, 36 parts.
func fiveByFive(n int) (deals []Deal, parts []Part) {
	for k := range 6 {
		cell := make([]int, n)
		for i := range cell {
			if cell[i] = i / 5 % 5; k < 5 && i%5 == k {
				cell[i] = -1 // held out
			}
		}
		deals = append(deals, Deal{Cell: cell, Cells: 5})
		for f := range 6 {
			p := Part{Name: "part", Deal: k}
			for c := range 5 {
				if c != f {
					p.Cells = append(p.Cells, c)
				}
			}
			parts = append(parts, p)
		}
	}
	return deals, parts
}

// The statistics of all parts of 5×5 folds take one pass over the rows, in
// memory or not. (Two passes a part were 72.)
func TestOnePass(t *testing.T) {
	const n = 500
	ctx := context.Background()
	deals, parts := fiveByFive(n)
	if len(parts) != 36 {
		t.Fatalf("%d parts", len(parts))
	}
	for _, memory := range []int64{0, 1} {
		x := blobs(n, 6, 3, 2, 4)
		b, err := NewBench(ctx, &Labelled{Rows: x.dense, Labels: x.labels, Classes: 3}, &Settings{Memory: memory})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Deal(ctx, deals); err != nil {
			t.Fatal(err)
		}
		for i := range Families {
			f, _ := Families[i].Path(Grid{})
			if _, err := f.Begin(ctx, b, parts); err != nil {
				t.Fatal(err)
			}
		}
		if read := x.read.Load(); read != n {
			t.Errorf("memory %d: %d rows are read for the statistics of %d parts of %d rows", memory, read, len(parts), n)
		}
	}
}

// What is measured of a part is what its rows alone give.
func TestCellsOfFolds(t *testing.T) {
	const n = 500
	x := blobs(n, 6, 3, 2, 4)
	deals, parts := fiveByFive(n)
	b := x.bench(t, n, &Settings{})
	if err := b.Deal(context.Background(), deals); err != nil {
		t.Fatal(err)
	}
	row := make([]float64, 6)
	for i := range parts {
		want := NewSums(6)
		for _, r := range b.rowsOf(&parts[i]) {
			for j, v := range x.row(r) {
				row[j] = float64(v)
			}
			want.AddRow(row, 1)
		}
		have := b.sumsOf(&parts[i])
		if have.N != want.N || have.Weight != want.Weight {
			t.Fatalf("part %d: %d rows, not %d", i, have.N, want.N)
		}
		for j := range row {
			near(t, "mean", have.Mean[j], want.Mean[j], 1e-13)
			near(t, "squared deviations", have.Square[j], want.Square[j], 1e-12)
		}
	}
}

func TestDealErrors(t *testing.T) {
	b := blobs(10, 3, 2, 1, 1).bench(t, 10, &Settings{})
	for name, deal := range map[string]Deal{
		"rows": {Cell: make([]int, 9), Cells: 1}, "cells": {Cell: []int{0, 0, 0, 0, 0, 0, 0, 0, 0, 2}, Cells: 2}, "below": {Cell: []int{-2, 0, 0, 0, 0, 0, 0, 0, 0, 0}, Cells: 1},
	} {
		if err := b.Deal(context.Background(), []Deal{deal}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestConstant: features vary if float32 can tell that they do. scikit-learn's
// StandardScaler takes the first three for constants alone.
func TestConstant(t *testing.T) {
	for _, c := range []struct {
		name             string
		mean, deviation  float64
		constant, theirs bool
	}{
		{"zeros", 0, 0, true, true},
		{"one number", 3, 0, true, true},
		{"rounding of sums", 3, 1e-15, true, true},
		{"less than a step of float32", 1e5, 1e-3, true, false},
		{"a step of float32", 1e5, 0.02, false, false},
		{"rounding of a LayerNorm", 7e-34, 1.6e-33, true, false},
		{"the least normal variance", 0, 0x1.1p-63, false, false},
		{"small", -2e-8, 4.5e-9, false, false},
		{"large", 1e30, 1e29, false, false},
	} {
		s := &Sums{N: 1000, Weight: 1000, Mean: []float64{c.mean}, Square: []float64{1000 * c.deviation * c.deviation}}
		if s.constant(0) != c.constant {
			t.Errorf("%s: constant %v", c.name, !c.constant)
		}
		rounding := 1000 * c.mean * 0x1p-52
		if v := c.deviation * c.deviation; v <= 1000*0x1p-52*v+rounding*rounding != c.theirs {
			t.Errorf("%s: constant for scikit-learn %v", c.name, !c.theirs)
		}
	}
}
