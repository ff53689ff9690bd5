package extract

import (
	"sync/atomic"
	"time"
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

	// What happens only now and then, and changes what the backbone sees.
	Transparent atomic.Int64 // images with transparency that the alpha policy took away
	Grey16      atomic.Int64 // 16-bit grey images that the grey16 policy converted

	Stages Stages
}

// Stages adds up the time that goroutines spent in each stage. Goroutines run
// side by side, so the sum is processor time, not time on the wall.
type Stages struct {
	Read, Decode, Infer, Write stage
}

type stage struct{ ns atomic.Int64 }

// add books the time since start.
func (s *stage) add(start time.Time) { s.ns.Add(int64(time.Since(start))) }

// Seconds returns what has been booked so far.
func (s *stage) Seconds() float64 { return time.Duration(s.ns.Load()).Seconds() }
