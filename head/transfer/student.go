package transfer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/fit"
	"github.com/headstart-ml/headstart/head/study"
	"github.com/headstart-ml/headstart/models/runtime"
)

// Student trains for a study, as its Learner: heads on features in the cache,
// heads on more taps, and tails. The samples are read, and the runtime is
// opened, when a lesson needs them: heads need neither.
type Student struct {
	features *features.Joined
	data     *experiment.Data
	heads    experiment.Settings
	ways     []*Way
	depths   []study.Depth
	absent   []*study.UnableError
	learner  *Learner // nil: there are heads on the features alone

	taps  int              // features of more taps
	steps map[*Way]float64 // the seconds of a step of each tail; 0: not known
	held  *experiment.Data // what heads on more taps are fitted to; nil: not known yet
	lost  map[string]error // why a depth cannot be trained

	frozen map[*Way]frozen // what the layers before it take
}

// ErrOneSpace says why there are heads on the features alone: several feature
// sets, or taps, are beside each other.
var ErrOneSpace = errors.New("several feature sets or taps beside each other have no layers in common")

// studyTokens is how many tokens a text has where the cost of a step is
// estimated, and studyEpochs how many epochs a training takes.
const (
	studyTokens = 32
	studyEpochs = 8
)

// NewStudent prepares what is trained for a study of d. Of d.Spec nil means
// that the backbone is not known, so that only heads on the features are
// trained, as do features of several sets or spaces. Of s, Tail is not used:
// depths are the names of ways, "head" and "taps" and those of tails; nil means
// "head", "taps", "last:2", "half" and "all" as far as there are these. What
// cannot be trained of these is in Absent; a name that stands for nothing, of
// what was asked for, is a *PlaceError. The caller closes the Student before
// the data.
func NewStudent(d *Data, s *Settings, depths []string) (*Student, error) {
	if s == nil {
		s = new(Settings)
	}
	t := &Student{
		features: d.Features, data: DataOf(d.Features), heads: s.Head,
		steps: map[*Way]float64{}, lost: map[string]error{}, frozen: map[*Way]frozen{},
	}
	if t.heads.Threads == 0 {
		t.heads.Threads = s.Threads
	}
	t.heads.Repeat, t.heads.Split, t.heads.CV, t.heads.NoRefit = 1, nil, 0, true
	if err := t.find(d, s, depths); err != nil {
		return nil, err
	}
	for _, w := range t.ways {
		digest, err := t.settingsOf(w)
		if err != nil {
			return nil, err
		}
		t.frozen[w] = t.frozenOf(w)
		t.depths = append(t.depths, study.Depth{Name: w.Name, Layers: w.Place != nil, Settings: digest, Once: seconds(t.frozen[w].once)})
	}
	return t, nil
}

// defaultDepths are those of a study.
var defaultDepths = []string{wayHead, wayTaps, "last:2", "half", "all"}

// find fills in the ways.
func (t *Student) find(d *Data, s *Settings, depths []string) error {
	asked := depths != nil
	if !asked {
		depths = defaultDepths
	}
	depths = slices.DeleteFunc(slices.Clone(depths), func(name string) bool { return name == wayHead })
	t.ways = []*Way{{Name: wayHead}} // which all else is compared with
	if len(depths) == 0 {
		return nil
	}
	leave := func(name string, err error) { t.absent = append(t.absent, &study.UnableError{Depth: name, Err: err}) }
	j := d.Features
	why := ErrOneSpace
	if len(j.Sets) == 1 && len(j.Sets[0].Meta.Spaces) == 1 {
		why = nil
		if d.Spec == nil {
			why = errors.New("the backbone of the features is not known")
		}
	}
	if why == nil {
		own := *s
		own.Tail, own.Head.Kind, own.Head.CV, own.Head.Split = Auto, "", 0, nil
		own.Head.Repeat = 2 // what tails are fed stays in memory from lesson to lesson
		l, err := newLearner(d, &own)
		if _, place := errors.AsType[*PlaceError](err); place {
			why = err
		} else if err != nil {
			return err
		}
		t.learner = l
	}
	if why != nil {
		for _, name := range depths {
			leave(name, why)
		}
		return nil
	}
	t.learner.apart = true
	t.learner.ways = t.ways
	for _, name := range depths {
		w := &Way{Name: name}
		if name == wayTaps {
			ends := len(t.learner.places.Ends())
			if ends == 0 {
				leave(name, errors.New("the layers of the backbone cannot be told apart"))
				continue
			}
			t.taps = (1 + min(ends, tapLayers)) * j.Matrix.D()
		} else {
			var err error
			if w.Place, err = t.learner.places.Find(name); err != nil && asked {
				return err
			} else if err != nil {
				leave(name, err)
				continue
			}
			same := func(x *Way) bool { return x.Place != nil && x.Place.Cut == w.Place.Cut }
			if i := slices.IndexFunc(t.ways, same); i >= 0 {
				if asked {
					leave(name, fmt.Errorf("it is the same as %s", t.ways[i].Name))
				}
				continue
			}
		}
		t.ways = append(t.ways, w)
	}
	slices.SortStableFunc(t.ways[1:], func(a, b *Way) int { return int(depthOf(a) - depthOf(b)) })
	t.learner.ways = t.ways
	return nil
}

