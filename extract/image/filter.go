package image

import (
	"math"
	"sync"
)

// filter is a resampling kernel.
type filter struct {
	// support is the half-width of the kernel, in source pixels when the image
	// grows. Nearest neighbour has none.
	support float64
	weight  func(x float64) float64
}

// filters are Pillow's (Resample.c). Products that are added are converted
// first, so that no platform fuses them and all get the same bits.
var filters = map[string]filter{
	"nearest":  {},
	"box":      {0.5, box},
	"bilinear": {1, bilinear},
	"hamming":  {1, hamming},
	"bicubic":  {2, bicubic},
	"lanczos":  {3, lanczos},
}

func box(x float64) float64 {
	if x > -0.5 && x <= 0.5 {
		return 1
	}
	return 0
}

func bilinear(x float64) float64 {
	if x = math.Abs(x); x < 1 {
		return 1 - x
	}
	return 0
}

func hamming(x float64) float64 {
	x = math.Abs(x)
	switch {
	case x == 0:
		return 1
	case x >= 1:
		return 0
	}
	x *= math.Pi
	return math.Sin(x) / x * (0.54 + float64(0.46*math.Cos(x)))
}

// bicubic is Keys' cubic convolution with a = −0.5 (R. G. Keys, "Cubic
// convolution interpolation for digital image processing", 1981).
func bicubic(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		t := float64((a+2)*x) - (a + 3)
		return float64(t*x*x) + 1
	case x < 2:
		t := float64((x-5)*x) + 8
		return (float64(t*x) - 4) * a
	}
	return 0
}

func lanczos(x float64) float64 {
	if -3 <= x && x < 3 {
		return sinc(x) * sinc(x/3)
	}
	return 0
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// taps are the weights of one pass: what each output is made of.
type taps struct {
	first []int    // per output: its first input
	end   []int    // per output: where its weights end in weight; they begin where the previous end
	k     []uint64 // weights in fixed point, sign-extended; behind them some zeros for vectors
}

// weights returns those of output i.
func (t *taps) weights(i int) []uint64 {
	begin := 0
	if i > 0 {
		begin = t.end[i-1]
	}
	return t.k[begin:t.end[i]]
}

// beyond is how many weights vectors read behind the last one.
const beyond = 3

// fractionBits is the precision of weights (Resample.c, PRECISION_BITS).
const fractionBits = 32 - 8 - 2

// span returns the range of inputs that the outputs need.
func (t *taps) span() (lo, hi int) {
	last := len(t.first) - 1
	n := t.end[last]
	if last > 0 {
		n -= t.end[last-1]
	}
	return t.first[0], t.first[last] + n
}

// newTaps returns the weights of the outputs lo to hi of a pass that brings in
// pixels to out pixels.
func newTaps(f filter, in, out, lo, hi int) *taps {
	if f.weight == nil {
		return nearestTaps(in, out, lo, hi)
	}
	// Resample.c, precompute_coeffs and normalize_coeffs_8bpc.
	scale := float64(in) / float64(out)
	wide := max(scale, 1)
	support := float64(f.support * wide)
	t := &taps{first: make([]int, hi-lo), end: make([]int, hi-lo)}
	w := make([]float64, 0, 2*int(math.Ceil(support))+1)
	t.k = make([]uint64, 0, (hi-lo)*cap(w))
	for i := lo; i < hi; i++ {
		center := float64((float64(i) + 0.5) * scale)
		first := max(int(center-support+0.5), 0)
		end := min(int(center+support+0.5), in)
		w = w[:0]
		sum := 0.0
		for x := first; x < end; x++ {
			v := f.weight((float64(x) - center + 0.5) * (1 / wide))
			w = append(w, v)
			sum += v
		}
		for _, v := range w {
			if sum != 0 {
				v /= sum
			}
			v = float64(v * (1 << fractionBits))
			if v < 0 {
				v -= 0.5
			} else {
				v += 0.5
			}
			t.k = append(t.k, uint64(int64(v)))
		}
		t.first[i-lo] = first
		t.end[i-lo] = len(t.k)
	}
	t.k = append(t.k, make([]uint64, beyond)...)
	return t
}

// nearestTaps are weights of one. The position is accumulated, not multiplied,
// as in Pillow (Geometry.c, ImagingScaleAffine).
func nearestTaps(in, out, lo, hi int) *taps {
	scale := float64(in) / float64(out)
	t := &taps{first: make([]int, hi-lo), end: make([]int, hi-lo), k: make([]uint64, hi-lo+beyond)}
	at := float64(scale * 0.5)
	for i := 0; i < hi; i++ {
		if i >= lo {
			t.first[i-lo] = min(int(at), in-1)
			t.end[i-lo] = i - lo + 1
			t.k[i-lo] = 1 << fractionBits
		}
		at += scale
	}
	return t
}

// tapCache keeps the weights of the sizes that were seen last. Its zero value
// is ready for use.
type tapCache[T any] struct {
	mu sync.RWMutex
	m  map[pass]*T
}

// pass is a pass of one preprocessor's filter: from in to out pixels, of which
// lo to hi are wanted.
type pass struct{ in, out, lo, hi int }

// maxTaps bounds the number of entries of a tapCache. It is emptied when full.
const maxTaps = 256

// of returns the weights of a pass, which newTaps makes if they are not kept.
func (c *tapCache[T]) of(p pass, newTaps func(p pass) *T) *T {
	c.mu.RLock()
	t := c.m[p]
	c.mu.RUnlock()
	if t != nil {
		return t
	}
	t = newTaps(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= maxTaps {
		c.m = make(map[pass]*T)
	}
	c.m[p] = t
	return t
}
