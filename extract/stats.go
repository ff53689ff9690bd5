package extract

import (
	"sync/atomic"

	"github.com/headstart-ml/headstart/extract/embed"
)

// Stats counts a run while it goes on. It may be read at any time from any
// goroutine.
type Stats struct {
	Samples      atomic.Int64 // samples that are finished, in whatever way
	Cached       atomic.Int64 // found in the cache
	Computed     atomic.Int64 // distinct contents embedded and, unless nothing is kept, acknowledged by the cache
	Duplicates   atomic.Int64 // samples whose content another sample of this run brought
	Bad          atomic.Int64 // samples without an embedding
	Cut          atomic.Int64 // texts of which the backbone gets only the beginning
	BackboneRows atomic.Int64 // rows sent through the backbone, self-checks apart
	CheckRows    atomic.Int64 // rows sent through the backbone to check something

	Progress Progress
	embed.Stats
}

// Progress counts samples as soon as it is known what becomes of them, before
// the sink has them: in the middle of a window, and in no order. At the end of
// a run that succeeds its counts are those of Stats.
type Progress struct {
	Done   atomic.Int64 // samples whose row was found or is durable, and bad ones
	Cached atomic.Int64 // those of Done that were found in the cache
	Bad    atomic.Int64 // those of Done without an embedding

	// What is left to compute is told from these, since the longest texts of a
	// window are computed first: samples that were read, what has to be
	// computed of them, and what of that is done, in tokens or in images.
	Read, Planned, Computed atomic.Int64
}

// add counts n samples that are done, of which bad are bad.
func (p *Progress) add(n, bad int64) {
	p.Done.Add(n)
	p.Bad.Add(bad)
}
