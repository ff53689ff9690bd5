package main

import (
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	redrawEvery = 100 * time.Millisecond // on a terminal
	printEvery  = 10 * time.Second       // into a file or a pipe
	rateWindow  = 15 * time.Second       // over which the present rate is taken
)

// tally is how far a run has come.
type tally struct {
	samples                    int64 // finished, in whatever way
	cached, computed, bad      int64
	read, decode, infer, write float64 // seconds, added up over goroutines
}

// meter shows on stderr how a run goes on: a line that is redrawn on a
// terminal, a line now and then elsewhere, nothing with --quiet.
type meter struct {
	env   *env
	name  string // of the command
	total int    // samples; negative: not known
	now   func() tally
	quiet bool

	start time.Time
	past  []mark // of the last rateWindow, oldest first
	drawn bool   // there is a line on the terminal

	quit chan struct{}
	done sync.WaitGroup
}

// mark is how many samples were finished at a moment.
type mark struct {
	at      time.Time
	samples int64
}

// startMeter begins to show what now returns, which must be safe to call from
// another goroutine. A negative total means that it is not known.
func startMeter(e *env, c *common, name string, total int, now func() tally) *meter {
	m := &meter{env: e, name: name, total: total, now: now, quiet: c.quiet, start: time.Now(), quit: make(chan struct{})}
	if m.quiet {
		return m
	}
	every := printEvery
	if e.stderrIsTerminal {
		every = redrawEvery
	}
	m.done.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-m.quit:
				return
			case t := <-tick.C:
				m.show(t)
			}
		}
	})
	return m
}

// show writes the line of the moment t.
func (m *meter) show(t time.Time) {
	line := m.line(t, m.now())
	if !m.env.stderrIsTerminal {
		fmt.Fprintln(m.env.stderr, line)
		return
	}
	// Carriage return, the line, clear what is left of the one before
	// (ECMA-48, EL).
	fmt.Fprint(m.env.stderr, "\r"+cut(line, m.env.stderrWidth()-1)+"\x1b[K")
	m.drawn = true
}

// stop ends the showing with a line that sums up the run.
func (m *meter) stop() {
	if m.quiet {
		return
	}
	close(m.quit)
	m.done.Wait()
	if m.drawn {
		fmt.Fprint(m.env.stderr, "\r\x1b[K")
	}
	fmt.Fprintln(m.env.stderr, m.summary(time.Since(m.start), m.now()))
}

// line says how far the run is at the moment t, how fast, how long it will
// still take, what became of the samples and where the time goes.
func (m *meter) line(t time.Time, n tally) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", m.name, count(n.samples))
	if m.total >= 0 {
		fmt.Fprintf(&b, " of %s", count(int64(m.total)))
	}
	b.WriteString(" samples")
	rate := m.rate(t, n.samples)
	if rate > 0 {
		fmt.Fprintf(&b, ", %s/s", speed(rate))
		if left := int64(m.total) - n.samples; m.total >= 0 && left > 0 {
			fmt.Fprintf(&b, ", %s left", span(float64(left)/rate))
		}
	}
	fmt.Fprintf(&b, " · %s", n.counts())
	if s := n.shares(); s != "" {
		fmt.Fprintf(&b, " · %s", s)
	}
	return b.String()
}

// summary is the last line of a run that took that long.
func (m *meter) summary(took time.Duration, n tally) string {
	s := fmt.Sprintf("%s: %s samples in %s", m.name, count(n.samples), span(took.Seconds()))
	if took > 0 {
		s += fmt.Sprintf(" (%s/s)", speed(float64(n.samples)/took.Seconds()))
	}
	s += ": " + n.counts()
	if shares := n.shares(); shares != "" {
		s += "; time: " + shares
	}
	return s
}

// rate remembers that so many samples were finished at the moment t and
// returns samples a second over the last rateWindow.
func (m *meter) rate(t time.Time, samples int64) float64 {
	if len(m.past) == 0 {
		m.past = append(m.past, mark{m.start, 0})
	}
	m.past = append(m.past, mark{t, samples})
	for len(m.past) > 2 && t.Sub(m.past[1].at) >= rateWindow {
		m.past = m.past[1:]
	}
	took := t.Sub(m.past[0].at).Seconds()
	if took <= 0 {
		return 0
	}
	return float64(samples-m.past[0].samples) / took
}

// counts is "1,200 cached, 34 computed, 1 bad".
func (n *tally) counts() string {
	return fmt.Sprintf("%s cached, %s computed, %s bad", count(n.cached), count(n.computed), count(n.bad))
}

// shares is "read 1 %, decode 20 %, infer 78 %, write 1 %", or "" as long as
// nothing took time.
func (n *tally) shares() string {
	sum := n.read + n.decode + n.infer + n.write
	if !(sum > 0) {
		return ""
	}
	return fmt.Sprintf("read %.0f %%, decode %.0f %%, infer %.0f %%, write %.0f %%",
		100*n.read/sum, 100*n.decode/sum, 100*n.infer/sum, 100*n.write/sum)
}

// count writes n with commas between thousands.
func count(n int64) string {
	s := fmt.Sprint(n)
	first := 0
	if n < 0 {
		first = 1
	}
	for i := len(s) - 3; i > first; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// speed writes a rate with two digits that mean something.
func speed(r float64) string {
	switch {
	case r >= 10:
		return count(int64(r + 0.5))
	case r >= 1:
		return fmt.Sprintf("%.1f", r)
	}
	return fmt.Sprintf("%.2g", r)
}

// span writes seconds as a person would: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min.
func span(seconds float64) string {
	s := int64(seconds + 0.5)
	switch {
	case seconds < 9.95:
		return fmt.Sprintf("%.1f s", seconds)
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	}
	return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
}

// cut shortens a line to so many columns.
func cut(line string, columns int) string {
	if utf8.RuneCountInString(line) <= columns {
		return line
	}
	r := []rune(line)
	return string(r[:max(columns-1, 0)]) + "…"
}
