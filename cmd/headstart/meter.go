package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/head/transfer"
)

const (
	redrawEvery = 100 * time.Millisecond // on a terminal
	printEvery  = 10 * time.Second       // into a file or a pipe
	rateWindow  = 15 * time.Second       // over which the present rate is taken
)

// display is how each meter shows its line on stderr: it is redrawn on a
// terminal, printed now and then elsewhere, and not shown with --quiet.
type display struct {
	env   *env
	quiet bool
	drawn bool // there is a line on the terminal
}

// every is the time between two lines.
func (d *display) every() time.Duration {
	if d.env.stderrIsTerminal {
		return redrawEvery
	}
	return printEvery
}

// show shows a line, which consists of parts, the most important first. On a
// terminal those that fit its width are shown.
func (d *display) show(parts []string) {
	if !d.env.stderrIsTerminal {
		fmt.Fprintln(d.env.stderr, strings.Join(parts, ""))
		return
	}
	d.env.redraw(fitting(parts, d.env.stderrWidth()-1))
	d.drawn = true
}

// fitting joins as many of parts, from the first on, as columns have room for.
func fitting(parts []string, columns int) string {
	line := parts[0]
	for _, p := range parts[1:] {
		if report.Width(line+p) > columns {
			break
		}
		line += p
	}
	return line
}

// clear takes the line off the terminal.
func (d *display) clear() {
	if d.drawn {
		d.env.redraw("")
		d.drawn = false
	}
}

// tally is how far a run has come.
type tally struct {
	samples                    int64 // that are done, in whatever way
	cached, computed, bad      int64
	prepared                   bool    // what is computed is only prepared, and nothing is cached
	read, decode, infer, write float64 // seconds, added up over goroutines

	// Samples that were read, and what is to be computed and what is computed
	// of them, in tokens or images.
	seen, planned, done int64
}

// meter shows how a run over samples goes on.
type meter struct {
	display
	name  string // of the command
	total total
	now   func() tally

	start time.Time
	past  []mark // of the last rateWindow, oldest first

	quit func()
	done sync.WaitGroup
}

// total is how many samples a run is over.
type total struct {
	n     int  // negative: not known
	exact bool // else it is an estimate
}

// String writes "4,137", or "about 4,140" with three digits that mean
// something, or "" if the number is not known.
func (t total) String() string {
	switch {
	case t.n < 0:
		return ""
	case t.exact:
		return count(int64(t.n))
	}
	unit := 1
	for t.n/unit >= 1000 {
		unit *= 10
	}
	return "about " + count(int64((t.n+unit-1)/unit*unit))
}

// mark is how many samples were done at a moment.
type mark struct {
	at            time.Time
	samples, done int64
}

// startMeter begins to show what now returns. whole returns the number of
// samples; it is called for each line, and should return when its context ends.
// Both are called from another goroutine.
func startMeter(e *env, c *common, name string, whole func(context.Context) total, now func() tally) *meter {
	m := &meter{display: display{env: e, quiet: c.quiet}, name: name, total: total{n: -1}, now: now, start: time.Now(), quit: func() {}}
	if m.quiet {
		return m
	}
	var over context.Context
	over, m.quit = context.WithCancel(context.Background())
	m.done.Go(func() {
		tick := time.NewTicker(m.every())
		defer tick.Stop()
		for {
			select {
			case <-over.Done():
				return
			case t := <-tick.C:
				if m.total = whole(over); over.Err() != nil {
					return
				}
				m.show(m.parts(t, m.now()))
			}
		}
	})
	return m
}

// stop ends the showing with a line that sums up the run.
func (m *meter) stop() {
	if m.quiet {
		return
	}
	m.quit()
	m.done.Wait()
	m.clear()
	// Why no sample was done, the error says.
	if n := m.now(); n.samples > 0 {
		fmt.Fprintln(m.env.stderr, m.summary(time.Since(m.start), n))
	}
}

// parts say how far the run is at the moment t, how long it will still take,
// how fast it is, what became of the samples and where the time goes.
func (m *meter) parts(t time.Time, n tally) []string {
	all := []string{m.name + ": " + m.reached(n.samples)}
	m.note(t, n)
	if rate := m.rate(func(k mark) int64 { return k.samples }); rate > 0 {
		if left := m.left(n, rate); left > 0 {
			all = append(all, fmt.Sprintf(", %s left", span(left)))
		}
		all = append(all, fmt.Sprintf(", %s/s", speed(rate)))
	}
	for i, what := range n.counts() {
		all = append(all, []string{" · ", ", "}[min(i, 1)]+what)
	}
	if s := n.shares(); s != "" {
		all = append(all, " · "+s)
	}
	return all
}

// reached is "1,234 of 4,137 (29 %)", or "1,234 samples".
func (m *meter) reached(samples int64) string {
	whole := m.total.String()
	if whole == "" {
		return count(samples) + " samples"
	}
	s := fmt.Sprintf("%s of %s", count(samples), whole)
	if m.total.n > 0 {
		// Of an estimate the part may be more than the whole.
		s += fmt.Sprintf(" (%d %%)", min(100*samples/int64(m.total.n), 100))
	}
	return s
}

// summary is the last line of a run that took that long.
func (m *meter) summary(took time.Duration, n tally) string {
	s := fmt.Sprintf("%s: %s samples in %s", m.name, count(n.samples), span(took.Seconds()))
	if took > 0 {
		s += fmt.Sprintf(" (%s/s)", speed(float64(n.samples)/took.Seconds()))
	}
	s += ": "
	if !n.prepared {
		s += count(n.cached) + " cached, "
	}
	s += fmt.Sprintf("%s %s, %s bad", count(n.computed), n.verb(), count(n.bad))
	if shares := n.shares(); shares != "" {
		s += "; time: " + shares
	}
	return s
}

