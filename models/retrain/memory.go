package retrain

import (
	"github.com/headstart-ml/headstart/models/onnx"
	"github.com/headstart-ml/headstart/models/onnx/grad"
	"github.com/headstart-ml/headstart/models/runtime"
)

// forwardMemory estimates the bytes of what a forward pass holds at once beside
// its inputs and the weights.
func forwardMemory(p *grad.Program, g *onnx.Graph) int64 {
	nodes := p.Forward.GetGraph().GetNode()
	bytes := func(name string) int64 {
		if dims, ok := g.Shapes[name]; ok && name != "" {
			return 4 * product(dims)
		}
		return 0 // what was made for the head is small
	}
	last := make(map[string]int) // the last node that reads a tensor
	for i, n := range nodes {
		for _, in := range n.GetInput() {
			last[in] = i
		}
	}
	live, most := int64(0), int64(0)
	made := make(map[string]bool)
	for i, n := range nodes {
		for _, out := range n.GetOutput() {
			live += bytes(out)
			made[out] = true
		}
		most = max(most, live)
		for _, in := range n.GetInput() {
			if last[in] == i && made[in] {
				live -= bytes(in)
				made[in] = false
			}
		}
	}
	return most
}

// inputBytes returns the size of what a program is fed of the samples.
func (p *program) inputBytes() int64 {
	n := int64(0)
	for _, x := range p.samples {
		size := int64(4)
		if x.I64 != nil {
			size = 8
		}
		n += size * product(x.Shape)
	}
	return n
}

// divided tells whether a batch of so many samples has more runs than there are
// replicas.
func (f *form) divided(size int) bool { return (size+f.n-1)/f.n > f.replicas }

// demand is about how many bytes a training takes.
type demand struct {
	all     int64
	replica int64 // each replica's own share of it
}

// estimate returns about how many bytes a training takes in which all sessions
// are open. It stops early where they are more than limit, if that is not 0.
func (ps *programs) estimate(b *batches, limit int64) (*demand, error) {
	var rows []int
	for _, part := range b.data.Parts {
		rows = append(rows, part...)
	}
	step := make(map[int]bool)
	for _, tokens := range b.buckets(b.train) {
		step[tokens] = true
	}
	shared, own := int64(0), int64(0)
	sum := func() *demand { return &demand{shared + int64(ps.replicas)*own, own} }
	buckets := b.buckets(rows)
	for i := range buckets {
		tokens := buckets[len(buckets)-1-i] // the longest first
		p, err := ps.at(tokens)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			flat := int64(4) // weights, m, v, best
			if ps.divided(b.size) {
				flat++
			}
			shared += flat * 4 * int64(ps.size)
			own += 4 * int64(ps.size) // gradients
		}
		own += p.forwardMemory + p.inputBytes()
		if ps.threads*ps.replicas > 1 { // what is prepared
			own += p.inputBytes()
		}
		if step[tokens] {
			own += p.stepMemory
		}
		if limit > 0 && sum().all > limit {
			break
		}
	}
	return sum(), nil
}

// fit returns programs of the plain layout for the most samples a run, at most
// most, that fit in memory: a replica's share of a batch, or a half, a quarter
// … of it, rounded up.
func fit(l *runtime.Library, net *Network, b *batches, classes int, s *Settings, most int) (*programs, *demand, error) {
	with := func(n int) *programs {
		return newPrograms(l, net, form{classes: classes, n: n, replicas: s.Replicas, threads: s.Threads / s.Replicas})
	}
	whole := (b.size + s.Replicas - 1) / s.Replicas
	for n := whole; ; n = (n + 1) / 2 {
		if n <= most {
			ps := with(n)
			sum, err := ps.estimate(b, s.Memory)
			if err != nil {
				return nil, nil, err
			}
			if sum.all <= s.Memory {
				return ps, sum, nil
			}
		}
		if n == 1 {
			break
		}
	}
	largest, err := with(whole).estimate(b, 0)
	if err != nil {
		return nil, nil, err
	}
	smallest, err := with(1).estimate(b, 0)
	if err != nil {
		return nil, nil, err
	}
	return nil, nil, &MemoryError{Estimate: largest.all, Smallest: smallest.all, Limit: s.Memory, Replicas: s.Replicas}
}
