package fit

import "math"

// Sums are what standardisations and closed forms are made of: the number of
// rows, their weights, and mean and squared deviations of each feature. Those
// of disjoint sets of rows add up, so that the sums of a training part are
// those of its folds.
type Sums struct {
	// N is the number of rows, those of weight 0 left out.
	N int
	// Weight is Σ w.
	Weight float64
	// Mean is Σ w·x / Σ w, Square is Σ w·(x − Mean)², D each.
	Mean, Square []float64
}

// NewSums returns the sums of no rows of d features.
func NewSums(d int) *Sums {
	return &Sums{Mean: make([]float64, d), Square: make([]float64, d)}
}

// AddRow adds a row (D) of weight w ≥ 0. The mean moves first, so that nothing
// cancels (West, Communications of the ACM 22:532, 1979).
func (s *Sums) AddRow(row []float64, w float64) {
	if w == 0 {
		return
	}
	s.N++
	s.Weight += w
	share := w / s.Weight
	for j, v := range row {
		before := v - s.Mean[j]
		s.Mean[j] += share * before
		s.Square[j] += w * before * (v - s.Mean[j])
	}
}

// Add adds the sums of other rows (Chan, Golub and LeVeque, The American
// Statistician 37:242, 1983).
func (s *Sums) Add(t *Sums) {
	if t.N == 0 {
		return
	}
	weight := s.Weight + t.Weight
	share := t.Weight / weight
	for j, m := range t.Mean {
		apart := m - s.Mean[j]
		s.Mean[j] += share * apart
		s.Square[j] += t.Square[j] + s.Weight*share*apart*apart
	}
	s.N, s.Weight = s.N+t.N, weight
}

// scaleTo writes the standard deviations into dst (D), 1 for a feature that is
// constant up to rounding (the bound is scikit-learn's, after Chan, Golub and
// LeVeque).
func (s *Sums) scaleTo(dst []float64) {
	const eps = 0x1p-52
	n := float64(s.N)
	for j, square := range s.Square {
		variance, least := square/s.Weight, n*s.Mean[j]*eps
		if dst[j] = math.Sqrt(variance); variance <= n*eps*variance+least*least {
			dst[j] = 1
		}
	}
}
