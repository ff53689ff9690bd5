package retrain

import (
	"fmt"
	"math"
	"runtime"
	"time"
)

// Settings says how Train works. The zero value, and nil, mean the defaults.
type Settings struct {
	// BatchSize is how many samples make one step. The default 0 means 16.
	// Batches of one epoch differ by one sample at most.
	BatchSize int
	// Epochs is how often each training sample is gone through, at most. The
	// default 0 means 10.
	Epochs int
	// Patience is after how many epochs without a better score training stops.
	// The default 0 means 3.
	Patience int
	// LearningRate is the highest rate of the head. The default 0 means 1e-4.
	LearningRate float64
	// WeightDecay is how much of a weight of at least two dimensions a step
	// takes away, in rates; biases and normalisations keep theirs. The default
	// 0 means 0.01, a negative number none.
	WeightDecay float64
	// LayerDecay is the rate of a layer divided by that of the layer behind it,
	// at most 1. The default 0 means 0.9.
	LayerDecay float64
	// Warmup is the share of all steps in which the rate rises; then it falls
	// to 0 as a cosine. The default 0 means 0.05, a negative number no warm-up.
	Warmup float64
	// Clip is the largest norm that all gradients together may have; a longer
	// one is made as long. The default 0 means 1, a negative number no limit.
	Clip float64
	// LabelSmoothing is the share of a target that is spread evenly over all
	// classes. The default 0 means none.
	LabelSmoothing float64
	// Threads is how many threads compute. The default 0 means
	// runtime.GOMAXPROCS(0). With another number, sums may be rounded
	// otherwise.
	Threads int
	// Replicas is how many sessions share a batch: each runs a part of it, at
	// once with the others, on its share of the threads, and the gradients are
	// added up in a fixed order. Sums are rounded otherwise than with another
	// number. Each takes memory of its own for all but the weights. The default
	// 0 means 1; more than samples in a batch, or than threads, are a
	// *ReplicasError.
	Replicas int
	// Memory is how many bytes a training may take, by estimate. The default 0
	// means 2 GiB.
	Memory int64
	// Seed drives the order of the samples, and which view each begins with.
	Seed uint64
	// Score tells how good the logits of the validation rows are, row-major n×C
	// in the order of the part, which it must not change; higher is better. The
	// default nil means minus the mean log-loss.
	Score func(logits []float64) float64
	// Checkpoint is the file from which an interrupted training is resumed. The
	// default "" means none.
	Checkpoint string
	// Keep leaves the checkpoint where it is when training is done: Train
	// returns the same result from it at once, until RemoveCheckpoint.
	Keep bool
	// CheckpointEvery is after which time one is written within an epoch. The
	// default 0 means 30 s. One is written after each epoch, too, but no more
	// than a tenth of the time goes into them.
	CheckpointEvery time.Duration
	// Fingerprint stands for whatever the training depends on that Train does
	// not see, such as the bytes of the samples: a checkpoint of another one is
	// refused.
	Fingerprint string
	// Planned, if it is not nil, is told once what the training takes, before
	// anything of it is computed.
	Planned func(Plan)
	// Progress, if it is not nil, is told of each step and of each epoch.
	Progress func(Progress)

	// For tests:
	layout string // "plain" or "blocked", whatever it costs
	eager  bool   // a checkpoint after each step
	inTurn bool   // a batch is filled in when the step before it is done
}

// Plan is what a training takes.
type Plan struct {
	Replicas, Threads int   // how many share a batch, and the threads of each
	MicroBatch        int   // samples that each of them runs at once
	Memory, Each      int64 // about how many bytes the training takes in all, and each replica of it
}

// Progress is how far a training is.
type Progress struct {
	Epoch, Epochs int     // Epoch is 0 while the start is measured
	Step, Steps   int     // done, and at most to be done in all epochs
	Loss          float64 // mean training loss of the epoch so far
	Done          *Epoch  // the epoch that is over with this; nil after a step
}

// DefaultBatchSize is the default of Settings.BatchSize.
const DefaultBatchSize = 16

const (
	defaultEpochs          = 10
	defaultPatience        = 3
	defaultLearningRate    = 1e-4
	defaultWeightDecay     = 0.01
	defaultLayerDecay      = 0.9
	defaultWarmup          = 0.05
	defaultClip            = 1
	defaultMemory          = 2 << 30
	defaultCheckpointEvery = 30 * time.Second
)

// complete returns the settings with the defaults filled in, or what is wrong
// with them. What is switched off is 0 then.
func (s *Settings) complete() (*Settings, error) {
	c := Settings{}
	if s != nil {
		c = *s
	}
	for _, v := range []struct {
		name      string
		value     *int
		otherwise int
	}{
		{"batch size", &c.BatchSize, DefaultBatchSize}, {"epochs", &c.Epochs, defaultEpochs},
		{"patience", &c.Patience, defaultPatience}, {"threads", &c.Threads, runtime.GOMAXPROCS(0)}, {"number of replicas", &c.Replicas, 1},
	} {
		if *v.value < 0 {
			return nil, fmt.Errorf("retrain: settings: %s is %d, it must not be negative", v.name, *v.value)
		}
		if *v.value == 0 {
			*v.value = v.otherwise
		}
	}
	for _, v := range []struct {
		name      string
		value     *float64
		otherwise float64
		off       bool // by a negative number
		most      float64
	}{
		{"learning rate", &c.LearningRate, defaultLearningRate, false, math.MaxFloat32},
		{"weight decay", &c.WeightDecay, defaultWeightDecay, true, math.MaxFloat32},
		{"layer decay", &c.LayerDecay, defaultLayerDecay, false, 1},
		{"warm-up", &c.Warmup, defaultWarmup, true, 1},
		{"clip", &c.Clip, defaultClip, true, math.MaxFloat32},
		{"label smoothing", &c.LabelSmoothing, 0, false, 1},
	} {
		switch {
		case *v.value == 0:
			*v.value = v.otherwise
		case *v.value < 0 && v.off:
			*v.value = 0
		case !(*v.value > 0 && *v.value <= v.most):
			return nil, fmt.Errorf("retrain: settings: %s is %v, it must be from 0 to %.4g", v.name, *v.value, v.most)
		}
	}
	if c.Memory < 0 || c.CheckpointEvery < 0 {
		return nil, fmt.Errorf("retrain: settings: memory %d and checkpoint every %v must not be negative", c.Memory, c.CheckpointEvery)
	}
	if c.Memory == 0 {
		c.Memory = defaultMemory
	}
	if c.CheckpointEvery == 0 {
		c.CheckpointEvery = defaultCheckpointEvery
	}
	if c.Replicas > min(c.BatchSize, c.Threads) {
		return nil, &ReplicasError{c.Replicas, c.BatchSize, c.Threads}
	}
	return &c, nil
}
