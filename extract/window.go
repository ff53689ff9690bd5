package extract

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// window is a run of consecutive samples that travel together.
type window struct {
	rows []entry
	jobs []*embed.Job // new contents, in order of first appearance

	batches [][]*embed.Job // of jobs, those left out that are bad

	// samples is how many samples of the window wait for each of its jobs;
	// counted and countedBad are how many are in Stats.Progress.
	samples             map[*embed.Job]int64
	counted, countedBad atomic.Int64

	left     atomic.Int64
	finished chan struct{} // closed when every job is done
	emitted  chan struct{} // closed when the sink has the rows
}

// entry is a sample on its way: cached, or waiting for a job, or bad.
type entry struct {
	sample  *source.Sample
	key     cache.Key
	content []byte
	path    string // of the sample's file, with a stat cache; "" for texts
	hinted  bool   // key comes from the stat cache, content has not been read
	job     *embed.Job
	bad     string
	kind    string // of the reason
	cut     bool   // a text of which the backbone gets only the beginning
	failed  error  // of the machine: it ends the run
	// duplicate says that another sample of this run brought the content.
	duplicate bool
}

// expect sets the window to wait for the jobs that are in batches.
func (w *window) expect(batches [][]*embed.Job) {
	var n int64
	for _, b := range batches {
		n += int64(len(b))
	}
	w.left.Store(n)
	if n == 0 {
		close(w.finished)
	}
}

// count adds n samples of w that are done to p, of which bad are bad.
func (w *window) count(p *Progress, n, bad int64) {
	w.counted.Add(n)
	w.countedBad.Add(bad)
	p.add(n, bad)
}

// cost is about what a job costs: tokens, or one image.
func cost(j *embed.Job) int64 { return max(int64(len(j.IDs)), 1) }

// done marks a job of w as durable or bad, counts its samples in p and lets go
// of what it no longer needs.
func (w *window) done(j *embed.Job, keepRow bool, p *Progress) {
	n, bad := w.samples[j], int64(0)
	if j.Bad != "" {
		bad = n
	}
	w.count(p, n, bad)
	p.Computed.Add(cost(j))
	j.Content, j.IDs = nil, nil
	if !keepRow {
		j.Row = nil
	}
	if w.left.Add(-1) == 0 {
		close(w.finished)
	}
}

// nextWindow reads samples, finds their keys and makes jobs of the contents
// that neither the cache nor this run has.
func (r *run) nextWindow() (*window, error) {
	w := &window{finished: make(chan struct{}), emitted: make(chan struct{}), samples: make(map[*embed.Job]int64)}
	most := embed.Window(r.spec.Modality)
	if r.settings.Embeddings {
		most = r.taps.atMost(most, windowBytes)
	}
	var size int64
	for len(w.rows) < most && size < windowBytes {
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
		// Files are listed a share of a window at a time, then read side by
		// side. Where contents are large, a share is one file a worker.
		share, step := len(w.rows), 64
		if r.largest*int64(step) > windowBytes {
			step = r.settings.workers()
		}
		// Sizes that are known count before anything is read. What is in memory
		// with its sample stays there until the window has reached the sink,
		// and counts twice.
		known := int64(0)
		for len(w.rows) < most && len(w.rows)-share < step && size+known < windowBytes {
			s, err := r.next()
			if err != nil {
				return nil, err
			}
			if s == nil {
				break
			}
			w.rows = append(w.rows, entry{sample: s})
			known += s.Size() + int64(s.Held())
		}
		if len(w.rows) == share {
			break
		}
		rows := w.rows[share:]
		r.sideBySide(rows, (*run).identify)
		if err := r.look(w, rows); err != nil {
			return nil, err
		}
		if err := r.countCut(rows); err != nil {
			return nil, err
		}
		for i := range rows {
			size += int64(len(rows[i].content) + rows[i].sample.Held())
			r.largest = max(r.largest, int64(len(rows[i].content)))
			rows[i].content = nil // a job holds what is still needed
		}
	}
	return w, nil
}

// countCut finds those of the texts that were found in the cache of which the
// backbone got only the beginning. Those that are computed are tokenised later.
func (r *run) countCut(rows []entry) error {
	if r.spec.Modality != models.Text || r.spec.Contract == nil {
		return nil
	}
	found := func(e *entry) bool { return e.bad == "" && e.job == nil }
	if !slices.ContainsFunc(rows, func(e entry) bool { return found(&e) }) {
		return nil
	}
	if err := r.prepare(); err != nil {
		return err
	}
	texts, ok := r.modality.(*embed.Texts)
	if !ok {
		return nil
	}
	r.sideBySide(rows, func(_ *run, e *entry) {
		if found(e) {
			e.cut = texts.Cuts(e.content)
		}
	})
	return nil
}

// sideBySide calls f for each entry, on as many goroutines as there are
// workers, and books the time as reading.
func (r *run) sideBySide(rows []entry, f func(*run, *entry)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(r.settings.workers(), len(rows)) {
		wg.Go(func() {
			defer r.stats.Stages.Read.Add(time.Now())
			for i := next.Add(1) - 1; i < int64(len(rows)); i = next.Add(1) - 1 {
				f(r, &rows[i])
			}
		})
	}
	wg.Wait()
}

// identify finds an entry's key: by the stat cache, or from its content.
func (r *run) identify(e *entry) {
	if r.settings.StatCache != nil {
		path, info, err := e.sample.Info()
		e.path = path
		if err == nil && info != nil {
			if key, ok := r.settings.StatCache.Lookup(path, info); ok {
				e.key, e.hinted = key, true
				return
			}
		}
	}
	r.read(e)
}

