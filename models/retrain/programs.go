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

// programs are the graphs of one training, one for each number of tokens. All
// of them work on the same memory.
type programs struct {
	library *runtime.Library
	net     *Network
	classes int
	threads int
	n       int   // samples of a run
	block   int64 // 0: the plain layout

	weights []weight // those of each program
	views   []view   // where they stand in the flat slices
	size    int      // of these
	made    map[int]*program

	// values are the weights, gradients what a step writes, more where it
	// writes what is then added to the gradients; nil if no batch is divided.
	values, gradients, more []float32

	ahead  *ahead // nil: no batch is prepared
	inTurn bool   // none is, ever
}

// program is the graph for one number of tokens. Its sessions and its memory
// are made when they are needed.
type program struct {
	step, forward           *runtime.Session
	stepModel, forwardModel []byte
	names                   []string // inputs of both: samples, target, weights
	outputs                 []string // of a step: loss, logits, gradients; the first two are those of forward
	samples                 []tensor.View
	spare                   []tensor.View // inputs of the batch that is prepared; nil: none was
	target                  []float32
	feed                    []tensor.View
	loss, logits            []float32
	into                    [2][]tensor.View // outputs with gradients in gradients, and in more

	convolves                 bool                      // somewhere behind the cut
	cost                      func(block int64) float64 // of a step, see grad.Program.Cost
	stepMemory, forwardMemory int64
}

func newPrograms(l *runtime.Library, net *Network, classes, threads, n int, block int64) *programs {
	return &programs{library: l, net: net, classes: classes, threads: threads, n: n, block: block, made: make(map[int]*program)}
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
	p := &program{names: built.InputNames(), outputs: built.OutputNames()}
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
		switch in.Type { // the memory comes with the first session; here stands of which type it is
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

// memory makes a program's own memory.
func (ps *programs) memory(p *program) {
	if p.feed != nil {
		return
	}
	p.samples = emptied(p.samples)
	p.feed = make([]tensor.View, len(p.samples))
	p.bind()
	rows := []int64{int64(ps.n), int64(ps.classes)}
	p.target, p.loss, p.logits = make([]float32, product(rows)), make([]float32, 1), make([]float32, product(rows))
	p.feed = append(p.feed, tensor.View{Shape: rows, F32: p.target})
	for k, to := range [][]float32{ps.gradients, ps.more} {
		p.into[k] = []tensor.View{{Shape: []int64{1}, F32: p.loss}, {Shape: rows, F32: p.logits}}
		for i, v := range ps.views {
			if to != nil {
				p.into[k] = append(p.into[k], tensor.View{Shape: ps.weights[i].Dims, F32: to[v.from:v.to]})
			}
		}
	}
	for i, v := range ps.views {
		p.feed = append(p.feed, tensor.View{Shape: ps.weights[i].Dims, F32: ps.values[v.from:v.to]})
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

// bind makes p.samples what is fed.
func (p *program) bind() {
	for i, x := range p.samples {
		p.feed[i] = tensor.View{Shape: x.Shape, F32: x.F32, I64: x.I64, I32: x.I32}
	}
}

// fill makes a batch's rows the inputs of a program: those that were prepared,
// or else it writes them.
func (ps *programs) fill(ctx context.Context, p *program, d *Data, b batch) error {
	ps.memory(p)
	if taken, err := ps.taken(p, b); taken {
		return err
	}
	return ps.write(ctx, p.samples, d, b)
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

// run is a batch that runs, and the one after it, whose rows are filled in
// meanwhile; of no rows: none is.
type run struct{ batch, next batch }

// step runs a batch of at most n rows forwards and backwards. Its rows' targets
// are divided by total. The gradients go to ps.gradients, or with more to
// ps.more. The logits stay in the program until it runs again.
func (ps *programs) step(ctx context.Context, d *Data, r run, smoothing, total float64, more bool) (float64, *program, error) {
	b := r.batch
	p, err := ps.at(b.tokens)
	if err != nil {
		return 0, nil, err
	}
	if p.step == nil {
		p.step, err = ps.library.NewSession(p.stepModel, &runtime.Options{Name: "step", Inputs: p.names, Outputs: p.outputs, Threads: ps.threads})
		if err != nil {
			return 0, nil, fmt.Errorf("retrain: %w", err)
		}
	}
	if err := ps.fill(ctx, p, d, b); err != nil {
		return 0, nil, err
	}
	d.targetTo(p.target, b.rows, ps.classes, smoothing, total)
	out := p.into[0]
	if more {
		out = p.into[1]
	}
	if err := ps.prepare(ctx, d, r.next); err != nil {
		return 0, nil, err
	}
	if err := p.step.Run(ctx, p.feed, out); err != nil {
		return 0, nil, fmt.Errorf("retrain: %w", err)
	}
	return float64(p.loss[0]), p, nil
}

// forwardTo writes the logits of a batch of at most n rows to dst.
func (ps *programs) forwardTo(ctx context.Context, dst []float32, d *Data, r run) error {
	b := r.batch
	p, err := ps.at(b.tokens)
	if err != nil {
		return err
	}
	if p.forward == nil {
		p.forward, err = ps.library.NewSession(p.forwardModel, &runtime.Options{Name: "forward", Inputs: p.names, Outputs: p.outputs[:2], Threads: ps.threads})
		if err != nil {
			return fmt.Errorf("retrain: %w", err)
		}
	}
	if err := ps.fill(ctx, p, d, b); err != nil {
		return err
	}
	if err := ps.prepare(ctx, d, r.next); err != nil {
		return err
	}
	if err := p.forward.Run(ctx, p.feed, p.into[0][:2]); err != nil {
		return fmt.Errorf("retrain: %w", err)
	}
	copy(dst, p.logits)
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
		for _, s := range []**runtime.Session{&p.step, &p.forward} {
			if *s != nil {
				errs = append(errs, (*s).Close())
				*s = nil
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
