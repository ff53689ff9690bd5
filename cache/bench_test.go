package cache

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// Benchmarks report ratios to what the machine does at best, so that they can
// be compared between machines: run with -benchtime=1x or more.

// benchKeys returns n keys without hashing: evenly spread, as digests are.
func benchKeys(n int, salt uint64) []Key {
	keys := make([]Key, n)
	for i := range keys {
		x := uint64(i) + salt<<40
		for j := 0; j < KeySize; j += 8 { // splitmix64
			x += 0x9e3779b97f4a7c15
			z := x
			z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
			z = (z ^ z>>27) * 0x94d049bb133111eb
			binary.BigEndian.PutUint64(keys[i][j:], z^z>>31)
		}
	}
	return keys
}

// benchDir is a directory on the disk that a cache would lie on.
func benchDir(b *testing.B) string {
	b.Helper()
	if d := os.Getenv("CACHE_BENCH_DIR"); d != "" {
		dir, err := os.MkdirTemp(d, "cache-bench-")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { os.RemoveAll(dir) })
		return dir
	}
	return b.TempDir()
}

// BenchmarkAppend appends durable batches of 256 rows of 384 values and
// compares with a loop that writes as many bytes and calls fdatasync.
func BenchmarkAppend(b *testing.B) {
	const dim, batch, batches = 384, 256, 200
	keys := benchKeys(batch*batches, 1)
	rows := make([]float32, batch*dim)
	for i := range rows {
		rows[i] = float32(i%977) / 977
	}
	dir := benchDir(b)
	var ours, plain time.Duration
	c, err := Create(filepath.Join(dir, "cache"), &Options{SegmentBytes: 1 << 40})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	s := testSpace(b, dim)
	for b.Loop() {
		w, err := c.Writer(s, nil)
		if err != nil {
			b.Fatal(err)
		}
		f, err := os.Create(filepath.Join(dir, "plain"))
		if err != nil {
			b.Fatal(err)
		}
		// Alternating, so that both meet the same disk.
		for i := range batches {
			t := time.Now()
			if err := w.Append(keys[i*batch:(i+1)*batch], rows); err != nil {
				b.Fatal(err)
			}
			ours += time.Since(t)
			t = time.Now()
			if _, err := f.Write(bytesOf(rows)); err != nil {
				b.Fatal(err)
			}
			if err := syncData(f); err != nil {
				b.Fatal(err)
			}
			plain += time.Since(t)
		}
		f.Close()
		t := time.Now()
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(t).Seconds()/(float64(batches)*batch)*1e6, "seal-µs/row")
		for _, p := range segments(b, c, s) {
			os.Remove(p)
		}
	}
	total := float64(b.N) * batches * batch * dim * 4
	b.ReportMetric(total/1e9/ours.Seconds(), "GB/s")
	b.ReportMetric(plain.Seconds()/ours.Seconds(), "of-plain")
}

