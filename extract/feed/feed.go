// Package feed feeds a network behind a cut with the samples of a feature set,
// in any order, again and again.
package feed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/tensor"
)

// Feed gives a network that is retrained behind a cut what it is fed, for rows
// of a feature set, in any order, again and again. What it gives is what a run
// would have seen at the cut: the same bytes, the same preprocessing. Of images
// it can give random views instead, which see image.View.
//
// Its methods are for one goroutine at a time; FillTo works on several.
type Feed struct {
	spec     *models.Spec
	cut      string
	shape    []int64 // of the cut's tensor
	each     int     // values of a sample at the cut, or of a token of one
	perToken bool
	left     bool // texts are padded on the left
	cached   Rows
	refs     []cache.Ref // of each content, in cached

	found    *Contents
	modality embed.Modality
	prefixed bool // the backbone up to the cut can be run
	workers  []*worker
	batching embed.Batches

	stats   embed.Stats
	rows    atomic.Int64 // that went through the backbone
	decoded atomic.Int64
	room    atomic.Int64 // bytes that may still be held
	memory  int64
	mu      sync.Mutex
	held    map[item]kept // what need not be decoded or computed again
}

// Options say where the network begins, and what leads there.
type Options struct {
	// Cut is the tensor at which the network begins. "" means the backbone's
	// inputs.
	Cut string
	// Shape is that of the cut's tensor: -1 for the batch and, as the second
	// dimension, for the tokens of a text.
	Shape []int64
	// Prefix runs the backbone up to the cut, on the inputs of the spec, in
	// their order; it is called from several goroutines. nil if Cut is "", or
	// if Cached is set and no view is asked for.
	Prefix embed.Backbone
	// Cached has the values at the cut: those of a tap of it that is flat, or
	// none where it is samples×values. nil: Prefix computes them, too. Those of
	// views Prefix always computes.
	Cached Rows
	// Memory is how many bytes may be held of what was decoded or computed, so
	// that it need not be again. 0 means 1 GiB; below 0 nothing is held.
	Memory int64
	// Threads is how many goroutines decode and compute. 0 means GOMAXPROCS.
	Threads int
}

// Rows are the rows of a space. A *cache.Reader has them.
type Rows interface {
	Locate(keys []cache.Key, refs []cache.Ref) (missing int)
	RowsTo(dst []float32, refs []cache.Ref) error
}

var _ Rows = (*cache.Reader)(nil)

// batchBytes is how large the values at the cut of a batch may be.
const batchBytes = 32 << 20

// defaultMemory is the default of Options.Memory.
const defaultMemory = 1 << 30

// item is what is fed for a row.
type item struct {
	content int // in Contents.all
	view    int // of an image; 0: as it is
}

// kept is what is held of an item.
type kept struct {
	crop   []uint8   // of an image
	pixels []float32 // of an image whose backbone gets more than levels
	values []float32 // at the cut
}

// worker is the memory of one goroutine.
type worker struct {
	*embed.Embedder
	crop []uint8
	row  []int64
}

// New makes a Feed for the samples of a feature set, whose row i has the id
// ids[i] and the key keys[i]. It goes through src, the source that the set was
// made from, once, and reads texts; images it reads when they are needed, so
// src must stay open. A sample that is gone, or a text that has changed, is a
// *StaleError. src may be nil where o.Cached is set and nothing but the cut's
// tensor is fed. nil options are the defaults. Several feeds of one set share
// what Find returns.
func New(ctx context.Context, spec *models.Spec, src Source, ids []string, keys []cache.Key, o *Options) (*Feed, error) {
	if o == nil {
		o = new(Options)
	}
	f, err := newFeed(spec, o)
	if err == nil && len(ids) != len(keys) {
		err = fmt.Errorf("%d ids and %d keys", len(ids), len(keys))
	}
	if err == nil && src == nil && o.Cached == nil {
		err = errors.New("there is no source")
	}
	if err != nil {
		return nil, fmt.Errorf("feed: backbone %s: %w", spec.Name, err)
	}
	c := newContents(spec, f.modality, ids, keys)
	if err := f.take(c); err != nil {
		return nil, err
	}
	if src == nil {
		return f, nil
	}
	if err := c.find(ctx, src, ids, len(f.workers)); err != nil {
		return nil, err
	}
	return f, nil
}

