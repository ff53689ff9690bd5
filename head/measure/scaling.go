package measure

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/headstart-ml/headstart/head"
)

// Scaling turns the scores of a row into logits: each is multiplied with the
// scale of its class, divided by the temperature, and has the shift of its
// class added.
type Scaling struct {
	Temperature float64
	Scale       []float64 // by class; nil: 1
	Shift       []float64 // by class; nil: 0
}

// Plain reports whether the scaling is a temperature and nothing else.
func (s *Scaling) Plain() bool { return s.Scale == nil && s.Shift == nil }

// SoftmaxTo writes the probabilities of scores z into p, both of length C; p
// may be z.
func (s *Scaling) SoftmaxTo(p, z []float64) {
	if s.Plain() {
		head.SoftmaxTo(p, z, s.Temperature)
		return
	}
	for k, v := range z {
		if s.Scale != nil {
			v *= s.Scale[k]
		}
		v /= s.Temperature
		if s.Shift != nil {
			v += s.Shift[k]
		}
		p[k] = v
	}
	head.SoftmaxTo(p, p, 1)
}

// Add adds shifts by class.
func (s *Scaling) Add(shift []float64) {
	if shift == nil {
		return
	}
	if s.Shift == nil {
		s.Shift = make([]float64, len(shift))
	} else {
		s.Shift = slices.Clone(s.Shift)
	}
	for k, v := range shift {
		s.Shift[k] += v
	}
}

// Scores are rows that a scaling is fitted to.
type Scores struct {
	Logits  []float64 // n×Classes; −∞ for a class that the model does not know
	Labels  []int     // n
	Classes int
	// Offset is added to the logits of each class after they are scaled: what
	// makes the probabilities of weighted rows those of the rows here. nil: 0.
	Offset []float64
	// Folds deals the rows for FitAuto: those of one number are predicted by
	// what was fitted to the others.
	Folds []int
}

// FitTemperature returns the scaling by Temperature, with s.Offset as its
// shift.
func FitTemperature(s *Scores) *Scaling {
	return &Scaling{Temperature: temperature(s), Shift: s.Offset}
}

// FitVector returns vector scaling (Guo et al., ICML 2017, §4.2): beside the
// temperature a scale and a shift of each class, of the least negative
// log-likelihood with ½Σ(scale−1)² + ½Σshift² beside it, so that classes of few
// rows keep what the temperature gives.
func FitVector(s *Scores) *Scaling {
	c, start := s.Classes, FitTemperature(s)
	// Softmax curves at most as ½I does (Böhning, Annals of the Institute of
	// Statistical Mathematics 44:197, 1992): a class's scale and shift have a
	// quadratic bound of their own, whose least value is a step that never
	// goes too far. Steps are drawn on by the last one (Nesterov), and from
	// anew where that does not help (O'Donoghue and Candès, 2015).
	bound := make([][3]float64, c) // ½Σ(z/T)² + 1, ½Σz/T, ½n + 1
	for k := range bound {
		bound[k] = [3]float64{1, 0, 1}
	}
	for i, y := range s.Labels {
		for k, v := range s.Logits[i*c : (i+1)*c] {
			if v /= start.Temperature; !math.IsInf(v, -1) && s.known(i, y) {
				bound[k][0] += v * v / 2
				bound[k][1] += v / 2
				bound[k][2] += 0.5
			}
		}
	}
	scale, shift := slices.Repeat([]float64{1}, c), make([]float64, c)
	ahead, before := [2][]float64{slices.Clone(scale), slices.Clone(shift)}, [2][]float64{slices.Clone(scale), slices.Clone(shift)}
	g, p := [2][]float64{make([]float64, c), make([]float64, c)}, make([]float64, c)
	momentum := 1.0
	for range 500 {
		s.vectorGradient(&Scaling{Temperature: start.Temperature, Scale: ahead[0], Shift: ahead[1]}, g, p)
		most, along := 0.0, 0.0
		for k, b := range bound {
			det := b[0]*b[2] - b[1]*b[1]
			scale[k] = ahead[0][k] - (b[2]*g[0][k]-b[1]*g[1][k])/det
			shift[k] = ahead[1][k] - (b[0]*g[1][k]-b[1]*g[0][k])/det
			most = max(most, math.Abs(g[0][k]), math.Abs(g[1][k]))
			along += g[0][k]*(scale[k]-before[0][k]) + g[1][k]*(shift[k]-before[1][k])
		}
		if most <= 1e-7*float64(len(s.Labels)+1) {
			break
		}
		next := (1 + math.Sqrt(1+4*momentum*momentum)) / 2
		on := (momentum - 1) / next
		if momentum = next; along > 0 { // uphill
			momentum, on = 1, 0
		}
		for k := range c {
			ahead[0][k] = scale[k] + on*(scale[k]-before[0][k])
			ahead[1][k] = shift[k] + on*(shift[k]-before[1][k])
		}
		copy(before[0], scale)
		copy(before[1], shift)
	}
	out := &Scaling{Temperature: start.Temperature, Scale: scale, Shift: shift}
	out.Add(s.Offset)
	return out
}

// known reports whether row i of class y counts: the model knows its class.
func (s *Scores) known(i, y int) bool { return !math.IsInf(s.Logits[i*s.Classes+y], -1) }

// vectorGradient writes the gradient of FitVector's objective into g, for
// scales and for shifts. The offset is added to those of m; p has room for a
// row.
func (s *Scores) vectorGradient(m *Scaling, g [2][]float64, p []float64) {
	c := s.Classes
	for k := range c {
		g[0][k], g[1][k] = m.Scale[k]-1, m.Shift[k]
	}
	with := *m
	with.Add(s.Offset)
	for i, y := range s.Labels {
		if !s.known(i, y) {
			continue
		}
		z := s.Logits[i*c : (i+1)*c]
		with.SoftmaxTo(p, z)
		p[y]--
		for k, r := range p {
			if r != 0 {
				g[0][k] += r * z[k] / m.Temperature
				g[1][k] += r
			}
		}
	}
}

// FitAuto returns vector scaling if, cross-fitted over s.Folds, its log-loss is
// lower than the temperature's by more than the standard error of the rows'
// differences, and else the temperature.
func FitAuto(s *Scores) *Scaling {
	c, n := s.Classes, len(s.Labels)
	gained := make([]float64, 0, n)
	p := make([]float64, c)
	for f := range slices.Max(append([]int{0}, s.Folds...)) + 1 {
		others := &Scores{Classes: c, Offset: s.Offset}
		for i, y := range s.Labels {
			if s.Folds[i] != f {
				others.Logits, others.Labels = append(others.Logits, s.Logits[i*c:(i+1)*c]...), append(others.Labels, y)
			}
		}
		if len(others.Labels) == n || len(others.Labels) == 0 {
			continue
		}
		plain, vector := FitTemperature(others), FitVector(others)
		for i, y := range s.Labels {
			z := s.Logits[i*c : (i+1)*c]
			if s.Folds[i] != f || math.IsInf(z[y], -1) {
				continue
			}
			plain.SoftmaxTo(p, z)
			before := NewOutcome(p, y).loss
			vector.SoftmaxTo(p, z)
			gained = append(gained, before-NewOutcome(p, y).loss)
		}
	}
	if len(gained) > 1 && stat.Mean(gained, nil) > stat.StdErr(stat.StdDev(gained, nil), float64(len(gained))) {
		return FitVector(s)
	}
	return FitTemperature(s)
}
