package experiment

import (
	"math"
	"testing"

	"github.com/headstart-ml/headstart/head/measure"
)

func TestChoose(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		name string
		list [][2]float64 // value and standard error
		want int
	}{
		{"nothing", nil, -1},
		{"one", [][2]float64{{0.2, 0.1}}, 0},
		{"within the best one's error", [][2]float64{{0.7, 0.01}, {0.78, 0}, {0.8, 0.03}, {0.79, 0.5}}, 1},
		{"on its edge", [][2]float64{{0.5, 0}, {0.75, 0.25}}, 0},
		{"the simpler one's error does not count", [][2]float64{{0.7, 0.5}, {0.8, 0.05}}, 1},
		{"ties", [][2]float64{{0.7, 0}, {0.8, 0}, {0.8, 0.2}}, 1},
		{"of equal best ones the first one's error counts", [][2]float64{{0.7, 0}, {0.8, 0.2}, {0.8, 0}}, 0},
		{"missing", [][2]float64{{nan, 0}, {0.8, nan}, {inf, 0}, {-inf, 0}, {0.9, nan}}, 4},
		{"an endless error", [][2]float64{{0.1, 0}, {0.9, inf}}, 1},
		{"none is known", [][2]float64{{nan, 0}, {-inf, 1}}, -1},
		{"losses", [][2]float64{{-2, 0}, {-1.04, 0}, {-1, 0.05}}, 1},
	} {
		var list []measure.Score
		for _, v := range c.list {
			list = append(list, measure.Score{Value: v[0], SE: v[1]})
		}
		if have := Choose(list); have != c.want {
			t.Errorf("%s: %d, want %d", c.name, have, c.want)
		}
	}
}
