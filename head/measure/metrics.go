package measure

import (
	"fmt"
	"math"
)

// Estimate is a metric with its 95 % interval.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Metrics tells how good predictions are. Every row counts once. Of labels and
// of numbers it is AnyOf and Number that tell it, with Rows and Interval.
type Metrics struct {
	AnyOf  *AnyOfMetrics  `json:"-"` // nil: no labels were predicted
	Number *NumberMetrics `json:"-"` // nil: no numbers were predicted
	// GradeMetrics is nil unless grades were predicted.
	*GradeMetrics
	// Rows is the number of rows.
	Rows int `json:"rows"`
	// Accuracy is the share of rows whose most probable class (the first of
	// equal ones) is theirs.
	Accuracy Estimate `json:"accuracy"`
	// Expected is the accuracy to be expected of a model of all rows, which the
	// interval of Accuracy is about, where a cross-validation tells what models
	// learn from more rows (Settings.Growth); else 0.
	Expected float64 `json:"expected_accuracy,omitempty"`
	// MacroF1 is the mean of F1 over the classes that occur in the labels or
	// the predictions.
	MacroF1 Estimate `json:"macro_f1"`
	// LogLoss is the mean of −ln p(label), with p at least 2⁻⁵².
	LogLoss Estimate `json:"log_loss"`
	// ECE is the expected calibration error over 15 bins of equal width
	// (Naeini et al., AAAI 2015; Guo et al., ICML 2017).
	ECE Estimate `json:"ece"`
	// Brier is the mean of Σ_c (p_c − y_c)², between 0 and 2 (Brier 1950).
	Brier Estimate `json:"brier"`
	// Baseline is the accuracy of always answering the class that is the most
	// frequent one of these rows (the first of equal ones).
	Baseline Estimate `json:"baseline"`
	// Interval says how the intervals of Accuracy and Baseline were made:
	// "wilson"; "wilson-cv", for fewer rows, as the accuracy of a
	// cross-validation varies more; or "bootstrap-groups", Wilson's for as many
	// rows as vary like the groups that the bootstrap draws. The others are
	// always of the bootstrap, as much wider.
	Interval string `json:"interval"`
	// PerClass holds a line a class, in the order of the classes.
	PerClass []ClassMetrics `json:"per_class"`
	// Confusion counts rows by class (first index) and predicted class (second
	// index).
	Confusion [][]int `json:"confusion"`
	// Reliability holds the bins of ECE, by the probability of the predicted
	// class.
	Reliability []Bin `json:"reliability"`
}

