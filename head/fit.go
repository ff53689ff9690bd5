package head

// Status is how a fit ended.
type Status string

// The ways in which a fit ends.
const (
	Converged  Status = "converged"
	Stalled    Status = "stalled"     // no step lowers the objective any more, by rounding
	PassLimit  Status = "pass-limit"  // the most passes that a fit may take are done
	ClosedForm Status = "closed-form" // there is nothing to iterate

	// Of perceptrons.
	Stopped    Status = "early-stopped" // rows that are set aside were best at an epoch before
	EpochLimit Status = "all-epochs"    // the epochs that were asked for are done
)

// String returns the status as it is printed.
func (s Status) String() string { return string(s) }

// Fit tells how a fit went. The zero value means that it is not known.
type Fit struct {
	// Objective is what was minimised, (1/N) Σ wᵢ·CEᵢ + λ/2 ‖W‖² of a softmax
	// head; the mean loss over the epoch whose weights a perceptron has; 0 for
	// a closed form.
	Objective float64 `json:"objective"`
	// Passes is the number of evaluations of objective and gradient, those on
	// the way from stronger λ included; the epochs of a perceptron; 0 for a
	// closed form.
	Passes int `json:"passes"`
	// Gap is the estimate of (objective − optimum) / objective; 0 for
	// perceptrons, whose optimum is not known.
	Gap float64 `json:"gap"`
	// Status is how it ended.
	Status Status `json:"status"`
}
