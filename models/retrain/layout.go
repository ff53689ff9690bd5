package retrain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/grad"
	"github.com/headstart-ml/headstart/models/runtime"
)

// Layouts of what lies behind the cut, see grad.Options.Block.
const (
	plain   = "plain"
	blocked = "blocked"
)

// blockSize returns how many channels a block of the runtime's fast convolutions
// has, 0 if it has none.
func blockSize(ctx context.Context, l *runtime.Library) (int64, error) {
	data, err := onnx.Encode(grad.BlockProbe())
	if err != nil {
		return 0, fmt.Errorf("retrain: %w", err)
	}
	s, err := l.NewSession(data, &runtime.Options{Name: "probe", Inputs: []string{"x"}, Outputs: []string{"shape"}})
	if err != nil {
		return 0, nil // such a runtime does not know the operator
	}
	defer s.Close()
	shape := make([]int64, 4)
	err = s.Run(ctx, []runtime.Tensor{{Shape: []int64{1, 8, 1, 1}, F32: make([]float32, 8)}}, []runtime.Tensor{{Shape: []int64{4}, I64: shape}})
	switch {
	case ctx.Err() != nil:
		return 0, fmt.Errorf("retrain: %w", err)
	case err != nil || shape[1] != 8 && shape[1] != 16:
		return 0, nil
	}
	return shape[1], nil
}

// trial is a step that was run to compare the layouts.
type trial struct {
	loss      float64
	logits    []float32
	gradients [][]float32 // of each weight, in the backbone's order
	seconds   float64     // of a later step
}

// try binds programs, runs a batch with the weights of the start, and again, to
// measure it.
func (ps *programs) try(ctx context.Context, d *Data, b batch, start *Head, divided bool) (*trial, error) {
	if _, err := ps.at(b.tokens); err != nil {
		return nil, err
	}
	ps.bind(divided)
	ps.begin(start)
	total := 0.0
	for _, r := range b.rows {
		total += d.weight(r)
	}
	loss, p, err := ps.step(ctx, d, b, 0, total, false)
	if err != nil {
		return nil, err
	}
	t := &trial{loss: loss, logits: slices.Clone(p.logits), seconds: math.Inf(1)}
	for i, v := range ps.views {
		w := &ps.weights[i]
		dW := make([]float32, product(w.Shape))
		w.Unpack(dW, ps.gradients[v.from:v.to])
		t.gradients = append(t.gradients, dW)
	}
	for range 2 { // the first run paid for the memory
		began := time.Now()
		if _, _, err := ps.step(ctx, d, b, 0, total, false); err != nil {
			return nil, err
		}
		t.seconds = min(t.seconds, time.Since(began).Seconds())
	}
	return t, nil
}

// disagreement tells in which way a trial differs from that of the plain
// layout, "" if they agree. A gradient may differ by more than rounding where
// the input of a ReLU rounds to the other side of its kink: the median counts.
func (t *trial) disagreement(plain *trial) string {
	if d := math.Abs(t.loss - plain.loss); !(d <= 1e-4*math.Abs(plain.loss)) {
		return fmt.Sprintf("the loss differs by %.1e", d)
	}
	if e := off(t.logits, plain.logits, 0); !(e <= 1e-4) {
		return fmt.Sprintf("the logits differ by %.1e of the largest", e)
	}
	largest := 0.0
	for _, dW := range plain.gradients {
		largest = max(largest, magnitude(dW))
	}
	var errs []float64
	for i, dW := range plain.gradients {
		errs = append(errs, off(t.gradients[i], dW, 1e-3*largest))
	}
	slices.Sort(errs) // not a number is the smallest
	if median, most := errs[len(errs)/2], errs[len(errs)-1]; math.IsNaN(errs[0]) || !(median <= 1e-5) || !(most <= 5e-2) {
		return fmt.Sprintf("the gradients differ by %.1e in the median and by at most %.1e", median, most)
	}
	return ""
}

// magnitude returns the largest absolute value.
func magnitude(v []float32) float64 {
	m := 0.0
	for _, x := range v {
		m = math.Max(m, math.Abs(float64(x)))
	}
	return m
}

// off returns the largest difference between two slices, relative to the largest
// element of want or, if that is more, to floor.
func off(v, want []float32, floor float64) float64 {
	d := 0.0
	for i, x := range want {
		d = math.Max(d, math.Abs(float64(v[i])-float64(x)))
	}
	if d == 0 {
		return 0
	}
	return d / math.Max(magnitude(want), floor)
}

// lay returns bound programs in the layout to train in, with the weights of the
// start, and the reason. ps are in the plain layout; b is a batch to compare
// with. Of the two layouts the faster one is taken, but blocks only if they
// compute what the plain layout does.
func lay(ctx context.Context, ps *programs, d *Data, b batch, start *Head, divided bool, forced string) (*programs, string, error) {
	settle := func(reason string) (*programs, string, error) {
		if ps.values == nil {
			ps.bind(divided)
			ps.begin(start)
		}
		return ps, reason, nil
	}
	if forced == plain {
		return settle("it was asked for")
	}
	p, err := ps.at(b.tokens)
	if err != nil {
		return nil, "", err
	}
	if !p.convolves {
		return settle("nothing behind the cut is a convolution")
	}
	block, err := blockSize(ctx, ps.library)
	switch {
	case err != nil:
		return nil, "", err
	case block == 0 && forced == "":
		return settle("the runtime has no blocks on this machine")
	case block == 0:
		return nil, "", errNoBlocks
	}
	other := newPrograms(ps.library, ps.net, ps.classes, ps.threads, ps.n, block)
	if forced == blocked {
		if _, err := other.at(b.tokens); err != nil {
			return nil, "", err
		}
		ps = other
		return settle("it was asked for")
	}
	want, err := ps.try(ctx, d, b, start, divided)
	if err := errors.Join(err, ps.Close()); err != nil { // closed: two sessions would take the memory of both
		return nil, "", err
	}
	got, err := other.try(ctx, d, b, start, divided)
	reason := ""
	switch {
	case ctx.Err() != nil:
		return nil, "", errors.Join(err, other.Close())
	case err != nil:
		reason = fmt.Sprintf("blocks do not run: %v", err)
	default:
		if reason = got.disagreement(want); reason != "" {
			reason = "blocks compute something else: " + reason
		} else if got.seconds >= want.seconds {
			reason = fmt.Sprintf("a step takes %.2g ms, in blocks %.2g ms", 1e3*want.seconds, 1e3*got.seconds)
		}
	}
	if reason != "" {
		return ps, reason, other.Close()
	}
	return other, fmt.Sprintf("a step takes %.2g ms, in the plain layout %.2g ms", 1e3*got.seconds, 1e3*want.seconds), nil
}

// errNoBlocks is what a training that is to use blocks stops with where there
// are none.
var errNoBlocks = errors.New("retrain: the runtime has no blocks on this machine")

// layout returns what the programs are in.
func (ps *programs) layout() string {
	if ps.block > 0 {
		return blocked
	}
	return plain
}
