package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/embed"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// Recomputed is a sample that was to be embedded again.
type Recomputed struct {
	ID     string
	Key    cache.Key
	Bad    string  // why it was not, "" if it was
	Cosine float64 // between its row and the one in the cache, 0 if it has none any more
	// Damaged says that the row in the cache is, so that there is nothing to
	// compare with.
	Damaged *cache.CorruptError
}

// Recompute reads the samples of src with the ids of wanted, embeds them again
// with the backbone of spec, which has one tap, one at a time, and calls report
// with how similar each is to the row of its key that reader, of the tap's
// space, has: first those that are
// in src, in its order, then the others. A sample that cannot be read, or
// whose key is another one now, is not embedded. The rows are counted in stats
// as check rows; nil is allowed.
func Recompute(ctx context.Context, spec *models.Spec, backbone embed.Backbone, reader *cache.Reader, src Source, wanted map[string]cache.Key, stats *Stats, report func(Recomputed)) error {
	if stats == nil {
		stats = new(Stats)
	}
	taps, err := newTaps(spec)
	if err != nil {
		return err
	}
	m, err := embed.NewModality(spec, embed.Batching{Size: 1}, &stats.Stats)
	if err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	held := &readers{taps, []*cache.Reader{reader}}
	e := checker(&run{spec: spec, taps: taps, backbone: backbone, modality: m, stats: stats})
	left := maps.Clone(wanted)
	for len(left) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := src.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		key, ok := left[s.ID]
		if !ok {
			continue
		}
		delete(left, s.ID)
		again := Recomputed{ID: s.ID, Key: key}
		content, err := s.Read(source.MaxContent)
		if failed := failure(s, err); failed != nil {
			return failed
		}
		if err == nil && cache.KeyOf(string(spec.Modality), content) != key {
			err = errChanged
		}
		if err != nil {
			again.Bad = err.Error()
			report(again)
			continue
		}
		want, err := held.row(key)
		if corrupt, ok := errors.AsType[*cache.CorruptError](err); ok {
			again.Damaged = corrupt
			report(again)
			continue
		}
		if err != nil {
			return err
		}
		if want == nil {
			again.Bad = "the cache has no row of it"
			report(again)
			continue
		}
		j := &embed.Job{Key: key, Content: content}
		rows, err := e.Again(ctx, m.Plan([]*embed.Job{j}))
		if err != nil {
			return wrap(ctx, err)
		}
		again.Cosine = Cosine(rows[j], want)
		report(again)
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		report(Recomputed{ID: id, Key: left[id], Bad: "it is not in the source any more"})
	}
	return nil
}

var errChanged = errors.New("its content has changed")
