package extract

import (
	"context"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/models"
)

// Plan says what a run would do.
type Plan struct {
	Samples    int64
	Cached     int64
	Missing    int64 // distinct contents that would be embedded
	Duplicates int64
	Bad        int64 // samples that cannot be read; what cannot be decoded shows only in the run
	Seconds    float64
}

// Survey reads every sample of src as Run does and counts what the cache c
// lacks; a nil cache lacks everything. To tell how long that would take it
// sends a few of the missing samples through backbone, counted in stats as
// check rows, and keeps nothing.
func Survey(ctx context.Context, spec *models.Spec, backbone embed.Backbone, c *cache.Cache, src Source, stats *Stats, settings *Settings) (*Plan, error) {
	if settings == nil {
		settings = new(Settings)
	}
	if stats == nil {
		stats = new(Stats)
	}
	taps, err := newTaps(spec)
	if err != nil {
		return nil, err
	}
	m, err := newModality(spec, settings, taps, stats)
	if err != nil {
		return nil, err
	}
	var held *readers
	if c != nil {
		if held, err = openReaders(c, taps); err != nil {
			return nil, err
		}
		defer held.close()
	}
	r := &run{
		ctx: ctx, spec: spec, backbone: backbone, modality: m, settings: settings, stats: stats,
		cache: c, taps: taps, readers: held, src: src, pending: make(map[cache.Key]*embed.Job),
	}
	p := new(Plan)
	var each float64 // seconds a sample on one worker
	timed := false
	for !r.srcDone {
		w, err := r.nextWindow()
		if err != nil {
			return nil, err
		}
		for i := range w.rows {
			switch {
			case w.rows[i].bad != "":
				p.Bad++
			case w.rows[i].job == nil:
				p.Cached++
			case w.rows[i].duplicate:
				p.Duplicates++
			}
		}
		p.Samples += int64(len(w.rows))
		p.Missing += int64(len(w.jobs))
		if !timed && len(w.jobs) > 0 {
			// Batches of texts are sorted by length: those in the middle stand
			// for the rest.
			trial := m.Plan(w.jobs)
			timed = len(trial) > 0
			if err := r.begin(); err != nil {
				return nil, err
			}
			middle := len(trial) / 2
			if each, err = r.time(trial[middle:min(middle+3, len(trial))]); err != nil {
				return nil, err
			}
		}
		for _, j := range w.jobs {
			j.Content, j.IDs = nil, nil
		}
	}
	p.Seconds = each * float64(p.Missing) / float64(settings.workers())
	return p, nil
}

// time returns the seconds that one sample of the batches takes on one worker.
// The first batch is run once more than it is timed: it pays for loading.
func (r *run) time(batches [][]*embed.Job) (float64, error) {
	if len(batches) == 0 {
		return 0, nil
	}
	if len(r.spec.BatchDependent) > 0 {
		batches = embed.Singly(batches)
	}
	e := checker(r)
	var start time.Time
	rows := 0
	for i, jobs := range append(batches[:1:1], batches...) {
		if i == 1 {
			start = time.Now()
		}
		good, _, err := e.Embed(r.ctx, jobs)
		if err != nil {
			return 0, wrap(r.ctx, err)
		}
		if i > 0 {
			rows += len(good)
		}
	}
	if rows == 0 {
		return 0, nil
	}
	return time.Since(start).Seconds() / float64(rows), nil
}
