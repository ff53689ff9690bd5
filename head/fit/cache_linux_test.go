package fit

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
	"github.com/headstart-ml/headstart/head"
	"github.com/headstart-ml/headstart/head/internal/simd"
)

// cached is n rows of d features of c classes in a cache, in a folder of the
// environment's HEADSTART_BENCH_DIR if it is set. next returns the values of
// the row that is written next.
func cached(t testing.TB, n, d int, dtype string, next func(i int, row []float32)) *features.Matrix {
	dir := t.TempDir()
	if at := os.Getenv("HEADSTART_BENCH_DIR"); at != "" {
		var err error
		if dir, err = os.MkdirTemp(at, "rows"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
	}
	s, err := cache.NewSpace(map[string]any{"model": map[string]any{"sha256": "rows"}, "dim": d, "dtype": dtype})
	if err != nil {
		t.Fatal(err)
	}
	c, err := cache.Create(filepath.Join(dir, "cache"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	set := &features.Set{Meta: features.Meta{Spaces: []json.RawMessage{s.JSON()}, Modality: "text"}, IDs: make([]string, n), Keys: make([]cache.Key, n)}
	const batch = 4096
	rows := make([]float32, batch*d)
	for lo := 0; lo < n; lo += batch {
		hi := min(lo+batch, n)
		for i := lo; i < hi; i++ {
			set.IDs[i] = strconv.Itoa(i)
			set.Keys[i] = cache.KeyOf("text", []byte(set.IDs[i]))
			next(i, rows[(i-lo)*d:(i-lo+1)*d])
		}
		if err := w.Append(set.Keys[lo:hi], rows[:(hi-lo)*d]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	table, err := features.Join([]*features.Set{set}, []string{"rows"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := table.Matrix(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// noise returns what fills rows with numbers that look random, at little cost.
func noise(scale float32) func(row []float32) {
	rng := rand.New(rand.NewPCG(5, 6))
	table := make([]float32, 1<<16)
	for i := range table {
		table[i] = float32(rng.NormFloat64()) * scale
	}
	return func(row []float32) {
		at := rng.IntN(len(table) - len(row))
		copy(row, table[at:])
	}
}

// BenchmarkScan sums up the columns of rows of float16 in a cache, as a fit
// reads them, beside the same sum over a mapped file of the same bytes. The
// environment's HEADSTART_BENCH_ROWS is how many rows of 384 features it has.
func BenchmarkScan(b *testing.B) {
	const d = 384
	n := 100_000
	if rows := os.Getenv("HEADSTART_BENCH_ROWS"); rows != "" {
		var err error
		if n, err = strconv.Atoi(rows); err != nil {
			b.Fatal(err)
		}
	}
	random := noise(1)
	rows := cached(b, n, d, "f16", func(_ int, row []float32) { random(row) })
	f, err := os.Create(filepath.Join(b.TempDir(), "plain"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := rows.Each(span(0, 1), func(_, _, _ int, _ []float32, half []uint16) {
		bytes := make([]byte, 0, 2*d*4096)
		for len(bytes) < cap(bytes) {
			for _, h := range half {
				bytes = append(bytes, byte(h), byte(h>>8))
			}
		}
		for left := 2 * d * n; left > 0; left -= min(left, len(bytes)) {
			if _, err := f.Write(bytes[:min(left, len(bytes))]); err != nil {
				b.Fatal(err)
			}
		}
	}); err != nil {
		b.Fatal(err)
	}
	plain, err := syscall.Mmap(int(f.Fd()), 0, 2*d*n, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		b.Fatal(err)
	}
	defer syscall.Munmap(plain)

	x := &matrix{src: rows, used: span(0, n), d: d}
	if err := x.arrange(); err != nil {
		b.Fatal(err)
	}
	const block = simd.PassRows
	buf, sums := make([]float32, block*d), make([]float32, d)
	ones := slices.Repeat([]float32{1}, simd.PassRows)
	sum := func(n int) {
		(&simd.Picked{X: buf, D: d, Rows: numbers[:n]}).AddOuter(sums, ones, 1, nil)
	}
	scan := func() time.Duration {
		before := processor(b)
		for lo := 0; lo < n; lo += block {
			hi := min(lo+block, n)
			if err := x.readTo(buf[:(hi-lo)*d], x.order[lo:hi]); err != nil {
				b.Fatal(err)
			}
			sum(hi - lo)
		}
		return time.Duration(1e9 * (processor(b) - before))
	}
	straight := func() time.Duration {
		before := processor(b)
		for lo := 0; lo < n; lo += block {
			hi := min(lo+block, n)
			simd.HalvesTo(buf[:(hi-lo)*d], halves(plain[2*d*lo:2*d*hi]))
			sum(hi - lo)
		}
		return time.Duration(1e9 * (processor(b) - before))
	}
	straight()
	first := scan() // checksums are compared
	var ours, theirs []time.Duration
	for b.Loop() {
		for range 3 {
			ours, theirs = append(ours, scan()), append(theirs, straight())
		}
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	p := theirs[len(theirs)/2]
	b.ReportMetric(2*float64(n)*d/1e9/p.Seconds(), "plain-GB/s")
	b.ReportMetric(p.Seconds()/ours[len(ours)/2].Seconds(), "of-plain")
	b.ReportMetric(p.Seconds()/first.Seconds(), "first-of-plain")
}

// TestOutOfCore fits a softmax head to rows in a cache that are not held: the
// memory of the process beyond mapped files grows by far less than the features
// take. The environment's HEADSTART_BENCH_GIB is how large the cache is.
func TestOutOfCore(t *testing.T) {
	const d, c = 1280, 10
	gib := 0.125
	if size := os.Getenv("HEADSTART_BENCH_GIB"); size != "" {
		var err error
		if gib, err = strconv.ParseFloat(size, 64); err != nil {
			t.Fatal(err)
		}
	}
	n := int(gib * (1 << 30) / (4 * d))
	random := noise(1)
	centres := make([]float32, c*d)
	random(centres)
	labels := make([]string, n)
	x := cached(t, n, d, "f32", func(i int, row []float32) {
		random(row)
		for j, v := range centres[i%c*d : (i%c+1)*d] {
			row[j] += 0.06 * v
		}
		labels[i] = strconv.Itoa(i % c)
	})
	debug.FreeOSMemory()
	before := resident(t)
	peak, stop, done := before, make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			peak = max(peak, resident(t))
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	start := processor(t)
	h, err := (&Softmax{L2: 1e-3}).Fit(context.Background(), x, labels, &Settings{Memory: 1, Threads: 1})
	close(stop)
	<-done
	if err != nil {
		t.Fatal(err)
	}
	if h.Fit.Status != head.Converged {
		t.Errorf("the fit ended with %+v", h.Fit)
	}
	grown := float64(peak-before) / (1 << 30)
	t.Logf("%d×%d float32, %.2f GiB: %d passes in %.1f s of CPU time; memory grew by %.3f GiB", n, d, gib, h.Fit.Passes, processor(t)-start, grown)
	if most := min(1, 0.75*gib); grown > most {
		t.Errorf("memory grew by %.3f GiB, more than %.3f", grown, most)
	}
	runtime.KeepAlive(x)
}

// resident returns the bytes of the process that are not of files.
func resident(t testing.TB) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Error(err)
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Error(err)
	}
	return kib << 10
}

// halves views little-endian bytes as float16.
func halves(b []byte) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/2)
}
