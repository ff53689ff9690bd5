//go:build !windows

package simd

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"gonum.org/v1/gonum/blas"
	lapack "gonum.org/v1/gonum/lapack/gonum"
)

// TestPeer is our side of bench/gemm.py, which starts it: each line that it
// reads is a set of instructions, a product, its shape and how often; it
// answers with the CPU seconds of one time.
func TestPeer(t *testing.T) {
	if os.Getenv("HEADSTART_PEER") == "" {
		return
	}
	fmt.Println("ready", Most())
	var c chore
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var set, name string
		var m, n, k, times int
		if _, err := fmt.Fscan(strings.NewReader(lines.Text()), &set, &name, &m, &n, &k, &times); err != nil {
			t.Fatal(err)
		}
		limit := map[string]Instructions{"portable": Portable, "AVX2": AVX2, "AVX-512": AVX512}[set]
		restore := Limit(limit)
		task := c.task(name, m, n, k)
		if task == nil {
			t.Fatalf("there is no %s", name)
		}
		before := processor(t)
		for range times {
			task()
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

// chore has matrices that are multiplied.
type chore struct {
	key        string
	a, b, c    []float32
	ad, bd, cd []float64
	def        []float64 // n×n, positive definite
}

// task returns what multiplies or factorises, an m×n destination with sums of
// k products; nil if there is no such routine.
func (c *chore) task(name string, m, n, k int) func() {
	if key := fmt.Sprint(m, n, k); key != c.key {
		c.key = key
		c.a, c.ad = random(m * k)
		c.b, c.bd = random(max(n*k, n*n))
		c.c, c.cd = random(m * n)
		c.def = make([]float64, n*n)
		for i := range c.def {
			c.def[i] = 1 / float64(n)
			if i%(n+1) == 0 {
				c.def[i] = 2
			}
		}
	}
	switch name {
	case "X·Wᵀ":
		return func() {
			Float32{}.Sgemm(blas.NoTrans, blas.Trans, m, n, k, 1, c.a, k, c.b, k, 0, c.c, n)
		}
	case "RᵀX":
		return func() { Float32{}.Sgemm(blas.Trans, blas.NoTrans, m, n, k, 1, c.a, m, c.b, n, 0, c.c, n) }
	case "A·B":
		return func() { Float32{}.Sgemm(blas.NoTrans, blas.NoTrans, m, n, k, 1, c.a, k, c.b, n, 0, c.c, n) }
	case "A·B,_float64":
		return func() { Float64{}.Dgemm(blas.NoTrans, blas.NoTrans, m, n, k, 1, c.ad, k, c.bd, n, 0, c.cd, n) }
	case "XᵀX":
		return func() { Float32{}.Ssyrk(blas.Upper, blas.Trans, n, k, 1, c.a, n, 0, c.c, n) }
	case "XᵀX,_float64":
		return func() { Float64{}.Dsyrk(blas.Upper, blas.Trans, n, k, 1, c.ad, n, 0, c.cd, n) }
	case "Cholesky,_float64":
		return func() {
			copy(c.cd, c.def)
			if Active() == Portable {
				lapack.Implementation{}.Dpotrf(blas.Upper, n, c.cd, n)
			} else {
				Float64{}.Dpotrf(blas.Upper, n, c.cd, n)
			}
		}
	}
	return nil
}

// random returns n numbers in both types.
func random(n int) ([]float32, []float64) {
	d := rand.New(rand.NewPCG(1, 2))
	x, y := make([]float32, n), make([]float64, n)
	for i := range x {
		x[i] = d.Float32() - 0.5
		y[i] = float64(x[i])
	}
	return x, y
}
