package measure

import (
	"fmt"
	"math"
	"slices"
)

// NumberMetrics tells how good predictions of numbers are. Of several numbers a
// row each is the mean over them. Every row counts once.
type NumberMetrics struct {
	Rows int `json:"rows"`
	// MAE is the mean of |prediction − number|, RMSE the root of the mean of
	// its square.
	MAE  Estimate `json:"mae"`
	RMSE Estimate `json:"rmse"`
	// R2 is 1 − Σ (prediction − number)² / Σ (mean − number)²; of numbers that
	// are all the same 1 if they are predicted exactly, else 0.
	R2 Estimate `json:"r2"`
	// Baseline holds the metrics of always answering the best constant for
	// these rows: their median for MAE, their mean for RMSE.
	Baseline NumberBaseline `json:"baseline"`
	// Interval says how the intervals were made: "bootstrap", "bootstrap-cv" or
	// "bootstrap-groups".
	Interval string `json:"interval"`
	// PerNumber holds a line a number, in their order.
	PerNumber []OneNumber `json:"per_number"`
	// Points are predictions with what is so, of the first number, at most 500
	// rows, evenly spread.
	Points []Point `json:"points,omitempty"`
}

// NumberBaseline is what constants come to.
type NumberBaseline struct {
	MAE  float64 `json:"mae"`
	RMSE float64 `json:"rmse"`
}

// OneNumber holds the metrics of one of several numbers.
type OneNumber struct {
	Name string  `json:"name"`
	MAE  float64 `json:"mae"`
	RMSE float64 `json:"rmse"`
	R2   float64 `json:"r2"`
	// Mean and SD are those of what is so on these rows.
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"`
}

// Point is a number and what was predicted.
type Point struct {
	Is        float64 `json:"is"`
	Predicted float64 `json:"predicted"`
}

func (m *NumberMetrics) estimates() []NamedEstimate {
	return []NamedEstimate{{"r2", m.R2}, {"rmse", m.RMSE}, {"mae", m.MAE}}
}

// numbered are predictions of numbers that are measured.
type numbered struct {
	p, y []float64 // n×k
	n, k int
}

// one returns MAE, RMSE and R² of a number, and its mean and deviation.
func (l *numbered) one(c int, times []uint32) (mae, rmse, r2, mean, sd float64) {
	var rows, sum, square, off, deviation float64
	for i, t := range times {
		w := float64(t)
		e := l.p[i*l.k+c] - l.y[i*l.k+c]
		rows += w
		sum += w * (l.y[i*l.k+c] - l.y[c]) // from the first one, so that nothing cancels
		off += w * math.Abs(e)
		square += w * e * e
	}
	mean = sum/rows + l.y[c]
	for i, t := range times {
		d := l.y[i*l.k+c] - mean
		deviation += float64(t) * d * d
	}
	switch {
	case deviation > 0:
		r2 = 1 - square/deviation
	case square == 0:
		r2 = 1
	}
	return off / rows, math.Sqrt(square / rows), r2, mean, math.Sqrt(deviation / rows)
}

// values returns MAE, RMSE and R².
func (l *numbered) values(times []uint32) []float64 {
	v := make([]float64, 3)
	for c := range l.k {
		mae, rmse, r2, _, _ := l.one(c, times)
		for i, x := range []float64{mae, rmse, r2} {
			v[i] += x / float64(l.k)
		}
	}
	return v
}

// EvaluateNumbers returns the metrics of predictions p of numbers y, both n×K,
// which names calls. No rows, lengths that do not fit and values that are not
// finite are errors.
func EvaluateNumbers(p, y []float64, names []string, s *Settings) (*Metrics, error) {
	if s == nil {
		s = new(Settings)
	}
	k := len(names)
	if err := checkAnswers("numbers", p, y, k, s); err != nil {
		return nil, err
	}
	for i := range p {
		if p[i]-p[i] != 0 || y[i]-y[i] != 0 {
			return nil, fmt.Errorf("head/measure: numbers: row %d: %s is %v, predicted as %v", i/k, names[i%k], y[i], p[i])
		}
	}
	l := &numbered{p: p, y: y, n: len(p) / k, k: k}
	v := l.values(ones(l.n))
	m := &NumberMetrics{Rows: l.n, MAE: Estimate{Value: v[0]}, RMSE: Estimate{Value: v[1]}, R2: Estimate{Value: v[2]}}
	for c, name := range names {
		one := OneNumber{Name: name}
		one.MAE, one.RMSE, one.R2, one.Mean, one.SD = l.one(c, ones(l.n))
		m.PerNumber = append(m.PerNumber, one)
		m.Baseline.RMSE += one.SD / float64(k)
		m.Baseline.MAE += l.aroundMedian(c) / float64(k)
	}
	const shown = 500
	for i := range min(shown, l.n) {
		r := i * l.n / min(shown, l.n)
		m.Points = append(m.Points, Point{y[r*k], p[r*k]})
	}
	m.Interval = resample(l.n, s, []bounded{{&m.MAE, 0, infinity}, {&m.RMSE, 0, infinity}, {&m.R2, -infinity, 1}}, l.values)
	return &Metrics{Rows: m.Rows, Interval: m.Interval, Number: m}, nil
}

// aroundMedian is the mean distance of a number from its median.
func (l *numbered) aroundMedian(c int) float64 {
	all := make([]float64, l.n)
	for i := range all {
		all[i] = l.y[i*l.k+c]
	}
	slices.Sort(all)
	median, sum := all[l.n/2], 0.0
	for _, v := range all {
		sum += math.Abs(v-median) / float64(l.n)
	}
	return sum
}

// NumberScore returns a metric of ScoreNamesOf(head.Number) of predictions as
// EvaluateNumbers takes them; NaN without rows.
func NumberScore(metric string, p, y []float64, k int) float64 {
	if len(p) == 0 {
		return math.NaN()
	}
	l := &numbered{p: p, y: y, n: len(p) / k, k: k}
	return l.values(ones(l.n))[slices.Index([]string{"mae", "rmse", "r2"}, metric)]
}
