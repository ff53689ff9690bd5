package main

import (
	"fmt"
	"sync"
	"time"
)

// stepMeter shows on stderr how many of a run's steps are done, in the manner
// of meter.
type stepMeter struct {
	env   *env
	name  string // of the command
	what  string // steps are: "fits", "rows"
	quiet bool
	start time.Time

	mu    sync.Mutex
	shown time.Time
	drawn bool
}

func startStepMeter(e *env, c *common, name, what string) *stepMeter {
	now := time.Now()
	return &stepMeter{env: e, name: name, what: what, quiet: c.quiet, start: now, shown: now}
}

// step is called when so many of all steps are done.
func (m *stepMeter) step(done, total int) {
	line := fmt.Sprintf("%s: %s of %s %s", m.name, count(int64(done)), count(int64(total)), m.what)
	if took := time.Since(m.start).Seconds(); done > 0 && done < total {
		line += fmt.Sprintf(", %s left", span(took/float64(done)*float64(total-done)))
	}
	m.line(line)
}

// line shows a line if it is time for one.
func (m *stepMeter) line(line string) {
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
	if !m.env.stderrIsTerminal {
		fmt.Fprintln(m.env.stderr, line)
		return
	}
	fmt.Fprint(m.env.stderr, "\r"+cut(line, m.env.stderrWidth()-1)+"\x1b[K")
	m.drawn = true
}

// stop takes the line off the terminal.
func (m *stepMeter) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.drawn {
		fmt.Fprint(m.env.stderr, "\r\x1b[K")
		m.drawn = false
	}
}
