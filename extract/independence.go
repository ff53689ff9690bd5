package extract

import "github.com/headstart-ml/headstart/extract/embed"

// independence embeds some samples of the batches together and each alone. If
// a row differs, the backbone depends on its batch. Where no batch has two
// samples, or fewer than two of those tried can be embedded, nothing is
// decided.
func (r *run) independence(batches [][]*embed.Job) error {
	var jobs []*embed.Job
	several := false
	for _, b := range batches {
		several = several || len(b) > 1
		jobs = append(jobs, b...)
	}
	if !several {
		return nil
	}
	some := embed.Spread(jobs, max(2, r.taps.atMost(embed.Probed, checkBytes)))
	decided, err := r.checks.embedder.Independence(r.ctx, some)
	if err != nil {
		return wrap(r.ctx, err)
	}
	if decided == embed.Alone {
		return r.apart(some)
	}
	r.checks.batching = decided
	return nil
}
