package fit

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"github.com/headstart-ml/headstart/head/internal/simd"
)

// Sums are what standardisations and closed forms are made of: the number of
// rows, their weights, and mean and squared deviations of each feature. Those
// of disjoint sets of rows add up, so that the sums of a training part are
// those of its folds, and those of old and new samples those of all.
type Sums struct {
	// N is the number of rows, those of weight 0 left out.
	N int
	// Weight is Σ w.
	Weight float64
	// Mean is Σ w·x / Σ w, Square is Σ w·(x − Mean)², D each.
	Mean, Square []float64
	// Scatter is Σ w·(x − Mean)·(x − Mean)ᵀ, D×D row after row, of which the
	// upper triangle counts; nil: it is not measured. Square is its diagonal.
	Scatter []float64
	// Classes are the sums of the rows of each class; nil: they are not
	// measured.
	Classes []ClassSums
}

// ClassSums are sums of the rows of one class.
type ClassSums struct {
	// N is the number of rows, those of weight 0 left out.
	N int
	// Weight is Σ w, Mean is Σ w·x / Σ w (D).
	Weight float64
	Mean   []float64
}

// NewSums returns the sums of no rows of d features.
func NewSums(d int) *Sums {
	return &Sums{Mean: make([]float64, d), Square: make([]float64, d)}
}

// NewScatter returns the sums of no rows of d features and so many classes,
// with their scatter.
func NewScatter(d, classes int) *Sums {
	s := NewSums(d)
	s.Scatter, s.Classes = make([]float64, d*d), make([]ClassSums, classes)
	for k := range s.Classes {
		s.Classes[k].Mean = make([]float64, d)
	}
	return s
}

// AddRow adds a row (D) of weight w ≥ 0 to sums without a scatter. The mean
// moves first, so that nothing cancels (West, Communications of the ACM 22:532,
// 1979).
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

// AddRows adds rows x (n×D, which it overwrites) of the classes labels (n) and
// the weights w (n, ≥ 0; nil: all 1) to sums with classes, with so many
// goroutines: how many changes no bit.
func (s *Sums) AddRows(x []float64, labels []int, w []float64, threads int) {
	d := len(s.Mean)
	own := NewSums(d) // s.Scatter takes the products
	own.Classes = make([]ClassSums, len(s.Classes))
	for k := range own.Classes {
		own.Classes[k].Mean = make([]float64, d)
	}
	n := 0
	for i, y := range labels {
		weight := 1.0
		if w != nil {
			weight = w[i]
		}
		if weight == 0 {
			continue
		}
		row := x[n*d : (n+1)*d]
		copy(row, x[i*d:(i+1)*d])
		n++
		own.AddRow(row, weight)
		k := &own.Classes[y]
		k.N++
		k.Weight += weight
		share := weight / k.Weight
		for j, v := range row {
			k.Mean[j] += share * (v - k.Mean[j])
		}
	}
	if n == 0 {
		return
	}
	at := 0
	for i := range labels {
		root := 1.0
		if w != nil {
			if w[i] == 0 {
				continue
			}
			root = math.Sqrt(w[i])
		}
		row := x[at*d : (at+1)*d]
		for j, m := range own.Mean {
			row[j] = root * (row[j] - m)
		}
		at++
	}
	if s.Scatter != nil {
		productTo(s.Scatter, 1, x[:n*d], n, threads)
	}
	s.Add(own)
}

// productTo adds a·xᵀ·x of n rows x to the upper triangle of dst (D×D), with so
// many goroutines: how many changes no bit.
func productTo(dst []float64, a float64, x []float64, n, threads int) {
	d := len(x) / n
	simd.Float64{Threads: threads}.Dsyrk(blas.Upper, blas.Trans, d, n, a, x, d, 1, dst, d)
}

// Add adds the sums of other rows (Chan, Golub and LeVeque, The American
// Statistician 37:242, 1983). Sums that have a scatter, or classes, take those
// of t too, if it has them.
func (s *Sums) Add(t *Sums) {
	if t.N == 0 {
		return
	}
	weight := s.Weight + t.Weight
	share := t.Weight / weight
	d := len(s.Mean)
	apart := make([]float64, d)
	for j, m := range t.Mean {
		apart[j] = m - s.Mean[j]
		s.Mean[j] += share * apart[j]
		s.Square[j] += t.Square[j] + s.Weight*share*apart[j]*apart[j]
	}
	if s.Scatter != nil {
		for i, v := range apart {
			row := s.Scatter[i*d+i : (i+1)*d]
			if t.Scatter != nil {
				for j, u := range t.Scatter[i*d+i : (i+1)*d] {
					row[j] += u
				}
			}
			if v *= s.Weight * share; v != 0 {
				blas64.Axpy(v, blas64.Vector{N: d - i, Data: apart[i:], Inc: 1}, blas64.Vector{N: d - i, Data: row, Inc: 1})
			}
		}
	}
	for k := range min(len(s.Classes), len(t.Classes)) {
		to, of := &s.Classes[k], &t.Classes[k]
		if of.N == 0 {
			continue
		}
		to.N, to.Weight = to.N+of.N, to.Weight+of.Weight
		share := of.Weight / to.Weight
		for j, m := range of.Mean {
			to.Mean[j] += share * (m - to.Mean[j])
		}
	}
	s.N, s.Weight = s.N+t.N, weight
}

// scaleTo writes the standard deviations into dst (D), 1 for a feature that is
// constant.
func (s *Sums) scaleTo(dst []float64) {
	for j, square := range s.Square {
		if dst[j] = math.Sqrt(square / s.Weight); s.constant(j) {
			dst[j] = 1
		}
	}
}

// constant tells whether a feature has no variance to speak of: up to the
// rounding of its own sums, which is scikit-learn's bound (after Chan, Golub
// and LeVeque); up to the rounding of float32, which rows are of and
// scikit-learn's data need not be, that is less than a step of a number as
// large as its mean; or if it is below the least normal number of float32. What
// is left of such a feature is rounding of the backbone, and divided by its
// deviation it would count as much as others: MiniLM has two of 1e-33, with
// weights of 1e32.
func (s *Sums) constant(j int) bool {
	const eps, step, leastNormal = 0x1p-52, 0x1p-24, 0x1p-126
	n, mean, variance := float64(s.N), s.Mean[j], s.Square[j]/s.Weight
	rounding := n * mean * eps
	return variance <= n*eps*variance+rounding*rounding || math.Sqrt(variance) <= step*math.Abs(mean) || variance < leastNormal
}
