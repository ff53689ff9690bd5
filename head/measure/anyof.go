package measure

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// AnyOfMetrics tells how good predictions of any of several labels are. Every
// row counts once.
type AnyOfMetrics struct {
	Rows int `json:"rows"`
	// AP is the mean over the labels of the average precision, Σ (Rₙ − Rₙ₋₁)·Pₙ
	// over the thresholds, and AUC that of the area under the ROC curve. Labels
	// that all rows have, or none, are left out.
	AP  Estimate `json:"ap"`
	AUC Estimate `json:"auc"`
	// MacroF1 is the mean of F1 over the labels that a row has or is predicted
	// to have, MicroF1 that of all labels taken together.
	MacroF1 Estimate `json:"macro_f1"`
	MicroF1 Estimate `json:"micro_f1"`
	// SubsetAccuracy is the share of rows whose labels are all right, and none
	// too much.
	SubsetAccuracy Estimate `json:"subset_accuracy"`
	// LogLoss is the mean over rows and labels of −ln p of what is so, with p
	// at least 2⁻⁵².
	LogLoss Estimate `json:"log_loss"`
	// Baseline holds the metrics of always answering each label's share of
	// these rows.
	Baseline AnyOfBaseline `json:"baseline"`
	// Interval says how the intervals were made: "bootstrap", "bootstrap-cv" or
	// "bootstrap-groups".
	Interval string `json:"interval"`
	// PerLabel holds a line a label, in their order.
	PerLabel []LabelMetrics `json:"per_label"`
}

// AnyOfBaseline is what always answering each label's share comes to.
type AnyOfBaseline struct {
	AP             float64 `json:"ap"`
	MicroF1        float64 `json:"micro_f1"`
	MacroF1        float64 `json:"macro_f1"`
	SubsetAccuracy float64 `json:"subset_accuracy"`
	LogLoss        float64 `json:"log_loss"`
}

