package predict

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/embed"
)

// sealAfter is how many rows are kept before they are sealed, so that they can
// be looked up and need not be remembered.
const sealAfter = 4096

// store looks up rows in the spaces of a backbone's taps, and keeps new ones. A
// request does not wait until they are written.
type store struct {
	cache      *cache.Cache
	columns    []embed.Column
	spaces     []*cache.Space
	provenance map[string]string
	dim        int

	mu      sync.RWMutex // for writing when readers change; nil: closed
	readers []*cache.Reader

	known map[cache.Key]bool // rows that are kept and not sealed
	rows  chan kept
	done  chan struct{}
	err   error // of the writer's goroutine, once done is closed
}

// kept is rows on their way to the cache.
type kept struct {
	keys []cache.Key
	rows []float32
}

func openStore(c *cache.Cache, spaces []*cache.Space, columns []embed.Column, provenance map[string]string) (*store, error) {
	s := &store{cache: c, spaces: spaces, columns: columns, provenance: provenance, rows: make(chan kept, 16), done: make(chan struct{})}
	s.dim = columns[len(columns)-1].To
	var err error
	if s.readers, err = s.open(); err != nil {
		return nil, fmt.Errorf("predict: %w", err)
	}
	go s.write()
	return s, nil
}

// open opens a reader for each space.
func (s *store) open() ([]*cache.Reader, error) {
	var all []*cache.Reader
	for _, space := range s.spaces {
		r, err := s.cache.Reader(space)
		if err != nil {
			closeReaders(all)
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func closeReaders(all []*cache.Reader) {
	for _, r := range all {
		r.Close()
	}
}

// look gives jobs their rows, as far as every space has one, and returns the
// others. A row that turns out to be damaged is computed again.
func (s *store) look(modality string, jobs []*embed.Job) ([]*embed.Job, error) {
	keys := make([]cache.Key, len(jobs))
	for i, j := range jobs {
		keys[i] = cache.KeyOf(modality, j.Content)
		j.Key = keys[i]
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.readers == nil {
		return nil, ErrClosed
	}
	refs := make([][]cache.Ref, len(s.readers))
	for k, r := range s.readers {
		refs[k] = make([]cache.Ref, len(keys))
		r.Locate(keys, refs[k])
	}
	var missing []*embed.Job
	for i, j := range jobs {
		row := make([]float32, s.dim)
		found := true
		for k, r := range s.readers {
			if found = refs[k][i].Found(); !found {
				break
			}
			err := r.RowsTo(row[s.columns[k].From:s.columns[k].To], refs[k][i:i+1])
			if _, damaged := errors.AsType[*cache.CorruptError](err); damaged {
				found = false
				break
			}
			if err != nil {
				return nil, fmt.Errorf("predict: %w", err)
			}
		}
		if found {
			j.Row = row
		} else {
			missing = append(missing, j)
		}
	}
	return missing, nil
}

// keep hands rows over to be written; rows holds those of the good jobs that
// have one. They are copied, since the caller of Embed may change its own.
func (s *store) keep(good []*embed.Job, rows []float32) {
	k := kept{rows: slices.Clone(rows)}
	for _, j := range good {
		if j.Bad == "" {
			k.keys = append(k.keys, j.Key)
		}
	}
	if len(k.keys) > 0 {
		s.rows <- k
	}
}

// write writes what is kept, until close. After its first error it takes what
// comes and writes nothing.
func (s *store) write() {
	defer close(s.done)
	var writers []*cache.Writer
	s.known = make(map[cache.Key]bool)
	for k := range s.rows {
		if s.err != nil {
			continue
		}
		if writers == nil {
			writers, s.err = s.writers()
		}
		if s.err == nil {
			s.err = s.append(writers, k)
		}
		if s.err == nil && len(s.known) >= sealAfter {
			s.err = s.seal(writers)
			writers = nil
		}
	}
	for _, w := range writers {
		if s.err != nil {
			w.Abandon()
		} else {
			s.err = w.Close()
		}
	}
}

func (s *store) writers() ([]*cache.Writer, error) {
	var all []*cache.Writer
	for _, space := range s.spaces {
		w, err := s.cache.Writer(space, s.provenance)
		if err != nil {
			for _, w := range all {
				w.Abandon()
			}
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

// append writes what no space has yet.
func (s *store) append(writers []*cache.Writer, k kept) error {
	for i, w := range writers {
		refs := make([]cache.Ref, len(k.keys))
		s.readers[i].Locate(k.keys, refs) // only this goroutine changes them
		c := s.columns[i]
		var keys []cache.Key
		var rows []float32
		now := make(map[cache.Key]bool)
		for n, key := range k.keys {
			if refs[n].Found() || s.known[key] || now[key] {
				continue
			}
			now[key] = true
			keys = append(keys, key)
			rows = append(rows, k.rows[n*s.dim+c.From:n*s.dim+c.To]...)
		}
		if len(keys) == 0 {
			continue
		}
		if err := w.Append(keys, rows); err != nil {
			return err
		}
	}
	for _, key := range k.keys {
		s.known[key] = true
	}
	return nil
}

// seal makes what was written visible.
func (s *store) seal(writers []*cache.Writer) error {
	for i, w := range writers {
		if err := w.Close(); err != nil {
			for _, w := range writers[i+1:] {
				w.Abandon()
			}
			return err
		}
	}
	now, err := s.open()
	if err != nil {
		return err
	}
	s.mu.Lock()
	old := s.readers
	s.readers = now
	s.mu.Unlock()
	closeReaders(old)
	clear(s.known)
	return nil
}

// close writes what is on its way and lets go of the cache.
func (s *store) close() error {
	close(s.rows)
	<-s.done
	s.mu.Lock() // no request reads a row any more
	closeReaders(s.readers)
	s.readers = nil
	s.mu.Unlock()
	if s.err != nil {
		return fmt.Errorf("predict: the cache: %w", s.err)
	}
	return nil
}
