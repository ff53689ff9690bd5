package extract

import (
	"errors"
	"slices"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/contract"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/models"
)

// taps are the taps of a run with the space of each. A row holds the taps'
// embeddings side by side, in the order of Spec.Taps.
type taps struct {
	all []tap
	dim int // values in a row
}

type tap struct {
	embed.Column
	space *cache.Space
}

func newTaps(spec *models.Spec) (*taps, error) {
	spaces, err := contract.SpacesOf(spec)
	if err != nil {
		return nil, err
	}
	columns, dim := embed.ColumnsOf(spec)
	t := &taps{dim: dim}
	for i, s := range spaces {
		t.all = append(t.all, tap{columns[i], s})
	}
	return t, nil
}

// atMost returns how many rows may be in memory where those of small taps may
// be n, and rows may take no more than size bytes; at least one.
func (t *taps) atMost(n int, size int) int {
	return max(1, min(n, size/(4*t.dim)))
}

// round sets the values of a row to those that the cache will give back.
func (t *taps) round(row []float32) error {
	for i := range t.all {
		tap := &t.all[i]
		if err := tap.space.Round(row[tap.From:tap.To]); err != nil {
			return err
		}
	}
	return nil
}

// readers read the spaces of taps as one.
type readers struct {
	*taps
	all []*cache.Reader // one a tap
}

// openReaders opens a reader for each tap's space.
func openReaders(c *cache.Cache, t *taps) (*readers, error) {
	r := &readers{taps: t}
	for i := range t.all {
		one, err := c.Reader(t.all[i].space)
		if err != nil {
			r.close()
			return nil, err
		}
		r.all = append(r.all, one)
	}
	return r, nil
}

// empty tells whether no space has a row.
func (r *readers) empty() bool {
	return !slices.ContainsFunc(r.all, func(r *cache.Reader) bool { return r.Rows() > 0 })
}

// missing returns the indices of the keys of which some space has no row,
// ascending.
func (r *readers) missing(keys []cache.Key) ([]int, error) {
	var all []int
	for _, one := range r.all {
		some, err := one.Missing(keys)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if len(r.all) > 1 {
		slices.Sort(all)
		all = slices.Compact(all)
	}
	return all, nil
}

// errGone is the error for a key of which some space has no row.
var errGone = errors.New("extract: cache: a row is not there")

// rowsTo copies the rows of keys to dst, len(keys)×dim. It is errGone if some
// are missing.
func (r *readers) rowsTo(dst []float32, keys []cache.Key) error {
	refs := make([]cache.Ref, len(keys))
	for i, one := range r.all {
		if one.Locate(keys, refs) > 0 {
			return errGone
		}
		tap := &r.taps.all[i]
		err := one.Each(refs, func(k int, rows []float32) {
			for ; len(rows) > 0; rows, k = rows[tap.To-tap.From:], k+1 {
				copy(dst[k*r.dim+tap.From:k*r.dim+tap.To], rows)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// row returns the row of a key, nil if some space has none.
func (r *readers) row(key cache.Key) ([]float32, error) {
	row := make([]float32, r.dim)
	err := r.rowsTo(row, []cache.Key{key})
	if err == errGone {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return row, nil
}

// corrupt lists what was found damaged.
func (r *readers) corrupt() []cache.Problem {
	var all []cache.Problem
	for _, one := range r.all {
		all = append(all, one.Corrupt()...)
	}
	return all
}

func (r *readers) close() {
	for _, one := range r.all {
		one.Close()
	}
}

// writers write the spaces of taps as one.
type writers struct {
	*taps
	all  []*cache.Writer // one a tap
	keys []cache.Key
	rows []float32
}

// openWriters opens a writer for each tap's space and calls recovered with what
// it has put in order. by is what computes the rows; nil: nobody says.
func openWriters(c *cache.Cache, t *taps, settings *Settings, by map[string]string) (*writers, error) {
	w := &writers{taps: t}
	for i := range t.all {
		one, err := c.Writer(t.all[i].space, by)
		if err != nil {
			w.abandon()
			return nil, err
		}
		w.all = append(w.all, one)
		if rec := one.Recovery(); settings.Recovered != nil && (rec.Rows > 0 || len(rec.Quarantined) > 0) {
			settings.Recovered(rec)
		}
	}
	return w, nil
}

// append makes rows durable, len(keys)×dim values, in every space that does
// not have them in have. A key is done when append has returned.
func (w *writers) append(keys []cache.Key, rows []float32, have *readers) error {
	if len(w.all) == 1 {
		return w.all[0].Append(keys, rows)
	}
	refs := make([]cache.Ref, len(keys))
	for i, one := range w.all {
		have.all[i].Locate(keys, refs)
		tap := &w.taps.all[i]
		w.keys, w.rows = w.keys[:0], w.rows[:0]
		for k, ref := range refs {
			if !ref.Found() {
				w.keys = append(w.keys, keys[k])
				w.rows = append(w.rows, rows[k*w.dim+tap.From:k*w.dim+tap.To]...)
			}
		}
		if len(w.keys) == 0 {
			continue
		}
		if err := one.Append(w.keys, w.rows); err != nil {
			return err
		}
	}
	return nil
}

// close seals what was written.
func (w *writers) close() error {
	var errs []error
	for _, one := range w.all {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

// abandon leaves what was written to the next start.
func (w *writers) abandon() {
	for _, one := range w.all {
		one.Abandon()
	}
}