// LabelMetrics holds the metrics of one label; a ratio without a denominator is
// 0, and so are AP and AUC of a label that all rows have, or none.
type LabelMetrics struct {
	Label     string  `json:"label"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
	AP        float64 `json:"ap"`
	AUC       float64 `json:"auc"`
	Support   int     `json:"support"`
	Predicted int     `json:"predicted"`
	// Threshold is the probability from which on the label is answered.
	Threshold float64 `json:"threshold"`
	// BestThreshold is that of the largest F1 on these rows: a probability that
	// is answered with it is at least as large.
	BestThreshold float64 `json:"best_threshold"`
	BestF1        float64 `json:"best_f1"`
}

func (m *AnyOfMetrics) estimates() []NamedEstimate {
	return []NamedEstimate{{"ap", m.AP}, {"auc", m.AUC}, {"macro-f1", m.MacroF1}, {"micro-f1", m.MicroF1}, {"subset-accuracy", m.SubsetAccuracy}, {"log-loss", m.LogLoss}}
}

// answered is the probability from which on a label is answered.
const answered = 0.5

// labelled are predictions of labels that are measured.
type labelled struct {
	p, y   []float64 // n×k: probabilities; 1 where a row has the label
	n, k   int
	ranked [][]int32 // of each label: rows by its probability, the largest first
}

func newLabelled(p, y []float64, k int) *labelled {
	l := &labelled{p: p, y: y, n: len(p) / k, k: k, ranked: make([][]int32, k)}
	for c := range k {
		l.ranked[c] = make([]int32, l.n)
		for i := range l.ranked[c] {
			l.ranked[c][i] = int32(i)
		}
		slices.SortFunc(l.ranked[c], func(i, j int32) int {
			return cmp.Or(cmp.Compare(p[int(j)*k+c], p[int(i)*k+c]), cmp.Compare(i, j))
		})
	}
	return l
}

// curve returns average precision and area under the ROC curve of a label, and
// whether rows have it and others not.
func (l *labelled) curve(c int, times []uint32) (ap, auc float64, ok bool) {
	var have, not float64
	order := l.ranked[c]
	for at := 0; at < len(order); {
		p, more, less := l.p[int(order[at])*l.k+c], 0.0, 0.0
		for ; at < len(order) && l.p[int(order[at])*l.k+c] == p; at++ {
			w := float64(times[order[at]])
			if l.y[int(order[at])*l.k+c] > 0 {
				more += w
			} else {
				less += w
			}
		}
		auc += less * (have + more/2)
		have, not = have+more, not+less
		if more > 0 {
			ap += more * have / (have + not)
		}
	}
	if have == 0 || not == 0 {
		return 0, 0, false
	}
	return ap / have, auc / (have * not), true
}

// counts are hits, labels of rows and labels that are predicted, of one label.
type counts struct{ hit, support, predicted float64 }

func (c counts) f1() float64 { return over(2*c.hit, c.support+c.predicted) }

// values returns the metrics of rows drawn as often as times says: AP, AUC,
// macro-F1, micro-F1, subset accuracy and log-loss.
func (l *labelled) values(times []uint32) []float64 {
	var ap, auc, curves, loss, right, rows float64
	each := make([]counts, l.k)
	for i, t := range times {
		if t == 0 {
			continue
		}
		w := float64(t)
		all, sum := true, 0.0
		for c := range l.k {
			p, y := l.p[i*l.k+c], l.y[i*l.k+c]
			said := p >= answered
			all = all && said == (y > 0)
			q := p
			if y > 0 {
				each[c].support += w
			} else {
				q = 1 - p
			}
			if said {
				each[c].predicted += w
				if y > 0 {
					each[c].hit += w
				}
			}
			sum -= math.Log(max(q, minProbability))
		}
		rows += w
		loss += w * sum
		if all {
			right += w
		}
	}
	var macro, known float64
	var micro counts
	for _, c := range each {
		if c.support+c.predicted > 0 {
			macro += c.f1()
			known++
		}
		micro.hit, micro.support, micro.predicted = micro.hit+c.hit, micro.support+c.support, micro.predicted+c.predicted
	}
	for c := range l.k {
		if a, b, ok := l.curve(c, times); ok {
			ap, auc, curves = ap+a, auc+b, curves+1
		}
	}
	return []float64{over(ap, curves), over(auc, curves), over(macro, known), micro.f1(), right / rows, loss / rows / float64(l.k)}
}

// checkAnswers says what is wrong with the shapes of n×k answers and targets.
func checkAnswers(what string, p, y []float64, k int, s *Settings) error {
	switch {
	case k < 1 || len(p) == 0:
		return fmt.Errorf("head/measure: %s: no rows", what)
	case len(p) != len(y) || len(p)%k != 0:
		return fmt.Errorf("head/measure: %s: %d predictions for %d targets of %d a row", what, len(p), len(y), k)
	case s.Units != nil && len(s.Units) != len(p)/k:
		return fmt.Errorf("head/measure: %s: %d units for %d rows", what, len(s.Units), len(p)/k)
	}
	return nil
}

// EvaluateLabels returns the metrics of probabilities p of labels (n×K), where
// y is 1 for the labels that a row has and 0 for the others. No rows, lengths
// that do not fit and probabilities that are none are errors.
func EvaluateLabels(p, y []float64, labels []string, s *Settings) (*Metrics, error) {
	if s == nil {
		s = new(Settings)
	}
	k := len(labels)
	if err := checkAnswers("labels", p, y, k, s); err != nil {
		return nil, err
	}
	for i, v := range p {
		if !(v >= 0 && v <= 1) {
			return nil, fmt.Errorf("head/measure: labels: row %d: probability %v of %q", i/k, v, labels[i%k])
		}
	}
	l := newLabelled(p, y, k)
	v := l.values(ones(l.n))
	m := &AnyOfMetrics{Rows: l.n, AP: Estimate{Value: v[0]}, AUC: Estimate{Value: v[1]}, MacroF1: Estimate{Value: v[2]}, MicroF1: Estimate{Value: v[3]}, SubsetAccuracy: Estimate{Value: v[4]}, LogLoss: Estimate{Value: v[5]}}
	for c, name := range labels {
		m.PerLabel = append(m.PerLabel, l.label(c, name))
	}
	m.Baseline = l.baseline()
	own := *s
	own.Resamples = l.resamples(s)
	m.Interval = resample(l.n, &own, []bounded{{&m.AP, 0, 1}, {&m.AUC, 0, 1}, {&m.MacroF1, 0, 1}, {&m.MicroF1, 0, 1}, {&m.SubsetAccuracy, 0, 1}, {&m.LogLoss, 0, infinity}}, l.values)
	return &Metrics{Rows: m.Rows, Interval: m.Interval, AnyOf: m}, nil
}

// resamples is how many are drawn where none are asked for: fewer than 1000, at
// least 100, of very many rows and labels.
func (l *labelled) resamples(s *Settings) int {
	if s.Resamples > 0 {
		return s.Resamples
	}
	const most = 1 << 30 // probabilities that are gone through
	return min(1000, max(100, most/(l.n*l.k)))
}

// label returns the metrics of one label.
func (l *labelled) label(c int, name string) LabelMetrics {
	m := LabelMetrics{Label: name, Threshold: answered, BestThreshold: answered}
	var at counts
	for i := range l.n {
		y := l.y[i*l.k+c] > 0
		if y {
			at.support++
		}
		if l.p[i*l.k+c] >= answered {
			at.predicted++
			if y {
				at.hit++
			}
		}
	}
	m.Support, m.Predicted = int(at.support), int(at.predicted)
	m.Precision, m.Recall, m.F1 = over(at.hit, at.predicted), over(at.hit, at.support), at.f1()
	m.AP, m.AUC, _ = l.curve(c, ones(l.n))
	so := counts{support: at.support}
	order := l.ranked[c]
	for i, r := range order {
		so.predicted++
		if l.y[int(r)*l.k+c] > 0 {
			so.hit++
		}
		p := l.p[int(r)*l.k+c]
		if i+1 < len(order) && l.p[int(order[i+1])*l.k+c] == p {
			continue
		}
		if f := so.f1(); f > m.BestF1 {
			m.BestF1, m.BestThreshold = f, p
		}
	}
	return m
}

// baseline measures always answering each label's share.
func (l *labelled) baseline() AnyOfBaseline {
	share := make([]float64, l.k)
	for i, y := range l.y {
		share[i%l.k] += y / float64(l.n)
	}
	p := make([]float64, len(l.p))
	for i := range l.n {
		copy(p[i*l.k:], share)
	}
	v := newLabelled(p, l.y, l.k).values(ones(l.n))
	return AnyOfBaseline{AP: v[0], MacroF1: v[2], MicroF1: v[3], SubsetAccuracy: v[4], LogLoss: v[5]}
}

// LabelScore returns a metric of ScoreNamesOf(head.AnyOf) of probabilities as
// EvaluateLabels takes them; NaN without rows.
func LabelScore(metric string, p, y []float64, k int) float64 {
	if len(p) == 0 {
		return math.NaN()
	}
	l := newLabelled(p, y, k)
	v := l.values(ones(l.n))
	return v[slices.Index([]string{"ap", "auc", "macro-f1", "micro-f1", "subset-accuracy", "log-loss"}, metric)]
}
