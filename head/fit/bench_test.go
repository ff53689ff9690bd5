package fit

import (
	"context"
	"fmt"
	"testing"
)

// BenchmarkWhiten factorises the covariance of D features: what a λ costs
// beside its passes over the rows.
func BenchmarkWhiten(b *testing.B) {
	for _, d := range []int{384, 1280} {
		b.Run(fmt.Sprint("D=", d), func(b *testing.B) {
			p, err := blobs(d, d, 2, 1, 1).bench(b, d, &Settings{}).problem(&first)
			if err != nil {
				b.Fatal(err)
			}
			cov, err := newCovariance(context.Background(), &p.objective, d, 1)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := whiten(context.Background(), cov, 0.1, 1e-3, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPass evaluates objective and gradient once, with each set of
// instructions.
func BenchmarkPass(b *testing.B) {
	for _, s := range []struct{ n, d, c int }{{50000, 384, 26}, {20000, 1280, 10}, {20000, 384, 2}} {
		x := blobs(s.n, s.d, s.c, 2, 1)
		bench, err := NewBench(context.Background(), &Labelled{Rows: x.dense, Labels: x.labels, Classes: s.c}, &Settings{Threads: 1})
		if err != nil {
			b.Fatal(err)
		}
		if err := bench.Deal(context.Background(), []Deal{{Cell: make([]int, s.n), Cells: 1}}); err != nil {
			b.Fatal(err)
		}
		p, err := bench.problem(&first)
		if err != nil {
			b.Fatal(err)
		}
		w, v, g := make([]float64, s.c*s.d), make([]float64, s.c), make([]float64, s.c*s.d+s.c)
		for i := range instructions {
			b.Run(fmt.Sprintf("%d×%d, C=%d, %v", s.n, s.d, s.c, i), func(b *testing.B) {
				for b.Loop() {
					if _, err := p.evaluate(context.Background(), w, v, g[:s.c*s.d], g[s.c*s.d:]); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(4e-9*float64(s.n*s.d*s.c)*float64(b.N)/b.Elapsed().Seconds(), "GFLOP/s")
			})
		}
	}
}

// BenchmarkDeal measures all parts of 5×5 folds.
func BenchmarkDeal(b *testing.B) {
	const n, d = 2000, 1280
	x := blobs(n, d, 10, 2, 1)
	bench, err := NewBench(context.Background(), &Labelled{Rows: x.dense, Labels: x.labels, Classes: 10}, nil)
	if err != nil {
		b.Fatal(err)
	}
	deals, _ := fiveByFive(n)
	for b.Loop() {
		if err := bench.Deal(context.Background(), deals); err != nil {
			b.Fatal(err)
		}
	}
}
