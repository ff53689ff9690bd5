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

// estimate returns about how many bytes a training takes in which all sessions
// are open. It stops early where they are more than limit, if that is not 0.
func (ps *programs) estimate(b *batches, limit int64) (int64, error) {
	var rows []int
	for _, part := range b.data.Parts {
		rows = append(rows, part...)
	}
	step := make(map[int]bool)
	for _, tokens := range b.buckets(b.train) {
		step[tokens] = true
	}
	sum := int64(0)
	buckets := b.buckets(rows)
	for i := range buckets {
		tokens := buckets[len(buckets)-1-i] // the longest first
		p, err := ps.at(tokens)
		if err != nil {
			return 0, err
		}
		if i == 0 {
			flat := int64(5) // weights, gradients, m, v, best
			if ps.n < b.size {
				flat++
			}
			sum += flat * 4 * int64(ps.size)
		}
		sum += p.forwardMemory + p.inputBytes()
		if ps.threads > 1 { // what is prepared
			sum += p.inputBytes()
		}
		if step[tokens] {
			sum += p.stepMemory
		}
		if limit > 0 && sum > limit {
			break
		}
	}
	return sum, nil
}

// fit returns programs of the plain layout for the most samples a run, at most
// most, that fit in memory: a batch, or a half, a quarter … of one, rounded up.
func fit(l *runtime.Library, net *Network, b *batches, classes int, s *Settings, most int) (*programs, int64, error) {
	for n := b.size; ; n = (n + 1) / 2 {
		if n <= most {
			ps := newPrograms(l, net, classes, s.Threads, n, 0)
			sum, err := ps.estimate(b, s.Memory)
			if err != nil {
				return nil, 0, err
			}
			if sum <= s.Memory {
				return ps, sum, nil
			}
		}
		if n == 1 {
			break
		}
	}
	e := &MemoryError{Limit: s.Memory}
	var err error
	if e.Estimate, err = newPrograms(l, net, classes, s.Threads, b.size, 0).estimate(b, 0); err != nil {
		return nil, 0, err
	}
	if e.Smallest, err = newPrograms(l, net, classes, s.Threads, 1, 0).estimate(b, 0); err != nil {
		return nil, 0, err
	}
	return nil, 0, e
}
