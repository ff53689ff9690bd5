package experiment

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// BenchmarkIdleWorkers trains the default head on 50,000 made-up rows of 384
// features in 26 classes with two workers, and reports the share of them that
// is idle, and by how much two are faster than one if both are as fast. What
// goroutines do is looked at every 20 ms, which says the same on a machine that
// is busy with other things.
func BenchmarkIdleWorkers(b *testing.B) {
	const n, d, c = 50_000, 384, 26
	random := rand.New(rand.NewPCG(1, 2))
	centres := make([]float32, c*d)
	for i := range centres {
		centres[i] = float32(random.NormFloat64())
	}
	x := &dense{d: d}
	var labels []string
	for i := range n {
		k := min(random.IntN(c), random.IntN(c))
		labels = append(labels, strconv.Itoa(k))
		for j := range d {
			x.values = append(x.values, 0.12*centres[k*d+j]*float32(1+i%3)+float32(random.NormFloat64())*float32(1+j%5))
		}
	}
	for b.Loop() {
		one, both := 0, 0
		stop, stopped := make(chan bool), make(chan bool)
		go func() {
			defer close(stopped)
			all := make([]byte, 1<<20)
			for {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
				running := -1 // without this goroutine
				for stack := range bytes.SplitSeq(all[:runtime.Stack(all, true)], []byte("\n\n")) {
					state, _, _ := bytes.Cut(stack, []byte("\n"))
					if bytes.Contains(state, []byte("[running")) || bytes.Contains(state, []byte("[runnable")) {
						running++
					}
				}
				switch {
				case running == 1:
					one++
				case running > 1:
					both++
				}
			}
		}()
		_, err := Train(b.Context(), &Data{Rows: x, Labels: labels}, &Settings{Threads: 2})
		close(stop)
		<-stopped
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(50*float64(one)/float64(one+both), "idle-%")
		b.ReportMetric(float64(one+2*both)/float64(one+both), "speedup")
	}
}
