package extract

import (
	"context"

	"github.com/headstart-ml/headstart/cache"
	"github.com/headstart-ml/headstart/extract/source"
	"github.com/headstart-ml/headstart/models"
)

// Keys reads every sample of src, whose samples are of modality m, and returns
// the keys of the contents in the order in which they come first. bad is called
// with each sample that cannot be read and the reason. What cannot be decoded
// shows only in a run.
func Keys(ctx context.Context, m models.Modality, src Source, bad func(s *source.Sample, reason string)) ([]cache.Key, error) {
	r := &run{ctx: ctx, spec: &models.Spec{Modality: m}, settings: new(Settings), stats: new(Stats), src: src}
	var keys []cache.Key
	seen := make(map[cache.Key]bool)
	for !r.srcDone {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var rows []entry
		for len(rows) < r.settings.workers() && !r.srcDone {
			s, err := r.next()
			if err != nil {
				return nil, err
			}
			if s != nil {
				rows = append(rows, entry{sample: s})
			}
		}
		r.sideBySide(rows, (*run).read)
		for i := range rows {
			switch e := &rows[i]; {
			case e.bad != "":
				bad(e.sample, e.bad)
			case !seen[e.key]:
				seen[e.key] = true
				keys = append(keys, e.key)
			}
		}
	}
	return keys, nil
}
