package study

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// normal975 is the 0.975 quantile of the normal distribution.
const normal975 = 1.959963984540054

// draw makes curves of what was learnt.
func (r *run) draw(depths []Depth) error {
	for k := range depths {
		c := Curve{Depth: depths[k].Name}
		luck := r.luck(k)
		for i, n := range r.sizes {
			p := r.point(k, i)
			if p == nil {
				continue
			}
			p.N, p.PerClass = n, n/len(r.classes)
			if k > 0 {
				p.Against = r.difference(k, i, luck)
			}
			c.Points = append(c.Points, *p)
		}
		if r.costs[k].Trained > 0 {
			r.result.Costs = append(r.result.Costs, r.costs[k])
		}
		if c.Points != nil {
			r.result.Curves = append(r.result.Curves, c)
		}
	}
	if len(r.result.Curves) == 0 || r.result.Curves[0].Depth != depths[0].Name {
		return &NothingError{Depth: depths[0].Name, Err: r.why, Skipped: r.result.Skipped}
	}
	return nil
}

// point is a depth at a size; nil where nothing was learnt.
func (r *run) point(depth, size int) *Point {
	at := metricAt(r.Metric)
	p := new(Point)
	var trains, losses, rows []float64
	for _, n := range r.notes[depth][size] {
		if n == nil {
			continue
		}
		p.Values = append(p.Values, n.Test[at][0])
		trains = append(trains, n.Train[at][0])
		losses = append(losses, -n.Test[metricAt("log-loss")][0])
		rows = append(rows, n.Test[at][1]*n.Test[at][1])
	}
	if p.Values == nil {
		return nil
	}
	p.Value, p.Train, p.LogLoss = stat.Mean(p.Values, nil), stat.Mean(trains, nil), stat.Mean(losses, nil)
	half := r.half(depth, size, p.Values, stat.Mean(rows, nil))
	p.Low, p.High = max(0, p.Value-half), min(1, p.Value+half)
	return p
}

// half is half of the width of the 95 % interval of the mean of values over
// seeds, by the variance of one of them over test samples.
func (r *run) half(depth, size int, values []float64, rows float64) float64 {
	seeds := float64(len(values))
	if !r.shared {
		return normal975 * math.Sqrt(r.variance(variance(values), rows, len(values)))
	}
	common, _ := r.shares(depth, size)
	same := float64(r.sizes[size]) / float64(r.all) // of two subsets
	subsets := r.bySubsets(depth, size) * (1/seeds + float64((1-1/seeds)*same))
	v := float64(common*rows) + subsets
	if subsets == 0 {
		return normal975 * math.Sqrt(v)
	}
	// Subsets are known from few seeds (Satterthwaite, Biometrics Bulletin
	// 2:110, 1946); a size with one alone knows them from others, of two at
	// least.
	free := max(seeds-1, 1) * v * v / (subsets * subsets)
	return distuv.StudentsT{Sigma: 1, Nu: free}.Quantile(0.975) * math.Sqrt(v)
}

// shares are those of the variance over test samples, where seeds test the same
// ones: common is left in a mean over seeds, and luck is what samples have with
// one seed alone, in how much that seed varies.
func (r *run) shares(depth, size int) (common, luck float64) {
	var right [][]float64
	for _, note := range r.notes[depth][size] {
		if note != nil {
			right = append(right, note.right())
		}
	}
	unit := r.draws[0].unit
	seeds := float64(len(right))
	within := 0.0
	for _, v := range right {
		_, e := clustered(v, unit)
		within += e / seeds
	}
	if within == 0 || seeds == 1 {
		return 1, 0
	}
	_, together := clustered(meanOf(right), unit)
	return together / within, max(0, within-together) / within * seeds / (seeds - 1)
}

// meanOf is the mean of rows of the same length.
func meanOf(rows [][]float64) []float64 {
	sum := make([]float64, len(rows[0]))
	for _, v := range rows {
		for i, x := range v {
			sum[i] += x / float64(len(rows))
		}
	}
	return sum
}

// right has 1 for each test row that was predicted rightly, and 0 for others.
func (n *Note) right() []float64 {
	out := make([]float64, len(n.Loss))
	for i := range out {
		out[i] = float64(n.Right[i/8] >> (i % 8) & 1)
	}
	return out
}

