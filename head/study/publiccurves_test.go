package study

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/stat"
)

// public is one outer split of a data set with a learner: a curve and, further
// on, what became of it.
type public struct {
	set, learner, split string
	points              []Measured
}

// readPublic reads the file that bench/lcdb.py writes.
func readPublic(r io.Reader) ([]*public, error) {
	c := csv.NewReader(r)
	c.ReuseRecord = true
	if _, err := c.Read(); err != nil {
		return nil, err
	}
	var all []*public
	of := map[[3]string]*public{}
	for {
		row, err := c.Read()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		key := [3]string{row[0], row[1], row[2]}
		p := of[key]
		if p == nil {
			p = &public{set: string([]byte(row[0])), learner: string([]byte(row[1])), split: string([]byte(row[2]))}
			of[[3]string{p.set, p.learner, p.split}] = p
			all = append(all, p)
		}
		n, err := strconv.Atoi(row[3])
		if err != nil {
			return nil, err
		}
		seed, err := strconv.ParseUint(row[4], 10, 64)
		if err != nil {
			return nil, err
		}
		e, err := strconv.ParseFloat(row[5], 64)
		if err != nil {
			return nil, err
		}
		p.points = append(p.points, Measured{n, seed, e})
	}
}

// asked is a curve cut off where an f-th of its samples are left, and what was
// measured with all of them.
type asked struct {
	*public
	f        float64
	n        int     // all of the samples
	truth    float64 // the error measured there
	last     float64 // the error measured at the largest size that was kept
	e        *Extrapolation
	ratio    float64
	level    float64 // the error that is expected
	features []float64
}

// fewestAnchors is how many sizes a public curve has to have that is asked
// about.
const fewestAnchors = 6

// ask cuts curves off at each f.
func ask(t testing.TB, all []*public, fs []float64, thin func(Measured) bool) (out []*asked) {
	for _, p := range all {
		most := 0
		for _, m := range p.points {
			most = max(most, m.N)
		}
		truth, k := 0.0, 0
		for _, m := range p.points {
			if m.N == most {
				truth, k = truth+m.Error, k+1
			}
		}
		for _, f := range fs {
			var kept []Measured
			sizes := map[int]bool{}
			for _, m := range p.points {
				if float64(m.N) <= float64(most)/f {
					sizes[m.N] = true
					if thin == nil || thin(m) {
						kept = append(kept, m)
					}
				}
			}
			if len(sizes) < fewestAnchors {
				continue
			}
			a := &asked{public: p, f: f, n: most, truth: truth / float64(k)}
			var err error
			if a.e, err = extrapolated(kept); err != nil {
				t.Fatalf("%s %s %s: %v", p.set, p.learner, p.split, err)
			}
			a.last = a.e.curve.last().mean
			a.ratio = float64(a.n) / float64(a.e.Largest)
			a.level = a.e.At(a.n)
			a.features = a.e.traits.at(a.level, a.ratio)
			out = append(out, a)
		}
	}
	return out
}

// fitSpread fits a spread to what is left of extrapolations: the scale by the
// likelihood of Laplace's distribution, then quantiles by distance.
func fitSpread(t testing.TB, cases []*asked, left func(*asked) float64) spread {
	d := len(cases[0].features)
	r := make([]float64, len(cases))
	for i, a := range cases {
		r[i] = math.Abs(left(a))
	}
	value := func(b, grad []float64) float64 {
		clear(grad)
		sum, k := 0.0, 1/float64(len(cases))
		for i, a := range cases {
			l := 0.0
			for j, v := range a.features {
				l += float64(b[j] * v)
			}
			q := r[i] * math.Exp(-l)
			sum += float64(k * (l + q))
			for j, v := range a.features {
				if grad != nil {
					grad[j] += float64(k * v * (1 - q))
				}
			}
		}
		return sum
	}
	p := optimize.Problem{
		Func: func(b []float64) float64 { return value(b, make([]float64, d)) },
		Grad: func(grad, b []float64) { value(b, grad) },
	}
	res, err := optimize.Minimize(p, make([]float64, d), &optimize.Settings{GradientThreshold: 1e-9, FuncEvaluations: 2000}, &optimize.BFGS{})
	if err != nil && res == nil {
		t.Fatal(err)
	}
	s := spread{}
	for _, b := range res.X {
		s.Scale = append(s.Scale, round(b))
	}
	by := map[float64][]*asked{}
	for _, a := range cases {
		by[a.f] = append(by[a.f], a)
	}
	for _, of := range by {
		var z, ratios []float64
		for _, a := range of {
			z = append(z, left(a)/s.scale(a.features))
			ratios = append(ratios, a.ratio)
		}
		slices.Sort(z)
		slices.Sort(ratios)
		q := far{Ratio: round(stat.Quantile(0.5, stat.Empirical, ratios, nil))}
		for _, p := range levels {
			q.Z = append(q.Z, round(stat.Quantile(p, stat.LinInterp, z, nil)))
		}
		for i := 1; i < len(q.Z); i++ { // rising, so that they can be searched
			q.Z[i] = max(q.Z[i], q.Z[i-1]+1e-6)
		}
		s.Far = append(s.Far, q)
	}
	slices.SortFunc(s.Far, func(a, b far) int { return cmp.Compare(a.Ratio, b.Ratio) })
	return s
}

