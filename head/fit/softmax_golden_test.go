package fit

import (
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/headstart-ml/headstart/head"
)

// hashed is splitmix64 of seed·2³² + i.
func hashed(seed, i int) uint64 {
	z := (uint64(seed)<<32 + uint64(i)) * 0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// normal is the sum of four bytes, about normal, in steps of 1/64.
func normal(seed, i int) float64 {
	z, sum := hashed(seed, i), 0.0
	for k := range 4 {
		sum += float64(z >> (8 * k) & 255)
	}
	return sum/64 - 510./64
}

// goldenProblem is an entry of testdata/softmax.json, whose rows are computed
// here as in generate_softmax.py.
type goldenProblem struct {
	Name                          string
	Seed, Rows, Features, Classes int
	Far, L2                       float64
	How                           string
	Objective                     float64
}

func (g *goldenProblem) data() *data {
	n, d, c := g.Rows, g.Features, g.Classes
	x := &data{dense: &dense{d: d, values: make([]float32, n*d)}, classes: c}
	for i := range n {
		y := i % c
		if h := hashed(g.Seed+2, i); h%8 == 0 {
			y = int(h >> 8 % uint64(c))
		}
		x.labels = append(x.labels, y)
		if g.How == "weighted" {
			x.weights = append(x.weights, 0.25+float64(i%7))
		}
		row := x.row(i)
		for j := range row {
			row[j] = float32(normal(g.Seed, i*d+j) + normal(g.Seed, i*d+j/4*4) + g.Far*normal(g.Seed+1, i%c*d+j))
		}
		if g.How == "collinear" {
			row[1], row[2], row[3] = row[0], 7, row[4]+row[5]
		}
	}
	return x
}

// TestSoftmaxOptima: the objective of fits of many shapes is within 1e-6 of
// scikit-learn's tightest optimum, in every mode, and within the tolerance of a
// coarser fit.
func TestSoftmaxOptima(t *testing.T) {
	raw, err := os.ReadFile("testdata/softmax.json")
	if err != nil {
		t.Fatal(err)
	}
	var problems []goldenProblem
	if err := json.Unmarshal(raw, &problems); err != nil {
		t.Fatal(err)
	}
	modes := map[mode]int{}
	for _, g := range problems {
		x := g.data()
		for _, tolerance := range []float64{1e-6, 1e-3} {
			b := x.bench(t, x.N(), &Settings{Tolerance: tolerance})
			path, err := softmaxPath{lambdas: []float64{g.L2}, exact: true}.Begin(context.Background(), b, []Part{first})
			if err != nil {
				t.Fatal(err)
			}
			m := path.(*lambdaPath).groups[0].recipe.mode
			modes[m]++
			if _, err := path.Next(context.Background(), nil); err != nil {
				t.Fatal(err)
			}
			f := path.Fitted(0).Fit
			gap := f.Objective/g.Objective - 1
			t.Logf("%s: mode %d, tolerance %.0e: %d passes, gap %.1e, said %.1e", g.Name, m, tolerance, f.Passes, gap, f.Gap)
			if gap < -1e-7 || gap > tolerance || f.Status != head.Converged {
				t.Errorf("%s: objective %v is %.2g above scikit-learn's: %+v", g.Name, f.Objective, gap, f)
			}
		}
	}
	if len(modes) != 3 {
		t.Errorf("modes %v", modes)
	}
}