// left returns the seconds that the run will still take, 0 if that is not
// known: by what is left to compute where something is computed, else by the
// samples that are left, of which rate are done a second. What has not been
// read is taken to be like what has.
func (m *meter) left(n tally, rate float64) float64 {
	left := int64(m.total.n) - n.samples
	if m.total.n < 0 || left <= 0 {
		return 0
	}
	computed := m.rate(func(k mark) int64 { return k.done })
	if computed <= 0 || n.seen <= 0 {
		return float64(left) / rate
	}
	rest := float64(max(int64(m.total.n)-n.seen, 0)) / float64(n.seen)
	return (float64(n.planned)*(1+rest) - float64(n.done)) / computed
}

// note remembers how far the run was at the moment t, and forgets what was
// before the last rateWindow.
func (m *meter) note(t time.Time, n tally) {
	if len(m.past) == 0 {
		m.past = append(m.past, mark{at: m.start})
	}
	m.past = append(m.past, mark{t, n.samples, n.done})
	for len(m.past) > 2 && t.Sub(m.past[1].at) >= rateWindow {
		m.past = m.past[1:]
	}
}

// rate returns how much of what was done a second over the last rateWindow.
func (m *meter) rate(what func(mark) int64) float64 {
	first, last := m.past[0], m.past[len(m.past)-1]
	took := last.at.Sub(first.at).Seconds()
	if took <= 0 {
		return 0
	}
	return float64(what(last)-what(first)) / took
}

// counts are "1,200 cached", "34 computed" and, if there are any, "1 bad".
func (n *tally) counts() []string {
	var all []string
	if !n.prepared {
		all = append(all, count(n.cached)+" cached")
	}
	all = append(all, count(n.computed)+" "+n.verb())
	if n.bad > 0 {
		all = append(all, count(n.bad)+" bad")
	}
	return all
}

// verb says what has become of samples that were computed.
func (n *tally) verb() string {
	if n.prepared {
		return "prepared"
	}
	return "computed"
}

// shares is "read 1 %, decode 20 %, infer 78 %, write 1 %", or "" as long as
// nothing took time.
func (n *tally) shares() string {
	sum := n.read + n.decode + n.infer + n.write
	if !(sum > 0) {
		return ""
	}
	infer := fmt.Sprintf("infer %.0f %%, ", 100*n.infer/sum)
	if n.prepared {
		infer = ""
	}
	return fmt.Sprintf("read %.0f %%, decode %.0f %%, %swrite %.0f %%", 100*n.read/sum, 100*n.decode/sum, infer, 100*n.write/sum)
}

// stepMeter shows how many of a run's steps are done.
type stepMeter struct {
	name  string // of the command
	what  string // steps are: "fits", "rows"
	start time.Time

	mu sync.Mutex
	display
	shown time.Time // when the last line was
}

func startStepMeter(e *env, c *common, name, what string) *stepMeter {
	now := time.Now()
	return &stepMeter{name: name, what: what, start: now, display: display{env: e, quiet: c.quiet}, shown: now}
}

// step is called when so many of all steps are done.
func (m *stepMeter) step(done, total int) {
	parts := []string{fmt.Sprintf("%s: %s of %s %s", m.name, count(int64(done)), count(int64(total)), m.what)}
	if took := time.Since(m.start).Seconds(); done > 0 && done < total {
		parts = append(parts, fmt.Sprintf(", %s left", span(took/float64(done)*float64(total-done))))
	}
	m.line(parts)
}

// line shows a line of parts if it is time for one.
func (m *stepMeter) line(parts []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.quiet || now.Sub(m.shown) < m.every() {
		return
	}
	m.shown = now
	m.show(parts)
}

// stop takes the line off the terminal.
func (m *stepMeter) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
}

// tailMeter shows how far retraining is.
type tailMeter struct {
	*stepMeter
	tail string
	from int             // the step that it began at: not 0 where it resumes from a checkpoint; -1: not known yet
	last *transfer.Epoch // that is over
	best float64         // score
}

func startTailMeter(e *env, c *common, tail string) *tailMeter {
	return &tailMeter{stepMeter: startStepMeter(e, c, "train-head", ""), tail: tail, from: -1}
}

// step is called after each step and each epoch.
func (m *tailMeter) step(p transfer.Progress) { m.line(m.describe(p, time.Now())) }

// describe says how far retraining is. The time left is what the steps of this
// run would take: those before a checkpoint cost nothing.
func (m *tailMeter) describe(p transfer.Progress, now time.Time) []string {
	if m.from < 0 {
		m.from, m.start = p.Step, now
	}
	if p.Done != nil {
		if m.last == nil || p.Done.Score > m.best {
			m.best = p.Done.Score
		}
		m.last = p.Done
	}
	parts := []string{
		fmt.Sprintf("train-head: --tail %s: ", m.tail),
		fmt.Sprintf("epoch %d of %d, step %s of %s", p.Epoch, p.Epochs, count(int64(p.Step)), count(int64(p.Steps))),
	}
	if took := now.Sub(m.start).Seconds(); p.Step > m.from && p.Step < p.Steps {
		parts = append(parts, fmt.Sprintf(", at most %s left", span(took/float64(p.Step-m.from)*float64(p.Steps-p.Step))))
	}
	if m.last != nil {
		parts = append(parts, fmt.Sprintf(", validation %.4g (best %.4g)", m.last.Score, m.best))
	}
	return append(parts, fmt.Sprintf(", loss %.3g", p.Loss))
}