// ClassMetrics holds the metrics of one class; a ratio without a denominator
// is 0.
type ClassMetrics struct {
	Class     string  `json:"class"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
	Support   int     `json:"support"`
	Predicted int     `json:"predicted"`
}

// Bin is a bin of the reliability curve: rows whose predicted class has a
// probability in (Low, High].
type Bin struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	Rows int     `json:"rows"`
	// Confidence is the mean probability of the predicted class.
	Confidence float64 `json:"confidence"`
	Accuracy   float64 `json:"accuracy"`
}

// Settings says how Evaluate makes intervals. nil means the defaults.
type Settings struct {
	// Units names what each row belongs to and is drawn with in the bootstrap.
	// nil: each row is drawn by itself.
	Units []string
	// Folds says that the predictions are those of a cross-validation with this
	// many folds: intervals are then wider by what the choice of the training
	// rows adds to the variance, and are of the accuracy to be expected of the
	// procedure on that many rows. 0: they come from one model, and intervals
	// are of that model's accuracy.
	Folds int
	// Growth tells, with Folds, what models learn from more rows. The interval
	// of the accuracy is then of the one to be expected of a model of all rows,
	// instead of one of the rows that a fold leaves. nil: that is not known.
	Growth *Growth
	// Resamples is the number of draws of the bootstrap. The default 0 means
	// 1000.
	Resamples int
	// Seed drives the bootstrap.
	Seed uint64
	// Threads is the number of goroutines that compute. The default 0 means
	// runtime.GOMAXPROCS(0). It changes no bit of the result.
	Threads int
}

// Evaluate returns the metrics of outcomes (n), whose labels are indices of
// classes (C). No outcomes, a number of units that does not fit, labels out of
// range, and probabilities that were no numbers are errors.
func Evaluate(outcomes []Outcome, classes []string, s *Settings) (*Metrics, error) {
	if s == nil {
		s = &Settings{}
	}
	n, c := len(outcomes), len(classes)
	switch {
	case n == 0:
		return nil, fmt.Errorf("head/measure: evaluate: no rows")
	case s.Growth != nil && len(s.Growth.Gain) != n:
		return nil, fmt.Errorf("head/measure: evaluate: growth of %d rows for %d rows", len(s.Growth.Gain), n)
	case s.Units != nil && len(s.Units) != n:
		return nil, fmt.Errorf("head/measure: evaluate: %d units for %d rows", len(s.Units), n)
	}
	for i, o := range outcomes {
		if y := max(o.Label, o.Predicted); y >= c || min(o.Label, o.Predicted) < 0 {
			return nil, fmt.Errorf("head/measure: evaluate: row %d: class %d of %d", i, y, c)
		}
		for _, p := range []float64{o.Confidence, o.LabelProbability, o.brier / 2} {
			if !(p >= 0 && p <= 1+1e-6) {
				return nil, fmt.Errorf("head/measure: evaluate: row %d: probabilities are not numbers from 0 to 1", i)
			}
		}
	}
	count := make([]int, c)
	for _, o := range outcomes {
		count[o.Label]++
	}
	major := 0
	for k, v := range count {
		if v > count[major] {
			major = k
		}
	}

	t := newTally(c)
	for i := range outcomes {
		t.add(&outcomes[i], major)
	}
	m := t.metrics(classes, outcomes)
	t.bootstrap(m, outcomes, major, s)
	return m, nil
}

// Values are metrics of rows without intervals. Their meanings are those of
// Metrics.
type Values struct {
	Accuracy, MacroF1, LogLoss, ECE, Brier float64
}

// ValuesOf returns the values of outcomes, whose labels are indices of that
// many classes. Of no outcomes they are NaN.
func ValuesOf(outcomes []Outcome, classes int) Values {
	t := newTally(classes)
	for i := range outcomes {
		t.add(&outcomes[i], 0)
	}
	v := t.values()
	return Values{Accuracy: v[0], MacroF1: v[1], LogLoss: v[2], ECE: v[3], Brier: v[4]}
}

// tally adds up outcomes.
type tally struct {
	rows, hits, major       int
	hit, support, predicted []int // by class
	loss, brier             float64
	binRows, binHits        [reliabilityBins]int
	binConfidence           [reliabilityBins]float64
}

func newTally(c int) *tally {
	return &tally{hit: make([]int, c), support: make([]int, c), predicted: make([]int, c)}
}

func (t *tally) reset() {
	hit, support, predicted := t.hit, t.support, t.predicted
	clear(hit)
	clear(support)
	clear(predicted)
	*t = tally{hit: hit, support: support, predicted: predicted}
}

func (t *tally) add(o *Outcome, major int) {
	t.rows++
	t.support[o.Label]++
	t.predicted[o.Predicted]++
	t.loss += o.loss
	t.brier += o.brier
	t.binRows[o.bin]++
	t.binConfidence[o.bin] += o.Confidence
	if o.Label == o.Predicted {
		t.hits++
		t.hit[o.Label]++
		t.binHits[o.bin]++
	}
	if o.Label == major {
		t.major++
	}
}

// f1 returns the macro-averaged F1.
func (t *tally) f1() float64 {
	sum, present := 0.0, 0
	for k, hit := range t.hit {
		if n := t.support[k] + t.predicted[k]; n > 0 {
			present++
			sum += 2 * float64(hit) / float64(n)
		}
	}
	return sum / float64(present)
}

func (t *tally) ece() float64 {
	sum := 0.0
	for b := range t.binRows {
		sum += math.Abs(float64(t.binHits[b]) - t.binConfidence[b])
	}
	return sum / float64(t.rows)
}

// values returns accuracy, macro-F1, log-loss, ECE, Brier score and the
// baseline's accuracy.
func (t *tally) values() [6]float64 {
	n := float64(t.rows)
	return [6]float64{float64(t.hits) / n, t.f1(), t.loss / n, t.ece(), t.brier / n, float64(t.major) / n}
}

// metrics returns all but the intervals.
func (t *tally) metrics(classes []string, outcomes []Outcome) *Metrics {
	v := t.values()
	m := &Metrics{
		Rows:     t.rows,
		Accuracy: Estimate{Value: v[0]}, MacroF1: Estimate{Value: v[1]}, LogLoss: Estimate{Value: v[2]},
		ECE: Estimate{Value: v[3]}, Brier: Estimate{Value: v[4]}, Baseline: Estimate{Value: v[5]},
	}
	for k, name := range classes {
		hit, support, predicted := t.hit[k], t.support[k], t.predicted[k]
		m.PerClass = append(m.PerClass, ClassMetrics{
			Class: name, Support: support, Predicted: predicted,
			Precision: ratio(hit, predicted), Recall: ratio(hit, support), F1: ratio(2*hit, support+predicted),
		})
	}
	m.Confusion = make([][]int, len(classes))
	for k := range m.Confusion {
		m.Confusion[k] = make([]int, len(classes))
	}
	for _, o := range outcomes {
		m.Confusion[o.Label][o.Predicted]++
	}
	for b, n := range t.binRows {
		bin := Bin{Low: float64(b) / reliabilityBins, High: float64(b+1) / reliabilityBins, Rows: n, Accuracy: ratio(t.binHits[b], n)}
		if n > 0 {
			bin.Confidence = t.binConfidence[b] / float64(n)
		}
		m.Reliability = append(m.Reliability, bin)
	}
	return m
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}
