package simd

import "sync/atomic"

// Instructions is a set of vector instructions. A larger one has all that a
// smaller one has.
type Instructions int32

const (
	// Portable is Go without vectors of ours.
	Portable Instructions = iota
	// AVX2 is 256 bits wide, with fused multiply-add, conversions from and to
	// float16, and BMI1.
	AVX2
	// AVX512 is 512 bits wide, with masks: F, BW, DQ and VL.
	AVX512
)

func (i Instructions) String() string {
	switch i {
	case AVX2:
		return "AVX2"
	case AVX512:
		return "AVX-512"
	default:
		return "portable"
	}
}

// active is what is used at the moment.
var active atomic.Int32

func init() { active.Store(int32(Most())) }

// Active returns the instructions that are used.
func Active() Instructions { return Instructions(active.Load()) }

// Limit lets no larger set than limit be used until restore is called, in all
// of the program. It is there for tests and comparisons.
func Limit(limit Instructions) (restore func()) {
	before := active.Swap(int32(min(max(limit, Portable), Most())))
	return func() { active.Store(before) }
}