// Feed makes a Feed for the samples that were found, which any number of feeds
// share. spec differs from the one of Find in its taps alone: its graph is that
// up to the cut, if o has a Prefix. nil options are the defaults.
func (c *Contents) Feed(spec *models.Spec, o *Options) (*Feed, error) {
	if o == nil {
		o = new(Options)
	}
	f, err := newFeed(spec, o)
	if err != nil {
		return nil, fmt.Errorf("feed: backbone %s: %w", spec.Name, err)
	}
	if err := f.take(c); err != nil {
		return nil, err
	}
	return f, nil
}

// take makes c the contents of f, and finds them in the cache.
func (f *Feed) take(c *Contents) error {
	f.found = c
	if f.cached == nil {
		return nil
	}
	distinct := make([]cache.Key, len(c.all))
	for i := range c.all {
		distinct[i] = c.all[i].key
	}
	f.refs = make([]cache.Ref, len(distinct))
	if n := f.cached.Locate(distinct, f.refs); n > 0 {
		return fmt.Errorf("feed: backbone %s: the cache lacks %d of %d rows at %s; extract with that tap computes them", f.spec.Name, n, len(distinct), f.cut)
	}
	return nil
}

// newFeed checks the options and makes what does not depend on samples.
func newFeed(spec *models.Spec, o *Options) (*Feed, error) {
	f := &Feed{spec: spec, cut: o.Cut, shape: o.Shape, each: 1, cached: o.Cached, prefixed: o.Prefix != nil, memory: o.Memory, held: make(map[item]kept)}
	if f.memory == 0 {
		f.memory = defaultMemory
	}
	if text, ok := spec.Contract.(*models.TextSpec); ok {
		f.left = text.Padding == "left"
	}
	f.room.Store(max(0, f.memory))
	most := 0
	switch {
	case o.Cut == "" && (o.Shape != nil || o.Prefix != nil || o.Cached != nil):
		return nil, errors.New("there is no cut, so nothing leads to it")
	case o.Cut != "" && o.Prefix == nil && o.Cached == nil:
		return nil, fmt.Errorf("cut %s: either the backbone up to it or cached rows are needed", o.Cut)
	case o.Cut != "":
		if len(o.Shape) < 2 || o.Shape[0] != -1 {
			return nil, fmt.Errorf("cut %s: shape %v, must be -1 for the batch and at least one dimension more", o.Cut, o.Shape)
		}
		for i, d := range o.Shape[1:] {
			if d == -1 && i == 0 && spec.Modality == models.Text && o.Cached == nil {
				f.perToken = true
				continue
			}
			if d < 1 || d > math.MaxInt32 || int64(f.each)*d > math.MaxInt32 {
				return nil, fmt.Errorf("cut %s: shape %v: dimension %d is not fixed, or too large", o.Cut, o.Shape, i+1)
			}
			f.each *= int(d)
		}
		if !f.perToken {
			most = max(1, batchBytes/(4*f.each))
		}
	}
	var err error
	if f.modality, err = embed.NewModality(spec, embed.Batching{Most: most}, &f.stats); err != nil {
		return nil, err
	}
	prefix := *spec
	prefix.Taps = []models.Tap{{Output: o.Cut, Shape: o.Shape}}
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	for range threads {
		f.workers = append(f.workers, &worker{Embedder: embed.New(&prefix, f.modality, o.Prefix, &f.stats, &embed.Options{Rows: &f.rows})})
	}
	if len(spec.BatchDependent) > 0 {
		f.batching = embed.Alone
	}
	return f, nil
}

// sideBySide is the function sideBySide on the workers of f.
func (f *Feed) sideBySide(ctx context.Context, n int, do func(w *worker, i int) error) error {
	return sideBySide(ctx, len(f.workers), n, func(w, i int) error { return do(f.workers[w], i) })
}

// N returns the number of rows.
func (f *Feed) N() int { return len(f.found.at) }

// Tokens returns the number of tokens of a row before it is padded, 0 for what
// is no text.
func (f *Feed) Tokens(row int) int { return len(f.found.all[f.found.at[row]].ids) }

// Cost is what a Feed has done so far.
type Cost struct {
	Computed int64   // rows that went through the backbone up to the cut, those of checks too
	Decoded  int64   // images and numbers that were read and decoded
	Seconds  float64 // that goroutines spent on both
	Held     int64   // contents, and views of them, that need not be computed or decoded again
	Bytes    int64   // that these take
}

// Cost returns what was decoded and computed so far.
func (f *Feed) Cost() Cost {
	s := &f.stats.Stages
	return Cost{
		Computed: f.rows.Load(), Decoded: f.decoded.Load(),
		Seconds: s.Read.Seconds() + s.Decode.Seconds() + s.Infer.Seconds(),
		Held:    int64(len(f.held)), Bytes: max(0, f.memory) - f.room.Load(),
	}
}

