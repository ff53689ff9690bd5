package study

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// drawn returns a curve of f with noise, five seeds at each of sizes from 16 in
// steps of √2.
func drawn(sizes int, f func(n float64) float64) (all []Measured) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range sizes {
		n := int(16 * math.Pow(2, float64(i)/2))
		for s := range 5 {
			all = append(all, Measured{n, uint64(s), min(1, max(0, f(float64(n))+0.01*r.NormFloat64()))})
		}
	}
	return all
}

func TestExtrapolate(t *testing.T) {
	law := func(n float64) float64 { return 0.08 + 1.2*math.Pow(n, -0.5) }
	points := drawn(11, law) // to 512
	e, err := Extrapolate(points, []int{4096, 1024})
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Sizes) != 11 || e.Largest != 512 || e.Shape != Falling || len(e.Forecasts) != 2 {
		t.Fatalf("%+v", e)
	}
	for _, f := range e.Forecasts {
		truth := law(float64(f.N))
		if math.Abs(f.Error-truth) > 0.01 {
			t.Errorf("%d: %v is expected, and it is %v", f.N, f.Error, truth)
		}
		if !slices.IsSorted([]float64{0, f.Low95, f.Low80, f.Error, f.High80, f.High95, 1}) {
			t.Errorf("%d: not in order: %+v", f.N, f)
		}
		if truth < f.Low80 || truth > f.High80 {
			t.Errorf("%d: %v is not in %+v", f.N, truth, f)
		}
	}
	far, near := e.Forecasts[0], e.Forecasts[1]
	if far.N != 4096 || near.N != 1024 || far.High80-far.Low80 <= near.High80-near.Low80 {
		t.Errorf("what is farther is not less certain: %+v, %+v", near, far)
	}
	d := e.Doubling
	if d.N != 1024 || math.Abs(d.Value-(e.Now-near.Error)) > 1e-12 {
		t.Errorf("doubling: %+v", d)
	}
	if p, q := d.AtLeast(0.005), d.AtLeast(0.03); p < 0.75 || q > 0.25 {
		t.Errorf("the gain is %v; it is at least 0.005 with %v, 0.03 with %v", law(512)-law(1024), p, q)
	}
	if d.AtLeast(-1) < 0.99 || d.AtLeast(1) > 0.01 {
		t.Error("what is certain is not")
	}

	// Order does not matter, to the last bit.
	slices.Reverse(points)
	again, err := Extrapolate(points, []int{4096, 1024})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.Forecasts, e.Forecasts) {
		t.Errorf("%+v, in another order %+v", e.Forecasts, again.Forecasts)
	}

	// More noise, or fewer seeds, less certainty.
	single := slices.DeleteFunc(slices.Clone(points), func(m Measured) bool { return m.Seed > 0 })
	one, err := Extrapolate(single, []int{4096})
	if err != nil {
		t.Fatal(err)
	}
	if w := one.Forecasts[0]; w.High80-w.Low80 <= far.High80-far.Low80 {
		t.Errorf("one seed %+v, five %+v", w, far)
	}
}

func TestShapes(t *testing.T) {
	for want, f := range map[Shape]func(n float64) float64{
		Falling:  func(n float64) float64 { return 0.1 + 2/math.Sqrt(n) },
		Flat:     func(n float64) float64 { return 0.3 },
		Rising:   func(n float64) float64 { return 0.2 + 0.05*math.Log10(n) },
		Dipping:  func(n float64) float64 { return 0.1 + 0.05*math.Abs(math.Log10(n/128)) },
		Peaking:  func(n float64) float64 { return 0.1 + 1/math.Sqrt(n) + 0.2*math.Exp(-8*sq(math.Log10(n/100))) },
		Stepping: func(n float64) float64 { return 0.1 + 0.3/(1+sq(sq(sq(n/110)))) },
	} {
		e, err := Extrapolate(drawn(12, f), nil)
		if err != nil {
			t.Fatal(err)
		}
		if e.Shape != want {
			t.Errorf("%s is said to be %s", want, e.Shape)
		}
		if ill := want != Falling && want != Flat; e.Shape.Ill() != ill {
			t.Errorf("%s: ill-behaved %v", want, e.Shape.Ill())
		}
	}
}

