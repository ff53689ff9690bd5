package study_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/headstart-ml/headstart/head/experiment"
	"github.com/headstart-ml/headstart/head/measure"
	"github.com/headstart-ml/headstart/head/study"
)

// made is a made-up learner: a head that is wrong in 0.15 + 1/√n of samples,
// and layers that end at 0.05, but need more data.
type made struct{}

func (made) Depths() []study.Depth {
	return []study.Depth{{Name: "head"}, {Name: "last:1", Layers: true}}
}

func (made) Cost(d *study.Depth, train, _ int) time.Duration {
	if d.Layers {
		return time.Duration(train) * 50 * time.Millisecond
	}
	return time.Duration(train) * 10 * time.Microsecond
}

func (made) Learn(_ context.Context, l *study.Lesson) (*study.Learnt, error) {
	wrong := 0.15 + 1/math.Sqrt(float64(len(l.Train)))
	if l.Depth.Layers {
		wrong = 0.05 + 2.6/math.Sqrt(float64(len(l.Train)))
	}
	out := new(study.Learnt)
	right := 0.0
	for _, row := range l.Test {
		p := []float64{0.8, 0.2}
		if rand.New(rand.NewPCG(uint64(row), l.Seed)).Float64() < wrong {
			p = []float64{0.2, 0.8}
		} else {
			right++
		}
		out.Outcomes = append(out.Outcomes, measure.NewOutcome(p, 0))
	}
	n := float64(len(l.Test))
	out.Test.Accuracy = measure.Score{Value: right / n, SE: math.Sqrt(right / n * (1 - right/n) / n)}
	out.Train.Accuracy.Value = 1
	return out, nil
}

// A study of 4,000 samples of two classes with a learner that is made up.
func ExampleRun() {
	d := new(experiment.Data)
	for i := range 4000 {
		d.Labels = append(d.Labels, []string{"cat", "dog"}[i%2])
		d.IDs = append(d.IDs, strconv.Itoa(i))
	}
	r, err := study.Run(context.Background(), d, made{}, &study.Settings{Budget: time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("data:", r.Advice.Data)
	fmt.Println("depth:", r.Advice.Depth)
	for _, c := range r.Curves {
		last := c.Points[len(c.Points)-1]
		fmt.Printf("%s at %d: %.2f\n", c.Depth, last.N, last.Value)
	}
	// Output:
	// data: unclear
	// depth: last:1
	// head at 3200: 0.84
	// last:1 at 3200: 0.91
}
