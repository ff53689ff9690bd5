package head

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// Estimate is a metric with its 95 % interval.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Metrics tells how good probabilities are. Every row counts once.
type Metrics struct {
	// Rows is the number of rows.
	Rows int `json:"rows"`
	// Accuracy is the share of rows whose most probable class (the first of equal ones) is theirs.
	Accuracy Estimate `json:"accuracy"`
	// MacroF1 is the mean of F1 over the classes that occur in the labels or the predictions.
	MacroF1 Estimate `json:"macro_f1"`
	// LogLoss is the mean of −ln p(label), with p at least 2⁻⁵².
	LogLoss Estimate `json:"log_loss"`
	// ECE is the expected calibration error over 15 bins of equal width (Naeini et al., AAAI 2015; Guo et al., ICML 2017).
	ECE Estimate `json:"ece"`
	// Brier is the mean of Σ_c (p_c − y_c)², between 0 and 2 (Brier 1950).
	Brier Estimate `json:"brier"`
	// Baseline is the accuracy of always answering the most frequent class.
	Baseline Estimate `json:"baseline"`
	// Interval says how the interval of Accuracy was made: "wilson", "bootstrap" or "bootstrap-groups". The others are always of the bootstrap.
	Interval string `json:"interval"`
	// PerClass holds a line a class, in the order of the classes.
	PerClass []ClassMetrics `json:"per_class"`
	// Confusion counts rows by class (first index) and predicted class (second index).
	Confusion [][]int `json:"confusion"`
	// Reliability holds the bins of ECE, by the probability of the predicted class.
	Reliability []Bin `json:"reliability"`
}

