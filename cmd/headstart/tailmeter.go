package main

import (
	"fmt"
	"time"

	"github.com/headstart-ml/headstart/models/retrain"
)

// tailMeter shows on stderr how far retraining is.
type tailMeter struct {
	*stepMeter
	tail string
	from int            // the step that it began at: not 0 where it goes on from a checkpoint; -1: not known yet
	last *retrain.Epoch // that is over
	best float64        // score
}

func startTailMeter(e *env, c *common, tail string) *tailMeter {
	return &tailMeter{stepMeter: startStepMeter(e, c, "train-head", ""), tail: tail, from: -1}
}

// step is called after each step and each epoch.
func (m *tailMeter) step(p retrain.Progress) { m.line(m.describe(p, time.Now())) }

// describe says how far retraining is. The time left is what the steps of this run
// would take: those before a checkpoint cost nothing.
func (m *tailMeter) describe(p retrain.Progress, now time.Time) string {
	if m.from < 0 {
		m.from, m.start = p.Step, now
	}
	if p.Done != nil {
		if m.last == nil || p.Done.Score > m.best {
			m.best = p.Done.Score
		}
		m.last = p.Done
	}
	line := fmt.Sprintf("train-head: --tail %s: epoch %d of %d, step %s of %s, loss %.3g", m.tail, p.Epoch, p.Epochs, count(int64(p.Step)), count(int64(p.Steps)), p.Loss)
	if m.last != nil {
		line += fmt.Sprintf(", validation %.4g (best %.4g)", m.last.Score, m.best)
	}
	if took := now.Sub(m.start).Seconds(); p.Step > m.from && p.Step < p.Steps {
		line += fmt.Sprintf(", at most %s left", span(took/float64(p.Step-m.from)*float64(p.Steps-p.Step)))
	}
	return line
}