// FillTo fills inputs, so that row k of each is of rows[k]; a row may be there
// several times. Inputs are the cut's tensor or the inputs of the spec, by
// name, and their first dimension is len(rows). Tokens beyond those of a row,
// up to the tensor's second dimension, are padding: zeros at the cut and in the
// mask. A row longer than that dimension, an image whose file has changed, and
// a value at the cut that is not finite, are errors; the inputs are undefined
// then.
func (f *Feed) FillTo(ctx context.Context, inputs []tensor.View, rows []int) error {
	return f.FillViewsTo(ctx, inputs, rows, nil)
}

// FillViewsTo is FillTo for views of images: row k is of view views[k] of
// rows[k], and 0 is the image as it is; nil means that all are. At a cut, what
// is computed beside views is computed one by one, so that it does not depend
// on what is held.
func (f *Feed) FillViewsTo(ctx context.Context, inputs []tensor.View, rows, views []int) error {
	if err := f.fillTo(ctx, inputs, rows, views); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("feed: %w", err)
	}
	return nil
}

func (f *Feed) fillTo(ctx context.Context, inputs []tensor.View, rows, views []int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if views != nil && len(views) != len(rows) {
		return fmt.Errorf("%d views of %d rows", len(views), len(rows))
	}
	longest := 0
	items := make([]item, len(rows))
	for k, row := range rows {
		if row < 0 || row >= len(f.found.at) {
			return fmt.Errorf("row %d: there are %d", row, len(f.found.at))
		}
		items[k].content = f.found.at[row]
		if views != nil {
			items[k].view = views[k]
		}
		if err := f.checkView(items[k].view); err != nil {
			return fmt.Errorf("row %d: view %d: %w", row, items[k].view, err)
		}
		longest = max(longest, f.Tokens(row))
	}
	for i := range inputs {
		t := &inputs[i]
		fill, err := f.check(t, len(rows), longest)
		if err == nil {
			err = fill(ctx, t, items)
		}
		if err != nil {
			return fmt.Errorf("input %s: %w", t.Name, err)
		}
	}
	return nil
}

// checkView says why there is no such view.
func (f *Feed) checkView(view int) error {
	switch {
	case view == 0:
		return nil
	case view < 0:
		return errors.New("they are numbered from 0 on")
	case f.spec.Modality != models.Image:
		return fmt.Errorf("%s have none", f.spec.Modality.Plural())
	case !f.found.sourced:
		return errors.New("there is no source that the image could be read from")
	case f.cut != "" && !f.prefixed:
		return fmt.Errorf("it cannot be computed without the backbone up to %s", f.cut)
	}
	return nil
}

// check checks the shape of an input for n rows, the longest of which has that
// many tokens, and returns what fills it.
func (f *Feed) check(t *tensor.View, n, longest int) (func(context.Context, *tensor.View, []item) error, error) {
	var want []int64 // -1: tokens
	fill := f.fillCut
	floats := true
	if f.cut != "" && t.Name == f.cut {
		want = slices.Clone(f.shape)
	} else {
		k := slices.IndexFunc(f.spec.Inputs, func(in models.Input) bool { return in.Name == t.Name })
		if k < 0 {
			return nil, errors.New("the network has no such input")
		}
		if !f.found.sourced {
			return nil, errors.New("there is no source that it could be read from")
		}
		if images, ok := f.modality.(*embed.Images); ok {
			want = images.Shape(n)
			fill = f.fillPixels
		} else if numbers, ok := f.modality.(*embed.Numbers); ok {
			want, floats = numbers.Shape(n), f.spec.Inputs[k].DType == "f32"
			fill = f.fillNumbers
		} else {
			want, floats = []int64{0, -1}, false
			fill = func(_ context.Context, t *tensor.View, items []item) error {
				return f.fillTokens(t, items, f.spec.Inputs[k].Role)
			}
		}
	}
	want[0] = int64(n)
	values := n
	fits := len(t.Shape) == len(want) && t.Shape[0] == want[0]
	for i := 1; i < len(want) && fits; i++ {
		if want[i] < 0 {
			fits = t.Shape[i] >= int64(longest)
		} else {
			fits = t.Shape[i] == want[i]
		}
		values *= int(t.Shape[i])
	}
	if !fits {
		return nil, fmt.Errorf("shape %v does not fit %v, with at least %d tokens for -1", t.Shape, want, longest)
	}
	has := len(t.F32)
	if !floats {
		has = len(t.I64) + len(t.I32)
	}
	if has != values {
		return nil, fmt.Errorf("%d values of the right type for shape %v", has, t.Shape)
	}
	return fill, nil
}

