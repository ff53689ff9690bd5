package study

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
)

// normal90 is the 0.9 quantile of the normal distribution.
const normal90 = 1.2815515655446004

// reach lists the numbers of training samples that are predicted for. One that
// is no more than there are, or too far away, is a *FarError.
func (r *run) reach() ([]int, error) {
	if r.At == nil {
		return []int{2 * r.all, 4 * r.all, 8 * r.all}, nil
	}
	for _, n := range r.At {
		if n <= r.all || n > Farthest*r.all {
			return nil, &FarError{N: n, Largest: r.all}
		}
	}
	return r.At, nil
}

// predict extrapolates the curve of each depth that has sizes enough.
func (r *run) predict(depths []Depth) error {
	at, err := r.reach()
	if err != nil {
		return err
	}
	for k := range depths {
		points, like := r.measured(k), &known.Apart
		if r.shared {
			like = &known.Shared
		}
		e, err := extrapolate(points, like, at)
		few, narrow := (*ShortError)(nil), (*NarrowError)(nil)
		switch far := (*FarError)(nil); {
		case errors.As(err, &few), errors.As(err, &narrow):
			continue
		case errors.As(err, &far): // its largest size is not the largest of all
			if e, err = extrapolate(points, like, nil); err != nil {
				return err
			}
			for _, n := range at {
				if n > Farthest*e.Largest {
					continue
				}
				f, err := e.forecast(n)
				if err != nil {
					return err
				}
				e.Forecasts = append(e.Forecasts, f)
			}
		case err != nil:
			return err
		}
		r.extrapolated[k] = e
		noise := r.testNoise(k)
		for _, f := range e.Forecasts {
			p := Prediction{Depth: depths[k].Name, N: f.N, Value: 1 - f.Error}
			p.Low80, p.High80 = widened(p.Value, 1-f.High80, 1-f.Low80, normal90*noise)
			p.Low95, p.High95 = widened(p.Value, 1-f.High95, 1-f.Low95, normal975*noise)
			r.result.Predictions = append(r.result.Predictions, p)
		}
		if e.Shape.Ill() {
			r.behaves(depths[k].Name, e.Shape)
		}
	}
	return nil
}

// behaves notes that a curve is not one that falls ever more slowly.
func (r *run) behaves(depth string, shape Shape) {
	for i := range r.result.Curves {
		if c := &r.result.Curves[i]; c.Depth == depth {
			c.Behaviour = string(shape)
		}
	}
	r.result.Notes = append(r.result.Notes, Remark{Kind: "unsteady", Names: []string{depth}, Message: fmt.Sprintf("the curve of %s is not one that gets better ever more slowly: %s; its predictions are to be doubted", named(depth), shape.error())})
}

// widened adds a normal deviation to an interval, to each side by itself.
func widened(value, low, high, by float64) (float64, float64) {
	return max(0, value-math.Hypot(value-low, by)), min(1, value+math.Hypot(high-value, by))
}

// measured are the errors of a depth. Where all seeds test the same samples, a
// subset of all samples is the same with every seed, and counts once; where
// each tests others, their difficulty is taken out.
func (r *run) measured(depth int) []Measured {
	at := metricAt(r.Metric)
	var out []Measured
	for i, n := range r.sizes {
		for seed, note := range r.notes[depth][i] {
			if note == nil || r.shared && n == r.all && seed > 0 {
				continue
			}
			out = append(out, Measured{N: n, Seed: r.draws[seed].seed, Error: max(0, min(1, 1-note.Test[at][0]))})
		}
	}
	if !r.shared {
		return levelled(out)
	}
	return out
}

// testNoise is the standard deviation of a value that comes of which samples
// happen to be tested, at the largest size of a depth.
func (r *run) testNoise(depth int) float64 {
	at := metricAt(r.Metric)
	for i := len(r.sizes) - 1; i >= 0; i-- {
		var rows []float64
		for _, n := range r.notes[depth][i] {
			if n != nil {
				rows = append(rows, n.Test[at][1]*n.Test[at][1])
			}
		}
		if rows == nil {
			continue
		}
		v := stat.Mean(rows, nil)
		if !r.shared {
			v /= float64(min(len(rows), r.folds))
		}
		return math.Sqrt(v)
	}
	return 0
}

// gain is what twice as many samples are predicted to bring to a depth, or to
// the simplest one where that is Unclear; nil if nothing is predicted.
func (r *run) gain(depths []Depth, depth string) *Doubled {
	k := 0
	for i := range depths {
		if depths[i].Name == depth && r.extrapolated[i] != nil {
			k = i
		}
	}
	e := r.extrapolated[k]
	if e == nil {
		return nil
	}
	return e.doubled(depths[k].Name)
}

// doubled is what twice as many samples are predicted to bring to a depth.
func (e *Extrapolation) doubled(depth string) *Doubled {
	d := &e.Doubling
	return &Doubled{Depth: depth, From: e.Largest, To: d.N, Value: d.Value, Low80: d.Low80, High80: d.High80, Probable: d.AtLeast(worthwhile)}
}

// Advice says whether more data pay, by the rule of [Advice], in at most two
// sentences. Of depths a curve alone does not tell. The curve is called depth.
func (e *Extrapolation) Advice(depth string) Advice {
	a := Advice{Data: Unclear, Depth: Unclear, Gain: e.doubled(depth)}
	a.Text = a.pays()
	if a.Data == Unclear {
		a.Text += fmt.Sprintf(" More seeds at each size, or one size more, %s training samples, would tell more.", thousands(int(math.Ceil(float64(e.Largest)*math.Sqrt2))))
	}
	return a
}

// Result is the curve as a study of one depth of that name, with accuracies,
// 1 − error. A curve from elsewhere has errors alone: Classes, Test, Seeds and
// Costs, and PerClass, Train, LogLoss and Values of its points are zero.
func (e *Extrapolation) Result(depth string) *Result {
	r := &Result{Metric: "accuracy", N: e.Largest, Advice: e.Advice(depth)}
	c := Curve{Depth: depth}
	for _, s := range e.Sizes {
		c.Points = append(c.Points, Point{N: s.N, Value: 1 - s.Error, Low: 1 - s.High, High: 1 - s.Low})
	}
	if e.Shape.Ill() {
		c.Behaviour = string(e.Shape)
		r.Notes = []Remark{{Kind: "unsteady", Names: []string{depth}, Message: fmt.Sprintf("the curve is not one that gets better ever more slowly: %s; its predictions are to be doubted", e.Shape.error())}}
	}
	r.Curves = []Curve{c}
	for _, f := range e.Forecasts {
		r.Predictions = append(r.Predictions, Prediction{Depth: depth, N: f.N, Value: 1 - f.Error, Low80: 1 - f.High80, High80: 1 - f.Low80, Low95: 1 - f.High95, High95: 1 - f.Low95})
	}
	return r
}
