// Package extract turns samples into embeddings with a frozen backbone and
// puts what is missing into a cache.
//
// A run goes through its source in windows. For each sample of a window the
// key is found (from the stat cache, or by reading and hashing the content),
// keys that the cache lacks become jobs, jobs are cut into batches, workers
// prepare a batch, run the backbone and pool its output, and one writer
// appends the vectors to the cache. A sample is finished when its vector is
// durable; finished windows reach the sink in the source's order.
//
//	source ─▶ key ─ in the cache? ─▶ sink
//	           └─ no ─▶ job ─▶ batch ─▶ backbone ─▶ pooled vector ─▶ cache ─▶ sink
//
// Before the first row is computed, some cached samples are embedded again and
// compared with the cache (a canary: the runtime or the machine may have
// changed), and some new ones are embedded together and each alone (a backbone
// whose rows depend on the batch is run one sample at a time).
//
// Memory is bounded by construction: at most four windows are on their way,
// those that are read ahead in search of a canary among them, a window closes
// early when its contents, or the rows that the sink is given, grow large,
// images are decoded within a fixed budget, and so are rows on their way to the
// cache. A row of a tap may have 4 MB; batches and self-checks have fewer then.
package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// Source yields samples in order, then io.EOF.
type Source interface {
	Next() (*source.Sample, error)
}

// Sink takes finished samples, in the source's order. The slice and its
// embeddings are the sink's only until Take returns.
type Sink interface {
	Take(rows []Row) error
}

// nowhere is the sink of rows that only the cache keeps.
type nowhere struct{}

var _ Sink = nowhere{}

// Take takes nothing.
func (nowhere) Take([]Row) error { return nil }

// Row is a finished sample.
type Row struct {
	Sample    *source.Sample
	Key       cache.Key
	Bad       string    // why there is no embedding, "" if there is one
	Kind      string    // of that reason: one of image and source, or ""
	Embedding []float32 // dim values, only with Settings.Embeddings
	// Cut says that the sample is a text that is longer than the backbone
	// takes, which got its beginning only.
	Cut bool
}

// Settings of a run. The zero value of each field is its default.
type Settings struct {
	Threads    int  // workers; 0: GOMAXPROCS
	BatchSize  int  // samples a batch; 0: chosen by modality, texts by tokens
	Embeddings bool // give the sink the embeddings, not only the keys

	// Provenance is called once, when the first row is about to be computed:
	// what it returns is written into the cache's segments, as what computed
	// them, and its error ends the run before anything is computed. nil: they
	// do not say.
	Provenance func() (map[string]string, error)
	// StatCache saves reading files that have not changed; nil: every file is
	// read.
	StatCache *cache.StatCache
	// Recovered is called if an earlier run ended before its time and left rows
	// behind, which are kept, or damage, which is put aside; nil: nobody is
	// told.
	Recovered func(cache.Recovery)
	// Damaged is called with rows and segments of the cache that turned out to
	// be damaged: what is needed of them is computed again; nil: nobody is
	// told.
	Damaged func([]cache.Problem)
	// Unwritable is called with the reason if the cache cannot be written. If
	// it returns nil, the run goes on, and what is missing is computed and not
	// kept; else the run ends with its error. nil: it ends with an
	// *UnwritableError.
	Unwritable func(reason error) error
	// Acknowledged is called with the keys of rows once they are durable; nil:
	// nobody is told.
	Acknowledged func(keys []cache.Key)
	// OneByOne is called, at most once, if the backbone's rows depend on their
	// batch, so that samples are run one at a time. operators are those of
	// Spec.BatchDependent, nil if the rows showed it; nil: nobody is told.
	OneByOne func(operators []string)
}

func (s *Settings) workers() int {
	if s.Threads > 0 {
		return s.Threads
	}
	return runtime.GOMAXPROCS(0)
}

const (
	windowBytes  = 32 << 20 // a window is closed when its contents reach this
	windowsAhead = 2        // windows prepared beside the one being finished
	// The jobs of this run that are remembered are bounded: then the writer
	// seals, and the sealed segments answer instead.
	rememberedKeys  = 1 << 19   // contents, of which only the keys are kept
	rememberedBytes = 256 << 20 // where their embeddings are kept, too
	rememberedJob   = 200       // bytes of such a job, without its embedding

	batchBytes  = 32 << 20 // rows of a batch
	checkBytes  = 64 << 20 // rows that a check keeps of either kind
	groupBytes  = 8 << 20  // rows of several batches that go to the cache as one
	flightBytes = 64 << 20 // rows that wait for the cache, apart from each worker's
)

