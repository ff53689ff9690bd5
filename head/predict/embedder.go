package predict

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/models"
	"github.com/headstart-ml/headstart/models/runtime"
)

// ErrClosed is the error of calls after Close.
var ErrClosed = errors.New("predict: closed")

// BadSampleError says why a sample has no embedding.
type BadSampleError struct{ Reason string }

func (e *BadSampleError) Error() string { return e.Reason }

// BadSamplesError says which samples of a request have no embedding.
type BadSamplesError struct {
	Reasons map[int]string // by the place in the request
	N       int            // samples of the request
}

func (e *BadSamplesError) Error() string {
	var first []string
	for i := 0; i < e.N && len(first) < 3; i++ {
		if reason, ok := e.Reasons[i]; ok {
			first = append(first, fmt.Sprintf("sample %d: %s", i, reason))
		}
	}
	if len(e.Reasons) > len(first) {
		first = append(first, "…")
	}
	return fmt.Sprintf("predict: %d of %d samples are bad: %s", len(e.Reasons), e.N, strings.Join(first, "; "))
}

// Texts returns contents for texts.
func Texts(texts ...string) [][]byte {
	contents := make([][]byte, len(texts))
	for i, t := range texts {
		contents[i] = []byte(t)
	}
	return contents
}

// Embedder turns samples into embeddings with a frozen backbone. Its methods
// may be called from any number of goroutines.
type Embedder struct {
	name     string
	modality models.Modality
	dim      int
	prepare  embed.Modality
	spaces   []*cache.Space // of the columns
	session  *runtime.Lazy
	store    *store   // nil: no cache
	random   []string // operators of the backbone that may draw random numbers

	queue    queue
	workers  sync.WaitGroup
	batches  atomic.Int64 // embed.Batches
	deciding sync.Mutex   // held by the worker that decides about batches
	stats    embed.Stats
	rows     atomic.Int64 // through the backbone
	close    sync.Once
	closeErr error
}

// OpenBackbone opens a backbone: the name of a built-in one, a folder in the
// Hugging Face layout or an ONNX file in one. choice is what is chosen of its
// contract, such as taps; nil means the backbone's own. Options.Backbone is not
// used. The caller closes what is returned.
func OpenBackbone(name string, choice *contract.Choice, o *Options) (*Embedder, error) {
	if o == nil {
		o = new(Options)
	}
	spec, err := choice.Resolve(name, o.Builtin)
	if err != nil {
		return nil, err
	}
	return newEmbedder(spec, o)
}

// newEmbedder opens the backbone that spec describes.
func newEmbedder(spec *models.Spec, o *Options) (*Embedder, error) {
	e, err := idle(spec, o)
	if err != nil {
		return nil, err
	}
	e.start(spec, e.session, o.workers())
	return e, nil
}

// idle returns an embedder with its backbone loaded, and without workers.
func idle(spec *models.Spec, o *Options) (e *Embedder, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.MaxPixels != 0 {
		limited := *spec
		limited.MaxPixels = o.MaxPixels
		spec = &limited
	}
	e = &Embedder{name: spec.Name, modality: spec.Modality, random: spec.Random}
	e.queue.changed.L = &e.queue.mu
	if e.spaces, err = contract.SpacesOf(spec); err != nil {
		return nil, err
	}
	var columns []embed.Column
	columns, e.dim = embed.ColumnsOf(spec)
	if e.prepare, err = embed.NewModality(spec, embed.Batching{Size: o.BatchSize}, &e.stats); err != nil {
		return nil, fmt.Errorf("predict: %w", err)
	}
	if len(spec.BatchDependent) > 0 {
		e.batches.Store(int64(embed.Alone))
	}
	e.session = Session(spec, o)
	if _, err = e.session.Library(); err != nil { // loads the model, of which nothing else is needed
		e.session.Close()
		return nil, fmt.Errorf("predict: backbone %s: %w", spec.Name, err)
	}
	if err := e.repeatable(spec); err != nil {
		e.session.Close()
		return nil, err
	}
	if o.Cache != nil {
		by, err := e.session.Provenance()
		if err == nil {
			e.store, err = openStore(o.Cache, e.spaces, columns, by)
		}
		if err != nil {
			e.session.Close()
			return nil, err
		}
	}
	return e, nil
}

// repeatable runs a made-up sample twice through a backbone that may draw
// random numbers. If it gives two embeddings the error is an
// *embed.RandomError.
func (e *Embedder) repeatable(spec *models.Spec) error {
	if len(spec.Random) == 0 {
		return nil
	}
	probes, err := embed.Probes(spec, 1)
	if err != nil {
		return fmt.Errorf("predict: %w", err)
	}
	var rows [2][]float32
	for i := range rows {
		if rows[i], err = probes[0].Embed(context.Background(), spec, e.session); err != nil {
			return fmt.Errorf("predict: %w", err)
		}
	}
	if embed.Apart(rows[0], rows[1]) {
		return fmt.Errorf("predict: %w", &embed.RandomError{Backbone: spec.Name, Operators: spec.Random})
	}
	return nil
}

// start starts n workers, which run what spec describes.
func (e *Embedder) start(spec *models.Spec, backbone embed.Backbone, n int) {
	columns, _ := embed.ColumnsOf(spec)
	for range n {
		w := embed.New(spec, e.prepare, backbone, &e.stats, &embed.Options{Rows: &e.rows, Round: e.round(columns)})
		e.workers.Go(func() { e.work(w) })
	}
}

// round returns what sets a row to the values that the cache gives back, of an
// embedding that is kept in half the room.
func (e *Embedder) round(columns []embed.Column) func(row []float32) error {
	return func(row []float32) error {
		for i, s := range e.spaces {
			if err := s.Round(row[columns[i].From:columns[i].To]); err != nil {
				return err
			}
		}
		return nil
	}
}

