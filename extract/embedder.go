package extract

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

// embedder prepares batches, runs the backbone on them and pools what it
// gives. It holds the memory of one goroutine.
type embedder struct {
	spec     *models.Spec
	taps     *taps
	backbone Backbone
	batch    batch
	stats    *Stats
	rows     *atomic.Int64 // counts what goes through the backbone
	out      [][]float32   // of each output, used again
}

// worker returns an embedder for the run itself.
func (r *run) worker() *embedder {
	return &embedder{spec: r.spec, taps: r.taps, backbone: r.backbone, batch: r.modality.newBatch(r.stats), stats: r.stats, rows: &r.stats.BackboneRows}
}

// checker returns an embedder for self-checks: its rows are check rows, and
// what is remarkable about its samples is not counted a second time.
func checker(spec *models.Spec, taps *taps, backbone Backbone, m modality, stats *Stats) *embedder {
	return &embedder{spec: spec, taps: taps, backbone: backbone, batch: m.newBatch(new(Stats)), stats: stats, rows: &stats.CheckRows}
}

// embed embeds the jobs of one batch. Each job that could be prepared is in
// good, and has its row, or bad says why the backbone gave none; the others
// have their reason in bad. rows holds the rows one after the other.
func (e *embedder) embed(ctx context.Context, jobs []*job) (good []*job, rows []float32, err error) {
	good, inputs, tokens := e.batch.fill(jobs)
	if len(good) == 0 {
		return nil, nil, nil
	}
	if e.out == nil {
		e.out = make([][]float32, e.taps.outputs)
	}
	outputs := make([]tensor.View, e.taps.outputs)
	each := make([]int, e.taps.outputs) // values of one sample
	for t := range e.taps.all {
		tap := &e.taps.all[t]
		o := tap.output
		if outputs[o].Shape != nil {
			continue // another tap has the same tensor
		}
		var shape []int64
		if shape, each[o], err = tapShape(tap.Tap, len(good), tokens); err != nil {
			return nil, nil, fmt.Errorf("extract: backbone %s: %w", e.spec.Name, err)
		}
		n := len(good) * each[o]
		if cap(e.out[o]) < n {
			e.out[o] = make([]float32, n)
		}
		outputs[o] = tensor.View{Name: tap.Output, Shape: shape, F32: e.out[o][:n]}
	}
	if err := e.infer(ctx, inputs, outputs); err != nil {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		return nil, nil, fmt.Errorf("extract: backbone %s: %w", e.spec.Name, err)
	}
	dim := e.taps.dim
	rows = make([]float32, 0, len(good)*dim)
	for i, j := range good {
		n := len(rows)
		rows = rows[:n+dim]
		err := e.pool(rows[n:], outputs, each, i, len(j.ids))
		if err != nil {
			j.bad = err.Error()
			rows = rows[:n]
			continue
		}
		j.row = rows[n:]
	}
	return good, rows, nil
}

// pool makes sample i's row of what the backbone gave. each is the number of
// values of one sample, n the number of its tokens.
func (e *embedder) pool(row []float32, outputs []tensor.View, each []int, i, n int) error {
	for t := range e.taps.all {
		tap := &e.taps.all[t]
		part := row[tap.from:tap.to]
		o := tap.output
		g := fieldOf(&tap.Tap, outputs[o].F32[i*each[o]:(i+1)*each[o]], n)
		if err := poolTo(part, g, tap.Pooling); err != nil {
			return err
		}
		if err := finish(part, tap.Post); err != nil {
			return err
		}
	}
	return e.taps.round(row) // what the cache will give back
}

// infer runs the backbone on one prepared batch.
func (e *embedder) infer(ctx context.Context, inputs, outputs []tensor.View) error {
	defer e.stats.Stages.Infer.add(time.Now())
	if err := e.backbone.Run(ctx, inputs, outputs); err != nil {
		return err
	}
	e.rows.Add(outputs[0].Shape[0])
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