// Run sends every sample of src through backbone that c does not hold yet, and
// every sample to sink. A nil c holds nothing and keeps nothing; a nil sink
// takes nothing. stats is filled as it goes; nil is allowed. When ctx ends,
// what is durable stays, and Run returns ctx's error within the time of one
// batch. If the backbone does not give the rows any more that the cache has,
// the error is a *DriftError.
func Run(ctx context.Context, spec *models.Spec, backbone embed.Backbone, c *cache.Cache, src Source, sink Sink, stats *Stats, settings *Settings) error {
	if settings == nil {
		settings = new(Settings)
	}
	if stats == nil {
		stats = new(Stats)
	}
	if sink == nil {
		sink = nowhere{}
	}
	taps, err := newTaps(spec)
	if err != nil {
		return err
	}
	writers, readers, err := attach(c, taps, settings)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{
		ctx: ctx, cancel: cancel,
		spec: spec, backbone: backbone, settings: settings, stats: stats,
		cache: c, taps: taps, writers: writers, readers: readers,
		src: src, sink: sink,
		checks:  newChecks(readers),
		pending: make(map[cache.Key]*embed.Job),
		batches: make(chan batch),
		results: make(chan result, 2*settings.workers()),
		windows: make(chan *window, windowsAhead),
		flight:  embed.NewBudget(flightBytes),
	}
	err = r.loop()
	r.release()
	r.closeReaders()
	if r.writers == nil {
		return err
	}
	if err != nil {
		// The journal stays as it is: what was acknowledged is in it, and the
		// next start seals it.
		r.writers.abandon()
		return err
	}
	return r.writers.close()
}

// run is one call of Run.
type run struct {
	ctx    context.Context
	cancel context.CancelCauseFunc

	spec     *models.Spec
	backbone embed.Backbone
	modality embed.Modality // nil until something has to be computed
	settings *Settings
	stats    *Stats

	cache   *cache.Cache
	taps    *taps
	writers *writers // nil: nothing is kept
	readers *readers // nil: the cache holds nothing

	src     Source
	srcDone bool
	sink    Sink

	checks checks
	by     map[string]string // what computes; see Settings.Provenance
	ahead  []*window         // read already, not yet on their way

	pending map[cache.Key]*embed.Job // jobs of this run that the reader does not know
	sent    []*window                // on their way, or emitted and not yet forgotten

	batches chan batch
	results chan result
	windows chan *window
	flight  *embed.Budget // of the rows in results
	keys    []cache.Key   // memory of the writer
	rows    []float32
	last    *window // the newest window
	largest int64   // size of the largest content so far
}

// batch is what one worker embeds at once.
type batch struct {
	jobs   []*embed.Job
	window *window // that the jobs are of
}

// result is one batch's vectors on their way to the cache.
type result struct {
	batch
	rows []float32 // len(jobs)×dim
	held int64     // bytes of run.flight
}

// loop runs the stages side by side until the source is at its end and
// everything has reached the sink, or one of them fails.
func (r *run) loop() error {
	var stages, workers sync.WaitGroup
	for range r.settings.workers() {
		workers.Go(func() { r.guard(r.work) })
	}
	stages.Go(func() {
		workers.Wait()
		close(r.results)
	})
	stages.Go(func() { r.write() })
	stages.Go(func() { r.guard(r.emit) })
	r.guard(r.produce)
	close(r.batches)
	close(r.windows)
	stages.Wait()
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	return nil
}

// newModality returns what prepares the samples of a run.
func newModality(spec *models.Spec, settings *Settings, t *taps, stats *Stats) (embed.Modality, error) {
	m, err := embed.NewModality(spec, embed.Batching{Size: settings.BatchSize, Most: t.atMost(math.MaxInt, batchBytes)}, &stats.Stats)
	if err != nil {
		return nil, fmt.Errorf("extract: %w", err)
	}
	return m, nil
}

