package retrain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/runtime"
	"gonum.org/v1/gonum/blas/blas32"
)

// Train retrains what lies behind the cut, and the head, from where they are.
//
// When ctx ends, Train stops within one step, writes the checkpoint and returns
// what was best so far with the status "interrupted", and no error: it is the
// caller who knows whether that is one. Logits are then those of the validation
// rows as they were measured, before rounding, and of no other part; Epochs is
// empty if not even the start was measured.
//
// A loss or a gradient that is not a finite number ends the training, too, with
// the status "diverged" and the best so far.
//
// Errors: data, a head or settings that do not fit; those of package grad
// (*grad.UnsupportedError, *grad.CutError); *MemoryError; of replicas
// *ReplicasError and *DependentError; *CheckpointError; and what Samples, the
// runtime and the file system return.
func Train(ctx context.Context, l *runtime.Library, net *Network, d *Data, start *Head, s *Settings) (r *Result, err error) {
	t, err := newTraining(ctx, l, net, d, start, s)
	if err != nil {
		return nil, err
	}
	defer func() {
		if failed := t.programs.Close(); failed != nil && err == nil {
			r, err = nil, fmt.Errorf("retrain: %w", failed)
		}
	}()
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	return t.finish(ctx)
}

// training is one call of Train.
type training struct {
	*Settings
	net       *Network
	data      *Data
	classes   int
	batches   *batches
	programs  *programs
	optimizer *optimizer
	header    header // what does not change of it
	position  *position
	result    *Result

	order []batch // of the epoch
	began time.Time

	saved   bool // the checkpoint holds the state
	written time.Time
	cost    time.Duration // of writing the last checkpoint
}

// check tells what is wrong with what Train is given.
func check(l *runtime.Library, net *Network, d *Data, start *Head) error {
	switch {
	case l == nil:
		return errors.New("retrain: no runtime library is given")
	case net == nil || net.Model == nil || net.Shapes == nil:
		return errors.New("retrain: network: it needs a model and the shapes of its inputs")
	case start == nil || len(start.Bias) == 0 || len(start.Weight)%len(start.Bias) != 0:
		return errors.New("retrain: head: it needs a bias for each class and a row of weights for each")
	case !finite(start.Weight) || !finite(start.Bias):
		return errors.New("retrain: head: a weight or a bias is not a finite number")
	}
	return d.check(len(start.Bias))
}

// newTraining prepares a training at its start, or where its checkpoint is.
func newTraining(ctx context.Context, l *runtime.Library, net *Network, d *Data, start *Head, s *Settings) (*training, error) {
	s, err := s.complete()
	if err != nil {
		return nil, err
	}
	if err := check(l, net, d, start); err != nil {
		return nil, err
	}
	t := &training{Settings: s, net: net, data: d, classes: len(start.Bias), batches: newBatches(d, s.BatchSize), result: new(Result)}
	t.header = header{Fingerprint: s.Fingerprint, Digest: digest(s, d, start, net)}

	var resumed *header
	most, layout := t.batches.size, s.layout
	if s.Checkpoint != "" {
		if resumed, t.position, err = openCheckpoint(s.Checkpoint, s.Fingerprint, t.header.Digest); err != nil {
			return nil, err
		}
		if err := tryCheckpoint(s.Checkpoint); err != nil {
			return nil, err
		}
		if resumed != nil {
			most, layout = resumed.MicroBatch, resumed.Layout
		}
	}
	ps, memory, err := fit(l, net, t.batches, t.classes, s, most)
	if err != nil {
		return nil, err
	}
	if w := ps.weights[len(ps.weights)-2]; int64(len(start.Weight)) != product(w.Shape) {
		return nil, fmt.Errorf("retrain: head: %d weights for %d classes, but the features have %d dimensions", len(start.Weight), t.classes, w.Shape[1])
	}
	for _, w := range ps.weights {
		t.header.Start = sumOf(t.header.Start, w.Values)
	}

	if s.Planned != nil {
		s.Planned(Plan{ps.replicas, ps.threads, ps.n, memory.all, memory.replica})
	}
	divided := ps.divided(t.batches.size)
	t.order = t.batches.epoch(s.Seed, 1)
	if err := ps.independent(ctx, d, t.order[0]); err != nil {
		return nil, err
	}
	first := t.order[0].split(ps.n)[0]
	t.programs, t.header.Reason, err = lay(ctx, ps, d, first, start, divided, layout)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		t.programs, t.header.Reason, err = lay(ctx, ps, d, first, start, divided, plain)
	case errors.Is(err, errNoBlocks) && resumed != nil:
		err = &CheckpointError{s.Checkpoint, "it was written where the runtime had fast convolutions, which it has not here"}
	}
	if err != nil {
		return nil, err // no session is open
	}
	ps = t.programs
	ps.inTurn = s.inTurn
	t.header.Layout, t.header.MicroBatch = ps.layout(), ps.n
	for _, w := range ps.weights {
		t.header.Weights = append(t.header.Weights, stored{w.Name, w.Dims})
	}
	if resumed == nil {
		t.position = &position{weights: ps.values, m: make([]float32, ps.size), v: make([]float32, ps.size), best: slices.Clone(ps.values)}
	} else if err := t.resume(resumed); err != nil {
		return nil, err
	}
	t.optimizer = newOptimizer(s, ps.weights, ps.views, s.Epochs*t.batches.count)
	t.result.Layout, t.result.LayoutReason = t.header.Layout, t.header.Reason
	t.result.BatchSize, t.result.MicroBatch, t.result.Replicas, t.result.Memory = t.batches.size, ps.n, ps.replicas, memory.all
	t.began, t.written = time.Now(), time.Now()
	return t, nil
}

