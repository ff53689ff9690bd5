package grad

import (
	"slices"

	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// work is how much a step does, by kinds that each take a time of their own.
type work [kinds]float64

const (
	convFlops      = iota // of convolutions over all channels
	tapBytes              // that these copy first, where a kernel has more than one tap
	groupFlops            // of convolutions in groups
	groups                // of these: each is a call of its own
	transposeFlops        // of transposed convolutions
	blockFlops            // of convolutions in blocks
	productFlops          // of MatMul, Gemm and Einsum
	movedBytes            // read and written
	shuffledBytes         // by Concat, Gather and Transpose
	calls                 // of nodes
	kinds
)

// rates are how many nanoseconds a unit of each kind takes on one thread, by
// how many channels a block has, which tells how wide the processor's vectors
// are. BenchmarkLayouts fitted those of 16 (AMD EPYC with AVX-512, ONNX Runtime
// 1.32). Those of 8 are derived from them, not measured: with vectors half as
// wide, arithmetic takes twice as long, and memory as long.
var rates = map[int64]work{
	8:  {0.036, 0.052, 0.080, 650, 0.090, 0.021, 0.023, 0.0124, 0.196, 850},
	16: {0.018, 0.052, 0.040, 650, 0.045, 0.0106, 0.0117, 0.0124, 0.196, 850},
}

// Cost returns about how many seconds a run of Step takes on one thread of the
// processor that the rule was fitted on. It depends on operators and shapes
// alone, so the same program costs the same everywhere and at any load: it is
// for choosing between two programs. block is how many channels a block of the
// runtime has on this machine, see BlockProbe, also where the program itself is
// in the plain layout; 8 counts for a number that the rule does not know.
func (p *Program) Cost(block int64) float64 {
	r, ok := rates[block]
	if !ok {
		r = rates[8]
	}
	return p.work.cost(r)
}

// cost returns the seconds that the work takes at some rates.
func (w work) cost(rates work) float64 {
	ns := 0.0
	for k, n := range w {
		ns += float64(n * rates[k]) // rounded, so that no processor fuses it with the sum
	}
	return ns / 1e9
}

// workOf counts what a model does.
func (b *builder) workOf(m *pb.ModelProto) work {
	var w work
	volume := func(name string) float64 { return float64(product(b.shapes[name])) }
	for _, p := range m.GetGraph().GetNode() {
		n := &node{NodeProto: p, in: p.GetInput(), out: p.GetOutput()}
		w[calls]++
		for _, name := range slices.Concat(n.in, n.out) {
			if name == "" {
				continue
			}
			switch n.GetOpType() {
			case "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Dropout", "ConstantOfShape":
				// views, and what is made when the session is loaded
			case "Concat", "Gather", "Transpose":
				w[shuffledBytes] += 4 * volume(name)
			default:
				w[movedBytes] += 4 * volume(name)
			}
		}
		switch n.GetOpType() {
		case "Conv", "ConvTranspose":
			b.convWork(n, &w)
		case "Einsum":
			w[productFlops] += b.einsumFlops(n)
		case "MatMul", "Gemm":
			s := b.shapes[n.in[0]]
			inner := s[len(s)-1]
			if n.GetOpType() == "Gemm" && n.int("transA", 0) != 0 {
				inner = s[0]
			}
			w[productFlops] += 2 * volume(n.out[0]) * float64(inner)
		}
	}
	return w
}

// convWork adds the arithmetic of a convolution. A filter is [K, C/group,
// taps], of a transposed one [C, K/group, taps]: each output, or each input of
// a transposed one, meets the elements of all dimensions but the first.
func (b *builder) convWork(n *node, w *work) {
	x, filter := b.shapes[n.in[0]], b.shapes[n.in[1]]
	group := n.int("group", 1)
	meets := float64(product(filter[1:]))
	out := float64(product(b.shapes[n.out[0]]))
	switch {
	case n.GetDomain() == nchwc:
		w[blockFlops] += 2 * out * meets
	case n.GetOpType() == "ConvTranspose":
		w[transposeFlops] += 2 * float64(product(x)) * meets
	case group > 1:
		w[groupFlops] += 2 * out * meets
		w[groups] += float64(x[0] * group)
	default:
		w[convFlops] += 2 * out * meets
		if product(filter[2:]) > 1 {
			w[tapBytes] += 4 * out / float64(filter[0]) * meets
		}
	}
}
