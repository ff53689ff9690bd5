package study

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/headstart-ml/headstart/head/measure"
)

// Depth is how much is trained.
type Depth struct {
	// Name is "head", "taps", or that of a tail: "last:2", "half", "all".
	Name string
	// Layers says that layers of the backbone are trained, which takes long: of
	// such depths every second size is trained, at most TailSizes of them, with
	// at most TailRepeat seeds, and the largest with all if the budget allows.
	Layers bool
	// Settings is a digest of what lessons at this depth depend on, besides
	// what those at all depths do; "" where that is nothing. A Notebook keeps
	// notes with several.
	Settings string
	// Once is about how long it takes to prepare the first lesson at this
	// depth, beside Cost: such as running the layers that are not trained.
	Once time.Duration
}

// Lesson is what a Learner trains on once.
type Lesson struct {
	Depth *Depth
	Seed  uint64
	// Train holds the rows of the subset, and Test those that are measured,
	// both ascending. What says when to stop, or chooses, is of Train alone.
	Train, Test []int
}

// Learnt is what a Learner found out.
type Learnt struct {
	// Test and Train are the scores of the rows of a lesson: of Train by a
	// model that was fitted to them, as far as it was.
	Test, Train Scores
	// Outcomes are those of Lesson.Test, in its order.
	Outcomes []measure.Outcome
}

// Scores are metrics with their standard errors. Higher is better: a log-loss
// is negative.
type Scores struct{ Accuracy, MacroF1, LogLoss measure.Score }

// ScoresOf returns the scores that metrics have; those of nil are NaN.
func ScoresOf(m *measure.Metrics) (Scores, error) {
	var s Scores
	var err error
	for _, one := range []struct {
		name string
		to   *measure.Score
	}{{"accuracy", &s.Accuracy}, {"macro-f1", &s.MacroF1}, {"log-loss", &s.LogLoss}} {
		if *one.to, err = m.Score(one.name); err != nil {
			return s, err
		}
	}
	return s, nil
}

// Learner trains at several depths. Its methods are called from one goroutine.
type Learner interface {
	// Depths lists what can be trained, from the simplest on. The first one is
	// what others are compared with.
	Depths() []Depth
	// Cost estimates how long a lesson of that many rows takes, by their
	// numbers alone.
	Cost(d *Depth, train, test int) time.Duration
	// Learn does a lesson. An *UnableError says that the depth cannot be
	// trained, a *SmallError that it cannot be on so few rows; the study goes
	// on without. Any other error ends it.
	Learn(ctx context.Context, l *Lesson) (*Learnt, error)
}

// UnableError says why a depth cannot be trained.
type UnableError struct {
	Depth string
	Err   error
}

func (e *UnableError) Error() string { return fmt.Sprintf("study: %s: %v", e.Depth, e.Err) }
func (e *UnableError) Unwrap() error { return e.Err }

// SmallError says why so few rows cannot be learnt from.
type SmallError struct {
	Rows int
	Err  error
}

func (e *SmallError) Error() string { return fmt.Sprintf("study: %d samples: %v", e.Rows, e.Err) }
func (e *SmallError) Unwrap() error { return e.Err }

// Note is what is kept of a lesson: enough for all that a Result says. Its
// floats are finite.
type Note struct {
	// Test and Train are accuracy, macro-F1 and log-loss (negative), each with
	// its standard error.
	Test  [3][2]float64 `json:"test"`
	Train [3][2]float64 `json:"train"`
	// Right has a bit for each test row, from the lowest of a byte on: whether
	// it was predicted rightly. Loss is −ln of the probability of its label.
	Right []byte    `json:"right"`
	Loss  []float32 `json:"loss"`
}

// leastProbability is what the probability of a label counts as at least, so
// that a loss is at most mostLoss.
const (
	leastProbability = 0x1p-52
	mostLoss         = 52*math.Ln2 + 1e-3
)

// noteOf keeps what was learnt.
func noteOf(l *Learnt) (*Note, error) {
	n := &Note{Right: make([]byte, (len(l.Outcomes)+7)/8), Loss: make([]float32, len(l.Outcomes))}
	for i := range l.Outcomes {
		o := &l.Outcomes[i]
		if o.Predicted == o.Label {
			n.Right[i/8] |= 1 << (i % 8)
		}
		n.Loss[i] = float32(-math.Log(max(o.LabelProbability, leastProbability)))
	}
	for _, part := range []struct {
		to *[3][2]float64
		of *Scores
	}{{&n.Test, &l.Test}, {&n.Train, &l.Train}} {
		for i, s := range []measure.Score{part.of.Accuracy, part.of.MacroF1, part.of.LogLoss} {
			part.to[i] = [2]float64{s.Value, s.SE}
			if math.IsNaN(s.Value+s.SE) || math.IsInf(s.Value+s.SE, 0) {
				return nil, fmt.Errorf("study: a learner gave a score of %v ± %v", s.Value, s.SE)
			}
		}
	}
	return n, nil
}

// isOf tells whether n can be the note of a lesson with so many test rows: one
// that was torn or changed is not, and the lesson is learnt anew.
func (n *Note) isOf(rows int) bool {
	if len(n.Loss) != rows || len(n.Right) != (rows+7)/8 {
		return false
	}
	for _, scores := range [][3][2]float64{n.Test, n.Train} {
		for i, s := range scores {
			share := i < 2 // accuracy and macro-F1
			if !(s[1] >= 0) || math.IsInf(s[1], 0) || math.IsNaN(s[0]) || math.IsInf(s[0], 0) || share && (s[0] < 0 || s[0] > 1) {
				return false
			}
		}
	}
	return !slices.ContainsFunc(n.Loss, func(loss float32) bool { return !(loss >= -1e-3 && loss <= mostLoss) })
}

// metricAt is the place of a metric in a Note.
func metricAt(metric string) int {
	switch metric {
	case "macro-f1":
		return 1
	case "log-loss":
		return 2
	}
	return 0
}

// Notebook keeps notes of lessons that were done, so that a study that was
// stopped resumes. A key is a digest of all that a lesson depends on but the
// Learner, which the keeper of the notebook has to answer for.
type Notebook interface {
	// Recall returns the note of a key, nil if there is none.
	Recall(key string) *Note
	// Keep keeps a note.
	Keep(key string, n *Note) error
}