// resume continues at the checkpoint with header h, whose position is t's.
func (t *training) resume(h *header) error {
	same := func(a, b stored) bool { return a.Name == b.Name && slices.Equal(a.Dims, b.Dims) }
	if h.Start != t.header.Start || !slices.EqualFunc(h.Weights, t.header.Weights, same) {
		return &CheckpointError{t.Checkpoint, "it is of a training of another backbone"}
	}
	p := t.position
	if p.epoch > t.Epochs+1 || p.step > t.batches.count || len(p.bestLogits) != len(t.data.Parts[1])*t.classes {
		return &CheckpointError{t.Checkpoint, "its header contradicts the data"}
	}
	copy(t.programs.values, p.weights)
	p.weights = t.programs.values
	t.header.Reason = h.Reason
	t.result.Resumed = t.steps()
	t.order = t.batches.epoch(t.Seed, p.epoch)
	t.saved = true
	return nil
}

// steps returns how many steps are done in all.
func (t *training) steps() int {
	return max(t.position.epoch-1, 0)*t.batches.count + t.position.step
}

// run trains until there is a reason to stop.
func (t *training) run(ctx context.Context) error {
	for t.result.Status == "" {
		err := t.advance(ctx)
		if ctx.Err() != nil && err != nil {
			t.result.Status = "interrupted"
			break
		}
		if err != nil {
			return err
		}
	}
	if t.position.epoch == 0 {
		return nil // there is nothing to go on from
	}
	return t.save()
}

// advance makes the next step or, after the last one of an epoch and at the
// start, measures.
func (t *training) advance(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := t.position
	switch {
	case s.epoch > t.Epochs:
		t.result.Status = "epochs"
	case s.epoch > 0 && s.epoch-1-s.bestEpoch >= t.Patience:
		t.result.Status = "patience"
	case s.epoch > 0 && s.step < t.batches.count:
		return t.step(ctx)
	default:
		return t.measure(ctx)
	}
	return nil
}

