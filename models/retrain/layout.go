package retrain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/grad"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// Layouts of what lies behind the cut, see grad.Options.Block.
const (
	plain   = "plain"
	blocked = "blocked"
)

// blockSize returns how many channels a block of the runtime's fast
// convolutions has, 0 if it has none.
func blockSize(l *runtime.Library) (int64, error) {
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
	err = s.Run(context.Background(), []tensor.View{{Shape: []int64{1, 8, 1, 1}, F32: make([]float32, 8)}}, []tensor.View{{Shape: []int64{4}, I64: shape}})
	if err != nil || shape[1] != 8 && shape[1] != 16 {
		return 0, nil
	}
	return shape[1], nil
}

// trial is a step that was run to compare the layouts.
type trial struct {
	loss      float64
	logits    []float32
	gradients [][]float32 // of each weight, in the backbone's order
}

// try runs a batch with the weights of the start.
func (ps *programs) try(ctx context.Context, d *Data, b batch) (*trial, error) {
	total := 0.0
	for _, r := range b.rows {
		total += d.weight(r)
	}
	loss, err := ps.step(ctx, d, alone(b), aim{total: total})
	if err != nil {
		return nil, err
	}
	t := &trial{loss: loss, logits: slices.Clone(ps.made[b.tokens].replicas[0].logits)}
	for i, v := range ps.views {
		w := &ps.weights[i]
		dW := make([]float32, product(w.Shape))
		w.Unpack(dW, ps.gradients[v.from:v.to])
		t.gradients = append(t.gradients, dW)
	}
	return t, nil
}

// outputsDiffer tells in which way loss and logits differ from those of the
// plain layout, "" if they are the same.
func (t *trial) outputsDiffer(plain *trial) string {
	if d := math.Abs(t.loss - plain.loss); !(d <= 1e-4*math.Abs(plain.loss)) {
		return fmt.Sprintf("the loss differs by %.1e", d)
	}
	if e := off(t.logits, plain.logits, 0); !(e <= 1e-4) {
		return fmt.Sprintf("the logits differ by %.1e of the largest", e)
	}
	return ""
}

// gradientsDiffer does so for the gradients. One may differ by more than
// rounding where the input of a ReLU rounds to the other side of its kink, and
// with it somewhat those of all layers before: the median counts.
func (t *trial) gradientsDiffer(plain *trial) string {
	largest := 0.0
	for _, dW := range plain.gradients {
		largest = max(largest, magnitude(dW))
	}
	var errs []float64
	for i, dW := range plain.gradients {
		errs = append(errs, off(t.gradients[i], dW, 1e-3*largest))
	}
	slices.Sort(errs) // not a number comes first
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

// off returns the largest difference between two slices, relative to the
// largest element of want or, if that is more, to floor.
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

// compare runs a batch with programs in the plain layout and in blocks, and
// returns the reason for which blocks are not to be used, "" if they compute
// the same. Sessions are closed again, since two would take the memory of both.
func compare(ctx context.Context, layouts [2]*programs, d *Data, b batch) (reason string, err error) {
	both := func(b batch) (trials [2]*trial, failed string, err error) {
		for i, ps := range layouts {
			trials[i], err = ps.try(ctx, d, b)
			if err != nil && i == 1 && ctx.Err() == nil {
				failed, err = fmt.Sprintf("blocks do not run: %v", err), nil
			}
			if err := errors.Join(err, ps.Close()); err != nil || failed != "" {
				return trials, failed, err
			}
		}
		return trials, "", nil
	}
	trials, reason, err := both(b)
	if reason != "" || err != nil {
		return reason, err
	}
	if reason = trials[1].outputsDiffer(trials[0]); reason == "" {
		reason = trials[1].gradientsDiffer(trials[0])
		// Of many samples, one or the other is at a kink. What is wrong is
		// wrong for each of them.
		for _, row := range b.rows[:min(len(b.rows), 4)] {
			if reason == "" {
				break
			}
			one, failed, err := both(batch{rows: []int{row}, tokens: b.tokens})
			switch {
			case failed != "" || err != nil:
				return failed, err
			case one[1].outputsDiffer(one[0]) == "" && one[1].gradientsDiffer(one[0]) == "":
				reason = ""
			}
		}
	}
	if reason != "" {
		reason = "blocks compute something else: " + reason
	}
	return reason, nil
}

// lay returns bound programs in the layout to train in, with the weights of the
// start, and the reason. ps are in the plain layout; b is a batch to compare
// with. The layout is the one that costs less by grad's rule, which depends on
// graph, shapes and processor alone: a clock would let the load of the machine
// decide which bits a training gives. Blocks are used only if they compute what
// the plain layout does. forced is a layout to use whatever it costs, or "".
func lay(ctx context.Context, ps *programs, d *Data, b batch, start *Head, divided bool, forced string) (*programs, string, error) {
	p, err := ps.at(b.tokens)
	if err != nil {
		return nil, "", err
	}
	if forced != blocked {
		ps.begin(start, divided)
	}
	switch {
	case forced == plain:
		return ps, "it was asked for", nil
	case !p.convolves:
		return ps, "nothing behind the cut is a convolution", nil
	}
	block, err := blockSize(ps.library)
	switch {
	case err != nil:
		return nil, "", err
	case block == 0 && forced == blocked:
		return nil, "", errNoBlocks
	case block == 0:
		return ps, "the runtime has no blocks on this machine", nil
	}
	inBlocks := ps.form
	inBlocks.block = block
	other := newPrograms(ps.library, ps.net, inBlocks)
	q, err := other.at(b.tokens)
	if err != nil {
		if forced == blocked {
			return nil, "", err
		}
		return ps, fmt.Sprintf("blocks do not run: %v", err), nil
	}
	costs := [2]float64{p.cost(block), q.cost(block)}
	if forced == "" && costs[1] >= costs[0] {
		return ps, fmt.Sprintf("by the operators and their sizes, a step in blocks takes %.2f times as long", costs[1]/costs[0]), nil
	}
	other.begin(start, divided)
	if forced == blocked {
		return other, "it was asked for", nil
	}
	reason, err := compare(ctx, [2]*programs{ps, other}, d, b)
	switch {
	case err != nil:
		return nil, "", err
	case reason != "":
		return ps, reason, nil
	}
	return other, fmt.Sprintf("by the operators and their sizes, a step in the plain layout takes %.2f times as long", costs[0]/costs[1]), nil
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
