package embed

import (
	"math"
	"slices"
	"testing"

	"github.com/headstart-ml/headstart/models"
)

// Expected values are computed by hand from the definitions.
func TestPooling(t *testing.T) {
	text := &models.Tap{Shape: []int64{-1, -1, 2}}
	tokens := []float32{1, -2, 3, 4, 5, -6, 100, 100} // three tokens of two channels, and padding
	first := &models.Tap{Shape: []int64{-1, 2, 1, 3}}
	last := &models.Tap{Shape: []int64{-1, 1, 3, 2}, ChannelsLast: true}
	patches := &models.Tap{Shape: []int64{-1, 3, 2}}
	chw, hwc := []float32{1, 3, 5, -2, 4, -6}, []float32{1, -2, 3, 4, 5, -6}
	std := func(a, b, c float64) float32 {
		m := (a + b + c) / 3
		return float32(math.Sqrt(((a-m)*(a-m) + (b-m)*(b-m) + (c-m)*(c-m)) / 3))
	}
	cube := func(a, b, c float64) float32 {
		p := func(x float64) float64 { return math.Pow(max(x, 1e-6), 3) }
		return float32(math.Cbrt((p(a) + p(b) + p(c)) / 3))
	}
	for _, tc := range []struct {
		pooling string
		want    []float32
	}{
		{"cls", []float32{1, -2}}, {"last", []float32{5, -6}}, {"mean", []float32{3, -4.0 / 3}}, {"gap", []float32{3, -4.0 / 3}},
		{"max", []float32{5, 4}}, {"meanstd", []float32{3, -4.0 / 3, std(1, 3, 5), std(-2, 4, -6)}},
		{"mean_sqrt_len", []float32{float32(9 / math.Sqrt(3)), float32(-4 / math.Sqrt(3))}}, {"weightedmean", []float32{22. / 6, -12. / 6}},
		{"gem", []float32{cube(1, 3, 5), cube(-2, 4, -6)}},
	} {
		for name, g := range map[string]field{
			"tokens": fieldOf(text, tokens, 3, false), "channels first": fieldOf(first, chw, 0, false),
			"channels last": fieldOf(last, hwc, 0, false), "patches": fieldOf(patches, hwc, 0, false),
		} {
			got := make([]float32, len(tc.want))
			if err := poolTo(got, g, tc.pooling); err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, tc.want, func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-6 }) {
				t.Errorf("%s over %s: %v, want %v", tc.pooling, name, got, tc.want)
			}
		}
	}
	got := make([]float32, 3)
	if err := poolTo(got, fieldOf(&models.Tap{Shape: []int64{-1, 3}}, []float32{7, 8, 9}, 0, false), "none"); err != nil || !slices.Equal(got, []float32{7, 8, 9}) {
		t.Errorf("none: %v, %v", got, err)
	}
	all := make([]float32, 6)
	for _, shape := range [][]int64{{-1, 2, 1, 3}, {-1, 3, 2}, {-1, 6}, {-1, 1, 2, 3, 1}} {
		if err := poolTo(all, fieldOf(&models.Tap{Shape: shape}, chw, 0, false), "flat"); err != nil || !slices.Equal(all, chw) {
			t.Errorf("flat of %v: %v, %v", shape, all, err)
		}
	}
	if err := poolTo(got, fieldOf(&models.Tap{Shape: []int64{-1, 2, 3}}, chw, 0, false), "flat"); err == nil {
		t.Error("flat: six values are a row of three")
	}
	if err := poolTo(got, fieldOf(text, tokens, 3, false), "median"); err == nil {
		t.Error("an unknown pooling is taken")
	}
}