// step makes a step with the next batch.
func (t *training) step(ctx context.Context) error {
	s, ps := t.position, t.programs
	b := t.order[s.step]
	total, loss := 0.0, 0.0
	for _, r := range b.rows {
		total += t.data.weight(r)
	}
	parts := slices.Collect(slices.Chunk(b.split(ps.n), ps.replicas))
	for i, part := range parts {
		var next []batch
		switch {
		case i+1 < len(parts):
			next = parts[i+1]
		case s.step+1 < len(t.order):
			next = t.order[s.step+1].split(ps.n)
			next = next[:min(len(next), ps.replicas)]
		}
		part, err := ps.step(ctx, t.data, run{part, next}, aim{t.LabelSmoothing, total, i > 0})
		if err != nil {
			return err
		}
		loss += part
	}
	length := norm(ps.gradients)
	if math.IsNaN(loss-loss) || math.IsNaN(length-length) { // infinite, or no number
		t.diverge(loss)
		return nil
	}
	t.optimizer.step(s, ps.gradients, length, t.steps())
	s.step++
	s.loss += loss * total
	s.weight += total
	t.saved = false
	t.tell(nil)
	return t.keep(t.CheckpointEvery)
}

func vector(v []float32) blas32.Vector { return blas32.Vector{N: len(v), Inc: 1, Data: v} }

// diverge ends the training and says where.
func (t *training) diverge(loss float64) {
	t.result.Status = "diverged"
	what := fmt.Sprintf("the loss is %v", loss)
	for i, v := range t.programs.views {
		if finite(t.programs.gradients[v.from:v.to]) {
			continue
		}
		w := &t.programs.weights[i]
		what += fmt.Sprintf(", and the gradient of weight %s (node %s", quote(w.Name), quote(w.Node))
		if w.layer != "" {
			what += ", layer " + w.layer
		}
		what += ") is not finite"
		break
	}
	t.result.Problem = fmt.Sprintf("step %d, epoch %d: %s; a learning rate below %g may help", t.steps()+1, t.position.epoch, what, t.LearningRate)
}

// finite tells whether all values are finite.
func finite(values []float32) bool {
	return !slices.ContainsFunc(values, func(x float32) bool { return x-x != 0 })
}

// measure runs the validation rows and ends the epoch.
func (t *training) measure(ctx context.Context) error {
	s := t.position
	logits, err := t.logits(ctx, t.data.Parts[1])
	if err != nil {
		return err
	}
	if slices.ContainsFunc(logits, func(x float64) bool { return x-x != 0 }) {
		if s.epoch == 0 {
			return errors.New("retrain: the logits of the validation rows are not finite from the start; the samples or the weights of the backbone are not")
		}
		t.result.Status = "diverged"
		t.result.Problem = fmt.Sprintf("after step %d, epoch %d: the logits of the validation rows are not finite; a learning rate below %g may help", t.steps(), s.epoch, t.LearningRate)
		return nil
	}
	e := Epoch{Epoch: s.epoch, LogLoss: t.logLoss(logits), Seconds: s.seconds + time.Since(t.began).Seconds()}
	if s.weight > 0 {
		e.Loss = s.loss / s.weight
	}
	e.Score = -e.LogLoss
	if t.Score != nil {
		if e.Score = t.Score(logits); e.Score-e.Score != 0 {
			return fmt.Errorf("retrain: settings: the score of the validation rows is %v, it must be a finite number", e.Score)
		}
	}
	better := s.epoch == 0
	if !better {
		best := s.epochs[s.bestEpoch]
		better = e.Score > best.Score || e.Score == best.Score && e.LogLoss < best.LogLoss
	}
	if better {
		s.bestEpoch, s.bestLogits = s.epoch, logits
		copy(s.best, s.weights)
	}
	s.epochs = append(s.epochs, e)
	s.epoch, s.step, s.loss, s.weight, s.seconds = s.epoch+1, 0, 0, 0, 0
	t.order, t.began = t.batches.epoch(t.Seed, s.epoch), time.Now()
	t.saved = false
	t.tell(&e)
	return t.keep(0)
}

// logits runs rows forwards and returns their logits, n×C in the order of rows.
func (t *training) logits(ctx context.Context, rows []int) ([]float64, error) {
	C, ps := t.classes, t.programs
	logits, part := make([]float64, len(rows)*C), make([]float32, ps.replicas*ps.n*C)
	all, places := t.batches.inOrder(rows, ps.n)
	for len(all) > 0 {
		k := min(len(all), ps.replicas)
		batches, next := all[:k], all[k:]
		if err := ps.forwardTo(ctx, part, t.data, run{batches, next[:min(len(next), ps.replicas)]}); err != nil {
			return nil, err
		}
		for i, b := range batches {
			own := part[i*ps.n*C:]
			for k := range b.rows {
				to := logits[places[k]*C : (places[k]+1)*C]
				for c := range to {
					to[c] = float64(own[k*C+c])
				}
			}
			places = places[len(b.rows):]
		}
		all = next
	}
	return logits, nil
}

