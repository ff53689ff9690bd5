package extract

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/models"
)

// embedder prepares batches, runs the backbone on them and pools what it
// gives. It holds the memory of one goroutine.
type embedder struct {
	spec     *models.Spec
	space    *cache.Space
	backbone Backbone
	batch    batch
	stats    *Stats
	rows     *atomic.Int64 // counts what goes through the backbone
	out      []float32
}

// worker returns an embedder for the run itself.
func (r *run) worker() *embedder {
	return &embedder{spec: r.spec, space: r.space, backbone: r.backbone, batch: r.modality.newBatch(r.stats), stats: r.stats, rows: &r.stats.BackboneRows}
}

// checker returns an embedder for self-checks: its rows are check rows, and
// what is remarkable about its samples is not counted a second time.
func checker(spec *models.Spec, space *cache.Space, backbone Backbone, m modality, stats *Stats) *embedder {
	return &embedder{spec: spec, space: space, backbone: backbone, batch: m.newBatch(new(Stats)), stats: stats, rows: &stats.CheckRows}
}

// embed embeds the jobs of one batch. Each job that could be prepared is in
// good, and has its row, or bad says why the backbone gave none; the others
// have their reason in bad. rows holds the rows one after the other.
func (e *embedder) embed(ctx context.Context, jobs []*job) (good []*job, rows []float32, err error) {
	good, inputs, tokens := e.batch.fill(jobs)
	if len(good) == 0 {
		return nil, nil, nil
	}
	shape, each, err := tapShape(e.spec.Tap, len(good), tokens)
	if err != nil {
		return nil, nil, fmt.Errorf("extract: backbone %s: %w", e.spec.Name, err)
	}
	if n := len(good) * each; cap(e.out) < n {
		e.out = make([]float32, n)
	}
	if err := e.infer(ctx, inputs, Tensor{Name: e.spec.Tap.Output, Shape: shape, F32: e.out[:len(good)*each]}); err != nil {
		return nil, nil, err
	}
	dim := e.spec.Tap.Dim
	rows = make([]float32, 0, len(good)*dim)
	for i, j := range good {
		n := len(rows)
		rows = rows[:n+dim]
		err := poolTo(rows[n:], e.out[i*each:(i+1)*each], e.spec.Tap.Pooling, len(j.ids))
		if err == nil {
			err = finish(rows[n:], e.spec.Post)
		}
		if err == nil {
			err = e.space.Round(rows[n:]) // what the cache will give back
		}
		if err != nil {
			j.bad = err.Error()
			rows = rows[:n]
			continue
		}
		j.row = rows[n:]
	}
	return good, rows, nil
}

// infer runs the backbone on one prepared batch.
func (e *embedder) infer(ctx context.Context, inputs []Tensor, output Tensor) error {
	defer e.stats.Stages.Infer.add(time.Now())
	if err := e.backbone.Run(ctx, inputs, output); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("extract: backbone %s: %w", e.spec.Name, err)
	}
	e.rows.Add(output.Shape[0])
	return nil
}

// again embeds jobs in these batches and leaves the jobs as they are. Each
// job that could be prepared has an entry, which is nil if the backbone gave
// no row that could be used.
func (e *embedder) again(ctx context.Context, batches [][]*job) (map[*job][]float32, error) {
	rows := make(map[*job][]float32)
	for _, jobs := range batches {
		copies := make([]*job, len(jobs))
		original := make(map[*job]*job, len(jobs))
		for i, j := range jobs {
			copies[i] = &job{key: j.key, content: j.content, ids: j.ids}
			original[copies[i]] = j
		}
		good, _, err := e.embed(ctx, copies)
		if err != nil {
			return nil, err
		}
		for _, c := range good {
			rows[original[c]] = c.row
		}
	}
	return rows, nil
}

// singly cuts batches into batches of one.
func singly(batches [][]*job) [][]*job {
	var out [][]*job
	for _, jobs := range batches {
		for i := range jobs {
			out = append(out, jobs[i:i+1:i+1])
		}
	}
	return out
}
