package study

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Chance is how probably a depth is a good choice, by what was measured at the
// largest size at which it was trained together with the simplest one.
type Chance struct {
	Depth string `json:"depth"`
	// Near is the probability that no other depth is better by a point (0.01)
	// or more.
	Near float64 `json:"near_best"`
	// Better is the probability that it is better than the simplest one, of
	// which it is 0.
	Better float64 `json:"better"`
}

// NearSure and BetterSure are the probabilities from which on a depth is
// advised: that of being within a point of the best, and, of any but the
// simplest, that of being better than it.
const (
	NearSure   = 0.75
	BetterSure = 0.95
)

// pick returns the depth that is advised of those that chances, from the
// simplest on, are about: "" if none is sure enough.
func pick(chances []Chance, near, better float64) string {
	for i, c := range chances {
		if c.Near >= near && (i == 0 || c.Better >= better) {
			return c.Depth
		}
	}
	return ""
}

// chanceDraws is how often what differences may be is drawn.
const chanceDraws = 1 << 14

// chances tells how probably each depth that was compared is a good choice, the
// simplest one first. What differences may be is taken to be normal around what
// they are, with their standard errors, and correlated as they are over the
// tested samples: depths are often better on the same ones.
func (r *run) chances() []Chance {
	out := []Chance{{Depth: r.result.Curves[0].Depth}}
	var of []*Difference
	var spreads [][]float64
	for i := range r.result.Curves[1:] {
		c := &r.result.Curves[1+i]
		p := c.last()
		if p == nil {
			continue
		}
		out = append(out, Chance{Depth: c.Depth})
		of = append(of, p.Against)
		spreads = append(spreads, r.spread(c.Depth, p.N))
	}
	factor := triangle(spreads)
	luck := rand.New(rand.NewPCG(1, 2))
	z, gains := make([]float64, len(of)), make([]float64, len(out))
	near, better := make([]int, len(out)), make([]int, len(out))
	for range chanceDraws {
		for i := range z {
			z[i] = luck.NormFloat64()
		}
		for i, d := range of {
			sum := 0.0
			for j, f := range factor[i] {
				sum += float64(f * z[j])
			}
			gains[1+i] = d.Value + float64(d.SE*sum)
		}
		best := slices.Max(gains)
		for i, g := range gains {
			if g > best-worthwhile {
				near[i]++
			}
			if g > 0 {
				better[i]++
			}
		}
	}
	for i := range out {
		out[i].Near, out[i].Better = float64(near[i])/chanceDraws, float64(better[i])/chanceDraws
	}
	return out
}

// spread is by how much more or less than on average a depth is better than the
// simplest one on each unit of tested samples, seed by seed, as a vector of
// length 1; 0 where a seed was not trained with.
func (r *run) spread(depth string, n int) []float64 {
	k := slices.IndexFunc(r.depths, func(d Depth) bool { return d.Name == depth })
	right, _, seeds := r.pairs(k, r.at(n))
	sum, count := 0.0, 0
	for _, x := range right {
		for _, v := range x {
			sum += v
		}
		count += len(x)
	}
	mean := sum / float64(count)
	var out []float64
	for seed := range r.draws {
		unit := r.draws[seed].unit
		sums := make([]float64, slices.Max(unit)+1)
		if at := slices.Index(seeds, seed); at >= 0 {
			for i, v := range right[at] {
				sums[unit[i]] += v - mean
			}
		}
		out = append(out, sums...)
	}
	length := 0.0
	for _, v := range out {
		length += float64(v * v)
	}
	if length = math.Sqrt(length); length > 0 {
		for i := range out {
			out[i] /= length
		}
	}
	return out
}

// triangle is the Cholesky factor of the correlations of vectors of length 1,
// of which one of length 0 is correlated with no other.
func triangle(vectors [][]float64) [][]float64 {
	l := make([][]float64, len(vectors))
	for i := range l {
		l[i] = make([]float64, i+1)
		own := 1.0
		for j := range i {
			dot := 0.0
			for k, v := range vectors[i] {
				dot += float64(v * vectors[j][k])
			}
			for k := range j {
				dot -= float64(l[i][k] * l[j][k])
			}
			if l[j][j] > 1e-6 {
				l[i][j] = dot / l[j][j]
			}
			own -= float64(l[i][j] * l[i][j])
		}
		l[i][i] = math.Sqrt(max(0, own))
	}
	return l
}