// checker returns an embedder for self-checks: its rows are check rows, and
// what is remarkable about its samples is not counted a second time.
func checker(r *run) *embed.Embedder {
	return embed.New(r.spec, r.modality, r.backbone, &r.stats.Stats, &embed.Options{Rows: &r.stats.CheckRows, Round: r.taps.round, Recounted: true})
}

// wrap says of an error of embedding where it comes from, unless ctx has ended.
func wrap(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("extract: %w", err)
}

// guard ends the run when a stage fails.
func (r *run) guard(stage func() error) {
	if err := stage(); err != nil {
		r.cancel(err)
	}
}

// produce cuts the source into windows and the windows into batches.
func (r *run) produce() error {
	for {
		r.forget()
		w, err := r.nextAhead()
		if err != nil || w == nil {
			return err
		}
		if err := r.check(w); err != nil {
			return err
		}
		batches := w.batches
		if r.checks.batching != embed.Together {
			batches = embed.Singly(batches)
		}
		w.expect(batches)
		r.last = w
		r.sent = append(r.sent, w)
		select {
		case r.windows <- w:
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
		for _, b := range batches {
			select {
			case r.batches <- batch{b, w}:
			case <-r.ctx.Done():
				return r.ctx.Err()
			}
		}
	}
}

// nextAhead returns the next window, nil at the end of the source.
func (r *run) nextAhead() (*window, error) {
	if len(r.ahead) > 0 {
		w := r.ahead[0]
		r.ahead = r.ahead[1:]
		return w, nil
	}
	if r.srcDone {
		return nil, nil
	}
	if r.remembersEnough() {
		if err := r.settle(); err != nil {
			return nil, err
		}
	}
	w, err := r.readWindow()
	if err != nil || len(w.rows) == 0 {
		return nil, err
	}
	return w, nil
}

// readWindow reads a window and plans its batches.
func (r *run) readWindow() (*window, error) {
	w, err := r.nextWindow()
	if err != nil {
		return nil, err
	}
	if len(w.jobs) > 0 {
		if err := r.prepare(); err != nil {
			return nil, err
		}
		w.batches = r.modality.Plan(w.jobs)
		for _, j := range slices.Concat(w.batches...) {
			r.stats.Progress.Planned.Add(cost(j))
		}
	}
	r.stats.Progress.Read.Add(int64(len(w.rows)))
	r.checks.note(w)
	return w, nil
}

// begin asks what is going to compute the rows, and lets the writers say so.
// None has written anything yet: a run that finds every row never asks.
func (r *run) begin() (err error) {
	if r.settings.Provenance == nil {
		return nil
	}
	if r.by, err = r.settings.Provenance(); err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	if r.writers == nil {
		return nil
	}
	if err := r.writers.close(); err != nil {
		return err
	}
	if r.writers, err = openWriters(r.cache, r.taps, r.settings, r.by); err != nil {
		r.writers = nil
	}
	return err
}

// prepare makes what prepares samples, unless it is there.
func (r *run) prepare() (err error) {
	if r.modality == nil {
		r.modality, err = newModality(r.spec, r.settings, r.taps, r.stats)
	}
	return err
}

// remembersEnough says that the jobs of this run are to be settled. It depends
// on their number alone, since it decides what is sealed together.
func (r *run) remembersEnough() bool {
	if r.settings.Embeddings {
		return len(r.pending)*(rememberedJob+4*r.taps.dim) > rememberedBytes
	}
	return len(r.pending) > rememberedKeys
}

// whole and cut stand for all jobs that have an embedding and have reached the
// sink. Nobody changes them.
var whole, cut = new(embed.Job), &embed.Job{Cut: true}

// forget lets go of the jobs of windows that have reached the sink, of which a
// content that comes again needs only that it was there. Embeddings are kept
// where they are asked for.
func (r *run) forget() {
	for len(r.sent) > 0 {
		w := r.sent[0]
		select {
		case <-w.emitted:
		default:
			return
		}
		r.sent = r.sent[1:]
		if r.settings.Embeddings {
			continue
		}
		for _, j := range w.jobs {
			switch {
			case r.pending[j.Key] != j || j.Bad != "":
			case j.Cut:
				r.pending[j.Key] = cut
			default:
				r.pending[j.Key] = whole
			}
		}
	}
}

// settle waits until every window has reached the sink, seals what was
// written and lets the reader see it, so that the jobs can be forgotten.
func (r *run) settle() error {
	select {
	case <-r.last.emitted:
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	if r.writers == nil {
		clear(r.pending) // a content that comes again is computed again
		return nil
	}
	// Nothing is on its way, so the writers' goroutine is idle.
	if err := r.writers.close(); err != nil {
		return err
	}
	w, err := openWriters(r.cache, r.taps, r.settings, r.by)
	if err != nil {
		return err
	}
	r.writers = w
	held, err := openReaders(r.cache, r.taps)
	if err != nil {
		return err
	}
	r.closeReaders()
	r.readers = held
	clear(r.pending)
	return nil
}

// closeReaders says what the readers found damaged, and closes them unless
// their rows are still to be compared.
func (r *run) closeReaders() {
	if r.readers == nil {
		return
	}
	if damaged := r.readers.corrupt(); r.settings.Damaged != nil && len(damaged) > 0 {
		r.settings.Damaged(damaged)
	}
	if r.readers != r.checks.old {
		r.readers.close()
	}
}

// work is one worker: it prepares batches, runs the backbone and pools.
func (r *run) work() error {
	var e *embed.Embedder
	for b := range r.batches {
		if r.ctx.Err() != nil {
			continue
		}
		if e == nil {
			e = embed.New(r.spec, r.modality, r.backbone, &r.stats.Stats, &embed.Options{Rows: &r.stats.BackboneRows, Round: r.taps.round})
		}
		_, rows, err := e.Embed(r.ctx, b.jobs)
		if err != nil {
			return wrap(r.ctx, err)
		}
		held := r.flight.Take(4 * int64(len(rows)))
		r.results <- result{b, rows, held}
	}
	return nil
}

// write appends results to the cache, several batches in one frame where they
// have queued up, and tells their windows. It goes on after the run has ended:
// what has been computed is kept, unless it turned out to be of another kind
// than what is there.
func (r *run) write() {
	var failed bool
	for first := range r.results {
		group, size := []result{first}, 4*len(first.rows)
	more:
		for len(group) < 16 && size < groupBytes {
			select {
			case next, ok := <-r.results:
				if !ok {
					break more
				}
				group, size = append(group, next), size+4*len(next.rows)
			default:
				break more
			}
		}
		if _, drift := errors.AsType[*DriftError](context.Cause(r.ctx)); !failed && !drift {
			if err := r.writeGroup(group); err != nil {
				failed = true
				r.cancel(err)
			}
		}
		for _, g := range group {
			r.flight.Give(g.held)
		}
	}
}

// writeGroup appends the rows of a group and marks its jobs as done.
func (r *run) writeGroup(group []result) error {
	keys, rows := r.keys[:0], group[0].rows
	if len(group) > 1 {
		rows = r.rows[:0]
	}
	for _, g := range group {
		for _, j := range g.jobs {
			if j.Bad == "" {
				keys = append(keys, j.Key)
			}
		}
		if len(group) > 1 {
			rows = append(rows, g.rows...)
		}
	}
	if r.keys = keys; len(group) > 1 {
		r.rows = rows
	}
	if len(keys) > 0 {
		if err := r.append(keys, rows); err != nil {
			return err
		}
	}
	for _, g := range group {
		for _, j := range g.jobs {
			g.window.done(j, r.settings.Embeddings, &r.stats.Progress)
		}
	}
	return nil
}

// emit hands finished windows to the sink, in order.
func (r *run) emit() error {
	for w := range r.windows {
		select {
		case <-w.finished:
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
		if err := r.finish(w); err != nil {
			return err
		}
		close(w.emitted)
	}
	return nil
}

// append makes rows durable, unless nothing is kept, and says so.
func (r *run) append(keys []cache.Key, rows []float32) error {
	defer r.stats.Stages.Write.Add(time.Now())
	if r.writers != nil {
		if err := r.writers.append(keys, rows, r.readers); err != nil {
			return err
		}
	}
	r.stats.Computed.Add(int64(len(keys)))
	if r.writers != nil && r.settings.Acknowledged != nil {
		r.settings.Acknowledged(keys)
	}
	return nil
}

// next returns the source's next sample, nil at its end.
func (r *run) next() (*source.Sample, error) {
	s, err := r.src.Next()
	if err == io.EOF {
		r.srcDone = true
		return nil, nil
	}
	return s, err
}