// depthOf orders ways from the simplest on.
func depthOf(w *Way) int64 {
	if w.Place == nil {
		return -1
	}
	return w.Place.Parameters
}

// Absent lists what cannot be trained of what was asked for, and of the
// defaults.
func (t *Student) Absent() []*study.UnableError { return t.absent }

// Data is what is studied.
func (t *Student) Data() *experiment.Data { return t.data }

// Close closes what was opened.
func (t *Student) Close() error {
	if t.learner != nil {
		return t.learner.Close()
	}
	return nil
}

var _ study.Learner = (*Student)(nil)

// Depths lists what is trained, from the simplest on.
func (t *Student) Depths() []study.Depth { return t.depths }

// way is that of a depth.
func (t *Student) way(d *study.Depth) *Way {
	return t.ways[slices.IndexFunc(t.ways, func(w *Way) bool { return w.Name == d.Name })]
}

// Cost estimates how long a lesson takes on one core.
func (t *Student) Cost(d *study.Depth, train, test int) time.Duration {
	w := t.way(d)
	size := fit.Size{Rows: train, Features: t.features.Matrix.D(), Classes: t.classes()}
	if w.Place == nil {
		if w.Name == wayTaps {
			size.Features = t.taps
		}
		return experiment.Estimate(&t.heads, size)
	}
	step := t.step(w)
	batch := cmp.Or(t.learner.settings.BatchSize, DefaultBatchSize)
	fitted, held := float64(train)*(1-validationShare), float64(train)*validationShare
	// A pass forwards is a third of a step.
	runs := studyEpochs*(fitted+held/3) + (fitted+float64(test))/3
	again := (studyEpochs*(fitted+held) + fitted + float64(test)) * t.frozen[w].again
	return experiment.Estimate(&t.heads, size) + seconds(runs/float64(batch)*step+again)
}

// classes counts the classes of the labels.
func (t *Student) classes() int {
	seen := map[string]bool{}
	for _, label := range t.data.Labels {
		seen[label] = true
	}
	delete(seen, "")
	return max(len(seen), 2)
}

// step is how long a step of a tail takes by estimate.
func (t *Student) step(w *Way) float64 {
	seconds, ok := t.steps[w]
	if !ok {
		batch := t.learner.settings.BatchSize
		if batch == 0 {
			batch = 16
		}
		var err error
		if seconds, err = t.learner.places.Network(w.Place).StepSeconds(batch, studyTokens, t.classes()); err != nil {
			seconds = 0 // the lesson will say why it cannot be
		}
		t.steps[w] = seconds
	}
	return seconds
}

// Learn does a lesson.
func (t *Student) Learn(ctx context.Context, l *study.Lesson) (*study.Learnt, error) {
	w := t.way(l.Depth)
	if w.Place != nil {
		return t.tail(ctx, w, l)
	}
	d := t.data
	if w.Name == wayTaps {
		var err error
		if d, err = t.tapped(ctx, w); err != nil {
			return nil, err
		}
	}
	return t.head(ctx, d, l)
}

// head fits a head on features.
func (t *Student) head(ctx context.Context, d *experiment.Data, l *study.Lesson) (*study.Learnt, error) {
	s := t.heads
	s.Seed = l.Seed
	own := *d
	var err error
	if own.Splits, err = splitsOf(&experiment.Parts{Train: l.Train, Test: l.Test}, len(d.Labels)); err != nil {
		return nil, err
	}
	r, err := experiment.Train(ctx, &own, &s)
	if err != nil {
		return nil, tooFew(len(l.Train), err)
	}
	return learntOf(r)
}

// tooFew says of an error whether there are only too few rows.
func tooFew(n int, err error) error {
	if _, ok := errors.AsType[*experiment.ClassesError](err); ok {
		return &study.SmallError{Rows: n, Err: err}
	}
	if _, ok := errors.AsType[*experiment.FoldsError](err); ok {
		return &study.SmallError{Rows: n, Err: err}
	}
	return err
}

