package retrain

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/pb"
	"github.com/headstart-ml/headstart/models/runtime"
	"github.com/headstart-ml/headstart/models/tensor"
)

// form is what graphs are made for, and how they are run.
type form struct {
	classes  int
	n        int   // samples of a run
	block    int64 // 0: the plain layout
	replicas int   // runs that take place at once; 0 means 1
	threads  int   // of each of them
}

// programs are the graphs of one training, one for each number of tokens. All
// of them work on the same memory.
type programs struct {
	form
	library *runtime.Library
	net     *Network

	weights []weight // those of each program
	views   []view   // where they stand in the flat slices
	size    int      // of these
	made    map[int]*program

	// values are the weights, gradients what a step writes; others is where all
	// replicas but the first write theirs before they are added to the
	// gradients, more where the first one does so in all runs of a batch but
	// the first: nil if no batch has others.
	values, gradients, more []float32
	others                  [][]float32

	ahead  *ahead // nil: no batch is prepared
	inTurn bool   // none is, ever
}

// program is the graph for one number of tokens.
type program struct {
	stepModel, forwardModel []byte
	names                   []string      // inputs of both: samples, target, weights
	outputs                 []string      // of a step: loss, logits, gradients; the first two are those of forward
	samples                 []tensor.View // their shapes and types
	replicas                []*replica

	convolves                 bool                      // somewhere behind the cut
	cost                      func(block int64) float64 // of a step, see grad.Program.Cost
	stepMemory, forwardMemory int64
}

func newPrograms(l *runtime.Library, net *Network, f form) *programs {
	f.replicas = max(f.replicas, 1)
	return &programs{form: f, library: l, net: net, made: make(map[int]*program)}
}

// at returns the program for a number of tokens.
func (ps *programs) at(tokens int) (*program, error) {
	if p := ps.made[tokens]; p != nil {
		return p, nil
	}
	built, g, err := ps.net.build(ps.n, tokens, ps.classes, ps.block)
	if err != nil {
		return nil, err
	}
	weights, err := ps.net.weights(built, g)
	if err != nil {
		return nil, err
	}
	p := &program{names: built.InputNames(), outputs: built.OutputNames(), replicas: make([]*replica, ps.replicas)}
	p.cost = built.Cost
	p.stepMemory, p.forwardMemory = built.Memory(), forwardMemory(built, g)
	p.convolves = slices.ContainsFunc(built.Forward.GetGraph().GetNode(), func(n *pb.NodeProto) bool { return n.GetOpType() == "Conv" })
	if p.stepModel, err = onnx.Encode(built.Step); err != nil {
		return nil, fmt.Errorf("retrain: %w", err)
	}
	if p.forwardModel, err = onnx.Encode(built.Forward); err != nil {
		return nil, fmt.Errorf("retrain: %w", err)
	}
	for _, in := range built.Inputs {
		p.samples = append(p.samples, tensor.View{Name: in.Name, Shape: in.Dims})
		switch in.Type { // a replica makes the memory; here stands of which type it is
		case pb.TensorProto_FLOAT:
			p.samples[len(p.samples)-1].F32 = []float32{}
		case pb.TensorProto_INT64:
			p.samples[len(p.samples)-1].I64 = []int64{}
		case pb.TensorProto_INT32:
			p.samples[len(p.samples)-1].I32 = []int32{}
		}
	}
	if ps.weights == nil {
		ps.weights = weights
		for _, w := range weights {
			size := int(product(w.Dims))
			ps.views = append(ps.views, view{ps.size, ps.size + size})
			ps.size += size
		}
	} else if !slices.EqualFunc(ps.weights, weights, func(a, b weight) bool { return a.Name == b.Name && slices.Equal(a.Dims, b.Dims) }) {
		return nil, fmt.Errorf("retrain: backbone: with inputs of %d tokens it has other weights behind the cut than with fewer; choose a later cut", tokens)
	}
	ps.made[tokens] = p
	return p, nil
}

// begin makes the memory that all programs work on, and fills in the weights
// that a training starts with; divided tells whether gradients are added up. A
// second call does nothing.
func (ps *programs) begin(head *Head, divided bool) {
	if ps.values != nil {
		return
	}
	ps.values, ps.gradients = make([]float32, ps.size), make([]float32, ps.size)
	if divided {
		ps.more = make([]float32, ps.size)
	}
	for range ps.replicas - 1 {
		ps.others = append(ps.others, make([]float32, ps.size))
	}
	for i := range ps.weights {
		w := &ps.weights[i]
		values := w.Values
		switch len(ps.weights) - i {
		case 2:
			values = head.Weight
		case 1:
			values = head.Bias
		}
		w.Pack(ps.values[ps.views[i].from:ps.views[i].to], values)
		w.Values = nil // they are in the flat slice now
	}
}

