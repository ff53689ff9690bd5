package study

import (
	"math"

	"gonum.org/v1/gonum/stat"
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
	half := normal975 * math.Sqrt(r.variance(variance(p.Values), stat.Mean(rows, nil), len(p.Values)))
	if v := r.bySubsets(depth, size); r.shared && v > 0 {
		half = normal975 * math.Sqrt(max(r.variance(v, stat.Mean(rows, nil), len(p.Values)), half*half/normal975/normal975))
	}
	p.Low, p.High = max(0, p.Value-half), min(1, p.Value+half)
	return p
}

// variance is that of a mean over some seeds, by the variance between them and
// that of one seed's value over test samples. Where seeds test the same
// samples, what those happen to be does not average out. Where each tests
// others, it does, and is part of the variance between seeds, which is known
// from few of them and thus not taken for less.
func (r *run) variance(between, rows float64, seeds int) float64 {
	n := float64(seeds)
	if r.shared {
		return between/n + rows
	}
	return max(between/n, rows/float64(min(seeds, r.folds)))
}

// bySubsets estimates the variance between subsets of a size, of which seeds
// that draw from the same samples see only a part: a subset of all is the same
// with every seed. The variance falls as 1/n, as it does where it is seen,
// among subsets of at most half of the samples.
func (r *run) bySubsets(depth, size int) float64 {
	if 2*r.sizes[size] <= r.all {
		return 0
	}
	at := metricAt(r.Metric)
	var scaled []float64
	for i, n := range r.sizes {
		var values []float64
		for _, note := range r.notes[depth][i] {
			if note != nil {
				values = append(values, note.Test[at][0])
			}
		}
		if 2*n <= r.all && len(values) > 1 {
			scaled = append(scaled, float64(n)*variance(values))
		}
	}
	if scaled == nil {
		return 0
	}
	return stat.Mean(scaled, nil) / float64(r.sizes[size])
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
		x, y := make([]float64, len(b.Loss)), make([]float64, len(b.Loss))
		for i := range b.Loss {
			x[i] = float64(b.Right[i/8]>>(i%8)&1) - float64(a.Right[i/8]>>(i%8)&1)
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
		for k, values := range [][][]float64{right, loss} {
			each, rows := r.bySeed(values, seeds)
			luck[k] += variance(each) - stat.Mean(rows, nil)
		}
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
	d := new(Difference)
	var se float64
	d.Value, d.SE = r.mean(right, seeds, luck[0])
	d.LogLoss, se = r.mean(loss, seeds, luck[1])
	d.Low, d.High = d.Value-normal975*d.SE, d.Value+normal975*d.SE
	d.LogLossLow, d.LogLossHigh = d.LogLoss-normal975*se, d.LogLoss+normal975*se
	return d
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
	sum := make([]float64, len(values[0]))
	for _, v := range values {
		for i, x := range v {
			sum[i] += x / count
		}
	}
	_, common := clustered(sum, r.draws[seeds[0]].unit)
	own := 0.0
	if count > 1 {
		own = (within - common) / (count - 1)
	}
	return stat.Mean(each, nil), math.Sqrt(max(common+max(0, between/count-own), least))
}

// clustered is the mean of values, and its variance where those of a unit
// belong together (Liang and Zeger, Biometrika 73:13, 1986).
func clustered(values []float64, unit []int) (mean, v float64) {
	mean = stat.Mean(values, nil)
	n := 0
	for _, u := range unit {
		n = max(n, u+1)
	}
	sums := make([]float64, n)
	for i, x := range values {
		sums[unit[i]] += x - mean
	}
	for _, s := range sums {
		v += float64(s * s)
	}
	if n < 2 {
		return mean, 0
	}
	return mean, v * float64(n) / float64(n-1) / float64(len(values)) / float64(len(values))
}
