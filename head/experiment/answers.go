package experiment

import (
	"github.com/headstart-ml/headstart/head/measure"
)

// Thresholds is what is wanted of the answers that are each class: one of the
// two, as a share above 0 and below 1.
type Thresholds struct {
	// Precision is the share of right ones among the answers that are a class:
	// a class is answered from the probability on from which they are.
	Precision float64 `json:"precision,omitempty"`
	// Recall is the share of a class's rows that are answered rightly: a class
	// is answered from the greatest probability on that leaves so many.
	Recall float64 `json:"recall,omitempty"`
}

// Answers tells when a head is unsure, and what it answers else.
type Answers struct {
	// Wanted is the precision that Settings.Reject asks for.
	Wanted float64 `json:"wanted,omitempty"`
	Thresholds
	// Reject is the probability under which the head is unsure, ByClass the
	// same by class. One above 1 is never reached.
	Reject  float64   `json:"reject,omitempty"`
	ByClass []float64 `json:"thresholds,omitempty"`
	// Fitted says which rows they were taken from, Measured which rows the
	// figures are of, as those of a measure.Calibration.
	Fitted   string `json:"fitted"`
	Measured string `json:"measured"`
	measure.Answers
}

// limits are probabilities under which a prediction is unsure.
type limits struct {
	reject  float64
	classes []float64 // nil: none by class
}

// unsure reports whether a prediction is.
func (l *limits) unsure(o *measure.Outcome) bool {
	least := l.reject
	if l.classes != nil {
		least = max(least, l.classes[o.Predicted])
	}
	return o.Confidence < least
}

// mayBeUnsure reports whether rows may be left without an answer.
func (s *Settings) mayBeUnsure() bool { return s.Reject > 0 || s.Thresholds != nil }

// limitsOf takes the limits from outcomes; nil if none are asked for.
func (t *trainer) limitsOf(outcomes []measure.Outcome) *limits {
	switch {
	case t.Reject > 0:
		reject := measure.RejectBelow(outcomes, t.Reject)
		if reject == 0 { // all are answered: no class is the most probable one with less
			reject = 0.5 / float64(len(t.classes))
		}
		return &limits{reject: reject}
	case t.Thresholds == nil:
		return nil
	case t.Thresholds.Precision > 0:
		return &limits{classes: measure.PrecisionThresholds(outcomes, len(t.classes), t.Thresholds.Precision)}
	}
	return &limits{classes: measure.RecallThresholds(outcomes, len(t.classes), t.Thresholds.Recall)}
}

// answers fills in what is answered of rows, which are called measured, by a
// head whose limits come from those called fitted.
func (t *trainer) answers(o *trial, s *scored, fitted, measured string) error {
	if o.limits == nil || s == nil {
		return nil
	}
	a := &Answers{Wanted: t.Reject, Reject: o.limits.reject, ByClass: o.limits.classes, Fitted: fitted, Measured: measured}
	if t.Thresholds != nil {
		a.Thresholds = *t.Thresholds
	}
	a.Answers = *measure.AnswersOf(s.calibrated, s.unsure, t.classes, t.intervals(s.rows))
	t.result.Answers = a
	return nil
}

// answerWarnings tells of what cannot be had.
func (t *trainer) answerWarnings(o *trial) {
	if o.limits == nil {
		return
	}
	if o.limits.reject == measure.Never {
		t.warn(Warning{Kind: "never-sure", Message: "no probability is high enough for what is wanted of the answers: the head is unsure of everything"})
	}
	if t.Thresholds == nil {
		return
	}
	var never []string
	for k, v := range o.limits.classes {
		if v == measure.Never {
			never = append(never, t.classes[k])
		}
	}
	if never != nil {
		t.warn(Warning{Kind: "never-sure", Count: len(never), Names: never,
			Message: classesThat(never, "is never answered: no probability is high enough for the precision that is wanted", "are never answered, since no probability is high enough for the precision that is wanted")})
	}
}
