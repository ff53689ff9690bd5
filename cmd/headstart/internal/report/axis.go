package report

import (
	"cmp"
	"math"
	"strconv"
	"strings"
)

// axis maps values lo … hi to coordinates from … to of a drawing, by their
// logarithm if log is set.
type axis struct {
	lo, hi   float64
	from, to float64
	log      bool
}

// at returns the coordinate of v.
func (a *axis) at(v float64) float64 {
	lo, hi := a.lo, a.hi
	if a.log {
		lo, hi, v = math.Log10(lo), math.Log10(hi), math.Log10(v)
	}
	return a.from + float64((v-lo)/(hi-lo)*(a.to-a.from))
}

// tick is a labelled place on an axis.
type tick struct{ At, Text string }

// ticks returns at most about n places with round values.
func (a *axis) ticks(n int) []tick {
	if a.log {
		return a.decades(n)
	}
	// Steps of 1, 2 or 5 times a power of ten, the smallest that gives few
	// enough.
	step := math.Pow(10, math.Floor(math.Log10((a.hi-a.lo)/float64(n))))
	for _, m := range []float64{1, 2, 5, 10} {
		if (a.hi-a.lo)/float64(m*step) <= float64(n) {
			step = float64(m * step)
			break
		}
	}
	digits := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	var all []tick
	for k := math.Ceil(a.lo/step - 1e-9); float64(k*step) <= a.hi+float64(1e-9*step); k++ {
		v := float64(k * step)
		all = append(all, tick{pixels(a.at(v)), strconv.FormatFloat(v+0, 'f', digits, 64)})
	}
	return all
}

// decades returns powers of ten, every one or every second, third, … of them.
func (a *axis) decades(n int) []tick {
	lo, hi := int(math.Ceil(math.Log10(a.lo)-1e-9)), int(math.Floor(math.Log10(a.hi)+1e-9))
	if lo > hi { // no power of ten between them
		return []tick{{pixels(a.at(a.lo)), strength(a.lo)}, {pixels(a.at(a.hi)), strength(a.hi)}}
	}
	step := (hi-lo)/n + 1
	var all []tick
	for k := lo; k <= hi; k += step {
		all = append(all, tick{pixels(a.at(math.Pow(10, float64(k)))), power(k)})
	}
	return all
}

// power writes 10ᵏ.
func power(k int) string {
	if k == 0 || k == 1 {
		return strconv.Itoa(9*k + 1)
	}
	raised := strings.NewReplacer("-", "⁻", "0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴", "5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹")
	return "10" + raised.Replace(strconv.Itoa(k))
}

// frame is the part of a drawing that its axes make.
type frame struct {
	ID, Title, Desc          string
	Width, Height            int
	Left, Right, Top, Bottom int // edges of the plot
	X, Y                     []tick
	TicksY                   int // where the labels of X stand; 0: at Bottom
	XLabel, YLabel           string
}

// LabelsY is where the labels of X stand.
func (f *frame) LabelsY() int { return cmp.Or(f.TicksY, f.Bottom) }

// PlotWidth is the width of the plot.
func (f *frame) PlotWidth() int { return f.Right - f.Left }

// MiddleX and MiddleY are where the labels of the axes stand.
func (f *frame) MiddleX() int { return (f.Left + f.Right) / 2 }

// MiddleY see MiddleX.
func (f *frame) MiddleY() int { return (f.Top + f.Bottom) / 2 }

// point is a place in a drawing, with what is said of it.
type point struct{ X, Y, R, Text string }

// path joins coordinates, x and y in turns, to the points of a line.
func path(xy ...float64) string {
	var b strings.Builder
	for i, v := range xy {
		if i > 0 {
			b.WriteByte(" ,"[i%2])
		}
		b.WriteString(pixels(v))
	}
	return b.String()
}
