package experiment

import (
	"context"
	"fmt"
	"github.com/headstart-ml/headstart/head"
	"math"
	"slices"
)

// table holds the rows that take part, by position: all else about them than their parts and folds.
type table struct {
	x           *matrix
	used        []int     // number of each row in the data, ascending
	classes     []string  // sorted by bytes
	labels      []int     // class of each row
	weights     []float64 // of each row; nil: all 1
	classWeight []float64 // of each class; nil: none, or balanced
	balanced    bool
	standardize bool
}

// problem is a fit to some of the rows.
type problem struct {
	objective
	present []int     // the classes that the rows have, ascending; class k of the fit is present[k]
	sample  []float64 // the rows' own weights; nil: all 1
}

// problem prepares a fit to rows (ascending positions). place names them in errors.
func (t *table) problem(ctx context.Context, rows []int, place string) (*problem, error) {
	p := &problem{}
	p.x = t.x
	total := make([]float64, len(t.classes)) // Σ of the rows' own weights, by class
	for _, r := range rows {
		w := 1.0
		if t.weights != nil {
			w = t.weights[r]
		}
		if w == 0 {
			continue
		}
		p.rows = append(p.rows, r)
		if t.weights != nil {
			p.sample = append(p.sample, w)
		}
		total[t.labels[r]] += w
	}
	local := make([]int32, len(t.classes))
	for k, w := range total {
		if w > 0 {
			local[k] = int32(len(p.present))
			p.present = append(p.present, k)
		}
	}
	if len(p.present) < 2 {
		return nil, fmt.Errorf("head: %s: %d classes with rows to fit, at least 2 are needed; use other splits or fewer folds", place, len(p.present))
	}
	p.classes = len(p.present)
	p.labels = make([]int32, len(p.rows))
	for i, r := range p.rows {
		p.labels[i] = local[t.labels[r]]
	}
	if p.sample != nil || t.classWeight != nil || t.balanced {
		p.weight = make([]float64, len(p.rows))
		sum := 0.0
		for i, r := range p.rows {
			w, k := 1.0, t.labels[r]
			if p.sample != nil {
				w = p.sample[i]
			}
			if t.balanced {
				w /= total[k]
			} else if t.classWeight != nil {
				w *= t.classWeight[k]
			}
			p.weight[i] = w
			sum += w
		}
		for i := range p.weight {
			p.weight[i] *= float64(len(p.rows)) / sum
		}
	}
	var err error
	p.moments, err = t.x.moments(ctx, p.rows, p.sample, t.standardize)
	return p, err
}

// logits returns the logits of rows (ascending positions) for all classes, len(rows)×C, −∞ for classes that the fit does not know.
func (p *problem) logits(ctx context.Context, s *solution, rows []int, classes int) ([]float64, error) {
	local := make([]float64, len(rows)*p.classes)
	if err := p.logitsTo(ctx, local, rows, s.w, s.b); err != nil || classes == p.classes {
		return local, err
	}
	z := slices.Repeat([]float64{math.Inf(-1)}, len(rows)*classes)
	for i := range rows {
		for k, c := range p.present {
			z[i*classes+c] = local[i*p.classes+k]
		}
	}
	return z, nil
}

// head folds the standardisation of a solution into its weights.
func (p *problem) head(t *table, kind string, s *solution, lambda, temperature float64) *head.Head {
	d := t.x.d
	m := &head.Affine{
		Normalize: t.x.normalize,
		Weight:    make([]float64, p.classes*d), Bias: slices.Clone(s.b), Mean: make([]float64, d), Scale: make([]float64, d),
	}
	h := &head.Head{Kind: kind, Model: m, Temperature: temperature}
	if kind == "softmax" {
		h.Params = head.Params{{Name: head.L2, Value: lambda}}
	}
	for j := range d {
		m.Scale[j] = t.x.spread[j] * p.moments.scale[j]
		if t.standardize {
			m.Mean[j] = t.x.center[j] + t.x.spread[j]*p.moments.mean[j]
		}
	}
	for k, c := range p.present {
		h.Classes = append(h.Classes, t.classes[c])
		for j := range d {
			w := s.w[k*d+j] / m.Scale[j]
			m.Weight[k*d+j] = w
			m.Bias[k] -= w * (t.x.center[j] + t.x.spread[j]*p.moments.mean[j])
		}
	}
	return h
}
