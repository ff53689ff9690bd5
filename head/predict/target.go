package predict

import (
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/measure"
)

// targetOf returns what is so of a row: the place of its class or grade, 1 or 0
// for each label, or its numbers. It counts a row of which nothing is known,
// and what the head does not know, and returns nil where nothing can be
// measured.
func (e *Evaluator) targetOf(row *evaluated) ([]float64, error) {
	h := e.head
	if h.Task == head.AnyOf {
		if row.labels == nil {
			e.e.Unlabeled++
			return nil, nil
		}
		t := make([]float64, len(h.Classes))
		for _, label := range row.labels {
			if c, known := slices.BinarySearch(h.Classes, label); known {
				t[c] = 1
			} else {
				e.e.Unknown[label]++
			}
		}
		return t, nil
	}
	if row.label == "" {
		e.e.Unlabeled++
		return nil, nil
	}
	if h.Task == head.Number {
		t, err := head.Numbers(row.label)
		if err != nil {
			return nil, fmt.Errorf("predict: sample %s: label %q %w", row.id, row.label, err)
		}
		if len(t) != len(h.Classes) {
			return nil, fmt.Errorf("predict: sample %s: label %q has %d numbers, the head %d", row.id, row.label, len(t), len(h.Classes))
		}
		return t, nil
	}
	c, known := slices.BinarySearch(h.Classes, row.label)
	if h.Task == head.Grade { // which are in an order of their own
		c = slices.Index(h.Classes, row.label)
		known = c >= 0
	}
	if !known {
		e.e.Unknown[row.label]++
		return nil, nil
	}
	return []float64{float64(c)}, nil
}

// right says whether answers are all right: labels that are those of the row,
// or numbers exactly.
func right(task head.Task, answers, targets []float64) bool {
	if task == head.Number {
		return slices.Equal(answers, targets)
	}
	var have []int
	for c, t := range targets {
		if t > 0 {
			have = append(have, c)
		}
	}
	return slices.Equal(head.Answered(answers), have)
}

// metrics measures what a head answered.
func (m *Measured) metrics(h *head.Head, s *measure.Settings) (*measure.Metrics, error) {
	switch h.Task {
	case head.AnyOf:
		return measure.EvaluateLabels(m.Answers, m.Targets, h.Classes, s)
	case head.Number:
		return measure.EvaluateNumbers(m.Answers, m.Targets, h.Classes, s)
	case head.Grade:
		return measure.EvaluateGrades(m.Outcomes, h.Classes, s)
	}
	return measure.Evaluate(m.Outcomes, h.Classes, s)
}
