package transfer

import (
	"context"
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/models"
)

// Auto, as Settings.Tail, compares the head alone, more taps, and tails from
// few layers to all.
const Auto = "auto"

// Settings says what is tried, and how. The zero value, and nil, mean the
// defaults.
type Settings struct {
	// Head says how heads are fitted and what is measured of everything. Kind
	// is "" or "softmax". Seed is the first of Repeat seeds. NoRefit is set,
	// since the validation part says when to stop, and where neither Split nor
	// the data say how to split, it is 0.6, 0.2 and 0.2. Progress is not used:
	// see Hooks.
	Head experiment.Settings
	// Tail is what is retrained, as retrain.Places.Find takes it. The default
	// "" means Auto.
	Tail string

	// Epochs to Memory are those of retrain.Settings, with the same defaults: a
	// negative number switches off what 0 does not.
	Epochs, Patience, BatchSize int
	Replicas                    int
	LearningRate                float64
	LayerDecay                  float64
	Warmup, WeightDecay, Clip   float64
	LabelSmoothing              float64
	Memory                      int64
	// Views is how many random views of a training image there are beside
	// itself. The default 0 means none.
	Views int
	// DType is how activations at a cut are cached: "f32" (default "") or
	// "f16".
	DType string
	// Checkpoint begins the names of the files that trainings are resumed from:
	// ".DIGEST.checkpoint" follows, a digest of all that they depend on.
	// The default "" means that none are written.
	Checkpoint string
	// Threads is how many threads compute. The default 0 means GOMAXPROCS.
	Threads int
	// Runtime is the file of the runtime library, or its folder. The default ""
	// means wherever runtime.Find finds it.
	Runtime string
	// Extract sends what the cache lacks of a source through the backbone of
	// spec, as extract.Again has it: where the cache cannot be written, its
	// error is an *extract.UnwritableError. The default nil means extract.Run.
	Extract func(ctx context.Context, spec *models.Spec, src *source.Source) error
	// Hooks are told what happens.
	Hooks Hooks
}

// defaultMemory is the default of Settings.Memory, in bytes.
const defaultMemory = 2 << 30

// complete returns the settings for data with the defaults filled in.
func (s *Settings) complete(d *Data) (*Settings, error) {
	c := Settings{}
	if s != nil {
		c = *s
	}
	const softmax = "softmax" // whose loss layers are retrained with
	if c.Head.Kind == "" {
		c.Head.Kind = softmax
	}
	switch {
	case c.Head.Kind != softmax:
		return nil, fmt.Errorf("transfer: settings: retraining starts from a softmax head, not from %s", c.Head.Kind)
	case c.Head.CV != 0:
		return nil, fmt.Errorf("transfer: settings: with folds there is no validation part that says when to stop")
	case c.Views < 0 || c.Memory < 0 || c.Replicas < 0:
		return nil, fmt.Errorf("transfer: settings: %d views, memory %d and %d replicas must not be negative", c.Views, c.Memory, c.Replicas)
	case c.DType != "" && c.DType != "f32" && c.DType != "f16":
		return nil, fmt.Errorf("transfer: settings: dtype %q is neither f32 nor f16", c.DType)
	}
	if err := c.checkReplicas(); err != nil {
		return nil, err
	}
	if c.Head.Metric == "" {
		c.Head.Metric = "accuracy"
	}
	if c.Tail == "" {
		c.Tail = Auto
	}
	if c.DType == "" {
		c.DType = "f32"
	}
	if c.Memory == 0 {
		c.Memory = defaultMemory
	}
	c.Head.NoRefit = true
	c.Head.Progress = nil
	if c.Head.Split == nil && !slices.ContainsFunc(d.Features.Table.Splits, func(s string) bool { return s != "" }) {
		c.Head.Split = &experiment.Split{Train: 0.6, Validation: 0.2, Test: 0.2}
	}
	c.Hooks.complete()
	return &c, nil
}
