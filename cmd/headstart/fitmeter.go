package main

import (
	"fmt"
	"sync"
	"time"
)

// fitMeter shows on stderr how many of the fits of a training are done, in
// the manner of meter.
type fitMeter struct {
	env   *env
	quiet bool
	start time.Time

	mu    sync.Mutex
	shown time.Time
	drawn bool
}

func startFitMeter(e *env, c *common) *fitMeter {
	now := time.Now()
	return &fitMeter{env: e, quiet: c.quiet, start: now, shown: now}
}

// step is called when a fit is done.
func (m *fitMeter) step(done, total int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	every := printEvery
	if m.env.stderrIsTerminal {
		every = redrawEvery
	}
	if m.quiet || now.Sub(m.shown) < every {
		return
	}
	m.shown = now
	line := fmt.Sprintf("train-head: %d of %d fits", done, total)
	if took := now.Sub(m.start).Seconds(); done > 0 && done < total {
		line += fmt.Sprintf(", %s left", span(took/float64(done)*float64(total-done)))
	}
	if !m.env.stderrIsTerminal {
		fmt.Fprintln(m.env.stderr, line)
		return
	}
	fmt.Fprint(m.env.stderr, "\r"+cut(line, m.env.stderrWidth()-1)+"\x1b[K")
	m.drawn = true
}

// stop takes the line off the terminal.
func (m *fitMeter) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.drawn {
		fmt.Fprint(m.env.stderr, "\r\x1b[K")
		m.drawn = false
	}
}
