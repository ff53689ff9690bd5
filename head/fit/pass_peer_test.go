//go:build !windows

package fit

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/headstart-ml/headstart/head/internal/simd"
)

// TestPassPeer is our side of bench/pass.py, which starts it: each line that it
// reads is a set of instructions, a number of rows, features and classes, and
// how often; it answers with the CPU seconds of one pass.
func TestPassPeer(t *testing.T) {
	if os.Getenv("HEADSTART_PEER") == "" {
		return
	}
	ctx := context.Background()
	fmt.Println("ready", simd.Most())
	var p *problem
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var set string
		var n, d, c, times int
		if _, err := fmt.Fscan(strings.NewReader(lines.Text()), &set, &n, &d, &c, &times); err != nil {
			t.Fatal(err)
		}
		if p == nil || len(p.rows) != n || p.x.d != d || p.classes != c {
			x := blobs(n, d, c, 2, 1)
			bench, err := NewBench(ctx, &Labelled{Rows: x.dense, Labels: x.labels, Classes: c}, &Settings{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			if err := bench.Deal(ctx, []Deal{{Cell: make([]int, n), Cells: 1}}); err != nil {
				t.Fatal(err)
			}
			if p, err = bench.problem(&first); err != nil {
				t.Fatal(err)
			}
		}
		w, b, g := make([]float64, c*d), make([]float64, c), make([]float64, c*d+c)
		for i := range w {
			w[i] = math.Sin(float64(i)) / 10
		}
		restore := simd.Limit(map[string]simd.Instructions{"portable": simd.Portable, "AVX2": simd.AVX2, "AVX-512": simd.AVX512}[set])
		before := processor(t)
		for range times {
			if _, err := p.evaluate(ctx, w, b, g[:c*d], g[c*d:]); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Println((processor(t) - before) / float64(times))
		restore()
	}
}

// processor returns the CPU seconds that this process has taken.
func processor(t testing.TB) float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	seconds := func(v syscall.Timeval) float64 { return float64(v.Sec) + 1e-6*float64(v.Usec) }
	return seconds(r.Utime) + seconds(r.Stime)
}
