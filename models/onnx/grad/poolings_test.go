//go:build cgo && !windows

package grad

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/models/onnx/layer"
	"github.com/headstart-ml/headstart/models/onnx/pb"
)

// rowOf makes a row of what stands at the positions of a sample, one after the
// other, as the formulas say.
func rowOf(pooling string, positions [][]float64) []float64 {
	n := float64(len(positions))
	over := func(f func(p int, v float64) float64) []float64 {
		row := make([]float64, len(positions[0]))
		for p, values := range positions {
			for c, v := range values {
				row[c] += f(p, v)
			}
		}
		return row
	}
	mean := over(func(_ int, v float64) float64 { return v / n })
	switch pooling {
	case "none", "cls":
		return positions[0]
	case "last":
		return positions[len(positions)-1]
	case "mean", "gap":
		return mean
	case "mean_sqrt_len":
		return over(func(_ int, v float64) float64 { return v / math.Sqrt(n) })
	case "weightedmean":
		return over(func(p int, v float64) float64 { return float64(p+1) * v / (n * (n + 1) / 2) })
	case "max":
		row := slices.Clone(positions[0])
		for _, values := range positions {
			for c, v := range values {
				row[c] = max(row[c], v)
			}
		}
		return row
	case "gem":
		row := over(func(_ int, v float64) float64 { return math.Pow(max(v, 1e-6), 3) / n })
		for c := range row {
			row[c] = math.Cbrt(row[c])
		}
		return row
	case "meanstd":
		row := slices.Clone(mean)
		for c := range mean {
			sum := 0.0
			for _, values := range positions {
				sum += (values[c] - mean[c]) * (values[c] - mean[c]) / n
			}
			row = append(row, math.Sqrt(sum))
		}
		return row
	}
	panic(pooling)
}

// TestPoolingsAgreeWithDifferences compares the gradients before every pooling
// with differences of its formula: over tokens, of texts that are filled up on
// the right or on the left, and over space with the channels first or last.
func TestPoolingsAgreeWithDifferences(t *testing.T) {
	const channels = 3
	n := []int{5, 3, 2} // of each sample's tokens
	layouts := []struct {
		name  string
		space bool
		dims  []int64
		edit  func(o *Options)
		mask  func(sample, token int) bool
	}{
		{"rows", false, []int64{3, channels}, func(*Options) {}, nil},
		{"tokens", false, []int64{3, 5, channels}, func(*Options) {}, nil},
		{"right", false, []int64{3, 5, channels}, func(*Options) {}, func(i, s int) bool { return s < n[i] }},
		{"left", false, []int64{3, 5, channels}, func(*Options) {}, func(i, s int) bool { return s >= 5-n[i] }},
		{"first", true, []int64{3, channels, 2, 3}, func(*Options) {}, nil},
		{"last", true, []int64{3, 2, 3, channels}, func(o *Options) { o.ChannelsLast = true }, nil},
	}
	ran := 0
	for _, pooling := range layer.Poolings {
		for _, lay := range layouts {
			switch {
			case !pooling.Gradient, (pooling.Name == "none") != (len(lay.dims) == 2), pooling.Space && !lay.space,
				lay.mask != nil && !pooling.Masked, lay.mask == nil && pooling.Name == "weightedmean",
				lay.space && !pooling.Space && pooling.Name != "max" && pooling.Name != "meanstd":
				continue
			}
			for _, normalize := range []bool{false, true} {
				ran++
				t.Run(fmt.Sprintf("%s of %s, normalised %v", pooling.Name, lay.name, normalize), func(t *testing.T) {
					p := newProblem(rand.New(rand.NewPCG(21, uint64(ran))), 17)
					x := p.input(pb.TensorProto_FLOAT, p.normal, lay.dims...)
					w := p.constant(func() float64 { return p.rng.Float64() / 8 }, lay.dims...)
					features := p.op("Add", x, w)
					o := &Options{Classes: 3, Features: features, Pooling: pooling.Name, Normalize: normalize, Space: lay.space && !pooling.Space}
					lay.edit(o)
					if lay.mask != nil {
						o.Mask = p.input(pb.TensorProto_INT64, func() float64 { return 0 }, 3, 5)
						for i := range p.fed[o.Mask].v {
							p.fed[o.Mask].v[i] = bit(lay.mask(i/5, i%5))
						}
					}
					p.finish(t, p.op("Flatten", features))
					program, err := Build(p.graph, o)
					if err != nil {
						t.Fatal(err)
					}
					values := p.state()
					program.begin(p.rng, values)
					got := run(t, program, values)

					// The loss by the formulas, with one weight moved.
					loss := func(at int, by float64) float64 {
						value := func(i int) float64 {
							v := values[x].v[i] + values[w].v[i]
							if i == at {
								v += by
							}
							return v
						}
						each := len(values[w].v) / 3
						sum := 0.0
						for i := range 3 {
							var positions [][]float64
							for s := range each / channels {
								if lay.mask != nil && !lay.mask(i, s) {
									continue
								}
								var vector []float64
								for c := range channels {
									if lay.name == "first" {
										vector = append(vector, value(i*each+c*each/channels+s))
									} else {
										vector = append(vector, value(i*each+s*channels+c))
									}
								}
								positions = append(positions, vector)
							}
							row := rowOf(pooling.Name, positions)
							length := 0.0
							for _, v := range row {
								length += v * v
							}
							scale := 1.0
							if normalize {
								scale = 1 / math.Sqrt(length)
							}
							head, bias := values[program.Weights[1].Name], values[program.Weights[2].Name]
							all, logits := 0.0, make([]float64, 3)
							for k := range logits {
								logits[k] = bias.v[k]
								for c, v := range row {
									logits[k] += scale * v * head.v[k*len(row)+c]
								}
								all += math.Exp(logits[k])
							}
							for k, z := range logits {
								sum -= values[program.Target.Name].v[3*i+k] * (z - math.Log(all))
							}
						}
						return sum
					}
					if want := loss(-1, 0); !(math.Abs(got.loss-want) <= 1e-5) {
						t.Errorf("the loss is %v, by the formulas %v", got.loss, want)
					}
					const h = 1e-6
					var wants []float64
					largest := 0.0
					for i := range values[w].v {
						wants = append(wants, (loss(i, h)-loss(i, -h))/(2*h))
						largest = max(largest, math.Abs(wants[i]))
					}
					for i, want := range wants {
						if d := math.Abs(float64(got.dW[w][i]) - want); !(d <= 1e-4*largest) {
							t.Errorf("element %d of the gradient is %v, by differences %v", i, got.dW[w][i], want)
						}
					}
				})
			}
		}
	}
	if ran < 2*29 {
		t.Errorf("%d cases", ran)
	}
}