// variance is that of a mean over some seeds of which each tests other samples,
// by the variance between them and that of one seed's value over its samples.
// What those happen to be averages out, and is part of the variance between
// seeds, which is known from few of them and thus not taken for less.
func (r *run) variance(between, rows float64, seeds int) float64 {
	return max(between/float64(seeds), rows/float64(min(seeds, r.folds)))
}

// bySubsets estimates the variance between subsets of a size, of which seeds
// that draw from the same samples see only a part: of two subsets a share of
// n/all is the same. What test samples have of luck with one seed alone is
// taken out of what is seen. Few seeds say little, so neighbouring sizes count,
// too, the variance being as 1/n; sizes of more than half of the samples see
// too little to count.
func (r *run) bySubsets(depth, size int) float64 {
	at := metricAt(r.Metric)
	sum, weight := 0.0, 0.0
	for i, n := range r.sizes {
		var values, rows []float64
		for _, note := range r.notes[depth][i] {
			if note != nil {
				values = append(values, note.Test[at][0])
				rows = append(rows, note.Test[at][1]*note.Test[at][1])
			}
		}
		if 2*n > r.all || len(values) < 2 {
			continue
		}
		_, luck := r.shares(depth, i)
		seen := variance(values) - float64(luck*stat.Mean(rows, nil))
		w := math.Exp(-math.Abs(float64(i - size)))
		sum += w * float64(n) * seen / (1 - float64(n)/float64(r.all))
		weight += w
	}
	if weight == 0 {
		return 0
	}
	return max(0, sum/weight) / float64(r.sizes[size])
}

// variance is that of values; 0 of one.
func variance(values []float64) float64 {
	if len(values) < 2 {
		return 0
	}
	return stat.Variance(values, nil)
}

// pairs returns by how much a depth is right more often, and has a higher
// log-loss, than the simplest one, at a size: of each seed that both were
// trained with, of each tested sample.
func (r *run) pairs(depth, size int) (right, loss [][]float64, seeds []int) {
	for seed, b := range r.notes[depth][size] {
		a := r.notes[0][size][seed]
		if a == nil || b == nil {
			continue
		}
		x, y := b.right(), make([]float64, len(b.Loss))
		for i, was := range a.right() {
			x[i] -= was
			y[i] = float64(b.Loss[i]) - float64(a.Loss[i])
		}
		right, loss, seeds = append(right, x), append(loss, y), append(seeds, seed)
	}
	return right, loss, seeds
}

// luck estimates how much the differences of a depth from the simplest one, of
// accuracies and of log-losses, vary between seeds beyond what their test
// samples do, as a variance. One size with few seeds says little about it, so
// it is the mean over those from half of the largest on; it is less than 0
// where seeds happen to be alike.
func (r *run) luck(depth int) (luck [2]float64) {
	sizes := 0
	for i, n := range r.sizes {
		right, loss, seeds := r.pairs(depth, i)
		if len(seeds) < 2 || 2*n < r.all {
			continue
		}
		sizes++
		luck[0] += r.beyond(right, seeds)
		luck[1] += r.beyond(loss, seeds)
	}
	luck[0] /= float64(max(sizes, 1))
	luck[1] /= float64(max(sizes, 1))
	return luck
}

// bySeed is the mean of the values of each seed, and its variance over samples.
func (r *run) bySeed(values [][]float64, seeds []int) (each, rows []float64) {
	for s, v := range values {
		m, e := clustered(v, r.draws[seeds[s]].unit)
		each, rows = append(each, m), append(rows, e)
	}
	return each, rows
}

// difference compares a depth with the simplest one, at a size, over the seeds
// that both were trained with; nil if there are none. luck is that of the
// depth.
func (r *run) difference(depth, size int, luck [2]float64) *Difference {
	right, loss, seeds := r.pairs(depth, size)
	if right == nil {
		return nil
	}
	return r.differ(right, loss, seeds, luck)
}

