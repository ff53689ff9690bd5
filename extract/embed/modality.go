package embed

import (
	"fmt"
	"math/rand/v2"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

// A Modality knows how one kind of sample becomes the backbone's input. Its
// methods may be called from several goroutines.
type Modality interface {
	// Plan looks at jobs and cuts them into batches. A job that turns out to be
	// bad gets its reason and is in no batch.
	Plan(jobs []*Job) (batches [][]*Job)
	// Fit returns how many of the first of jobs, which were planned, make one
	// batch; at least one.
	Fit(jobs []*Job) int
	// NewBatch returns the memory of one worker, which counts in stats what is
	// remarkable about samples.
	NewBatch(stats *Stats) Batch
}

// A Batch is one worker's input memory, used again for each batch.
type Batch interface {
	// Fill prepares jobs and returns those that are good, in the order of the
	// rows of inputs. tokens is the padded length, 0 where there are none.
	Fill(jobs []*Job) (good []*Job, inputs []tensor.View, tokens int)
}

// Batching says how large batches are.
type Batching struct {
	Size int // samples a batch; 0: chosen by modality, texts by tokens
	Most int // and not more; 0: any number
}

// modalities has an entry for each modality: to run one more is a file with
// these three, and a line.
var modalities = map[models.Modality]struct {
	create func(spec *models.Spec, b Batching, stats *Stats) (Modality, error)
	window int                                                   // how many samples travel together in a run
	madeUp func(spec *models.Spec, r *rand.Rand) ([]byte, error) // makes a sample up, for probes
}{
	models.Image:   {newImages, 256, madeImage},
	models.Text:    {newTexts, 4096, madeText}, // a window is sorted by length
	models.Numbers: {newNumbers, 4096, madeNumbers},
}

// Window returns how many samples of a modality should travel together: so many
// that what is sorted in a window is worth it, and no more.
func Window(m models.Modality) int { return modalities[m].window }

// NewModality returns the modality of spec, which counts in stats.
func NewModality(spec *models.Spec, b Batching, stats *Stats) (Modality, error) {
	m, ok := modalities[spec.Modality]
	if !ok {
		return nil, fmt.Errorf("backbone %s: modality %q is none that is known", spec.Name, spec.Modality)
	}
	return m.create(spec, b, stats)
}

// atMost bounds a batch size.
func (b Batching) atMost(n int) int {
	if b.Most > 0 {
		n = min(n, b.Most)
	}
	return n
}
