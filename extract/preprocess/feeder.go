// Package preprocess shows what a backbone is fed, sample by sample: the very
// inputs that an extraction would give its session, of each sample alone. It
// needs the backbone's contract, and no runtime.
//
// A [Feeder] prepares one sample, in memory; [Write] goes through a source and
// writes what comes of it: images and numbers as files in a folder, texts as
// JSON lines.
package preprocess

import (
	"fmt"
	"slices"
	"time"

	"github.com/headstart-ml/headstart/extract"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

// Prepared is what a backbone is fed for one sample.
type Prepared struct {
	// Inputs are those of the graph, in its order, for a batch of this sample
	// alone: nothing is padded. They are valid until the Feeder is used again.
	Inputs []tensor.View
	IDs    []int32     // the tokens of a text, or of its first window
	More   [][]int32   // those of each window behind it, of a text that is read in several
	Crop   *embed.Crop // an image before its values are normalised; nil for others
	Cut    bool        // a text of which the backbone gets only the beginning

	Bad  string // why there is nothing else, "" if there is
	Kind string // of that reason, see extract.Row
}

// Input returns the first of f's inputs that has a role of models.Input, nil
// for none.
func (d *Feeder) Input(f *Prepared, role string) *tensor.View {
	for _, in := range d.spec.Feeds() {
		if in.Role != role {
			continue
		}
		if i := slices.IndexFunc(f.Inputs, func(v tensor.View) bool { return v.Name == in.Name }); i >= 0 {
			return &f.Inputs[i]
		}
	}
	return nil
}

// Feeder prepares samples for a backbone. It holds the memory of one goroutine.
type Feeder struct {
	spec     *models.Spec
	modality embed.Modality
	batch    embed.Batch
	stats    *embed.Stats
}

// New returns a feeder of spec, which counts in stats what is remarkable about
// samples, and times. nil is allowed for stats.
func New(spec *models.Spec, stats *embed.Stats) (*Feeder, error) {
	if stats == nil {
		stats = new(embed.Stats)
	}
	m, err := embed.NewModality(spec, embed.Batching{Size: 1}, stats)
	if err != nil {
		return nil, fmt.Errorf("preprocess: %w", err)
	}
	return &Feeder{spec, m, m.NewBatch(stats), stats}, nil
}

// beside returns a feeder for another goroutine.
func (d *Feeder) beside() *Feeder {
	return &Feeder{d.spec, d.modality, d.modality.NewBatch(d.stats), d.stats}
}

// Content prepares a content: an image file, a text, or a .npy file of one
// sample.
func (d *Feeder) Content(content []byte) *Prepared {
	if len(content) == 0 {
		return &Prepared{Bad: "empty", Kind: extract.KindEmpty}
	}
	job := &embed.Job{Content: content}
	if d.spec.Modality == models.Image {
		job.Crop = new(embed.Crop)
	}
	f := new(Prepared)
	for _, jobs := range d.modality.Plan([]*embed.Job{job}) {
		_, f.Inputs, _ = d.batch.Fill(jobs)
	}
	if job.Bad != "" {
		return &Prepared{Bad: job.Bad, Kind: job.Kind}
	}
	f.IDs, f.More, f.Crop, f.Cut = job.IDs, job.More, job.Crop, job.Cut
	return f
}

// window prepares a window of a text.
func (d *Feeder) window(ids []int32) *Prepared {
	f := &Prepared{IDs: ids}
	_, f.Inputs, _ = d.batch.Fill([]*embed.Job{{IDs: ids}})
	return f
}

// Sample reads a sample and prepares it. An error is one of the machine, which
// does not make the sample bad.
func (d *Feeder) Sample(s *source.Sample) (*Prepared, error) {
	start := time.Now()
	content, err := s.Read(source.MaxContent)
	d.stats.Stages.Read.Add(start)
	if failed := source.Failure(s, err); failed != nil {
		return nil, fmt.Errorf("preprocess: %w", failed)
	}
	if err != nil {
		return &Prepared{Bad: err.Error(), Kind: embed.KindOf(err)}, nil
	}
	return d.Content(content), nil
}
