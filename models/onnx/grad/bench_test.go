//go:build cgo && !windows

package grad

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"
)

func cpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkStep is one step, forwards and backwards, without an optimiser, on
// one thread.
func BenchmarkStep(b *testing.B) {
	layer := "/m/encoder/layer.%d/output/LayerNorm/LayerNormalization_output_0"
	for _, c := range []struct {
		name, backbone, cut string
		n, size             int64
	}{
		{"image/last1", "efficientnet-lite0", "Add_8", 8, 224},
		{"image/last4", "efficientnet-lite0", "Add_6", 8, 224},
		{"image/half", "efficientnet-lite0", "Add_3", 8, 224},
		{"image/all", "efficientnet-lite0", "", 8, 224},
		{"text/last2", "all-minilm-l6-v2", fmt.Sprintf(layer, 3), 16, 32},
		{"text/all", "all-minilm-l6-v2", "", 16, 32},
	} {
		blocks := []int64{0}
		if c.backbone == "efficientnet-lite0" {
			blocks = append(blocks, blockSize(b))
		}
		for _, B := range blocks {
			b.Run(fmt.Sprintf("%s/N=%d/block=%d", c.name, c.n, B), func(b *testing.B) {
				g, o := backbone(b, c.backbone, c.n, c.size)
				o.Cut, o.Block = c.cut, B
				p, err := Build(g, o)
				if err != nil {
					b.Fatal(err)
				}
				s, in, out := p.session(b)
				defer s.Close()
				for range 2 { // pages of the arena
					if err := s.Run(context.Background(), in, out); err != nil {
						b.Fatal(err)
					}
				}
				b.ResetTimer()
				start := cpu()
				for range b.N {
					if err := s.Run(context.Background(), in, out); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpu()-start)/1e6/float64(b.N), "cpu-ms/op")
			})
		}
	}
}