func sq(x float64) float64 { return x * x }

func TestCurveErrors(t *testing.T) {
	good := drawn(8, func(n float64) float64 { return 1 / math.Sqrt(n) }) // to 181
	with := func(m Measured) []Measured { return append(slices.Clone(good), m) }
	few := slices.DeleteFunc(slices.Clone(good), func(m Measured) bool { return m.N > 32 })
	narrow := slices.DeleteFunc(slices.Clone(good), func(m Measured) bool { return m.N < 90 })
	for i := range narrow {
		narrow[i].N += i / 5
	}
	narrow = append(narrow, Measured{100, 0, 0.1}, Measured{110, 0, 0.1})
	for _, c := range []struct {
		name   string
		points []Measured
		at     []int
		want   any
	}{
		{"nothing", nil, nil, new(*ShortError)},
		{"three sizes", few, nil, new(*ShortError)},
		{"close sizes", narrow, nil, new(*NarrowError)},
		{"no samples", with(Measured{0, 0, 0.5}), nil, new(*NoSamplesError)},
		{"negative", with(Measured{-5, 0, 0.5}), nil, new(*NoSamplesError)},
		{"NaN", with(Measured{500, 0, math.NaN()}), nil, new(*RangeError)},
		{"infinite", with(Measured{500, 0, math.Inf(1)}), nil, new(*RangeError)},
		{"points for shares", with(Measured{500, 0, 12.5}), nil, new(*RangeError)},
		{"below 0", with(Measured{500, 0, -0.1}), nil, new(*RangeError)},
		{"twice", with(good[3]), nil, new(*TwiceError)},
		{"no further", good, []int{362, 181}, new(*FarError)},
		{"too far", good, []int{181*Farthest + 1}, new(*FarError)},
	} {
		_, err := Extrapolate(c.points, c.at)
		if err == nil || !errors.As(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Nothing that is allowed makes a number that is none, or another order.
func FuzzExtrapolate(f *testing.F) {
	f.Add([]byte{16, 100, 32, 80, 64, 60, 128, 50, 255, 40}, uint16(1000))
	f.Add([]byte{1, 0, 2, 0, 3, 0, 4, 0}, uint16(5))
	f.Add([]byte{1, 255, 2, 255, 3, 255, 4, 255}, uint16(60))
	f.Add([]byte{1, 0, 2, 255, 3, 0, 4, 255, 5, 0}, uint16(60))
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		var points []Measured
		for i := 0; i+1 < len(b) && i < 200; i += 2 {
			n := int(b[i])
			points = append(points, Measured{n * n * n, uint64(i), float64(b[i+1]) / 255})
		}
		e, err := Extrapolate(points, []int{int(at) * int(at)})
		if err != nil {
			return
		}
		for _, v := range e.Forecasts {
			if !slices.IsSorted([]float64{0, v.Low95, v.Low80, v.Error, v.High80, v.High95, 1}) {
				t.Fatalf("%+v", v)
			}
		}
		d := e.Doubling
		if !slices.IsSorted([]float64{-1, d.Low95, d.Low80, d.Value, d.High80, d.High95, 1}) || math.IsNaN(d.AtLeast(0.01)) {
			t.Fatalf("%+v", d)
		}
	})
}

// What test samples of seeds have of difficulty is taken out of a curve, also
// where the largest size has more seeds than others.
func TestLevelled(t *testing.T) {
	difficulty := []float64{0.03, -0.05, 0.01, 0.06, -0.05} // 0 on average
	var points []Measured
	for i, n := range []int{10, 20, 40, 80} {
		for seed, d := range difficulty {
			if seed < 3 || n == 80 {
				points = append(points, Measured{n, uint64(seed), 0.5 - 0.1*float64(i) + d})
			}
		}
	}
	for _, m := range levelled(points) {
		if want := 0.5 - 0.1*math.Log2(float64(m.N)/10); math.Abs(m.Error-want) > 1e-9 {
			t.Errorf("%d samples, seed %d: %v, want %v", m.N, m.Seed, m.Error, want)
		}
	}
}