// ClassMetrics holds the metrics of one class; a ratio without a denominator is 0.
type ClassMetrics struct {
	Class     string  `json:"class"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
	Support   int     `json:"support"`
	Predicted int     `json:"predicted"`
}

// Bin is a bin of the reliability curve: rows whose predicted class has a probability in (Low, High].
type Bin struct {
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Rows       int     `json:"rows"`
	Confidence float64 `json:"confidence"` // mean probability of the predicted class
	Accuracy   float64 `json:"accuracy"`
}

// EvaluateSettings says how Evaluate makes intervals. nil means the defaults.
type EvaluateSettings struct {
	// Units names what each row belongs to and is drawn with in the bootstrap. nil: each row is drawn by itself.
	Units []string
	// Pooled says that the predictions come from several models (folds): the interval of the accuracy is then of the bootstrap.
	// So it is where rows belong together (Units): Wilson's would count each as an observation of its own. Else it is Wilson's.
	Pooled bool
	// Majority is 1 + the index of the class that the baseline answers. The default 0 means the most frequent class of the rows themselves.
	Majority int
	// Resamples is the number of draws of the bootstrap. The default 0 means 1000.
	Resamples int
	// Seed drives the bootstrap.
	Seed uint64
	// Threads is the number of goroutines that compute. The default 0 means runtime.GOMAXPROCS(0).
	Threads int
}

// reliabilityBins is the number of bins of Guo et al., ICML 2017.
const reliabilityBins = 15

// normal975 is the 0.975 quantile of the normal distribution.
const normal975 = 1.959963984540054

// minProbability is what a probability is raised to in the log-loss, as in scikit-learn for float64.
const minProbability = 0x1p-52

// Evaluate returns the metrics of probabilities p (n×C) for labels (n), the indices of classes (C). Shapes that do not fit, labels out of range
// and probabilities that are not in [0, 1] or do not add up to 1 (within 1e-6) are errors.
func Evaluate(p []float64, labels []int, classes []string, s *EvaluateSettings) (*Metrics, error) {
	if s == nil {
		s = &EvaluateSettings{}
	}
	n, c := len(labels), len(classes)
	switch {
	case n == 0:
		return nil, fmt.Errorf("head: evaluate: no rows")
	case c < 1:
		return nil, fmt.Errorf("head: evaluate: no classes")
	case len(p) != n*c:
		return nil, fmt.Errorf("head: evaluate: %d probabilities for %d rows of %d classes", len(p), n, c)
	case s.Units != nil && len(s.Units) != n:
		return nil, fmt.Errorf("head: evaluate: %d units for %d rows", len(s.Units), n)
	case s.Majority < 0 || s.Majority > c:
		return nil, fmt.Errorf("head: evaluate: majority class %d of %d", s.Majority-1, c)
	}
	for i, y := range labels {
		if y < 0 || y >= c {
			return nil, fmt.Errorf("head: evaluate: row %d: label %d of %d classes", i, y, c)
		}
		sum := 0.0
		for _, v := range p[i*c : (i+1)*c] {
			if !(v >= 0 && v <= 1+1e-6) {
				return nil, fmt.Errorf("head: evaluate: row %d: probability %v is not between 0 and 1", i, v)
			}
			sum += v
		}
		if math.Abs(sum-1) > 1e-6 {
			return nil, fmt.Errorf("head: evaluate: row %d: probabilities add up to %v, not to 1", i, sum)
		}
	}
	major := s.Majority - 1
	if major < 0 {
		count := make([]int, c)
		for _, y := range labels {
			count[y]++
		}
		for k, v := range count {
			if major < 0 || v > count[major] {
				major = k
			}
		}
	}

	outcomes := outcomesOf(p, labels, c)
	t := newTally(c)
	for _, o := range outcomes {
		t.add(o, major)
	}
	m := t.metrics(classes, outcomes)
	t.bootstrap(m, outcomes, major, s)
	if !s.Pooled && s.Units == nil {
		m.Interval = "wilson"
		m.Accuracy.Low, m.Accuracy.High = Wilson(t.hits, n)
		m.Baseline.Low, m.Baseline.High = Wilson(t.major, n)
	}
	return m, nil
}

// Wilson returns the 95 % score interval of a share of k in n (Wilson, JASA 22:158, 1927).
func Wilson(k, n int) (low, high float64) {
	const z = normal975
	nf, share := float64(n), float64(k)/float64(n)
	mid := (share + z*z/(2*nf)) / (1 + z*z/nf)
	half := z / (1 + z*z/nf) * math.Sqrt(share*(1-share)/nf+z*z/(4*nf*nf))
	low, high = max(0, mid-half), min(1, mid+half)
	if k == 0 {
		low = 0 // exactly, whatever the rounding
	}
	if k == n {
		high = 1
	}
	return low, high
}

// outcome is all that metrics need to know about one row.
type outcome struct {
	label, predicted int32
	bin              int32
	confidence       float64
	loss             float64
	brier            float64
}

// outcomesOf reduces probabilities p (n×c) to outcomes.
func outcomesOf(p []float64, labels []int, c int) []outcome {
	out := make([]outcome, len(labels))
	for i, y := range labels {
		row := p[i*c : (i+1)*c]
		o := outcome{label: int32(y)}
		for k, v := range row {
			if v > row[o.predicted] {
				o.predicted = int32(k)
			}
			d := v
			if k == y {
				d--
			}
			o.brier += d * d
		}
		o.confidence = row[o.predicted]
		o.loss = -math.Log(max(row[y], minProbability))
		o.bin = int32(min(max(math.Ceil(o.confidence*reliabilityBins)-1, 0), reliabilityBins-1))
		out[i] = o
	}
	return out
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

func (t *tally) add(o outcome, major int) {
	t.rows++
	t.support[o.label]++
	t.predicted[o.predicted]++
	t.loss += o.loss
	t.brier += o.brier
	t.binRows[o.bin]++
	t.binConfidence[o.bin] += o.confidence
	if o.label == o.predicted {
		t.hits++
		t.hit[o.label]++
		t.binHits[o.bin]++
	}
	if int(o.label) == major {
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

// values returns accuracy, macro-F1, log-loss, ECE, Brier score and the baseline's accuracy.
func (t *tally) values() [6]float64 {
	n := float64(t.rows)
	return [6]float64{float64(t.hits) / n, t.f1(), t.loss / n, t.ece(), t.brier / n, float64(t.major) / n}
}

// metrics returns all but the intervals.
func (t *tally) metrics(classes []string, outcomes []outcome) *Metrics {
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
		m.Confusion[o.label][o.predicted]++
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

// bootstrap fills in the intervals: percentiles of the metrics of rows, or units of rows, that are drawn with replacement
// (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). Each resample has a random stream of its own, so that
// the intervals do not depend on the number of threads.
func (t *tally) bootstrap(m *Metrics, outcomes []outcome, major int, s *EvaluateSettings) {
	m.Interval = "bootstrap"
	var units [][]outcome
	if s.Units == nil {
		for i := range outcomes {
			units = append(units, outcomes[i:i+1])
		}
	} else {
		m.Interval = "bootstrap-groups"
		place := map[string]int{}
		for i, u := range s.Units {
			k, ok := place[u]
			if !ok {
				k = len(units)
				place[u] = k
				units = append(units, nil)
			}
			units[k] = append(units[k], outcomes[i])
		}
	}
	resamples := s.Resamples
	if resamples == 0 {
		resamples = 1000
	}
	values := make([][6]float64, resamples)
	threads := threadsOr(s.Threads)
	var wg sync.WaitGroup
	for w := range threads {
		wg.Go(func() {
			r := newTally(len(t.hit))
			for b := w; b < resamples; b += threads {
				rng := rand.New(rand.NewPCG(s.Seed, uint64(b)))
				r.reset()
				for range units {
					for _, o := range units[rng.IntN(len(units))] {
						r.add(o, major)
					}
				}
				values[b] = r.values()
			}
		})
	}
	wg.Wait()
	for i, e := range []*Estimate{&m.Accuracy, &m.MacroF1, &m.LogLoss, &m.ECE, &m.Brier, &m.Baseline} {
		v := make([]float64, resamples)
		for b := range v {
			v[b] = values[b][i]
		}
		slices.Sort(v)
		e.Low, e.High = quantile(v, 0.025), quantile(v, 0.975)
	}
}

// quantile interpolates linearly between the sorted values v (type 7 of Hyndman and Fan, 1996).
func quantile(v []float64, q float64) float64 {
	h := q * float64(len(v)-1)
	i := int(h)
	if i+1 >= len(v) {
		return v[len(v)-1]
	}
	return v[i] + (h-float64(i))*(v[i+1]-v[i])
}
