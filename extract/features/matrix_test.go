package features_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/features"
)

// row is the embedding that the tests' caches hold of a key in a space.
func row(s *cache.Space, k cache.Key) []float32 {
	r := make([]float32, s.Dim())
	for i := range r {
		r[i] = float32(k[i%32]) + float32(len(s.JSON()))/1000 + float32(i)
	}
	return r
}

// fill writes rows of keys to the cache in dir, as sealed segments.
func fill(t testing.TB, dir string, s *cache.Space, keys []cache.Key) {
	t.Helper()
	c, err := cache.Create(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := c.Writer(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	var rows []float32
	for _, k := range keys {
		rows = append(rows, row(s, k)...)
	}
	if err := w.Append(keys, rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// open opens the cache in dir, and checks in the end that it is in order.
func open(t testing.TB, dir string) *cache.Cache {
	t.Helper()
	c, err := cache.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func verify(t testing.TB, dir string) {
	t.Cleanup(func() {
		c, err := cache.Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Verify(context.Background(), cache.Full, func(p cache.Problem) { t.Errorf("cache: %+v", p) }); err != nil {
			t.Error(err)
		}
	})
}

func matrix(t testing.TB, dir string, sets ...*features.Set) (*features.Matrix, error) {
	t.Helper()
	var names []string
	for i := range sets {
		names = append(names, fmt.Sprintf("set%d.features", i))
	}
	table, err := features.Join(sets, names)
	if err != nil {
		t.Fatal(err)
	}
	m, err := table.Matrix(open(t, dir))
	if err == nil {
		t.Cleanup(func() { m.Close() })
	}
	return m, err
}

// Rows come in the table's order and spaces beside each other, whatever their
// order in the cache and however many segments it has.
func TestMatrix(t *testing.T) {
	const n = 500
	dir := filepath.Join(t.TempDir(), "cache")
	verify(t, dir)
	ids := numbered(0, n)
	a := plainSet(t, "a", 3, ids...)
	b := plainSet(t, "b", 2, slices.Concat(ids[7:], ids[:7])...) // in another order
	two := space(t, "c", 1)
	b.Meta.Spaces = append(b.Meta.Spaces, two.JSON())
	b.Keys[3] = b.Keys[4] // two samples of one content
	sa, sb := space(t, "a", 3), space(t, "b", 2)
	fill(t, dir, sa, a.Keys[:200])
	fill(t, dir, sa, a.Keys[150:])
	fill(t, dir, sb, b.Keys)
	fill(t, dir, two, b.Keys)
	m, err := matrix(t, dir, a, b)
	if err != nil {
		t.Fatal(err)
	}
	if m.N() != n || m.D() != 6 {
		t.Fatalf("%d×%d, want %d×6", m.N(), m.D(), n)
	}
	var want []float32
	for i := range n {
		kb := b.Keys[(i+n-7)%n]
		want = append(want, row(sa, a.Keys[i])...)
		want = append(want, row(sb, kb)...)
		want = append(want, row(two, kb)...)
	}
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 50 {
				lo := r.IntN(n + 1)
				hi := lo + r.IntN(n-lo+1)
				dst := make([]float32, (hi-lo)*6)
				if err := m.BlockTo(dst, lo, hi); err != nil {
					t.Errorf("rows %d to %d: %v", lo, hi, err)
				} else if !slices.Equal(dst, want[lo*6:hi*6]) {
					t.Errorf("rows %d to %d differ", lo, hi)
				}
			}
		})
	}
	wait.Wait()
	for _, block := range []struct{ n, lo, hi int }{{5, 0, 1}, {7, 0, 1}, {0, 1, 0}, {6, -1, 0}, {6, n, n + 1}} {
		fails(t, m.BlockTo(make([]float32, block.n), block.lo, block.hi), fmt.Sprintf("rows %d to %d", block.lo, block.hi))
	}
}

// TestMatrixAsStored: rows come as they are stored, float32 and float16 beside
// each other, in whatever order they are asked for, and their order is that
// of the cache's segments.
func TestMatrixAsStored(t *testing.T) {
	const n = 300
	dir := filepath.Join(t.TempDir(), "cache")
	verify(t, dir)
	ids := numbered(0, n)
	a, b := plainSet(t, "a", 3, ids...), plainSet(t, "b", 2, ids...)
	half, err := cache.NewSpace(map[string]any{"model": map[string]any{"sha256": "c"}, "dim": 4, "dtype": "f16"})
	if err != nil {
		t.Fatal(err)
	}
	b.Meta.Spaces = append(b.Meta.Spaces, half.JSON())
	a.Keys[7] = a.Keys[9] // two samples of one content
	fill(t, dir, space(t, "a", 3), a.Keys[:200])
	fill(t, dir, space(t, "a", 3), a.Keys[200:])
	fill(t, dir, space(t, "b", 2), b.Keys)
	fill(t, dir, half, b.Keys)
	m, err := matrix(t, dir, a, b)
	if err != nil {
		t.Fatal(err)
	}
	const d = 9
	want := make([]float32, n*d)
	if err := m.BlockTo(want, 0, n); err != nil {
		t.Fatal(err)
	}
	order := m.Order()
	falls := 0 // of two segments, each in the order of its keys
	for i, r := range order[1:] {
		if c := bytes.Compare(a.Keys[order[i]][:], a.Keys[r][:]); c > 0 || c == 0 && order[i] > r {
			falls++
		}
	}
	if falls != 1 {
		t.Fatalf("two segments are read in %d turns", falls+1)
	}
	if sorted := slices.Sorted(slices.Values(order)); len(sorted) != n || sorted[0] != 0 || sorted[n-1] != n-1 || len(slices.Compact(sorted)) != n {
		t.Fatal("the order is no permutation")
	}
	for _, rows := range [][]int{order, order[10:20], {5, 4, 5, 299}, {}} {
		got := make([]float32, len(rows)*d)
		err := m.Each(rows, func(i, column, width int, wide []float32, half []uint16) {
			if (half != nil) != (column == 5) || (wide != nil) == (half != nil) {
				t.Fatalf("columns from %d: %d float32, %d float16", column, len(wide), len(half))
			}
			for k := range max(len(wide), len(half)) {
				at := (i+k/width)*d + column + k%width
				if half == nil {
					got[at] = wide[k]
				} else if h := half[k]; h>>15 == 0 && h>>10 > 0 { // those of the test are positive
					got[at] = float32(math.Ldexp(float64(h&0x3ff|0x400), int(h>>10)-25))
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range rows {
			if !slices.Equal(got[i*d:(i+1)*d], want[r*d:(r+1)*d]) {
				t.Fatalf("row %d: %v, want %v", r, got[i*d:(i+1)*d], want[r*d:(r+1)*d])
			}
		}
	}
	fails(t, m.Each([]int{1, n}, nil), "row 300 of 300")

	all := make([]float32, n*d)
	if err := m.AllTo(t.Context(), all); err != nil || !slices.Equal(all, want) {
		t.Fatalf("all rows differ: %v", err)
	}
	fails(t, m.AllTo(t.Context(), all[:d]), "9 values do not fit 300×9")
	ended, end := context.WithCancel(t.Context())
	end()
	if err := m.AllTo(ended, all); !errors.Is(err, context.Canceled) {
		t.Fatalf("AllTo when it is too late: %v", err)
	}
}

func TestMatrixMissing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	a, b := plainSet(t, "a", 3, numbered(0, 10)...), plainSet(t, "it's b", 2, numbered(0, 10)...)
	b.Meta.Reading = map[string]string{"text": "name", "alpha": "white"}
	sa := space(t, "a", 3)
	fill(t, dir, sa, a.Keys[:6])
	_, err := matrix(t, dir, a)
	missing, ok := errors.AsType[*features.MissingError](err)
	if !ok {
		t.Fatalf("%v", err)
	}
	want := features.MissingError{
		Set: "set0.features", Space: sa.Fingerprint(), Backbone: "a", Missing: 4, Total: 10,
		Command: "headstart extract --backbone a --out set0.features a.csv",
	}
	if *missing != want {
		t.Errorf("%+v, want %+v", *missing, want)
	}
	fails(t, err, "set0.features", "lacks 4 of 10 rows of a (space "+sa.String()+")", want.Command)

	// Both spaces are named, and writers that have not sealed theirs.
	c, err := cache.Create(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w, err := c.Writer(sa, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Append(a.Keys[6:7], row(sa, a.Keys[6])); err != nil {
		t.Fatal(err)
	}
	_, err = matrix(t, dir, a, b)
	fails(t, err, "lacks 4 of 10 rows of a", "1 writers' rows are not sealed yet", "lacks 10 of 10 rows of it's b",
		`headstart extract --backbone 'it'\''s b' --alpha white --text name --out set1.features 'it'\''s b.csv'`)
}

// A damaged row is an error, not other numbers.
func TestMatrixDamaged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	a := plainSet(t, "a", 3, numbered(0, 10)...)
	fill(t, dir, space(t, "a", 3), a.Keys)
	segments, err := filepath.Glob(filepath.Join(dir, "spaces", "*", "seg", "*.safetensors"))
	if err != nil || len(segments) != 1 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	if err := os.Chmod(segments[0], 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(segments[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff}, 4096+12*4); err != nil { // in row 4 of 10, in the order of keys
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	m, err := matrix(t, dir, a)
	if err != nil {
		t.Fatal(err)
	}
	err = m.BlockTo(make([]float32, 30), 0, 10)
	corrupt, ok := errors.AsType[*cache.CorruptError](err)
	if !ok || !strings.HasSuffix(segments[0], corrupt.Path) {
		t.Fatalf("a damaged row: %v", err)
	}
	fails(t, err, "rows 0 to 10")
}

// 20,000 rows of 384 values, of one space and of two beside each other.
func BenchmarkBlock(b *testing.B) {
	const n, d = 20_000, 384
	dir := filepath.Join(b.TempDir(), "cache")
	one, two := plainSet(b, "a", d, numbered(0, n)...), plainSet(b, "b", d, numbered(0, n)...)
	fill(b, dir, space(b, "a", d), one.Keys)
	fill(b, dir, space(b, "b", d), two.Keys)
	b.Run("one", func(b *testing.B) { benchmarkBlock(b, dir, one) })
	b.Run("two", func(b *testing.B) { benchmarkBlock(b, dir, one, two) })
}

func benchmarkBlock(b *testing.B, dir string, sets ...*features.Set) {
	m, err := matrix(b, dir, sets...)
	if err != nil {
		b.Fatal(err)
	}
	n := m.N()
	dst := make([]float32, n*m.D())
	b.SetBytes(int64(4 * len(dst)))
	for b.Loop() {
		if err := m.BlockTo(dst, 0, n); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
}
