package retrain

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// newCoefficients are those of step t with PyTorch's defaults.
func newCoefficients(t int) *coefficients {
	const beta1, beta2, rate, decay = 0.9, 0.999, 1e-3, 0.01
	return &coefficients{
		scale: 0.5, beta1: beta1, beta2: beta2, epsilon: 1e-8, decay: rate * decay,
		rate:       float32(rate / (1 - math.Pow(beta1, float64(t)))),
		correction: float32(1 / math.Sqrt(1-math.Pow(beta2, float64(t)))),
	}
}

// state is what update works on: w, dW, m, v.
type state [4][]float32

func (s state) clone() state {
	for i := range s {
		s[i] = slices.Clone(s[i])
	}
	return s
}

// newState makes n elements; a mean square is at least 0.
func newState(n int, value func() float32) state {
	var s state
	for range n {
		g := value()
		s[0] = append(s[0], value())
		s[1] = append(s[1], g)
		s[2] = append(s[2], value())
		s[3] = append(s[3], g*g)
	}
	return s
}

// kinds are the values that the tests try.
func kinds(rng *rand.Rand) map[string]func() float32 {
	return map[string]func() float32{
		"normal": func() float32 { return float32(rng.NormFloat64()) },
		"zero":   func() float32 { return float32(math.Copysign(0, rng.NormFloat64())) },
		"denormal": func() float32 {
			return math.Float32frombits(rng.Uint32() & 0x807fffff)
		},
		"square denormal": func() float32 { return float32(rng.NormFloat64() * 1e-21) },
		"huge":            func() float32 { return float32(rng.NormFloat64() * 1e38) },
		"any": func() float32 {
			return math.Float32frombits(rng.Uint32())
		},
	}
}

// TestUpdateGivesTheSameBits compares update with updateScalar, element by
// element, also of slices that do not begin where vectors do.
func TestUpdateGivesTheSameBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, value := range kinds(rng) {
		for n := range 71 {
			s := newState(n+3, value)
			for i := range s {
				s[i] = s[i][i%4 : i%4+n]
			}
			want := s.clone()
			for step := 1; step <= 3; step++ {
				k := newCoefficients(step)
				update(s[0], s[1], s[2], s[3], k)
				updateScalar(want[0], want[1], want[2], want[3], k)
			}
			for i := range s {
				for j := range s[i] {
					got, want := s[i][j], want[i][j]
					if math.Float32bits(got) != math.Float32bits(want) && !(got != got && want != want) {
						t.Fatalf("%s, %d elements: element %d of %c is %g, in Go %g", name, n, j, "wgmv"[i], got, want)
					}
				}
			}
		}
	}
}

// TestUpdateTouchesNothingElse checks that what lies behind the slices stays.
func TestUpdateTouchesNothingElse(t *testing.T) {
	for n := range 34 {
		s := newState(n+8, func() float32 { return 1 })
		want := s.clone()
		update(s[0][:n], s[1], s[2], s[3], newCoefficients(1))
		for i := range s {
			if !slices.Equal(s[i][n:], want[i][n:]) {
				t.Errorf("%d elements: %c is written to behind them", n, "wgmv"[i])
			}
		}
		if !slices.Equal(s[1], want[1]) {
			t.Errorf("%d elements: the gradient is written to", n)
		}
	}
}

// TestUpdateIsAdamW compares a hundred steps with the paper's algorithm in
// float64, where the bias corrections stand as they do there.
func TestUpdateIsAdamW(t *testing.T) {
	const n, steps = 37, 100
	rng := rand.New(rand.NewPCG(3, 4))
	s := newState(n, func() float32 { return float32(rng.NormFloat64()) })
	clear(s[2])
	clear(s[3])
	w, m, v := make([]float64, n), make([]float64, n), make([]float64, n)
	for i, x := range s[0] {
		w[i] = float64(x)
	}
	for step := 1; step <= steps; step++ {
		for i := range n {
			s[1][i] = float32(rng.NormFloat64() + float64(i))
		}
		k := newCoefficients(step)
		update(s[0], s[1], s[2], s[3], k)
		const beta1, beta2, rate, decay, epsilon = 0.9, 0.999, 1e-3, 0.01, 1e-8
		for i := range n {
			g := 0.5 * float64(s[1][i])
			m[i] = beta1*m[i] + (1-beta1)*g
			v[i] = beta2*v[i] + (1-beta2)*g*g
			mHat := m[i] / (1 - math.Pow(beta1, float64(step)))
			vHat := v[i] / (1 - math.Pow(beta2, float64(step)))
			w[i] -= rate*mHat/(math.Sqrt(vHat)+epsilon) + rate*decay*w[i]
		}
	}
	for i := range n {
		// 1-β2 is 1.3e-5 off in float32, and each step rounds w.
		if d := math.Abs(float64(s[0][i]) - w[i]); !(d <= 5e-6) {
			t.Errorf("weight %d is %g after %d steps, in float64 %g", i, s[0][i], steps, w[i])
		}
	}
}

// BenchmarkUpdate counts the seven passes over memory: four are read, three
// written.
func BenchmarkUpdate(b *testing.B) {
	for _, f := range []struct {
		name   string
		update func(w, dW, m, v []float32, k *coefficients)
	}{{"vector", update}, {"scalar", updateScalar}} {
		for _, n := range []int{1 << 12, 1 << 22} {
			b.Run(fmt.Sprintf("%s/%d", f.name, n), func(b *testing.B) {
				s := newState(n, func() float32 { return rand.Float32() })
				k := newCoefficients(10)
				b.SetBytes(7 * 4 * int64(n))
				for b.Loop() {
					f.update(s[0], s[1], s[2], s[3], k)
				}
			})
		}
	}
}
