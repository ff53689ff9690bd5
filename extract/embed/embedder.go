package embed

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

// Column is a tap and its place in a row, which holds the embeddings of all
// taps side by side, in the order of Spec.Taps.
type Column struct {
	models.Tap
	Output   int // index of its tensor in Spec.Outputs
	From, To int // of a row
}

// ColumnsOf returns the taps of spec with their places in a row, and the length
// of a row.
func ColumnsOf(spec *models.Spec) (columns []Column, dim int) {
	outputs := spec.Outputs()
	for _, tap := range spec.Taps {
		columns = append(columns, Column{tap, slices.Index(outputs, tap.Output), dim, dim + tap.Dim})
		dim += tap.Dim
	}
	return columns, dim
}

// Options say how an Embedder works. nil means the defaults.
type Options struct {
	// Rows counts what goes through the backbone; nil: nobody counts.
	Rows *atomic.Int64
	// Round sets the values of a row to those that the row will have where it
	// is kept; nil: they stay as they are.
	Round func(row []float32) error
	// Recounted says that the samples were counted in stats already: what is
	// remarkable about them is not counted again.
	Recounted bool
}

// Embedder prepares batches, runs the backbone on them and pools what it gives.
// It holds the memory of one goroutine.
type Embedder struct {
	name     string
	single   bool   // the backbone takes one sample at a time
	left     bool   // texts are padded on the left
	perToken []bool // of each column: its positions are tokens of a text
	modality Modality
	columns  []Column
	dim      int
	backbone Backbone
	batch    Batch
	stats    *Stats
	options  Options
	out      [][]float32 // of each output, used again
}

// New returns an embedder of the samples that m prepares, which counts in
// stats.
func New(spec *models.Spec, m Modality, backbone Backbone, stats *Stats, o *Options) *Embedder {
	e := &Embedder{name: spec.Name, single: spec.Single, modality: m, backbone: backbone, stats: stats}
	e.setColumns(spec)
	if o != nil {
		e.options = *o
	}
	if e.options.Recounted {
		stats = new(Stats)
	}
	e.batch = m.NewBatch(stats)
	return e
}

// setColumns says what the embedder pools, and how.
func (e *Embedder) setColumns(spec *models.Spec) {
	e.columns, e.dim = ColumnsOf(spec)
	for i := range e.columns {
		e.perToken = append(e.perToken, spec.PerToken(&e.columns[i].Tap))
	}
	text, ok := spec.Contract.(*models.TextSpec)
	e.left = ok && text.Padding == "left"
}

// Batch returns the memory for inputs.
func (e *Embedder) Batch() Batch { return e.batch }

// Counting returns e, its memory included, with another counter of rows.
func (e *Embedder) Counting(rows *atomic.Int64) *Embedder {
	other := *e
	other.options.Rows = rows
	return &other
}

// Takes tells whether a job of the batches can be prepared. If none can,
// nothing is going to be computed.
func (e *Embedder) Takes(batches [][]*Job) bool {
	for _, jobs := range batches {
		for _, j := range jobs {
			if good, _, _ := e.batch.Fill([]*Job{{Key: j.Key, Content: j.Content, IDs: j.IDs}}); len(good) > 0 {
				return true
			}
		}
	}
	return false
}

// Embed embeds the jobs of one batch. Each job that could be prepared is in
// good, and has its row, or Bad says why the backbone gave none; the others
// have their reason in Bad. rows holds the rows one after the other.
func (e *Embedder) Embed(ctx context.Context, jobs []*Job) (good []*Job, rows []float32, err error) {
	good, inputs, tokens := e.batch.Fill(jobs)
	if len(good) == 0 {
		return nil, nil, nil
	}
	tensors, err := e.forward(ctx, inputs, len(good), tokens)
	if err != nil {
		return nil, nil, err
	}
	rows = make([]float32, 0, len(good)*e.dim)
	for i, j := range good {
		n := len(rows)
		rows = rows[:n+e.dim]
		if err := e.pool(rows[n:], tensors, i, len(j.IDs)); err != nil {
			j.fail(err)
			rows = rows[:n]
			continue
		}
		j.Row = rows[n:len(rows):len(rows)]
	}
	kept := rows[:0]
	for _, j := range good {
		if j.Row == nil {
			continue
		}
		if len(j.More) > 0 {
			err = e.average(ctx, j)
		}
		if err == nil && e.options.Round != nil {
			if wrong := e.options.Round(j.Row); wrong != nil {
				j.fail(wrong)
			}
		}
		if err != nil {
			return nil, nil, err
		}
		if j.Bad != "" {
			j.Row = nil
			continue
		}
		n := len(kept)
		kept = append(kept, j.Row...)
		j.Row = kept[n:len(kept):len(kept)]
	}
	return good, kept, nil
}

// average makes the row of a text's first window the mean of those of all its
// windows, normalised again where they are. Without an error the job may be bad
// afterwards.
func (e *Embedder) average(ctx context.Context, j *Job) error {
	sum := make([]float64, e.dim)
	add := func(row []float32) {
		for i, v := range row {
			sum[i] += float64(v)
		}
	}
	add(j.Row)
	windows := make([]*Job, len(j.More))
	for i, ids := range j.More {
		windows[i] = &Job{Key: j.Key, IDs: ids}
	}
	row := make([]float32, e.dim)
	for left := windows; len(left) > 0; {
		n := e.modality.Fit(left)
		good, inputs, tokens := e.batch.Fill(left[:n])
		tensors, err := e.forward(ctx, inputs, len(good), tokens)
		if err != nil {
			return err
		}
		for i, w := range good {
			if err := e.pool(row, tensors, i, len(w.IDs)); err != nil {
				j.fail(err)
				return nil
			}
			add(row)
		}
		left = left[n:]
	}
	for i := range sum {
		j.Row[i] = float32(sum[i] / float64(1+len(windows)))
	}
	for k := range e.columns {
		c := &e.columns[k]
		if err := finish(j.Row[c.From:c.To], c.Post); err != nil {
			j.fail(err)
			return nil
		}
	}
	return nil
}