// read reads an entry's content and takes its key.
func (r *run) read(e *entry) {
	e.hinted = false
	content, info, err := e.sample.ReadInfo(source.MaxContent)
	if e.failed = failure(e.sample, err); e.failed != nil {
		return
	}
	switch {
	case err != nil:
		e.bad, e.kind = err.Error(), embed.KindOf(err)
		return
	case len(content) == 0:
		e.bad, e.kind = "empty", KindEmpty
		return
	}
	e.content = content
	e.key = cache.KeyOf(string(r.spec.Modality), content)
	if e.path != "" {
		r.settings.StatCache.Put(e.path, info, e.key)
	}
}

// failure returns an error for a sample that could not be read because the
// machine failed, and nil for one that could be read or is bad.
func failure(s *source.Sample, err error) error {
	if err = source.Failure(s, err); err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	return nil
}

// look asks the cache for the keys of rows and makes jobs of what is missing.
func (r *run) look(w *window, rows []entry) error {
	if err := firstFailure(rows); err != nil {
		return err
	}
	missing, err := r.missing(rows)
	if err != nil {
		return err
	}
	// A key that the stat cache gave is believed only where nothing has to be
	// computed: what is computed is keyed by the bytes that are computed.
	var unread []int
	for _, i := range missing {
		if rows[i].hinted && r.pending[rows[i].key] == nil {
			unread = append(unread, i)
		}
	}
	if len(unread) > 0 {
		again := make([]entry, len(unread))
		for k, i := range unread {
			again[k] = rows[i]
		}
		r.sideBySide(again, (*run).read)
		for k, i := range unread {
			rows[i] = again[k]
		}
		if err := firstFailure(again); err != nil {
			return err
		}
		if missing, err = r.missing(rows); err != nil {
			return err
		}
	}
	for _, i := range missing {
		e := &rows[i]
		if known := r.pending[e.key]; known != nil {
			e.job, e.duplicate = known, true
			if _, here := w.samples[known]; here {
				w.samples[known]++
			}
			continue
		}
		e.job = &embed.Job{Key: e.key, Content: e.content}
		r.pending[e.key] = e.job
		w.jobs = append(w.jobs, e.job)
		w.samples[e.job] = 1
	}
	r.countFound(w, rows)
	return nil
}

// countFound counts the rows that need no job: those that were found and those
// that cannot be read.
func (r *run) countFound(w *window, rows []entry) {
	var found, bad int64
	for i := range rows {
		switch {
		case rows[i].bad != "":
			bad++
		case rows[i].job == nil:
			found++
		}
	}
	r.stats.Progress.Cached.Add(found)
	w.count(&r.stats.Progress, found+bad, bad)
}

// firstFailure returns the failure of the first row that has one.
func firstFailure(rows []entry) error {
	for i := range rows {
		if rows[i].failed != nil {
			return rows[i].failed
		}
	}
	return nil
}

// missing returns the indices of the rows that are not bad and that the cache
// lacks.
func (r *run) missing(rows []entry) ([]int, error) {
	keys := make([]cache.Key, 0, len(rows))
	index := make([]int, 0, len(rows))
	for i := range rows {
		if rows[i].bad == "" {
			keys = append(keys, rows[i].key)
			index = append(index, i)
		}
	}
	if r.readers == nil {
		return index, nil
	}
	missing, err := r.readers.missing(keys)
	if err != nil {
		return nil, err
	}
	for k, i := range missing {
		missing[k] = index[i]
	}
	return missing, nil
}

// finish gives a finished window to the sink.
func (r *run) finish(w *window) error {
	rows := make([]Row, len(w.rows))
	for i := range w.rows {
		e := &w.rows[i]
		rows[i] = Row{Sample: e.sample, Key: e.key, Bad: e.bad, Kind: e.kind, Cut: e.cut}
		if e.job != nil {
			rows[i].Bad, rows[i].Kind = e.job.Bad, e.job.Kind
			rows[i].Embedding = e.job.Row
			rows[i].Cut = e.job.Cut && e.job.Bad == ""
		}
	}
	if r.settings.Embeddings {
		if err := r.gather(rows, w); err != nil {
			return err
		}
	}
	var bad int64
	for i := range rows {
		switch {
		case rows[i].Bad != "":
			bad++
			r.stats.Bad.Add(1)
		case w.rows[i].job == nil:
			r.stats.Cached.Add(1)
		case w.rows[i].duplicate:
			r.stats.Duplicates.Add(1)
		}
		if rows[i].Cut {
			r.stats.Cut.Add(1)
		}
		r.stats.Samples.Add(1)
	}
	// What waited for jobs of earlier windows, or was bad before it came into a
	// batch.
	w.count(&r.stats.Progress, int64(len(rows))-w.counted.Load(), bad-w.countedBad.Load())
	return r.sink.Take(rows)
}

// gather fills the embeddings of the rows that come from the cache.
func (r *run) gather(rows []Row, w *window) error {
	var keys []cache.Key
	var index []int
	for i := range rows {
		if rows[i].Bad == "" && w.rows[i].job == nil {
			keys = append(keys, rows[i].Key)
			index = append(index, i)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	dim := r.taps.dim
	values := make([]float32, len(keys)*dim)
	if err := r.readers.rowsTo(values, keys); err != nil {
		return err
	}
	for k, i := range index {
		rows[i].Embedding = values[k*dim : (k+1)*dim]
	}
	return nil
}