// logLoss returns the mean log-loss of the validation rows.
func (t *training) logLoss(logits []float64) float64 {
	const least = -52 * math.Ln2
	rows := t.data.Parts[1]
	sum := 0.0
	for i, r := range rows {
		if t.data.Labels[r] < 0 {
			sum -= least
			continue
		}
		row := logits[i*t.classes : (i+1)*t.classes]
		most, z := slices.Max(row), 0.0
		for _, x := range row {
			z += math.Exp(x - most)
		}
		sum -= math.Max(row[t.data.Labels[r]]-most-math.Log(z), least)
	}
	return sum / float64(len(rows))
}

// tell reports progress.
func (t *training) tell(done *Epoch) {
	if t.Progress == nil {
		return
	}
	p := Progress{Epoch: t.position.epoch, Epochs: t.Epochs, Step: t.steps(), Steps: t.Epochs * t.batches.count, Done: done}
	if done != nil {
		p.Epoch, p.Loss = done.Epoch, done.Loss
	} else {
		p.Loss = t.position.loss / t.position.weight
	}
	t.Progress(p)
}

// keep writes the checkpoint if the last one is old enough. No more than a
// tenth of the time goes into it.
func (t *training) keep(age time.Duration) error {
	if t.Checkpoint == "" || time.Since(t.written) < max(age, 9*t.cost) && !t.eager {
		return nil
	}
	return t.save()
}

// save writes the checkpoint if it does not hold the state.
func (t *training) save() error {
	if t.Checkpoint == "" || t.saved {
		return nil
	}
	s, h, began := t.position, t.header, time.Now()
	s.seconds += began.Sub(t.began).Seconds()
	t.began = began
	h.Epoch, h.Step, h.Loss, h.Weight, h.Seconds = s.epoch, s.step, s.loss, s.weight, s.seconds
	h.Best, h.Epochs, h.Logits = s.bestEpoch, s.epochs, len(s.bestLogits)
	if err := saveCheckpoint(t.Checkpoint, &h, s); err != nil {
		return err
	}
	t.saved, t.written = true, time.Now()
	t.cost = t.written.Sub(began)
	return nil
}

// finish takes the best weights, rounds them as they will be stored, and runs
// all rows with them.
func (t *training) finish(ctx context.Context) (*Result, error) {
	r, s, ps := t.result, t.position, t.programs
	r.Epochs, r.Best, r.Steps = s.epochs, s.bestEpoch, t.steps()
	r.Weights = make(map[string][]float32)
	for i, v := range ps.views {
		w := &ps.weights[i]
		values := make([]float32, product(w.Shape))
		w.Unpack(values, s.best[v.from:v.to])
		switch len(ps.views) - i {
		case 2:
			r.Head.Weight = values
		case 1:
			r.Head.Bias = values
		default:
			r.Weights[w.stored] = values
		}
	}
	if err := onnx.Round(t.net.Model, r.Weights); err != nil {
		return nil, fmt.Errorf("retrain: the best weights: %w", err)
	}
	if r.Status == "interrupted" {
		r.Logits[1] = s.bestLogits
		return r, nil
	}
	copy(ps.values, s.best)
	for i, v := range ps.views {
		w := &ps.weights[i]
		if w.stored != "" {
			w.Pack(ps.values[v.from:v.to], r.Weights[w.stored])
		}
	}
	for p, rows := range t.data.Parts {
		var err error
		if r.Logits[p], err = t.logits(ctx, rows); err == nil {
			continue
		}
		if ctx.Err() == nil {
			return nil, err
		}
		r.Status, r.Problem, r.Logits = "interrupted", "", [3][]float64{1: s.bestLogits}
		return r, nil
	}
	if t.Checkpoint != "" && !t.Keep {
		return r, RemoveCheckpoint(t.Checkpoint)
	}
	return r, nil
}
