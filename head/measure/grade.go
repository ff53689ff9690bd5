package measure

import (
	"math"
)

// GradeMetrics are what is measured of grades beside what is of classes.
type GradeMetrics struct {
	// MAE is the mean number of grades between a row's own and the predicted
	// one.
	MAE Estimate `json:"mae"`
	// Kappa is Cohen's kappa with quadratic weights: 1 is agreement, 0 what
	// chance would give (Cohen, Psychological Bulletin 70:213, 1968). Where all
	// is of one grade and predicted so it is 1.
	Kappa Estimate `json:"quadratic_kappa"`
	// BaselineMAE is MAE of always answering the median grade of these rows.
	BaselineMAE float64 `json:"baseline_mae"`
}

// graded are outcomes of which an index is a grade.
type graded struct {
	outcomes []Outcome
	c        int
}

// values returns MAE and kappa.
func (g *graded) values(times []uint32) []float64 {
	own, said := make([]float64, g.c), make([]float64, g.c)
	var off, square, rows float64
	for i, t := range times {
		if t == 0 {
			continue
		}
		o, w := &g.outcomes[i], float64(t)
		d := float64(o.Label - o.Predicted)
		off += w * math.Abs(d)
		square += w * d * d
		own[o.Label] += w
		said[o.Predicted] += w
		rows += w
	}
	// Σ own·said·(i−j)² of independent grades, by their moments.
	var a, aa, b, bb float64
	for i := range own {
		x := float64(i)
		a, aa, b, bb = a+own[i]*x, aa+own[i]*x*x, b+said[i]*x, bb+said[i]*x*x
	}
	kappa := 1.0
	if chance := (aa*rows - 2*a*b + bb*rows) / rows; chance > 0 {
		kappa = 1 - square/chance
	}
	return []float64{off / rows, kappa}
}

// EvaluateGrades returns the metrics of outcomes whose labels are indices of
// grades, from the lowest to the highest. The errors are those of Evaluate.
func EvaluateGrades(outcomes []Outcome, grades []string, s *Settings) (*Metrics, error) {
	if s == nil {
		s = new(Settings)
	}
	m, err := Evaluate(outcomes, grades, s)
	if err != nil {
		return nil, err
	}
	g := &graded{outcomes, len(grades)}
	v := g.values(ones(len(outcomes)))
	m.GradeMetrics = &GradeMetrics{MAE: Estimate{Value: v[0]}, Kappa: Estimate{Value: v[1]}}
	count, below := make([]int, len(grades)), 0
	for _, o := range outcomes {
		count[o.Label]++
	}
	median := 0
	for below += count[0]; 2*below < len(outcomes); below += count[median] {
		median++
	}
	for k, n := range count {
		m.BaselineMAE += math.Abs(float64(k-median)) * float64(n) / float64(len(outcomes))
	}
	resample(len(outcomes), s, []bounded{{&m.GradeMetrics.MAE, 0, infinity}, {&m.GradeMetrics.Kappa, -1, 1}}, g.values)
	return m, nil
}

// GradeScore returns a metric of ScoreNamesOf(head.Grade) of outcomes of that
// many grades; NaN without rows.
func GradeScore(metric string, outcomes []Outcome, grades int) float64 {
	if len(outcomes) == 0 {
		return math.NaN()
	}
	v := (&graded{outcomes, grades}).values(ones(len(outcomes)))
	switch metric {
	case "mae":
		return v[0]
	case "kappa":
		return v[1]
	}
	return ValuesOf(outcomes, grades).Of(metric)
}

// OutcomesOf returns the outcomes of probabilities p (n×C) for rows of these
// labels.
func OutcomesOf(p []float64, labels []int, c int) []Outcome {
	all := make([]Outcome, len(labels))
	for i, y := range labels {
		all[i] = NewOutcome(p[i*c:(i+1)*c], y)
	}
	return all
}
