package embed

import (
	"fmt"
	"slices"
	"time"

	"github.com/headstart-ml/headstart/extract/image"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

const (
	// defaultImageBatch keeps a core's caches warm; larger batches are no
	// faster on a CPU.
	defaultImageBatch = 4

	// decodeBytes bounds what decoded images may hold at once, apart from one
	// image that is larger than that.
	decodeBytes = 1 << 30
)

// Images prepares image files.
type Images struct {
	layout   string // "nchw" or "nhwc"
	feeds    []models.Input
	pre      *image.Preprocessor
	size     int
	decoding *Budget
}

func newImages(spec *models.Spec, b Batching, _ *Stats) (Modality, error) {
	contract, ok := spec.Contract.(*models.ImageSpec)
	if !ok {
		return nil, fmt.Errorf("backbone %s: its contract is none of images", spec.Name)
	}
	p, err := image.New(contract, &image.Options{MaxPixels: spec.MaxPixels})
	if err != nil {
		return nil, err
	}
	if contract.Inside {
		return &Whole{feeds: spec.Feeds(), pre: p, decoding: NewBudget(decodeBytes)}, nil
	}
	if b.Size == 0 {
		b.Size = defaultImageBatch
	}
	return &Images{layout: contract.Layout, feeds: spec.Feeds(), pre: p, size: b.atMost(b.Size), decoding: NewBudget(decodeBytes)}, nil
}

// Plan cuts jobs into batches of one size.
func (m *Images) Plan(jobs []*Job) [][]*Job {
	return slices.Collect(slices.Chunk(jobs, m.size))
}

// Fit returns the size of a batch, or how many jobs there are.
func (m *Images) Fit(jobs []*Job) int { return min(m.size, len(jobs)) }

// NewBatch returns an *ImageBatch.
func (m *Images) NewBatch(stats *Stats) Batch {
	w, h := m.pre.Size()
	return &ImageBatch{Images: m, stats: stats, each: 3 * w * h}
}

// Shape returns that of the input for n images.
func (m *Images) Shape(n int) []int64 {
	w, h := m.pre.Size()
	if m.layout == "nhwc" {
		return []int64{int64(n), int64(h), int64(w), 3}
	}
	return []int64{int64(n), 3, int64(h), int64(w)}
}

// ImageBatch is one worker's memory for images.
type ImageBatch struct {
	*Images
	stats  *Stats
	each   int       // values of one image
	pixels []float32 // those of the largest batch so far
	good   []*Job
}

// Fill decodes jobs, each within the budget of decoded images.
func (b *ImageBatch) Fill(jobs []*Job) ([]*Job, []tensor.View, int) {
	start := time.Now()
	b.good = b.good[:0]
	if n := len(jobs) * b.each; len(b.pixels) < n {
		b.pixels = make([]float32, n)
	}
	for _, j := range jobs {
		n := len(b.good)
		err := b.decode(j, func() (image.Notes, error) {
			values, view := b.pixels[n*b.each:(n+1)*b.each], image.View{Key: j.Key, Number: j.View}
			if j.Crop == nil {
				return b.pre.ViewTo(values, j.Content, view)
			}
			w, h := b.pre.Size()
			*j.Crop = Crop{w, h, make([]uint8, b.each)}
			notes, err := b.pre.ViewCropTo(j.Crop.Levels, j.Content, view)
			if err != nil {
				return notes, err
			}
			if !b.pre.Levels() {
				return b.pre.ViewTo(values, j.Content, view)
			}
			return notes, b.pre.ValuesTo(values, j.Crop.Levels)
		})
		if err != nil {
			j.fail(err)
			continue
		}
		b.good = append(b.good, j)
	}
	b.stats.Stages.Decode.Add(start)
	return b.good, []tensor.View{{Name: b.feeds[0].Name, Shape: b.Shape(len(b.good)), F32: b.pixels[:len(b.good)*b.each]}}, 0
}

// decode calls do, which decodes the content of j, within the budget.
func (b *ImageBatch) decode(j *Job, do func() (image.Notes, error)) error {
	weight, err := b.pre.Weigh(j.Content)
	if err != nil {
		return err
	}
	held := b.decoding.Take(weight)
	defer b.decoding.Give(held)
	notes, err := do()
	if err != nil {
		return err
	}
	b.stats.note(notes)
	return nil
}

// note counts what is remarkable about an image.
func (s *Stats) note(n image.Notes) {
	if n.Alpha {
		s.Transparent.Add(1)
	}
	if n.Grey16 {
		s.Grey16.Add(1)
	}
}

// Levels tells whether ValuesTo computes what the backbone gets from CropTo's
// levels; where it does not hold, PixelsTo computes it.
func (b *ImageBatch) Levels() bool { return b.pre.Levels() }

// PixelsTo decodes the content of j and writes what the backbone gets of it to
// dst.
func (b *ImageBatch) PixelsTo(dst []float32, j *Job) error {
	return b.decode(j, func() (image.Notes, error) {
		return b.pre.ViewTo(dst, j.Content, image.View{Key: j.Key, Number: j.View})
	})
}

// CropTo decodes the content of j and writes its pixels before they are
// normalised, height×width×3 levels, to dst.
func (b *ImageBatch) CropTo(dst []uint8, j *Job) error {
	return b.decode(j, func() (image.Notes, error) {
		return b.pre.ViewCropTo(dst, j.Content, image.View{Key: j.Key, Number: j.View})
	})
}

// ValuesTo writes what the backbone gets of such pixels to dst.
func (b *ImageBatch) ValuesTo(dst []float32, crop []uint8) error { return b.pre.ValuesTo(dst, crop) }
