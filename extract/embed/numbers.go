package embed

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/headstart-ml/headstart/extract/numbers"
	"github.com/headstart-ml/headstart/extract/numpy"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

// A batch of numbers has so many of them, and so many samples, at most.
const (
	batchNumbers    = 1 << 19
	maxNumbersBatch = 256
)

// Numbers prepares arrays of numbers, .npy files of one sample each.
type Numbers struct {
	feeds []models.Input
	spec  *models.NumbersSpec
	size  int
}

func newNumbers(spec *models.Spec, b Batching, _ *Stats) (Modality, error) {
	contract, ok := spec.Contract.(*models.NumbersSpec)
	if !ok {
		return nil, fmt.Errorf("backbone %s: its contract is none of numbers", spec.Name)
	}
	if b.Size == 0 {
		b.Size = max(1, min(maxNumbersBatch, batchNumbers/contract.Len()))
	}
	return &Numbers{feeds: spec.Feeds(), spec: contract, size: b.atMost(b.Size)}, nil
}

// Plan cuts jobs into batches of one size.
func (m *Numbers) Plan(jobs []*Job) [][]*Job { return slices.Collect(slices.Chunk(jobs, m.size)) }

// Fit returns the size of a batch, or how many jobs there are.
func (m *Numbers) Fit(jobs []*Job) int { return min(m.size, len(jobs)) }

// Shape returns that of the input for n samples.
func (m *Numbers) Shape(n int) []int64 { return append([]int64{int64(n)}, m.spec.Shape...) }

// NewBatch returns a *NumbersBatch.
func (m *Numbers) NewBatch(stats *Stats) Batch { return &NumbersBatch{Numbers: m, stats: stats} }

// NumbersBatch is one worker's memory for numbers.
type NumbersBatch struct {
	*Numbers
	stats *Stats
	input tensor.View // of the largest batch so far
	good  []*Job
}

// Fill writes the values of jobs, those that are good one after the other.
func (b *NumbersBatch) Fill(jobs []*Job) ([]*Job, []tensor.View, int) {
	start := time.Now()
	b.good = b.good[:0]
	each := b.spec.Len()
	in := b.feeds[0]
	if n := len(jobs) * each; len(b.input.F32)+len(b.input.I64)+len(b.input.I32) < n {
		b.input = tensor.View{Name: in.Name}
		switch in.DType {
		case "i64":
			b.input.I64 = make([]int64, n)
		case "i32":
			b.input.I32 = make([]int32, n)
		default:
			b.input.F32 = make([]float32, n)
		}
	}
	for _, j := range jobs {
		if err := b.RowTo(&b.input, len(b.good), j.Content); err != nil {
			j.fail(err)
			continue
		}
		b.good = append(b.good, j)
	}
	b.stats.Stages.Decode.Add(start)
	if len(b.good) == 0 {
		return nil, nil, 0
	}
	n := len(b.good)
	return b.good, []tensor.View{{Name: in.Name, Shape: b.Shape(n), F32: first(b.input.F32, n*each), I64: first(b.input.I64, n*each), I32: first(b.input.I32, n*each)}}, 0
}

// RowTo writes what the backbone gets of a content to row k of an input.
func (b *NumbersBatch) RowTo(input *tensor.View, k int, content []byte) error {
	each := b.spec.Len()
	return numbers.To(numbers.Row{F32: nth(input.F32, k, each), I64: nth(input.I64, k, each), I32: nth(input.I32, k, each)}, b.spec, content)
}

func first[T any](values []T, n int) []T {
	if values == nil {
		return nil
	}
	return values[:n]
}

func nth[T any](values []T, k, each int) []T {
	if values == nil {
		return nil
	}
	return values[k*each : (k+1)*each]
}

// madeNumbers returns numbers about zero, of a graph that takes whole numbers
// zeros and ones, which may be indices.
func madeNumbers(spec *models.Spec, r *rand.Rand) ([]byte, error) {
	contract, ok := spec.Contract.(*models.NumbersSpec)
	if !ok {
		return nil, fmt.Errorf("its contract is none of numbers")
	}
	b := numpy.Header("<f4", contract.Shape...)
	for range contract.Len() {
		x := r.NormFloat64()
		if contract.DType != "f32" {
			x = float64(r.IntN(2))
		}
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(x)))
	}
	return b, nil
}