// Dim is the length of an embedding: of all taps side by side.
func (e *Embedder) Dim() int { return e.dim }

// Modality says what the samples are.
func (e *Embedder) Modality() models.Modality { return e.modality }

// Spaces returns the spaces of the embeddings, one a tap.
func (e *Embedder) Spaces() []*cache.Space { return e.spaces }

// BackboneRows is how many samples went through the backbone so far, those
// apart that were embedded again to see whether a row depends on its batch.
func (e *Embedder) BackboneRows() int64 { return e.rows.Load() }

// Embed returns the embeddings of contents, each of length Dim: the bytes of
// image files, or texts; see Texts. Where some are bad their rows are nil and
// the error is a *BadSamplesError; the others have theirs. The contents must
// not change until Embed returns, also after ctx has ended.
func (e *Embedder) Embed(ctx context.Context, contents [][]byte) ([][]float32, error) {
	jobs, err := e.embed(ctx, contents)
	if err != nil {
		return nil, err
	}
	rows := make([][]float32, len(jobs))
	var bad *BadSamplesError
	for i, j := range jobs {
		if j.Bad == "" {
			rows[i] = j.Row
			continue
		}
		if bad == nil {
			bad = &BadSamplesError{Reasons: make(map[int]string), N: len(jobs)}
		}
		bad.Reasons[i] = j.Bad
	}
	if bad != nil {
		return rows, bad
	}
	return rows, nil
}

// embed returns a job for each content, with a row, or the reason why it has
// none.
func (e *Embedder) embed(ctx context.Context, contents [][]byte) ([]*embed.Job, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all := make([]embed.Job, len(contents))
	jobs := make([]*embed.Job, len(contents))
	for i, content := range contents {
		all[i].Content = content
		jobs[i] = &all[i]
		if len(content) == 0 {
			all[i].Bad = "empty"
		}
	}
	missing := make([]*embed.Job, 0, len(jobs))
	for _, j := range jobs {
		if j.Bad == "" {
			missing = append(missing, j)
		}
	}
	if e.store != nil {
		var err error
		if missing, err = e.store.look(string(e.modality), missing); err != nil {
			return nil, err
		}
	}
	var planned []*embed.Job
	for _, batch := range e.prepare.Plan(missing) {
		planned = append(planned, batch...)
	}
	if len(planned) == 0 {
		return jobs, nil
	}
	r := e.queue.add(ctx, planned)
	if r == nil {
		return nil, ErrClosed
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		e.queue.drop(r)
		<-r.done // what runs reads the contents
	}
	if r.err != nil {
		return nil, r.err
	}
	return jobs, nil
}

// work is one worker: it takes what waits, as much as fits into a batch.
func (e *Embedder) work(w *embed.Embedder) {
	var taken []waiter
	jobs := make([]*embed.Job, 0, 64)
	fit := func(first []waiter) int {
		if e.decided() == embed.Alone {
			return 1
		}
		jobs = jobs[:0]
		for _, f := range first[:min(len(first), cap(jobs))] {
			jobs = append(jobs, f.job)
		}
		return e.prepare.Fit(jobs)
	}
	for {
		if taken = e.queue.take(taken, fit); len(taken) == 0 {
			return
		}
		jobs = jobs[:0]
		for _, t := range taken {
			jobs = append(jobs, t.job)
		}
		err := e.run(w, taken, jobs)
		for _, t := range taken {
			t.request.finish(1, err)
		}
		clear(taken)
		clear(jobs[:cap(jobs)])
	}
}

// run embeds one batch. It is stopped when the only request that waits for it
// ends.
func (e *Embedder) run(w *embed.Embedder, taken []waiter, jobs []*embed.Job) error {
	ctx := context.Background()
	if first := taken[0].request; taken[len(taken)-1].request == first {
		ctx = first.ctx // jobs of a request stand together
	}
	batches := [][]*embed.Job{jobs}
	if len(jobs) > 1 && e.decided() != embed.Together {
		if err := e.decide(ctx, w, jobs); err != nil {
			return fmt.Errorf("predict: %w", err)
		}
		if e.decided() != embed.Together {
			batches = embed.Singly(batches)
		}
	}
	for _, batch := range batches {
		good, rows, err := w.Embed(ctx, batch)
		if err != nil {
			return fmt.Errorf("predict: %w", err)
		}
		if e.store != nil {
			e.store.keep(good, rows)
		}
	}
	return nil
}

func (e *Embedder) decided() embed.Batches { return embed.Batches(e.batches.Load()) }

// decide finds out, once, whether a row depends on its batch. Workers that come
// meanwhile run one sample at a time, which is never wrong.
func (e *Embedder) decide(ctx context.Context, w *embed.Embedder, jobs []*embed.Job) error {
	if e.decided() != embed.Undecided || !e.deciding.TryLock() {
		return nil
	}
	defer e.deciding.Unlock()
	some := embed.Spread(jobs, embed.Probed)
	check := w.Counting(nil)
	decided, err := check.Independence(ctx, some)
	if err == nil && decided == embed.Alone {
		err = check.Repeatable(ctx, some, e.random)
	}
	if err == nil {
		e.batches.Store(int64(decided))
	}
	return err
}

// Close waits for what runs and for what waits, seals what a cache is to keep,
// and frees the backbone. Calls after it are ErrClosed.
func (e *Embedder) Close() error {
	e.close.Do(func() {
		e.queue.close()
		e.workers.Wait()
		var kept error
		if e.store != nil {
			kept = e.store.close()
		}
		e.closeErr = errors.Join(kept, e.session.Close())
	})
	return e.closeErr
}
