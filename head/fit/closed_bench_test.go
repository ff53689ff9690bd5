package fit

import (
	"context"
	"fmt"
	"testing"
)

// BenchmarkClosedForms fits whole paths in closed form, in five folds and to
// all rows.
func BenchmarkClosedForms(b *testing.B) {
	for _, s := range []struct{ n, d, c int }{{50000, 384, 26}, {20000, 1280, 10}} {
		x := blobs(s.n, s.d, s.c, 2, 1)
		cell := make([]int, s.n)
		for i := range cell {
			cell[i] = i % 5
		}
		var parts []Part
		for f := range 6 {
			p := Part{Name: "part"}
			for c := range 5 {
				if c != f {
					p.Cells = append(p.Cells, c)
				}
			}
			parts = append(parts, p)
		}
		bench, err := NewBench(context.Background(), &Labelled{Rows: x.dense, Labels: x.labels, Classes: s.c}, &Settings{Threads: 1})
		if err != nil {
			b.Fatal(err)
		}
		for _, kind := range []string{"ridge", "lda"} {
			b.Run(fmt.Sprintf("%s, %d×%d, C=%d", kind, s.n, s.d, s.c), func(b *testing.B) {
				for b.Loop() {
					if err := bench.Deal(context.Background(), []Deal{{Cell: cell, Cells: 5}}); err != nil {
						b.Fatal(err)
					}
					f, all := FamilyOf(kind).Path(Grid{})
					path, err := f.Begin(context.Background(), bench, parts)
					if err != nil {
						b.Fatal(err)
					}
					for range all {
						if _, err := path.Next(context.Background(), nil); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// BenchmarkLeaveOneOut measures 50 strengths.
func BenchmarkLeaveOneOut(b *testing.B) {
	for _, s := range []struct{ n, d, c int }{{50000, 384, 26}} {
		b.Run(fmt.Sprintf("%d×%d, C=%d", s.n, s.d, s.c), func(b *testing.B) {
			x := blobs(s.n, s.d, s.c, 2, 1)
			var labels []string
			for _, l := range x.labels {
				labels = append(labels, string(rune('a'+l)))
			}
			for b.Loop() {
				if _, err := LeaveOneOut(context.Background(), x, labels, (&Grid{Points: 50}).lambdas(), &Settings{Threads: 1}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
