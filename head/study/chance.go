package study

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Chance is how probably a depth is a good choice.
type Chance struct {
	Depth string `json:"depth"`
	// Near is the probability that no other depth is more accurate by a point
	// (0.01) or more.
	Near float64 `json:"near_best"`
	// Better and BetterLoss are the probabilities that the accuracy is higher,
	// and the log-loss lower, than that of the simplest depth, of which they
	// are 0.
	Better     float64 `json:"better"`
	BetterLoss float64 `json:"better_log_loss"`
	// Difference is that from the simplest depth, which the probabilities come
	// from: the mean over the sizes From to N, from half of the largest one on
	// at which both were trained. It is nil of the simplest.
	Difference *Difference `json:"difference,omitempty"`
	From       int         `json:"from,omitempty"`
	N          int         `json:"n,omitempty"`
}

// NearSure is the probability of being within a point of the best from which on
// a depth is advised, and BetterSure that of being better than the simplest one
// from which on it is taken to be.
const (
	NearSure   = 0.75
	BetterSure = 0.95
)

// sureness is what takes the place of NearSure and BetterSure.
type sureness struct{ near, better float64 }

// pick returns the depth that is advised of those that chances, from the
// simplest on, are about: "" if none is sure enough. A log-loss says with less
// noise which model knows more, so it has a say: see Advice.
func (l sureness) pick(chances []Chance) string {
	if len(chances) == 0 {
		return ""
	}
	lower := func(c Chance) bool { return c.BetterLoss >= l.better }
	if first := chances[0]; first.Near >= l.better || first.Near >= l.near && !slices.ContainsFunc(chances, lower) {
		return first.Depth
	}
	for _, c := range chances[1:] {
		agree := c.Difference.Value > 0 && c.Difference.LogLoss < 0
		if c.Near >= l.near && agree && (c.Better >= l.better || lower(c)) {
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
	var spreads [][]float64
	for i := range r.result.Curves[1:] {
		c := &r.result.Curves[1+i]
		p := c.last()
		if p == nil {
			continue
		}
		depth := slices.IndexFunc(r.depths, func(d Depth) bool { return d.Name == c.Depth })
		one, spread := r.pooled(depth, p.N)
		one.Depth = c.Depth
		out, spreads = append(out, one), append(spreads, spread)
	}
	factor := triangle(spreads)
	luck := rand.New(rand.NewPCG(1, 2))
	z, gains, near := make([]float64, len(spreads)), make([]float64, len(out)), make([]int, len(out))
	for range chanceDraws {
		for i := range z {
			z[i] = luck.NormFloat64()
		}
		for i, row := range factor {
			sum := 0.0
			for j, f := range row {
				sum += float64(f * z[j])
			}
			d := out[1+i].Difference
			gains[1+i] = d.Value + float64(d.SE*sum)
		}
		best := slices.Max(gains)
		for i, g := range gains {
			if g > best-worthwhile {
				near[i]++
			}
		}
	}
	for i := range out {
		out[i].Near = float64(near[i]) / chanceDraws
	}
	return out
}

// pooled compares a depth with the simplest one over the sizes from half of n
// on together: the mean of a tested sample over these is what counts. Its
// spread is by how much more or less than on average it is better on each unit
// of tested samples, seed by seed, as a vector of length 1; 0 where a seed was
// not trained with.
func (r *run) pooled(depth, n int) (c Chance, spread []float64) {
	right, loss := make([][]float64, len(r.draws)), make([][]float64, len(r.draws))
	times := make([]float64, len(r.draws)) // sizes of each seed
	for i, size := range r.sizes {
		if 2*size < n || size > n {
			continue
		}
		x, y, seeds := r.pairs(depth, i)
		for k, seed := range seeds {
			if times[seed]++; times[seed] == 1 {
				right[seed], loss[seed] = x[k], y[k]
				continue
			}
			for row := range x[k] {
				right[seed][row] += x[k][row]
				loss[seed][row] += y[k][row]
			}
		}
		if seeds != nil && c.From == 0 {
			c.From = size
		}
	}
	c.N = n
	var seeds []int
	var x, y [][]float64
	for seed, k := range times {
		if k == 0 {
			continue
		}
		for row := range right[seed] {
			right[seed][row] /= k
			loss[seed][row] /= k
		}
		seeds, x, y = append(seeds, seed), append(x, right[seed]), append(y, loss[seed])
	}
	c.Difference = r.differ(x, y, seeds, [2]float64{r.beyond(x, seeds), r.beyond(y, seeds)})
	d := c.Difference
	c.Better = distuv.UnitNormal.CDF(d.Value / d.SE)
	c.BetterLoss = distuv.UnitNormal.CDF(-d.LogLoss / ((d.LogLossHigh - d.LogLossLow) / (2 * normal975)))
	for seed := range r.draws {
		unit := r.draws[seed].unit
		sums := make([]float64, slices.Max(unit)+1)
		for row, v := range right[seed] {
			sums[unit[row]] += v - d.Value
		}
		spread = append(spread, sums...)
	}
	length := 0.0
	for _, v := range spread {
		length += float64(v * v)
	}
	if length = math.Sqrt(length); length > 0 {
		for i := range spread {
			spread[i] /= length
		}
	}
	return c, spread
}

// beyond is how much the means of seeds vary beyond what their test samples do,
// as a variance; 0 of one seed.
func (r *run) beyond(values [][]float64, seeds []int) float64 {
	if len(seeds) < 2 {
		return 0
	}
	each, rows := r.bySeed(values, seeds)
	return variance(each) - stat.Mean(rows, nil)
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
