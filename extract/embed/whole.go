package embed

import (
	"fmt"
	"time"

	"github.com/headstart-ml/headstart/extract/image"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

// Whole prepares image files for a graph that resizes them itself: each is a
// batch of its own, decoded and not resized.
type Whole struct {
	feeds    []models.Input
	pre      *image.Preprocessor
	decoding *Budget
}

// errTogether is the reason of an image beyond the first of a batch.
var errTogether = fmt.Errorf("images of any size are run one by one")

// errView is the reason of a random view.
var errView = fmt.Errorf("there are no random views of images that the graph resizes itself")

// Plan makes a batch of each job.
func (m *Whole) Plan(jobs []*Job) [][]*Job { return Singly([][]*Job{jobs}) }

// Fit returns 1.
func (m *Whole) Fit([]*Job) int { return 1 }

// NewBatch returns a *WholeBatch.
func (m *Whole) NewBatch(stats *Stats) Batch { return &WholeBatch{m, stats} }

// WholeBatch decodes one image at a time.
type WholeBatch struct {
	*Whole
	stats *Stats
}

// Fill decodes the first of jobs that can be, within the budget of decoded
// images; the ones behind it are bad.
func (b *WholeBatch) Fill(jobs []*Job) (good []*Job, inputs []tensor.View, tokens int) {
	start := time.Now()
	for _, j := range jobs {
		if len(good) > 0 {
			j.fail(errTogether)
			continue
		}
		w, err := b.decode(j)
		if err != nil {
			j.fail(err)
			continue
		}
		if j.Crop != nil {
			*j.Crop = Crop{w.Width, w.Height, w.Levels}
		}
		good = append(good, j)
		inputs = []tensor.View{{Name: b.feeds[0].Name, Shape: []int64{1, int64(w.Height), int64(w.Width), 3}, U8: w.Levels}}
	}
	b.stats.Stages.Decode.Add(start)
	return good, inputs, 0
}

// decode decodes the content of j within the budget.
func (b *WholeBatch) decode(j *Job) (w image.Whole, err error) {
	if j.View != 0 {
		return w, errView
	}
	weight, err := b.pre.Weigh(j.Content)
	if err != nil {
		return w, err
	}
	width, height, err := b.pre.Pixels(j.Content)
	if err != nil {
		return w, err
	}
	held := b.decoding.Take(weight + 3*int64(width)*int64(height))
	defer b.decoding.Give(held)
	w, notes, err := b.pre.Whole(j.Content)
	if err == nil {
		b.stats.note(notes)
	}
	return w, err
}
