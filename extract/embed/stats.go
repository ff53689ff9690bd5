package embed

import (
	"sync/atomic"
	"time"
)

// Stats counts what happens only now and then to a sample, and changes what the
// backbone sees, and adds up times. It may be read at any time from any
// goroutine.
type Stats struct {
	Transparent atomic.Int64 // images with transparency that the alpha policy took away
	Grey16      atomic.Int64 // 16-bit grey images that the grey16 policy converted

	Stages Stages
}

// Stages adds up the time that goroutines spent in each stage. Goroutines run
// side by side, so the sum is processor time, not time on the wall.
type Stages struct {
	Read, Decode, Infer, Write Stage
}

// Stage is a sum of times.
type Stage struct{ ns atomic.Int64 }

// Add books the time since start.
func (s *Stage) Add(start time.Time) { s.ns.Add(int64(time.Since(start))) }

// Seconds returns what has been booked so far.
func (s *Stage) Seconds() float64 { return time.Duration(s.ns.Load()).Seconds() }