// Again embeds jobs in these batches and leaves the jobs as they are. Each job
// that could be prepared has an entry, which is nil if the backbone gave no row
// that could be used.
func (e *Embedder) Again(ctx context.Context, batches [][]*Job) (map[*Job][]float32, error) {
	rows := make(map[*Job][]float32)
	for _, jobs := range batches {
		copies := make([]*Job, len(jobs))
		original := make(map[*Job]*Job, len(jobs))
		for i, j := range jobs {
			copies[i] = &Job{Key: j.Key, Content: j.Content, IDs: j.IDs, More: j.More}
			original[copies[i]] = j
		}
		good, _, err := e.Embed(ctx, copies)
		if err != nil {
			return nil, err
		}
		for _, c := range good {
			rows[original[c]] = c.Row
		}
	}
	return rows, nil
}

// Activations runs the backbone on one batch and calls take with what it gives
// of the first tap, of each job that could be prepared: values that are not
// pooled, of a text those of its own tokens. They are take's only until it
// returns. A job that could not be prepared has its reason in Bad.
func (e *Embedder) Activations(ctx context.Context, jobs []*Job, take func(j *Job, values []float32)) error {
	good, inputs, tokens := e.batch.Fill(jobs)
	if len(good) == 0 {
		return nil
	}
	tensors, err := e.forward(ctx, inputs, len(good), tokens)
	if err != nil {
		return err
	}
	first := &tensors[e.columns[0].Output]
	for i, j := range good {
		values := first.of(i)
		if shape := e.columns[0].Shape; len(shape) > 1 && shape[1] < 0 {
			own := len(j.IDs) * (first.each / tokens)
			if e.left {
				values = values[len(values)-own:]
			}
			values = values[:own]
		}
		take(j, values)
	}
	return nil
}

// output is what the backbone gives of one tensor.
type output struct {
	values []float32
	each   int // values of one sample
}

// of returns the values of sample i.
func (o *output) of(i int) []float32 { return o.values[i*o.each : (i+1)*o.each] }

// forward runs the backbone on n samples, padded to tokens.
func (e *Embedder) forward(ctx context.Context, inputs []tensor.View, n, tokens int) ([]output, error) {
	count := 0
	for i := range e.columns {
		count = max(count, e.columns[i].Output+1)
	}
	if e.out == nil {
		e.out = make([][]float32, count)
	}
	outputs, tensors := make([]tensor.View, count), make([]output, count)
	for i := range e.columns {
		c := &e.columns[i]
		o := c.Output
		if outputs[o].Shape != nil {
			continue // another tap has the same tensor
		}
		shape, each, err := TapShape(c.Tap, n, tokens)
		if err != nil {
			return nil, fmt.Errorf("backbone %s: %w", e.name, err)
		}
		if cap(e.out[o]) < n*each {
			e.out[o] = make([]float32, n*each)
		}
		tensors[o] = output{e.out[o][:n*each], each}
		outputs[o] = tensor.View{Name: c.Tap.Output, Shape: shape, F32: tensors[o].values}
	}
	start := time.Now()
	err := e.run(ctx, inputs, outputs, n)
	e.stats.Stages.Infer.Add(start)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("backbone %s: %w", e.name, err)
	}
	if e.options.Rows != nil {
		e.options.Rows.Add(int64(n))
	}
	return tensors, nil
}

// run runs the backbone on n samples, one after the other where it takes one at
// a time.
func (e *Embedder) run(ctx context.Context, inputs, outputs []tensor.View, n int) error {
	if !e.single || n == 1 {
		return e.backbone.Run(ctx, inputs, outputs)
	}
	for i := range n {
		if err := e.backbone.Run(ctx, sample(inputs, i, n), sample(outputs, i, n)); err != nil {
			return err
		}
	}
	return nil
}

// sample returns the part of tensors of n samples that is sample i's.
func sample(all []tensor.View, i, n int) []tensor.View {
	part := slices.Clone(all)
	for k := range part {
		v := &part[k]
		v.Shape = slices.Clone(v.Shape)
		v.Shape[0] = 1
		v.F32, v.I64, v.I32, v.U8 = section(v.F32, i, n), section(v.I64, i, n), section(v.I32, i, n), section(v.U8, i, n)
	}
	return part
}

func section[T any](values []T, i, n int) []T {
	if values == nil {
		return nil
	}
	each := len(values) / n
	return values[i*each : (i+1)*each]
}

// pool makes sample i's row, of n tokens, of what the backbone gave.
func (e *Embedder) pool(row []float32, tensors []output, i, n int) error {
	for k := range e.columns {
		c := &e.columns[k]
		part := row[c.From:c.To]
		own := 0
		if e.perToken[k] {
			own = n
		}
		if err := poolTo(part, fieldOf(&c.Tap, tensors[c.Output].of(i), own, e.left), c.Pooling); err != nil {
			return err
		}
		if err := finish(part, c.Post); err != nil {
			return err
		}
	}
	return nil
}
