package transfer

import (
	"time"

	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/file"
	"github.com/headstart-ml/headstart/head/measure"
	"github.com/headstart-ml/headstart/models/retrain"
)

// Way is a way to train.
type Way struct {
	// Name is "head" for the head alone, "taps" for one on more taps, and else
	// what the tail was found by.
	Name string
	// Place is where the backbone is cut for a tail, nil for a head.
	Place *retrain.Place
}

// Attempt is the result of one way with one seed.
type Attempt struct {
	Way  *Way
	Seed uint64
	// Result has what was measured on the parts. Its Head is nil for a tail.
	Result *experiment.Result
	// Head is what was trained. For a tail it is of the features that the tail
	// computes.
	Head *head.Head
	// Tail is what was trained of the backbone; nil for a head.
	Tail *file.Tail
	// Training is how that went; nil for a head.
	Training *retrain.Result
	// Features are those that Head takes; for a tail those of the backbone
	// before the training. They are open as long as the Learner.
	Features *features.Joined
	// Parameters is how many were trained, those of the head included.
	Parameters int64
	Took       time.Duration
}

// Outcome is what was tried with one seed.
type Outcome struct {
	Seed   uint64
	Tried  []*Attempt // from the simplest way on
	Chosen *Attempt   // one of Tried

	behind []measure.Gain // by how much the best is better than each of Tried
}

// Result is what Try found out.
type Result struct {
	// Outcomes holds one for each seed, the first one first.
	Outcomes []*Outcome
	// Comparison has the ways of the first seed, over all seeds. It is that of
	// the chosen attempt's Result, too.
	Comparison *experiment.Comparison
	// Settings are those that heads were fitted with: Split and NoRefit are
	// filled in.
	Settings experiment.Settings
	// Checkpoints are the files that trainings can be resumed from.
	Checkpoints []string
	// Stopped tells that the context ended before everything was tried.
	Stopped bool
}

// Chosen is the attempt that was chosen with the first seed.
func (r *Result) Chosen() *Attempt { return r.Outcomes[0].Chosen }

// RemoveCheckpoints removes what trainings could be resumed from.
func (r *Result) RemoveCheckpoints() error {
	for _, path := range r.Checkpoints {
		if err := retrain.RemoveCheckpoint(path); err != nil {
			return err
		}
	}
	return nil
}
