package fit

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"sync/atomic"
	"testing"
)

// dense is a matrix in memory, n×d. It counts the rows that are read.
type dense struct {
	d      int
	values []float32
	read   atomic.Int64
}

func (x *dense) N() int { return len(x.values) / x.d }
func (x *dense) D() int { return x.d }
func (x *dense) BlockTo(dst []float32, lo, hi int) error {
	if len(dst) != (hi-lo)*x.d {
		return fmt.Errorf("room for %d values, rows %d to %d have %d", len(dst), lo, hi, (hi-lo)*x.d)
	}
	x.read.Add(int64(hi - lo))
	copy(dst, x.values[lo*x.d:hi*x.d])
	return nil
}

func (x *dense) row(i int) []float32 { return x.values[i*x.d : (i+1)*x.d] }

// near fails unless got is within tol of want, relative to want if it is larger
// than 1.
func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*max(1, math.Abs(want))) {
		t.Errorf("%s: got %v, want %v (within %g)", what, got, want, tol)
	}
}

// golden is testdata/small.json, which testdata/generate.py writes.
type golden struct {
	Labels []string
	Path   []struct {
		L2            float64
		Objective     float64
		Probabilities []float64 // of every third row
	}
	NearestCentroid []string `json:"nearest_centroid"` // of every third row
}

// small returns the golden features (600×64) and what scikit-learn says about
// them. Every third row is in the test part.
func small(t *testing.T) (*dense, *golden) {
	t.Helper()
	f, err := os.Open("testdata/small.f32.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	x := &dense{d: 64, values: make([]float32, len(raw)/4)}
	for i := range x.values {
		x.values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	text, err := os.ReadFile("testdata/small.json")
	if err != nil {
		t.Fatal(err)
	}
	g := &golden{}
	if err := json.Unmarshal(text, g); err != nil {
		t.Fatal(err)
	}
	return x, g
}
