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
	BackboneRows atomic.Int64 // rows sent through the backbone, self-checks apart
	CheckRows    atomic.Int64 // rows sent through the backbone to check something

	embed.Stats
}