// fillTokens fills an input of a text with the given role.
func (f *Feed) fillTokens(t *tensor.View, items []item, role string) error {
	w := f.workers[0]
	texts := w.Batch().(*embed.TextBatch)
	n := int(t.Shape[1])
	for k, it := range items {
		ids := f.found.all[it.content].ids
		if t.I64 != nil {
			texts.FillRow(t.I64[k*n:(k+1)*n], ids, role)
			continue
		}
		w.row = slices.Grow(w.row[:0], n)[:n]
		texts.FillRow(w.row, ids, role)
		for i, v := range w.row {
			t.I32[k*n+i] = int32(v)
		}
	}
	return nil
}

// places are the items that are needed, each once, and where each goes.
func places(items []item) (needed []item, places map[item][]int) {
	places = make(map[item][]int, len(items))
	for k, it := range items {
		if places[it] == nil {
			needed = append(needed, it)
		}
		places[it] = append(places[it], k)
	}
	return needed, places
}

// fillPixels fills an input with images.
func (f *Feed) fillPixels(ctx context.Context, t *tensor.View, items []item) error {
	needed, places := places(items)
	each := len(t.F32) / max(1, len(items))
	return f.sideBySide(ctx, len(needed), func(w *worker, i int) error {
		to := places[needed[i]]
		first := t.F32[to[0]*each : (to[0]+1)*each]
		if err := f.pixelsTo(first, w, needed[i]); err != nil {
			return err
		}
		for _, k := range to[1:] {
			copy(t.F32[k*each:(k+1)*each], first)
		}
		return nil
	})
}

// fillNumbers fills an input with numbers.
func (f *Feed) fillNumbers(ctx context.Context, t *tensor.View, items []item) error {
	return f.sideBySide(ctx, len(items), func(w *worker, k int) error {
		c := &f.found.all[items[k].content]
		data, err := f.read(c)
		if err != nil {
			return err
		}
		defer f.stats.Stages.Decode.Add(time.Now())
		if err := w.Batch().(*embed.NumbersBatch).RowTo(t, k, data); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		f.decoded.Add(1)
		return nil
	})
}

// pixelsTo writes what the backbone gets of an image.
func (f *Feed) pixelsTo(dst []float32, w *worker, it item) error {
	b := w.Batch().(*embed.ImageBatch)
	held := f.holding(it)
	switch {
	case held.pixels != nil:
		copy(dst, held.pixels)
		return nil
	case held.crop != nil:
		return b.ValuesTo(dst, held.crop)
	}
	c := &f.found.all[it.content]
	data, err := f.read(c)
	if err != nil {
		return err
	}
	defer f.stats.Stages.Decode.Add(time.Now())
	job := &embed.Job{Key: c.key, Content: data, View: it.view}
	if !b.Levels() {
		if err := b.PixelsTo(dst, job); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		f.decoded.Add(1)
		f.hold(it, kept{pixels: dst})
		return nil
	}
	w.crop = slices.Grow(w.crop[:0], len(dst))[:len(dst)]
	if err := b.CropTo(w.crop, job); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	f.decoded.Add(1)
	f.hold(it, kept{crop: w.crop})
	return b.ValuesTo(dst, w.crop)
}

