package study

import (
	"fmt"
	"slices"
	"time"
)

const (
	// DefaultBudget and DefaultRepeat are the defaults of Settings.
	DefaultBudget = 10 * time.Minute
	DefaultRepeat = 5
	// TailSizes is at how many sizes a depth with layers is trained at most,
	// each half of the one above it, and TailRepeat with how many seeds; the
	// largest size with all of them, if the budget allows.
	TailSizes  = 4
	TailRepeat = 3
	// MinSizes is the number of sizes that a curve needs at least.
	MinSizes = 4
	// mostSizes is how many sizes there are at most: the smallest is then 1/22
	// of all.
	mostSizes = 10
	// fewest and fewestPerClass bound the smallest subset from below.
	fewest, fewestPerClass = 8, 2
	// testFolds is into how many folds data are dealt that have no test split.
	testFolds = 5
)

// Metrics are what a study can be of: shares of 1, which can be extrapolated.
// The log-loss stands beside them.
var Metrics = []string{"accuracy", "macro-f1"}

// Settings says how a study goes. The zero value, and nil, mean the defaults.
type Settings struct {
	// Metric is one of Metrics, "accuracy" by default ("").
	Metric string
	// At are the numbers of training samples for which Predictions are made.
	// The default nil means 2, 4 and 8 times as many as there are.
	At []int
	// Budget is about how long training may take, by the estimates of the
	// Learner. The default 0 means DefaultBudget.
	Budget time.Duration
	// Repeat is the number of seeds, at least 2. The default 0 means
	// DefaultRepeat.
	Repeat int
	// Smallest is the number of samples of the smallest subset, at least. The
	// default 0 means 8, or 2 for each class where that is more.
	Smallest int
	// By says what stays together, as experiment.Settings.By does.
	By string
	// Seed is the first seed.
	Seed uint64
	// Absent are depths that the Learner does not have, with the reasons, for
	// Result.Skipped.
	Absent []*UnableError
	// Notebook has what was learnt before, and is given what is learnt. The
	// default nil means that nothing is kept.
	Notebook Notebook
	// Progress, if it is not nil, is called before each lesson and in the end.
	Progress func(p Progress)
}

// Progress is how far a study is.
type Progress struct {
	Depth       string // of the lesson that begins; "" in the end
	N           int    // training samples of it
	Done, Total int    // lessons
	// Share is that of the estimated work that is done, from 0 to 1.
	Share float64
}

// complete returns the settings with the defaults filled in.
func (s *Settings) complete() (*Settings, error) {
	c := Settings{}
	if s != nil {
		c = *s
	}
	if c.Metric == "" {
		c.Metric = Metrics[0]
	}
	if c.Budget == 0 {
		c.Budget = DefaultBudget
	}
	if c.Repeat == 0 {
		c.Repeat = DefaultRepeat
	}
	switch {
	case !slices.Contains(Metrics, c.Metric):
		return nil, fmt.Errorf("study: settings: metric %q is neither accuracy nor macro-f1", c.Metric)
	case c.Budget < 0:
		return nil, fmt.Errorf("study: settings: a budget of %v", c.Budget)
	case c.Repeat < 2:
		return nil, fmt.Errorf("study: settings: %d seeds, at least 2 are needed to know a spread", c.Repeat)
	case c.Smallest < 0:
		return nil, fmt.Errorf("study: settings: a smallest subset of %d samples", c.Smallest)
	}
	for _, n := range c.At {
		if n < 1 {
			return nil, fmt.Errorf("study: settings: a prediction for %d samples", n)
		}
	}
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	return &c, nil
}