// differ is the mean difference of pairs.
func (r *run) differ(right, loss [][]float64, seeds []int, luck [2]float64) *Difference {
	d := new(Difference)
	var se float64
	d.Value, d.SE = r.mean(right, seeds, luck[0])
	d.LogLoss, se = r.mean(loss, seeds, luck[1])
	d.Low, d.High = d.Value-normal975*d.SE, d.Value+normal975*d.SE
	d.LogLossLow, d.LogLossHigh = d.LogLoss-normal975*se, d.LogLoss+normal975*se
	return d
}

// together has the covariances of the differences of a curve from the simplest
// depth at the sizes that have one: as test samples have them together, with
// the same seed, scaled to the standard errors.
func (r *run) together(c *Curve) [][]float64 {
	depth := slices.IndexFunc(r.depths, func(d Depth) bool { return d.Name == c.Depth })
	var se []float64
	var sizes []int
	for _, p := range c.Points {
		if p.Against != nil {
			se, sizes = append(se, p.Against.SE), append(sizes, r.at(p.N))
		}
	}
	out := make([][]float64, len(sizes))
	for i := range out {
		out[i] = make([]float64, len(sizes))
	}
	for seed, one := range r.draws {
		var rows [][]float64 // of each size
		for _, size := range sizes {
			if a, b := r.notes[0][size][seed], r.notes[depth][size][seed]; a != nil && b != nil {
				x := b.right()
				for i, was := range a.right() {
					x[i] -= was
				}
				rows = append(rows, x)
			}
		}
		if len(rows) < len(sizes) {
			continue // a size lacks this seed
		}
		for i := range rows {
			for j := range rows {
				out[i][j] += covariance(rows[i], rows[j], one.unit)
			}
		}
	}
	deviation := make([]float64, len(sizes))
	for i := range out {
		deviation[i] = math.Sqrt(out[i][i])
	}
	for i := range out {
		for j := range out {
			switch {
			case i == j:
				out[i][j] = se[i] * se[i]
			case deviation[i] > 0 && deviation[j] > 0:
				out[i][j] *= se[i] / deviation[i] * se[j] / deviation[j]
			default:
				out[i][j] = 0
			}
		}
	}
	return out
}

// mean is that of the values of test samples over seeds, with its standard
// error. Where as good as nothing differs, the error is that of one sample that
// might have.
//
// Where each seed tests other samples, the variance is that over samples and
// the luck of seeds. Where seeds test the same samples, it is that over
// samples, of their means over seeds, and that over seeds. What a sample has of
// luck with one seed alone is in both of them, so it is taken out of the
// latter: it is what averaging over seeds takes from the variance over samples.
func (r *run) mean(values [][]float64, seeds []int, luck float64) (mean, se float64) {
	each, rows := r.bySeed(values, seeds)
	count := float64(len(each))
	between, within := variance(each), stat.Mean(rows, nil)
	least := 1 / float64(len(values[0])) / float64(len(values[0]))
	if !r.shared {
		v := within/float64(min(len(each), r.folds)) + max(0, luck)/count
		return stat.Mean(each, nil), math.Sqrt(max(v, least/count))
	}
	_, common := clustered(meanOf(values), r.draws[seeds[0]].unit)
	own := 0.0
	if count > 1 {
		own = (within - common) / (count - 1)
	}
	return stat.Mean(each, nil), math.Sqrt(max(common+max(0, between/count-own), least))
}

// clustered is the mean of values, and its variance where those of a unit
// belong together (Liang and Zeger, Biometrika 73:13, 1986).
func clustered(values []float64, unit []int) (mean, v float64) {
	return stat.Mean(values, nil), covariance(values, values, unit)
}

// covariance is that of the means of two values of the same samples, where
// those of a unit belong together.
func covariance(x, y []float64, unit []int) (v float64) {
	mx, my := stat.Mean(x, nil), stat.Mean(y, nil)
	n := 0
	for _, u := range unit {
		n = max(n, u+1)
	}
	if n < 2 {
		return 0
	}
	sx, sy := make([]float64, n), make([]float64, n)
	for i := range x {
		sx[unit[i]] += x[i] - mx
		sy[unit[i]] += y[i] - my
	}
	for u := range sx {
		v += float64(sx[u] * sy[u])
	}
	return v * float64(n) / float64(n-1) / float64(len(x)) / float64(len(x))
}
