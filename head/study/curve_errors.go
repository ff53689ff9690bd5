package study

import "fmt"

// NoSamplesError says that a point of a curve has no training samples.
type NoSamplesError struct{ Index, N int } // Index counts points from 0

func (e *NoSamplesError) Error() string {
	return fmt.Sprintf("point %d of the learning curve was measured with %d training samples, and at least 1 is needed", e.Index+1, e.N)
}

// RangeError says that an error is none: not a number from 0 to 1.
type RangeError struct {
	Index, N int // Index counts points from 0
	Value    float64
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("the error of point %d of the learning curve, at %d training samples, is %v, and has to be a share from 0 to 1", e.Index+1, e.N, e.Value)
}

// TwiceError says that two points have the same number of training samples and
// the same seed.
type TwiceError struct {
	N    int
	Seed uint64
}

func (e *TwiceError) Error() string {
	return fmt.Sprintf("the learning curve has two points of %d training samples and seed %d; what was measured again has another seed", e.N, e.Seed)
}

// ShortError says that there are fewer than FewestSizes different numbers of
// training samples.
type ShortError struct{ Sizes int }

func (e *ShortError) Error() string {
	return fmt.Sprintf("the learning curve has %s, and %d are needed to extrapolate it; measure at more numbers of training samples, such as half and a quarter of the largest", counted(e.Sizes, "size", "sizes"), FewestSizes)
}

// NarrowError says that the sizes of a curve are too close together.
type NarrowError struct{ Smallest, Largest int }

func (e *NarrowError) Error() string {
	return fmt.Sprintf("the learning curve runs from %d to %d training samples, and the largest size has to be at least %v times the smallest to extrapolate it; measure at %d or fewer", e.Smallest, e.Largest, LeastSpan, int(float64(e.Largest)/LeastSpan))
}

// FarError says that a curve was to be extrapolated to where it was measured,
// or to more than Farthest times its largest size.
type FarError struct{ N, Largest int }

func (e *FarError) Error() string {
	if e.N <= e.Largest {
		return fmt.Sprintf("%d training samples are no more than the %d of the largest size of the learning curve, so there is nothing to extrapolate; ask for more", e.N, e.Largest)
	}
	return fmt.Sprintf("%d training samples are more than %d times the %d of the largest size of the learning curve, and nothing is known of intervals so far out; ask for %d at most", e.N, Farthest, e.Largest, Farthest*e.Largest)
}

// counted is a number with its noun.
func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
