package head

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

var _ Model = (*Perceptron)(nil)

// Dense is an affine map between layers, W·x + b.
type Dense struct {
	Weight []float64 // out×in
	Bias   []float64 // out
}

// MaxHidden and MaxUnits are the most hidden layers that a Perceptron has, and
// the most units of one.
const MaxHidden, MaxUnits = 2, 1 << 14

// Perceptron is a multilayer perceptron: hidden layers, each max(W·x + b, 0) of
// what is before it, and the scores, affine in the last of them. A
// standardisation is folded into the first layer.
type Perceptron struct {
	// Layers are the hidden layers, one or two, and that of the scores. The
	// first one is for features as they are (after Normalize).
	Layers []Dense
	// Mean and Scale (D each) are the standardisation that was folded in, as a
	// record, like those of an Affine.
	Mean, Scale []float64
	// Normalize says that each row is divided by its Euclidean length first; a
	// row of zeros stays one.
	Normalize bool
}

// Dims returns the numbers of features and of scores.
func (p *Perceptron) Dims() (d, k int) {
	if len(p.Layers) == 0 {
		return len(p.Mean), 0
	}
	return len(p.Mean), len(p.Layers[len(p.Layers)-1].Bias)
}

// Hidden returns the sizes of the hidden layers.
func (p *Perceptron) Hidden() []int {
	var sizes []int
	for i := range len(p.Layers) - 1 {
		sizes = append(sizes, len(p.Layers[i].Bias))
	}
	return sizes
}

var _ Rescaler = (*Perceptron)(nil)

// Rescaled returns the model whose scores are those of p times scale plus
// shift. It shares the hidden layers.
func (p *Perceptron) Rescaled(scale, shift []float64) Model {
	last := len(p.Layers) - 1
	of := Affine{Weight: p.Layers[last].Weight, Bias: p.Layers[last].Bias, Mean: make([]float64, len(p.Layers[last-1].Bias))}
	to := of.Rescaled(scale, shift).(*Affine)
	out := *p
	out.Layers = append(append([]Dense(nil), p.Layers[:last]...), Dense{to.Weight, to.Bias})
	return &out
}

// Check returns an error that says what is wrong with shapes and values.
func (p *Perceptron) Check() error {
	in := len(p.Mean)
	switch {
	case in < 1:
		return fmt.Errorf("head: perceptron: %d features", in)
	case len(p.Scale) != in:
		return fmt.Errorf("head: perceptron: standardisation: %d means and %d scales", in, len(p.Scale))
	case len(p.Layers) < 2 || len(p.Layers) > 1+MaxHidden:
		return fmt.Errorf("head: perceptron: %d hidden layers, from 1 to %d are known", len(p.Layers)-1, MaxHidden)
	}
	finite := func(what string, values []float64) error {
		for i, v := range values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("head: perceptron: %s: value %d is %v", what, i, v)
			}
		}
		return nil
	}
	for i := range p.Layers {
		l := &p.Layers[i]
		out := len(l.Bias)
		if i < len(p.Layers)-1 && out > MaxUnits {
			return fmt.Errorf("head: perceptron: layer %d: %d units, at most %d are possible", i+1, out, MaxUnits)
		}
		if out < 1 || len(l.Weight) != out*in {
			return fmt.Errorf("head: perceptron: layer %d: %d weights for %d outputs × %d inputs", i+1, len(l.Weight), out, in)
		}
		if err := finite(fmt.Sprintf("layer %d: weight", i+1), l.Weight); err != nil {
			return err
		}
		if err := finite(fmt.Sprintf("layer %d: bias", i+1), l.Bias); err != nil {
			return err
		}
		in = out
	}
	if err := finite("mean", p.Mean); err != nil {
		return err
	}
	return finite("scale", p.Scale)
}

// ScoresTo writes the scores of n rows x (n×D) into dst (n×K).
func (p *Perceptron) ScoresTo(dst []float64, x []float32, n int) {
	d, k := p.Dims()
	checkLengths(len(dst), len(x), n, d, k)
	layers := make([][]float64, len(p.Layers))
	for i := range layers {
		layers[i] = make([]float64, len(p.Layers[i].Bias))
	}
	row := make([]float64, d)
	for i := range n {
		for j, v := range x[i*d : (i+1)*d] {
			row[j] = float64(v)
		}
		if p.Normalize {
			normalize(row)
		}
		in := row
		for l := range p.Layers {
			out := layers[l]
			copy(out, p.Layers[l].Bias)
			blas64.Gemv(blas.NoTrans, 1, blas64.General{Rows: len(out), Cols: len(in), Stride: len(in), Data: p.Layers[l].Weight},
				blas64.Vector{N: len(in), Data: in, Inc: 1}, 1, blas64.Vector{N: len(out), Data: out, Inc: 1})
			if l < len(p.Layers)-1 {
				for j, v := range out {
					out[j] = max(v, 0)
				}
			}
			in = out
		}
		copy(dst[i*k:(i+1)*k], in)
	}
}
