package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// Source yields samples in order, then io.EOF.
type Source interface {
	Next() (*source.Sample, error)
}

// textWindow is how many texts are read side by side.
const textWindow = 4096

// heldBytes bounds what images and numbers of a stream take in memory.
const heldBytes = 1 << 30

// Contents are the samples of a feature set, found in the source that it was
// made from: the files of images, the tokens of texts, arrays of numbers. They
// are only read, so that any number of feeds share them.
type Contents struct {
	spec     *models.Spec
	modality embed.Modality // tokenizes texts
	all      []content
	at       []int // of a row, in all
	sourced  bool  // they can be read
}

// content is what one or more rows have in common.
type content struct {
	key    cache.Key
	name   string         // of the first row, for messages
	sample *source.Sample // of what is no text; nil before it is found
	ids    []int32        // of a text
}

// Wanted says which samples a source is searched for.
type Wanted struct {
	IDs     []string    // of each row of a feature set
	Keys    []cache.Key // of each row
	Threads int         // that read and tokenize texts; 0: GOMAXPROCS
}

// Find goes through src, the source that a feature set was made from, once, and
// reads texts; other samples are read when they are needed, so src must stay
// open. A sample that is gone, or a text that has changed, is a *StaleError.
func Find(ctx context.Context, spec *models.Spec, src Source, w *Wanted) (*Contents, error) {
	if len(w.IDs) != len(w.Keys) {
		return nil, fmt.Errorf("feed: backbone %s: %d ids and %d keys", spec.Name, len(w.IDs), len(w.Keys))
	}
	threads := w.Threads
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	modality, err := embed.NewModality(spec, embed.Batching{}, new(embed.Stats))
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	c := newContents(spec, modality, w.IDs, w.Keys)
	if err := c.find(ctx, src, w.IDs, threads); err != nil {
		return nil, err
	}
	return c, nil
}

// newContents makes the contents of rows, which have not been found yet.
func newContents(spec *models.Spec, m embed.Modality, ids []string, keys []cache.Key) *Contents {
	c := &Contents{spec: spec, modality: m, at: make([]int, len(keys))}
	seen := make(map[cache.Key]int)
	for i, key := range keys {
		at, ok := seen[key]
		if !ok {
			at = len(c.all)
			seen[key] = at
			c.all = append(c.all, content{key: key, name: ids[i]})
		}
		c.at[i] = at
	}
	return c
}

// find goes through the source. Its errors are those of Find.
func (c *Contents) find(ctx context.Context, src Source, ids []string, threads int) error {
	err := c.search(ctx, src, ids, threads)
	if _, stale := errors.AsType[*StaleError](err); err != nil && !stale {
		return fmt.Errorf("feed: %w", err)
	}
	c.sourced = err == nil
	return err
}

// search is find, whose errors do not say yet where they come from.
func (c *Contents) search(ctx context.Context, src Source, ids []string, threads int) error {
	rows := make(map[string]int, len(ids))
	for i, id := range ids {
		if _, twice := rows[id]; twice {
			return fmt.Errorf("id %q is there twice", id)
		}
		rows[id] = i
	}
	found := make([]bool, len(ids))
	changed := make([]bool, len(ids))
	left, held := len(ids), 0
	for end := false; left > 0 && !end; {
		var samples []*source.Sample
		var at []int
		for len(samples) < textWindow && left > 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			s, err := src.Next()
			if end = err == io.EOF; end {
				break
			}
			if err != nil {
				return err
			}
			if i, ok := rows[s.ID]; ok && !found[i] {
				samples, at = append(samples, s), append(at, i)
				if _, texts := c.modality.(*embed.Texts); !texts {
					if held += s.Held(); held > heldBytes {
						return fmt.Errorf("its %s come from a compressed file, so that they stay in memory, and have more than %d MiB; decompress it, or extract from files that are not compressed", c.spec.Modality.Plural(), heldBytes>>20)
					}
				}
				found[i] = true
				left--
			}
		}
		texts, ok := c.modality.(*embed.Texts)
		if !ok {
			for k, i := range at {
				if one := &c.all[c.at[i]]; one.sample == nil {
					one.sample, one.name = samples[k], samples[k].Place()
				}
			}
			continue
		}
		tokens := make([][]int32, len(samples))
		err := sideBySide(ctx, threads, len(samples), func(_, k int) error {
			text, err := samples[k].Read(source.MaxContent)
			if failed := source.Failure(samples[k], err); failed != nil {
				return failed
			}
			if err != nil || cache.KeyOf(string(c.spec.Modality), text) != c.all[c.at[at[k]]].key {
				changed[at[k]] = true
				return nil
			}
			if tokens[k], err = texts.Tokens(text); err != nil {
				return fmt.Errorf("%s: %w", samples[k].Place(), err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for k, i := range at {
			if one := &c.all[c.at[i]]; one.ids == nil && !changed[i] {
				one.ids, one.name = tokens[k], samples[k].Place()
			}
		}
	}
	stale := &StaleError{Rows: len(ids)}
	for i, id := range ids {
		switch {
		case !found[i]:
			stale.Gone = append(stale.Gone, id)
		case changed[i]:
			stale.Changed = append(stale.Changed, id)
		}
	}
	if len(stale.Gone)+len(stale.Changed) > 0 {
		return stale
	}
	return nil
}

// StaleError says that a feature set and its source do not belong together any
// more.
type StaleError struct {
	Rows    int      // of the feature set
	Gone    []string // ids that the source does not have
	Changed []string // ids whose content is another one, or cannot be read
}

func (e *StaleError) Error() string {
	var parts []string
	for _, p := range []struct {
		ids  []string
		what string
	}{{e.Gone, "not in the source any more"}, {e.Changed, "there with another content"}} {
		if len(p.ids) == 0 {
			continue
		}
		names := strings.Join(p.ids[:min(3, len(p.ids))], ", ")
		if len(p.ids) > 3 {
			names += ", …"
		}
		verb := "are"
		if len(p.ids) == 1 {
			verb = "is"
		}
		parts = append(parts, fmt.Sprintf("%d %s %s (%s)", len(p.ids), verb, p.what, names))
	}
	return fmt.Sprintf("feed: of %d samples of the feature set, %s; put them back, or extract the source again", e.Rows, strings.Join(parts, " and "))
}

// sideBySide calls do for 0 ≤ i < n on several workers, numbered from 0, and
// returns the error of the smallest i that had one, after which no more are
// begun.
func sideBySide(ctx context.Context, workers, n int, do func(w, i int) error) error {
	var (
		next   atomic.Int64
		wg     sync.WaitGroup
		mu     sync.Mutex
		first  error
		failed = n
	)
	for w := range min(n, workers) {
		wg.Go(func() {
			for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
				err := ctx.Err()
				if err == nil {
					err = do(w, i)
				}
				if err != nil {
					next.Store(int64(n))
					mu.Lock()
					if i < failed {
						first, failed = err, i
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return first
}
