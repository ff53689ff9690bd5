package predict

import (
	"errors"
	"slices"

	"github.com/headstart-ml/headstart/head/measure"
)

// Evaluated is a head's evaluation with the names of its classes, which the
// outcomes' labels are indices of.
type Evaluated struct {
	*Evaluation
	Classes []string
}

// ErrNoPair says that no row was evaluated which neither of two heads was
// fitted on.
var ErrNoPair = errors.New("predict: no row is fresh to both heads")

// Against compares two heads on the rows that neither was fitted on and whose
// class both know: by how much h is better than other. Both were evaluated on
// the same samples; of s, Seed and Threads count. Without such rows the error
// is ErrNoPair.
func Against(h, other *Evaluated, s *EvaluateOptions) (*measure.Paired, error) {
	if s == nil {
		s = new(EvaluateOptions)
	}
	settings := &measure.Settings{Seed: s.Seed, Threads: s.Threads}
	var before, after []measure.Outcome
	a, b := &other.FreshRows, &h.FreshRows
	for i, row := range b.Rows {
		k, ok := slices.BinarySearch(a.Rows, row)
		if !ok {
			continue
		}
		// Classes are numbered as the other head does; what it does not know is
		// numbered behind them.
		o := b.Outcomes[i]
		place := func(class int) int {
			at, known := slices.BinarySearch(other.Classes, h.Classes[class])
			if !known {
				at = len(other.Classes) + class
			}
			return at
		}
		o.Label, o.Predicted = place(o.Label), place(o.Predicted)
		before, after = append(before, a.Outcomes[k]), append(after, o)
		if b.Units != nil {
			settings.Units = append(settings.Units, b.Units[i])
		}
	}
	if len(after) == 0 {
		return nil, ErrNoPair
	}
	return measure.Compare(before, after, settings)
}
