package study

// Result is what a study found out. It is plain data, and deterministic: no
// times are in it.
type Result struct {
	// Metric is what values are of.
	Metric string `json:"metric"`
	// N is the number of training samples of the largest subset, Test that of
	// the samples that are tested with each seed, Classes that of the classes.
	// Classes is 0 of a curve from elsewhere, see Extrapolation.Result.
	N       int `json:"n"`
	Test    int `json:"test"`
	Classes int `json:"classes"`
	// Shared tells that all seeds test the same samples, those of a test split.
	Shared bool     `json:"shared_test"`
	Seeds  []uint64 `json:"seeds"`
	// Curves has one for each depth that was trained, from the simplest on.
	Curves []Curve `json:"curves"`
	// Predictions continue them.
	Predictions []Prediction `json:"predictions"`
	Advice      Advice       `json:"advice"`
	// Skipped is what was not trained; empty if all was.
	Skipped []Skipped `json:"skipped"`
	// Costs are the estimates of what was trained, for each depth.
	Costs []Cost `json:"costs"`
	// Notes tell what a user may want to know about the data.
	Notes []Remark `json:"remarks,omitempty"`
}

// Curve is how a depth gets better with more data.
type Curve struct {
	Depth  string  `json:"depth"`
	Points []Point `json:"points"` // by size, ascending
	// Behaviour says what a curve does that does not fall smoothly to a level,
	// see Extrapolation; "" if it does.
	Behaviour string `json:"behaviour,omitempty"`
}

// Point is a depth, trained on subsets of one size.
type Point struct {
	N        int `json:"n"`
	PerClass int `json:"per_class"` // N over the number of classes, rounded down
	// Value is the mean over seeds, Low and High are its 95 % interval: how
	// well such a model does on average over subsets of that size and test
	// samples.
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// Train is the value of the training samples themselves.
	Train   float64 `json:"train"`
	LogLoss float64 `json:"log_loss"`
	// Values has that of each seed.
	Values []float64 `json:"values"`
	// Against is the difference from the simplest depth on the same subsets and
	// test samples; nil for that one.
	Against *Difference `json:"difference,omitempty"`
}

// Difference is one of accuracies, and of log-losses, in pairs.
type Difference struct {
	// Value is how much higher the accuracy is, SE its standard error, Low and
	// High are the 95 % interval.
	Value float64 `json:"value"`
	SE    float64 `json:"se"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// LogLoss is how much higher the log-loss is (lower is better).
	LogLoss     float64 `json:"log_loss"`
	LogLossLow  float64 `json:"log_loss_low"`
	LogLossHigh float64 `json:"log_loss_high"`
}

// Prediction is a value for more training samples than there are: what models
// reach that are trained on N of them, on average over subsets and over new
// samples of the same kind, not those alone that the study tested. Low80 to
// High80 hold that in 80 of 100 studies, Low95 to High95 in 95: they have what
// the continued curve may be off, and how well the tested samples stand for new
// ones. What so many new samples then measure has its own luck besides.
type Prediction struct {
	Depth  string  `json:"depth"`
	N      int     `json:"n"`
	Value  float64 `json:"value"`
	Low80  float64 `json:"low80"`
	High80 float64 `json:"high80"`
	Low95  float64 `json:"low95"`
	High95 float64 `json:"high95"`
}

// Cost is what a depth costs.
type Cost struct {
	Depth string `json:"depth"`
	// Trained counts trainings, Seconds is their estimate, of one core, with
	// what prepared them.
	Trained int     `json:"trained"`
	Seconds float64 `json:"estimate_seconds"`
	// Full is the estimate of one training on all samples.
	Full float64 `json:"full_seconds"`
}

// Remark is something that a user may want to know. Kinds are:
//
//	unlabelled     samples without a label are not used
//	unassigned     samples without a split are not used, since others have one
//	splits-unused  the data's own splits are not used, since none is test
//	rare-classes   classes are not in all subsets
//	large-unit     more than a fifth of the samples belong together
//	unsteady       a curve is not one that falls smoothly to a level
type Remark struct {
	Kind    string   `json:"kind"`
	Count   int      `json:"count,omitempty"`
	Names   []string `json:"names,omitempty"`
	Message string   `json:"message"`
}