// round keeps six decimals.
func round(x float64) float64 { return math.Round(x*1e6) / 1e6 }

func leftOfError(a *asked) float64 { return a.truth - a.level }
func leftOfGain(a *asked) float64  { return (a.last - a.truth) - (a.e.Now - a.level) }

func fitSpreads(t testing.TB, cases []*asked) spreads {
	sets, curves := map[string]bool{}, map[*public]bool{}
	for _, a := range cases {
		sets[a.set], curves[a.public] = true, true
	}
	return spreads{len(curves), len(sets), fitSpread(t, cases, leftOfError), fitSpread(t, cases, leftOfGain)}
}

// halfOf returns which half a data set is in, by its number. What was chosen by
// trial (strayed, strayedMore, the features of traits.at) was chosen on half 0.
func halfOf(t testing.TB, set string) int {
	id, err := strconv.ParseUint(set, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return int(id * 2654435761 >> 7 & 1)
}

// steps are how many times more samples the constants are fitted for.
var steps = []float64{math.Sqrt2, 2, 2 * math.Sqrt2, 4, 4 * math.Sqrt2, 8, 8 * math.Sqrt2, 16}

// TestPublicCurves prints how well public curves are extrapolated, with
// constants that were fitted on other data sets, and writes the constants of
// all to spread.json (make bench-study). HEADSTART_CURVES is what bench/lcdb.py
// writes.
func TestPublicCurves(t *testing.T) {
	path := os.Getenv("HEADSTART_CURVES")
	if path == "" {
		t.Skip("make bench-study runs this: it takes curves that are not in the checkout")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := readPublic(f)
	if err != nil {
		t.Fatal(err)
	}
	cases := ask(t, all, steps, nil)
	var of [2][]*asked
	for _, a := range cases {
		h := halfOf(t, a.set)
		of[h] = append(of[h], a)
	}
	crossed := [2]spreads{fitSpreads(t, of[1]), fitSpreads(t, of[0])} // constants for each half
	for _, f := range []float64{2, 4, 8} {
		var err, naive, in80, in95, wide, n float64
		var widths []float64
		for h := range of {
			for _, a := range of[h] {
				if a.f != f {
					continue
				}
				s := crossed[h].Error
				scale, z := s.scale(a.features), s.at(a.ratio)
				lo, hi := a.level+scale*z.quantile(0.1), a.level+scale*z.quantile(0.9)
				lo, hi = max(0, lo), min(1, hi)
				l95, h95 := max(0, a.level+scale*z.quantile(0.025)), min(1, a.level+scale*z.quantile(0.975))
				n++
				err += math.Abs(a.truth - a.level)
				naive += math.Abs(a.truth - a.last)
				if a.truth >= lo && a.truth <= hi {
					in80++
				}
				if a.truth >= l95 && a.truth <= h95 {
					in95++
				}
				widths = append(widths, hi-lo)
			}
		}
		slices.Sort(widths)
		wide = stat.Quantile(0.5, stat.Empirical, widths, nil)
		fmt.Printf("×%g: %.0f curves; mean absolute error %.2f points (last point %.2f); 80%% intervals hold %.1f%%, median width %.2f points; 95%% hold %.1f%%\n",
			f, n, 100*err/n, 100*naive/n, 100*in80/n, 100*wide, 100*in95/n)
	}
	for _, sure := range []float64{0.5, 0.7, 0.75, 0.8} {
		var right, answered, yes, n float64
		for h := range of {
			for _, a := range of[h] {
				if a.f != 2 {
					continue
				}
				s := crossed[h].Gain
				g := Gain{Value: a.e.Now - a.level, scale: s.scale(a.features), known: s.at(a.ratio)}
				p, truth := g.AtLeast(0.01), a.last-a.truth >= 0.01
				n++
				if truth {
					yes++
				}
				if p >= sure || p <= 1-sure {
					answered++
					if (p >= 0.5) == truth {
						right++
					}
				}
			}
		}
		fmt.Printf("does doubling bring a point, where %.0f%% sure: right in %.1f%% of the answered, can't tell %.1f%% (always no: %.1f%%)\n", 100*sure, 100*right/answered, 100*(1-answered/n), 100*(1-yes/n))
	}
	shapes := map[Shape]float64{}
	n := 0.0
	for _, a := range cases {
		if a.f == 2 {
			shapes[a.e.Shape]++
			n++
		}
	}
	for _, s := range []Shape{Falling, Flat, Rising, Dipping, Peaking, Stepping} {
		fmt.Printf("%s: %.1f%%\n", s, 100*shapes[s]/n)
	}
	fitted := fitSpreads(t, cases)
	if os.Getenv("HEADSTART_WRITE") != "" {
		b, err := json.MarshalIndent(fitted, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("spread.json", append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