// fill puts n keys into segs segments of s.
func fill(b *testing.B, c *Cache, s *Space, keys []Key, segs int) {
	b.Helper()
	n := (len(keys) + segs - 1) / segs
	rows := make([]float32, n*s.Dim())
	for len(keys) > 0 {
		m := min(n, len(keys))
		w, err := c.Writer(s, nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Append(keys[:m], rows[:m*s.Dim()]); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
		keys = keys[m:]
	}
}

// BenchmarkMissing asks for 5 M keys, of which half are there, of 5 M rows of
// 8 values in 128 segments.
func BenchmarkMissing(b *testing.B) {
	const n, dim = 5_000_000, 8
	c, err := Create(filepath.Join(benchDir(b), "cache"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	s := testSpace(b, dim)
	keys := benchKeys(n, 1)
	fill(b, c, s, keys, 128)
	wantKeys := append(keys[:n/2:n/2], benchKeys(n/2, 2)...)
	for b.Loop() {
		t := time.Now()
		r, err := c.Reader(s)
		if err != nil {
			b.Fatal(err)
		}
		open := time.Since(t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		t = time.Now()
		m, err := r.Missing(wantKeys)
		if err != nil || len(m) != n/2 {
			b.Fatalf("%d missing, %v", len(m), err)
		}
		missing := time.Since(t)
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/(1<<20), "missing-5M-MiB")
		t = time.Now()
		refs := make([]Ref, 200_000)
		if r.Locate(keys[:200_000], refs) != 0 {
			b.Fatal("missing")
		}
		bulk := time.Since(t)
		t = time.Now()
		for i := range 1000 {
			if r.Locate(keys[i:i+1], refs[:1]) != 0 {
				b.Fatal("missing")
			}
		}
		one := time.Since(t)
		b.ReportMetric(open.Seconds(), "open-s")
		b.ReportMetric(missing.Seconds(), "missing-5M-s")
		b.ReportMetric(bulk.Seconds(), "locate-200k-s")
		b.ReportMetric(one.Seconds()*1e9/1000/128, "find-ns/segment")
		r.Close()
	}
}

// BenchmarkRowsTo gathers every row of a segment, in order and shuffled, and
// compares with a copy of as many bytes.
func BenchmarkRowsTo(b *testing.B) {
	const n, dim, block = 100_000, 384, 1000
	c, err := Create(filepath.Join(benchDir(b), "cache"), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	s := testSpace(b, dim)
	keys := benchKeys(n, 1)
	fill(b, c, s, keys, 1)
	r, err := c.Reader(s)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	refs := make([]Ref, n)
	if r.Locate(keys, refs) != 0 {
		b.Fatal("missing")
	}
	sorted := make([]Ref, n)
	for i := range sorted {
		sorted[i] = Ref{1, uint32(i)}
	}
	dst := make([]float32, block*dim)
	pass := func(refs []Ref) time.Duration {
		t := time.Now()
		for i := 0; i < n; i += block {
			if err := r.RowsTo(dst, refs[i:i+block]); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(t)
	}
	b.ReportMetric(pass(sorted).Seconds()*1e9/n, "first-ns/row")
	src := make([]float32, n*dim)
	copy(bytesOf(src), r.segments[0].emb)
	var plain, inOrder, shuffled time.Duration
	for b.Loop() {
		t := time.Now()
		for i := 0; i < n; i += block {
			copy(dst, src[i*dim:(i+block)*dim])
		}
		plain += time.Since(t)
		inOrder += pass(sorted)
		shuffled += pass(refs)
	}
	b.ReportMetric(plain.Seconds()/inOrder.Seconds(), "in-order-of-copy")
	b.ReportMetric(plain.Seconds()/shuffled.Seconds(), "shuffled-of-copy")
}

// sums are eight sums side by side, so that memory, not the latency of an
// addition, sets the pace.
type sums [8]float32

// add adds x, whose length is a multiple of eight.
func (s *sums) add(x []float32) {
	s0, s1, s2, s3, s4, s5, s6, s7 := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	for ; len(x) >= 8; x = x[8:] {
		s0 += x[0]
		s1 += x[1]
		s2 += x[2]
		s3 += x[3]
		s4 += x[4]
		s5 += x[5]
		s6 += x[6]
		s7 += x[7]
	}
	*s = sums{s0, s1, s2, s3, s4, s5, s6, s7}
}

// BenchmarkScan adds up every value of a sealed segment of 256 MiB, in
// blocks of rows, and compares with the sum over a mapped plain file of the
// same size. Both are in the page cache.
func BenchmarkScan(b *testing.B) {
	const n, dim, block = 170_000, 384, 128
	dir := benchDir(b)
	c, err := Create(filepath.Join(dir, "cache"), &Options{SegmentBytes: 1 << 40})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	s := testSpace(b, dim)
	keys := benchKeys(n, 1)
	fill(b, c, s, keys, 1)
	seg, err := os.ReadFile(segments(b, c, s)[0])
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "plain"), seg, 0o666); err != nil {
		b.Fatal(err)
	}
	seg = nil
	f, err := os.Open(filepath.Join(dir, "plain"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	data, err := mapFile(f, 4*n*dim)
	if err != nil {
		b.Fatal(err)
	}
	defer unmap(data)
	r, err := c.Reader(s)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	refs := make([]Ref, n)
	for i := range refs {
		refs[i] = Ref{1, uint32(i)}
	}
	var total sums
	scan := func() time.Duration {
		t := time.Now()
		for i := 0; i < n; i += block {
			m := min(block, n-i)
			if err := r.Each(refs[i:i+m], func(_ int, rows []float32) { total.add(rows) }); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(t)
	}
	plain := func() time.Duration {
		t := time.Now()
		total.add(floatsOf(data))
		return time.Since(t)
	}
	plain()
	first := scan() // every checksum is checked
	var ours, theirs []time.Duration
	for b.Loop() {
		for range 5 {
			ours, theirs = append(ours, scan()), append(theirs, plain())
		}
	}
	if total != total {
		b.Fatal("a sum is NaN")
	}
	p := median(theirs)
	b.ReportMetric(4*n*dim/1e9/p.Seconds(), "plain-GB/s")
	b.ReportMetric(p.Seconds()/median(ours).Seconds(), "of-plain")
	b.ReportMetric(p.Seconds()/first.Seconds(), "first-of-plain")
}

func median(ds []time.Duration) time.Duration {
	slices.Sort(ds)
	return ds[len(ds)/2]
}