// read reads what is no text, which must have its key.
func (f *Feed) read(c *content) ([]byte, error) {
	defer f.stats.Stages.Read.Add(time.Now())
	data, err := c.sample.Read(source.MaxContent)
	if err == nil && cache.KeyOf(string(f.spec.Modality), data) != c.key {
		err = errChanged
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	return data, nil
}

// hold keeps a copy of what there is of an item, if there is room for it.
func (f *Feed) hold(it item, k kept) {
	bytes := int64(len(k.crop) + 4*len(k.pixels) + 4*len(k.values))
	if f.room.Add(-bytes) < 0 {
		f.room.Add(bytes)
		return
	}
	crop, pixels, values := slices.Clone(k.crop), slices.Clone(k.pixels), slices.Clone(k.values)
	f.mu.Lock()
	defer f.mu.Unlock()
	k = f.held[it]
	if crop != nil {
		k.crop = crop
	}
	if pixels != nil {
		k.pixels = pixels
	}
	if values != nil {
		k.values = values
	}
	f.held[it] = k
}

// holding returns what is held of an item.
func (f *Feed) holding(it item) kept {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held[it]
}

// fillCut fills the cut's tensor.
func (f *Feed) fillCut(ctx context.Context, t *tensor.View, items []item) error {
	each := len(t.F32) / max(1, len(items))
	if f.cached != nil {
		if err := f.fillCached(t.F32, items, each); err != nil {
			return err
		}
	}
	needed, places := places(items)
	put := func(it item, values []float32) {
		for _, k := range places[it] {
			row := t.F32[k*each : (k+1)*each]
			clear(row)
			if f.left {
				row = row[len(row)-len(values):]
			}
			copy(row, values)
		}
	}
	var jobs []*embed.Job
	of := make(map[*embed.Job]item)
	for _, it := range needed {
		if it.view == 0 && f.cached != nil {
			continue
		}
		if values := f.holding(it).values; values != nil {
			put(it, values)
			continue
		}
		c := &f.found.all[it.content]
		j := &embed.Job{Key: c.key, IDs: c.ids, View: it.view}
		jobs = append(jobs, j)
		of[j] = it
	}
	batches, err := f.batches(ctx, jobs, of)
	if err != nil {
		return err
	}
	return f.sideBySide(ctx, len(batches), func(w *worker, i int) error {
		return f.activate(ctx, w, batches[i], of, func(j *embed.Job, values []float32) {
			put(of[j], values)
			f.hold(of[j], kept{values: values})
		})
	})
}

// fillCached writes the values of what is no view to the places of these items.
func (f *Feed) fillCached(dst []float32, items []item, each int) error {
	for i := 0; i < len(items); {
		if items[i].view != 0 {
			i++
			continue
		}
		first := i
		var refs []cache.Ref
		for ; i < len(items) && items[i].view == 0; i++ {
			refs = append(refs, f.refs[items[i].content])
		}
		if err := f.cached.RowsTo(dst[first*each:i*each], refs); err != nil {
			return err
		}
	}
	return nil
}

// batches cuts jobs into batches as a run does: one at a time if the backbone
// depends on its batch, and where there are views: what else is in a batch goes
// by what is held, and a training that goes on later holds nothing.
func (f *Feed) batches(ctx context.Context, jobs []*embed.Job, of map[*embed.Job]item) ([][]*embed.Job, error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	if slices.ContainsFunc(jobs, func(j *embed.Job) bool { return j.View != 0 }) {
		return embed.Singly([][]*embed.Job{jobs}), nil
	}
	var batches [][]*embed.Job
	if texts, ok := f.modality.(*embed.Texts); ok {
		batches = texts.Cut(jobs)
	} else {
		batches = f.modality.Plan(jobs)
	}
	if f.batching == embed.Undecided && len(jobs) > 1 {
		if err := f.independence(ctx, embed.Spread(jobs, embed.Probed), of); err != nil {
			return nil, err
		}
	}
	if f.batching != embed.Together {
		batches = embed.Singly(batches)
	}
	return batches, nil
}

// independence computes some jobs together and each alone.
func (f *Feed) independence(ctx context.Context, jobs []*embed.Job, of map[*embed.Job]item) error {
	beside := make(map[*embed.Job][]float32)
	w := f.workers[0]
	err := f.activate(ctx, w, jobs, of, func(j *embed.Job, values []float32) { beside[j] = slices.Clone(values) })
	differ := false
	for _, one := range embed.Singly([][]*embed.Job{jobs}) {
		if err == nil {
			err = f.activate(ctx, w, one, of, func(j *embed.Job, values []float32) { differ = differ || embed.Apart(values, beside[j]) })
		}
	}
	if err != nil {
		return err
	}
	f.batching = embed.Together
	if differ {
		f.batching = embed.Alone
	}
	return nil
}

// activate runs the backbone up to the cut on a batch and calls take with the
// values of each job, those of its own tokens; they are take's only until it
// returns.
func (f *Feed) activate(ctx context.Context, w *worker, jobs []*embed.Job, of map[*embed.Job]item, take func(j *embed.Job, values []float32)) error {
	if f.spec.Modality != models.Text {
		for _, j := range jobs {
			data, err := f.read(&f.found.all[of[j].content])
			if err != nil {
				return err
			}
			j.Content = data
		}
		f.decoded.Add(int64(len(jobs)))
	}
	err := w.Activations(ctx, jobs, func(j *embed.Job, values []float32) {
		if !finite(values) {
			j.Bad = "the backbone gave a value that is not finite"
			return
		}
		take(j, values)
	})
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if j.Content = nil; j.Bad != "" {
			return fmt.Errorf("%s: %s", f.found.all[of[j].content].name, j.Bad)
		}
	}
	return nil
}

func finite(row []float32) bool {
	return !slices.ContainsFunc(row, func(v float32) bool {
		return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0)
	})
}

var errChanged = errors.New("its content has changed")