// emptied returns inputs like some, with memory of their own.
func emptied(like []tensor.View) []tensor.View {
	all := slices.Clone(like)
	for i := range all {
		x := &all[i]
		n := product(x.Shape)
		switch {
		case x.F32 != nil:
			x.F32 = make([]float32, n)
		case x.I64 != nil:
			x.I64 = make([]int64, n)
		default:
			x.I32 = make([]int32, n)
		}
	}
	return all
}

// write writes a batch's rows to inputs. Missing ones are the last one again.
func (ps *programs) write(ctx context.Context, inputs []tensor.View, d *Data, b batch) error {
	rows, views := full(b.rows, ps.n), b.views
	if views != nil {
		views = full(views, ps.n)
	}
	if err := d.Samples.FillTo(ctx, inputs, rows, views); err != nil {
		return fmt.Errorf("retrain: samples: %w", err)
	}
	return nil
}

// full returns a slice of n elements: those of v, the last one repeated.
func full(v []int, n int) []int {
	if len(v) == n {
		return v
	}
	return slices.Concat(v, slices.Repeat(v[len(v)-1:], n-len(v)))
}

// run is what runs at once: a batch for each replica, the first ones if there
// are fewer, and what runs after it, whose rows are filled in meanwhile; of
// none: nothing is.
type run struct{ batches, next []batch }

// alone runs one batch.
func alone(b batch) run { return run{batches: []batch{b}} }

// aim is what a step aims at.
type aim struct {
	smoothing float64 // of the labels
	total     float64 // weight of the rows of the whole batch, whose parts these are
	more      bool    // ps.gradients hold those of its earlier parts
}

// step runs batches of at most n rows forwards and backwards, and returns the
// sum of their losses. The sum of the gradients goes to ps.gradients. The
// logits stay in the replicas until they run again.
func (ps *programs) step(ctx context.Context, d *Data, r run, to aim) (float64, error) {
	all, err := ps.ready(ctx, d, r.batches)
	if err != nil {
		return 0, err
	}
	for i, one := range all {
		if err := ps.open(&one.step, "step", one.program.stepModel, one.program, one.program.outputs); err != nil {
			return 0, err
		}
		d.targetTo(one.target, r.batches[i].rows, ps.classes, to.smoothing, to.total)
	}
	if err := ps.prepare(ctx, d, r.next); err != nil {
		return 0, err
	}
	err = abreast(all, func(one *replica) error {
		if to.more {
			return one.step.Run(ctx, one.feed, one.into[1])
		}
		return one.step.Run(ctx, one.feed, one.into[0])
	})
	if err != nil {
		return 0, err
	}
	loss := 0.0
	for _, one := range all {
		loss += float64(one.loss[0])
	}
	ps.add(len(all), to.more)
	return loss, nil
}

// forwardTo writes the logits of batches of at most n rows to dst, each n·C
// elements behind those of the one before it.
func (ps *programs) forwardTo(ctx context.Context, dst []float32, d *Data, r run) error {
	all, err := ps.ready(ctx, d, r.batches)
	if err != nil {
		return err
	}
	for _, one := range all {
		if err := ps.open(&one.forward, "forward", one.program.forwardModel, one.program, one.program.outputs[:2]); err != nil {
			return err
		}
	}
	if err := ps.prepare(ctx, d, r.next); err != nil {
		return err
	}
	err = abreast(all, func(one *replica) error { return one.forward.Run(ctx, one.feed, one.into[0][:2]) })
	if err != nil {
		return err
	}
	for i, one := range all {
		copy(dst[i*ps.n*ps.classes:], one.logits)
	}
	return nil
}

// Close frees the sessions, once nothing is prepared any more. They are made
// again when they are needed.
func (ps *programs) Close() error {
	if ps.ahead != nil {
		<-ps.ahead.done // which nobody asks for
		ps.ahead = nil
	}
	var errs []error
	for _, p := range ps.made {
		for _, r := range p.replicas {
			if r != nil {
				errs = append(errs, r.close()...)
			}
		}
	}
	return errors.Join(errs...)
}

func product(dims []int64) int64 {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	return n
}
