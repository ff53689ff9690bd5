package source

import (
	"context"
	"math"
	"sync/atomic"
)

// unknown stands for a number of samples that is not known.
const unknown = -1

// state is how far the reading of a part has come. Next writes it; Total reads
// it beside Next.
type state struct {
	samples atomic.Int64 // so far
	share   atomic.Int64 // bytes of the part's stream so far, as they are stored
	whole   atomic.Int64 // samples in all; unknown until they are counted or the part is at its end
}

// note says that so many samples were read.
func (p *part) note(samples int) {
	p.state.samples.Store(int64(samples))
	if p.stream != nil {
		p.state.share.Store(p.stream.share())
	}
}

// Total returns how many samples the source has. It reads nothing that Next
// reads: folders that Next has not listed yet are listed, which Next then need
// not do again; of tables and lines the number is told from the share of their
// bytes that Next has read, and exact is false as long as the end has not been
// reached. n is -1 where there is nothing to tell it from: at the beginning, of
// a pipe, or of folders if ctx ends. It may be called beside Next.
func (s *Source) Total(ctx context.Context) (n int, exact bool) {
	exact = true
	whole := 0                    // samples of which the number is known
	samples, bytes := 0, int64(0) // of all streams so far
	rest := int64(0)              // bytes of them that are still to come
	for _, p := range s.parts {
		size, k := int64(unknown), p.whole(ctx)
		switch {
		case p.late != nil:
			size = p.size
		case p.stream != nil:
			size = p.stream.size
		}
		switch {
		case k != unknown:
			whole += k
			if size >= 0 {
				samples, bytes = samples+k, bytes+size
			}
		case size < 0:
			return unknown, false
		default:
			exact = false
			read, so := min(p.state.share.Load(), size), int(p.state.samples.Load())
			whole, samples, bytes, rest = whole+so, samples+so, bytes+read, rest+size-read
		}
	}
	if exact {
		return whole, true
	}
	if samples == 0 || bytes == 0 {
		return unknown, false
	}
	return whole + int(math.Round(float64(samples)/float64(bytes)*float64(rest))), false
}

// whole returns how many samples p has, or unknown.
func (p *part) whole(ctx context.Context) int {
	if n := p.state.whole.Load(); n != unknown {
		return int(n)
	}
	if p.late != nil { // Next may be opening it
		return unknown
	}
	n := p.count(ctx)
	if n != unknown {
		p.state.whole.CompareAndSwap(unknown, int64(n))
	}
	return n
}