// learntOf is what a study takes of a result.
func learntOf(r *experiment.Result) (*study.Learnt, error) {
	out := &study.Learnt{}
	var err error
	if out.Test, err = study.ScoresOf(r.Metrics.Test); err != nil {
		return nil, err
	}
	if out.Train, err = study.ScoresOf(r.Metrics.Train); err != nil {
		return nil, err
	}
	if p := r.Predictions; p != nil && p.Part == "test" {
		out.Outcomes = p.Outcomes
	}
	return out, nil
}

// tapped returns what heads on more taps are fitted to.
func (t *Student) tapped(ctx context.Context, w *Way) (*experiment.Data, error) {
	if t.held != nil {
		return t.held, nil
	}
	if err := t.lost[w.Name]; err != nil {
		return nil, err
	}
	err := t.learner.fill(ctx, []*Way{w})
	if err == nil && t.learner.taps == nil {
		err = t.learner.tapsErr
	}
	if err != nil {
		return nil, t.lose(w, err)
	}
	t.held = DataOf(t.learner.taps)
	return t.held, nil
}

// lose remembers why a depth cannot be trained, where that is how it is, and
// not what happens once.
func (t *Student) lose(w *Way, err error) error {
	if !lasting(err) {
		return err
	}
	unable := &study.UnableError{Depth: w.Name, Err: err}
	t.lost[w.Name] = unable
	return unable
}

// lasting tells whether an error is one of a depth, so that others can still be
// trained: its samples are gone, there is no runtime library, or its layers
// cannot be trained.
func lasting(err error) bool {
	if _, ok := errors.AsType[*extract.GoneError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*extract.MovedError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*extract.UnwritableError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*TapsError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*runtime.LibraryError](err); ok {
		return true
	}
	return errors.Is(err, extract.ErrStandardInput) || dispensable(err)
}

// validationShare is the share of a subset that says when a tail's training is
// to stop.
const validationShare = 0.2

// tail trains a tail.
func (t *Student) tail(ctx context.Context, w *Way, l *study.Lesson) (*study.Learnt, error) {
	if err := t.lost[w.Name]; err != nil {
		return nil, err
	}
	s := t.heads
	s.Seed = l.Seed
	folds, err := experiment.Deal(t.data, &s, l.Train, int(1/validationShare))
	if err != nil {
		return nil, tooFew(len(l.Train), err)
	}
	parts := &experiment.Parts{Validation: folds[0], Test: l.Test}
	parts.Train = slices.Concat(folds[1:]...)
	slices.Sort(parts.Train)
	a, err := t.learner.Fit(ctx, w, &Lesson{Seed: l.Seed, Parts: parts})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, t.lose(w, tooFew(len(l.Train), err))
	}
	return learntOf(a.Result)
}

// Fingerprint is a digest of all that what is learnt depends on besides the
// lesson and the program: the data, the spaces of the features, and the
// settings of all depths. Those of one are in study.Depth, so that studies of
// other depths have the same fingerprint.
func (t *Student) Fingerprint() (string, error) {
	h := &t.heads
	facts := map[string]any{
		"data": t.features.Digest(), "spaces": t.features.Spaces(), "groups": t.data.Groups, "weights": t.data.Weights,
		"metric": h.Metric, "by": h.By, "kind": h.Kind, "l2": h.L2, "points": h.L2Points, "folds": h.Folds, "tolerance": h.Tolerance,
		"class weight": h.ClassWeight, "class weights": h.ClassWeights, "plain": h.NoStandardize, "normalize": h.L2Normalize, "calibrate": h.Calibrate,
	}
	return digestOf(facts)
}

// digestOf is a digest of facts.
func digestOf(facts any) (string, error) {
	text, err := json.Marshal(facts)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// settingsOf is a digest of what lessons of a way depend on, besides what those
// of all ways do; "" of a head on the features.
func (t *Student) settingsOf(w *Way) (string, error) {
	if w.Name == wayHead {
		return "", nil
	}
	s := t.learner.settings
	facts := []any{s.DType}
	if w.Place != nil {
		facts = append(facts, w.Place.Cut, s.Epochs, s.Patience, s.BatchSize, s.LearningRate, s.LayerDecay, s.Warmup, s.WeightDecay, s.Clip, s.LabelSmoothing, s.Views, max(s.Replicas, 1))
	}
	return digestOf(facts)
}
